//! A session as it stands under its key: one value, read by one `GET`.
//!
//! `digest seen idle ends length user{…}`: first what the scripts decide by and change, in words; then the user, of so
//! many bytes; then the rest, as JSON.

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{Session, SessionId, StoreError, StoreResult, UserId};
use serde::{Deserialize, Serialize};

const RECORD: &str = "session";

/// What no script looks at.
#[derive(Serialize, Deserialize)]
struct Rest {
    created_at: Timestamp,
    auth_time: Timestamp,
    amr: Vec<String>,
    acr: Option<String>,
    remember: bool,
    user_agent: Option<String>,
    address: Option<String>,
}

pub(crate) fn write(session: &Session) -> StoreResult<String> {
    let rest = Rest {
        created_at: session.created_at,
        auth_time: session.auth_time,
        amr: session.amr.clone(),
        acr: session.acr.clone(),
        remember: session.remember,
        user_agent: session.user_agent.clone(),
        address: session.address.clone(),
    };
    let rest = serde_json::to_string(&rest).map_err(|error| StoreError::corrupt(RECORD, error))?;
    let user = session.user_id.as_str();
    Ok(format!(
        "{} {} {} {} {} {user}{rest}",
        session.token_digest.to_text(),
        session.last_seen_at.millis(),
        session.idle_expires_at.millis(),
        session.expires_at.millis(),
        user.len(),
    ))
}

pub(crate) fn read(id: &SessionId, record: &str) -> StoreResult<Session> {
    let parts = split(record);
    let (token_digest, [seen, idle, ends], user, rest) =
        parts.ok_or_else(|| StoreError::corrupt(RECORD, "not what this store writes"))?;
    let rest: Rest = serde_json::from_str(rest).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StoreError::corrupt(RECORD, format_args!("JSON at {line}:{column}"))
    })?;
    Ok(Session {
        id: id.clone(),
        token_digest,
        user_id: UserId::new(user),
        created_at: rest.created_at,
        auth_time: rest.auth_time,
        amr: rest.amr,
        acr: rest.acr,
        last_seen_at: seen,
        idle_expires_at: idle,
        expires_at: ends,
        remember: rest.remember,
        user_agent: rest.user_agent,
        address: rest.address,
    })
}

fn split(record: &str) -> Option<(Digest32, [Timestamp; 3], &str, &str)> {
    let mut parts = record.splitn(6, ' ');
    let digest = Digest32::from_text(parts.next()?)?;
    let mut time = || Some(Timestamp::from_millis(parts.next()?.parse().ok()?));
    let times = [time()?, time()?, time()?];
    let length = parts.next()?.parse().ok()?;
    let (user, rest) = parts.next()?.split_at_checked(length)?;
    Some((digest, times, user, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_record_is_an_error() {
        let id = SessionId::new("a");
        let digest = Digest32::of("a").to_text();
        let rest = r#"{"created_at":1,"auth_time":1,"amr":[],"remember":false}"#;
        let whole = format!("{digest} 1 2 3 4 1 {{}}{rest}");
        assert_eq!(read(&id, &whole).unwrap().user_id.as_str(), "1 {}");
        for broken in [
            String::new(),
            "x 1 2 3 4 1 {}{}".to_owned(),
            whole.replace(" 2 ", " x "),
            whole.replace(" 4 ", " 400 "),
            whole.replace(" 4 ", " 3 "),
            whole[..whole.len() - 1].to_owned(),
        ] {
            let read = read(&id, &broken);
            assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{broken}");
        }
    }
}
