//! Where people are sent after signing in: nowhere else than here.

use super::sign_in::ALICES;
use crate::testkit::script::ask::{Ask, with_query};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

pub(super) async fn tricks(stage: &mut Stage<'_>) {
    let home = stage.path("~/");
    let long = format!("/{}", "a".repeat(2048));
    let bad = [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/%2f/evil.example",
        "/%5cevil.example",
        "/..//evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x=1",
        "evil",
        "@evil.example",
        &long,
    ];
    let good = [
        ("/", "/"),
        ("/a/b?x=1&y=//z#frag", "/a/b?x=1&y=//z#frag"),
        ("/a/../b", "/b"),
        ("/\u{fc}", "/%C3%BC"),
        ("/search?q=%2F%2Fevil", "/search?q=%2F%2Fevil"),
    ];
    let bad = bad.map(|text| (text, home.as_str()));
    for (text, target) in bad.into_iter().chain(good) {
        let mut person = Person::new();
        let page = with_query("~/auth/login", &[("return_to", text)]);
        let page = person.get(stage, &page).await;
        let answer = person.submit(stage, &page, "~/auth/login", &ALICES).await;
        answer.leads_to(target);
        // As well when the form is not ours.
        let mut person = Person::new();
        let page = person.get(stage, "~/auth/login").await;
        let fields = [ALICES[0], ALICES[1], ("return_to", text)];
        let answer = person.submit(stage, &page, "~/auth/login", &fields).await;
        answer.leads_to(target);
        let out = with_query("~/auth/logout", &[("return_to", text)]);
        let out = stage.ask(Ask::get(out)).await;
        assert!(out.redirect().unwrap().starts_with('/'), "{}", out.step);
    }
}
