//! The address everything else is built from.

use url::{Host, Url};

/// Where the product is reached from outside: also the issuer. Never taken from a request's `Host` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    // Without a trailing slash: the issuer identifier, to the byte (RFC 8414 §3.3 compares it exactly).
    text: String,
    loopback_http: bool,
}

/// Why a base URL is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// Not an absolute URL.
    #[error("the base URL is not a URL: {0}")]
    Parse(#[from] url::ParseError),
    /// Plain http away from loopback, or another scheme.
    #[error(
        "the base URL must be https (http is accepted for localhost and loopback addresses only)"
    )]
    NotHttps,
    /// Query, fragment or user-info (RFC 8414 §2 allows none in an issuer).
    #[error("the base URL must have no query, no fragment and no user name")]
    Extras,
}

impl BaseUrl {
    /// Parses and checks a base URL.
    ///
    /// # Errors
    /// See [`BaseUrlError`].
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text)?;
        let loopback_http = match (url.scheme(), url.host()) {
            ("https", Some(_)) => false,
            ("http", Some(host)) if is_loopback(&host) => true,
            _ => return Err(BaseUrlError::NotHttps),
        };
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(BaseUrlError::Extras);
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            url,
            text,
            loopback_http,
        })
    }

    /// The issuer identifier: the base URL without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, as an `Origin` header spells them.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The parsed URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The path under which everything lies: empty, or starting with a slash and ending without one.
    pub fn path_prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The absolute URL of one of our paths (which starts with a slash and does not include the prefix).
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The path, prefix included, that a browser on this site asks for.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.path_prefix())
    }

    /// Whether this is the machine itself.
    pub fn is_loopback(&self) -> bool {
        self.url.host().is_some_and(|host| is_loopback(&host))
    }

    /// Whether this is plain http on loopback: development, where `__Host-` cookies are impossible.
    pub fn is_loopback_http(&self) -> bool {
        self.loopback_http
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_pass() {
        let base = BaseUrl::parse("https://app.example.com/").expect("valid");
        assert_eq!(base.issuer(), "https://app.example.com");
        assert_eq!(base.origin(), "https://app.example.com");
        assert_eq!(base.path("/auth/login"), "/auth/login");
        let base = BaseUrl::parse("http://localhost:3000/id").expect("valid");
        assert_eq!(base.absolute("/x"), "http://localhost:3000/id/x");
        assert_eq!(base.path("/auth/login"), "/id/auth/login");
        assert!(base.is_loopback_http() && base.is_loopback());
        let base = BaseUrl::parse("https://localhost:3000").expect("valid");
        assert!(!base.is_loopback_http() && base.is_loopback());
        assert!(BaseUrl::parse("http://[::1]:3000").is_ok());
    }

    #[test]
    fn others_do_not() {
        for bad in [
            "http://app.example.com",
            "ftp://app.example.com",
            "app.example.com",
            "https://app.example.com?x=1",
            "https://app.example.com#x",
            "https://user@app.example.com",
            "http://localhost.evil.example",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
