//! Identities as they are stored: linked, used, their tokens sealed.

use serde_json::json;

use super::client::{Client, Proven, Tokens};
use super::refusal::{Refusal, Stop};
use super::{MOST_IDENTITIES, tokens};
use crate::ground::Timestamp;
use crate::login::LoginWing;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{IdentityId, IdentityUse, LinkIdentity, LinkedIdentity, User};
use crate::web::{Exchange, Problem};

/// Tokens past this size are not kept: no provider's are.
const MOST_TOKEN_BYTES: usize = 32 * 1024;

const MAX_DISPLAY_CHARACTERS: usize = 254;

/// An identity of a user's.
pub(super) struct Link {
    pub(super) id: IdentityId,
    /// It was not linked before.
    pub(super) is_new: bool,
}

/// What to call an identity on a page.
pub(super) fn display(proven: &Proven) -> Option<String> {
    let profile = &proven.profile;
    let names = [&profile.email, &profile.username, &profile.name];
    let found = names.into_iter().flatten().next();
    found.map(|name| name.chars().take(MAX_DISPLAY_CHARACTERS).collect())
}

impl LoginWing {
    /// Links who came, and signs in by it, to a user. The owner is told.
    pub(super) async fn link_to(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        user: &User,
    ) -> Result<IdentityId, Stop> {
        let (own, now) = ((proven, user), Some(exchange.now));
        let link = self.write_link(exchange, client, own, now).await?;
        if link.is_new {
            let kind = MailKind::ProviderLinked;
            self.tell_identity(exchange, client, user, kind).await;
        }
        Ok(link.id)
    }

    /// As [`link_to`](Self::link_to), and nobody is told. It was used, unless somebody signed in merely adds it.
    pub(super) async fn write_link(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        (proven, user): (&Proven, &User),
        used_at: Option<Timestamp>,
    ) -> Result<Link, Stop> {
        let identities = &self.core.stores.identities;
        let id = IdentityId::new(self.core.random.id());
        let identity = LinkedIdentity {
            user_id: user.id.clone(),
            upstream: client.upstream.name.clone(),
            issuer: proven.issuer.clone(),
            subject: proven.subject.clone(),
            display: display(proven),
            tokens: self.tokens_to_keep(client, &id, &proven.tokens)?,
            tokens_version: 0,
            created_at: exchange.now,
            last_used_at: used_at,
            id,
        };
        match identities.link_identity(&identity, MOST_IDENTITIES).await? {
            LinkIdentity::Linked => Ok(Link {
                id: identity.id,
                is_new: true,
            }),
            LinkIdentity::TooMany => Err(Refusal::TooMany.into()),
            LinkIdentity::Exists => {
                let found = identities.identity(&proven.issuer, &proven.subject).await?;
                let own = found.filter(|found| found.user_id == user.id);
                let own = own.ok_or(Refusal::LinkedElsewhere)?;
                self.note_use(exchange, client, proven, &own).await?;
                Ok(Link {
                    id: own.id,
                    is_new: false,
                })
            }
        }
    }

    /// Records that an identity was used, and what came along.
    pub(super) async fn note_use(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        identity: &LinkedIdentity,
    ) -> Result<(), Problem> {
        let mut tokens = proven.tokens.clone();
        if tokens.refresh_token.is_none() {
            // Some give one only the first time.
            let before = tokens::open(&self.core, identity);
            tokens.refresh_token = before.and_then(|before| before.refresh_token);
        }
        let seen = IdentityUse {
            upstream: client.upstream.name.clone(),
            display: display(proven),
            tokens: self.tokens_to_keep(client, &identity.id, &tokens)?,
        };
        let identities = &self.core.stores.identities;
        identities
            .use_identity(&identity.id, &seen, exchange.now)
            .await?;
        Ok(())
    }

    /// The tokens, sealed, where they are kept at all.
    pub(super) fn tokens_to_keep(
        &self,
        client: &Client,
        id: &IdentityId,
        tokens: &Tokens,
    ) -> Result<Option<Vec<u8>>, Problem> {
        if !client.upstream.keeps_tokens {
            return Ok(None);
        }
        let sealed = tokens::seal(&self.core, id, tokens)?;
        Ok(Some(sealed).filter(|sealed| sealed.len() <= MOST_TOKEN_BYTES))
    }

    /// Tells the owner and whoever listens that an identity came or went.
    pub(super) async fn tell_identity(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        user: &User,
        kind: MailKind,
    ) {
        let (owner, upstream) = (user.id.clone(), client.upstream.name.clone());
        let event = match kind {
            MailKind::ProviderLinked => Event::IdentityLinked {
                user: owner,
                upstream,
            },
            _ => Event::IdentityUnlinked {
                user: owner,
                upstream,
            },
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        let facts = json!({ "provider": client.upstream.label });
        self.tell_owner(exchange, user, kind, facts).await;
    }
}
