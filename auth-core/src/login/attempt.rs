//! Proving who one is with a password: counted before it is looked at, and the same work whoever is meant.

use super::password::{Begun, HasherError, Outcome, Password};
use super::{LoginWing, SignedIn};
use crate::ground::Timestamp;
use crate::services::{Event, Locked, SignInFailure, Throttles};
use crate::store::{Identifier, PasswordHash, StoreResult, ThrottlePolicy, User, UserId};
use crate::web::{Exchange, Problem, throttle_bucket};

/// The kind of counter that password attempts on an account have. Other factors have their own, and success with one
/// never clears another's (threat 13).
const PASSWORD_ATTEMPTS: &str = "password";

/// What addresses are counted for.
#[derive(Clone, Copy, Debug)]
pub(super) enum AddressAttempts {
    SignIn,
    Registration,
    Captcha,
    Mail,
    #[cfg(feature = "federation")]
    Upstream,
    #[cfg(feature = "federation")]
    UpstreamLogout,
    /// A challenge kept for an authenticator.
    #[cfg(feature = "passkeys")]
    Ceremony,
}

impl AddressAttempts {
    const fn kind(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in_address",
            Self::Registration => "registration_address",
            Self::Captcha => "captcha_address",
            Self::Mail => "mail_address",
            #[cfg(feature = "federation")]
            Self::Upstream => "upstream_address",
            #[cfg(feature = "federation")]
            Self::UpstreamLogout => "upstream_logout_address",
            #[cfg(feature = "passkeys")]
            Self::Ceremony => "passkey_address",
        }
    }

    /// What an address may do, where it may fail at sign-ins as often as `usual` says.
    fn policy(self, usual: &ThrottlePolicy) -> ThrottlePolicy {
        match self {
            Self::SignIn | Self::Registration | Self::Captcha | Self::Mail => *usual,
            #[cfg(feature = "federation")]
            Self::Upstream => *usual,
            // A provider tells of the logouts of all its people, at once and from one address.
            #[cfg(feature = "federation")]
            Self::UpstreamLogout => ThrottlePolicy {
                limit: usual.limit.saturating_mul(100),
                max_lock: usual.lock,
                ..*usual
            },
            // A page that offers passkeys in its fields begins whenever it is opened, by however many people.
            #[cfg(feature = "passkeys")]
            Self::Ceremony => ThrottlePolicy {
                limit: usual.limit.saturating_mul(20),
                max_lock: usual.lock,
                ..*usual
            },
        }
    }
}

/// The account that has an identifier, as far as there is one, with its password.
pub(super) type FoundAccount = Option<(User, Option<PasswordHash>)>;

/// Attempts counted whose password is not compared yet. When it never comes to that, they are taken back: the store
/// failed, or the client has gone, and nobody has learned anything by them. A client that goes while its password is
/// being compared has had its attempt: the work is done all the same.
pub(super) struct Counted {
    throttles: Throttles,
    counters: Vec<(&'static str, String)>,
    begun: Begun,
}

impl Counted {
    /// Where it is noted that the password is being compared.
    pub(super) fn begun(&self) -> &Begun {
        &self.begun
    }

    /// The password was compared, or the door was locked: they stand.
    pub(super) fn stand(mut self) {
        self.counters.clear();
    }

    pub(super) async fn take_back(mut self) -> StoreResult<()> {
        take_back(&self.throttles, std::mem::take(&mut self.counters)).await
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let counters = std::mem::take(&mut self.counters);
        let runtime = tokio::runtime::Handle::try_current();
        let stand = counters.is_empty() || self.begun.has();
        let (false, Ok(runtime)) = (stand, runtime) else {
            return;
        };
        let throttles = self.throttles.clone();
        runtime.spawn(async move {
            if let Err(error) = take_back(&throttles, counters).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "an attempt that came to nothing stays counted");
            }
        });
    }
}

async fn take_back(throttles: &Throttles, counters: Vec<(&str, String)>) -> StoreResult<()> {
    for (kind, whom) in counters {
        throttles.take_back(kind, &whom).await?;
    }
    Ok(())
}

/// A user who has just given their password. Made here alone, so no session begins without.
pub(super) struct ProvenPassword {
    pub(super) user: User,
    hash: PasswordHash,
}

/// Why a password proves nothing. The person is told one and the same whatever it is.
pub(super) struct Refused {
    pub(super) user: Option<UserId>,
    pub(super) reason: SignInFailure,
}

