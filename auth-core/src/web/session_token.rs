//! The token of a bearer session, in the `Authorization` header. Its prefix tells it from every other bearer token, so
//! that none is ever taken for another kind.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// What the token of a bearer session begins with. No JWT does.
pub(crate) const SESSION_TOKEN_PREFIX: &str = "ses_";

/// The session token of a request, prefix included: the one `Authorization` header, by the scheme `Bearer`.
pub(crate) fn session_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_ours = scheme.eq_ignore_ascii_case("bearer") && token.starts_with(SESSION_TOKEN_PREFIX);
    is_ours.then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).expect("header");
            headers.append(AUTHORIZATION, value);
        }
        session_token(&headers).map(str::to_owned)
    }

    #[test]
    fn only_one_bearer_token_with_the_prefix_is_one() {
        for good in ["Bearer ses_a.b", "bearer  ses_a.b"] {
            assert_eq!(read(&[good]).as_deref(), Some("ses_a.b"), "{good}");
        }
        for bad in [
            "Basic ses_a.b",
            "Bearer a.b.c",
            "Bearer",
            "ses_a.b",
            "Bearer SES_a.b",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        assert_eq!(read(&["Bearer ses_a.b", "Bearer ses_a.b"]), None);
        assert_eq!(read(&[]), None);
    }
}
