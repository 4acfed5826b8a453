//! Users, their identifiers and their password.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{
    AccountEnd, ChangeEmail, CreateUser, Identifier, PasswordHash, StoreError, StoreResult, User,
    UserChange, UserId, UserStore,
};

#[derive(Default)]
pub(super) struct Users {
    accounts: HashMap<UserId, Account>,
    by_email: HashMap<String, UserId>,
    by_username: HashMap<String, UserId>,
    ends: BTreeSet<(Timestamp, UserId)>,
}

#[derive(Clone)]
struct Account {
    user: Arc<User>,
    password: Option<PasswordHash>,
}

impl Users {
    fn create(&mut self, user: &User, password: Option<&PasswordHash>) -> StoreResult<CreateUser> {
        let taken = |map: &HashMap<String, UserId>, name: &Option<String>| {
            name.as_ref().is_some_and(|name| map.contains_key(name))
        };
        if taken(&self.by_email, &user.email) {
            return Ok(CreateUser::EmailTaken);
        }
        if taken(&self.by_username, &user.username) {
            return Ok(CreateUser::UsernameTaken);
        }
        if self.accounts.contains_key(&user.id) {
            return Err(StoreError::Exists { record: "user" });
        }
        if let Some(email) = &user.email {
            self.by_email.insert(email.clone(), user.id.clone());
        }
        if let Some(username) = &user.username {
            self.by_username.insert(username.clone(), user.id.clone());
        }
        if let Some(delete_at) = user.delete_at {
            self.ends.insert((delete_at, user.id.clone()));
        }
        self.accounts.insert(
            user.id.clone(),
            Account {
                user: Arc::new(user.clone()),
                password: password.cloned(),
            },
        );
        Ok(CreateUser::Created)
    }

    fn find(&self, identifier: &Identifier) -> Option<Account> {
        let id = match identifier {
            Identifier::Email(email) => self.by_email.get(email),
            Identifier::Username(username) => self.by_username.get(username),
        }?;
        self.accounts.get(id).cloned()
    }

    fn set_password(
        &mut self,
        id: &UserId,
        expected: Option<&PasswordHash>,
        new: &PasswordHash,
    ) -> bool {
        let Some(account) = self.accounts.get_mut(id) else {
            return false;
        };
        if expected.is_some() && account.password.as_ref() != expected {
            return false;
        }
        account.password = Some(new.clone());
        true
    }

    fn update(&mut self, id: &UserId, change: &UserChange, now: Timestamp) -> Option<Arc<User>> {
        let account = self.accounts.get_mut(id)?;
        let were = change.claims_were.as_ref();
        if were.is_some_and(|were| account.user.claims != *were) {
            return None;
        }
        let user = Arc::make_mut(&mut account.user);
        if let Some(claims) = &change.claims {
            user.claims.clone_from(claims);
            user.updated_at = now;
        }
        if let Some(disabled_at) = change.disabled_at {
            user.disabled_at = disabled_at;
        }
        if let Some(required) = change.mfa_required {
            user.mfa_required = required;
        }
        if let Some(delete_at) = change.delete_at {
            if let Some(old) = user.delete_at {
                self.ends.remove(&(old, id.clone()));
            }
            if let Some(new) = delete_at {
                self.ends.insert((new, id.clone()));
            }
            user.delete_at = delete_at;
        }
        Some(Arc::clone(&account.user))
    }

    fn verify_email(
        &mut self,
        id: &UserId,
        email: &str,
        drop_password: bool,
        now: Timestamp,
    ) -> bool {
        let Some(account) = self.accounts.get_mut(id) else {
            return false;
        };
        if account.user.email.as_deref() != Some(email) || account.user.email_verified_at.is_some()
        {
            return false;
        }
        let user = Arc::make_mut(&mut account.user);
        user.email_verified_at = Some(now);
        user.updated_at = now;
        if drop_password {
            account.password = None;
        }
        true
    }