/// What password attempts are counted by: the account, whichever of its identifiers is typed; where there is none, the
/// normalized identifier that would be its.
fn counter_name(identifier: &Identifier, account: Option<&UserId>) -> String {
    match (account, identifier) {
        (Some(user), _) => format!("user:{user}"),
        (None, Identifier::Email(email)) => format!("email:{email}"),
        (None, Identifier::Username(username)) => format!("username:{username}"),
    }
}

/// All identifiers of a user.
pub(super) fn identifiers_of(user: &User) -> impl Iterator<Item = Identifier> {
    let email = user.email.clone().map(Identifier::Email);
    email
        .into_iter()
        .chain(user.username.clone().map(Identifier::Username))
}

impl LoginWing {
    /// Counts an attempt from the request's address.
    pub(super) async fn count_address(
        &self,
        attempts: AddressAttempts,
        exchange: &Exchange<'_>,
    ) -> Result<(), Problem> {
        let bucket = throttle_bucket(exchange.address);
        let policy = attempts.policy(&self.settings.address_throttle);
        let throttles = &self.core.throttles;
        let locked = throttles
            .attempt(attempts.kind(), &bucket, &policy, exchange.now)
            .await?;
        let Some(locked) = locked else {
            return Ok(());
        };
        if matches!(attempts, AddressAttempts::SignIn) {
            let event = Event::SignInFailed {
                user: None,
                reason: SignInFailure::AddressLocked,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        Err(refusal(locked, exchange.now))
    }

    /// As [`count_address`](Self::count_address), taken back by itself unless it is told to stand.
    #[cfg(feature = "federation")]
    pub(super) async fn count_address_for_now(
        &self,
        attempts: AddressAttempts,
        exchange: &Exchange<'_>,
    ) -> Result<Counted, Problem> {
        self.count_address(attempts, exchange).await?;
        let mut counted = self.counted();
        let bucket = throttle_bucket(exchange.address);
        counted.counters.push((attempts.kind(), bucket));
        Ok(counted)
    }

    /// The account behind an identifier. Asked before anything is counted: while the store does not answer, nothing is
    /// held against anybody.
    pub(super) async fn find_account(
        &self,
        identifier: Option<&Identifier>,
    ) -> StoreResult<FoundAccount> {
        match identifier {
            Some(identifier) => self.core.stores.users.credentials(identifier).await,
            None => Ok(None),
        }
    }

    /// Counts an attempt to sign in: by address, then by account.
    pub(super) async fn count_sign_in(
        &self,
        exchange: &Exchange<'_>,
        identifier: Option<&Identifier>,
        account: &FoundAccount,
    ) -> Result<Counted, Problem> {
        self.count_address(AddressAttempts::SignIn, exchange)
            .await?;
        let mut counted = self.counted();
        counted.counters.push((
            AddressAttempts::SignIn.kind(),
            throttle_bucket(exchange.address),
        ));
        match identifier {
            Some(identifier) => {
                self.count_account(exchange, identifier, account, counted)
                    .await
            }
            None => Ok(counted),
        }
    }

    /// Counts a password given to confirm something, by account.
    pub(super) async fn count_confirmation(
        &self,
        exchange: &Exchange<'_>,
        identifier: &Identifier,
        account: &FoundAccount,
    ) -> Result<Counted, Problem> {
        self.count_account(exchange, identifier, account, self.counted())
            .await
    }

    fn counted(&self) -> Counted {
        Counted {
            throttles: self.core.throttles.clone(),
            counters: Vec::new(),
            begun: Begun::default(),
        }
    }

    /// Takes back what [`count_address`](Self::count_address) counted: the sign-in succeeded. Many people share an
    /// address; only failures are held against it.
    pub(super) async fn take_back_address(
        &self,
        attempts: AddressAttempts,
        exchange: &Exchange<'_>,
    ) -> Result<(), crate::store::StoreError> {
        let bucket = throttle_bucket(exchange.address);
        let throttles = &self.core.throttles;
        throttles.take_back(attempts.kind(), &bucket).await
    }

    /// Counts a password attempt on the account that has, or would have, this identifier.
    async fn count_account(
        &self,
        exchange: &Exchange<'_>,
        identifier: &Identifier,
        account: &FoundAccount,
        mut counted: Counted,
    ) -> Result<Counted, Problem> {
        let now = exchange.now;
        let user = account.as_ref().map(|(user, _)| user.id.clone());
        let name = counter_name(identifier, user.as_ref());
        let policy = &self.settings.account_throttle;
        let throttles = &self.core.throttles;
        let locked = throttles
            .attempt(PASSWORD_ATTEMPTS, &name, policy, now)
            .await?;
        let Some(locked) = locked else {
            counted.counters.push((PASSWORD_ATTEMPTS, name));
            return Ok(counted);
        };
        // Knocking at a locked door counts against the address.
        counted.stand();
        if locked.began {
            let event = Event::LockedOut {
                user: user.clone(),
                until: locked.until,
            };
            self.core.emit(now, exchange.address, event).await;
            self.mail_lock(exchange, identifier, account).await;
        }
        let reason = SignInFailure::AccountLocked;
        let event = Event::SignInFailed { user, reason };
        self.core.emit(now, exchange.address, event).await;
        Err(refusal(locked, now))
    }

    /// Forgets the password attempts on an account: its owner has just given the password, or an operator unlocks.
    pub(super) async fn clear_account_count(&self, user: &UserId) -> StoreResult<()> {
        let name = format!("user:{user}");
        self.core.throttles.clear(PASSWORD_ATTEMPTS, &name).await
    }

    /// As [`clear_account_count`](Self::clear_account_count), of an identifier that no account has.
    pub(super) async fn clear_identifier_count(&self, identifier: &Identifier) -> StoreResult<()> {
        let name = counter_name(identifier, None);
        self.core.throttles.clear(PASSWORD_ATTEMPTS, &name).await
    }

    /// Compares a password with that of the account. Without an account, a password or a readable hash, and when only
    /// somebody else may confirm (`only`), the same work is done on the dummy hash. `begun` says when it is.
    pub(super) async fn prove_password(
        &self,
        found: FoundAccount,
        password: &Password,
        only: Option<&SignedIn>,
        begun: &Begun,
    ) -> Result<Result<ProvenPassword, Refused>, Problem> {
        let (user, stored) = match found {
            Some((user, stored)) if only.is_none_or(|only| only.user.id == user.id) => {
                (Some(user), stored)
            }
            _ => (None, None),
        };
        let too_long = password.is_longer_than(self.settings.password_max_length);
        let compared = stored.as_ref().filter(|_| !too_long);
        let outcome = self
            .hashers
            .verify_noting(password, compared, begun)
            .await?;
        let Some(user) = user else {
            let reason = SignInFailure::UnknownAccount;
            return Ok(Err(Refused { user: None, reason }));
        };
        let reason = match (outcome, stored) {
            (_, None) => SignInFailure::NoPassword,
            (Outcome::Unreadable, Some(_)) => {
                tracing::error!(
                    user = user.id.as_str(),
                    "a stored password hash is unreadable"
                );
                SignInFailure::UnreadableHash
            }
            (Outcome::Mismatch, Some(_)) => SignInFailure::WrongPassword,
            (Outcome::Match { .. }, Some(_)) if !user.is_usable(self.core.clock.now()) => {
                SignInFailure::Disabled
            }
            (Outcome::Match { outdated }, Some(hash)) => {
                let hash = self.upgraded(&user, password, hash, outdated).await?;
                return Ok(Ok(ProvenPassword { user, hash }));
            }
        };
        let user = Some(user.id);
        Ok(Err(Refused { user, reason }))
    }

    /// Replaces an outdated hash; returns the one that stands as far as this request knows. Being too busy to do it now
    /// keeps nobody out.
    async fn upgraded(
        &self,
        user: &User,
        password: &Password,
        old: PasswordHash,
        outdated: bool,
    ) -> Result<PasswordHash, Problem> {
        if !outdated {
            return Ok(old);
        }
        let new = match self.hashers.hash(password).await {
            Ok(new) => new,
            Err(HasherError::Busy | HasherError::Failed) => return Ok(old),
        };
        let now = self.core.clock.now();
        let users = &self.core.stores.users;
        if !users.set_password(&user.id, Some(&old), &new, now).await? {
            return Ok(old);
        }
        let event = Event::PasswordRehashed {
            user: user.id.clone(),
        };
        self.core.emit(now, None, event).await;
        Ok(new)
    }
}

pub(super) fn refusal(locked: Locked, now: Timestamp) -> Problem {
    Problem::too_many_attempts(locked.seconds_left(now))
}

impl ProvenPassword {
    /// The hash the password was found to match.
    pub(super) fn hash(&self) -> &PasswordHash {
        &self.hash
    }
}
