//! The primary, as sentinels know it.

use std::time::Duration;

use redis::{ConnectionInfo, ErrorKind, FromRedisValue as _, RedisError, RedisResult, Value};
use tokio::task::JoinSet;

use super::lane::{OnEnd, connect};
use crate::address::{HostPort, SentinelAddress, moved};

/// The server that a sentinel names and that says itself that it is the primary. A sentinel may not have heard of a
/// failover yet, and a primary that it names may have lost its place, or hang: none waits for what another says.
pub(super) async fn primary(
    address: &SentinelAddress,
    timeout: Duration,
) -> RedisResult<ConnectionInfo> {
    let mut asked = JoinSet::new();
    for sentinel in &address.sentinels {
        let (sentinel, name) = (sentinel.clone(), address.name.clone());
        let primary = address.primary.clone();
        asked.spawn(async move {
            let Some(named) = ask(&sentinel, &name, timeout).await? else {
                return Ok(None);
            };
            let info = moved(&primary, &named);
            check(&info, timeout).await?;
            Ok(Some(info))
        });
    }
    let mut why = RedisError::from((
        ErrorKind::MasterNameNotFoundBySentinel,
        "no sentinel knows the primary",
    ));
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(Some(info))) => return Ok(info),
            Ok(Err(error)) => why = error,
            // Unknown there, or the task is gone with the runtime.
            Ok(Ok(None)) | Err(_) => {}
        }
    }
    Err(why)
}

async fn ask(
    sentinel: &ConnectionInfo,
    name: &str,
    timeout: Duration,
) -> RedisResult<Option<HostPort>> {
    let mut connection = connect(sentinel, timeout, None::<OnEnd>).await?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let answer: Option<(String, u16)> = question.query_async(&mut connection).await?;
    Ok(answer.map(|(host, port)| HostPort { host, port }))
}

async fn check(info: &ConnectionInfo, timeout: Duration) -> RedisResult<()> {
    let mut connection = connect(info, timeout, None::<OnEnd>).await?;
    let role = redis::cmd("ROLE").query_async(&mut connection).await?;
    if is_primary(role) {
        Ok(())
    } else {
        Err((
            ErrorKind::MasterNameNotFoundBySentinel,
            "the server that a sentinel names is not the primary",
        )
            .into())
    }
}

/// Whether a server's answer to `ROLE` says that it is the primary.
pub(crate) fn is_primary(role: Value) -> bool {
    let Value::Array(parts) = role else {
        return false;
    };
    let role = parts.into_iter().next().map(String::from_redis_value);
    role.is_some_and(|role| role.is_ok_and(|role| role == "master"))
}
