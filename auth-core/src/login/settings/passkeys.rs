//! What an operator decides about passkeys.

use url::{Host, Url};

use super::{Login, LoginSettingsError, check};
use crate::web::BaseUrl;

/// Whether an authenticator must show that it knows its owner, by PIN or biometrics (WebAuthn §5.8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserVerification {
    /// It must: a passkey is then two factors by itself.
    #[default]
    Required,
    /// It is asked to. Where it does not, the passkey is one factor, and a second is asked for as after a password.
    Preferred,
}

/// What happens when a signature counter has not moved on (WebAuthn §6.1.1): two authenticators may hold the key, or
/// one has lost its count. Authenticators that do not count are never meant. Whatever is chosen, there is an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CounterPolicy {
    /// The sign-in goes on.
    Warn,
    /// This sign-in is refused, the passkey stays: its owner signs in by other means, or with the authenticator that
    /// has counted further.
    #[default]
    Reauthenticate,
    /// The sign-in is refused and the passkey removed, also where it is the last way in.
    Revoke,
}

/// The settings.
#[derive(Clone)]
pub(in crate::login) struct PasskeySettings {
    pub(in crate::login) on: bool,
    pub(in crate::login) registration: bool,
    pub(in crate::login) rp_id: Option<String>,
    pub(in crate::login) origins: Vec<String>,
    pub(in crate::login) verification: UserVerification,
    pub(in crate::login) counter: CounterPolicy,
}

impl Default for PasskeySettings {
    fn default() -> Self {
        Self {
            on: true,
            registration: false,
            rp_id: None,
            origins: Vec::new(),
            verification: UserVerification::default(),
            counter: CounterPolicy::default(),
        }
    }
}

impl Login {
    /// Whether people can sign in with passkeys. Default: yes, where the base URL has a domain: browsers have no
    /// passkeys for IP addresses.
    pub fn passkeys(mut self, on: bool) -> Self {
        self.passkeys.on = on;
        self
    }

    /// Whether an account can be made with a passkey and without a password. Default: no. Needs
    /// [`registration`](Self::registration) and [`passkeys`](Self::passkeys).
    pub fn passkey_registration(mut self, open: bool) -> Self {
        self.passkeys.registration = open;
        self
    }

    /// The RP ID: the domain passkeys belong to (WebAuthn §4). Default: the host of the base URL. A parent domain of it
    /// lets sites of other subdomains use the same passkeys. Another one later makes every passkey worthless.
    pub fn passkey_rp_id(mut self, domain: impl Into<String>) -> Self {
        self.passkeys.rp_id = Some(domain.into());
        self
    }

    /// One more origin whose pages may use passkeys here: `https://…` of the RP ID or a subdomain of it, or
    /// `android:apk-key-hash:…` of an app. That of the base URL always is one.
    pub fn passkey_origin(mut self, origin: impl Into<String>) -> Self {
        self.passkeys.origins.push(origin.into());
        self
    }

    /// Whether authenticators must verify their owner. Default: they must.
    pub fn passkey_user_verification(mut self, verification: UserVerification) -> Self {
        self.passkeys.verification = verification;
        self
    }

    /// What happens when a passkey's counter goes back. Default: [`CounterPolicy::Reauthenticate`].
    pub fn passkey_counter(mut self, policy: CounterPolicy) -> Self {
        self.passkeys.counter = policy;
        self
    }
}

impl PasskeySettings {
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        check(
            self.on || !self.registration,
            "passkey_registration",
            "needs passkeys(true)",
        )
    }

    /// RP ID and origins for a site; `None` where there can be no passkeys.
    pub(in crate::login) fn scope(
        &self,
        base: &BaseUrl,
    ) -> Result<Option<(String, Vec<Url>)>, LoginSettingsError> {
        if !self.on {
            return Ok(None);
        }
        let Some(Host::Domain(host)) = base.url().host() else {
            check(
                self.rp_id.is_none() && self.origins.is_empty(),
                "passkey_rp_id",
                "passkeys need a base URL with a domain; an IP address has none",
            )?;
            return Ok(None);
        };
        let rp_id = self.rp_id.clone().unwrap_or_else(|| host.to_owned());
        check(
            rp_id == host || (is_under(host, &rp_id) && rp_id.contains('.')),
            "passkey_rp_id",
            "give the host of the base URL or a parent domain of it, in lower case",
        )?;
        let mut origins = vec![base.url().clone()];
        for text in &self.origins {
            let origin = Url::parse(text)
                .ok()
                .filter(|origin| is_origin(origin, text, &rp_id));
            let problem = "give https://… of the RP ID or a subdomain, without a path, or android:apk-key-hash:…";
            check(origin.is_some(), "passkey_origin", problem)?;
            origins.extend(origin);
        }
        Ok(Some((rp_id, origins)))
    }
}

