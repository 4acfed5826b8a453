//! The one place where answers are made comparable. Whatever is not named here must be equal to the byte.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Response};

use crate::ground::from_base64url;

/// Headers that are no part of the answer but of its way:
/// * `Date` is the server's wall clock, which no test moves (RFC 9110 §6.6.1);
/// * `Connection` is about this connection (§7.6.1);
/// * `Transfer-Encoding` and `Content-Length` frame the body: whether they tell the truth is checked where it is read
///   off the connection. On HEAD a server may leave the length out (§9.3.2); the scenes check it where it is there.
const OF_THE_WAY: [HeaderName; 4] = [DATE, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH];

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Ours, or a host's route that the script describes: all of it counts.
    Described,
    /// That of a path nobody registered: each framework has a 404 of its own, and only the status counts.
    TheHosts,
}

/// Headers and body of an answer as hosts must agree on them.
pub(super) fn comparable(
    whose: Whose,
    response: &Response<Bytes>,
) -> (Vec<(String, String)>, String) {
    if whose == Whose::TheHosts {
        return (Vec::new(), String::new());
    }
    let body = String::from_utf8_lossy(response.body());
    let body = without_es256_signatures(&body);
    (sorted(response.headers()), body)
}

fn sorted(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !OF_THE_WAY.contains(name))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        })
        .collect();
    // Stable: two cookies keep their order.
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    pairs
}

/// An ES256 signature is drawn anew each time (FIPS 186-5 §6.4; its randomness is the library's own), so only its
/// presence can be compared. Header and claims of the token stay, and so do signatures of RS256, which are functions
/// of the token: the hosts of a script share their keys.
fn without_es256_signatures(body: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find("eyJ") {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !of_token(c)).unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        text.push_str(before);
        match token.rsplit_once('.') {
            Some((signed, _)) if is_es256(signed) => {
                text.push_str(signed);
                text.push_str(".<an ES256 signature>");
            }
            _ => text.push_str(token),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

fn is_es256(signed: &str) -> bool {
    let header = signed.split('.').next().and_then(from_base64url);
    let header = header.and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    header.is_some_and(|header| header["alg"] == "ES256")
}