    fn change_email(
        &mut self,
        id: &UserId,
        from: Option<&str>,
        to: &str,
        now: Timestamp,
    ) -> ChangeEmail {
        let Some(account) = self.accounts.get_mut(id) else {
            return ChangeEmail::Stale;
        };
        if account.user.email.as_deref() != from {
            return ChangeEmail::Stale;
        }
        if self.by_email.get(to).is_some_and(|owner| owner != id) {
            return ChangeEmail::Taken;
        }
        if let Some(from) = from {
            self.by_email.remove(from);
        }
        self.by_email.insert(to.to_owned(), id.clone());
        let user = Arc::make_mut(&mut account.user);
        user.email = Some(to.to_owned());
        user.email_verified_at = Some(now);
        user.updated_at = now;
        ChangeEmail::Changed
    }

    fn to_end(&self, now: Timestamp, limit: usize) -> Vec<UserId> {
        let due = self.ends.iter().take_while(|(at, _)| *at <= now);
        due.take(limit).map(|(_, id)| id.clone()).collect()
    }

    fn end(&mut self, id: &UserId, how: AccountEnd, now: Timestamp) -> bool {
        let Some(account) = self.accounts.get_mut(id) else {
            return false;
        };
        let Some(due) = account.user.delete_at.filter(|due| *due <= now) else {
            return false;
        };
        self.ends.remove(&(due, id.clone()));
        let user = Arc::make_mut(&mut account.user);
        user.delete_at = None;
        user.disabled_at = user.disabled_at.or(Some(now));
        if how == AccountEnd::Soft {
            return true;
        }
        if let Some(email) = user.email.take() {
            self.by_email.remove(&email);
        }
        if let Some(username) = user.username.take() {
            self.by_username.remove(&username);
        }
        user.email_verified_at = None;
        user.claims.clear();
        user.updated_at = now;
        account.password = None;
        if how == AccountEnd::Hard {
            self.accounts.remove(id);
        }
        true
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn create_user(
        &self,
        user: &User,
        password: Option<&PasswordHash>,
    ) -> StoreResult<CreateUser> {
        lock(&self.inner.users).create(user, password)
    }

    async fn user(&self, id: &UserId) -> StoreResult<Option<User>> {
        let found = lock(&self.inner.users).accounts.get(id).cloned();
        Ok(found.map(|account| Arc::unwrap_or_clone(account.user)))
    }

    async fn credentials(
        &self,
        identifier: &Identifier,
    ) -> StoreResult<Option<(User, Option<PasswordHash>)>> {
        let found = lock(&self.inner.users).find(identifier);
        Ok(found.map(|account| (Arc::unwrap_or_clone(account.user), account.password)))
    }

    async fn password_hash(&self, id: &UserId) -> StoreResult<Option<PasswordHash>> {
        let users = lock(&self.inner.users);
        Ok(users
            .accounts
            .get(id)
            .and_then(|account| account.password.clone()))
    }

    async fn set_password(
        &self,
        id: &UserId,
        expected: Option<&PasswordHash>,
        new: &PasswordHash,
        _now: Timestamp,
    ) -> StoreResult<bool> {
        Ok(lock(&self.inner.users).set_password(id, expected, new))
    }

    async fn update_user(
        &self,
        id: &UserId,
        change: &UserChange,
        now: Timestamp,
    ) -> StoreResult<Option<User>> {
        let found = lock(&self.inner.users).update(id, change, now);
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn verify_email(
        &self,
        id: &UserId,
        email: &str,
        drop_password: bool,
        now: Timestamp,
    ) -> StoreResult<bool> {
        Ok(lock(&self.inner.users).verify_email(id, email, drop_password, now))
    }

    async fn change_email(
        &self,
        id: &UserId,
        from: Option<&str>,
        to: &str,
        now: Timestamp,
    ) -> StoreResult<ChangeEmail> {
        Ok(lock(&self.inner.users).change_email(id, from, to, now))
    }

    async fn users_to_end(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<UserId>> {
        Ok(lock(&self.inner.users).to_end(now, limit as usize))
    }

    async fn end_user(&self, id: &UserId, how: AccountEnd, now: Timestamp) -> StoreResult<bool> {
        Ok(lock(&self.inner.users).end(id, how, now))
    }
}
