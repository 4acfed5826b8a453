//! An account of one's own.

use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::{ALICE, PASSWORD};
use crate::testkit::script::person::Person;
use crate::testkit::script::reply::Reply;
use crate::testkit::script::stage::Stage;

const REGISTER: &str = "~/auth/register";

async fn register(stage: &mut Stage<'_>, fields: &[(&str, &str)]) -> Reply {
    let mut person = Person::new();
    let page = person
        .get(stage, "~/auth/register?return_to=%2Fnext%3Fx%3D1")
        .await;
    person.submit(stage, &page, REGISTER, fields).await
}

pub(super) async fn registration(stage: &mut Stage<'_>) {
    let fields = [
        ("email", "Bob@Example.com"),
        ("password", "a very good password of bob"),
        ("name", "Bob B\u{f6}b"),
    ];
    let target = "~/auth/login?registered=1&return_to=%2Fnext%3Fx%3D1";
    let answer = register(stage, &fields).await;
    answer.leads_to(&stage.path(target));
    // Whether somebody was there is not told.
    let taken = [
        ("email", ALICE),
        ("password", "a very good password of mallory"),
    ];
    let answer = register(stage, &taken).await;
    answer.leads_to(&stage.path(target));

    let mut bob = Person::new();
    let page = bob.get(stage, target).await;
    page.says("You can sign in now.");
    let fields = [("email", "bob@example.com"), ("password", fields[1].1)];
    let answer = bob.submit(stage, &page, "~/auth/login", &fields).await;
    answer.leads_to("/next?x=1");
    let session = bob.get(stage, "~/auth/session").await;
    assert_eq!(session.is(200).json()["user"]["email_verified"], false);
    assert_eq!(session.json()["user"]["name"], "Bob B\u{f6}b");
}

pub(super) async fn refused(stage: &mut Stage<'_>) {
    let long = "x".repeat(129);
    let name = "x".repeat(201);
    for fields in [
        [
            ("email", "carol@example.com"),
            ("password", "short"),
            ("name", ""),
        ],
        [
            ("email", "carol@example.com"),
            ("password", ""),
            ("name", ""),
        ],
        [
            ("email", "carol@example.com"),
            ("password", &long),
            ("name", ""),
        ],
        [
            ("email", "carol@example.com"),
            ("password", "carol@example.com"),
            ("name", ""),
        ],
        [("email", "nobody"), ("password", PASSWORD), ("name", "")],
        [("email", ""), ("password", PASSWORD), ("name", "")],
        [
            ("email", "carol@example.com"),
            ("password", PASSWORD),
            ("name", &name),
        ],
        [("email", "<b>@\"x"), ("password", "y"), ("name", "a\nb")],
    ] {
        register(stage, &fields).await.is(422);
    }
    // The eleventh within a minute.
    for status in [303, 303, 429, 429] {
        let fields = [
            ("email", ALICE),
            ("password", "a very good password of mallory"),
        ];
        let answer = register(stage, &fields).await;
        answer.is(status);
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
    let json = Ask::post(REGISTER)
        .wants_json()
        .json(&serde_json::json!({}));
    stage.ask(json).await.is(429);
}
