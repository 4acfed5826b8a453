//! From an identity at another provider to a user here.

use std::sync::Arc;

use super::client::{Client, Proven};
use super::enter::Recognized;
use super::refusal::{Refusal, Stop};
use crate::ground::Timestamp;
use crate::login::first_factor::Basis;
use crate::login::{Confirmation, LoginWing, parse_email};
use crate::services::{Event, SignInFailure};
use crate::store::{Identifier, LinkedIdentity, User, UserId};
use crate::web::{Exchange, Problem, Response, ReturnTo};

/// So often an account may come or go while one is looked for.
const TRIES: usize = 3;

/// What is known of who came.
enum Who {
    /// The identity is linked.
    Known(Box<LinkedIdentity>, Box<User>),
    /// It is not, and the provider is trusted with the address of an account, which its owner has shown here too.
    SameAddress(Box<User>, String),
    /// Nobody here: an account may be made, with this address verified.
    Nobody(Option<String>),
    /// It is not linked, and the address proves nothing: the person says what is to be done.
    Ask,
    /// Nobody here, and there are no new accounts.
    Closed,
    /// The account may not be used.
    Unusable(UserId),
}

/// The address that counts as verified: by trust in this very entry, not in its name or its issuer (threat 09).
fn trusted_address(client: &Client, proven: &Proven) -> Option<String> {
    let profile = &proven.profile;
    let is_trusted = client.upstream.trusts_email && profile.email_verified;
    let email = profile.email.as_deref().filter(|_| is_trusted)?;
    parse_email(email).ok()
}

impl LoginWing {
    async fn who_came(
        &self,
        client: &Client,
        proven: &Proven,
        now: Timestamp,
    ) -> Result<Who, Problem> {
        let stores = &self.core.stores;
        let found = stores.identities.identity(&proven.issuer, &proven.subject);
        if let Some(identity) = found.await? {
            let user = stores.users.user(&identity.user_id).await?;
            return Ok(match user.filter(|user| user.is_usable(now)) {
                Some(user) => Who::Known(Box::new(identity), Box::new(user)),
                None => Who::Unusable(identity.user_id),
            });
        }
        let Some(email) = trusted_address(client, proven) else {
            let has_address = proven.profile.email.is_some();
            return Ok(match (has_address, self.settings.registration) {
                (true, _) => Who::Ask,
                (false, true) => Who::Nobody(None),
                (false, false) => Who::Closed,
            });
        };
        let identifier = Identifier::Email(email.clone());
        Ok(match self.find_account(Some(&identifier)).await? {
            Some((user, _)) if !user.is_usable(now) => Who::Unusable(user.id),
            Some((user, _)) if user.email_verified_at.is_some() => {
                Who::SameAddress(Box::new(user), email)
            }
            // Who claimed it here has not shown it, or who had it may come back: it proves nothing.
            Some(_) => Who::Ask,
            None if self.is_held(&email, now).await? => Who::Ask,
            None if self.settings.registration => Who::Nobody(Some(email)),
            None => Who::Closed,
        })
    }

    /// Signs in who came, or does what else follows.
    pub(super) async fn arrive(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
        proven: Proven,
        remember: bool,
        return_to: Option<ReturnTo>,
    ) -> Result<Response, Stop> {
        let Some(who) = self.recognize(exchange, client, &proven).await? else {
            return self
                .ask_first(exchange, client, proven, remember, return_to)
                .await;
        };
        self.enter_by_identity(exchange, client, proven, who, (remember, return_to))
            .await
    }

    /// The user who came; `None` when they are to be asked.
    async fn recognize(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        proven: &Proven,
    ) -> Result<Option<Recognized>, Stop> {
        // Of requests with one new identity, one makes the account and the others find it.
        let _turn = self.arrivals.take(&proven.identity()).await;
        for _ in 0..TRIES {
            let found = match self.who_came(client, proven, exchange.now).await? {
                Who::Known(identity, user) => {
                    self.note_use(exchange, client, proven, &identity).await?;
                    if self.is_asked_again(proven, &user) {
                        return Ok(None);
                    }
                    Some(Recognized {
                        user: *user,
                        basis: Basis::Identity(identity.id),
                    })
                }
                Who::SameAddress(user, email) => {
                    let new = self.plan_link(client, proven, &user, email).await?;
                    Some(Recognized {
                        user: *user,
                        basis: Basis::NewIdentity(Box::new(new)),
                    })
                }
                Who::Nobody(email) => self.account_for(exchange, client, proven, email).await?,
                Who::Ask => return Ok(None),
                Who::Closed => {
                    self.tell_refused(exchange, client, "no_account").await;
                    return Err(Refusal::Closed.into());
                }
                Who::Unusable(user) => {
                    let (user, reason) = (Some(user), SignInFailure::Disabled);
                    let event = Event::SignInFailed { user, reason };
                    self.core.emit(exchange.now, exchange.address, event).await;
                    return Err(Refusal::Refused.into());
                }
            };
            // Where there is none, the account came or went in this very moment.
            if found.is_some() {
                return Ok(found);
            }
        }
        Err(Refusal::Busy.into())
    }

    /// Whether who came is asked as if nobody knew them: somebody who made an account and has not shown its address.
    /// Were they led on instead, whoever names an address would see whether an account was made for it, or somebody had
    /// it (threat 46).
    pub(super) fn is_asked_again(&self, proven: &Proven, user: &User) -> bool {
        let has_address = proven.profile.email.is_some() && user.email.is_some();
        let is_required = self.confirmation() == Confirmation::Required;
        let is_open = has_address && user.email_verified_at.is_none();
        self.settings.registration && is_required && is_open
    }
}
