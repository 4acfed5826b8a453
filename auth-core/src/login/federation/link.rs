//! `POST /auth/account/identities/link`: somebody signed in adds an identity at another provider.

use super::PAGE;
use super::attempt::Aim;
use super::client::{Ask, Client, Proven};
use super::page::Notice;
use super::refusal::{Refusal, Stop};
use crate::login::reply::done;
use crate::login::{LoginWing, SignedIn};
use crate::services::mail::MailKind;
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
        self.link_own(exchange, client, proven, &signed_in).await?;
        Ok(done(exchange, &self.identities_url(Notice::Linked)))
    }

    /// Links who came to somebody signed in. Taken back if their session has ended meanwhile: the owner of the address has
    /// come, and dropped what they saw of a stranger's (threat 29).
    pub(super) async fn link_own(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        signed_in: &SignedIn,
    ) -> Result<(), Stop> {
        let user = &signed_in.user;
        let own = (proven, user);
        let link = match self.write_link(exchange, client, own, None).await {
            Err(Stop::Refused(Refusal::LinkedElsewhere))
                if self.take_from_nobody(exchange, proven).await? =>
            {
                self.write_link(exchange, client, own, None).await?
            }
            other => other?,
        };
        if !link.is_new {
            return Ok(());
        }
        if !self.is_still_signed_in(signed_in, exchange.now).await? {
            let identities = &self.core.stores.identities;
            identities.unlink_identity(&user.id, &link.id).await?;
            return Err(Refusal::SessionChanged.into());
        }
        let kind = MailKind::ProviderLinked;
        self.tell_identity(exchange, client, user, kind).await;
        Ok(())
    }

    /// Frees an identity whose account nobody has come into: made for an address that was never shown, with no other way
    /// in. Were it refused here, whoever names an address would see that it was free (threat 46).
    async fn take_from_nobody(
        &self,
        exchange: &Exchange<'_>,
        proven: &Proven,
    ) -> Result<bool, Stop> {
        let stores = &self.core.stores;
        let found = stores.identities.identity(&proven.issuer, &proven.subject);
        let Some(identity) = found.await? else {
            return Ok(true);
        };
        let Some(user) = stores.users.user(&identity.user_id).await? else {
            return Ok(false);
        };
        let ways = self.ways_in(&user).await?;
        let is_only = !ways.password && ways.passkeys == 0 && ways.identities == 1;
        // Written with the identity, and by nobody since.
        let is_untouched = user.created_at == identity.created_at
            && user.updated_at == user.created_at
            && user.disabled_at.is_none()
            && !user.mfa_required;
        if !is_only || !is_untouched || !self.is_asked_again(proven, &user) {
            return Ok(false);
        }
        self.take_back_account(exchange, &user.id).await?;
        Ok(true)
    }
}
