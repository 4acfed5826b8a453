//! What a host or an operator does with accounts.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::identifier::{IdentifierError, parse_email, parse_username};
use super::password::{HasherError, Outcome, Password, PasswordRefused, Personal};
use super::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::store::{CreateUser, Identifier, PasswordHash, StoreError, User, UserChange, UserId};
use crate::web::Problem;

/// Claims that a user's record keeps elsewhere or that only the protocol may set (OpenID Connect Core §2, §5.1;
/// RFC 7519 §4.1).
const FOREIGN_CLAIMS: &[&str] = &[
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "client_id",
    "cnf",
    "email",
    "email_verified",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "preferred_username",
    "scope",
    "sid",
    "sub",
    "updated_at",
];

/// An account to be made. Has no `Debug`: it may hold a password.
#[derive(Clone)]
pub struct NewUser {
    /// E-mail address, as typed; it is normalized.
    pub email: Option<String>,
    /// Username, as typed; it is normalized. A reserved one may be given out.
    pub username: Option<String>,
    /// Standard claims (OpenID Connect Core §5.1) without those that stand in fields of their own.
    pub claims: Map<String, Value>,
    /// Whether the operator vouches for the address.
    pub email_verified: bool,
    /// Password; without one the account cannot sign in by password.
    pub password: Option<Password>,
    /// Whether the password must meet the policy. Default `true`; an operator who sets passwords for a seed may say
    /// `false`. The maximum length holds either way.
    pub enforce_policy: bool,
}

impl Default for NewUser {
    fn default() -> Self {
        Self {
            email: None,
            username: None,
            claims: Map::new(),
            email_verified: false,
            password: None,
            enforce_policy: true,
        }
    }
}

/// Who has shown an e-mail address to be the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailProof {
    /// Somebody signed in as the user: whoever chose the password reads the mailbox too.
    SignedInUser,
    /// Somebody who reads the mailbox, and no more is known of them. Whoever registered the account may be another:
    /// the first such proof drops the password, the passkeys and every session (pre-hijacking, arXiv 2205.10174).
    MailboxOwner,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The e-mail address or the username is none.
    #[error("{0}")]
    Identifier(#[from] IdentifierError),
    /// Neither e-mail address nor username.
    #[error("an account needs an e-mail address or a username")]
    NoIdentifier,
    /// Another account has the e-mail address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// Another account has the username.
    #[error("another account has this username")]
    UsernameTaken,
    /// The claim is not the host's to set here.
    #[error("the claim {0} has a field of its own or belongs to the protocol")]
    Claim(String),
    /// The password is refused.
    #[error("{0}")]
    Password(#[from] PasswordRefused),
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing, or a step below, could not be done; what to answer is inside.
    #[error("{}", .0.detail)]
    Problem(Problem),
}

impl From<HasherError> for UserError {
    fn from(error: HasherError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Problem(problem) => problem,
            UserError::Store(error) => error.into(),
            UserError::Unknown => Self::not_found(),
            UserError::Disabled => Self::forbidden("The account is disabled."),
            error @ (UserError::Identifier(_)
            | UserError::NoIdentifier
            | UserError::EmailTaken
            | UserError::UsernameTaken
            | UserError::Claim(_)
            | UserError::Password(_)) => Self::new(
                http::StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_user",
                error.to_string(),
            ),
        }
    }
}

/// Checked input.
struct Checked {
    email: Option<String>,
    username: Option<String>,
    hash: Option<PasswordHash>,
}

impl LoginWing {
    /// Makes an account.
    ///
    /// # Errors
    /// See [`UserError`]; nothing is written then.
    pub async fn create_user(&self, new: NewUser) -> Result<User, UserError> {
        let checked = self.check_new(&new).await?;
        let now = self.core.clock.now();
        let verified = new.email_verified && checked.email.is_some();
        let user = User {
            id: UserId::new(self.core.random.id()),
            email: checked.email,
            email_verified_at: verified.then_some(now),
            username: checked.username,
            claims: new.claims,
            created_at: now,
            updated_at: now,
            disabled_at: None,
            mfa_required: false,
            delete_at: None,
        };
        let hooks = &self.settings.lifecycle.hooks;
        let allowed = hooks.before_registration(&user).await;
        allowed.map_err(|error| UserError::Problem(error.into()))?;
        let users = &self.core.stores.users;
        match users.create_user(&user, checked.hash.as_ref()).await? {
            CreateUser::Created => {}
            CreateUser::EmailTaken => return Err(UserError::EmailTaken),
            CreateUser::UsernameTaken => return Err(UserError::UsernameTaken),
        }
        let event = Event::Registered {
            user: user.id.clone(),
        };
        self.core.emit(now, None, event).await;
        hooks.after_registration(&user).await;
        Ok(user)
    }