/// Whether `domain` is a subdomain of `parent`.
fn is_under(domain: &str, parent: &str) -> bool {
    domain
        .strip_suffix(parent)
        .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1 && !parent.is_empty())
}

fn is_origin(origin: &Url, text: &str, rp_id: &str) -> bool {
    if origin.scheme() == "android" {
        let hash = text.strip_prefix("android:apk-key-hash:");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        return hash.is_some_and(|hash| hash.len() == 43 && hash.bytes().all(plain));
    }
    let Some(Host::Domain(host)) = origin.host() else {
        return false;
    };
    let local = host == "localhost" || host.ends_with(".localhost");
    (origin.scheme() == "https" || (origin.scheme() == "http" && local))
        && (host == rp_id || is_under(host, rp_id))
        // Serialized as an origin is, it has neither path nor query nor user.
        && origin.origin().ascii_serialization() == text.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(base: &str, login: &Login) -> Result<Option<(String, usize)>, &'static str> {
        let base = BaseUrl::parse(base).expect("base");
        let scope = login.passkeys.scope(&base);
        scope
            .map(|scope| scope.map(|(rp_id, origins)| (rp_id, origins.len())))
            .map_err(|error| error.setting)
    }

    #[test]
    fn the_rp_id_is_the_host_or_a_parent_of_it() {
        let site = "https://auth.example.com/base";
        let login = Login::default;
        let is = |rp_id: &str, origins| Ok(Some((rp_id.to_owned(), origins)));
        assert_eq!(scope(site, &login()), is("auth.example.com", 1));
        let parent = login().passkey_rp_id("example.com");
        let both = parent.clone().passkey_origin("https://shop.example.com");
        assert_eq!(scope(site, &both), is("example.com", 2));
        let app = format!("android:apk-key-hash:{}", "A".repeat(43));
        assert_eq!(
            scope(site, &parent.clone().passkey_origin(app)),
            is("example.com", 2)
        );
        for bad in [
            "",
            "com",
            "xample.com",
            "other.example",
            "Example.com",
            ".example.com",
            "b.auth.example.com",
        ] {
            let refused = scope(site, &login().passkey_rp_id(bad));
            assert_eq!(refused, Err("passkey_rp_id"), "{bad:?}");
        }
        for bad in [
            "shop.example.com",
            "http://shop.example.com",
            "https://shop.example.com/x",
            "https://a@shop.example.com",
            "https://badexample.com",
            "https://192.0.2.1",
            "android:apk-key-hash:x",
            "null",
        ] {
            let refused = scope(site, &parent.clone().passkey_origin(bad));
            assert_eq!(refused, Err("passkey_origin"), "{bad:?}");
        }
    }

    #[test]
    fn there_are_none_where_there_is_no_domain_or_no_wish() {
        let login = Login::default;
        assert_eq!(scope("http://127.0.0.1:3000", &login()), Ok(None));
        let wished = login().passkey_rp_id("example.com");
        assert_eq!(
            scope("http://127.0.0.1:3000", &wished),
            Err("passkey_rp_id")
        );
        assert_eq!(
            scope("https://app.example.com", &login().passkeys(false)),
            Ok(None)
        );
        let local = scope("http://localhost:3000", &login());
        assert_eq!(local, Ok(Some(("localhost".to_owned(), 1))));
        let error = login()
            .passkeys(false)
            .passkey_registration(true)
            .validate();
        assert_eq!(error.expect_err("nonsense").setting, "passkey_registration");
    }
}
