//! Requests that another site makes a browser send.

use crate::testkit::script::ask::{Ask, FORM};
use crate::testkit::script::host::{ALICE, PASSWORD};
use crate::testkit::script::person::{Person, filled};
use crate::testkit::script::stage::Stage;

const FORMS: [&str; 11] = [
    "~/auth/login",
    "~/auth/register",
    "~/auth/logout",
    "~/auth/account/password",
    "~/auth/account/profile",
    "~/auth/account/sessions/revoke",
    "~/auth/account/sessions/revoke-others",
    "~/oauth/authorize/consent",
    "~/oauth/authorize/account",
    "~/oauth/grants/revoke",
    "~/oauth/logout/decide",
];

pub(super) async fn cross_site(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let fields = [
        ("email", ALICE),
        ("password", PASSWORD),
        ("name", "Mallory"),
    ];
    let elsewhere = [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ],
    ];
    for headers in elsewhere {
        for path in FORMS {
            let ask = Ask::post(path).form(&fields).wants_html();
            let ask = headers.iter().fold(ask, |ask, (n, v)| ask.header(n, v));
            let answer = alice.ask(stage, ask).await;
            assert!(answer.status.is_client_error(), "{}", answer.step);
            if path.starts_with("~/auth") {
                answer.is(403);
            }
        }
    }
    // JSON needs no form token, for another site cannot send it unasked; where it comes from counts all the same.
    for origin in ["https://evil.example", "null"] {
        let body = serde_json::json!({ "email": ALICE, "password": PASSWORD });
        let ask = Ask::post("~/auth/login").json(&body).wants_json();
        let answer = alice.ask(stage, ask.header("origin", origin)).await;
        answer.is(403);
    }
    alice
        .get(stage, "~/auth/session")
        .await
        .is(200)
        .says("Alice");
}

pub(super) async fn form_tokens(stage: &mut Stage<'_>) {
    let mut person = Person::new();
    let page = person.get(stage, "~/auth/login").await;
    let form = page.form(&stage.path("~/auth/login"));
    let good = form.value("form_token").unwrap().to_owned();
    let page = Person::new().get(stage, "~/auth/login").await;
    let form = page.form(&stage.path("~/auth/login"));
    let of_another_browser = form.value("form_token").unwrap().to_owned();
    let page = person.get(stage, "~/auth/register").await;
    let form = page.form(&stage.path("~/auth/register"));
    let of_another_form = form.value("form_token").unwrap().to_owned();
    let cut = &good[..good.len() - 1];
    for token in ["", "x", "x.y", cut, &of_another_browser, &of_another_form] {
        let ask = sign_in(token).same_origin();
        person.ask(stage, ask).await.is(403);
    }
    // Older browsers: no Fetch-Metadata, and `null` from pages that forbid referrers.
    let origin = stage.setting().origin();
    for origin in [origin, "null"] {
        let ask = sign_in(&good).header("origin", origin);
        person.clone().ask(stage, ask).await.is(303);
    }
    person.clone().ask(stage, sign_in(&good)).await.is(303);
    let day = std::time::Duration::from_hours(25);
    stage.host.advance(day);
    let ask = sign_in(&good).same_origin();
    person.ask(stage, ask).await.is(403);
}

fn sign_in(token: &str) -> Ask {
    let form = super::super::reply::PageForm {
        action: String::new(),
        hidden: vec![("form_token".to_owned(), token.to_owned())],
    };
    let body = filled(&form, &[("email", ALICE), ("password", PASSWORD)]);
    Ask::post("~/auth/login").body(FORM, body)
}
