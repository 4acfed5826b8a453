//! The issuers this app trusts.

use std::sync::Arc;

use url::Url;

use super::LocalIssuer;
use super::introspection::Introspection;
use super::refused::{InvalidToken, Refusal};
use super::settings::{Resource, ResourceSettingsError};
use crate::ground::jose::Jws;
use crate::services::Core;
use crate::services::issuer::{Discovery, NamedIssuer, RemoteIssuer};
use crate::services::outbound::Outbound;

/// All of them.
pub(super) struct Issuers {
    local: Option<Local>,
    remote: Vec<Remote>,
    /// The one that is asked.
    introspecting: Option<Arc<Introspection>>,
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
    pub(super) keys: Arc<RemoteIssuer>,
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
        realm: &Arc<str>,
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
            let url = issuer_url("issuer", issuer, outbound)?;
            let discovery = Discovery::new(issuer, &url, NamedIssuer::Exact, outbound.clone());
            remote.push(Remote {
                issuer: issuer.clone(),
                audiences: vec![audience.clone()],
                keys: Arc::new(RemoteIssuer::new(discovery, settings.keys_max_age)),
            });
        }
        let introspecting = Introspection::new(settings, realm, outbound)?;
        let accepts_tokens = local.is_some() || !remote.is_empty() || introspecting.is_some();
        if !accepts_tokens && settings.api_keys.is_none() {
            let problem = "no issuer is trusted: add .provider(…) to the app, or .issuer(…), .introspect(…) or \
                           .api_keys(…) to the Resource";
            return Err(ResourceSettingsError::new("issuer", problem));
        }
        let issuers = Self {
            local,
            remote,
            introspecting,
        };
        issuers.require_one_way()?;
        Ok(issuers)
    }

    /// A JWT is either verified here or asked about: an issuer of both kinds would leave that open.
    fn require_one_way(&self) -> Result<(), ResourceSettingsError> {
        let Some(introspection) = &self.introspecting else {
            return Ok(());
        };
        let issuer = introspection.issuer();
        let fail = |problem: String| Err(ResourceSettingsError::new("introspect", problem));
        let mut local = self.local.iter();
        if local.any(|local| local.issuer.issuer() == issuer) {
            return fail(format!(
                "{issuer} is this app itself, which need not be asked: name the audience alone, with .audience(…)"
            ));
        }
        if self.remote.iter().any(|remote| remote.issuer == issuer) {
            return fail(format!(
                "{issuer} is given to .issuer(…) too: keep that if its access tokens are JWTs, .introspect(…) if they \
                 are opaque or have to be asked about"
            ));
        }
        Ok(())
    }

    /// The issuer to ask about this token, if it is one to ask about.
    pub(super) fn introspecting(&self, token: &str) -> Option<&Arc<Introspection>> {
        let introspecting = self.introspecting.as_ref();
        introspecting.filter(|introspection| introspection.is_for(token))
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
pub(super) fn issuer_url(
    setting: &'static str,
    issuer: &str,
    outbound: &Outbound,
) -> Result<Url, ResourceSettingsError> {
    let fail = |problem: String| ResourceSettingsError::new(setting, problem);
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
