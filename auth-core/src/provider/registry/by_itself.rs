//! What the record of a client that registered itself has beside its metadata.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::metadata::REGISTERED_BY_ITSELF;
use crate::ground::Digest32;
use crate::store::Client;

/// How a client registered itself, and what proves that it is the one (RFC 7592 §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::provider) struct ByItself {
    /// Of its registration access token, which has 256 bits.
    pub digest: Digest32,
    /// Nobody vouched for it: no initial access token was shown.
    pub open: bool,
}

impl ByItself {
    pub(in crate::provider) fn of(client: &Client) -> Option<Self> {
        serde_json::from_value(client.metadata.get(REGISTERED_BY_ITSELF)?.clone()).ok()
    }

    pub(super) fn into_value(self) -> Value {
        let mut members = Map::new();
        members.insert("digest".to_owned(), self.digest.to_text().into());
        members.insert("open".to_owned(), self.open.into());
        Value::Object(members)
    }

    /// A client's metadata without it.
    pub(in crate::provider) fn strip(client: &Client) -> Map<String, Value> {
        let mut metadata = client.metadata.clone();
        metadata.remove(REGISTERED_BY_ITSELF);
        metadata
    }
}
