//! What an operator decides about hosted sign-in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::login::{Login, LoginSettingsError};

/// Where WorkOS answers, unless the operator names another place.
pub(super) const WORKOS_API: &str = workos::DEFAULT_BASE_URL;

/// What to call the organization made for a person; `None`: none is made.
pub(super) type OrganizationName = Arc<dyn Fn(&workos::User) -> Option<String> + Send + Sync>;

/// Hosted sign-in with WorkOS AuthKit, as the operator configures it. Give it to [`Login::hosted`].
///
/// ```
/// # fn settings() -> auth_core::login::Login {
/// use auth_core::login::{Login, WorkOs};
///
/// Login::default().hosted(
///     WorkOs::new("client_01J", "sk_live_key")
///         .webhook_secret("secret of the webhook endpoint")
///         .create_organization(|user| Some(format!("Team of {}", user.email))),
/// )
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct WorkOs {
    pub(super) client_id: String,
    pub(super) api_key: Zeroizing<String>,
    pub(super) base_url: String,
    pub(super) issuers: Vec<String>,
    pub(super) label: String,
    pub(super) webhook_secret: Option<Zeroizing<String>>,
    pub(super) trusts_email: bool,
    pub(super) organization_name: Option<OrganizationName>,
    pub(super) cache_entries: usize,
    pub(super) cache_age: Duration,
    pub(super) timeout: Duration,
}

impl fmt::Debug for WorkOs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkOs")
            .field("client_id", &self.client_id)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl WorkOs {
    /// The client id (`client_…`) and the secret API key (`sk_…`) of one WorkOS environment.
    pub fn new(client_id: impl Into<String>, api_key: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            api_key: Zeroizing::new(api_key.into()),
            base_url: WORKOS_API.to_owned(),
            issuers: Vec::new(),
            label: "WorkOS".to_owned(),
            webhook_secret: None,
            trusts_email: true,
            organization_name: None,
            cache_entries: 10_000,
            cache_age: Duration::from_mins(5),
            timeout: Duration::from_secs(10),
        }
    }

    /// From the environment: `WORKOS_CLIENT_ID` and `WORKOS_API_KEY`; `WORKOS_API_URL`, or `WORKOS_API_HOSTNAME` alone,
    /// where the API has an address of its own (an authentication domain, the emulator); `WORKOS_WEBHOOK_SECRET`. `None`
    /// where neither of the first two is set. The environment is a function, so that tests need none.
    ///
    /// # Errors
    /// Names the one of the first two that is missing.
    pub fn from_env(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, LoginSettingsError> {
        let lookup = |name| lookup(name).filter(|value| !value.is_empty());
        let missing = |problem: &str| {
            Err(LoginSettingsError {
                setting: "hosted",
                problem: problem.to_owned(),
            })
        };
        let (client_id, api_key) = match (lookup("WORKOS_CLIENT_ID"), lookup("WORKOS_API_KEY")) {
            (None, None) => return Ok(None),
            (Some(client_id), Some(api_key)) => (client_id, api_key),
            (Some(_), None) => return missing("WORKOS_CLIENT_ID is set: set WORKOS_API_KEY too"),
            (None, Some(_)) => return missing("WORKOS_API_KEY is set: set WORKOS_CLIENT_ID too"),
        };
        let mut settings = Self::new(client_id, api_key);
        let hostname = || lookup("WORKOS_API_HOSTNAME").map(|host| format!("https://{host}"));
        if let Some(url) = lookup("WORKOS_API_URL").or_else(hostname) {
            settings = settings.base_url(url);
        }
        if let Some(secret) = lookup("WORKOS_WEBHOOK_SECRET") {
            settings = settings.webhook_secret(secret);
        }
        Ok(Some(settings))
    }

    /// Where the API answers: an authentication domain of yours, or the emulator. Default `https://api.workos.com`. Part
    /// of what identities are linked by, so another one later makes strangers of everybody.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        let url: String = url.into();
        url.trim_end_matches('/').clone_into(&mut self.base_url);
        self
    }

    /// One more value that access tokens may have as `iss`, beside those WorkOS is known to write.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// What people read on the sign-in page ("Continue with …"). Default `WorkOS`.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The secret of the webhook endpoint; there is none without it. Register `/auth/hosted/webhook` for `user.*`,
    /// `session.revoked`, `organization.*` and `organization_membership.*`.
    pub fn webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.webhook_secret = Some(Zeroizing::new(secret.into()));
        self
    }

    /// Whether it is believed when it says that an address is verified: who comes with one is the person whose account
    /// here has the same address. Default `true`, since the hosted page is the operator's own. Where people may come in
    /// by a connection whose administrator is somebody else, `false` keeps those from entering accounts here by writing
    /// an address: such people sign in first and link.
    pub fn trust_email(mut self, trusted: bool) -> Self {
        self.trusts_email = trusted;
        self
    }

    /// Makes an organization for whoever signs in and is a member of none, called what the function says (`None`: none),
    /// and makes them a member with the role WorkOS gives by default. Made once for each person, also when they sign in
    /// twice at once: its external id is theirs.
    pub fn create_organization(
        mut self,
        name: impl Fn(&workos::User) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.organization_name = Some(Arc::new(name));
        self
    }

    /// How many users and organizations each are kept in memory, and for how long before they are asked for again.
    /// Default 10 000 and 5 min.
    pub fn cache(mut self, entries: usize, age: Duration) -> Self {
        self.cache_entries = entries;
        self.cache_age = age;
        self
    }

    /// How long one request to WorkOS may take. Default 10 s; at most 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(in crate::login) fn validate(&self) -> Result<(), LoginSettingsError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_id = !self.client_id.is_empty()
            && self.client_id.len() <= 128
            && self.client_id.bytes().all(plain);
        check(is_id, "the client id is none; it looks like client_01J…")?;
        let is_key = !self.api_key.is_empty() && self.api_key.bytes().all(|b| b.is_ascii_graphic());
        check(is_key, "the API key is none; it looks like sk_live_…")?;
        check(
            is_base(&self.base_url),
            "base_url must be an https URL without query, or http on this machine for the emulator",
        )?;
        let secret = self.webhook_secret.as_deref();
        check(
            secret.is_none_or(|secret| secret.len() >= 16),
            "the webhook secret is too short to be one; WorkOS shows it beside the endpoint",
        )?;
        check(
            (1..=1_000_000).contains(&self.cache_entries) && !self.cache_age.is_zero(),
            "the cache must have between 1 and 1000000 entries, and an age above zero",
        )?;
        let bound = Duration::from_mins(1);
        check(
            !self.timeout.is_zero() && self.timeout <= bound,
            "timeout must be above zero and at most 60 s",
        )
    }
}

