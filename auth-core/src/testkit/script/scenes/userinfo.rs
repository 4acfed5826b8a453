//! `UserInfo`.

use http::Method;

use super::steps::{authorize, machine_token, redeeming, rp, text};
use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const USERINFO: &str = "~/oauth/userinfo";

/// Where a token may be (RFC 6750 §2), and what is said of one that is not good.
async fn presented(stage: &mut Stage<'_>, token: &str) {
    for method in [Method::GET, Method::POST] {
        let header = Ask::new(method, USERINFO).bearer(token);
        stage.ask(header).await.is(200);
    }
    let form = Ask::post(USERINFO).form(&[("access_token", token)]);
    stage.ask(form.clone()).await.is(200);
    stage
        .ask(form.bearer(token))
        .await
        .fails(400, "invalid_request");
    let query = format!("{USERINFO}?access_token={token}");
    let query = stage.ask(Ask::get(query)).await;
    query.is(401);
    for scheme in ["bearer", "BEARER"] {
        let ask = Ask::get(USERINFO).header("authorization", format!("{scheme} {token}"));
        stage.ask(ask).await.is(200);
    }
}

pub(super) async fn tokens(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let issued = super::steps::tokens(stage, &mut alice, "openid").await;
    presented(stage, text(&issued, "access_token")).await;
    let none = stage.ask(Ask::get(USERINFO)).await;
    let challenge = none.is(401).header("www-authenticate").unwrap();
    assert!(!challenge.contains("error"), "{challenge}");
    none.has("access-control-allow-origin", "*");
    let id_token = text(&issued, "id_token");
    for bad in ["nonsense", "a.b.c", id_token] {
        let bad = stage.ask(Ask::get(USERINFO).bearer(bad)).await;
        let challenge = bad.is(401).header("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
    let machine = machine_token(stage).await;
    let machine = stage.ask(Ask::get(USERINFO).bearer(&machine)).await;
    machine.fails(403, "insufficient_scope");
    // The person leaves: without `offline_access` the token goes with the session.
    let page = alice.get(stage, "~/auth/logout").await;
    alice
        .submit(stage, &page, "~/auth/logout", &[])
        .await
        .is(303);
    let bearer = Ask::get(USERINFO).bearer(text(&issued, "access_token"));
    stage.ask(bearer).await.is(401);
}

pub(super) async fn claims(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    for scope in [
        "openid",
        "openid profile",
        "openid email",
        "openid profile email",
    ] {
        let issued = super::steps::tokens(stage, &mut alice, scope).await;
        let ask = Ask::get(USERINFO).bearer(text(&issued, "access_token"));
        let claims = stage.ask(ask).await;
        let claims = claims.is(200).json();
        assert_eq!(claims["name"].is_string(), scope.contains("profile"));
        assert_eq!(claims["email"].is_string(), scope.contains("email"));
    }
    let named = r#"{"userinfo":{"email":null,"phone_number":null},"id_token":{"email":null}}"#;
    let changes = [("scope", "openid"), ("claims", named)];
    let code = authorize(stage, &mut alice, &changes).await.code();
    let issued = rp(stage, "~/oauth/token", &redeeming(&code)).await;
    let ask = Ask::get(USERINFO).bearer(&issued.is(200).text_of("access_token"));
    stage.ask(ask).await.is(200).says("alice@example.com");
}
