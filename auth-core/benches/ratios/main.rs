//! What the hot paths cost, as ratios to a physical floor measured in the same run.
//!
//! Absolute times differ from machine to machine; a ratio to the raw signature next to it does not.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

mod flows;

use std::hint::black_box;

use auth_core::auth::Auth;
use auth_core::ground::base64url;
use auth_core::login::{Login, NewUser, SignInRequest};
use auth_core::provider::{NewClient, Provider};
use auth_core::store::MemoryStore;
use auth_core::testkit::Ratio;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::json;
use tokio::runtime::Runtime;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (auth, session) = runtime.block_on(host());
    token_endpoint(&runtime, &auth);
    access_token(&runtime, &auth);
    session_resolution(&runtime, &auth, &session);
    flows::run(&runtime, &auth, &session);
}

async fn host() -> (Auth, String) {
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(MemoryStore::default())
        .login(Login::default())
        .provider(Provider::default().scope("reports:read", "Read reports"))
        .prune_every(None)
        .build()
        .await
        .unwrap();
    let client = NewClient::from_metadata(
        json!({
            "client_id": "machine",
            "client_secret": "a secret of the machine client",
            "grant_types": ["client_credentials"],
            "scope": "reports:read",
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    auth.provider()
        .unwrap()
        .register_client(client)
        .await
        .unwrap();
    flows::register(&auth).await;
    let login = auth.login().unwrap();
    let user = NewUser {
        email: Some("alice@example.com".to_owned()),
        ..NewUser::default()
    };
    let user = login.create_user(user).await.unwrap();
    let request = SignInRequest {
        headers: &http::HeaderMap::new(),
        address: None,
        remember: false,
    };
    let session = login.sign_in(&user.id, &["pwd"], request).await.unwrap();
    let cookies = session.cookies();
    let cookie = cookies[0].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (auth, cookie)
}

fn token_request() -> Request<Bytes> {
    Request::post("/oauth/token")
        .header(
            header::AUTHORIZATION,
            "Basic bWFjaGluZTphK3NlY3JldCtvZit0aGUrbWFjaGluZStjbGllbnQ=",
        )
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from_static(
            b"grant_type=client_credentials&scope=reports%3Aread",
        ))
        .unwrap()
}

fn token_endpoint(runtime: &Runtime, auth: &Auth) {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let message = [b'x'; 400];
    compare(
        "token endpoint, client_credentials, ES256 / raw ES256 signature",
        "at most 2.0",
        500,
        || {
            black_box(key.sign(&random, &message).unwrap());
        },
        || {
            let response = runtime.block_on(auth.handle(token_request()));
            assert_eq!(response.status(), StatusCode::OK);
            black_box(response);
        },
    );
}

fn access_token(runtime: &Runtime, auth: &Auth) {
    let response = runtime.block_on(auth.handle(token_request()));
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    let token = body["access_token"].as_str().unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert(
        header::AUTHORIZATION,
        format!("Bearer {token}").parse().unwrap(),
    );
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let message = [b'x'; 400];
    let signature = key.sign(&random, &message).unwrap();
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref()).unwrap();
    let resource = auth.resource().unwrap();
    compare(
        "access-token verification with revocation check / raw ES256 verification",
        "at most 1.3",
        300,
        || {
            public
                .verify_sig(black_box(&message), signature.as_ref())
                .unwrap();
        },
        || {
            let token = runtime.block_on(resource.access_token(&headers));
            black_box(token.map_err(|_| "refused").unwrap());
        },
    );
}

fn session_resolution(runtime: &Runtime, auth: &Auth, cookie: &str) {
    let block = [b'x'; 64];
    compare(
        "session resolution (GET /auth/session) / one SHA-256 of 64 bytes",
        "reported; goal: the time of the right column under 5 us",
        2000,
        || {
            black_box(digest(&SHA256, black_box(&block)));
        },
        || {
            let request = Request::get("/auth/session")
                .header(header::COOKIE, cookie)
                .body(Bytes::new())
                .unwrap();
            let response = runtime.block_on(auth.handle(request));
            assert_eq!(
                response.status(),
                StatusCode::OK,
                "{}",
                base64url(response.body())
            );
            black_box(response);
        },
    );
}

fn compare(what: &str, target: &str, rounds: u32, floor: impl FnMut(), ours: impl FnMut()) {
    let ratio = Ratio::of(rounds, floor, ours);
    println!("{what}\n  {ratio} ({target})");
}
