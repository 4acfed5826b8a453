//! The authorization endpoint.

use super::sign_in::ALICES;
use super::steps::{STATE, authorize, authorize_fields, authorize_url, redeeming, rp};
use crate::testkit::script::ask::{Ask, FORM, encoded, with_query};
use crate::testkit::script::host::REDIRECT_URI;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

pub(super) async fn get_and_post(stage: &mut Stage<'_>) {
    // A stranger is sent to sign in and comes back.
    let mut alice = Person::new();
    let page = alice
        .visit(stage, &authorize_url(&[("login_hint", "alice@x")]))
        .await;
    page.is(200).says("alice@x");
    let answer = alice.submit(stage, &page, "~/auth/login", &ALICES).await;
    answer.leads_towards(&stage.path("~/oauth/authorize/resume?interaction="));
    let page = alice.visit(stage, answer.redirect().unwrap()).await;
    page.is(200).says("The app rp");
    let consent = "~/oauth/authorize/consent";
    let answer = alice
        .submit(stage, &page, consent, &[("decision", "allow")])
        .await;
    answer.code();
    assert_eq!(answer.location_param("state").as_deref(), Some(STATE));
    let issuer = stage.setting().base();
    assert_eq!(answer.location_param("iss").as_deref(), Some(issuer));
    // The form is spent.
    alice
        .submit(stage, &page, consent, &[("decision", "allow")])
        .await
        .is(400);
    // Allowed before: no page. By POST from this site as well.
    alice.get(stage, &authorize_url(&[])).await.code();
    let fields = authorize_fields(&[]);
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let post = Ask::post("~/oauth/authorize").same_origin().form(&fields);
    alice.ask(stage, post.clone()).await.code();
    // By POST from another site the cookies stay at home, and come with the GET that follows.
    let cross = Ask::post("~/oauth/authorize").header("sec-fetch-site", "cross-site");
    let answer = stage.ask(cross.form(&fields)).await;
    answer.leads_towards(&stage.path("~/oauth/authorize/resume?interaction="));
    alice.get(stage, answer.redirect().unwrap()).await.code();
    alice.get(stage, answer.redirect().unwrap()).await.is(400);
    let json = Ask::post("~/oauth/authorize").json(&serde_json::json!({}));
    alice.ask(stage, json).await.is(415);
}

pub(super) async fn response_modes(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    authorize(stage, &mut alice, &[]).await.code();
    let query = authorize_url(&[("response_mode", "query"), ("state", "")]);
    let answer = alice.get(stage, &query).await;
    answer.code();
    assert!(answer.location_param("state").is_none());
    let page = authorize_url(&[("response_mode", "form_post")]);
    let page = alice.get(stage, &page).await;
    page.is(200).lacks("location");
    let form = page.form(REDIRECT_URI);
    assert_eq!(form.value("state"), Some(STATE));
    let code = form.value("code").unwrap();
    rp(stage, "~/oauth/token", &redeeming(code)).await.is(200);
    let fragment = authorize_url(&[("response_mode", "fragment")]);
    let fragment = alice.get(stage, &fragment).await;
    assert!(fragment.redirect().unwrap().contains("callback#code="));
    fragment.code();
}

/// As long as client and redirect URI are not proven, nobody is sent anywhere.
pub(super) async fn refused_on_a_page(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    for change in [
        ("client_id", ""),
        ("client_id", "nobody"),
        ("client_id", "a\u{0}b"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "https://rp.example/callback/"),
        ("redirect_uri", "https://rp.example/callback?x=1"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "/relative"),
    ] {
        let answer = alice.get(stage, &authorize_url(&[change])).await;
        assert!(answer.status.is_client_error(), "{}", answer.step);
        answer.lacks("location");
    }
    // The client's only one need not be named (RFC 6749 §3.1.2.3), save for OpenID Connect (Core §3.1.2.1).
    let unnamed = [("redirect_uri", ""), ("scope", "reports:read")];
    authorize(stage, &mut alice, &unnamed).await.code();
    for target in [
        "~/oauth/authorize/resume",
        "~/oauth/authorize/resume?interaction=x",
        "~/oauth/authorize/resume?interaction=%ff",
        "~/oauth/authorize",
    ] {
        alice.get(stage, target).await.is(400);
    }
}

pub(super) async fn refused_to_the_client(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let long = "x".repeat(5000);
    for (change, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "sometimes"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("claims", "[]"), "invalid_request"),
        (("nonce", &long), "invalid_request"),
        (("request", "e30.e30."), "invalid_request_object"),
        (
            ("request_uri", "https://rp.example/x"),
            "invalid_request_uri",
        ),
        (("id_token_hint", "x"), "invalid_request"),
        (("resource", "nonsense"), "invalid_target"),
    ] {
        let answer = alice.get(stage, &authorize_url(&[change])).await;
        answer.sends_error(error);
        assert_eq!(answer.location_param("state").as_deref(), Some(STATE));
    }
    // What is no scope here is ignored.
    let code = authorize(stage, &mut alice, &[("scope", "openid nonsense")])
        .await
        .code();
    let tokens = rp(stage, "~/oauth/token", &redeeming(&code)).await;
    assert_eq!(tokens.is(200).json()["scope"], "openid");
}

/// Two requests in one browser do not disturb each other, and neither is another browser's.
pub(super) async fn two_tabs(stage: &mut Stage<'_>) {
    let mut alice = Person::new();
    let first = alice
        .visit(stage, &authorize_url(&[("scope", "openid email")]))
        .await;
    let second = alice
        .visit(stage, &authorize_url(&[("scope", "openid")]))
        .await;
    for tab in [second, first] {
        let answer = alice.submit(stage, &tab, "~/auth/login", &ALICES).await;
        let resume = answer.redirect().unwrap().to_owned();
        let mut mallory = Person::new();
        mallory.get(stage, "~/auth/login").await;
        mallory.get(stage, &resume).await.is(403);
        let page = alice.visit(stage, &resume).await;
        let page = if page.status.as_u16() == 200 {
            let consent = "~/oauth/authorize/consent";
            alice
                .submit(stage, &page, consent, &[("decision", "allow")])
                .await
        } else {
            page
        };
        page.code();
    }
    let fields = authorize_fields(&[]);
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let both = with_query("~/oauth/authorize", &fields[..4]);
    let both = Ask::post(both)
        .same_origin()
        .body(FORM, encoded(&fields[4..]));
    let both = alice.ask(stage, both).await;
    assert!(both.status.is_client_error(), "{}", both.step);
}
