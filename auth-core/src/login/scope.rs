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

    /// As [`load`](Self::load), for a sign-in at WorkOS, with what its access token says. The organization and the role
    /// of the token stand where these facts name none. Does what `load` does, unless it is written.
    #[cfg(feature = "workos")]
    async fn load_hosted(
        &self,
        signed_in: &SignedIn,
        access: &super::HostedAccess,
    ) -> Result<ScopeFacts, ScopeError> {
        let _ = access;
        self.load(signed_in).await
    }
}

impl LoginWing {
    /// The scope of a sign-in: user, session, what the settings' loader adds, and for a sign-in at WorkOS the organization
    /// and the role of its access token.
    ///
    /// # Errors
    /// A 500 when the loader fails; the log has the cause. For a sign-in at WorkOS, a 503 when it does not answer and its
    /// token has ended, a 401 when the session has ended there.
    pub async fn scope(&self, signed_in: &SignedIn) -> Result<Scope, Problem> {
        #[cfg(feature = "workos")]
        let facts = match self.hosted_access(signed_in).await? {
            Some(access) => self.hosted_facts(signed_in, &access).await?,
            None => self.facts(signed_in).await?,
        };
        #[cfg(not(feature = "workos"))]
        let facts = self.facts(signed_in).await?;
        Ok(Scope {
            user: signed_in.user.clone(),
            session: signed_in.session.clone(),
            organization: facts.organization,
            role: facts.role,
            admin: facts.admin,
            profile: facts.profile,
        })
    }

    async fn facts(&self, signed_in: &SignedIn) -> Result<ScopeFacts, Problem> {
        let Some(loader) = &self.settings.scope_loader else {
            return Ok(ScopeFacts::default());
        };
        let facts = loader.load(signed_in).await;
        facts.map_err(|error| failed(&*error, signed_in))
    }

    #[cfg(feature = "workos")]
    async fn hosted_facts(
        &self,
        signed_in: &SignedIn,
        access: &super::HostedAccess,
    ) -> Result<ScopeFacts, Problem> {
        let mut facts = match &self.settings.scope_loader {
            None => ScopeFacts::default(),
            Some(loader) => {
                let facts = loader.load_hosted(signed_in, access).await;
                facts.map_err(|error| failed(&*error, signed_in))?
            }
        };
        // A role means something in its own organization only: where the loader names another one, the token's is none.
        if facts.organization.is_none() {
            facts.organization.clone_from(&access.organization);
            facts.role = facts.role.or_else(|| access.role.clone());
        }
        Ok(facts)
    }
}

fn failed(error: &(dyn std::error::Error + 'static), signed_in: &SignedIn) -> Problem {
    tracing::error!(
        error,
        user = signed_in.user.id.as_str(),
        "the scope loader failed"
    );
    Problem::internal()
}
