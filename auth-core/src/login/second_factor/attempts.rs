//! Attempts at second factors: one counter for all of them, on the account, whatever address, browser or pending sign-in
//! they come from. Only success with a second factor clears it (threat 13).

use serde_json::json;

use crate::login::attempt::AddressAttempts;
use crate::login::{LoginWing, UserError};
use crate::services::mail::MailKind;
use crate::services::{Event, SignInFailure};
use crate::store::{User, UserId};
use crate::web::{Exchange, Problem};

const ATTEMPTS: &str = "second_factor";

impl LoginWing {
    /// Counts an attempt at the user's second factor, by address and by account, before anything is compared.
    pub(in crate::login) async fn count_second_factor(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
    ) -> Result<(), Problem> {
        self.count_address(AddressAttempts::SignIn, exchange)
            .await?;
        let now = exchange.now;
        let policy = &self.settings.factors.throttle;
        let throttles = &self.core.throttles;
        let locked = throttles
            .attempt(ATTEMPTS, user.id.as_str(), policy, now)
            .await?;
        let Some(locked) = locked else {
            return Ok(());
        };
        if locked.began {
            let (user_id, until) = (Some(user.id.clone()), locked.until);
            let event = Event::LockedOut {
                user: user_id,
                until,
            };
            self.core.emit(now, exchange.address, event).await;
            // No address unlocks this one: whoever reads the mailbox would go on guessing for ever.
            let facts = json!({ "url": null, "until": until.rfc3339(), "what": ATTEMPTS });
            self.tell_owner(exchange, user, MailKind::LockedOut, facts)
                .await;
        }
        let event = Event::SignInFailed {
            user: Some(user.id.clone()),
            reason: SignInFailure::AccountLocked,
        };
        self.core.emit(now, exchange.address, event).await;
        Err(Problem::too_many_attempts(locked.seconds_left(now)))
    }

    /// The second factor was right: its failures are forgotten, and no other factor's.
    pub(in crate::login) async fn second_factor_was_right(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
    ) -> Result<(), Problem> {
        self.clear_second_factor_count(&user.id).await?;
        self.take_back_address(AddressAttempts::SignIn, exchange)
            .await?;
        Ok(())
    }

    /// The second factor was not right.
    pub(in crate::login) async fn second_factor_was_wrong(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
    ) {
        let event = Event::SignInFailed {
            user: Some(user.id.clone()),
            reason: SignInFailure::WrongSecondFactor,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
    }

    /// Nothing was compared, as a store failed: that is held against nobody.
    pub(in crate::login) async fn take_back_second_factor(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
    ) -> Result<(), Problem> {
        let throttles = &self.core.throttles;
        throttles.take_back(ATTEMPTS, user.id.as_str()).await?;
        self.take_back_address(AddressAttempts::SignIn, exchange)
            .await?;
        Ok(())
    }

    async fn clear_second_factor_count(
        &self,
        user: &UserId,
    ) -> Result<(), crate::store::StoreError> {
        self.core.throttles.clear(ATTEMPTS, user.as_str()).await
    }

    /// Forgets the failed attempts at an account's second factor. For an operator who knows whom they talk to:
    /// [`unlock`](Self::unlock) leaves them, as whoever reads a mailbox could otherwise guess without end.
    ///
    /// # Errors
    /// The store's error.
    pub async fn unlock_second_factor(&self, user: &UserId) -> Result<(), UserError> {
        self.clear_second_factor_count(user).await?;
        let event = Event::Unlocked { user: user.clone() };
        self.core.emit(self.core.clock.now(), None, event).await;
        Ok(())
    }
}
