//! RP-initiated logout.

use super::steps::{text, tokens};
use crate::testkit::script::ask::{Ask, with_query};
use crate::testkit::script::host::BYE;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const LOGOUT: &str = "~/oauth/logout";
const DECIDE: &str = "~/oauth/logout/decide";

pub(super) async fn with_hint(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let issued = tokens(stage, &mut alice, "openid").await;
    let hint = text(&issued, "id_token");
    let fields = [
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", BYE),
        ("state", "a&b"),
    ];
    let out = alice.get(stage, &with_query(LOGOUT, &fields)).await;
    out.leads_to("https://rp.example/bye?state=a%26b");
    assert!(alice.session().is_none());
    let bearer = Ask::get("~/oauth/userinfo").bearer(text(&issued, "access_token"));
    stage.ask(bearer).await.is(401);
    // Once more, and by POST: there is nobody to sign out.
    alice.get(stage, &with_query(LOGOUT, &fields)).await.is(303);
    let post = Ask::post(LOGOUT).form(&fields).same_origin();
    alice.ask(stage, post).await.is(303);
    // Of an earlier session it proves nothing about this one.
    let mut again = Person::alice(stage).await;
    let page = again.get(stage, &with_query(LOGOUT, &fields)).await;
    page.is(200).form(&stage.path(DECIDE));
    again.get(stage, "~/auth/session").await.is(200);
    // By POST from this site with a good hint.
    let issued = tokens(stage, &mut again, "openid").await;
    let fields = [("id_token_hint", text(&issued, "id_token"))];
    let post = Ask::post(LOGOUT).form(&fields).same_origin().wants_html();
    again.ask(stage, post).await.is(200);
    assert!(again.session().is_none());
}

pub(super) async fn asked(stage: &mut Stage<'_>) {
    stage.ask(Ask::get(LOGOUT).wants_html()).await.is(200);
    let mut alice = Person::alice(stage).await;
    let page = alice.get(stage, LOGOUT).await;
    page.is(200);
    alice.submit(stage, &page, DECIDE, &[]).await.is(400);
    let form = page.form(&stage.path(DECIDE));
    let mut mallory = Person::alice(stage).await;
    let out = [("decision", "logout")];
    mallory.submit_form(stage, &form, &out).await.is(403);
    let stay = [("decision", "stay")];
    let stayed = alice.submit(stage, &page, DECIDE, &stay).await;
    stayed.leads_to(&stage.path("~/"));
    alice.submit(stage, &page, DECIDE, &out).await.is(400);
    let fields = [("client_id", "rp"), ("post_logout_redirect_uri", BYE)];
    let page = alice.get(stage, &with_query(LOGOUT, &fields)).await;
    page.is(200).says("The app rp");
    let left = alice.submit(stage, &page, DECIDE, &out).await;
    left.leads_to(BYE);
    assert!(alice.session().is_none());
    // A form posted by another site comes without cookies, and again with them.
    let mut alice = Person::alice(stage).await;
    let cross = Ask::post(LOGOUT).header("sec-fetch-site", "cross-site");
    let back = stage.ask(cross.form(&fields)).await;
    back.leads_towards(&stage.path("~/oauth/logout?interaction="));
    let page = alice.get(stage, back.redirect().unwrap()).await;
    page.is(200).form(&stage.path(DECIDE));
}

pub(super) async fn destinations(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let issued = tokens(stage, &mut alice, "openid").await;
    let hint = text(&issued, "id_token");
    for uri in [
        "https://evil.example/",
        "https://rp.example/bye/",
        "javascript:x",
        "/",
    ] {
        let fields = [("id_token_hint", hint), ("post_logout_redirect_uri", uri)];
        let page = alice.get(stage, &with_query(LOGOUT, &fields)).await;
        page.is(200).lacks("location");
    }
    let other = [("id_token_hint", hint), ("client_id", "es")];
    alice.get(stage, &with_query(LOGOUT, &other)).await.is(400);
    let long = "x".repeat(4097);
    let long = [("state", long.as_str())];
    alice.get(stage, &with_query(LOGOUT, &long)).await.is(400);
    for hint in ["nonsense", "a.b.c"] {
        let fields = [("id_token_hint", hint), ("client_id", "nobody")];
        alice.get(stage, &with_query(LOGOUT, &fields)).await.is(200);
    }
    alice.get(stage, "~/auth/session").await.is(200);
}
