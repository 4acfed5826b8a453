//! The issuers this app trusts.

use std::sync::Arc;

use url::Url;

use super::LocalIssuer;
use super::discovery::Discovery;
use super::issuer_keys::IssuerKeys;
use super::refused::{InvalidToken, Refusal};
use super::settings::{Resource, ResourceSettingsError};
use crate::ground::jose::Jws;
use crate::services::Core;
use crate::services::outbound::Outbound;

/// All of them.
pub(super) struct Issuers {
    local: Option<Local>,
    remote: Vec<Remote>,
}

/// The app's own provider.
pub(super) struct Local {
    pub(super) issuer: Arc<dyn LocalIssuer>,
    pub(super) audiences: Vec<String>,
}

/// Another one, with keys that come over the network.
pub(super) struct Remote {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) keys: Arc<IssuerKeys>,
}

/// One of them.
pub(super) enum Issuer<'a> {
    Local(&'a Local),
    Remote(&'a Remote),
}

impl Issuers {
    pub(super) fn new(
        core: &Core,
        settings: &Resource,
        local: Option<Arc<dyn LocalIssuer>>,
        outbound: &Outbound,
    ) -> Result<Self, ResourceSettingsError> {
        let local = local.map(|issuer| Local {
            issuer,
            audiences: if settings.audiences.is_empty() {
                vec![core.base.issuer().to_owned()]
            } else {
                settings.audiences.clone()
            },
        });
        let mut remote: Vec<Remote> = Vec::new();
        for (issuer, audience) in &settings.issuers {
            if local
                .as_ref()
                .is_some_and(|local| local.issuer.issuer() == issuer)
            {
                let problem = format!(
                    "{issuer} is this app itself: name the audience alone, with .audience(…)"
                );
                return Err(ResourceSettingsError::new("issuer", problem));
            }
            if let Some(known) = remote.iter_mut().find(|known| known.issuer == *issuer) {
                known.audiences.push(audience.clone());
                continue;
            }
            let url = issuer_url(issuer, outbound)?;
            let discovery = Discovery::new(issuer, &url, outbound.clone());
            remote.push(Remote {
                issuer: issuer.clone(),
                audiences: vec![audience.clone()],
                keys: Arc::new(IssuerKeys::new(discovery, settings.keys_max_age)),
            });
        }
        if local.is_none() && remote.is_empty() {
            let problem =
                "no issuer is trusted: add .provider(…) to the app, or .issuer(…) to the Resource";
            return Err(ResourceSettingsError::new("issuer", problem));
        }
        Ok(Self { local, remote })
    }

    /// Whose token this claims to be: it says whose keys to try, nothing more. Not even looked at where only one's keys
    /// come into question.
    pub(super) fn of(&self, jws: &Jws<'_>) -> Result<Issuer<'_>, Refusal> {
        if let (Some(local), []) = (&self.local, self.remote.as_slice()) {
            return Ok(Issuer::Local(local));
        }
        let claims = jws.dangerous_unverified_claims()?;
        let named = claims.str("iss").ok_or(InvalidToken::Claims)?;
        let local = self
            .local
            .iter()
            .filter(|local| local.issuer.issuer() == named);
        let remote = self.remote.iter().filter(|remote| remote.issuer == named);
        local
            .map(Issuer::Local)
            .chain(remote.map(Issuer::Remote))
            .next()
            .ok_or_else(|| InvalidToken::UntrustedIssuer.into())
    }

    /// Returns when no fetch runs.
    #[cfg(test)]
    pub(super) async fn settled(&self) {
        for remote in &self.remote {
            remote.keys.settled().await;
        }
    }
}

/// An issuer identifier is an https URL without query and fragment (RFC 8414 §2).
fn issuer_url(issuer: &str, outbound: &Outbound) -> Result<Url, ResourceSettingsError> {
    let fail = |problem: String| ResourceSettingsError::new("issuer", problem);
    outbound
        .admits(issuer)
        .map_err(|error| fail(format!("{issuer:?}: {error}")))?;
    let url = Url::parse(issuer).map_err(|error| fail(format!("{issuer:?}: {error}")))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail(format!(
            "{issuer:?} must have no query and no fragment"
        )));
    }
    Ok(url)
}
