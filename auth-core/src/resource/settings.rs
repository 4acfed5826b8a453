//! What an operator decides about accepting tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::api_key::{ApiKeys, KeyStore};
use crate::ground::jose::Algorithm;
use crate::services::outbound::ClientCredentials;
use crate::web::CookieName;

/// Endpoints accept access tokens. The default trusts the app's own provider, and tokens whose audience is the base URL.
#[derive(Clone, Debug)]
#[must_use]
pub struct Resource {
    pub(super) realm: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) issuers: Vec<(String, String)>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) leeway: Duration,
    pub(super) required_claims: Vec<String>,
    pub(super) any_typ: bool,
    pub(super) check_revocation: bool,
    pub(super) keys_max_age: Duration,
    pub(super) introspected: Vec<Introspected>,
    pub(super) introspection_cache: Duration,
    pub(super) introspection_cache_entries: usize,
    pub(super) api_keys: Option<KeyStore>,
    pub(super) token_cookie: Option<String>,
}

/// An issuer that is asked about its tokens. `Debug` shows no secret.
#[derive(Clone)]
pub(super) struct Introspected {
    pub(super) issuer: String,
    pub(super) endpoint: String,
    pub(super) credentials: ClientCredentials,
    pub(super) audience: String,
}

impl fmt::Debug for Introspected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Introspected")
            .field("issuer", &self.issuer)
            .field("endpoint", &self.endpoint)
            .field("client_id", &self.credentials.client_id())
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resource setting {setting}: {problem}")]
pub struct ResourceSettingsError {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

impl ResourceSettingsError {
    pub(super) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self {
            setting,
            problem: problem.into(),
        }
    }
}

impl Default for Resource {
    fn default() -> Self {
        Self {
            realm: None,
            audiences: Vec::new(),
            issuers: Vec::new(),
            algorithms: vec![
                Algorithm::Es256,
                Algorithm::Rs256,
                Algorithm::Ps256,
                Algorithm::EdDsa,
            ],
            leeway: Duration::from_secs(30),
            required_claims: Vec::new(),
            any_typ: false,
            check_revocation: true,
            keys_max_age: Duration::from_mins(5),
            introspected: Vec::new(),
            introspection_cache: Duration::from_secs(30),
            introspection_cache_entries: 10_000,
            api_keys: None,
            token_cookie: None,
        }
    }
}

impl Resource {
    /// Trusts another issuer for tokens whose `aud` names `audience`. Its keys are found by discovery (`OpenID Connect`
    /// Discovery §4, RFC 8414 §3). The issuer is written exactly as in its tokens. Given again, it gains an audience.
    pub fn issuer(mut self, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        self.issuers.push((issuer.into(), audience.into()));
        self
    }

    /// Trusts another issuer whose tokens it has to be asked about (RFC 7662): opaque ones, and JWTs that name it in
    /// `iss`. `introspection_endpoint` is its https URL, from its metadata or its manual; the credentials are those of
    /// this API there, sent as `client_secret_basic`. The answer has to name `audience` in `aud` (RFC 7662 §4), and to
    /// have `client_id` and `exp`.
    ///
    /// An opaque token does not say whose it is, so there can be one such issuer only, beside any number of
    /// [issuers](Resource::issuer) of JWTs. Given again, with the same endpoint and credentials, it gains an audience.
    pub fn introspect(
        mut self,
        issuer: impl Into<String>,
        introspection_endpoint: impl Into<String>,
        credentials: ClientCredentials,
        audience: impl Into<String>,
    ) -> Self {
        self.introspected.push(Introspected {
            issuer: issuer.into(),
            endpoint: introspection_endpoint.into(),
            credentials,
            audience: audience.into(),
        });
        self
    }

    /// How long an introspected token is accepted without asking again, though never beyond its `exp`: so long at most
    /// a token works that its issuer revoked. Default 30 s, at most 1 h. An answer that it is not good is kept for 5 s.
    ///
    /// Zero keeps no answer at all: every request asks, and waits for it.
    pub fn introspection_cache(mut self, age: Duration) -> Self {
        self.introspection_cache = age;
        self
    }

    /// How many answers are kept at most; past that the oldest goes. Default 10,000, which is some 20 MB of usual ones;
    /// 1 to 1,000,000.
    pub fn introspection_cache_entries(mut self, entries: usize) -> Self {
        self.introspection_cache_entries = entries;
        self
    }

