//! What a handler knows of the person it serves.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{LoginWing, SignedIn};
use crate::store::{Session, User};
use crate::web::Problem;

/// The person signed in, with what the host knows of them.
#[derive(Clone)]
pub struct Scope {
    /// Who.
    pub user: User,
    /// By which sign-in.
    pub session: Session,
    /// The organization they act for, as the loader names it.
    pub organization: Option<String>,
    /// Their role there, as the loader names it.
    pub role: Option<String>,
    /// Whether they administer the whole product, as the loader says.
    pub admin: bool,
    profile: Option<Arc<dyn Any + Send + Sync>>,
}

impl Scope {
    /// The host's own record, if the loader gave one of this type.
    pub fn profile<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.profile.as_deref()?.downcast_ref()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("user", &self.user.id)
            .field("session", &self.session.id)
            .field("organization", &self.organization)
            .field("role", &self.role)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// What a loader fills in. Nothing, unless it says so: nobody is an administrator by default.
#[derive(Default)]
pub struct ScopeFacts {
    /// The organization the person acts for.
    pub organization: Option<String>,
    /// Their role there.
    pub role: Option<String>,
    /// Whether they administer the whole product.
    pub admin: bool,
    /// A record of the host's own, read back by [`Scope::profile`].
    pub profile: Option<Arc<dyn Any + Send + Sync>>,
}

/// Why a loader failed.
pub type ScopeError = Box<dyn std::error::Error + Send + Sync>;

/// Looks up what the host knows of a person signed in.
#[async_trait]
pub trait ScopeLoader: Send + Sync + 'static {
    /// The facts for this sign-in. A failure refuses the request (500) and is logged: a handler never runs with half
    /// of what decides its access.
    async fn load(&self, signed_in: &SignedIn) -> Result<ScopeFacts, ScopeError>;
}

impl LoginWing {
    /// The scope of a sign-in: user, session, and what the settings' loader adds.
    ///
    /// # Errors
    /// A 500 when the loader fails; the log has the cause.
    pub async fn scope(&self, signed_in: &SignedIn) -> Result<Scope, Problem> {
        let facts = match &self.settings.scope_loader {
            None => ScopeFacts::default(),
            Some(loader) => loader.load(signed_in).await.map_err(|error| {
                tracing::error!(
                    error = &*error as &dyn std::error::Error,
                    user = signed_in.user.id.as_str(),
                    "the scope loader failed"
                );
                Problem::internal()
            })?,
        };
        Ok(Scope {
            user: signed_in.user.clone(),
            session: signed_in.session.clone(),
            organization: facts.organization,
            role: facts.role,
            admin: facts.admin,
            profile: facts.profile,
        })
    }
}
