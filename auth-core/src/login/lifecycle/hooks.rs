//! What a host does when accounts begin, sign in and end.
//!
//! A host keeps rows of its own about a person, in a database that may be another than ours, so no transaction can span
//! both. What holds instead: a `before_…` hook has succeeded before the step it stands before is taken, and may refuse
//! it. So no account exists whose [`before_registration`](LifecycleHooks::before_registration) did not succeed, and no
//! account is gone whose [`before_end`](LifecycleHooks::before_end) did not: it is asked again until it does. Both get
//! the user's id and may come twice for the same one. An `after_…` hook is told once, and missed if the process dies in
//! that moment.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::store::{AccountEnd, Session, User, UserId};
use crate::web::Problem;

/// Why a hook stops a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// The host refuses. People read the reason, so it is theirs to know.
    #[error("refused: {0}")]
    Refused(String),
    /// The host could not do its part now.
    #[error("the host's hook failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Refused(reason) => Self::forbidden(reason),
            HookError::Failed(cause) => {
                tracing::error!(error = &*cause as &dyn Error, "a lifecycle hook failed");
                Self::unavailable()
            }
        }
    }
}

/// A host's part in the life of accounts. Every method does nothing unless the host writes it.
#[async_trait]
pub trait LifecycleHooks: Send + Sync + 'static {
    /// An account is about to be made, with this id. Asked before it is known whether its identifiers are free, so that
    /// a refusal tells nobody; where they are not, no account follows.
    ///
    /// # Errors
    /// The account is not made.
    async fn before_registration(&self, user: &User) -> Result<(), HookError> {
        let _ = user;
        Ok(())
    }

    /// An account is about to be made for somebody who came from another provider: here the host adds to the claims the
    /// account begins with, or refuses. [`before_registration`](Self::before_registration) follows.
    ///
    /// # Errors
    /// The account is not made.
    #[cfg(feature = "federation")]
    async fn enrich_new_user(
        &self,
        claims: &mut serde_json::Map<String, Value>,
        from: &crate::login::NewIdentity<'_>,
    ) -> Result<(), HookError> {
        let _ = (claims, from);
        Ok(())
    }

    /// An account was made. Where a person registers it is told beside the request, whose answer does not wait: how long
    /// this takes tells nobody that the address was free (threat 46).
    async fn after_registration(&self, user: &User) {
        let _ = user;
    }

    /// A session is about to begin: every factor that is asked for was given.
    ///
    /// # Errors
    /// Nobody is signed in.
    async fn before_sign_in(&self, user: &User) -> Result<(), HookError> {
        let _ = user;
        Ok(())
    }

    /// A session has begun.
    async fn after_sign_in(&self, user: &User, session: &Session) {
        let _ = (user, session);
    }

    /// An account is about to end: here the host ends what it keeps of the person.
    ///
    /// # Errors
    /// The account stays for now, unusable, and the hook is asked again later.
    async fn before_end(&self, user: &User, how: AccountEnd) -> Result<(), HookError> {
        let _ = (user, how);
        Ok(())
    }

    /// An account has ended.
    async fn after_end(&self, user: &UserId, how: AccountEnd) {
        let _ = (user, how);
    }

    /// What the host keeps of the person, for the export of their data. `Null` for nothing.
    ///
    /// # Errors
    /// There is no export now.
    async fn export(&self, user: &User) -> Result<Value, HookError> {
        let _ = user;
        Ok(Value::Null)
    }
}

/// All hooks, in the order they were given.
#[derive(Clone, Default)]
pub(in crate::login) struct Hooks(pub(in crate::login) Vec<Arc<dyn LifecycleHooks>>);

impl Hooks {
    pub(in crate::login) async fn before_registration(&self, user: &User) -> Result<(), HookError> {
        for hook in &self.0 {
            hook.before_registration(user).await?;
        }
        Ok(())
    }

    #[cfg(feature = "federation")]
    pub(in crate::login) async fn enrich_new_user(
        &self,
        claims: &mut serde_json::Map<String, Value>,
        from: &crate::login::NewIdentity<'_>,
    ) -> Result<(), HookError> {
        for hook in &self.0 {
            hook.enrich_new_user(claims, from).await?;
        }
        Ok(())
    }

    pub(in crate::login) async fn after_registration(&self, user: &User) {
        for hook in &self.0 {
            hook.after_registration(user).await;
        }
    }

    /// As [`after_registration`](Self::after_registration), beside the request.
    pub(in crate::login) fn tell_registered(&self, user: &User) {
        let runtime = tokio::runtime::Handle::try_current();
        let (false, Ok(runtime)) = (self.0.is_empty(), runtime) else {
            return;
        };
        let (hooks, user) = (self.clone(), user.clone());
        runtime.spawn(async move { hooks.after_registration(&user).await });
    }

    pub(in crate::login) async fn before_sign_in(&self, user: &User) -> Result<(), HookError> {
        for hook in &self.0 {
            hook.before_sign_in(user).await?;
        }
        Ok(())
    }

    pub(in crate::login) async fn after_sign_in(&self, user: &User, session: &Session) {
        for hook in &self.0 {
            hook.after_sign_in(user, session).await;
        }
    }

    pub(super) async fn before_end(&self, user: &User, how: AccountEnd) -> Result<(), HookError> {
        for hook in &self.0 {
            hook.before_end(user, how).await?;
        }
        Ok(())
    }

    pub(super) async fn after_end(&self, user: &UserId, how: AccountEnd) {
        for hook in &self.0 {
            hook.after_end(user, how).await;
        }
    }

    pub(super) async fn export(&self, user: &User) -> Result<Vec<Value>, HookError> {
        let mut all = Vec::new();
        for hook in &self.0 {
            match hook.export(user).await? {
                Value::Null => {}
                value => all.push(value),
            }
        }
        Ok(all)
    }
}
