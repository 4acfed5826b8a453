//! Accounts whose time has come. Everything of theirs goes first and the account last, so that a node that dies in the
//! middle leaves an account that is still due, and another goes on.

use std::time::Duration;

use super::deletion::{language_of, name_of};
use crate::ground::{Digest32, Purpose, Timestamp};
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{AccountEnd, OneTimeKind, OneTimeValue, StoreError, StoreResult, User, UserId};
use crate::web::Problem;

/// So many at once.
const BATCH: u32 = 50;
/// So long after its time an account ends: another node's clock may be behind, and its owner cancels there.
const MARGIN: Duration = Duration::from_mins(15);
/// So long after its time the language of an account's last mail is known: an end that fails is tried again.
const LANGUAGE_KEPT: Duration = Duration::from_hours(24 * 30);

/// Where the language is kept in which the end at a time was asked for.
fn language_key(user: &UserId, at: Timestamp) -> Digest32 {
    let at = at.millis().to_string();
    Digest32::of_parts(&[
        b"language of the end",
        user.as_str().as_bytes(),
        at.as_bytes(),
    ])
}

impl LoginWing {
    /// Ends accounts that are due, at most fifty; returns how many. Runs in the background by itself.
    ///
    /// # Errors
    /// The store's error. What fails for one account alone is logged, and tried again the next time.
    pub async fn end_due_accounts(&self) -> StoreResult<usize> {
        let now = self.core.clock.now();
        let users = &self.core.stores.users;
        let mut ended = 0;
        for user in users.users_to_end(now - MARGIN, BATCH).await? {
            match self.end_account(&user, now).await {
                Ok(true) => ended += 1,
                Ok(false) => {}
                Err(problem) => tracing::error!(
                    user = user.as_str(),
                    error = &problem as &dyn std::error::Error,
                    "an account could not be ended; trying again later"
                ),
            }
        }
        Ok(ended)
    }

    /// Ends one account that is due. `false` when it is not, or another node was faster.
    pub(super) async fn end_account(&self, id: &UserId, now: Timestamp) -> Result<bool, Problem> {
        let stores = &self.core.stores;
        let Some(user) = stores.users.user(id).await? else {
            return Ok(false);
        };
        let Some(at) = user.delete_at.filter(|at| *at <= now) else {
            return Ok(false);
        };
        let how = self.settings.lifecycle.ending().how;
        let hooks = &self.settings.lifecycle.hooks;
        hooks.before_end(&user, how).await?;
        self.end_what_lets_in(&user, how, now).await?;
        let locale = self.kept_language(id, at, now).await?;
        if !stores.users.end_user(id, how, now).await? {
            return Ok(false);
        }
        let event = Event::AccountEnded {
            user: id.clone(),
            how: name_of(how),
        };
        self.core.emit(now, None, event).await;
        let locale = locale.as_deref().unwrap_or_else(|| language_of(&user));
        let news = (MailKind::DeletionDone, serde_json::json!({}));
        self.tell_owner_in(locale, now, &user, news).await;
        hooks.after_end(id, how).await;
        Ok(true)
    }

    /// Keeps the language in which the end was asked for: when it comes, nobody is there to read it from.
    pub(super) async fn keep_language(
        &self,
        user: &UserId,
        at: Timestamp,
        locale: &str,
    ) -> StoreResult<()> {
        let key = language_key(user, at);
        let (keys, random) = (&self.core.keys, &*self.core.random);
        let (purpose, context) = (Purpose::OneTimePayload, key.as_bytes());
        let payload = keys.seal(random, purpose, context, locale.as_bytes());
        let expires_at = at + LANGUAGE_KEPT;
        let value = OneTimeValue {
            kind: OneTimeKind::MailProof,
            key,
            payload: payload.map_err(|error| StoreError::corrupt("language", error))?,
            expires_at,
            keep_until: expires_at,
        };
        match self.core.stores.one_time.put(&value).await {
            // Asked for twice in one moment.
            Err(StoreError::Exists { .. }) => Ok(()),
            other => other,
        }
    }

    async fn kept_language(
        &self,
        user: &UserId,
        at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<String>> {
        let key = language_key(user, at);
        let store = &self.core.stores.one_time;
        let kept = store.peek(OneTimeKind::MailProof, &key, now).await?;
        let (keys, purpose) = (&self.core.keys, Purpose::OneTimePayload);
        Ok(kept.and_then(|kept| {
            let opened = keys.open(purpose, key.as_bytes(), &kept.payload).ok()?;
            String::from_utf8(opened).ok()
        }))
    }

    async fn end_what_lets_in(
        &self,
        user: &User,
        how: AccountEnd,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let (stores, id) = (&self.core.stores, &user.id);
        for session in stores.sessions.sessions_of(id).await? {
            let origins = &stores.upstream_sessions;
            origins.take_upstream_session(&session.id).await?;
        }
        self.end_all_sessions(id, None, SessionEnd::AccountDisabled, None, now)
            .await?;
        self.account_observers.account_ends(id, now).await?;
        stores.devices.forget_devices(id).await?;
        // An operator may bring a soft-deleted account back: what proves its owner stays.
        if how != AccountEnd::Soft {
            stores.factors.remove_totp(id).await?;
            stores.factors.replace_backup_codes(id, &[]).await?;
            stores.passkeys.remove_passkeys(id).await?;
            stores.identities.unlink_identities(id).await?;
        }
        Ok(())
    }
}
