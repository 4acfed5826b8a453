//! `POST /auth/hosted/webhook`: WorkOS tells what changed there.
//!
//! Signed with the endpoint's secret, over a timestamp of these minutes; each delivery counts once. It is not throttled:
//! all of WorkOS's come from a few addresses, and one HMAC is all that a forged one costs.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use workos::{compute_webhook_signature, parse_webhook_signature_header};

use super::renewal::Renewed;
use super::{Hosted, NAME, secrets};
use crate::ground::{Digest32, Timestamp};
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::store::{OneTimeKind, SessionId, UpstreamSession};
use crate::web::{Exchange, Problem, Response, json as json_response};

const SIGNATURE: &str = "workos-signature";
/// How far its timestamp may be from now.
const TOLERANCE: Duration = Duration::from_mins(3);
/// Timestamps are in milliseconds; a smaller number than this is in seconds, as WorkOS's emulator writes it.
const FIRST_MILLIS: i64 = 100_000_000_000;
/// Sessions of one person that are looked at: more than anybody has.
const MOST_SESSIONS: u32 = 100;

/// An event, as far as it is read.
#[derive(Deserialize)]
struct Told {
    event: String,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    id: Option<String>,
    user_id: Option<String>,
}

impl LoginWing {
    /// `POST`: an event. Those that mean nothing here are taken too, or WorkOS would send them again.
    pub(super) async fn hosted_webhook(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let hosted = self.hosted.as_ref().ok_or_else(Problem::not_found)?;
        let signature = signature(hosted, exchange)?;
        let told: Told = serde_json::from_slice(exchange.body)
            .map_err(|_| Problem::bad_request("The body is no event."))?;
        let (kind, now) = (OneTimeKind::LogoutToken, exchange.now);
        let claims = &self.core.stores.claims;
        let key = Digest32::of_parts(&[b"workos webhook", signature.as_bytes()]);
        if claims.is_claimed(kind, &key, now).await? {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "replayed",
                "This delivery has been taken already.",
            ));
        }
        // Claimed once it is done, so that one that could not be done counts when WorkOS sends it again. Two at once do
        // it twice, which is as good as once.
        self.hear(hosted, &told, now).await?;
        claims
            .claim_once(kind, &key, now, now + TOLERANCE * 3)
            .await?;
        Ok(json_response(StatusCode::OK, &json!({ "received": true })))
    }

    /// What is not in this list changes nothing.
    async fn hear(
        &self,
        hosted: &std::sync::Arc<Hosted>,
        told: &Told,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let (id, user) = (told.data.id.as_deref(), told.data.user_id.as_deref());
        match (told.event.as_str(), id, user) {
            ("user.updated", Some(id), _) => hosted.users.forget(id),
            ("user.deleted", Some(id), _) => {
                hosted.users.forget(id);
                let rows = self.rows_of(hosted, id).await?;
                self.end_rows(rows, now).await?;
            }
            ("session.revoked", Some(id), Some(user)) => {
                let mut rows = self.rows_of(hosted, user).await?;
                rows.retain(|row| self.is_of(row, id));
                self.end_rows(rows, now).await?;
            }
            (
                "organization.created" | "organization.updated" | "organization.deleted",
                Some(id),
                _,
            ) => hosted.organizations.forget(id),
            (
                "organization_membership.created"
                | "organization_membership.updated"
                | "organization_membership.deleted",
                _,
                Some(user),
            ) => self.ask_anew(hosted, user, now).await?,
            _ => {}
        }
        Ok(())
    }

    async fn rows_of(
        &self,
        hosted: &Hosted,
        subject: &str,
    ) -> Result<Vec<UpstreamSession>, Problem> {
        let store = &self.core.stores.upstream_sessions;
        let rows =
            store.upstream_sessions(NAME, &hosted.issuer, Some(subject), None, MOST_SESSIONS);
        Ok(rows.await?)
    }

    /// Whether the row is of this session there: by what it began as, or by what its token says since.
    fn is_of(&self, row: &UpstreamSession, sid: &str) -> bool {
        row.sid.as_deref() == Some(sid)
            || secrets::session_of(&self.core, row).as_deref() == Some(sid)
    }

    async fn end_rows(&self, rows: Vec<UpstreamSession>, now: Timestamp) -> Result<(), Problem> {
        let store = &self.core.stores.upstream_sessions;
        for row in rows {
            let user = row.user_id;
            let ids: Vec<SessionId> = vec![row.session_id];
            let ended = self
                .end_sessions(&user, ids.clone(), SessionEnd::EndedUpstream, now)
                .await?;
            if !ended.is_empty() {
                let event = Event::UpstreamLogout {
                    upstream: NAME.to_owned(),
                    user,
                    sessions: ended,
                };
                self.core.emit(now, None, event).await;
            }
            // Last: as long as it is there, a delivery that comes again finds what is left to do.
            for id in &ids {
                store.take_upstream_session(id).await?;
            }
        }
        Ok(())
    }

    /// What a person may do has changed: their sessions get new tokens at once, on every node. Where WorkOS does not
    /// answer, the old ones end within minutes anyway.
    async fn ask_anew(
        &self,
        hosted: &std::sync::Arc<Hosted>,
        user: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        for row in self.rows_of(hosted, user).await? {
            let (id, own) = (row.session_id.clone(), row.clone());
            match hosted.renew(&self.core, row, None).await? {
                Renewed::Ended(_) => self.end_rows(vec![own], now).await?,
                Renewed::Stands(_) => {}
                Renewed::Denied(_) | Renewed::Unknown => {
                    tracing::warn!(session = id.as_str(), "a token could not be renewed");
                }
            }
        }
        Ok(())
    }
}

/// The signature of a delivery, checked.
fn signature(hosted: &Hosted, exchange: &Exchange<'_>) -> Result<String, Problem> {
    let refused = || {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_signature",
            "The signature is missing, wrong or too old.",
        )
    };
    let secret = hosted.settings.webhook_secret.as_ref();
    let secret = secret.ok_or_else(Problem::not_found)?;
    let header = exchange.header(SIGNATURE).ok_or_else(refused)?;
    let (timestamp, given) = parse_webhook_signature_header(header).map_err(|_| refused())?;
    let body = std::str::from_utf8(exchange.body).map_err(|_| refused())?;
    let expected = compute_webhook_signature(secret, &timestamp, body);
    verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).map_err(|_| refused())?;
    let at: i64 = timestamp.parse().map_err(|_| refused())?;
    if at < 0 {
        return Err(refused());
    }
    let at = if at < FIRST_MILLIS {
        Timestamp::from_seconds(at)
    } else {
        Timestamp::from_millis(at)
    };
    let distance = exchange.now.since(at).max(at.since(exchange.now));
    if distance > TOLERANCE {
        return Err(refused());
    }
    Ok(given)
}
