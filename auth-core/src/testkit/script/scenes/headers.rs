//! Headers that are there twice, or are no text.

use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::SECRET;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

use super::steps::{machine_token, tokens};

pub(super) async fn repeated(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let tokens = tokens(stage, &mut alice, "openid").await;
    let token = tokens["access_token"].as_str().unwrap();
    let once = Ask::get("~/oauth/userinfo").bearer(token);
    stage.ask(once.clone()).await.is(200);
    stage.ask(once.bearer(token)).await.is(400);

    let fields = [("grant_type", "client_credentials")];
    let basic = Ask::post("~/oauth/token")
        .basic("bare", SECRET)
        .form(&fields);
    stage.ask(basic.clone()).await.is(200);
    let twice = basic.basic("bare", SECRET);
    let twice = stage.ask(twice).await;
    assert!(twice.status.is_client_error(), "{}", twice.step);

    let machine = machine_token(stage).await;
    let reports = Ask::get(super::super::host_routes::REPORTS).bearer(&machine);
    let twice = stage.ask(reports.bearer(&machine)).await;
    assert!(twice.status.is_client_error(), "{}", twice.step);

    // Lists may come in several lines (RFC 9110 §5.3).
    let accept = Ask::get("~/auth/nothing-of-note").header("accept", "text/plain");
    stage.ask_the_host(accept.wants_json()).await.is(404);
    let accept = Ask::get("~/auth/login").header("accept", "text/html;q=0.5");
    let page = stage.ask(accept.wants_json()).await;
    page.is(200).has("content-type", "application/json");
    let etag = stage.ask(Ask::get("~/oauth/jwks")).await;
    let etag = etag.header("etag").unwrap().to_owned();
    let known = Ask::get("~/oauth/jwks").header("if-none-match", "\"other\"");
    stage.ask(known.header("if-none-match", etag)).await.is(304);
}

pub(super) async fn not_utf8(stage: &mut Stage<'_>) {
    let odd = b"\xc3\xbc \xff\xfe";
    for name in [
        "accept",
        "accept-language",
        "user-agent",
        "referer",
        "origin",
        "cookie",
        "x-forwarded-for",
        "if-none-match",
        "x-anything",
    ] {
        let ask = Ask::get("~/auth/login").header(name, odd);
        stage.ask(ask).await.is(200);
    }
    for name in ["authorization", "content-type", "sec-fetch-site"] {
        let ask = Ask::post("~/oauth/token").header(name, odd);
        let reply = stage.ask(ask).await;
        assert!(reply.status.is_client_error(), "{}", reply.step);
    }
    let bearer = [b"Bearer ".as_slice(), odd].concat();
    let userinfo = Ask::get("~/oauth/userinfo").header("authorization", bearer);
    stage.ask(userinfo).await.is(401);
    // What is kept of a browser's own words is shown to its owner alone, escaped.
    let mut alice = Person::new();
    let page = alice.get(stage, "~/auth/login").await;
    let form = page.form(&stage.path("~/auth/login"));
    let body = super::super::person::filled(&form, &super::sign_in::ALICES);
    let sign_in = Ask::post("~/auth/login").same_origin().wants_html();
    let sign_in = sign_in.header("user-agent", "<b>\"Mozilla\"</b>");
    let sign_in = sign_in.body(super::super::ask::FORM, body);
    alice.ask(stage, sign_in).await.is(303);
    let account = alice.get(stage, "~/auth/account").await;
    account.is(200).says("&lt;b&gt;");
}

pub(super) async fn cookies(stage: &mut Stage<'_>) {
    let alice = Person::alice(stage).await;
    let secret = alice.session().unwrap().to_owned();
    let name = alice.cookies.keys().find(|name| name.ends_with("session"));
    let name = name.unwrap();
    let session = |cookies: &[String]| {
        let ask = Ask::get("~/auth/session").wants_json();
        cookies
            .iter()
            .fold(ask, |ask, cookie| ask.header("cookie", cookie))
    };
    let good = format!("{name}={secret}");
    // Between others, in a line of its own, with spaces.
    stage
        .ask(session(&[format!("a=b; {good}; c=d")]))
        .await
        .is(200);
    stage
        .ask(session(&["a=b".into(), good.clone()]))
        .await
        .is(200);
    stage
        .ask(session(&[format!(" ;; =x; {good} ;")]))
        .await
        .is(200);
    // The first of one name counts.
    let other = format!("{name}={}", "A".repeat(43));
    stage
        .ask(session(&[good.clone(), other.clone()]))
        .await
        .is(200);
    stage.ask(session(&[other, good.clone()])).await.is(401);
    for bad in [
        format!("{name}="),
        format!("{name}=\"{secret}\""),
        format!("{name}={secret}x"),
        format!("{name}={}", "x".repeat(600)),
        format!("{}={secret}", name.to_uppercase()),
        name.clone(),
    ] {
        stage.ask(session(&[bad])).await.is(401);
    }
}
