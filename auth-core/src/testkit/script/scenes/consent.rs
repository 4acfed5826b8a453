//! Asking the person.

use super::steps::{authorize, authorize_url, rp, text, tokens};
use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const CONSENT: &str = "~/oauth/authorize/consent";
const GRANTS: &str = "~/oauth/grants";
const REVOKE: &str = "~/oauth/grants/revoke";

pub(super) async fn allow_and_deny(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let all = [
        ("scope", "openid email offline_access reports:read"),
        ("prompt", "consent"),
    ];
    let page = alice.visit(stage, &authorize_url(&all)).await;
    page.is(200).says("Read reports");
    let undecided = alice.submit(stage, &page, CONSENT, &[]).await;
    undecided.is(400);
    let undecided = alice
        .submit(stage, &page, CONSENT, &[("decision", "maybe")])
        .await;
    undecided.is(400);
    let denied = alice
        .submit(stage, &page, CONSENT, &[("decision", "deny")])
        .await;
    denied.sends_error("access_denied");
    alice
        .submit(stage, &page, CONSENT, &[("decision", "allow")])
        .await
        .is(400);
    let page = alice.visit(stage, &authorize_url(&all)).await;
    let allowed = alice
        .submit(stage, &page, CONSENT, &[("decision", "allow")])
        .await;
    allowed.code();
    // The operator's own app asks nobody.
    let own = authorize_url(&[("client_id", "own")]);
    alice.get(stage, &own).await.code();
    let claims = r#"{"userinfo":{"email":null}}"#;
    let asked = [("client_id", "es"), ("scope", "openid"), ("claims", claims)];
    let page = alice.visit(stage, &authorize_url(&asked)).await;
    page.is(200).says("e-mail");
}

pub(super) async fn taken_back(stage: &mut Stage<'_>) {
    let stranger = stage.ask(Ask::get(GRANTS)).await;
    stranger.leads_towards(&stage.path("~/auth/login?return_to="));
    let mut alice = Person::alice(stage).await;
    let tokens = tokens(stage, &mut alice, "openid offline_access").await;
    let bearer = Ask::get("~/oauth/userinfo").bearer(text(&tokens, "access_token"));
    stage.ask(bearer.clone()).await.is(200);
    let page = alice.get(stage, GRANTS).await;
    page.is(200).says("The app rp");
    let action = stage.path(REVOKE);
    let mut forms = page
        .forms()
        .into_iter()
        .filter(|form| form.action == action);
    let form = forms
        .find(|form| form.value("client_id") == Some("rp"))
        .unwrap();
    let other = alice
        .submit_form(stage, &form, &[("client_id", "es")])
        .await;
    other.is(403);
    let done = alice.submit_form(stage, &form, &[]).await;
    done.leads_to(&stage.path("~/oauth/grants?revoked=1"));
    alice.visit(stage, done.redirect().unwrap()).await.is(200);
    stage.ask(bearer).await.is(401);
    let refresh = text(&tokens, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let answer = rp(stage, "~/oauth/token", &fields).await;
    answer.fails(400, "invalid_grant");
    let page = alice.visit(stage, &authorize_url(&[])).await;
    page.is(200).says("The app rp");
    let nameless = alice.submit_form(stage, &form, &[("client_id", "")]).await;
    nameless.is(400);
}

/// A form drawn for one person and request is good for no other.
pub(super) async fn forms_of_others(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let asked = [("client_id", "es"), ("prompt", "consent")];
    let page = alice.visit(stage, &authorize_url(&asked)).await;
    let form = page.form(&stage.path(CONSENT));
    let allow = [("decision", "allow")];
    let mut mallory = Person::alice(stage).await;
    mallory.submit_form(stage, &form, &allow).await.is(403);
    let mut nobody = Person::new();
    nobody.submit_form(stage, &form, &allow).await.is(403);
    let other = alice.visit(stage, &authorize_url(&asked)).await;
    let other = other.form(&stage.path(CONSENT));
    let interaction = other.value("interaction").unwrap();
    let mixed = [allow[0], ("interaction", interaction)];
    alice.submit_form(stage, &form, &mixed).await.is(403);
    alice.submit_form(stage, &form, &allow).await.code();
    authorize(stage, &mut alice, &asked[..1]).await.code();
}
