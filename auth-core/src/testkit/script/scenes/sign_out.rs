//! Signing out.

use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const LOGOUT: &str = "~/auth/logout";

pub(super) async fn sign_out(stage: &mut Stage<'_>) {
    let mut nobody = Person::new();
    let done = nobody.get(stage, LOGOUT).await;
    done.leads_to(&stage.path("~/auth/signed-out"));
    nobody.get(stage, "~/auth/signed-out").await.is(200);
    let done = nobody.get(stage, "~/auth/logout?return_to=%2Fnext").await;
    done.leads_to("/next");
    let done = stage.ask(Ask::post(LOGOUT).form(&[])).await;
    done.leads_to(&stage.path("~/auth/signed-out"));
    assert_eq!(done.cookies_set(), 0);

    let mut alice = Person::alice(stage).await;
    let kept = alice.clone();
    // Asking is not acting.
    let page = alice.get(stage, "~/auth/logout?return_to=%2Fnext").await;
    page.is(200).says("alice@example.com");
    alice.get(stage, "~/auth/session").await.is(200);
    let bad = Ask::post(LOGOUT).form(&[("form_token", "x")]);
    alice.ask(stage, bad).await.is(403);
    let out = alice.submit(stage, &page, LOGOUT, &[]).await;
    out.leads_to("/next");
    assert!(alice.session().is_none());
    // The cookie is worth nothing either.
    kept.clone().get(stage, "~/auth/session").await.is(401);
    // The form of the session before ends no other.
    let mut again = Person::alice(stage).await;
    let old = page.form(&stage.path(LOGOUT));
    again.submit_form(stage, &old, &[]).await.is(403);
}
