//! Six digits, tried: counted before they are looked at, by network address, by account and by flow.
//!
//! An account has one counter for the codes of all mails, whatever they are for and wherever they are typed (5 wrong
//! ones, then 15 min). It is no other factor's: only a right code clears it (threat 13). A flow takes five codes in all
//! (threat 06); its link, which nobody guesses, stays good.

use std::time::Duration;

use super::proof::{Opened, Proven};
use crate::login::LoginWing;
use crate::login::attempt::{AddressAttempts, refusal};
use crate::services::{Event, SignInFailure};
use crate::store::ThrottlePolicy;
use crate::web::{Exchange, Problem};

const ACCOUNT: &str = "mail_code";
const FLOW: &str = "mail_code_flow";

const PER_FLOW: ThrottlePolicy = ThrottlePolicy {
    limit: 5,
    window: Duration::from_hours(24 * 7),
    lock: Duration::from_hours(24 * 7),
    max_lock: Duration::from_hours(24 * 7),
};

/// What came of a code.
pub(super) enum Tried {
    Right(Box<Proven>),
    Wrong,
    /// The flow takes no more codes, or what it was about changed meanwhile.
    Gone,
}

impl LoginWing {
    /// Compares a code and spends its proof.
    pub(super) async fn try_code(
        &self,
        exchange: &Exchange<'_>,
        opened: &Opened,
        code: &str,
    ) -> Result<Tried, Problem> {
        let now = exchange.now;
        if !self.count_code(exchange, opened).await? {
            self.tell_wrong_code(exchange, opened).await;
            return Ok(Tried::Gone);
        }
        if !opened.is_code(&self.core.keys, code, now) {
            self.tell_wrong_code(exchange, opened).await;
            return Ok(Tried::Wrong);
        }
        let Some(proven) = self.spend(opened, now).await? else {
            self.tell_wrong_code(exchange, opened).await;
            return Ok(Tried::Gone);
        };
        self.clear_code_count(&opened.claim().email).await?;
        self.take_back_address(AddressAttempts::SignIn, exchange)
            .await?;
        Ok(Tried::Right(Box::new(proven)))
    }

    /// Counts; `false` when the flow takes no more codes.
    async fn count_code(&self, exchange: &Exchange<'_>, opened: &Opened) -> Result<bool, Problem> {
        self.count_address(AddressAttempts::SignIn, exchange)
            .await?;
        let (throttles, now) = (&self.core.throttles, exchange.now);
        let claim = opened.claim();
        let policy = &self.settings.account_throttle;
        let locked = throttles
            .attempt(ACCOUNT, &claim.email, policy, now)
            .await?;
        if let Some(locked) = locked {
            if locked.began {
                let event = Event::LockedOut {
                    user: claim.user.clone(),
                    until: locked.until,
                };
                self.core.emit(now, exchange.address, event).await;
            }
            let event = Event::SignInFailed {
                user: claim.user.clone(),
                reason: SignInFailure::AccountLocked,
            };
            self.core.emit(now, exchange.address, event).await;
            return Err(refusal(locked, now));
        }
        let spent = throttles
            .attempt(FLOW, opened.flow(), &PER_FLOW, now)
            .await?;
        Ok(spent.is_none())
    }

    async fn tell_wrong_code(&self, exchange: &Exchange<'_>, opened: &Opened) {
        let event = Event::SignInFailed {
            user: opened.claim().user.clone(),
            reason: SignInFailure::WrongCode,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
    }

    /// Forgets the wrong codes of an address: a right one was given, or an operator or the owner unlocks.
    pub(in crate::login) async fn clear_code_count(&self, email: &str) -> Result<(), Problem> {
        Ok(self.core.throttles.clear(ACCOUNT, email).await?)
    }
}