    /// Accepts tokens of the app's own provider for this audience, such as the identifier of one API (RFC 8707). With
    /// the first one named, the base URL is no longer among them unless it is named too.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The signature algorithms accepted from other issuers. Default ES256, RS256, PS256 and `EdDSA`. For the app's own
    /// provider its keys decide.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How far the clocks of other issuers may be apart from ours, introspected ones too. Default 30 s, at most 5 min.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Requires a claim beyond `iss`, `aud`, `exp`, `iat`, `sub`, `client_id` and `jti` (RFC 9068 §2.2), of any type
    /// but null; of an introspected token, beyond `aud`, `exp` and `client_id`.
    pub fn require_claim(mut self, name: impl Into<String>) -> Self {
        self.required_claims.push(name.into());
        self
    }

    /// Accepts tokens whatever their `typ`, for an issuer that does not follow RFC 9068. Any JWT this issuer makes for
    /// the audience with the claims above then passes for an access token: an ID token for a client named like the
    /// audience, too.
    pub fn dangerous_accept_any_typ(mut self) -> Self {
        self.any_typ = true;
        self
    }

    /// Whether the app's own provider is asked if a token was revoked: one look into the store for each request.
    /// Default true. Without it a revoked token works to its end.
    pub fn check_revocation(mut self, check: bool) -> Self {
        self.check_revocation = check;
        self
    }

    /// How long another issuer's keys are used before they are fetched anew. Default 5 min; 30 s to 24 h.
    pub fn keys_max_age(mut self, age: Duration) -> Self {
        self.keys_max_age = age;
        self
    }

    /// The `realm` of challenges. Default the base URL.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Accepts API keys of the host's own beside tokens, where a route asks for a
    /// [`Caller`](crate::auth::Caller): in `X-API-Key`, or as a bearer credential. Without one, `X-API-Key` means
    /// nothing. With keys no issuer is needed.
    pub fn api_keys(mut self, keys: impl ApiKeys) -> Self {
        self.api_keys = Some(KeyStore(Arc::new(keys)));
        self
    }

    /// Accepts the access token in this cookie too, for a front end of the app's own; a credential in a header comes
    /// first. A request that may change something counts only when the browser says that a page of this origin sent
    /// it. Set the cookie `HttpOnly`, `Secure` and `SameSite`, and begin its name with `__Host-`.
    pub fn token_cookie(mut self, name: impl Into<String>) -> Self {
        self.token_cookie = Some(name.into());
        self
    }

    pub(super) fn validate(&self) -> Result<(), ResourceSettingsError> {
        let fail = |setting, problem: &str| Err(ResourceSettingsError::new(setting, problem));
        if self.algorithms.is_empty() {
            return fail("algorithms", "name at least one");
        }
        if self.leeway > Duration::from_mins(5) {
            return fail("leeway", "must be at most 5 min: set the clocks instead");
        }
        if !(Duration::from_secs(30)..=Duration::from_hours(24)).contains(&self.keys_max_age) {
            return fail("keys_max_age", "must be between 30 s and 24 h");
        }
        if self.introspection_cache > Duration::from_hours(1) {
            return fail(
                "introspection_cache",
                "must be at most 1 h: so long a revoked token works",
            );
        }
        if !(1..=1_000_000).contains(&self.introspection_cache_entries) {
            return fail(
                "introspection_cache_entries",
                "must be between 1 and 1,000,000: to keep none, set introspection_cache to zero",
            );
        }
        let issuers = self.issuers.iter().map(|(_, audience)| audience);
        let introspected = self.introspected.iter().map(|each| &each.audience);
        let mut audiences = self.audiences.iter().chain(issuers).chain(introspected);
        if audiences.any(String::is_empty) {
            return fail("audience", "must not be empty");
        }
        if let Some(name) = &self.token_cookie {
            if !is_cookie_name(name) {
                let problem = "must be a cookie's name: letters, digits and signs such as - and _ (RFC 6265 §4.1.1)";
                return fail("token_cookie", problem);
            }
            if is_ours(name) {
                return fail(
                    "token_cookie",
                    "is a cookie of the product itself: take another name",
                );
            }
        }
        let quotable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if let Some(realm) = &self.realm
            && !realm.bytes().all(quotable)
        {
            return fail(
                "realm",
                "must be printable ASCII without quotes and backslashes",
            );
        }
        Ok(())
    }
}

/// A `token` (RFC 9110 §5.6.2), which is what a cookie's name is.
fn is_cookie_name(name: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_tchar)
}

fn is_ours(name: &str) -> bool {
    [CookieName::Session, CookieName::Browser]
        .into_iter()
        .map(CookieName::secure_name)
        .any(|ours| name == ours || Some(name) == ours.strip_prefix("__Host-"))
}
