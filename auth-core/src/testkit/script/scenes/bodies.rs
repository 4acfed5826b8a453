//! What is sent to be read.

use bytes::Bytes;
use serde_json::json;

use super::steps::authorize_fields;
use crate::testkit::script::ask::{Ask, FORM, JSON, encoded};
use crate::testkit::script::host::{ALICE, PASSWORD, SECRET};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;
use crate::web::BODY_LIMIT;

pub(super) async fn large(stage: &mut Stage<'_>) {
    let filler = |length: usize| Bytes::from(vec![b'x'; length]);
    for path in [
        "~/oauth/token",
        "~/auth/login",
        "~/oauth/authorize",
        "~/oauth/introspect",
    ] {
        // The largest body there may be is read, and one byte more is not.
        let most = Ask::post(path).body(FORM, filler(BODY_LIMIT));
        let most = stage.ask(most).await;
        assert!(most.status.is_client_error(), "{}", most.step);
        assert_ne!(most.status.as_u16(), 413, "{}", most.step);
        let more = Ask::post(path).body(FORM, filler(BODY_LIMIT + 1));
        stage.ask(more).await.is(413);
        let more = Ask::post(path).body(FORM, filler(BODY_LIMIT + 1));
        let more = stage.ask(more.wants_json()).await;
        more.refuses(413, "body_too_large");
        let more = Ask::post(path).header("transfer-encoding", "chunked");
        stage
            .ask(more.body(FORM, filler(BODY_LIMIT + 1)))
            .await
            .is(413);
    }
    // Of a GET nobody reads the body.
    let get = Ask::get("~/auth/login").body(FORM, filler(100));
    stage.ask(get).await.is(200);
}

pub(super) async fn media_types(stage: &mut Stage<'_>) {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "machine"),
        ("client_secret", SECRET),
    ];
    let token = |media_type: &str| {
        let body = encoded(&fields);
        Ask::post("~/oauth/token").body(media_type, body)
    };
    for good in [
        FORM,
        "application/x-www-form-urlencoded; charset=utf-8",
        "Application/X-WWW-Form-URLEncoded",
    ] {
        stage.ask(token(good)).await.is(200);
    }
    for bad in [
        JSON,
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencodedx",
        "",
    ] {
        stage.ask(token(bad)).await.fails(400, "invalid_request");
    }
    let bare = Ask::post("~/oauth/token");
    stage.ask(bare).await.fails(400, "invalid_request");
    for body in ["{", "[]", "null", "{\"a\":[]}", "{\"a\":1,\"a\":2}", ""] {
        let login = Ask::post("~/auth/login").wants_json();
        let login = stage.ask(login.body(JSON, body)).await;
        assert!(login.status.is_client_error(), "{}", login.step);
    }
    let problem = Ask::post("~/auth/login").body("application/problem+json", "{}");
    stage.ask(problem.wants_json()).await.is(401);
}

/// How a body is cut into pieces is nothing to who reads it.
pub(super) async fn chunked(stage: &mut Stage<'_>) {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "machine"),
        ("client_secret", SECRET),
    ];
    let chunked = Ask::post("~/oauth/token").header("transfer-encoding", "chunked");
    stage.ask(chunked.form(&fields)).await.is(200);
    let empty = Ask::post("~/oauth/token").header("transfer-encoding", "chunked");
    stage
        .ask(empty.form(&[]))
        .await
        .fails(401, "invalid_client");
    let expecting = Ask::post("~/oauth/token").header("expect", "100-continue");
    stage.ask(expecting.form(&fields)).await.is(200);
    let login = Ask::post("~/auth/login").header("transfer-encoding", "chunked");
    let login = login.json(&json!({ "email": ALICE, "password": PASSWORD }));
    stage.ask(login.wants_json()).await.is(200);
}

pub(super) async fn parameters(stage: &mut Stage<'_>) {
    let twice = [
        ("grant_type", "client_credentials"),
        ("grant_type", "client_credentials"),
        ("client_id", "machine"),
        ("client_secret", SECRET),
    ];
    let token = Ask::post("~/oauth/token").form(&twice);
    stage.ask(token).await.fails(400, "invalid_request");
    let not_utf8 = Ask::post("~/oauth/token").body(FORM, "grant_type=%ff%fe");
    stage.ask(not_utf8).await.fails(400, "invalid_request");
    let raw = Ask::post("~/oauth/token").body(FORM, &b"grant_type=\xff\x00"[..]);
    stage.ask(raw).await.fails(400, "invalid_request");
    let many = "a=1&".repeat(200);
    let many = Ask::post("~/oauth/token").body(FORM, many);
    stage.ask(many).await.fails(400, "invalid_request");
    // A query is no body.
    let query = format!("~/oauth/token?{}", encoded(&twice[1..]));
    let query = Ask::post(query).form(&[]);
    stage.ask(query).await.fails(401, "invalid_client");

    let mut alice = Person::alice(stage).await;
    let fields = authorize_fields(&[]);
    let mut fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    fields.push(("scope", "openid"));
    let repeated = format!("~/oauth/authorize?{}", encoded(&fields));
    let answer = alice.get(stage, &repeated).await;
    answer.sends_error("invalid_request");
    for name in ["client_id", "redirect_uri", "state"] {
        let mut fields = fields.clone();
        fields.pop();
        fields.push((name, "another"));
        let repeated = format!("~/oauth/authorize?{}", encoded(&fields));
        let answer = alice.get(stage, &repeated).await;
        assert!(answer.code_or_none().is_none(), "{}", answer.step);
    }
    let login = [("email", ALICE), ("email", ALICE), ("password", PASSWORD)];
    let page = Person::new().get(stage, "~/auth/login").await;
    let page = page.form(&stage.path("~/auth/login"));
    let token = page.value("form_token").unwrap().to_owned();
    let login = [&login[..], &[("form_token", &token)]].concat();
    stage
        .ask(Ask::post("~/auth/login").form(&login))
        .await
        .is(400);
}
