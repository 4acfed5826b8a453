//! The whole way: to AuthKit, back, and out again.

use http::StatusCode;
use serde_json::json;
use url::Url;

use super::super::harness::{Answer, Browser, PASSWORD, SESSION_COOKIE};
use super::fake::{CLIENT, EMAIL, Fault, Hold, LIFE, USER};
use super::webhook::tell;
use super::{Stage, workos};
use crate::ground::Clock as _;
use crate::ground::jose::Jws;
use crate::login::hosted::secrets;
use crate::login::{LoginWing, NewUser, Upstream, acr};
use crate::store::{MemoryStore, SessionId};

const BEGIN: &str = "/auth/login/with/workos";
const CALLBACK: &str = "/auth/callback/workos";

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Begins, and does what AuthKit does: the answer to be carried back.
async fn to_authkit(stage: &Stage, browser: &mut Browser<'_>, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let url = answer.location();
    let challenge = parameter(url, "code_challenge").unwrap();
    let state = parameter(url, "state").unwrap();
    let code = stage.fake.code(&challenge);
    format!("{CALLBACK}?code={code}&state={state}")
}

async fn sign_in(stage: &Stage, browser: &mut Browser<'_>) -> Answer {
    let back = to_authkit(stage, browser, BEGIN).await;
    browser.get(&back).await
}

async fn row_of(stage: &Stage, browser: &mut Browser<'_>) -> Option<crate::store::UpstreamSession> {
    let id = SessionId::new(browser.session_id().await.unwrap());
    let store = &stage.house.core.stores.upstream_sessions;
    store.upstream_session(&id).await.unwrap()
}

