//! Login wing: people sign in to your app, with a password, and stay signed in by a session.

mod account;
mod account_observer;
pub mod acr;
mod attempt;
mod bearer;
mod came_from;
mod captcha;
mod email;
#[cfg(feature = "federation")]
mod failures;
#[cfg(feature = "federation")]
mod federation;
mod first_factor;
#[cfg(feature = "workos")]
mod hosted;
mod identifier;
mod lifecycle;
mod logout;
mod mails;
mod observer;
#[cfg(feature = "passkeys")]
mod passkey;
mod password;
mod password_strength;
mod recency;
mod register;
mod reply;
mod requesting_app;
mod scope;
mod second_factor;
mod session;
mod session_info;
mod session_life;
mod session_watch;
mod settings;
mod sign_in;
mod step_up;
#[cfg(feature = "federation")]
mod turns;
mod users;
#[cfg(any(feature = "passkeys", feature = "federation"))]
mod ways_in;

#[cfg(test)]
#[cfg(feature = "testkit")]
pub(crate) mod tests;

use std::sync::Arc;

use http::Method;

pub use account_observer::AccountObserver;
pub use captcha::{Captcha, CaptchaAction, CaptchaAnswer, CaptchaWidget};
#[cfg(feature = "federation")]
pub use federation::{
    EmailVerified, NewIdentity, Profile, ProfileMap, Upstream, UpstreamTokens, UpstreamTokensError,
};
#[cfg(feature = "workos")]
pub use hosted::{HostedAccess, HostedError, WorkOs};
pub use identifier::{IdentifierError, IdentifierKind, parse_email, parse_username};
pub use lifecycle::{HookError, LifecycleHooks};
pub use observer::{SessionEnd, SessionObserver, SessionsEnded};
pub use password::{
    Argon2Cost, BreachedFilter, BreachedPasswords, BreachedRanges, FilterError, Password,
    PasswordDigest, PasswordRefused, RangeSource,
};
pub use requesting_app::{RequestedSignIn, RequestingApp, RequestingApps};
pub use scope::{Scope, ScopeError, ScopeFacts, ScopeLoader};
pub use second_factor::{MfaPolicy, MfaPolicyError};
pub use session::SignedIn;
pub use session_life::{NewSession, SignInRequest};
pub use session_watch::{SessionNews, SessionSubscription};
pub use settings::{AccountLink, Confirmation, Login, LoginSettingsError, Mfa};
#[cfg(feature = "passkeys")]
pub use settings::{CounterPolicy, UserVerification};
pub use users::{EmailProof, NewUser, UserError};

use crate::services::Core;
use crate::web::{Exchange, Response, Route, Side};
use account_observer::AccountObservers;
use observer::Observers;
use password::{Hashers, Policy};
use requesting_app::Requesters;
use session_watch::SessionWatch;

/// The running login wing.
pub struct LoginWing {
    core: Arc<Core>,
    settings: Login,
    hashers: Hashers,
    observers: Observers,
    account_observers: AccountObservers,
    requesters: Requesters,
    watch: Arc<SessionWatch>,
    #[cfg(feature = "passkeys")]
    relying_party: Option<passkey::RelyingParty>,
    #[cfg(feature = "workos")]
    hosted: Option<Arc<hosted::Hosted>>,
    #[cfg(feature = "federation")]
    upstreams: Vec<Arc<federation::client::Client>>,
    #[cfg(feature = "federation")]
    arrivals: turns::Turns<(String, String)>,
    #[cfg(feature = "federation")]
    renewals: Arc<federation::Renewals>,
}

/// The wing's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Register,
    Login,
    Logout,
    SignedOut,
    Account,
    Profile,
    Password,
    RevokeSession,
    RevokeOthers,
    Session,
    PasswordStrength,
    Email(email::Endpoint),
    SecondFactor(second_factor::Endpoint),
    #[cfg(feature = "passkeys")]
    Passkey(passkey::Endpoint),
    #[cfg(feature = "federation")]
    Federation(federation::Endpoint),
    Lifecycle(lifecycle::Endpoint),
    #[cfg(feature = "workos")]
    Hosted(hosted::Endpoint),
}

