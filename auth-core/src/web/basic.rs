//! HTTP Basic as OAuth uses it (RFC 6749 §2.3.1, RFC 7617).

use base64::Engine as _;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

/// A client id and secret from an `Authorization: Basic` header. No `Debug`: it holds a secret.
pub struct BasicCredentials {
    /// Decoded user part.
    pub username: String,
    /// Decoded password part.
    pub password: String,
}

/// The header is there but cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Authorization header is not valid HTTP Basic")]
pub struct BasicError;

impl BasicCredentials {
    /// Reads the header; `Ok(None)` when there is none or it has another scheme.
    ///
    /// Both parts are form-urldecoded after base64, as RFC 6749 §2.3.1 asks: `%` and `+` in a secret arrive encoded.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, BasicError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(BasicError);
        }
        let Ok(value) = value.to_str() else {
            return Err(BasicError);
        };
        let Some((scheme, encoded)) = value.split_once(' ') else {
            return Ok(None);
        };
        if !scheme.eq_ignore_ascii_case("basic") {
            return Ok(None);
        }
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .map_err(|_| BasicError)?;
        let decoded = String::from_utf8(decoded).map_err(|_| BasicError)?;
        let (username, password) = decoded.split_once(':').ok_or(BasicError)?;
        Ok(Some(Self {
            username: form_decode(username)?,
            password: form_decode(password)?,
        }))
    }
}

fn form_decode(text: &str) -> Result<String, BasicError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| BasicError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> Result<Option<BasicCredentials>, BasicError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            http::HeaderValue::from_bytes(value).expect("header"),
        );
        BasicCredentials::from_headers(&headers)
    }

    #[test]
    fn decodes_percent_and_plus() {
        let encoded = base64::engine::general_purpose::STANDARD.encode("client%3A1:s%2B+%25%C3%BC");
        let credentials = read(format!("bAsIc {encoded}").as_bytes())
            .expect("valid")
            .expect("present");
        assert_eq!(credentials.username, "client:1");
        assert_eq!(credentials.password, "s+ %ü");
    }

    #[test]
    fn other_schemes_are_not_ours_and_garbage_is_an_error() {
        assert!(read(b"Bearer abc").expect("valid").is_none());
        for bad in [
            b"Basic !!".as_slice(),
            b"Basic YWJj",
            b"Basic \xff",
            b"Basic /zo=",
        ] {
            assert!(read(bad).is_err());
        }
    }
}
