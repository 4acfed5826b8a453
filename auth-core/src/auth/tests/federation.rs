//! Signing in with others through the whole house: its routes, its cookies and its guarded client.

use std::sync::Arc;

use http::StatusCode;

use crate::auth::{Auth, BuildError};
use crate::ground::SystemClock;
use crate::login::{Login, Upstream};
use crate::services::outbound::OutboundPolicy;
use crate::store::MemoryStore;
use crate::testkit::Browser;
use crate::testkit::upstream::{FakeClient, FakeClientAuth, FakePerson, FakeProvider};

async fn house(there: &FakeProvider, policy: OutboundPolicy) -> Result<Auth, BuildError> {
    let corp = Upstream::openid("corp", there.issuer(), "app")
        .secret_in_body("a secret")
        .trust_email();
    Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(MemoryStore::new())
        .login(Login::default().sign_in_with([corp]))
        .outbound(policy)
        .prune_every(None)
        .build()
        .await
}

#[tokio::test]
async fn somebody_comes_through_the_whole_house() {
    let there = FakeProvider::start(Arc::new(SystemClock)).await;
    let auth = FakeClientAuth::Post("a secret".to_owned());
    there.register(FakeClient::new("app", auth));
    let policy = OutboundPolicy::default().dangerous_allow_loopback();
    let auth = house(&there, policy).await.unwrap();
    let mut browser = Browser::new(&auth);
    let page = browser.get("/auth/login").await;
    assert!(page.text.contains("id=\"with_corp\""), "{}", page.text);
    let begun = browser.get("/auth/login/with/corp?return_to=/x").await;
    let url = begun.location().unwrap();
    assert!(
        begun
            .header("set-cookie")
            .unwrap()
            .starts_with("auth_attempt_")
    );
    let person = FakePerson::new("ada").email("ada@example.com", true);
    let response = there.authorize(&url, &person).unwrap();
    assert_eq!(
        response.redirect_uri,
        "http://localhost:3000/auth/callback/corp"
    );
    let answer = browser.get(&response.path_and_query()).await;
    assert_eq!(answer.location().as_deref(), Some("/x"), "{}", answer.text);
    let session = browser.get("/auth/session").await.json();
    assert_eq!(session["user"]["email"], "ada@example.com");
    // A provider posts its logout tokens without a cookie and without an origin of ours.
    let token = there.logout_token("app", Some("ada"), None);
    let body = format!("logout_token={token}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = Browser::new(&auth)
        .send(
            http::Method::POST,
            "/auth/backchannel-logout/corp",
            &headers,
            &body,
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let session = browser.get("/auth/session").await;
    assert_eq!(session.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn threat_44_a_provider_at_an_inside_address_is_refused_at_the_start() {
    let there = FakeProvider::start(Arc::new(SystemClock)).await;
    let error = house(&there, OutboundPolicy::default()).await.err();
    let error = error.expect("it is not let through").to_string();
    assert!(error.contains("sign_in_with"), "{error}");
    assert_eq!(there.hits("/.well-known/openid-configuration"), 0);
}
