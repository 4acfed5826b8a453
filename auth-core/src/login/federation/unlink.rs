//! `POST /auth/account/identities/unlink`: somebody signed in removes one of theirs. Never the last way in (threat 52).

use http::StatusCode;

use super::page::Notice;
use super::{MOST_IDENTITIES, PAGE};
use crate::login::reply::done;
use crate::login::{LoginWing, SessionEnd, SignedIn};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{IdentityId, LinkedIdentity};
use crate::web::{Exchange, Problem, Response};

/// So many sessions at once.
const BATCH: u32 = 100;

/// Each identity has a form of its own, which touches no other.
pub(super) fn form(signed_in: &SignedIn, identity: &IdentityId) -> String {
    format!("unlink_identity:{}:{identity}", signed_in.session.id)
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is no such linked account. It may have been removed already.",
    )
}

fn last_way_in() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "last_way_in",
        "This is your only way to sign in. Link another account or set a password first.",
    )
}

impl LoginWing {
    /// `POST`: `identity_id`.
    pub(super) async fn unlink(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, PAGE).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let id = IdentityId::new(body.get("identity_id").unwrap_or_default());
        let form = form(&signed_in, &id);
        self.core.forms.check(exchange, &body, &form)?;
        let (identities, user) = (&self.core.stores.identities, &signed_in.user);
        let own = identities.identities_of(&user.id).await?;
        let found = own.into_iter().find(|identity| identity.id == id);
        let identity = found.ok_or_else(unknown)?;
        let client = self.upstream_named(&identity.upstream).cloned();
        // One at a provider that nobody can sign in with any more is no way in.
        if client.is_some() && !self.ways_in(user).await?.spare_an_identity() {
            return Err(last_way_in());
        }
        if !identities.unlink_identity(&user.id, &id).await? {
            return Err(unknown());
        }
        if client.is_some() && !self.ways_in(user).await?.is_any() {
            // What was to be left went in this very moment, from another tab. Of all that find nothing left, each puts
            // back what it took.
            identities.link_identity(&identity, MOST_IDENTITIES).await?;
            return Err(last_way_in());
        }
        self.end_sessions_by(exchange, &signed_in, &identity)
            .await?;
        if let Some(client) = client {
            let kind = MailKind::ProviderUnlinked;
            self.tell_identity(exchange, &client, user, kind).await;
        } else {
            let event = Event::IdentityUnlinked {
                user: user.id.clone(),
                upstream: identity.upstream,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        Ok(done(exchange, &self.identities_url(Notice::Unlinked)))
    }

    /// Ends the other sessions of the user that this identity began: whoever has that account there may hold them.
    async fn end_sessions_by(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        identity: &LinkedIdentity,
    ) -> Result<(), Problem> {
        // Several of the configured may be of one issuer, and the identity one and the same at all of them.
        let configured = self.upstreams.iter().map(|client| &client.upstream.name);
        let elsewhere = configured.filter(|name| **name != identity.upstream);
        for upstream in elsewhere.chain([&identity.upstream]) {
            self.end_sessions_through(exchange, signed_in, identity, upstream)
                .await?;
        }
        Ok(())
    }

    async fn end_sessions_through(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        identity: &LinkedIdentity,
        upstream: &str,
    ) -> Result<(), Problem> {
        let origins = &self.core.stores.upstream_sessions;
        let (issuer, subject) = (&identity.issuer, Some(identity.subject.as_str()));
        let (user, own) = (&signed_in.user.id, &signed_in.session.id);
        loop {
            let found = origins
                .upstream_sessions(upstream, issuer, subject, None, BATCH)
                .await?;
            let others = found
                .into_iter()
                .filter(|origin| origin.user_id == *user && origin.session_id != *own);
            let others: Vec<_> = others.map(|origin| origin.session_id).collect();
            if others.is_empty() {
                return Ok(());
            }
            // First the sessions: were it the other way round, a failure in between would leave what nothing finds.
            let why = SessionEnd::Revoked;
            self.end_sessions(user, others.clone(), why, exchange.now)
                .await?;
            for id in others {
                origins.take_upstream_session(&id).await?;
            }
        }
    }
}
