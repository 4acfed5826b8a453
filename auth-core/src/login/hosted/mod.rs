//! Hosted sign-in with WorkOS AuthKit: one more way into the same login wing.
//!
//! - The sign-in itself (state, PKCE, account) is that of every other provider; what is told apart here is what WorkOS
//!   does its own way: the authorization URL, the code's redemption, the logout URL.
//! - A session that came from there rests on WorkOS's access token. It is checked by the client's key set and kept with
//!   the session, sealed; a check that was made counts as long as the token does, so a request costs one look-up by key
//!   and no call. A token that has ended is refreshed once, whoever asks at once and on however many nodes; a refresh
//!   that WorkOS refuses ends the session, one that it does not answer ends nothing: the host's routes are told 503, the
//!   pages of the wing go on, so that people can sign out or in by another way. Of all who then want to ask, one does.
//! - Sessions of other kinds pay nothing: `amr` says which are these ([`acr::HOSTED`](super::acr::HOSTED)).

mod access;
mod access_token;
mod api;
mod breaker;
mod claims_cache;
mod denial;
mod directory;
mod endpoints;
mod keys;
mod organization;
mod refresh;
mod renewal;
pub(super) mod secrets;
mod settings;
mod standing;
mod transport;
mod webhook;

use std::sync::Arc;

pub use access::HostedAccess;
pub use directory::HostedError;
pub(super) use endpoints::{Endpoint, for_registration};
pub use settings::WorkOs;

use self::breaker::Breaker;
use self::claims_cache::ClaimsCache;
use self::directory::Directory;
use self::keys::key_set;
use self::settings::WORKOS_API;
use self::transport::Transport;
use super::LoginSettingsError;
use super::failures::Failures;
use super::federation::Upstream;
use super::federation::client::Client;
use super::turns::Turns;
use crate::services::issuer::RemoteIssuer;
use crate::services::outbound::{Outbound, OutboundPolicy};
use crate::store::SessionId;
use crate::web::BaseUrl;

/// The name of this way in: part of the callback's path.
pub(in crate::login) const NAME: &str = "workos";
/// How often a call that changes nothing is made again.
const RETRIES: u32 = 1;
/// A list of users is long.
const BODY_LIMIT: usize = 1024 * 1024;

/// One WorkOS environment.
pub(in crate::login) struct Hosted {
    settings: WorkOs,
    client: workos::Client,
    outbound: Outbound,
    /// What identities are linked by, beside the user's id.
    pub(super) issuer: String,
    /// What tokens may name as `iss`.
    issuers: Vec<String>,
    keys: Arc<RemoteIssuer>,
    checked: ClaimsCache,
    turns: Turns<SessionId>,
    failures: Failures<SessionId>,
    breaker: Breaker,
    users: Directory<workos::User>,
    organizations: Directory<workos::Organization>,
}

impl Hosted {
    /// # Errors
    /// Names what cannot work.
    pub(in crate::login) fn new(settings: WorkOs) -> Result<Arc<Self>, LoginSettingsError> {
        settings.validate()?;
        let fail = |problem: String| LoginSettingsError {
            setting: "hosted",
            problem,
        };
        let outbound = Outbound::new(policy(&settings)).map_err(|error| fail(error.to_string()))?;
        let transport = Arc::new(Transport(outbound.clone()));
        let client = workos::Client::builder()
            .api_key(settings.api_key.as_str())
            .client_id(&settings.client_id)
            .base_url(&settings.base_url)
            .max_retries(RETRIES)
            .transport(transport)
            .try_build()
            .map_err(|_| fail("the API key cannot be sent in a header".to_owned()))?;
        let own = |base: &str| format!("{base}/user_management/{}", settings.client_id);
        let mut issuers = settings.issuers.clone();
        for base in [settings.base_url.as_str(), WORKOS_API] {
            issuers.extend([base.to_owned(), format!("{base}/"), own(base)]);
        }
        let (most, age) = (settings.cache_entries, settings.cache_age);
        Ok(Arc::new(Self {
            issuer: own(&settings.base_url),
            issuers,
            keys: key_set(&settings, outbound.clone()),
            outbound,
            checked: ClaimsCache::new(most),
            turns: Turns::default(),
            failures: Failures::lasting(renewal::RETRY),
            breaker: Breaker::default(),
            users: Directory::new(most, age),
            organizations: Directory::new(most, age),
            client,
            settings,
        }))
    }

    /// This way in among the others: what it does its own way it does itself.
    pub(in crate::login) fn federated(self: &Arc<Self>, base: &BaseUrl, path: &str) -> Arc<Client> {
        let redirect_uri = base.absolute(&format!("{path}/callback/{NAME}"));
        Client::of_hosted(self.clone(), redirect_uri, self.outbound.clone())
    }

    /// As an operator would have configured it: trusted with addresses, which people confirm on the operator's own hosted
    /// page, unless the settings say otherwise, and to be signed out of. How people signed in there counts for nothing:
    /// its answers do not say.
    pub(in crate::login) fn upstream(&self) -> Upstream {
        let place = |path: &str| format!("{}/user_management/{path}", self.settings.base_url);
        let (authorize, authenticate) = (place("authorize"), place("authenticate"));
        let upstream = Upstream::oauth2(NAME, authorize, authenticate, &self.settings.client_id)
            .issuer(&self.issuer)
            .label(&self.settings.label)
            .sign_out_there();
        if self.settings.trusts_email {
            upstream.trust_email()
        } else {
            upstream
        }
    }

    fn client_id(&self) -> &str {
        &self.settings.client_id
    }
}

/// The operator named the host: it may be reached wherever it is. Nothing else is.
fn policy(settings: &WorkOs) -> OutboundPolicy {
    let policy = OutboundPolicy::default()
        .timeout(settings.timeout)
        .body_limit(BODY_LIMIT);
    if settings.base_url == WORKOS_API {
        return policy;
    }
    let Ok(url) = url::Url::parse(&settings.base_url) else {
        return policy;
    };
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => policy.dangerous_allow_host(format!("{host}:{port}")),
        _ => policy,
    }
}
