//! Whether a session that came from WorkOS still stands, and what its token says.

use std::sync::Arc;
use std::time::Duration;

use super::access::HostedAccess;
use super::access_token::TokenError;
use super::renewal::Renewed;
use super::{Hosted, NAME, secrets};
use crate::ground::Timestamp;
use crate::login::{LoginWing, SessionEnd, SignedIn, acr};
use crate::services::Event;
use crate::store::{Session, UpstreamSession};
use crate::web::Problem;

/// A token that ends so soon is refreshed now, while the old one still serves if WorkOS does not answer.
const REFRESH_BEFORE: Duration = Duration::from_secs(10);

/// How a session stands with WorkOS.
pub(super) enum Standing {
    /// It did not come from there.
    NotHosted,
    /// It stands.
    Stands(Arc<HostedAccess>),
    /// It has ended, here too.
    Ended,
    /// WorkOS does not answer, and the last word has ended.
    Unknown,
}

/// Whether a session came from there. All that other sessions are asked.
fn is_hosted(session: &Session) -> bool {
    session.amr.iter().any(|method| method == acr::HOSTED)
}

impl LoginWing {
    /// What WorkOS says of this sign-in: organization, role, permissions. `None` where the session did not come from
    /// there. From memory while the access token is good; else it is refreshed first.
    ///
    /// # Errors
    /// A 503 when WorkOS does not answer and the token has ended, a 401 when the session has ended there.
    pub async fn hosted_access(
        &self,
        signed_in: &SignedIn,
    ) -> Result<Option<Arc<HostedAccess>>, Problem> {
        let now = self.core.clock.now();
        match self.hosted_standing(&signed_in.session, now).await? {
            Standing::NotHosted => Ok(None),
            Standing::Stands(access) => Ok(Some(access)),
            Standing::Ended => Err(Problem::unauthenticated()),
            Standing::Unknown => Err(Problem::unavailable()),
        }
    }

    /// Whether the session stands. What cannot be found out is a 503 to the host's own routes, which decide by what
    /// WorkOS says; the wing's own pages go on, or nobody could sign out or in by other means.
    pub(in crate::login) async fn hosted_lets_in(
        &self,
        session: &Session,
        is_for_host: bool,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        match self.hosted_standing(session, now).await? {
            Standing::Ended => Ok(false),
            Standing::Unknown if is_for_host => Err(Problem::unavailable()),
            Standing::NotHosted | Standing::Stands(_) | Standing::Unknown => Ok(true),
        }
    }

    pub(super) async fn hosted_standing(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<Standing, Problem> {
        if !is_hosted(session) {
            return Ok(Standing::NotHosted);
        }
        // Without settings there is nobody to ask any more: what cannot be checked does not count.
        let Some((hosted, row)) = self.hosted_row(session).await? else {
            self.end_hosted(session, "signed_out", now).await?;
            return Ok(Standing::Ended);
        };
        let known = hosted.checked.get(&secrets::name(&row), now);
        let known = match known {
            Some(known) => Ok(known),
            None => hosted.look_at(&self.core, &row, now).await,
        };
        let last_word = match known {
            Ok(access) if now + REFRESH_BEFORE < access.expires_at => {
                return Ok(Standing::Stands(access));
            }
            Ok(access) => Some(access),
            Err(TokenError::Unavailable) => return Ok(Standing::Unknown),
            Err(TokenError::UnknownKey | TokenError::Refused(_)) => None,
        };
        let renewed = hosted.renew(&self.core, row, None).await?;
        Ok(match (renewed, last_word) {
            (Renewed::Stands(access), _)
            | (Renewed::Unknown | Renewed::Denied(_), Some(access)) => Standing::Stands(access),
            (Renewed::Ended(reason), _) => {
                self.end_hosted(session, reason, now).await?;
                Standing::Ended
            }
            (Renewed::Unknown | Renewed::Denied(_), None) => Standing::Unknown,
        })
    }

    /// What is kept behind a hosted session, if it is this user's and of the WorkOS there is.
    pub(super) async fn hosted_row(
        &self,
        session: &Session,
    ) -> Result<Option<(&Arc<Hosted>, UpstreamSession)>, Problem> {
        let Some(hosted) = self.hosted.as_ref().filter(|_| is_hosted(session)) else {
            return Ok(None);
        };
        let store = &self.core.stores.upstream_sessions;
        let row = store.upstream_session(&session.id).await?;
        let is_own = |row: &UpstreamSession| {
            row.upstream == NAME && row.issuer == hosted.issuer && row.user_id == session.user_id
        };
        Ok(row.filter(is_own).map(|row| (hosted, row)))
    }

    /// The session ends here as it has ended there.
    pub(super) async fn end_hosted(
        &self,
        session: &Session,
        reason: &'static str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let (id, user) = (session.id.clone(), &session.user_id);
        let stores = &self.core.stores;
        stores.upstream_sessions.take_upstream_session(&id).await?;
        let ended = self
            .end_sessions(user, vec![id], SessionEnd::EndedUpstream, now)
            .await?;
        // Another request was faster, and has told of it.
        if ended.is_empty() {
            return Ok(());
        }
        let refused = Event::UpstreamRefused {
            upstream: NAME.to_owned(),
            reason,
        };
        self.core.emit(now, None, refused).await;
        Ok(())
    }
}
