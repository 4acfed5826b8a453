//! How a host tests its own app: every request goes through its own router, as somebody in a known state.

use std::time::Duration;

use adapter_axum::{Auth, Login};
use auth_testkit::{TestKit, Visitor};
use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const ADA: &str = "ada@example.com";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers[LOCATION].to_str().expect("text")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }
}

/// The app, in a world of its own.
async fn start() -> (TestKit, Auth, Router) {
    let kit = TestKit::new();
    let login = TestKit::fast_login(Login::default());
    let auth = kit.install(super::auth(login));
    let auth = auth.build().await.expect("auth");
    let app = super::app(&auth);
    (kit, auth, app)
}

/// Sends a request through the app as this visitor, who keeps the cookies of the answer.
async fn send(app: &Router, visitor: &mut Visitor, mut request: Request<Body>) -> Answer {
    visitor.apply(&mut request);
    let response = app.clone().oneshot(request).await.expect("infallible");
    visitor.keep(response.headers());
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("body").to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).expect("text"),
    }
}

async fn get(app: &Router, visitor: &mut Visitor, path: &str) -> Answer {
    let request = Request::get(path).body(Body::empty()).expect("request");
    send(app, visitor, request).await
}

async fn post(app: &Router, visitor: &mut Visitor, path: &str, body: Value) -> Answer {
    let request = Request::post(path)
        .header("accept", "application/json")
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()));
    send(app, visitor, request.expect("request")).await
}

#[tokio::test]
async fn the_dashboard_is_for_people_signed_in() {
    let (kit, auth, app) = start().await;
    let mut nobody = Visitor::anonymous(&kit, &auth);
    let answer = get(&app, &mut nobody, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/auth/login?return_to=%2Fdashboard");

    let ada = kit.person(&auth, ADA).named("Ada").confirmed();
    let mut visitor = ada.register().await.signed_in().await;
    let answer = get(&app, &mut visitor, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, "Signed in as Ada.");
}

#[tokio::test]
async fn half_a_sign_in_shows_no_dashboard() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).with_totp().register().await;
    let bob = kit.person(&auth, "bob@example.com").confirmed();
    let bob = bob.register().await;
    let eve = kit.person(&auth, "eve@example.com").register().await;
    for mut visitor in [
        ada.mfa_pending().await,
        eve.unconfirmed().await,
        bob.locked().await,
        ada.disabled().await,
    ] {
        let answer = get(&app, &mut visitor, "/dashboard").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.location(), "/auth/login?return_to=%2Fdashboard");
    }
}

#[tokio::test]
async fn a_transfer_wants_a_recent_sign_in() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut stale = ada.stale().await;
    let answer = get(&app, &mut stale, "/transfer").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let back = "/auth/login?return_to=%2Ftransfer&reauthenticate=1";
    assert_eq!(answer.location(), back);
    let answer = post(&app, &mut stale, "/api/transfer", json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "recent_sign_in_required");

    ada.step_up(&mut stale).await;
    let answer = get(&app, &mut stale, "/transfer").await;
    assert_eq!(answer.status, StatusCode::OK);

    let mut app_of_ada = ada.bearer().await;
    let answer = post(&app, &mut app_of_ada, "/api/transfer", json!({})).await;
    assert_eq!(answer.text, format!("transferred for {}", ada.id()));
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_the_mail() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut before = ada.signed_in().await;

    let mut visitor = Visitor::anonymous(&kit, &auth);
    let asked = post(&app, &mut visitor, "/auth/forgot", json!({ "email": ADA })).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    let mails = kit.mails(&auth).await;
    let mail = mails.last_to(ADA);
    assert_eq!(mail.subject, "Set a new password");
    assert!(mail.text.contains("Example app"), "{}", mail.text);
    let link = mail.link("/auth/reset");
    let shown = get(&app, &mut visitor, &link).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    let token = link.split_once("?t=").expect("token").1;
    let password = "seven copper herons nap under the bridge";
    let body = json!({ "t": token, "new_password": password });
    let reset = post(&app, &mut visitor, "/auth/reset", body).await;
    assert_eq!(reset.status, StatusCode::OK, "{}", reset.text);

    let answer = get(&app, &mut before, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "signed out by it");
    let body = json!({ "email": ADA, "password": password });
    let answer = post(&app, &mut visitor, "/auth/login", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = get(&app, &mut visitor, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn the_app_on_the_phone_completes_a_sign_in() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).with_totp().register().await;
    let mut visitor = ada.mfa_pending().await;
    let wrong = json!({ "code": ada.app().expect("app").wrong_code() });
    let answer = post(&app, &mut visitor, "/auth/second-factor", wrong).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let right = json!({ "code": ada.totp_code() });
    let answer = post(&app, &mut visitor, "/auth/second-factor", right).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = get(&app, &mut visitor, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_passkey_signs_in() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).with_passkey().register().await;
    let mut visitor = Visitor::anonymous(&kit, &auth);
    let begin = "/auth/login/passkey/begin";
    let begun = post(&app, &mut visitor, begin, json!({})).await.json();
    let signed = ada.passkey().answer(&begun).await;
    let finish = "/auth/login/passkey/finish";
    let answer = post(&app, &mut visitor, finish, signed).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = get(&app, &mut visitor, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_ends_in_time() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = ada.signed_in().await;
    // Used every 20 minutes it goes on, for a day.
    for _ in 0..71 {
        kit.advance(Duration::from_mins(20));
        let answer = get(&app, &mut visitor, "/dashboard").await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    kit.advance(Duration::from_mins(20));
    let answer = get(&app, &mut visitor, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_leaves_is_gone_when_the_grace_is_over() {
    let (kit, auth, app) = start().await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = ada.deletion_scheduled().await;
    let answer = get(&app, &mut visitor, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::OK, "until then all is there");
    kit.advance(Duration::from_hours(24 * 14));
    let answer = ada.give_password(&mut visitor).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
