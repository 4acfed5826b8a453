//! Who is signed in: from a request's credential to a session and its user. Nothing is cached, so what is revoked is gone.

use http::HeaderMap;

use super::{LoginWing, SessionEnd};
use crate::ground::Timestamp;
use crate::store::{Session, User};
use crate::web::Problem;

/// A person signed in: a live session and its user, who is not disabled.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedIn {
    /// The sign-in.
    pub session: Session,
    /// The person.
    pub user: User,
}

impl LoginWing {
    /// Who is signed in, by a request's headers; for the host's own routes. Two reads of the store, and a write when
    /// the last one noted activity longer ago than the activity interval.
    ///
    /// # Errors
    /// A 503 when the store cannot answer: never "signed out". A 400 for a cookie and a bearer session at once.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<SignedIn>, Problem> {
        self.resolve_for(headers, true, self.core.clock.now()).await
    }

    /// How recent a sign-in must be for what asks for a recent one.
    pub fn recency(&self) -> std::time::Duration {
        self.settings.recency
    }

    /// Whether the person proved who they are within the settings' recency (step-up).
    pub fn is_recent(&self, signed_in: &SignedIn) -> bool {
        self.was_recent(&signed_in.session, self.core.clock.now())
    }

    pub(super) fn was_recent(&self, session: &Session, now: Timestamp) -> bool {
        now.since(session.auth_time) <= self.settings.recency
    }

    /// When the sign-in was completed that the session goes on from. `auth_time` may be older: another provider's sign-in
    /// is as old as what it proves. No step-up moves a session's end, so that tells; one from before the settings changed
    /// may tell what cannot be.
    #[cfg(any(feature = "provider", test))]
    pub(crate) fn signed_in_at(&self, session: &Session) -> Timestamp {
        let life = if session.remember {
            self.settings.remember
        } else {
            self.settings.absolute
        };
        let told = session.expires_at - life;
        let can_be = session.created_at <= told && told <= session.last_seen_at;
        if can_be {
            session.auth_time.max(told)
        } else {
            session.auth_time
        }
    }

    /// As [`session`](Self::session), at a given moment, for the wing's own pages.
    pub(crate) async fn resolve(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, Problem> {
        self.resolve_for(headers, false, now).await
    }

    #[cfg_attr(
        not(feature = "workos"),
        expect(unused_variables, reason = "only hosted sign-ins tell a host more")
    )]
    async fn resolve_for(
        &self,
        headers: &HeaderMap,
        is_for_host: bool,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, Problem> {
        let Some((_, mut session)) = self.presented_session(headers).await? else {
            return Ok(None);
        };
        if !session.is_live(now) {
            return Ok(None);
        }
        let user = self.core.stores.users.user(&session.user_id).await?;
        let Some(user) = user.filter(|user| user.is_usable(now)) else {
            // Disabled since, or gone: the session ends at its next use, which is this one.
            let ended = vec![session.id];
            self.end_sessions(&session.user_id, ended, SessionEnd::AccountDisabled, now)
                .await?;
            return Ok(None);
        };
        #[cfg(feature = "workos")]
        if !self.hosted_lets_in(&session, is_for_host, now).await? {
            return Ok(None);
        }
        self.note_activity(&mut session, now).await?;
        Ok(Some(SignedIn { session, user }))
    }

    /// Whether a session that a request began with still stands. To be asked after a way in was written: what ended the
    /// session meanwhile has taken away those it saw.
    #[cfg(any(feature = "passkeys", feature = "federation"))]
    pub(super) async fn is_still_signed_in(
        &self,
        signed_in: &SignedIn,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let sessions = &self.core.stores.sessions;
        let stored = sessions.session(&signed_in.session.id).await?;
        let is_same = |stored: &Session| stored.user_id == signed_in.user.id && stored.is_live(now);
        Ok(stored.is_some_and(|stored| is_same(&stored)))
    }

    async fn note_activity(&self, session: &mut Session, now: Timestamp) -> Result<(), Problem> {
        if now.since(session.last_seen_at) < self.settings.activity_interval {
            return Ok(());
        }
        let idle = if session.remember {
            self.settings.remember
        } else {
            self.settings.idle
        };
        session.last_seen_at = now;
        session.idle_expires_at = (now + idle).min(session.expires_at);
        self.core
            .stores
            .sessions
            .touch_session(&session.id, now, session.idle_expires_at)
            .await?;
        Ok(())
    }
}
