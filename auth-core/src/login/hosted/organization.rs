//! An organization for whoever has none, where the operator wants that.

use workos::organization_membership::{
    CreateOrganizationMembershipParams, CreateOrganizationMembershipParamsBody,
    ListOrganizationMembershipsParams,
};
use workos::organizations::CreateOrganizationParams;
use workos::{Organization, OrganizationInput};

use super::Hosted;
use super::api::{Authenticated, CallError, tokens_of};
use crate::ground::Timestamp;

impl Hosted {
    /// The sign-in, acting for an organization of the person's own if they are a member of none. What fails leaves the
    /// sign-in as it came: people get in, and the next sign-in tries again.
    pub(super) async fn with_organization(
        &self,
        came: Authenticated,
        now: Timestamp,
    ) -> Authenticated {
        let Some(name) = &self.settings.organization_name else {
            return came;
        };
        if came.access.organization.is_some() {
            return came;
        }
        let Some(name) = name(&came.user).filter(|name| !name.trim().is_empty()) else {
            return came;
        };
        let organization = match self.own_organization(&came.user.id, name).await {
            Ok(Some(organization)) => organization,
            Ok(None) => return came,
            Err(_) => {
                tracing::warn!("no organization could be made for a person without one");
                return came;
            }
        };
        self.acting_for(came, &organization, now).await
    }

    /// The organization made for this person; `None` where they are a member of one already.
    async fn own_organization(
        &self,
        user: &str,
        name: String,
    ) -> Result<Option<String>, CallError> {
        let memberships = self.client.organization_membership();
        let listed = ListOrganizationMembershipsParams {
            user_id: Some(user.to_owned()),
            ..ListOrganizationMembershipsParams::default()
        };
        let listed = memberships.list_organization_memberships(listed).await?;
        if !listed.data.is_empty() {
            return Ok(None);
        }
        let made = self.made_for(user, name).await?;
        let body = CreateOrganizationMembershipParamsBody::new(user, &made.id);
        let joined = memberships
            .create_organization_membership(CreateOrganizationMembershipParams::new(body))
            .await;
        match joined {
            // Made, if not told in all the words the client knows: WorkOS's own emulator leaves some out.
            Ok(_) | Err(workos::Error::Decode(_)) => Ok(Some(made.id)),
            Err(error) => match CallError::from(error) {
                // Another sign-in of theirs was faster.
                CallError::Refused(_) => Ok(Some(made.id)),
                other => Err(other),
            },
        }
    }

    async fn made_for(&self, user: &str, name: String) -> Result<Organization, CallError> {
        let organizations = self.client.organizations();
        match organizations.get_organization_by_external_id(user).await {
            Ok(made) => return Ok(made),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        #[expect(deprecated, reason = "the struct has a field that is")]
        let body = OrganizationInput {
            name,
            domains: None,
            domain_data: None,
            metadata: None,
            allow_profiles_outside_organization: None,
            external_id: Some(user.to_owned()),
        };
        let made = organizations
            .create_organization(CreateOrganizationParams::new(body))
            .await;
        match made.map_err(CallError::from) {
            // External ids are unique there: the other sign-in's organization is the one.
            Err(CallError::Refused(_)) => {
                Ok(organizations.get_organization_by_external_id(user).await?)
            }
            made => made,
        }
    }

    async fn acting_for(
        &self,
        came: Authenticated,
        organization: &str,
        now: Timestamp,
    ) -> Authenticated {
        let Some(refresh_token) = came.tokens.refresh_token.as_ref() else {
            return came;
        };
        let Ok(answer) = self.refresh(refresh_token, Some(organization)).await else {
            return came;
        };
        let token = answer.access_token.expose();
        match self.verify(token, Some(&came.user.id), now).await {
            Ok(access) => Authenticated {
                tokens: tokens_of(answer.access_token, answer.refresh_token),
                user: answer.user,
                access,
            },
            // The old refresh token is spent by now; its access token lasts for minutes, then they sign in again.
            Err(_) => came,
        }
    }
}
