//! A client registered there.

use crate::ground::jose::{Algorithm, Claims, ClaimsCheck, Jwk, Jws, VerifyingKey};

use super::http::FakeRequest;
use super::{Inner, State};

/// A client of a [`FakeProvider`](super::FakeProvider).
#[derive(Clone, Debug)]
pub struct FakeClient {
    pub(super) id: String,
    pub(super) auth: FakeClientAuth,
}

/// How it has to authenticate, in this way and in no other.
#[derive(Clone, Debug)]
pub enum FakeClientAuth {
    /// Not at all.
    None,
    /// `client_secret_basic`.
    Basic(String),
    /// `client_secret_post`.
    Post(String),
    /// `private_key_jwt`.
    PrivateKeyJwt(Box<Jwk>),
    /// A signed secret, as Apple wants it: of this team, with this key.
    AppleJwt {
        /// `iss`.
        team_id: String,
        /// The public half.
        key: Box<Jwk>,
    },
}

impl FakeClient {
    /// A client that authenticates like this.
    pub fn new(id: &str, auth: FakeClientAuth) -> Self {
        Self {
            id: id.to_owned(),
            auth,
        }
    }
}

/// The client of a token request; `None` is `invalid_client`.
pub(super) fn authenticate(
    inner: &Inner,
    state: &mut State,
    request: &FakeRequest,
) -> Option<String> {
    let basic = request.basic();
    let id = match &basic {
        Some((id, _)) => id.clone(),
        None => request.field("client_id")?,
    };
    let client = state.clients.iter().find(|client| client.id == id)?.clone();
    let secret = request.field("client_secret");
    let assertion = request.field("client_assertion");
    let fits = match (&client.auth, basic, secret, assertion) {
        (FakeClientAuth::None, None, None, None) => true,
        (FakeClientAuth::Basic(wanted), Some((_, secret)), None, None)
        | (FakeClientAuth::Post(wanted), None, Some(secret), None) => *wanted == secret,
        (FakeClientAuth::PrivateKeyJwt(key), None, None, Some(assertion)) => {
            let typ = request.field("client_assertion_type");
            let endpoint = format!("{}/token", inner.issuer);
            let audiences = [endpoint.as_str(), &inner.issuer];
            typ.as_deref() == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                && check(inner, &assertion, key, &id, &audiences, 300).is_some_and(|claims| {
                    // Single use (RFC 7523 §3).
                    claims.optional_str("sub") == Ok(Some(&id))
                        && claims
                            .optional_str("jti")
                            .ok()
                            .flatten()
                            .is_some_and(|jti| state.assertions.insert(jti.to_owned()))
                })
        }
        (FakeClientAuth::AppleJwt { team_id, key }, None, Some(secret), None) => {
            let audience = ["https://appleid.apple.com"];
            check(inner, &secret, key, team_id, &audience, 15_777_000)
                .is_some_and(|claims| claims.optional_str("sub") == Ok(Some(&id)))
        }
        _ => false,
    };
    fits.then_some(id)
}

fn check(
    inner: &Inner,
    token: &str,
    key: &Jwk,
    issuer: &str,
    audiences: &[&str],
    lifetime: i64,
) -> Option<Claims> {
    let jws = Jws::parse(token).ok()?;
    if jws.kid() != key.kid() {
        return None;
    }
    let key = VerifyingKey::new(key).ok()?;
    let verified = jws.verify_with_key(&key, &Algorithm::ALL).ok()?;
    let claims = verified.claims_object().ok()?;
    let rule = ClaimsCheck {
        issuer: Some(issuer),
        audience: Some(audiences),
        require_iat: true,
        max_lifetime_seconds: Some(lifetime),
        ..ClaimsCheck::at(inner.now())
    };
    rule.check(&claims).ok()?;
    Some(claims)
}
