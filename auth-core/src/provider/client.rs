//! A client's metadata, read with RFC 7591's and OpenID Connect Registration's names and defaults.

use serde::Serialize;
use serde_json::Value;
use url::{Host, Url};

use super::response_type::ResponseType;
use crate::store::Client;

/// How a client proves who it is at the token endpoint (OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// A public client: it has no secret to prove.
    None,
    /// `client_secret_basic`.
    ClientSecretBasic,
    /// `client_secret_post`.
    ClientSecretPost,
    /// `private_key_jwt`.
    PrivateKeyJwt,
}

impl AuthMethod {
    /// All that this provider takes.
    pub const ALL: [Self; 4] = [
        Self::None,
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
    ];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// By its registered name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether the method uses a client secret.
    pub const fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// Reads metadata members with their defaults. Members were validated when they were registered; one of the wrong type
/// counts as absent here.
pub trait ClientMetadata {
    /// A text member.
    fn text(&self, name: &str) -> Option<&str>;
    /// A list of texts.
    fn texts<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c str>;
    /// `token_endpoint_auth_method`; default `client_secret_basic` (RFC 7591 §2).
    fn auth_method(&self) -> Option<AuthMethod>;
    /// Whether `grant_types` has this one; default `authorization_code` (RFC 7591 §2).
    fn allows_grant(&self, grant_type: &str) -> bool;
    /// Whether `response_types` has this one, its words in any order; default `code`.
    fn allows_response_type(&self, response_type: &str) -> bool;
    /// `scope`: what the client may ask for.
    fn scope(&self) -> Option<&str>;
    /// `client_name`, or the id.
    fn display_name(&self) -> &str;
    /// `application_type` is `native` (default `web`).
    fn is_native(&self) -> bool;
    /// Checks a redirect URI against the registered ones.
    fn verify_redirect_uri(&self, uri: &str) -> Option<VerifiedRedirectUri>;
    /// Checks a post-logout redirect URI against the registered ones, exactly (RP-Initiated Logout §3).
    fn verify_post_logout_redirect_uri(&self, uri: &str) -> Option<VerifiedRedirectUri>;
    /// The one registered redirect URI, where there is just one.
    fn only_redirect_uri(&self) -> Option<VerifiedRedirectUri>;
}

/// A client as people see it. What it says of itself: text and links, never followed by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Presentation {
    pub(crate) name: String,
    pub(crate) client_uri: Option<String>,
    pub(crate) logo_uri: Option<String>,
    pub(crate) policy_uri: Option<String>,
    pub(crate) tos_uri: Option<String>,
}

impl Presentation {
    pub(crate) fn of(client: &Client) -> Self {
        let text = |name| client.text(name).map(str::to_owned);
        Self {
            name: client.display_name().to_owned(),
            client_uri: text("client_uri"),
            logo_uri: text("logo_uri"),
            policy_uri: text("policy_uri"),
            tos_uri: text("tos_uri"),
        }
    }
}

/// A redirect URI that is registered for the client at hand. Only the check makes one: an answer, error or code cannot
/// be sent anywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRedirectUri(String);

impl VerifiedRedirectUri {
    /// The URI as the client gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host shown to a person before they go there.
    pub fn display_host(&self) -> String {
        Url::parse(&self.0)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| self.0.split(':').next().unwrap_or_default().to_owned())
    }
}

impl ClientMetadata for Client {
    fn text(&self, name: &str) -> Option<&str> {
        self.metadata.get(name)?.as_str()
    }

