//! `GET /auth/callback/<name>` of somebody who was here before, each with an attempt of its own.

use std::hint::black_box;
use std::sync::Arc;

use auth_core::auth::Auth;
use auth_core::ground::Digest32;
use auth_core::ground::jose::Algorithm;
use auth_core::login::{Login, NewUser, SignInRequest, Upstream};
use auth_core::services::outbound::OutboundPolicy;
use auth_core::store::{MemoryStore, Session, SessionId, SessionStore as _, UserId};
use auth_core::testkit::{Browser, Ratio};
use auth_core::web::{ClientAddr, CookieName};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use tokio::runtime::Runtime;

use crate::provider::{CLIENT, ISSUER, Provider, SECRET};

/// A batch's rounds; every round takes an attempt of its own.
const ROUNDS: u32 = 20;
const ATTEMPTS: u32 = ROUNDS * 31;
const BEGIN: &str = "/auth/login/with/corp";

pub(crate) fn run(runtime: &Runtime, algorithm: Algorithm) {
    let provider = Arc::new(Provider::new(algorithm));
    let store = MemoryStore::default();
    let auth = runtime.block_on(host(&provider, &store));
    let known = runtime.block_on(came_before(&auth, &provider));
    let mut callbacks: Vec<_> = (0..ATTEMPTS)
        .map(|_| runtime.block_on(attempt(&auth, &provider, &known)))
        .collect();
    let verify = provider.raw_verification();
    let mut sessions = sessions(&auth, runtime);
    let ratio = Ratio::of(
        ROUNDS,
        || {
            verify();
            let session = sessions.pop().unwrap();
            let written = runtime.block_on(store.insert_session(black_box(&session)));
            written.unwrap();
        },
        || {
            let answer = runtime.block_on(auth.handle(callbacks.pop().unwrap()));
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            black_box(answer);
        },
    );
    let name = algorithm.name();
    println!(
        "callback, ID token {name} / one raw {name} verification and one session written (memory)\n  {ratio} (at most 2.0)"
    );
}

async fn host(provider: &Arc<Provider>, store: &MemoryStore) -> Auth {
    let answers = provider.clone();
    let outbound = OutboundPolicy::default().answered_by(move |request| answers.answer(request));
    let corp = Upstream::openid("corp", ISSUER, CLIENT)
        .secret(SECRET)
        .trust_email();
    Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(store.clone())
        .outbound(outbound)
        .login(Login::default().sign_in_with([corp]))
        .prune_every(None)
        .build()
        .await
        .unwrap()
}

/// The first time: it makes the account, links the identity and fetches what the provider publishes. What the browser is
/// known by from then on.
async fn came_before(auth: &Auth, provider: &Provider) -> String {
    let mut browser = Browser::new(auth);
    let answer = browser.get(BEGIN).await;
    let back = provider.authorize(&answer.location().unwrap());
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let name = CookieName::Browser.secure_name();
    browser.cookie(name).unwrap().to_owned()
}

/// Somebody signed out who has been at the provider: the request that brings them back.
async fn attempt(auth: &Auth, provider: &Provider, known: &str) -> Request<Bytes> {
    let mut browser = Browser::new(auth);
    browser.set_cookie(CookieName::Browser.secure_name(), known);
    let answer = browser.get(BEGIN).await;
    let back = provider.authorize(&answer.location().unwrap());
    let address = ClientAddr("192.0.2.1".parse().unwrap());
    Request::get(back)
        .header(header::COOKIE, browser.cookies())
        .header(header::ACCEPT, "text/html")
        .header("sec-fetch-site", "cross-site")
        .extension(address)
        .body(Bytes::new())
        .unwrap()
}

/// Sessions as the callback writes them, of somebody else.
fn sessions(auth: &Auth, runtime: &Runtime) -> Vec<Session> {
    let login = auth.login().unwrap();
    let user = NewUser {
        email: Some("somebody@example.com".to_owned()),
        ..NewUser::default()
    };
    let user = runtime.block_on(login.create_user(user));
    let request = SignInRequest {
        headers: &http::HeaderMap::new(),
        address: None,
        remember: false,
    };
    let new = runtime.block_on(login.sign_in(&user.unwrap().id, &["fed"], request));
    let one = new.unwrap().session;
    (0..ATTEMPTS)
        .map(|index| Session {
            id: SessionId::new(format!("session-{index}-of-somebody")),
            token_digest: Digest32::of(index.to_be_bytes()),
            user_id: UserId::new("somebody"),
            ..one.clone()
        })
        .collect()
}
