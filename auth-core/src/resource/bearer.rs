//! The token in the `Authorization` header (RFC 6750 §2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::refused::Refusal;

/// The one token of a request. In the query or the body it is not looked for: both end up in logs (RFC 9700 §4.3.2).
///
/// Another scheme, such as `Basic`, is no attempt to use a token (RFC 6750 §3.1), so it is a missing one.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Refusal::MissingToken);
    };
    if values.next().is_some() {
        return Err(Refusal::InvalidRequest(
            "There is more than one Authorization header.",
        ));
    }
    let value = value.as_bytes();
    let scheme_end = value
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(value.len());
    let (scheme, rest) = value.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Refusal::MissingToken);
    }
    b64token(rest.trim_ascii_start()).ok_or(Refusal::InvalidRequest(
        "The Authorization header must be the word Bearer, a space and one token.",
    ))
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub(super) fn b64token(text: &[u8]) -> Option<&str> {
    let text = str::from_utf8(text).ok()?;
    let body = text.trim_end_matches('=');
    let is_token = !body.is_empty()
        && body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
    is_token.then_some(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<String, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token() {
        for value in [
            "Bearer a.b-c_d~e+f/g==",
            "bearer x",
            "BEARER x",
            "bEaReR   x",
        ] {
            let expected = value.rsplit(' ').next().unwrap();
            assert_eq!(read(&[value.as_bytes()]).unwrap(), expected);
        }
    }

    #[test]
    fn no_token_is_not_a_bad_request() {
        assert_eq!(read(&[]), Err(Refusal::MissingToken));
        for other in [
            "Basic YTpi",
            "DPoP x",
            "",
            "Bearerx",
            "Bearer\tx",
            "\u{e4} x",
        ] {
            assert_eq!(
                read(&[other.as_bytes()]),
                Err(Refusal::MissingToken),
                "{other}"
            );
        }
    }

    #[test]
    fn malformed_credentials() {
        for bad in [
            b"Bearer".as_slice(),
            b"Bearer ",
            b"bearer   ",
            b"Bearer a b",
            b"Bearer a,b",
            b"Bearer a=b",
            b"Bearer =",
            b"Bearer \"a\"",
            b"Bearer a\tb",
            b"Bearer \xff\xfe",
            "Bearer t\u{f6}ken".as_bytes(),
            b"Bearer a, Bearer b",
        ] {
            assert!(
                matches!(read(&[bad]), Err(Refusal::InvalidRequest(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn several_headers_are_refused_even_when_equal() {
        for pair in [
            [b"Bearer a".as_slice(), b"Bearer a"],
            [b"Bearer a", b"Basic YTpi"],
            [b"Basic YTpi", b"Bearer a"],
        ] {
            assert!(matches!(read(&pair), Err(Refusal::InvalidRequest(_))));
        }
    }
}
