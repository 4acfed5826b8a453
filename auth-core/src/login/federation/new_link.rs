//! An identity to be linked by its address, once its person has given all that is asked for: until then nothing is written
//! and nobody is told, so that somebody without the second factor leaves nothing behind.

use serde::{Deserialize, Serialize};

use super::MOST_IDENTITIES;
use super::client::{Client, Proven};
use super::identity::display;
use super::refusal::{Refusal, Stop};
use crate::login::LoginWing;
use crate::services::mail::MailKind;
use crate::store::{IdentityId, IdentityUse, LinkIdentity, LinkedIdentity, User};
use crate::web::{Exchange, Problem};

/// The identity, as it is to stand. No `Debug`: it holds sealed tokens.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::login) struct NewLink {
    id: IdentityId,
    upstream: String,
    issuer: String,
    subject: String,
    display: Option<String>,
    tokens: Option<Vec<u8>>,
    /// Which the provider vouches for.
    email: String,
}

impl NewLink {
    /// Whether the user still has the address, and has shown it.
    pub(in crate::login) fn is_of(&self, user: &User) -> bool {
        user.email_verified_at.is_some() && user.email.as_ref() == Some(&self.email)
    }
}

impl LoginWing {
    /// The link of who came to the user with this address.
    pub(super) async fn plan_link(
        &self,
        client: &Client,
        proven: &Proven,
        user: &User,
        email: String,
    ) -> Result<NewLink, Stop> {
        let identities = &self.core.stores.identities;
        let own = identities.identities_of(&user.id).await?;
        if own.len() >= MOST_IDENTITIES as usize {
            return Err(Refusal::TooMany.into());
        }
        let id = IdentityId::new(self.core.random.id());
        Ok(NewLink {
            upstream: client.upstream.name.clone(),
            issuer: proven.issuer.clone(),
            subject: proven.subject.clone(),
            display: display(proven),
            tokens: self.tokens_to_keep(client, &id, &proven.tokens)?,
            email,
            id,
        })
    }

    /// Links, and tells the owner. `None` when it is another's by now, there are too many, or the address is not the
    /// account's any more.
    pub(in crate::login) async fn link_at_last(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        new: &NewLink,
    ) -> Result<Option<IdentityId>, Problem> {
        let Some(client) = self.upstream_named(&new.upstream).cloned() else {
            return Ok(None);
        };
        let identity = LinkedIdentity {
            id: new.id.clone(),
            user_id: user.id.clone(),
            upstream: new.upstream.clone(),
            issuer: new.issuer.clone(),
            subject: new.subject.clone(),
            display: new.display.clone(),
            tokens: new.tokens.clone(),
            tokens_version: 0,
            created_at: exchange.now,
            last_used_at: Some(exchange.now),
        };
        let stores = &self.core.stores;
        let identities = &stores.identities;
        match identities.link_identity(&identity, MOST_IDENTITIES).await? {
            LinkIdentity::Linked => {}
            LinkIdentity::TooMany => return Ok(None),
            LinkIdentity::Exists => return self.found_linked(exchange, user, new).await,
        }
        let again = stores.users.user(&user.id).await?;
        if !again.is_some_and(|again| new.is_of(&again)) {
            identities.unlink_identity(&user.id, &new.id).await?;
            return Ok(None);
        }
        let kind = MailKind::ProviderLinked;
        self.tell_identity(exchange, &client, user, kind).await;
        Ok(Some(identity.id))
    }

    /// Another request has linked it meanwhile.
    async fn found_linked(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        new: &NewLink,
    ) -> Result<Option<IdentityId>, Problem> {
        let identities = &self.core.stores.identities;
        let found = identities.identity(&new.issuer, &new.subject).await?;
        let Some(own) = found.filter(|found| found.user_id == user.id) else {
            return Ok(None);
        };
        let seen = IdentityUse {
            upstream: new.upstream.clone(),
            display: new.display.clone(),
            // Sealed for an identity that never was.
            tokens: None,
        };
        identities
            .use_identity(&own.id, &seen, exchange.now)
            .await?;
        Ok(Some(own.id))
    }
}
