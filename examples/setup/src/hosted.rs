//! Hosted sign-in: `WORKOS_…`.

use async_trait::async_trait;
use auth_core::login::{
    HostedAccess, Login, ScopeError, ScopeFacts, ScopeLoader, SignedIn, WorkOs,
};

use crate::{SetupError, environment, in_words};

/// The settings with hosted sign-in, if the environment names a client: its own variables, and of these hosts
/// `WORKOS_TRUST_EMAIL`, `WORKOS_CREATE_ORGANIZATION` and `WORKOS_STAFF_ORGANIZATION`.
pub(crate) fn add_to(login: Login) -> Result<Login, SetupError> {
    let settings = WorkOs::from_env(environment::text).map_err(|error| in_words(&error))?;
    let Some(settings) = settings else {
        return Ok(login);
    };
    let mut settings = settings.trust_email(environment::parsed("WORKOS_TRUST_EMAIL", true)?);
    if environment::parsed("WORKOS_CREATE_ORGANIZATION", false)? {
        settings = settings.create_organization(|user| Some(format!("Team of {}", user.email)));
    }
    let login = login.hosted(settings);
    Ok(match environment::text("WORKOS_STAFF_ORGANIZATION") {
        Some(organization) => login.scope_loader(Staff { organization }),
        None => login,
    })
}

/// Whoever acts for the operator's own organization as its `admin` administers the whole product. The role alone says
/// nothing: everybody's organization has admins.
struct Staff {
    organization: String,
}

#[async_trait]
impl ScopeLoader for Staff {
    async fn load(&self, _: &SignedIn) -> Result<ScopeFacts, ScopeError> {
        Ok(ScopeFacts::default())
    }

    async fn load_hosted(
        &self,
        _: &SignedIn,
        access: &HostedAccess,
    ) -> Result<ScopeFacts, ScopeError> {
        let is_here = access.organization.as_ref() == Some(&self.organization);
        Ok(ScopeFacts {
            admin: is_here && access.role.as_deref() == Some("admin"),
            ..ScopeFacts::default()
        })
    }
}