    /// Makes an account, or brings the one that has the e-mail address (or else the username) to what is given:
    /// claims, verification, password. Doing it twice changes nothing. Identifiers and the state of being disabled stay.
    ///
    /// # Errors
    /// See [`UserError`].
    pub async fn ensure_user(&self, new: NewUser) -> Result<User, UserError> {
        let Some(user) = self.find_as_given(&new).await? else {
            match self.create_user(new.clone()).await {
                // Another node starts with the same seed and was faster.
                Err(UserError::EmailTaken | UserError::UsernameTaken) => {}
                other => return other,
            }
            let user = self.find_as_given(&new).await?.ok_or(UserError::Unknown)?;
            return self.bring_to(user, new).await;
        };
        self.bring_to(user, new).await
    }

    async fn find_as_given(&self, new: &NewUser) -> Result<Option<User>, UserError> {
        let identifier = if let Some(email) = &new.email {
            Identifier::Email(parse_email(email)?)
        } else if let Some(username) = &new.username {
            Identifier::Username(parse_username(username)?)
        } else {
            return Err(UserError::NoIdentifier);
        };
        let found = self.core.stores.users.credentials(&identifier).await?;
        Ok(found.map(|(user, _)| user))
    }

    async fn bring_to(&self, mut user: User, new: NewUser) -> Result<User, UserError> {
        check_claims(&new.claims)?;
        let now = self.core.clock.now();
        let users = &self.core.stores.users;
        if user.claims != new.claims {
            let change = UserChange {
                claims: Some(new.claims),
                ..UserChange::default()
            };
            let changed = users.update_user(&user.id, &change, now).await?;
            user = changed.ok_or(UserError::Unknown)?;
            let event = Event::ProfileChanged {
                user: user.id.clone(),
            };
            self.core.emit(now, None, event).await;
        }
        let proof = match new.password {
            // The operator has just set the password, so whoever planted another is out.
            Some(_) => EmailProof::SignedInUser,
            None => EmailProof::MailboxOwner,
        };
        if let Some(password) = new.password {
            let stored = users.password_hash(&user.id).await?;
            let outcome = self.hashers.verify(&password, stored.as_ref()).await?;
            if !matches!(outcome, Outcome::Match { .. }) {
                self.set_password(&user.id, password, new.enforce_policy)
                    .await?;
            }
        }
        if let Some(email) = user.email.clone().filter(|_| new.email_verified) {
            self.verify_email(&user.id, &email, proof).await?;
            user = users.user(&user.id).await?.ok_or(UserError::Unknown)?;
        }
        Ok(user)
    }

    async fn check_new(&self, new: &NewUser) -> Result<Checked, UserError> {
        let email = new.email.as_deref().map(parse_email).transpose()?;
        let username = new.username.as_deref().map(parse_username).transpose()?;
        if email.is_none() && username.is_none() {
            return Err(UserError::NoIdentifier);
        }
        check_claims(&new.claims)?;
        let hash = match &new.password {
            None => None,
            Some(password) => {
                let name = new.claims.get("name").and_then(Value::as_str);
                let personal = Personal::new(email.as_deref(), username.as_deref(), name);
                Some(
                    self.checked_hash(password, personal, new.enforce_policy)
                        .await?,
                )
            }
        };
        Ok(Checked {
            email,
            username,
            hash,
        })
    }

    async fn checked_hash(
        &self,
        password: &Password,
        personal: Personal,
        enforce_policy: bool,
    ) -> Result<PasswordHash, UserError> {
        let max = self.settings.password_max_length;
        if password.is_longer_than(max) {
            return Err(PasswordRefused::TooLong { max }.into());
        }
        if enforce_policy {
            self.hashers.judge(password, personal).await??;
        }
        Ok(self.hashers.hash(password).await?)
    }

    /// Sets a password and ends every session of the user.
    ///
    /// # Errors
    /// [`UserError::Password`] when the policy refuses it, [`UserError::Unknown`], or the store's error.
    pub async fn set_password(
        &self,
        user: &UserId,
        password: Password,
        enforce_policy: bool,
    ) -> Result<(), UserError> {
        let users = &self.core.stores.users;
        let found = users.user(user).await?.ok_or(UserError::Unknown)?;
        let name = found.claims.get("name").and_then(Value::as_str);
        let personal = Personal::new(found.email.as_deref(), found.username.as_deref(), name);
        let hash = self
            .checked_hash(&password, personal, enforce_policy)
            .await?;
        let now = self.core.clock.now();
        if !users.set_password(user, None, &hash, now).await? {
            return Err(UserError::Unknown);
        }
        let event = Event::PasswordChanged { user: user.clone() };
        self.core.emit(now, None, event).await;
        self.distrust_devices(user, None, now).await?;
        self.end_all_sessions(user, None, SessionEnd::PasswordChanged, None, now)
            .await?;
        Ok(())
    }

