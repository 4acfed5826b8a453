//! What an operator decides about accepting tokens.

use std::time::Duration;

use crate::ground::jose::Algorithm;

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

    /// How far the clocks of other issuers may be apart from ours. Default 30 s, at most 5 min.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Requires a claim beyond `iss`, `aud`, `exp`, `iat`, `sub`, `client_id` and `jti` (RFC 9068 §2.2), of any type
    /// but null.
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
        let audiences = self.issuers.iter().map(|(_, audience)| audience);
        if self.audiences.iter().chain(audiences).any(String::is_empty) {
            return fail("audience", "must not be empty");
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