    fn texts<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c str> {
        self.metadata
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    fn auth_method(&self) -> Option<AuthMethod> {
        match self.text("token_endpoint_auth_method") {
            Some(name) => AuthMethod::parse(name),
            None => Some(AuthMethod::ClientSecretBasic),
        }
    }

    fn allows_grant(&self, grant_type: &str) -> bool {
        if self.metadata.contains_key("grant_types") {
            self.texts("grant_types").any(|own| own == grant_type)
        } else {
            grant_type == "authorization_code"
        }
    }

    fn allows_response_type(&self, response_type: &str) -> bool {
        let Some(wanted) = ResponseType::parse(response_type) else {
            return false;
        };
        if self.metadata.contains_key("response_types") {
            let mut own = self.texts("response_types").map(ResponseType::parse);
            own.any(|own| own == Some(wanted))
        } else {
            wanted == ResponseType::Code
        }
    }

    fn scope(&self) -> Option<&str> {
        self.text("scope")
    }

    fn display_name(&self) -> &str {
        self.text("client_name")
            .filter(|name| !name.is_empty())
            .unwrap_or(self.client_id.as_str())
    }

    fn is_native(&self) -> bool {
        self.text("application_type") == Some("native")
    }

    /// Exact string comparison (RFC 9700 §2.1, RFC 3986 §6.2.1); for native apps the port of a loopback IP literal may
    /// differ (RFC 8252 §7.3), and nothing else.
    fn verify_redirect_uri(&self, uri: &str) -> Option<VerifiedRedirectUri> {
        self.texts("redirect_uris")
            .any(|own| own == uri || (self.is_native() && same_but_loopback_port(own, uri)))
            .then(|| VerifiedRedirectUri(uri.to_owned()))
    }

    fn verify_post_logout_redirect_uri(&self, uri: &str) -> Option<VerifiedRedirectUri> {
        self.texts("post_logout_redirect_uris")
            .any(|own| own == uri)
            .then(|| VerifiedRedirectUri(uri.to_owned()))
    }

    fn only_redirect_uri(&self) -> Option<VerifiedRedirectUri> {
        let mut uris = self.texts("redirect_uris");
        match (uris.next(), uris.next()) {
            (Some(uri), None) => Some(VerifiedRedirectUri(uri.to_owned())),
            _ => None,
        }
    }
}

fn same_but_loopback_port(registered: &str, given: &str) -> bool {
    let (Ok(mut own), Ok(mut other)) = (Url::parse(registered), Url::parse(given)) else {
        return false;
    };
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    own.scheme() == "http"
        && is_loopback(&own)
        && is_loopback(&other)
        // The given text must be what a parser makes of it but for the port, so nothing hides in its spelling.
        && other.as_str().trim_end_matches('/') == given.trim_end_matches('/')
        && own.set_port(None).is_ok()
        && other.set_port(None).is_ok()
        && own == other
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ground::Timestamp;

    fn client(metadata: Value) -> Client {
        let Value::Object(metadata) = metadata else {
            panic!("an object")
        };
        Client {
            client_id: "c1".into(),
            metadata,
            secrets: vec![],
            first_party: false,
            disabled_at: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            version: 1,
        }
    }

    #[test]
    fn threat_39_redirect_uris_match_exactly() {
        let client = client(json!({ "redirect_uris": ["https://rp.example/cb?x=1"] }));
        assert!(
            client
                .verify_redirect_uri("https://rp.example/cb?x=1")
                .is_some()
        );
        for bad in [
            "https://rp.example/cb",
            "https://rp.example/cb?x=1&y=2",
            "https://rp.example/cb?x=1#f",
            "https://rp.example/cb/?x=1",
            "https://RP.example/cb?x=1",
            "https://rp.example/CB?x=1",
            "https://rp.example:443/cb?x=1",
            "https://u@rp.example/cb?x=1",
            "https://rp.example.evil.example/cb?x=1",
            "http://rp.example/cb?x=1",
            "https://rp.example/a/../cb?x=1",
            "",
        ] {
            assert!(client.verify_redirect_uri(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn threat_39_only_a_native_apps_loopback_port_may_vary() {
        let uris = json!([
            "http://127.0.0.1/cb",
            "http://[::1]:8000/cb",
            "http://localhost:5000/cb"
        ]);
        let native = client(json!({ "application_type": "native", "redirect_uris": uris }));
        assert!(
            native
                .verify_redirect_uri("http://127.0.0.1:51234/cb")
                .is_some()
        );
        assert!(native.verify_redirect_uri("http://[::1]:9/cb").is_some());
        for bad in [
            "http://127.0.0.1:51234/other",
            "http://127.0.0.2:1/cb",
            "http://127.0.0.1:1/cb?x",
            "http://127.0.0.1:1/cb#x",
            "http://u:p@127.0.0.1:1/cb",
            "https://127.0.0.1:1/cb",
            "http://localhost:1/cb",
            "http://127.0.0.1:1/x/../cb",
            "http://2130706433:1/cb",
        ] {
            assert!(native.verify_redirect_uri(bad).is_none(), "{bad}");
        }
        let web = client(json!({ "redirect_uris": ["http://127.0.0.1/cb"] }));
        assert!(web.verify_redirect_uri("http://127.0.0.1:1/cb").is_none());
    }
}
