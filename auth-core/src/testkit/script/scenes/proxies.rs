//! What a proxy says, and what somebody says who is none.

use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

pub(super) async fn forwarded(stage: &mut Stage<'_>) {
    let plain = [
        &[("x-forwarded-proto", "http")][..],
        &[("x-forwarded-proto", "https, http")],
        &[
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "HTTP"),
        ],
    ];
    let led = stage.setting().trusts_its_peer();
    for headers in plain {
        let with = |ask: Ask| headers.iter().fold(ask, |ask, (n, v)| ask.header(n, v));
        let page = stage.ask(with(Ask::get("~/auth/login?x=1"))).await;
        let token = stage.ask(with(Ask::post("~/oauth/token")).form(&[])).await;
        if led {
            page.leads_to(&stage.url("~/auth/login?x=1"));
            token.is(403);
        } else {
            page.is(200);
            token.fails(401, "invalid_client");
        }
    }
    for headers in [
        [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ],
        [
            ("forwarded", "proto=http;host=evil.example"),
            ("x-forwarded-port", "1"),
        ],
        [("x-original-url", "/evil"), ("x-rewrite-url", "/evil")],
    ] {
        let ask = Ask::get("~/.well-known/openid-configuration");
        let ask = headers.iter().fold(ask, |ask, (n, v)| ask.header(n, v));
        let document = stage.ask(ask).await;
        assert_eq!(document.is(200).json()["issuer"], stage.setting().base());
    }
    let overridden = Ask::post("~/auth/logout").header("x-http-method-override", "GET");
    stage.ask(overridden).await.is(415);
}

/// An address that its owner makes up escapes no throttle; one that a proxy vouches for has a count of its own.
pub(super) async fn forged_addresses(stage: &mut Stage<'_>) {
    let mut refused = 0;
    for attempt in 0..14 {
        let mut person = Person::new();
        let page = person.get(stage, "~/auth/login").await;
        let form = page.form(&stage.path("~/auth/login"));
        let email = format!("user{attempt}@example.com");
        let fields = [("email", email.as_str()), ("password", "not this one, no")];
        let body = super::super::person::filled(&form, &fields);
        let ask = Ask::post("~/auth/login").same_origin();
        let ask = ask.header("x-forwarded-for", format!("198.51.100.{attempt}"));
        let ask = ask.body(super::super::ask::FORM, body);
        let answer = person.ask(stage, ask).await;
        refused += u32::from(answer.status.as_u16() == 429);
    }
    let expected = if stage.setting().trusts_its_peer() {
        0
    } else {
        4
    };
    assert_eq!(refused, expected, "{:?}", stage.setting());
}
