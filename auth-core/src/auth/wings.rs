//! Builds the wings that were asked for and joins them.

use std::sync::Arc;

use super::Inner;
use super::builder::BuildError;
#[cfg(any(feature = "login", feature = "provider"))]
use super::table::Endpoint;
use super::table::Table;
#[cfg(feature = "provider")]
use crate::bridge::OutboundJwks;
#[cfg(all(feature = "provider", feature = "resource"))]
use crate::bridge::ProviderIssuer;
#[cfg(all(feature = "login", feature = "provider"))]
use crate::bridge::{Consents, EndGrants, LoginAccounts, PendingRequests};
#[cfg(feature = "login")]
use crate::login::{Login, LoginWing};
#[cfg(feature = "provider")]
use crate::provider::{AccountResolver, Provider, ProviderWing};
#[cfg(feature = "resource")]
use crate::resource::{LocalIssuer, Resource, ResourceWing};
use crate::services::Core;
#[cfg(feature = "outbound")]
use crate::services::outbound::{Outbound, OutboundPolicy};

/// The wings' settings, on the way to the wings.
pub(super) struct Wings {
    #[cfg(feature = "login")]
    pub(super) login: Option<Login>,
    #[cfg(feature = "provider")]
    pub(super) provider: Option<Provider>,
    #[cfg(feature = "resource")]
    pub(super) resource: Option<Resource>,
    #[cfg(feature = "outbound")]
    pub(super) outbound: OutboundPolicy,
}

impl Wings {
    /// Whether anything happens here that could be told of.
    #[cfg_attr(
        not(any(feature = "login", feature = "provider", feature = "resource")),
        expect(
            clippy::unused_self,
            reason = "without wings there is nothing to look at"
        )
    )]
    pub(super) fn any(&self) -> bool {
        let wings = [
            #[cfg(feature = "login")]
            self.login.is_some(),
            #[cfg(feature = "provider")]
            self.provider.is_some(),
            #[cfg(feature = "resource")]
            self.resource.is_some(),
        ];
        wings.contains(&true)
    }

    /// The path below which lies what belongs to no wing: the first wing's.
    #[cfg_attr(
        not(any(feature = "login", feature = "provider")),
        expect(
            clippy::unused_self,
            reason = "without wings there is nothing to look at"
        )
    )]
    pub(super) fn first_path(&self) -> String {
        #[cfg(feature = "login")]
        if let Some(login) = &self.login {
            return login.path.clone();
        }
        #[cfg(feature = "provider")]
        if let Some(provider) = &self.provider {
            return provider.path.clone();
        }
        "/auth".to_owned()
    }

    /// Builds each wing with what it needs of the others, through the bridge.
    #[cfg_attr(
        not(feature = "provider"),
        expect(
            clippy::unused_async,
            reason = "only the provider reads a store to start"
        )
    )]
    pub(super) async fn build(self, core: Arc<Core>, table: Table) -> Result<Inner, BuildError> {
        #[cfg(any(feature = "login", feature = "provider"))]
        let mut table = table;
        #[cfg(feature = "outbound")]
        let outbound = Outbound::new(self.outbound)?;

        #[cfg(feature = "login")]
        let login = self.login;
        // The account page leads to what the provider keeps about the account.
        #[cfg(all(feature = "login", feature = "provider"))]
        let login = match (login, &self.provider) {
            (Some(login), Some(provider)) if provider.accounts.is_none() => {
                let grants = core.base.path(&format!("{}/grants", provider.path));
                Some(login.account_link("Connected apps", grants))
            }
            (login, _) => login,
        };
        #[cfg(feature = "login")]
        let login = login
            .map(|settings| {
                build_login(
                    &core,
                    settings,
                    #[cfg(feature = "federation")]
                    &outbound,
                    &mut table,
                )
            })
            .transpose()?;

        #[cfg(feature = "provider")]
        let provider = match self.provider {
            None => None,
            Some(settings) => {
                let accounts = settings.accounts.clone();
                #[cfg(feature = "login")]
                let accounts = accounts.or_else(|| login_accounts(&core, login.as_ref()));
                Some(build_provider(&core, settings, accounts, outbound.clone(), &mut table).await?)
            }
        };
        #[cfg(all(feature = "login", feature = "provider"))]
        if let (Some(login), Some(provider)) = (&login, &provider) {
            login.observe_sessions(Arc::new(EndGrants::new(provider)));
            login.observe_accounts(Arc::new(Consents::new(core.clone())));
            login.name_requesting_apps(Arc::new(PendingRequests::new(provider)));
        }

        #[cfg(all(feature = "provider", feature = "resource"))]
        let local = provider.clone().map(|provider| {
            Arc::new(ProviderIssuer::new(core.clone(), provider)) as Arc<dyn LocalIssuer>
        });
        #[cfg(all(not(feature = "provider"), feature = "resource"))]
        let local: Option<Arc<dyn LocalIssuer>> = None;
        #[cfg(feature = "resource")]
        let resource = {
            // The app's own provider is trusted without being asked for; nobody else is.
            let own = || local.is_some().then(Resource::default);
            match self.resource.or_else(own) {
                None => None,
                Some(settings) => Some(ResourceWing::new(core.clone(), settings, local, outbound)?),
            }
        };

        Ok(Inner {
            core,
            table,
            peers_without_address: false,
            audit: None,
            #[cfg(feature = "login")]
            login,
            #[cfg(feature = "provider")]
            provider,
            #[cfg(feature = "resource")]
            resource: resource.map(Arc::new),
        })
    }
}

