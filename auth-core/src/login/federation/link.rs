//! `POST /auth/account/identities/link`: somebody signed in adds an identity at another provider.

use super::PAGE;
use super::attempt::Aim;
use super::client::{Ask, Client, Proven};
use super::page::Notice;
use super::refusal::{Refusal, Stop};
use crate::login::reply::done;
use crate::login::{LoginWing, SignedIn};
use crate::store::{SessionId, UserId};
use crate::web::{Exchange, Problem, Response};

/// The form of one provider.
pub(super) fn form(signed_in: &SignedIn, upstream: &str) -> String {
    format!("link_identity:{}:{upstream}", signed_in.session.id)
}

impl LoginWing {
    /// `POST`: `provider`. Leads to it; the page's `form-action` allows for that.
    pub(super) async fn begin_link(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, PAGE).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let name = body.get("provider").unwrap_or_default();
        let form = form(&signed_in, name);
        self.core.forms.check(exchange, &body, &form)?;
        let client = self.upstream_named(name).cloned();
        let client = client.ok_or_else(Problem::not_found)?;
        let aim = Aim::Link {
            user: signed_in.user.id,
            session: signed_in.session.id,
        };
        self.lead_away(exchange, &client, Ask::default(), aim, None, false)
            .await
    }

    /// The session an attempt began in, if it is the one that this request has.
    pub(super) async fn same_session(
        &self,
        exchange: &Exchange<'_>,
        (user, session): (&UserId, &SessionId),
    ) -> Result<SignedIn, Stop> {
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let is_same = |now: &SignedIn| now.user.id == *user && now.session.id == *session;
        let same = signed_in.filter(is_same);
        same.ok_or_else(|| Refusal::SessionChanged.into())
    }

    /// Links who came to the person who began.
    pub(super) async fn finish_link(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        own: (&UserId, &SessionId),
    ) -> Result<Response, Stop> {
        let signed_in = self.same_session(exchange, own).await?;
        self.link_to(exchange, client, proven, &signed_in.user)
            .await?;
        Ok(done(exchange, &self.identities_url(Notice::Linked)))
    }
}
