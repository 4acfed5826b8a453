//! Accounts whose time has come. Everything of theirs goes first and the account last, so that a node that dies in the
//! middle leaves an account that is still due, and another goes on.

use std::time::Duration;

use super::deletion::name_of;
use crate::ground::Timestamp;
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{AccountEnd, StoreResult, User, UserId};
use crate::web::Problem;

/// So many at once.
const BATCH: u32 = 50;
/// So long after its time an account ends: another node's clock may be behind, and its owner cancels there.
const MARGIN: Duration = Duration::from_mins(15);

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
        if user.delete_at.is_none_or(|at| now < at) {
            return Ok(false);
        }
        let how = self.settings.lifecycle.ending().how;
        let hooks = &self.settings.lifecycle.hooks;
        hooks.before_end(&user, how).await?;
        self.end_what_lets_in(&user, how, now).await?;
        if !stores.users.end_user(id, how, now).await? {
            return Ok(false);
        }
        let event = Event::AccountEnded {
            user: id.clone(),
            how: name_of(how),
        };
        self.core.emit(now, None, event).await;
        self.tell_of_end(
            &user,
            MailKind::DeletionDone,
            serde_json::json!({}),
            "en",
            now,
        )
        .await?;
        hooks.after_end(id, how).await;
        Ok(true)
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