impl Login {
    /// People sign in at WorkOS AuthKit: one more way in, beside those there are.
    pub fn hosted(mut self, settings: WorkOs) -> Self {
        self.hosted = Some(settings);
        self
    }
}

fn is_base(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    is_secure
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn check(fits: bool, problem: &str) -> Result<(), LoginSettingsError> {
    if fits {
        return Ok(());
    }
    Err(LoginSettingsError {
        setting: "hosted",
        problem: problem.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'e>(set: &'e [(&'e str, &'e str)]) -> impl Fn(&str) -> Option<String> + 'e {
        |name| {
            let found = set.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        }
    }

    #[test]
    fn the_environment_is_read_whole_or_complained_about() {
        assert!(WorkOs::from_env(env(&[])).unwrap().is_none());
        assert!(
            WorkOs::from_env(env(&[("WORKOS_API_KEY", "")]))
                .unwrap()
                .is_none()
        );
        for half in ["WORKOS_CLIENT_ID", "WORKOS_API_KEY"] {
            let error = WorkOs::from_env(env(&[(half, "x")])).unwrap_err();
            let other = if half == "WORKOS_API_KEY" {
                "WORKOS_CLIENT_ID"
            } else {
                "WORKOS_API_KEY"
            };
            assert!(
                error.problem.contains(&format!("set {other} too")),
                "{error}"
            );
        }
        let both = [("WORKOS_CLIENT_ID", "client_1"), ("WORKOS_API_KEY", "sk_1")];
        let plain = WorkOs::from_env(env(&both)).unwrap().unwrap();
        assert_eq!(plain.base_url, "https://api.workos.com");
        let named = [
            both[0],
            both[1],
            ("WORKOS_API_HOSTNAME", "auth.example.com"),
        ];
        let named = WorkOs::from_env(env(&named)).unwrap().unwrap();
        assert_eq!(named.base_url, "https://auth.example.com");
        let local = [
            both[0],
            both[1],
            ("WORKOS_API_URL", "http://localhost:4100/"),
        ];
        let local = WorkOs::from_env(env(&local)).unwrap().unwrap();
        assert_eq!(local.base_url, "http://localhost:4100");
        assert_eq!(local.validate(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_named() {
        let good = || WorkOs::new("client_1", "sk_1");
        assert_eq!(good().validate(), Ok(()));
        for bad in [
            WorkOs::new("", "sk_1"),
            WorkOs::new("client/../1", "sk_1"),
            WorkOs::new("client_1", ""),
            WorkOs::new("client_1", "sk\n1"),
            good().base_url("http://api.workos.com"),
            good().base_url("https://user@api.workos.com"),
            good().base_url("ftp://localhost"),
            good().webhook_secret("short"),
            good().cache(0, Duration::from_secs(1)),
            good().timeout(Duration::ZERO),
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?}",
            WorkOs::new("client_1", "sk_secret").webhook_secret("whsec")
        );
        assert!(
            !shown.contains("sk_secret") && !shown.contains("whsec"),
            "{shown}"
        );
    }
}