impl Endpoint {
    const fn side(self) -> Side {
        match self {
            Self::Session | Self::PasswordStrength => Side::Api,
            Self::Register
            | Self::Login
            | Self::Logout
            | Self::SignedOut
            | Self::Account
            | Self::Profile
            | Self::Password
            | Self::RevokeSession
            | Self::RevokeOthers => Side::Page,
            Self::Email(endpoint) => endpoint.side(),
            Self::SecondFactor(endpoint) => endpoint.side(),
            #[cfg(feature = "passkeys")]
            Self::Passkey(endpoint) => endpoint.side(),
            #[cfg(feature = "federation")]
            Self::Federation(endpoint) => endpoint.side(),
            Self::Lifecycle(endpoint) => endpoint.side(),
            #[cfg(feature = "workos")]
            Self::Hosted(endpoint) => endpoint.side(),
        }
    }
}

impl LoginWing {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting that cannot work and what would.
    pub(crate) fn new(core: Arc<Core>, mut settings: Login) -> Result<Self, LoginSettingsError> {
        settings.settle_password_min();
        settings.validate()?;
        let host = core.base.url().host_str().unwrap_or_default();
        let policy = Policy::new(
            settings.password_min_length,
            settings.password_max_length,
            host,
        );
        let hashers = Hashers::new(
            settings.argon2,
            settings.hashing_permits,
            settings.hashing_queue,
            policy,
            core.random.clone(),
        )
        .with_breached(settings.defence.breached.clone());
        let observers = Observers::new(settings.observers.clone());
        #[cfg(feature = "passkeys")]
        let relying_party = passkey::RelyingParty::new(&settings.passkeys, &core.base)?;
        #[cfg(feature = "workos")]
        let hosted = settings
            .hosted
            .clone()
            .map(hosted::Hosted::new)
            .transpose()?;
        #[cfg(feature = "federation")]
        let upstreams = Vec::new();
        #[cfg(feature = "workos")]
        let upstreams = match &hosted {
            Some(hosted) => vec![hosted.federated(&core.base, &settings.path)],
            None => upstreams,
        };
        Ok(Self {
            #[cfg(feature = "workos")]
            hosted,
            #[cfg(feature = "passkeys")]
            relying_party,
            #[cfg(feature = "federation")]
            upstreams,
            #[cfg(feature = "federation")]
            arrivals: turns::Turns::default(),
            #[cfg(feature = "federation")]
            renewals: Arc::default(),
            watch: SessionWatch::new(core.stores.sessions.clone()),
            core,
            settings,
            hashers,
            observers,
            account_observers: AccountObservers::default(),
            requesters: Requesters::default(),
        })
    }

    /// Tells one more observer whenever sessions end other than by time.
    pub fn observe_sessions(&self, observer: Arc<dyn SessionObserver>) {
        self.observers.add(observer);
    }

    /// Lets one more part of the house take part in the end of accounts and in exports.
    pub fn observe_accounts(&self, observer: Arc<dyn AccountObserver>) {
        self.account_observers.add(observer);
    }

    /// Lets the sign-in page name the app that sends somebody there. Counts once.
    pub fn name_requesting_apps(&self, apps: Arc<dyn RequestingApps>) {
        self.requesters.set(apps);
    }

    /// Gives memory that no password was hashed in since the last call back to the system.
    pub(crate) fn rest(&self) {
        self.hashers.rest();
    }

    /// The path, base path included, of one of the wing's endpoints (`"/login"`).
    pub fn path(&self, endpoint: &str) -> String {
        self.core
            .base
            .path(&format!("{}{endpoint}", self.settings.path))
    }