#[cfg(feature = "login")]
fn build_login(
    core: &Arc<Core>,
    settings: Login,
    #[cfg(feature = "federation")] outbound: &Outbound,
    table: &mut Table,
) -> Result<Arc<LoginWing>, BuildError> {
    if settings.needs_mailer() && !core.mails.has_mailer() {
        return Err(BuildError::Missing {
            setting: "mailer",
            fix: "add .mailer(…) to the Auth builder: an SmtpMailer, or while developing DevelopmentOutbox::default()",
        });
    }
    let wing = LoginWing::new(core.clone(), settings)?;
    #[cfg(feature = "federation")]
    let wing = wing.with_outbound(outbound)?;
    for (route, endpoint) in wing.routes() {
        let endpoint = Endpoint::Login(endpoint);
        table.add(route, endpoint).map_err(BuildError::Path)?;
    }
    Ok(Arc::new(wing))
}

#[cfg(all(feature = "login", feature = "provider"))]
fn login_accounts(
    core: &Arc<Core>,
    login: Option<&Arc<LoginWing>>,
) -> Option<Arc<dyn AccountResolver>> {
    let accounts = LoginAccounts::new(core.clone(), login?.clone());
    Some(Arc::new(accounts))
}

#[cfg(feature = "provider")]
async fn build_provider(
    core: &Arc<Core>,
    settings: Provider,
    accounts: Option<Arc<dyn AccountResolver>>,
    outbound: Outbound,
    table: &mut Table,
) -> Result<Arc<ProviderWing>, BuildError> {
    let accounts = accounts.ok_or(BuildError::Missing {
        setting: "accounts",
        fix: "add .login(…) to the Auth builder, or .accounts(…) to the Provider",
    })?;
    let fetcher = Arc::new(OutboundJwks(outbound.clone()));
    let wing = ProviderWing::new(core.clone(), settings, accounts)
        .await?
        .with_jwks_fetcher(fetcher)
        .with_outbound(outbound);
    for (route, endpoint) in wing.routes() {
        let endpoint = Endpoint::Provider(endpoint);
        table.add(route, endpoint).map_err(BuildError::Path)?;
    }
    Ok(Arc::new(wing))
}
