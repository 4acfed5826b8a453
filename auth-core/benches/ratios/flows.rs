//! What an OpenID Connect client asks for: codes redeemed, tokens refreshed, introspected and shown to `UserInfo`.

use std::hint::black_box;

use auth_core::auth::Auth;
use auth_core::provider::NewClient;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::compare;

// `web:a secret of the web client`, as RFC 6749 §2.3.1 encodes it.
const BASIC: &str = "Basic d2ViOmErc2VjcmV0K29mK3RoZSt3ZWIrY2xpZW50";
const REDIRECT_URI: &str = "https%3A%2F%2Frp.example%2Fcb";
// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// A batch's rounds; every round takes a code of its own.
const ROUNDS: u32 = 20;
const CODES: u32 = ROUNDS * 31;

pub(crate) async fn register(auth: &Auth) {
    let metadata = json!({
        "client_id": "web",
        "client_secret": "a secret of the web client",
        "redirect_uris": ["https://rp.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "id_token_signed_response_alg": "ES256",
        "scope": "openid profile offline_access",
    });
    let client = NewClient::from_metadata(metadata.as_object().unwrap().clone()).first_party(true);
    let provider = auth.provider().unwrap();
    provider.register_client(client).await.unwrap();
}

pub(crate) fn run(runtime: &Runtime, auth: &Auth, cookie: &str) {
    let app = App { runtime, auth };
    let mut codes: Vec<_> = (0..CODES).map(|_| app.code(cookie)).collect();
    let tokens = app.redeem(&app.code(cookie));
    let (sign_twice, verify) = floors();
    compare(
        "code redemption, access token and ID token ES256 / two raw ES256 signatures",
        "at most 1.5",
        ROUNDS,
        &sign_twice,
        || {
            black_box(app.redeem(&codes.pop().unwrap()));
        },
    );
    let mut refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    compare(
        "refresh, access token and ID token ES256 / two raw ES256 signatures",
        "at most 1.5",
        ROUNDS,
        &sign_twice,
        || {
            let body = format!("grant_type=refresh_token&refresh_token={refresh}");
            let tokens = app.post("/oauth/token", body);
            tokens["refresh_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut refresh);
        },
    );
    let token = tokens["access_token"].as_str().unwrap();
    compare(
        "introspection / raw ES256 verification",
        "at most 3.0",
        200,
        &verify,
        || {
            let answer = app.post("/oauth/introspect", format!("token={token}"));
            assert_eq!(answer["active"], true);
        },
    );
    compare(
        "UserInfo / raw ES256 verification",
        "at most 3.0",
        200,
        &verify,
        || {
            let request = Request::get("/oauth/userinfo")
                .header(header::AUTHORIZATION, format!("Bearer {token}"));
            black_box(app.json(request.body(Bytes::new()).unwrap()));
        },
    );
}

/// Two raw signatures, and one raw verification.
fn floors() -> (impl Fn(), impl Fn()) {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let message = [b'x'; 400];
    let signature = key.sign(&random, &message).unwrap();
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref()).unwrap();
    let sign_twice = move || {
        for _ in 0..2 {
            black_box(key.sign(&random, &message).unwrap());
        }
    };
    let verify = move || {
        public
            .verify_sig(black_box(&message), signature.as_ref())
            .unwrap();
    };
    (sign_twice, verify)
}

struct App<'a> {
    runtime: &'a Runtime,
    auth: &'a Auth,
}

impl App<'_> {
    fn code(&self, cookie: &str) -> String {
        let query = format!(
            "client_id=web&response_type=code&redirect_uri={REDIRECT_URI}&scope=openid%20offline_access\
             &nonce=n&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let request = Request::get(format!("/oauth/authorize?{query}"))
            .header(header::COOKIE, cookie)
            .body(Bytes::new())
            .unwrap();
        let response = self.runtime.block_on(self.auth.handle(request));
        let location = response.headers()[header::LOCATION].to_str().unwrap();
        let (_, code) = location.split_once("code=").unwrap();
        code.split('&').next().unwrap().to_owned()
    }

    fn redeem(&self, code: &str) -> Value {
        self.post(
            "/oauth/token",
            format!(
                "grant_type=authorization_code&code={code}&redirect_uri={REDIRECT_URI}&code_verifier={VERIFIER}"
            ),
        )
    }

    fn post(&self, path: &str, body: String) -> Value {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, BASIC)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.json(request.body(body.into()).unwrap())
    }

    fn json(&self, request: Request<Bytes>) -> Value {
        let response = self.runtime.block_on(self.auth.handle(request));
        assert_eq!(response.status(), StatusCode::OK);
        serde_json::from_slice(response.body()).unwrap()
    }
}
