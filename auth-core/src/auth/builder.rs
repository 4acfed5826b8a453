//! From settings to a running `Auth`. Whatever cannot work is an error here, naming the setting and the fix.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::Auth;
#[cfg(feature = "login")]
use super::mailing::MailSettings;
use super::pruning;
use super::table::{Endpoint, Table};
use super::wings::Wings;
use crate::ground::{Clock, KeyRing, KeyRingError, Random, SystemClock, SystemRandom};
use crate::services::pages::{PageError, Pages, PagesBuilder};
use crate::services::{AuditSink, Core, EventSink, Throttles, TracingSink};
use crate::store::Stores;
use crate::web::{
    BaseUrl, BaseUrlError, FormTokens, Route, Side, TrustedProxies, TrustedProxiesError,
};

/// Why an `Auth` could not be built. `Debug` is the message too: it is what `main` prints of an error it returns.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The base URL.
    #[error("base URL: {0}")]
    BaseUrl(#[from] BaseUrlError),
    /// A mandatory setting is missing.
    #[error("{setting} is missing: {fix}")]
    Missing {
        /// Which.
        setting: &'static str,
        /// What to add.
        fix: &'static str,
    },
    /// The secret.
    #[error("secret: {0}")]
    Secret(#[from] KeyRingError),
    /// An environment variable that was named does not exist or is not text.
    #[error("the environment variable {0} is not set; draw a secret with: openssl rand -base64 32")]
    SecretVariable(String),
    /// A page.
    #[error("pages: {0}")]
    Pages(#[from] PageError),
    /// A trusted proxy.
    #[error(transparent)]
    TrustedProxies(#[from] TrustedProxiesError),
    /// A template of a mail.
    #[cfg(feature = "login")]
    #[error("mails: {0}")]
    Mails(#[from] crate::services::mail::MailTemplateError),
    /// A development outbox where others can reach it.
    #[cfg(feature = "login")]
    #[error(
        "mailer: a DevelopmentOutbox shows every mail to anybody, so it is for base URLs on localhost alone; give an \
         SmtpMailer or a mailer of your own"
    )]
    DevelopmentOutbox,
    /// Several nodes were announced, and a store that only one of them can see.
    #[error(
        "clustered: the store of {group} is {store}, which other nodes cannot see; use PostgreSQL, MySQL or Redis for it"
    )]
    NodeLocalStore {
        /// What is kept there: the field of [`Stores`].
        group: &'static str,
        /// What the store is.
        store: &'static str,
    },
    /// How long events are kept.
    #[error(
        "audit: retention must be between a day and a hundred years; .audit(false) keeps nothing"
    )]
    AuditRetention,
    /// Two parts want the same path.
    #[error("two endpoints want the path {0}: change the path of one wing")]
    Path(String),
    /// The login wing's settings.
    #[cfg(feature = "login")]
    #[error(transparent)]
    Login(#[from] crate::login::LoginSettingsError),
    /// The provider's settings or keys.
    #[cfg(feature = "provider")]
    #[error(transparent)]
    Provider(#[from] crate::provider::ProviderError),
    /// The resource wing's settings.
    #[cfg(feature = "resource")]
    #[error(transparent)]
    Resource(#[from] crate::resource::ResourceSettingsError),
    /// The outbound HTTP client.
    #[cfg(feature = "outbound")]
    #[error("outbound requests: {0}")]
    Outbound(#[from] crate::services::outbound::OutboundError),
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Collects settings.
#[must_use]
pub struct AuthBuilder {
    base_url: String,
    secrets: Result<Vec<Vec<u8>>, BuildError>,
    stores: Option<Stores>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sinks: Vec<Arc<dyn EventSink>>,
    pages: PagesBuilder,
    proxies: Result<TrustedProxies, TrustedProxiesError>,
    prune_every: Option<Duration>,
    audit: bool,
    audit_retention: Duration,
    clustered: bool,
    peers_without_address: bool,
    #[cfg(feature = "outbound")]
    outbound: crate::services::outbound::OutboundPolicy,
    #[cfg(feature = "login")]
    // On the heap: what a host awaits stays small.
    login: Option<Box<crate::login::Login>>,
    #[cfg(feature = "login")]
    pub(super) mail: MailSettings,
    #[cfg(feature = "provider")]
    provider: Option<crate::provider::Provider>,
    #[cfg(feature = "resource")]
    resource: Option<crate::resource::Resource>,
}

impl AuthBuilder {
    pub(super) fn new(base_url: String) -> Self {
        Self {
            base_url,
            secrets: Ok(Vec::new()),
            stores: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            sinks: vec![Arc::new(TracingSink)],
            pages: Pages::builder(),
            proxies: Ok(TrustedProxies::default()),
            prune_every: Some(Duration::from_mins(1)),
            audit: true,
            audit_retention: Duration::from_hours(400 * 24),
            clustered: false,
            peers_without_address: false,
            #[cfg(feature = "outbound")]
            outbound: crate::services::outbound::OutboundPolicy::default(),
            #[cfg(feature = "login")]
            login: None,
            #[cfg(feature = "login")]
            mail: MailSettings::default(),
            #[cfg(feature = "provider")]
            provider: None,
            #[cfg(feature = "resource")]
            resource: None,
        }
    }

    /// Adds a secret of 32 bytes or more. The first one given seals and signs what is ours; all of them open. To
    /// rotate, put the new one first and keep the old one for as long as its values matter.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        if let Ok(secrets) = &mut self.secrets {
            secrets.push(secret.as_ref().to_vec());
        }
        self
    }

    /// Adds several secrets, the newest first; see [`secret`](Self::secret).
    pub fn secrets<S: AsRef<[u8]>>(self, secrets: impl IntoIterator<Item = S>) -> Self {
        secrets.into_iter().fold(self, Self::secret)
    }

    /// Adds the secrets in an environment variable: one, or several separated by commas, the newest first.
    pub fn secret_from_env(mut self, variable: &str) -> Self {
        match std::env::var(variable) {
            Ok(value) => {
                for secret in value.split(',').map(str::trim).filter(|s| !s.is_empty()) {
                    self = self.secret(secret);
                }
            }
            Err(_) => self.secrets = Err(BuildError::SecretVariable(variable.to_owned())),
        }
        self
    }

    /// This secret in place of all that were given, and of a variable that is not set: for tests.
    #[cfg(feature = "testkit")]
    pub fn only_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secrets = Ok(vec![secret.as_ref().to_vec()]);
        self
    }

    /// Where records live.
    pub fn store(mut self, stores: impl Into<Stores>) -> Self {
        self.stores = Some(stores.into());
        self
    }

    /// People sign in here.
    #[cfg(feature = "login")]
    pub fn login(mut self, login: crate::login::Login) -> Self {
        self.login = Some(Box::new(login));
        self
    }

    /// Other apps sign in through here.
    #[cfg(feature = "provider")]
    pub fn provider(mut self, provider: crate::provider::Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Endpoints of this app accept access tokens. Without it they accept those of the provider here, if there is one.
    #[cfg(feature = "resource")]
    pub fn resource(mut self, resource: crate::resource::Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses and CIDR ranges.
    pub fn trusted_proxies<'a>(mut self, ranges: impl IntoIterator<Item = &'a str>) -> Self {
        self.proxies = TrustedProxies::parse(ranges);
        self
    }

    /// Names the app on its pages and replaces templates; see [`PagesBuilder`].
    pub fn pages(mut self, configure: impl FnOnce(PagesBuilder) -> PagesBuilder) -> Self {
        self.pages = configure(self.pages);
        self
    }

    /// Also sends every event to this sink.
    pub fn events(mut self, sink: impl EventSink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// Whether events are kept in the store, to be read with [`Auth::audit`]. Default `true`. No request waits for it, and
    /// refusals that anybody can cause without end (of access tokens, of sign-ins while a lock lasts) are left out. Of
    /// failed client authentications, refused authorization requests and sign-ins through other providers that came to
    /// nothing, which no lock bounds, each process keeps ten of each kind in a minute; the log has all.
    pub fn audit(mut self, kept: bool) -> Self {
        self.audit = kept;
        self
    }

    /// How long an event is kept: from a day to a hundred years, 400 days by default. A change is about events to come.
    pub fn audit_retention(mut self, retention: Duration) -> Self {
        self.audit_retention = retention;
        self
    }

    /// Which addresses requests to URLs from outside may reach. Default: public ones, over https.
    #[cfg(feature = "outbound")]
    pub fn outbound(mut self, policy: crate::services::outbound::OutboundPolicy) -> Self {
        self.outbound = policy;
        self
    }

    /// How often expired rows are removed, by one node at a time. Default every minute; `None` leaves it to
    /// [`Auth::prune`].
    pub fn prune_every(mut self, interval: Option<Duration>) -> Self {
        self.prune_every = interval;
        self
    }

    /// Says that several nodes serve this base URL: a store that only one of them can see (memory, a SQLite file) is
    /// then refused.
    pub fn clustered(mut self, clustered: bool) -> Self {
        self.clustered = clustered;
        self
    }

    /// Says that peers have no IP address, as on a Unix socket: throttles then count all clients as one, and no forwarded
    /// header is believed. Without it an adapter answers 500, saying what to add, when a framework was not asked for the
    /// peer's address. A proxy at a Unix socket is better introduced: by the [`ClientAddr`](crate::web::ClientAddr) of a
    /// [trusted](Self::trusted_proxies) one in the request's extensions.
    pub fn peers_without_address(mut self, expected: bool) -> Self {
        self.peers_without_address = expected;
        self
    }

    /// Replaces the clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Replaces the source of randomness, for tests.
    pub fn random(mut self, random: impl Random) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Checks everything and starts.
    ///
    /// # Errors
    /// The first setting that cannot work, with what to do about it.
    pub async fn build(self) -> Result<Auth, BuildError> {
        Box::pin(self.assemble()).await
    }

    async fn assemble(self) -> Result<Auth, BuildError> {
        let base = BaseUrl::parse(&self.base_url)?;
        let secrets = self.secrets?;
        if secrets.is_empty() {
            return Err(BuildError::Missing {
                setting: "secret",
                fix: "add .secret_from_env(\"AUTH_SECRET\") to the Auth builder",
            });
        }
        let keys = KeyRing::new(secrets)?;
        let stores = self.stores.ok_or(BuildError::Missing {
            setting: "store",
            fix: "add .store(…) to the Auth builder",
        })?;
        if let (true, Some((group, store))) = (self.clustered, stores.node_local()) {
            return Err(BuildError::NodeLocalStore { group, store });
        }
        let longest = Duration::from_hours(100 * 366 * 24);
        if !(Duration::from_hours(24)..=longest).contains(&self.audit_retention) {
            return Err(BuildError::AuditRetention);
        }
        let wings = Wings {
            #[cfg(feature = "login")]
            login: self.login.map(|login| *login),
            #[cfg(feature = "provider")]
            provider: self.provider,
            #[cfg(feature = "resource")]
            resource: self.resource,
            #[cfg(feature = "outbound")]
            outbound: self.outbound,
        };
        let mut sinks = self.sinks;
        let audit = (self.audit && wings.any()).then(|| {
            let (store, random) = (stores.audit.clone(), self.random.clone());
            Arc::new(AuditSink::new(store, random, self.audit_retention))
        });
        sinks.extend(audit.clone().map(|sink| sink as Arc<dyn EventSink>));
        let asset_base = base.path(&format!("{}/assets", wings.first_path()));
        #[cfg(feature = "login")]
        let mail_base = base.path(&format!("{}/dev/mail", wings.first_path()));
        let core = Arc::new(Core {
            forms: FormTokens::new(keys.clone(), &base),
            throttles: Throttles::new(stores.throttles.clone(), keys.clone()),
            #[cfg(feature = "login")]
            mails: self.mail.build(&stores, &keys, &base, self.pages.name())?,
            pages: self.pages.asset_base(asset_base.clone()).build()?,
            base,
            clock: self.clock,
            random: self.random,
            keys,
            stores,
            sinks,
            proxies: self.proxies?,
        });
        let mut table = Table::default();
        for (index, asset) in core.pages.assets().iter().enumerate() {
            let path = format!("{asset_base}/{}", asset.path_suffix);
            let route = Route::new(path, Side::Api, &[Method::GET]);
            table
                .add(route, Endpoint::Asset(index))
                .map_err(BuildError::Path)?;
        }
        #[cfg(feature = "login")]
        super::mailing::add_routes(&core, &mail_base, &mut table)?;
        let mut inner = wings.build(core, table).await?;
        inner.peers_without_address = self.peers_without_address;
        if let Some(audit) = &audit {
            audit.start();
        }
        inner.audit = audit;
        let inner = Arc::new(inner);
        if let Some(interval) = self.prune_every {
            pruning::start(&inner, interval);
        }
        #[cfg(any(feature = "login", feature = "provider"))]
        super::delivering::start(&inner);
        Ok(Auth { inner })
    }
}