    /// The absolute URL of one of the wing's endpoints, for mails.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        self.core
            .base
            .absolute(&format!("{}{endpoint}", self.settings.path))
    }

    /// The wing's routes.
    pub(crate) fn routes(&self) -> Vec<(Route, Endpoint)> {
        const GET: &[Method] = &[Method::GET];
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        let own = [
            ("/login", BOTH, Endpoint::Login),
            ("/logout", BOTH, Endpoint::Logout),
            ("/signed-out", GET, Endpoint::SignedOut),
            ("/account", GET, Endpoint::Account),
            ("/account/profile", POST, Endpoint::Profile),
            ("/account/password", POST, Endpoint::Password),
            ("/account/sessions/revoke", POST, Endpoint::RevokeSession),
            (
                "/account/sessions/revoke-others",
                POST,
                Endpoint::RevokeOthers,
            ),
            ("/session", GET, Endpoint::Session),
            ("/password-strength", POST, Endpoint::PasswordStrength),
        ];
        let register =
            self.settings
                .registration
                .then_some(("/register", BOTH, Endpoint::Register));
        let routes = register
            .into_iter()
            .chain(own)
            .chain(all(self.email_routes(), Endpoint::Email))
            .chain(all(self.second_factor_routes(), Endpoint::SecondFactor))
            .chain(all(self.lifecycle_routes(), Endpoint::Lifecycle));
        #[cfg(feature = "passkeys")]
        let routes = routes.chain(all(self.passkey_routes(), Endpoint::Passkey));
        #[cfg(feature = "workos")]
        let routes = routes.chain(all(self.hosted_routes(), Endpoint::Hosted));
        let routes = routes.map(|(path, methods, endpoint)| {
            let route = Route::new(self.path(path), endpoint.side(), methods);
            (route, endpoint)
        });
        #[cfg(feature = "federation")]
        let routes = routes.chain(self.federation_routes().into_iter().map(
            |(path, methods, endpoint)| {
                let endpoint = Endpoint::Federation(endpoint);
                let route = Route::new(self.path(&path), endpoint.side(), methods);
                (route, endpoint)
            },
        ));
        routes.collect()
    }

    /// Answers a request to one of the routes.
    pub(crate) async fn handle(&self, endpoint: Endpoint, exchange: &mut Exchange<'_>) -> Response {
        let acts = exchange.parts.method == Method::POST;
        let answer = match (endpoint, acts) {
            (Endpoint::Register, false) => self.register_page(exchange),
            (Endpoint::Register, true) => self.register(exchange).await,
            (Endpoint::Login, false) => self.login_page(exchange).await,
            (Endpoint::Login, true) => self.login(exchange).await,
            (Endpoint::Logout, false) => self.logout_page(exchange).await,
            (Endpoint::Logout, true) => self.logout(exchange).await,
            (Endpoint::SignedOut, _) => Ok(self.signed_out_page(exchange)),
            (Endpoint::Account, _) => self.account_page(exchange).await,
            (Endpoint::Profile, _) => self.change_profile(exchange).await,
            (Endpoint::Password, _) => self.change_password(exchange).await,
            (Endpoint::RevokeSession, _) => self.revoke_one_session(exchange).await,
            (Endpoint::RevokeOthers, _) => self.revoke_other_sessions(exchange).await,
            (Endpoint::Session, _) => self.session_info(exchange).await,
            (Endpoint::PasswordStrength, _) => self.password_strength(exchange).await,
            (Endpoint::Email(endpoint), _) => self.handle_email(endpoint, exchange).await,
            (Endpoint::SecondFactor(endpoint), _) => {
                self.handle_second_factor(endpoint, exchange).await
            }
            #[cfg(feature = "passkeys")]
            (Endpoint::Passkey(endpoint), _) => self.handle_passkey(endpoint, exchange).await,
            #[cfg(feature = "federation")]
            (Endpoint::Federation(endpoint), _) => self.handle_federation(endpoint, exchange).await,
            (Endpoint::Lifecycle(endpoint), _) => self.handle_lifecycle(endpoint, exchange).await,
            #[cfg(feature = "workos")]
            (Endpoint::Hosted(endpoint), _) => self.handle_hosted(endpoint, exchange).await,
        };
        answer.unwrap_or_else(|problem| self.core.problem(exchange, endpoint.side(), &problem))
    }
}

/// The routes of one area, as the wing's.
fn all<E>(
    routes: Vec<(&'static str, &'static [Method], E)>,
    endpoint: fn(E) -> Endpoint,
) -> impl Iterator<Item = (&'static str, &'static [Method], Endpoint)> {
    let whole = move |(path, methods, own)| (path, methods, endpoint(own));
    routes.into_iter().map(whole)
}
