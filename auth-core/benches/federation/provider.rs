//! An OpenID provider in memory. What it answers is made when somebody signs in there, so that no signature of its is
//! measured.

use std::collections::HashMap;
use std::sync::Mutex;

use auth_core::ground::jose::{Algorithm, Jwk, SigningKey, left_half_hash};
use auth_core::ground::{Clock as _, SystemClock};
use aws_lc_rs::signature::ParsedPublicKey;
use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::{Value, json};
use url::Url;

use crate::raw;

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const CLIENT: &str = "app";
pub(crate) const SECRET: &str = "a secret for the client";

pub(crate) struct Provider {
    key: SigningKey,
    /// What the raw verification verifies with.
    public: ParsedPublicKey,
    /// One that is on its way in, as real key sets have.
    next: Jwk,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    drawn: u32,
    /// What each code is redeemed for.
    answers: HashMap<String, Bytes>,
    last_id_token: String,
}

impl Provider {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let made = SigningKey::generate(algorithm).unwrap();
        let next = SigningKey::generate(algorithm).unwrap();
        Self {
            key: made.key,
            public: raw::public_key(algorithm, &made.pkcs8),
            next: next.key.public_jwk().clone(),
            state: Mutex::default(),
        }
    }

    /// Signs somebody in: where the browser is sent back to.
    pub(crate) fn authorize(&self, url: &str) -> String {
        let url = Url::parse(url).unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let mut state = self.state.lock().unwrap();
        state.drawn += 1;
        let code = format!(
            "4/0AVGzR1A-{:08}-cB7nqPzXfLw9yKtVhD2mJs5uQe3RgTo",
            state.drawn
        );
        let access_token = format!("ya29.a0AeXRPp4{:08}{}", state.drawn, "k7".repeat(80));
        let id_token = self.id_token(&asked["nonce"], &access_token);
        let answer = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 3599,
            "scope": "openid profile email",
            "id_token": id_token,
        });
        let answer = Bytes::from(answer.to_string());
        state.answers.insert(code.clone(), answer);
        state.last_id_token = id_token;
        let parameters = form_urlencoded::Serializer::new(String::new())
            .append_pair("state", &asked["state"])
            .append_pair("iss", ISSUER)
            .append_pair("code", &code)
            .finish();
        format!("/auth/callback/corp?{parameters}")
    }

    fn id_token(&self, nonce: &str, access_token: &str) -> String {
        let now = SystemClock.now().seconds();
        let claims = json!({
            "iss": ISSUER,
            "azp": CLIENT,
            "aud": CLIENT,
            "sub": "110169484474386276334",
            "email": "ada@example.com",
            "email_verified": true,
            "at_hash": left_half_hash(self.key.algorithm(), access_token),
            "nonce": nonce,
            "name": "Ada Lovelace",
            "given_name": "Ada",
            "family_name": "Lovelace",
            "picture": "https://idp.example/people/110169484474386276334.png",
            "sid": "8f3c1a52d0f94f2b",
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
        });
        self.key.sign_compact(Some("JWT"), &claims).unwrap()
    }

    /// What it answers to the app.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let body = match request.uri().path() {
            "/.well-known/openid-configuration" => self.metadata().to_string().into(),
            "/keys" => json!({ "keys": [self.key.public_jwk(), self.next] })
                .to_string()
                .into(),
            "/token" => self.redeem(request.body()),
            other => unreachable!("nothing asks for {other}"),
        };
        let mut answer = Response::new(body);
        let json = header::HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer
    }

    fn metadata(&self) -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"),
            "jwks_uri": format!("{ISSUER}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.key.algorithm().name()],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn redeem(&self, form: &[u8]) -> Bytes {
        let mut fields = form_urlencoded::parse(form);
        let (_, code) = fields.find(|(name, _)| name == "code").unwrap();
        let mut state = self.state.lock().unwrap();
        state.answers.remove(&*code).unwrap()
    }

    /// One raw verification of an ID token of its own.
    pub(crate) fn raw_verification(&self) -> impl Fn() + use<> {
        let token = self.state.lock().unwrap().last_id_token.clone();
        raw::verification(&self.public, &token)
    }
}
