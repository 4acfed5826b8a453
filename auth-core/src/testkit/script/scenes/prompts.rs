//! `prompt`, `max_age`, `id_token_hint`.

use std::time::Duration;

use super::sign_in::ALICES;
use super::steps::{authorize, authorize_url, text, tokens};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

pub(super) async fn prompts(stage: &mut Stage<'_>) {
    let mut nobody = Person::new();
    let none = authorize_url(&[("prompt", "none")]);
    nobody.get(stage, &none).await.sends_error("login_required");
    let create = authorize_url(&[("prompt", "create")]);
    let page = nobody.visit(stage, &create).await;
    page.is(200).form(&stage.path("~/auth/register"));

    let mut alice = Person::alice(stage).await;
    let asked = authorize_url(&[("prompt", "none"), ("client_id", "spa")]);
    let answer = alice.get(stage, &asked).await;
    answer.sends_error("consent_required");
    let issued = tokens(stage, &mut alice, "openid").await;
    let quiet = authorize_url(&[("prompt", "none"), ("scope", "openid")]);
    alice.get(stage, &quiet).await.code();
    let hint = text(&issued, "id_token");
    let hinted = [
        ("prompt", "none"),
        ("scope", "openid"),
        ("id_token_hint", hint),
    ];
    alice.get(stage, &authorize_url(&hinted)).await.code();
    let other = r#"{"id_token":{"sub":{"value":"somebody else"}}}"#;
    let other = [("prompt", "none"), ("scope", "openid"), ("claims", other)];
    let answer = alice.get(stage, &authorize_url(&other)).await;
    answer.sends_error("login_required");
    let page = authorize_url(&[("prompt", "consent"), ("scope", "openid")]);
    alice.visit(stage, &page).await.is(200).says("The app rp");

    // Signing in again, although somebody is signed in.
    let again = authorize_url(&[("prompt", "login"), ("scope", "openid")]);
    let page = alice.visit(stage, &again).await;
    page.is(200).says("readonly");
    stage.host.advance(Duration::from_secs(1));
    let answer = alice.submit(stage, &page, "~/auth/login", &ALICES).await;
    alice.visit(stage, answer.redirect().unwrap()).await.code();
}

pub(super) async fn choose_an_account(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    authorize(stage, &mut alice, &[]).await.code();
    // A sign-in not older than the request would be its answer.
    stage.host.advance(Duration::from_secs(1));
    let select = authorize_url(&[("prompt", "select_account")]);
    let page = alice.visit(stage, &select).await;
    page.is(200);
    let action = "~/oauth/authorize/account";
    alice.submit(stage, &page, action, &[]).await.is(400);
    let chosen = [("decision", "continue")];
    let answer = alice.submit(stage, &page, action, &chosen).await;
    answer.leads_towards(&stage.path("~/oauth/authorize/resume?interaction="));
    alice.visit(stage, answer.redirect().unwrap()).await.code();
    alice.submit(stage, &page, action, &chosen).await.is(400);
    let mut nobody = Person::new();
    let page = nobody.visit(stage, &select).await;
    page.is(200).form(&stage.path("~/auth/login"));
}

pub(super) async fn max_age(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    authorize(stage, &mut alice, &[]).await.code();
    stage.host.advance(Duration::from_mins(5));
    let old = authorize_url(&[("max_age", "299"), ("prompt", "none")]);
    alice.get(stage, &old).await.sends_error("login_required");
    alice
        .get(stage, &authorize_url(&[("max_age", "300")]))
        .await
        .code();
    let zero = authorize_url(&[("max_age", "0")]);
    let page = alice.visit(stage, &zero).await;
    page.is(200).says("readonly");
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["2"]}}}"#;
    let essential = [("claims", essential), ("prompt", "none")];
    let answer = alice.get(stage, &authorize_url(&essential)).await;
    answer.sends_error("login_required");
}
