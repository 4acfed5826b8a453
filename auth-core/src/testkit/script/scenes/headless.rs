//! The product without its pages: the same in JSON.

use serde_json::json;

use super::steps::authorize_url;
use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::{ALICE, PASSWORD};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

pub(super) async fn as_json(stage: &mut Stage<'_>) {
    let mut alice = Person::new();
    let page = alice.ask(stage, get("~/auth/login")).await;
    assert_eq!(page.is(200).json()["page"], "login");
    let page = alice.ask(stage, get("~/auth/register")).await;
    assert_eq!(page.is(200).json()["page"], "register");
    let bad = json!({ "email": ALICE, "password": "not this one, no" });
    let bad = alice.ask(stage, post("~/auth/login", &bad)).await;
    bad.is(401);
    let account = alice.ask(stage, get("~/auth/account")).await;
    account.refuses(401, "unauthenticated");
    let good = json!({ "email": ALICE, "password": PASSWORD, "return_to": "/next" });
    let good = alice.ask(stage, post("~/auth/login", &good)).await;
    assert_eq!(good.is(200).json()["next"], "/next");
    let account = alice.ask(stage, get("~/auth/account")).await;
    assert_eq!(account.is(200).json()["page"], "account");
    let body = json!({ "name": "Alice A." });
    let saved = alice
        .ask(stage, post("~/auth/account/profile", &body))
        .await;
    assert!(saved.is(200).text_of("next").contains("profile_saved"));
    let body = json!({ "name": "Alice" });
    alice
        .ask(stage, post("~/auth/account/profile", &body))
        .await
        .is(200);

    let asked = alice.ask(stage, get(&authorize_url(&[]))).await;
    let resume = asked.is(200).text_of("redirect_to");
    let consent = alice.ask(stage, get(&resume)).await;
    let consent = consent.is(200).json();
    assert_eq!(consent["page"], "consent");
    let body = json!({ "interaction": consent["context"]["interaction"], "decision": "deny" });
    let denied = alice
        .ask(stage, post("~/oauth/authorize/consent", &body))
        .await;
    assert!(
        denied
            .is(200)
            .text_of("redirect_to")
            .contains("access_denied")
    );
    let grants = alice.ask(stage, get("~/oauth/grants")).await;
    assert_eq!(grants.is(200).json()["page"], "grants");
    let leave = alice.ask(stage, get("~/oauth/logout")).await;
    assert_eq!(leave.is(200).json()["page"], "end_session");
    let out = alice.ask(stage, post("~/auth/logout", &json!({}))).await;
    assert_eq!(out.is(200).json()["next"], stage.path("~/auth/signed-out"));
}

/// Who reads JSON, and who HTML.
pub(super) async fn negotiation(stage: &mut Stage<'_>) {
    let json = [
        "application/json",
        "application/problem+json",
        "text/html;q=0.1, application/json",
        "APPLICATION/JSON;q=0.9,*/*",
    ];
    let html = [
        "text/html",
        "*/*",
        "",
        "text/html, application/json",
        "application/json;q=0, text/html;q=0.1",
        "image/png",
        ";;;q=q,,,",
    ];
    let known = json.map(|accept| (accept, "application/json"));
    let known = known.iter().copied();
    let pages = html
        .iter()
        .map(|accept| (*accept, "text/html; charset=utf-8"));
    for (accept, media_type) in known.chain(pages) {
        let ask = Ask::get("~/auth/login").header("accept", accept);
        let page = stage.ask(ask).await;
        page.is(200).has("content-type", media_type);
        // Errors too.
        let ask = Ask::post("~/auth/login").header("accept", accept);
        stage.ask(ask.form(&[])).await.is(403);
    }
    let bare = stage.ask(Ask::get("~/auth/login")).await;
    bare.is(200).has("content-type", "text/html; charset=utf-8");
    for language in ["en", "de-CH, de;q=0.9", "*", ""] {
        let ask = Ask::get("~/auth/login").header("accept-language", language);
        stage.ask(ask).await.is(200);
    }
}

fn get(target: &str) -> Ask {
    Ask::get(target).wants_json()
}

fn post(target: &str, body: &serde_json::Value) -> Ask {
    Ask::post(target).wants_json().same_origin().json(body)
}
