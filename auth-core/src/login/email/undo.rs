//! `/auth/account/email/stop`: the reader of the old address stops a change, or undoes it.
//!
//! Whoever took over a session and knows the password could move the account to a mailbox of their own. So the old
//! address, where it was proven, can undo a change for as long as one may be confirmed, and for a day at least. Until
//! then its links must not be worth less than those of whoever came later: the address cannot be changed again, and
//! nobody registers the old one or moves another account to it. With the address go the password and whatever way in was
//! added since; what was there before stays, so that an old mailbox alone opens nothing.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::change::STOP;
use super::gone;
use super::order::Ask;
use super::proof::{About, Claim};
use crate::ground::{Digest32, Timestamp};
use crate::login::password::Password;
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{ChangeEmail, OneTimeKind, PasswordHash, StoreResult, User, UserChange};
use crate::web::{Exchange, Problem, Response};

const KIND: OneTimeKind = OneTimeKind::MailProof;

const DAY: Duration = Duration::from_hours(24);

/// The address that came to a user at a time: it is new.
fn changed_key(user: &User, at: Timestamp) -> Digest32 {
    let at = at.millis().to_string();
    Digest32::of_parts(&[
        b"address changed",
        user.id.as_str().as_bytes(),
        at.as_bytes(),
    ])
}

/// As [`changed_key`], with the address that was there before: it may come back.
fn undo_key(user: &User, at: Timestamp, before: &str) -> Digest32 {
    let changed = changed_key(user, at);
    Digest32::of_parts(&[b"address before", changed.as_bytes(), before.as_bytes()])
}

impl LoginWing {
    /// How long a change that is done can be undone.
    pub(super) fn undo_life(&self) -> Duration {
        self.settings.email.change_life.max(DAY)
    }

    /// Claims are not moved on, so an address is held by the period that its change falls in, and through the next.
    fn held_key(&self, email: &str, now: Timestamp, periods_ago: u128) -> Digest32 {
        let elapsed = u128::from(now.millis().unsigned_abs());
        let period = elapsed / self.undo_life().as_millis().max(1);
        let period = period.saturating_sub(periods_ago).to_string();
        Digest32::of_parts(&[b"address held", email.as_bytes(), period.as_bytes()])
    }

