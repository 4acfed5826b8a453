//! Hosted sign-in: `WORKOS_…`.

use async_trait::async_trait;
use auth_core::auth::Auth;
use auth_core::login::{
    HostedAccess, Login, ScopeError, ScopeFacts, ScopeLoader, SignedIn, WorkOs,
};
use auth_core::workos::CreateUserInviteOptions;
use auth_core::workos::user_management::{ListUsersParams, SendInvitationParams};
use serde_json::json;

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

/// Invites somebody to an organization of WorkOS, and says so: what an app manages there it does by the official client.
///
/// # Errors
/// There is no hosted sign-in, WorkOS knows no such organization, or it cannot be asked.
#[expect(
    clippy::print_stdout,
    reason = "the answer to the one who gave the command"
)]
pub async fn invite(auth: &Auth, email: &str, organization: &str) -> Result<(), SetupError> {
    let client = auth.login()?.workos();
    let client = client.ok_or("WORKOS_CLIENT_ID and WORKOS_API_KEY are not set")?;
    let organizations = client.organizations();
    let organization = organizations.get_organization(organization).await?;
    let listed = ListUsersParams {
        email: Some(email.to_owned()),
        ..ListUsersParams::default()
    };
    let users = client.user_management().list_users(listed).await?.data;
    let options = json!({ "email": email, "organization_id": organization.id });
    let options: CreateUserInviteOptions = serde_json::from_value(options)?;
    let params = SendInvitationParams::new(options);
    let invited = client.user_management().send_invitation(params).await?;
    let who = users.first().map_or("somebody new", |_| "a user");
    println!("{}: {who} was invited to {}", invited.id, organization.name);
    Ok(())
}
