//! Builds the wings that were asked for and joins them.

use std::sync::Arc;

use super::Inner;
use super::builder::BuildError;
use super::table::{Endpoint, Table};
use crate::services::Core;

/// The wings' settings, on the way to the wings.
pub(super) struct Wings {
    #[cfg(feature = "login")]
    pub(super) login: Option<crate::login::Login>,
    #[cfg(feature = "provider")]
    pub(super) provider: Option<crate::provider::Provider>,
    #[cfg(feature = "resource")]
    pub(super) resource: Option<crate::resource::Resource>,
    #[cfg(feature = "outbound")]
    pub(super) outbound: crate::services::outbound::OutboundPolicy,
}

impl Wings {
    /// The path below which the pages' files lie: the first wing's.
    pub(super) fn asset_path(&self) -> String {
        #[cfg(feature = "login")]
        if let Some(login) = &self.login {
            return format!("{}/assets", login.path);
        }
        #[cfg(feature = "provider")]
        if let Some(provider) = &self.provider {
            return format!("{}/assets", provider.path);
        }
        "/auth/assets".to_owned()
    }

    #[cfg_attr(
        not(feature = "provider"),
        expect(clippy::unused_async, reason = "only the provider reads a store to start")
    )]
    pub(super) async fn build(
        self,
        core: Arc<Core>,
        #[cfg_attr(
            not(any(feature = "login", feature = "provider")),
            expect(unused_mut, reason = "only the wings have routes")
        )]
        mut table: Table,
    ) -> Result<Inner, BuildError> {
        #[cfg(feature = "outbound")]
        let outbound = crate::services::outbound::Outbound::new(self.outbound)?;

        #[cfg(feature = "login")]
        let login = match self.login {
            Some(settings) => {
                #[cfg(feature = "provider")]
                let settings = match &self.provider {
                    Some(provider) => settings.account_link(
                        "grants",
                        core.base.path(&format!("{}/grants", provider.path)),
                    ),
                    None => settings,
                };
                let wing = Arc::new(crate::login::LoginWing::new(core.clone(), settings)?);
                for (route, endpoint) in wing.routes() {
                    let endpoint = Endpoint::Login(endpoint);
                    table.add(route, endpoint).map_err(BuildError::Path)?;
                }
                Some(wing)
            }
            None => None,
        };

        #[cfg(feature = "provider")]
        let provider = match self.provider {
            Some(settings) => {
                let accounts = settings.accounts.clone();
                #[cfg(feature = "login")]
                let accounts = accounts.or_else(|| {
                    let login = login.clone()?;
                    let accounts = crate::bridge::LoginAccounts::new(core.clone(), login);
                    Some(Arc::new(accounts) as Arc<dyn crate::provider::AccountResolver>)
                });
                let accounts = accounts.ok_or(BuildError::Missing {
                    setting: "accounts",
                    fix: "add .login(…) to the Auth builder, or .accounts(…) to the Provider",
                })?;
                let fetcher = Arc::new(crate::bridge::OutboundJwks(outbound.clone()));
                let wing =
                    crate::provider::ProviderWing::new(core.clone(), settings, accounts, fetcher)
                        .await?;
                let wing = Arc::new(wing);
                for (route, endpoint) in wing.routes() {
                    let endpoint = Endpoint::Provider(endpoint);
                    table.add(route, endpoint).map_err(BuildError::Path)?;
                }
                #[cfg(feature = "login")]
                if let Some(login) = &login {
                    login.observe_sessions(Arc::new(crate::bridge::EndGrants::new(&wing)));
                }
                Some(wing)
            }
            None => None,
        };

        #[cfg(feature = "resource")]
        let resource = {
            #[cfg(feature = "provider")]
            let local = provider.as_ref().map(|provider| {
                let issuer = crate::bridge::ProviderIssuer::new(core.clone(), provider.clone());
                Arc::new(issuer) as Arc<dyn crate::resource::LocalIssuer>
            });
            #[cfg(not(feature = "provider"))]
            let local = None;
            // The app's own provider is trusted without being asked for; nothing else is.
            match self.resource.or_else(|| {
                local.as_ref().map(|_| crate::resource::Resource::default())
            }) {
                Some(settings) => Some(Arc::new(crate::resource::ResourceWing::new(
                    core.clone(),
                    settings,
                    local,
                    outbound,
                )?)),
                None => None,
            }
        };

        Ok(Inner {
            core,
            table,
            #[cfg(feature = "login")]
            login,
            #[cfg(feature = "provider")]
            provider,
            #[cfg(feature = "resource")]
            resource,
        })
    }
}
