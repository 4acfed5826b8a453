//! Accounts made on the way from another provider.

use std::time::Duration;

use serde_json::{Map, Value};

use super::client::{Client, Proven};
use super::enter::Recognized;
use super::profile::Profile;
use super::refusal::{Refusal, Stop};
use crate::ground::Digest32;
use crate::login::LoginWing;
use crate::login::email::Registered;
use crate::login::first_factor::Basis;
use crate::login::register::parse_name;
use crate::login::turns::give_back;
use crate::login::users::check_claims;
use crate::services::Event;
use crate::store::{AccountEnd, IdentityId, User, UserChange, UserId};
use crate::web::{Exchange, Problem};

/// A node that makes an account is done long before.
const LEASE: Duration = Duration::from_secs(30);

/// An identity at another provider for which an account is about to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewIdentity<'a> {
    /// The configured upstream.
    pub upstream: &'a str,
    /// The issuer identifier.
    pub issuer: &'a str,
    /// The subject there.
    pub subject: &'a str,
    /// What the provider says of the person.
    pub profile: &'a Profile,
    /// The document the profile was read from. The provider wrote it: nothing in it is checked.
    pub claims: &'a Value,
}

/// What an account begins with, of what a provider says: names and looks, never a role or a flag (threat 11).
fn claims_of(profile: &Profile) -> Map<String, Value> {
    let mut claims = Map::new();
    let names = [
        ("name", &profile.name),
        ("given_name", &profile.given_name),
        ("family_name", &profile.family_name),
    ];
    for (claim, text) in names {
        let name = text.as_deref().map(parse_name);
        if let Some(Ok(Some(name))) = name {
            claims.insert(claim.to_owned(), name.into());
        }
    }
    let rest = [("picture", &profile.picture), ("locale", &profile.locale)];
    for (claim, text) in rest {
        if let Some(text) = text {
            claims.insert(claim.to_owned(), text.clone().into());
        }
    }
    claims
}

impl LoginWing {
    /// A new user as the provider describes them and the host enriches. Not written yet.
    pub(super) async fn user_from(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        email: Option<String>,
        is_verified: bool,
    ) -> Result<User, Stop> {
        let mut claims = claims_of(&proven.profile);
        let from = NewIdentity {
            upstream: &client.upstream.name,
            issuer: &proven.issuer,
            subject: &proven.subject,
            profile: &proven.profile,
            claims: &proven.claims,
        };
        let hooks = &self.settings.lifecycle.hooks;
        hooks.enrich_new_user(&mut claims, &from).await?;
        if let Err(error) = check_claims(&claims) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a hook enriched a new user by what is not the host's to set"
            );
            return Err(Problem::internal().into());
        }
        Ok(User {
            id: UserId::new(self.core.random.id()),
            email_verified_at: email.as_ref().filter(|_| is_verified).map(|_| exchange.now),
            email,
            username: None,
            claims,
            created_at: exchange.now,
            updated_at: exchange.now,
            disabled_at: None,
            mfa_required: false,
            delete_at: None,
        })
    }

    /// Makes an account for an identity that has none, with a verified address or none. `None` when the address was
    /// taken in this very moment.
    pub(super) async fn account_for(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        email: Option<String>,
    ) -> Result<Option<Recognized>, Stop> {
        let user = self
            .user_from(exchange, client, proven, email, true)
            .await?;
        let (_, linked) = self.write_linked(exchange, client, proven, &user).await?;
        if linked.is_some() && user.email.is_some() {
            let event = Event::EmailVerified {
                user: user.id.clone(),
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        if linked.is_some() {
            // Whoever came is signed in at once, so there is nothing that the time this takes could tell.
            let hooks = &self.settings.lifecycle.hooks;
            hooks.after_registration(&user).await;
        }
        Ok(linked.map(|identity| Recognized {
            user,
            basis: Basis::Identity(identity),
        }))
    }

    /// Writes an account, if its address is free, and links the identity to it; unless another node is about to do so with
    /// the same: one of both accounts would stay without a way in.
    pub(super) async fn write_linked(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        user: &User,
    ) -> Result<(Registered, Option<IdentityId>), Stop> {
        let key = Digest32::of_parts(&[proven.issuer.as_bytes(), proven.subject.as_bytes()]);
        let (name, holder) = (format!("identity:{}", key.to_text()), self.core.random.id());
        let (leases, now) = (&self.core.stores.leases, exchange.now);
        if !leases.hold_lease(&name, &holder, now, now + LEASE).await? {
            return Err(Refusal::Busy.into());
        }
        let written = self.write_and_link(exchange, client, proven, user).await;
        give_back(&**leases, &name, &holder).await;
        written
    }

    async fn write_and_link(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
        user: &User,
    ) -> Result<(Registered, Option<IdentityId>), Stop> {
        let identities = &self.core.stores.identities;
        let found = identities.identity(&proven.issuer, &proven.subject).await?;
        if found.is_some() {
            return Err(Refusal::Busy.into());
        }
        let registered = self.write_account(exchange, user, None).await?;
        let linked = match &registered {
            Registered::Created(_) => match self.link_to(exchange, client, proven, user).await {
                Ok(identity) => Some(identity),
                Err(stop) => {
                    self.take_back_account(exchange, &user.id).await?;
                    return Err(stop);
                }
            },
            Registered::EmailTaken | Registered::UsernameTaken => None,
        };
        Ok((registered, linked))
    }

    /// Removes an account that nobody has come into. Marked first: should the store fail in between, the account
    /// is due, and ends by itself.
    pub(super) async fn take_back_account(
        &self,
        exchange: &Exchange<'_>,
        user: &UserId,
    ) -> Result<(), Problem> {
        let (users, now) = (&self.core.stores.users, exchange.now);
        let change = UserChange {
            delete_at: Some(Some(now)),
            ..UserChange::default()
        };
        users.update_user(user, &change, now).await?;
        // What failed may have been written all the same.
        let identities = &self.core.stores.identities;
        identities.unlink_identities(user).await?;
        if users.end_user(user, AccountEnd::Hard, now).await? {
            let (user, how) = (user.clone(), "hard");
            let event = Event::AccountEnded { user, how };
            self.core.emit(now, exchange.address, event).await;
        }
        Ok(())
    }
}
