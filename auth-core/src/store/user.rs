//! Users, their identifiers and their password.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Backend, StoreResult, identifier};
use crate::ground::Timestamp;

identifier! {
    /// A user's stable, opaque id. It is the `sub` that clients see where subjects are public, so it is never reused.
    UserId
}

/// A person with an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Stable id.
    pub id: UserId,
    /// Normalized e-mail address, unique among users.
    pub email: Option<String>,
    /// When the address was shown to be the user's own; `None` while it is only claimed.
    pub email_verified_at: Option<Timestamp>,
    /// Normalized username, unique among users.
    pub username: Option<String>,
    /// Further standard claims (OpenID Connect Core §5.1): `name`, `given_name`, `picture`, `address`, …
    /// Never `sub`, `email`, `email_verified`, `preferred_username` or `updated_at`, which stand in fields of their own.
    pub claims: Map<String, Value>,
    /// Creation.
    pub created_at: Timestamp,
    /// Last change of anything a claim shows.
    pub updated_at: Timestamp,
    /// Set while the account may not be used; every credential of it is then refused at its next use.
    pub disabled_at: Option<Timestamp>,
    /// The user must have a second factor, whatever the settings say of others.
    pub mfa_required: bool,
    /// From here on the account is to be ended; until then its owner may change their mind.
    pub delete_at: Option<Timestamp>,
}

impl User {
    /// Whether the account may be used at `now`: it is not disabled, and its end has not come.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.disabled_at.is_none() && self.delete_at.is_none_or(|at| now < at)
    }

    /// What to call the user on a page: name, username or e-mail address.
    pub fn display_name(&self) -> &str {
        self.claims
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
            .or(self.username.as_deref())
            .or(self.email.as_deref())
            .unwrap_or(self.id.as_str())
    }
}

/// A stored password hash: a PHC string, or bcrypt's own form. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash string. It is checked when it is used, not here.
    pub fn new(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    /// The hash string, for a store to write and a hasher to read.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a person types to say who they are, normalized.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// A normalized e-mail address.
    Email(String),
    /// A normalized username.
    Username(String),
}

/// Answer of [`UserStore::create_user`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateUser {
    /// The user stands.
    Created,
    /// Another user has the e-mail address; nothing was written.
    EmailTaken,
    /// Another user has the username; nothing was written.
    UsernameTaken,
}

/// A change to a user; `None` leaves a field as it is. A closed set: nothing else can be assigned from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserChange {
    /// Replaces [`User::claims`] as a whole.
    pub claims: Option<Map<String, Value>>,
    /// Changes nothing unless [`User::claims`] are these, decided by the store in the same step: what somebody else wrote
    /// meanwhile is not lost.
    pub claims_were: Option<Map<String, Value>>,
    /// Disables (`Some(Some(_))`) or enables (`Some(None)`) the account.
    pub disabled_at: Option<Option<Timestamp>>,
    /// Whether the user must have a second factor.
    pub mfa_required: Option<bool>,
    /// Schedules (`Some(Some(_))`) or cancels (`Some(None)`) the end of the account.
    pub delete_at: Option<Option<Timestamp>>,
}

/// Answer of [`UserStore::change_email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeEmail {
    /// The new address stands, verified.
    Changed,
    /// Another user has it; nothing was written.
    Taken,
    /// The user's address is another than the change began from, or there is no such user; nothing was written.
    Stale,
}

/// What becomes of an account that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEnd {
    /// It stays as it is, disabled: an operator can bring it back.
    Soft,
    /// It stays, disabled, without anything that names a person: its id keeps others' records whole.
    Anonymize,
    /// It goes.
    Hard,
}

/// Users and passwords.
#[async_trait]
pub trait UserStore: Backend {
    /// Writes the user and the password hash together, or neither. The e-mail address and the username must each be
    /// free, decided by the store in the same step: two registrations at once, one wins.
    async fn create_user(
        &self,
        user: &User,
        password: Option<&PasswordHash>,
    ) -> StoreResult<CreateUser>;

    /// The user with this id.
    async fn user(&self, id: &UserId) -> StoreResult<Option<User>>;

    /// The user with this identifier and the password hash if there is one, in one round trip.
    /// Compares exactly: normalization happened before.
    async fn credentials(
        &self,
        identifier: &Identifier,
    ) -> StoreResult<Option<(User, Option<PasswordHash>)>>;

    /// The user's password hash.
    async fn password_hash(&self, id: &UserId) -> StoreResult<Option<PasswordHash>>;

    /// Sets the password. `expected` is the hash the caller verified against: when another one stands there
    /// meanwhile, nothing is written and the answer is `false`, so an upgrade of an old hash never undoes a change of
    /// password. `None` sets unconditionally. `false` also when there is no such user.
    async fn set_password(
        &self,
        id: &UserId,
        expected: Option<&PasswordHash>,
        new: &PasswordHash,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Applies a change and returns the user as it stands then (`updated_at` moves when the claims change); `None` when there is no such user.
    async fn update_user(
        &self,
        id: &UserId,
        change: &UserChange,
        now: Timestamp,
    ) -> StoreResult<Option<User>>;

    /// Marks `email` verified, only while it still is the user's address and not verified: the confirmation names the
    /// address it confirms. `true` for the one call that changed it. When `drop_password` is set the password goes in
    /// the same step: whoever claimed the address before its owner came must not keep a way in.
    async fn verify_email(
        &self,
        id: &UserId,
        email: &str,
        drop_password: bool,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Replaces the address `from` by `to` and marks it verified, if `from` still is the user's address and nobody else
    /// has `to`; decided by the store in one step. Whoever proved `to` reads that mailbox now.
    async fn change_email(
        &self,
        id: &UserId,
        from: Option<&str>,
        to: &str,
        now: Timestamp,
    ) -> StoreResult<ChangeEmail>;

    /// Users whose `delete_at` is `now` or before and who are not ended yet, those longest due first, at most `limit`.
    async fn users_to_end(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<UserId>>;

    /// Ends an account whose `delete_at` is `now` or before, in one step with that check: a cancellation that came first
    /// wins. [`Soft`](AccountEnd::Soft) disables; [`Anonymize`](AccountEnd::Anonymize) disables and removes e-mail
    /// address, username, claims and password; [`Hard`](AccountEnd::Hard) removes the row. `delete_at` is cleared where
    /// the row stays. `true` for the one call that did it.
    async fn end_user(&self, id: &UserId, how: AccountEnd, now: Timestamp) -> StoreResult<bool>;
}
