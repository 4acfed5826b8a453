//! What a person changes of their own account.

use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::PASSWORD;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const ACCOUNT: &str = "~/auth/account";
const PROFILE: &str = "~/auth/account/profile";
const CHANGE: &str = "~/auth/account/password";
const REVOKE: &str = "~/auth/account/sessions/revoke";
const REVOKE_OTHERS: &str = "~/auth/account/sessions/revoke-others";

pub(super) async fn profile(stage: &mut Stage<'_>) {
    let elsewhere = stage.ask(Ask::get("~/auth/account?notice=x")).await;
    elsewhere.leads_towards(&stage.path("~/auth/login?return_to="));
    let posted = stage.ask(Ask::post(PROFILE).form(&[])).await;
    posted.leads_towards(&stage.path("~/auth/login?return_to="));

    let mut alice = Person::alice(stage).await;
    let page = alice.get(stage, ACCOUNT).await;
    page.is(200).says("alice@example.com");
    let fields = [
        ("name", "Alice \u{1f600} <i>"),
        ("email", "mallory@example.com"),
    ];
    let saved = alice.submit(stage, &page, PROFILE, &fields).await;
    saved.leads_to(&stage.path("~/auth/account?notice=profile_saved"));
    let page = alice.visit(stage, saved.redirect().unwrap()).await;
    page.says("&lt;i&gt;").says("alice@example.com");
    let control = alice
        .submit(stage, &page, PROFILE, &[("name", "a\u{202e}b")])
        .await;
    control.is(422);
    let other = alice.get(stage, "~/auth/account?notice=%3Cb%3E").await;
    assert!(!other.is(200).text.contains("id=\"notice\""));
    let back = alice
        .submit(stage, &page, PROFILE, &[("name", "Alice")])
        .await;
    back.is(303);
}

pub(super) async fn password(stage: &mut Stage<'_>) {
    let mut phone = Person::alice(stage).await;
    let mut alice = Person::alice(stage).await;
    let new = "another horse, another staple";
    let page = alice.get(stage, ACCOUNT).await;
    let wrong = [
        ("current_password", "not this one, no"),
        ("new_password", new),
    ];
    alice.submit(stage, &page, CHANGE, &wrong).await.is(422);
    let short = [("current_password", PASSWORD), ("new_password", "short")];
    alice.submit(stage, &page, CHANGE, &short).await.is(422);
    let before = alice.session().map(str::to_owned);
    let good = [("current_password", PASSWORD), ("new_password", new)];
    let changed = alice.submit(stage, &page, CHANGE, &good).await;
    changed.leads_to(&stage.path("~/auth/account?notice=password_changed"));
    assert_eq!(changed.cookies_set(), 1);
    assert_ne!(alice.session(), before.as_deref());
    phone.get(stage, "~/auth/session").await.is(401);
    let page = alice.get(stage, ACCOUNT).await;
    let back = [("current_password", new), ("new_password", PASSWORD)];
    alice.submit(stage, &page, CHANGE, &back).await.is(303);
}

pub(super) async fn sessions(stage: &mut Stage<'_>) {
    let mut phone = Person::alice(stage).await;
    stage.host.advance(std::time::Duration::from_secs(1));
    let mut tablet = Person::alice(stage).await;
    stage.host.advance(std::time::Duration::from_secs(1));
    let mut alice = Person::alice(stage).await;
    let page = alice.get(stage, ACCOUNT).await;
    let action = stage.path(REVOKE);
    let forms: Vec<_> = page
        .forms()
        .into_iter()
        .filter(|f| f.action == action)
        .collect();
    assert!(forms.len() >= 3, "{} sessions", forms.len());
    let of_phone = phone.get(stage, "~/auth/session").await.json();
    let id = of_phone["session"]["id"].as_str().unwrap();
    let form = forms
        .iter()
        .find(|f| f.value("session_id") == Some(id))
        .unwrap();
    // One form ends one session.
    let other = alice
        .submit_form(stage, form, &[("session_id", "other")])
        .await;
    other.is(403);
    let ended = alice.submit_form(stage, form, &[]).await;
    ended.leads_to(&stage.path("~/auth/account?notice=session_ended"));
    alice.submit_form(stage, form, &[]).await.is(404);
    phone.get(stage, "~/auth/session").await.is(401);
    tablet.get(stage, "~/auth/session").await.is(200);

    let page = alice.get(stage, ACCOUNT).await;
    let ended = alice.submit(stage, &page, REVOKE_OTHERS, &[]).await;
    ended.leads_to(&stage.path("~/auth/account?notice=others_ended"));
    tablet.get(stage, "~/auth/session").await.is(401);
    let page = alice.get(stage, ACCOUNT).await;
    let own = page.form(&action);
    let ended = alice.submit_form(stage, &own, &[]).await;
    ended.leads_to(&stage.path("~/auth/signed-out"));
    assert!(alice.session().is_none());
}