#[tokio::test]
async fn the_request_is_what_authkit_wants() {
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    let page = browser.get("/auth/login").await;
    assert!(page.body.contains(BEGIN), "{}", page.body);
    let hint = "?screen_hint=sign-up&organization_id=org_1&login_hint=ada%40example.com";
    let answer = browser.get(&format!("{BEGIN}{hint}")).await;
    let url = answer.location();
    let start = format!("{}/user_management/authorize?", stage.fake.base_url());
    assert!(url.starts_with(&start), "{url}");
    for (name, value) in [
        ("client_id", CLIENT),
        (
            "redirect_uri",
            "https://app.example.com/auth/callback/workos",
        ),
        ("response_type", "code"),
        ("provider", "authkit"),
        ("code_challenge_method", "S256"),
        ("screen_hint", "sign-up"),
        ("organization_id", "org_1"),
        ("login_hint", EMAIL),
    ] {
        assert_eq!(parameter(url, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(stage.fake.requests(), 0);
}

#[tokio::test]
async fn somebody_new_gets_an_account_and_a_session_that_rests_there() {
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    let back = to_authkit(&stage, &mut browser, &format!("{BEGIN}?return_to=/team")).await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.location(), "/team", "{}", answer.body);
    let info = browser.get_json("/auth/session").await.json();
    assert_eq!(info["user"]["email"], EMAIL);
    assert_eq!(info["user"]["email_verified"], true);
    assert_eq!(info["user"]["name"], "Ada Lovelace");
    let row = row_of(&stage, &mut browser).await.unwrap();
    assert_eq!(
        (row.upstream.as_str(), row.subject.as_str()),
        ("workos", USER)
    );
    // It ends with WorkOS's word, not before.
    stage.advance(std::time::Duration::from_secs(LIFE.unsigned_abs() + 1));
    assert!(browser.is_signed_in().await);
    stage.advance(std::time::Duration::from_secs(LIFE.unsigned_abs() + 1));
    stage.fake.revoke_all();
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn threat_26_the_session_changes_at_the_callback() {
    let stage = Stage::new().await;
    stage.house.verified(EMAIL).await;
    let mut browser = stage.house.browser();
    browser.sign_in(EMAIL, PASSWORD).await;
    let before = browser.cookies[SESSION_COOKIE].clone();
    sign_in(&stage, &mut browser).await;
    assert_ne!(browser.cookies[SESSION_COOKIE], before);
}

#[tokio::test]
async fn who_has_a_password_here_is_no_more_recent_by_workos() {
    let stage = Stage::new().await;
    let user = stage.house.verified(EMAIL).await;
    stage.advance(std::time::Duration::from_mins(20));
    let mut browser = stage.house.browser();
    let answer = sign_in(&stage, &mut browser).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    let session = browser.get_json("/auth/session").await.json();
    let auth_time = &session["session"]["auth_time"];
    assert_eq!(*auth_time, user.created_at.rfc3339());
    // An account that has nothing else is asked nothing else.
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    sign_in(&stage, &mut browser).await;
    stage.advance(std::time::Duration::from_mins(4));
    sign_in(&stage, &mut browser).await;
    let session = browser.get_json("/auth/session").await.json();
    let now = stage.house.core.clock.now().rfc3339();
    assert_eq!(session["session"]["auth_time"], now);
}

#[tokio::test]
async fn threat_36_the_answer_is_the_browsers_own() {
    let stage = Stage::new().await;
    let mut attacker = stage.house.browser();
    let back = to_authkit(&stage, &mut attacker, BEGIN).await;
    let mut victim = stage.house.browser();
    // Also with an attempt of their own under way.
    to_authkit(&stage, &mut victim, BEGIN).await;
    let answer = victim.get(&back).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!victim.is_signed_in().await);
    let no_state = back.split("&state=").next().unwrap().to_owned();
    assert_eq!(victim.get(&no_state).await.status, StatusCode::BAD_REQUEST);
    // Nor twice in the browser it belongs to.
    assert_eq!(attacker.get(&back).await.status, StatusCode::SEE_OTHER);
    let again = attacker.get(&back).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_code_bound_to_another_verifier_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    let answer = browser.get(BEGIN).await;
    let state = parameter(answer.location(), "state").unwrap();
    let code = stage.fake.code("another challenge");
    let answer = browser
        .get(&format!("{CALLBACK}?code={code}&state={state}"))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn an_answer_that_is_not_honest_signs_nobody_in() {
    type Bend = fn(&mut serde_json::Map<String, serde_json::Value>);
    let bends: [Bend; 5] = [
        |claims| drop(claims.insert("sub".to_owned(), "user_01EVE".into())),
        |claims| drop(claims.insert("iss".to_owned(), "https://evil.test".into())),
        |claims| drop(claims.insert("aud".to_owned(), "client_other".into())),
        |claims| drop(claims.insert("exp".to_owned(), 1000.into())),
        |claims| drop(claims.remove("sid")),
    ];
    for bend in bends {
        let stage = Stage::new().await;
        stage.fake.bend(bend);
        let mut browser = stage.house.browser();
        let answer = sign_in(&stage, &mut browser).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        assert!(!browser.is_signed_in().await);
    }
    for (fault, status) in [
        (Fault::ForeignKey, StatusCode::BAD_REQUEST),
        (Fault::Impersonated, StatusCode::BAD_REQUEST),
        (Fault::Down, StatusCode::SERVICE_UNAVAILABLE),
        (Fault::Markup, StatusCode::SERVICE_UNAVAILABLE),
        (Fault::Redirect, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let stage = Stage::new().await;
        let mut browser = stage.house.browser();
        let back = to_authkit(&stage, &mut browser, BEGIN).await;
        stage.fake.state().fault = Some(fault);
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, status, "{fault:?} {}", answer.body);
        assert!(!browser.is_signed_in().await);
        // Other ways in still work.
        stage.house.account("bob@example.com").await;
        browser.sign_in("bob@example.com", PASSWORD).await;
        assert!(browser.is_signed_in().await);
    }
}

#[tokio::test]
async fn signing_out_leads_on_to_workos() {
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    sign_in(&stage, &mut browser).await;
    let sid = row_of(&stage, &mut browser).await.unwrap().sid.unwrap();
    let answer = browser.fill_in("/auth/logout", &[]).await;
    let url = answer.location();
    let start = format!("{}/user_management/sessions/logout?", stage.fake.base_url());
    assert!(url.starts_with(&start), "{url}");
    assert_eq!(parameter(url, "session_id"), Some(sid));
    let back = parameter(url, "return_to");
    assert_eq!(
        back.as_deref(),
        Some("https://app.example.com/auth/signed-out")
    );
    assert!(!browser.is_signed_in().await);
}

/// Nothing of it is believed but where it was: a second factor there is none here.
#[tokio::test]
async fn how_somebody_signed_in_there_counts_for_nothing_here() {
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    sign_in(&stage, &mut browser).await;
    let info = browser.get_json("/auth/session").await.json();
    let session = &info["session"];
    assert_eq!(session["amr"], json!([acr::FEDERATED, acr::HOSTED]));
    assert_eq!(session["acr"], acr::SINGLE_FACTOR_ACR);
    let now = stage.house.clock.now().rfc3339();
    assert_eq!(session["auth_time"], now);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_sign_in_brought_before_an_event_is_not_kept_after_it() {
    let stage = Stage::new().await;
    let mut browser = stage.house.browser();
    let back = to_authkit(&stage, &mut browser, BEGIN).await;
    let hold = stage
        .fake
        .hold_next("/user_management/authenticate", Hold::After);
    let changes = async {
        stage.fake.holds().await;
        stage.fake.state().first_name = "Augusta";
        tell(&stage, "user.updated", json!({ "id": USER })).await;
        drop(hold);
    };
    let (answer, ()) = tokio::join!(browser.get(&back), changes);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let mut headers = http::HeaderMap::new();
    let cookie = format!("{SESSION_COOKIE}={}", browser.cookies[SESSION_COOKIE]);
    headers.insert(http::header::COOKIE, cookie.parse().unwrap());
    let wing = &stage.house.wing;
    let seen = wing.session(&headers).await.unwrap().unwrap();
    let access = wing.hosted_access(&seen).await.unwrap().unwrap();
    let user = wing.hosted_user(&access).await.unwrap();
    assert_eq!(user.first_name.as_deref(), Some("Augusta"));
}

#[tokio::test]
async fn where_its_word_on_addresses_is_not_believed_nobody_is_merged() {
    for (trusted, next) in [(true, "/"), (false, "/auth/link-first")] {
        let stage = Stage::on(
            MemoryStore::new().into(),
            |login| login,
            |settings| settings.trust_email(trusted),
        )
        .await;
        let new = NewUser {
            email: Some(EMAIL.to_owned()),
            email_verified: true,
            ..NewUser::default()
        };
        stage.house.wing.create_user(new).await.unwrap();
        let mut browser = stage.house.browser();
        let answer = sign_in(&stage, &mut browser).await;
        assert!(answer.location().starts_with(next), "{}", answer.location());
        assert_eq!(browser.is_signed_in().await, trusted);
    }
}

#[tokio::test]
async fn whoever_has_no_organization_gets_one_and_once() {
    let stage = Stage::on(
        MemoryStore::new().into(),
        |login| login,
        |settings| settings.create_organization(|user| Some(format!("Team of {}", user.email))),
    )
    .await;
    stage.fake.state().memberships.clear();
    for acts_for_it in [true, false] {
        let mut browser = stage.house.browser();
        let answer = sign_in(&stage, &mut browser).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        // The second time they are a member: which organization they act for is AuthKit's to ask.
        let row = row_of(&stage, &mut browser).await.unwrap();
        let tokens = secrets::open(&stage.house.core, &row).unwrap();
        let claims = Jws::parse(&tokens.access_token).unwrap();
        let claims = claims.dangerous_unverified_claims().unwrap();
        assert_eq!(claims.str("org_id").is_some(), acts_for_it);
        assert_eq!(stage.fake.state().made.len(), 1);
        assert_eq!(stage.fake.state().memberships.len(), 1);
    }
    let made = stage.fake.heads();
    assert!(
        made.iter()
            .any(|request| request.contains("Team of ada@example.com"))
    );
}

#[tokio::test]
async fn an_organization_that_cannot_be_made_keeps_nobody_out() {
    let stage = Stage::on(
        MemoryStore::new().into(),
        |login| login,
        |settings| settings.create_organization(|_| Some("Team".to_owned())),
    )
    .await;
    stage.fake.state().memberships.clear();
    stage.fake.state().makes_none = true;
    let mut browser = stage.house.browser();
    sign_in(&stage, &mut browser).await;
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn no_other_provider_takes_its_name() {
    let stage = Stage::new().await;
    let other = Upstream::openid("workos", "https://idp.example.com", "app").secret("secret");
    let login = super::settings()
        .hosted(workos(&stage.fake))
        .sign_in_with([other]);
    let core = stage.house.core.clone();
    let error = LoginWing::new(core, login)
        .err()
        .expect("one name, two ways in");
    assert!(error.problem.contains("taken"), "{error}");
}
