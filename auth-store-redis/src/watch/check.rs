//! Whether a subscription still hears what it is there to hear.

use std::collections::BTreeSet;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisResult, Value};

use crate::address::HostPort;
use crate::connection::{is_primary, primaries};

/// A subscription on one server. In a cluster there is one on every primary, and each is believed what is its own: what
/// one node passes on to another gets lost when their connection breaks, and nobody is told.
pub(super) struct Ear {
    pub(super) host: Option<HostPort>,
    pub(super) connection: MultiplexedConnection,
}

/// How to tell that a connection still hears what it is there to hear.
pub(crate) enum Check {
    Answers,
    IsPrimary,
    /// The primaries are still these.
    Primaries(BTreeSet<HostPort>),
}

impl Check {
    pub(super) async fn ask(&self, ear: &mut Ear) -> RedisResult<()> {
        let mut question = match self {
            Self::Answers => redis::cmd("PING"),
            Self::IsPrimary => redis::cmd("ROLE"),
            Self::Primaries(_) => redis::cmd("CLUSTER"),
        };
        if let Self::Primaries(_) = self {
            question.arg("SLOTS");
        }
        let answer: Value = question.query_async(&mut ear.connection).await?;
        let hears = match (self, &ear.host) {
            (Self::Primaries(known), Some(host)) => {
                primaries(answer, host).is_some_and(|now| now == *known)
            }
            (Self::IsPrimary, _) => is_primary(answer),
            (Self::Answers | Self::Primaries(_), _) => true,
        };
        if hears {
            Ok(())
        } else {
            Err((ErrorKind::Client, "another server took over").into())
        }
    }
}
