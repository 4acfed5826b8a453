//! Which addresses a client may register to be sent to (RFC 8252, RFC 9700 §2.1, OpenID Connect Registration §2).

use url::{Host, Url};

/// Longer than any real redirect URI.
const LONGEST: usize = 2048;

/// Says what is wrong with a redirect URI; `Ok` when nothing is.
///
/// A false positive hands codes to whoever owns the address, or lets a page run script in our origin
/// (`javascript:`); a false negative makes an app register another one.
pub(super) fn check(uri: &str, native: bool) -> Result<(), &'static str> {
    if uri.len() > LONGEST || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must be at most 2048 printable ASCII characters");
    }
    let url = Url::parse(uri).map_err(|_| "must be an absolute URI")?;
    if uri.contains('#') {
        return Err("must have no fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user name or password");
    }
    match url.scheme() {
        "https" => check_host(uri, &url),
        "http" if is_loopback(&url) => check_host(uri, &url),
        "http" => Err("must be https; http is for localhost and loopback addresses only"),
        // RFC 8252 §7.1 and §8.4: a domain name in reverse order, so `javascript`, `data` and the like never pass.
        scheme if native && scheme.contains('.') => Ok(()),
        _ if native => {
            Err("a private-use scheme must be a reversed domain name, as com.example.app")
        }
        _ => Err("must be https; private-use schemes are for native applications"),
    }
}

/// Says what is wrong with the address of a document or image.
pub(super) fn check_web(uri: &str) -> Result<(), &'static str> {
    let url = Url::parse(uri).map_err(|_| "must be an absolute URI")?;
    if uri.len() > LONGEST || !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err("must be an http or https address of at most 2048 characters");
    }
    Ok(())
}

/// Says what is wrong with an address that the server will fetch: in clear only from loopback.
pub(super) fn check_fetched(uri: &str) -> Result<(), &'static str> {
    check_web(uri)?;
    match Url::parse(uri) {
        Ok(url) if url.scheme() == "https" || is_loopback(&url) => Ok(()),
        _ => Err("must be https"),
    }
}

/// Says what is wrong with an address that must be https, in clear only on loopback and where `loopback` allows it. No
/// fragment, no user name.
pub(super) fn check_https(uri: &str, loopback: bool) -> Result<(), &'static str> {
    check(uri, false)?;
    match Url::parse(uri) {
        Ok(url) if url.scheme() == "https" || loopback => Ok(()),
        _ => Err("must be https"),
    }
}

fn check_host(uri: &str, url: &Url) -> Result<(), &'static str> {
    let after_scheme = uri.get(url.scheme().len()..).unwrap_or_default();
    let spelled_out = after_scheme.starts_with("://") && !uri.contains('\\');
    match url.host_str() {
        Some(host) if spelled_out && !host.contains('*') => Ok(()),
        _ => Err("must name a host, without wildcard"),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_redirect_uris() {
        for uri in [
            "https://rp.example/cb",
            "https://rp.example:8443/cb?x=1",
            "http://localhost:3001/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:9/cb",
        ] {
            assert_eq!(check(uri, false), Ok(()), "{uri}");
        }
        assert_eq!(check("com.example.app:/cb", true), Ok(()));
        assert_eq!(check("com.example.app://cb", true), Ok(()));
    }

    #[test]
    fn bad_redirect_uris() {
        for uri in [
            "",
            "/cb",
            "rp.example/cb",
            "http://rp.example/cb",
            "http://localhost.evil.example/cb",
            "https://rp.example/cb#f",
            "https://rp.example/cb#",
            "https://u@rp.example/cb",
            "https://u:p@rp.example/cb",
            "https://*.rp.example/cb",
            "https:rp.example/cb",
            "https:\\\\rp.example/cb",
            "https://rp.example/c b",
            "https://rp.example/\u{e4}",
            "https://rp.example/\r\nX: y",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://rp.example/x",
            "ftp://rp.example/cb",
            "myapp:/cb",
        ] {
            assert!(check(uri, false).is_err(), "{uri}");
            assert!(check(uri, true).is_err(), "native {uri}");
        }
        assert!(check("com.example.app:/cb", false).is_err());
        assert!(check_web("javascript:alert(1)").is_err());
        assert!(check_fetched("http://rp.example/jwks").is_err());
        assert_eq!(check_fetched("http://127.0.0.1:1/jwks"), Ok(()));
    }

    #[test]
    fn https_but_on_loopback() {
        assert_eq!(check_https("https://rp.example/x?y", false), Ok(()));
        assert_eq!(check_https("http://localhost:1/x", true), Ok(()));
        for bad in [
            "http://localhost:1/x",
            "http://rp.example/",
            "https://rp.example/#x",
            "https://u@rp.example/",
        ] {
            assert!(check_https(bad, false).is_err(), "{bad}");
        }
        assert!(check_https("http://rp.example/", true).is_err());
    }
}