    /// Disables an account: its sessions end, its password opens nothing, its tokens are refused at their next use.
    ///
    /// # Errors
    /// [`UserError::Unknown`] or the store's error.
    pub async fn disable_user(&self, user: &UserId) -> Result<User, UserError> {
        let now = self.core.clock.now();
        let changed = self.set_disabled(user, Some(now)).await?;
        let event = Event::AccountDisabled { user: user.clone() };
        self.core.emit(now, None, event).await;
        self.end_all_sessions(user, None, SessionEnd::AccountDisabled, None, now)
            .await?;
        Ok(changed)
    }

    /// Enables an account again. Sessions it had stay ended.
    ///
    /// # Errors
    /// [`UserError::Unknown`] or the store's error.
    pub async fn enable_user(&self, user: &UserId) -> Result<User, UserError> {
        let changed = self.set_disabled(user, None).await?;
        let event = Event::AccountEnabled { user: user.clone() };
        self.core.emit(self.core.clock.now(), None, event).await;
        Ok(changed)
    }

    async fn set_disabled(
        &self,
        user: &UserId,
        at: Option<crate::ground::Timestamp>,
    ) -> Result<User, UserError> {
        let change = UserChange {
            disabled_at: Some(at),
            ..UserChange::default()
        };
        let now = self.core.clock.now();
        let changed = self
            .core
            .stores
            .users
            .update_user(user, &change, now)
            .await?;
        changed.ok_or(UserError::Unknown)
    }

    /// Marks an address verified, only while it still is the user's and not verified (threat 15). `email` is the
    /// address that was proven, normalized as stored. `true` for the one call that changed it.
    ///
    /// # Errors
    /// The store's error.
    pub async fn verify_email(
        &self,
        user: &UserId,
        email: &str,
        proof: EmailProof,
    ) -> Result<bool, UserError> {
        self.verify_email_from(user, email, proof, None).await
    }

    /// As [`verify_email`](Self::verify_email), by a request from `address`.
    pub(super) async fn verify_email_from(
        &self,
        user: &UserId,
        email: &str,
        proof: EmailProof,
        address: Option<IpAddr>,
    ) -> Result<bool, UserError> {
        let now = self.core.clock.now();
        let drops = proof == EmailProof::MailboxOwner;
        let users = &self.core.stores.users;
        let had_password = drops && users.password_hash(user).await?.is_some();
        if !users.verify_email(user, email, drops, now).await? {
            return Ok(false);
        }
        let event = Event::EmailVerified { user: user.clone() };
        self.core.emit(now, address, event).await;
        if drops {
            if had_password {
                let event = Event::PasswordDropped { user: user.clone() };
                self.core.emit(now, address, event).await;
            }
            // Before, so that nobody signed in goes on planting what has been looked for already; and after, for those
            // who signed in by what went only now.
            let why = SessionEnd::EmailVerified;
            self.end_all_sessions(user, None, why, address, now).await?;
            self.drop_planted(user, address, now).await?;
            self.end_all_sessions(user, None, why, address, now).await?;
        }
        Ok(true)
    }

    /// Forgets the wrong passwords and mail codes of an account. Other factors have counters of their own.
    pub(super) async fn clear_counts(&self, user: &User) -> Result<(), Problem> {
        self.clear_account_count(&user.id).await?;
        match &user.email {
            Some(email) => self.clear_code_count(email).await,
            None => Ok(()),
        }
    }

    /// Ends every session of the user; returns how many there were.
    ///
    /// # Errors
    /// The store's error.
    pub async fn revoke_sessions(&self, user: &UserId) -> Result<usize, UserError> {
        let now = self.core.clock.now();
        Ok(self
            .end_all_sessions(user, None, SessionEnd::Revoked, None, now)
            .await?)
    }

    /// Forgets the failed password attempts on an account, by any of its identifiers as typed. Fine also where no
    /// account has it: the counter goes all the same.
    ///
    /// # Errors
    /// [`UserError::Identifier`] for what no account can have, or the store's error.
    pub async fn unlock(&self, identifier: &str) -> Result<(), UserError> {
        let identifier = if identifier.contains('@') {
            Identifier::Email(parse_email(identifier)?)
        } else {
            Identifier::Username(parse_username(identifier)?)
        };
        self.clear_identifier_count(&identifier).await?;
        if let Some((user, _)) = self.core.stores.users.credentials(&identifier).await? {
            self.clear_counts(&user).await.map_err(UserError::Problem)?;
            let event = Event::Unlocked { user: user.id };
            self.core.emit(self.core.clock.now(), None, event).await;
        }
        Ok(())
    }
}

pub(super) fn check_claims(claims: &Map<String, Value>) -> Result<(), UserError> {
    let foreign = |name: &&String| FOREIGN_CLAIMS.contains(&name.as_str());
    match claims.keys().find(foreign) {
        Some(name) => Err(UserError::Claim(name.clone())),
        None => Ok(()),
    }
}