    /// Whether an address may have to go back to whom it was taken from.
    pub(in crate::login) async fn is_held(&self, email: &str, now: Timestamp) -> StoreResult<bool> {
        let claims = &self.core.stores.claims;
        for periods_ago in [0, 1] {
            let key = self.held_key(email, now, periods_ago);
            if claims.is_claimed(KIND, &key, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the user's address is so new that the one before may come back.
    pub(super) async fn was_changed_lately(
        &self,
        user: &User,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let Some(at) = user.email_verified_at else {
            return Ok(false);
        };
        let claims = &self.core.stores.claims;
        claims.is_claimed(KIND, &changed_key(user, at), now).await
    }

    /// Keeps what it takes to undo the change of an address that is about to be done. An address that was never proven
    /// may be a stranger's: there is nothing to give back.
    pub(super) async fn note_change(&self, user: &User, now: Timestamp) -> StoreResult<()> {
        let before = user.email_verified_at.and(user.email.as_deref());
        let Some(before) = before else {
            return Ok(());
        };
        let (claims, until) = (&self.core.stores.claims, now + self.undo_life());
        let (changed, undo) = (changed_key(user, now), undo_key(user, now, before));
        let held = self.held_key(before, now, 0);
        claims.claim_once(KIND, &changed, now, until).await?;
        claims.claim_once(KIND, &undo, now, until).await?;
        let until = until + self.undo_life();
        claims.claim_once(KIND, &held, now, until).await?;
        Ok(())
    }

    /// Tells the address that was replaced, with one more link that undoes it. Never fails what it tells of.
    pub(super) async fn tell_changed(&self, exchange: &Exchange<'_>, before: &User) {
        let email = before.email_verified_at.and(before.email.clone());
        let Some(email) = email else {
            return;
        };
        let ask = Ask {
            claim: Claim::new(About::StopChange, email.clone(), Some(before.id.clone())),
            kind: MailKind::EmailChangeDone,
            to: Some(email),
            landing: STOP,
            browser: None,
        };
        if let Err(problem) = self.ask(exchange, ask).await {
            tracing::error!(problem = problem.code, "a mail could not be ordered");
        }
    }

    /// `GET`: asks whether to stop the change. Spends nothing.
    pub(super) async fn stop_change_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let opened = self.open_proof(exchange, About::StopChange, &query).await?;
        let opened = opened.ok_or_else(gone)?;
        let claim = opened.claim();
        let user = match &claim.user {
            Some(user) => self.core.stores.users.user(user).await?,
            None => None,
        };
        let user = user.ok_or_else(gone)?;
        let undoes = user.email.as_ref() != Some(&claim.email);
        if undoes && !self.can_undo(&user, &claim.email, exchange.now).await? {
            return Err(gone());
        }
        let mut context = self.proof_context(exchange, STOP, &opened);
        context["done"] = false.into();
        context["undoes"] = undoes.into();
        context["forgot_url"] = self.sign_in_links(None)["forgot_url"].clone();
        let (status, name) = (StatusCode::OK, PageName::StopEmailChange);
        Ok(self.draw_mail_page(exchange, status, name, context))
    }

    /// `POST`: `t`. Whoever reads the old address needs no session: theirs may be what was stolen.
    pub(super) async fn stop_change(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let opened = self.open_proof(exchange, About::StopChange, &body).await?;
        let opened = opened.ok_or_else(gone)?;
        self.core.forms.check(exchange, &body, &opened.form())?;
        let proven = self.spend_link(&opened, exchange.now).await?;
        let proven = proven.ok_or_else(gone)?;
        let (claim, user) = (proven.claim, proven.user);
        let undoes = user.email.as_ref() != Some(&claim.email);
        if undoes {
            self.undo_change(exchange, &user, &claim.email).await?;
        } else if let Some(change) = &claim.stops
            && self.call_off(change, exchange.now).await?
        {
            let event = Event::EmailChangeStopped { user: user.id };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        let context = json!({
            "action": self.path(STOP),
            "form_token": null,
            "field": null,
            "email": claim.email,
            "done": true,
            "undoes": undoes,
            "forgot_url": self.sign_in_links(None)["forgot_url"],
        });
        let (status, name) = (StatusCode::OK, PageName::StopEmailChange);
        Ok(self.draw_mail_page(exchange, status, name, context))
    }

    async fn can_undo(&self, user: &User, before: &str, now: Timestamp) -> StoreResult<bool> {
        let Some(at) = user.email_verified_at else {
            return Ok(false);
        };
        let claims = &self.core.stores.claims;
        claims
            .is_claimed(KIND, &undo_key(user, at, before), now)
            .await
    }

    /// Gives the user the old address back, and ends what the one who changed it is in by.
    async fn undo_change(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        before: &str,
    ) -> Result<(), Problem> {
        let (now, address) = (exchange.now, exchange.address);
        let changed_at = user.email_verified_at.ok_or_else(gone)?;
        if !self.can_undo(user, before, now).await? {
            return Err(gone());
        }
        // Computed before anything is written: it may be too busy for that.
        let nobodys = self.password_nobody_knows().await?;
        let (users, present) = (&self.core.stores.users, user.email.as_deref());
        match users.change_email(&user.id, present, before, now).await? {
            ChangeEmail::Changed => {}
            ChangeEmail::Taken | ChangeEmail::Stale => return Err(gone()),
        }
        let event = Event::EmailChangeUndone {
            user: user.id.clone(),
        };
        self.core.emit(now, address, event).await;
        // Whoever changed it knows the password; its owner resets it by mail.
        if users.password_hash(&user.id).await?.is_some() {
            users.set_password(&user.id, None, &nobodys, now).await?;
            let event = Event::PasswordDropped {
                user: user.id.clone(),
            };
            self.core.emit(now, address, event).await;
        }
        // Before, so that nobody signed in goes on adding what has been looked for already; and after, for those who signed in
        // by what went only now.
        let why = SessionEnd::Revoked;
        self.end_all_sessions(&user.id, None, why, address, now)
            .await?;
        self.drop_added_since(exchange, user, changed_at).await?;
        // Not again to and fro.
        let until = now + self.undo_life();
        let claims = &self.core.stores.claims;
        let key = changed_key(user, now);
        claims.claim_once(KIND, &key, now, until).await?;
        self.distrust_devices(&user.id, address, now).await?;
        self.end_all_sessions(&user.id, None, why, address, now)
            .await?;
        Ok(())
    }

    async fn password_nobody_knows(&self) -> Result<PasswordHash, Problem> {
        let secret = Password::from(self.core.random.secret());
        Ok(self.hashers.hash(&secret).await?)
    }

    /// Takes away the ways in that were added since a change of address, and takes back an end of the account that was
    /// ordered since. Older ones stay: whoever reads the old mailbox alone must not get past them.
    async fn drop_added_since(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        since: Timestamp,
    ) -> Result<(), Problem> {
        let (stores, owner) = (&self.core.stores, &user.id);
        let (now, address) = (exchange.now, exchange.address);
        for passkey in stores.passkeys.passkeys_of(owner).await? {
            let is_new = passkey.created_at >= since;
            if is_new && stores.passkeys.remove_passkey(owner, &passkey.id).await? {
                let event = Event::PasskeyRemoved {
                    user: owner.clone(),
                    passkey: passkey.id.to_string(),
                };
                self.core.emit(now, address, event).await;
            }
        }
        for identity in stores.identities.identities_of(owner).await? {
            let is_new = identity.created_at >= since;
            if is_new
                && stores
                    .identities
                    .unlink_identity(owner, &identity.id)
                    .await?
            {
                let event = Event::IdentityUnlinked {
                    user: owner.clone(),
                    upstream: identity.upstream,
                };
                self.core.emit(now, address, event).await;
            }
        }
        let totp = stores.factors.totp(owner).await?;
        if totp.is_some_and(|totp| totp.created_at >= since) {
            self.forget_second_factors(owner, address, now).await?;
        }
        let grace = self.settings.lifecycle.ending().grace;
        if user.delete_at.is_some_and(|at| at >= since + grace) {
            let change = UserChange {
                delete_at: Some(None),
                ..UserChange::default()
            };
            stores.users.update_user(owner, &change, now).await?;
            let event = Event::DeletionCancelled {
                user: owner.clone(),
            };
            self.core.emit(now, address, event).await;
        }
        Ok(())
    }
}
