//! How clients prove who they are, and what they get for themselves.

use serde_json::{Value, json};

use super::steps::rp;
use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::SECRET;
use crate::testkit::script::stage::Stage;

const TOKEN: &str = "~/oauth/token";
const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const OWN: (&str, &str) = ("grant_type", "client_credentials");

pub(super) async fn secrets(stage: &mut Stage<'_>) {
    let basic = |id: &str, secret: &str| Ask::post(TOKEN).basic(id, secret).form(&[OWN]);
    stage.ask(basic("bare", SECRET)).await.is(200);
    let wrong = stage.ask(basic("bare", "wrong")).await;
    wrong.fails(401, "invalid_client");
    assert!(wrong.header("www-authenticate").is_some());
    for (id, secret) in [
        ("nobody", SECRET),
        ("bare", ""),
        ("", SECRET),
        ("machine", SECRET),
    ] {
        stage
            .ask(basic(id, secret))
            .await
            .fails(401, "invalid_client");
    }
    let post = |id: &str, secret: &str| {
        let fields = [OWN, ("client_id", id), ("client_secret", secret)];
        Ask::post(TOKEN).form(&fields)
    };
    stage.ask(post("machine", SECRET)).await.is(200);
    for (id, secret) in [
        ("machine", "wrong"),
        ("bare", SECRET),
        ("keyed", SECRET),
        ("spa", "x"),
    ] {
        stage
            .ask(post(id, secret))
            .await
            .fails(401, "invalid_client");
    }
    stage
        .ask(Ask::post(TOKEN).form(&[OWN]))
        .await
        .fails(401, "invalid_client");
    let both = post("machine", SECRET).basic("machine", SECRET);
    stage.ask(both).await.fails(400, "invalid_request");
    let other = [OWN, ("client_id", "machine")];
    let other = Ask::post(TOKEN).basic("bare", SECRET).form(&other);
    stage.ask(other).await.fails(400, "invalid_request");
    for header in [
        "Basic !!!",
        "Basic",
        "Basic YQ==",
        "Digest x",
        "Bearer x",
        "basic \t",
    ] {
        let ask = Ask::post(TOKEN)
            .header("authorization", header)
            .form(&[OWN]);
        let answer = stage.ask(ask).await;
        answer.fails(401, "invalid_client");
    }
}

/// The claims of an assertion, with changes; what is changed to `null` is left out.
fn claims(stage: &Stage<'_>, jti: &str, changes: &Value) -> Value {
    let now = stage.host.now().seconds();
    let mut claims = json!({
        "iss": "keyed", "sub": "keyed", "aud": stage.setting().base(),
        "jti": jti, "iat": now, "exp": now + 60,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let members = claims.as_object_mut().unwrap();
    members.retain(|_, value| !value.is_null());
    claims
}

fn present(stage: &Stage<'_>, claims: &Value) -> Ask {
    let assertion = stage.host.client_key.sign_compact(None, claims).unwrap();
    let fields = [
        OWN,
        ("client_assertion_type", KIND),
        ("client_assertion", assertion.as_str()),
    ];
    Ask::post(TOKEN).form(&fields)
}

pub(super) async fn assertions(stage: &mut Stage<'_>) {
    let audience = json!({ "aud": [stage.url(TOKEN), "https://other.example"] });
    for (jti, changes) in [("one", json!({})), ("two", audience)] {
        let ask = present(stage, &claims(stage, jti, &changes));
        stage.ask(ask.clone()).await.is(200);
        // Good once.
        stage.ask(ask).await.fails(401, "invalid_client");
    }
    let now = stage.host.now().seconds();
    for (index, changes) in [
        json!({ "aud": "https://other.example" }),
        json!({ "iss": "machine" }),
        json!({ "sub": "machine" }),
        json!({ "exp": now - 60 }),
        json!({ "exp": now + 90_000 }),
        json!({ "exp": null }),
        json!({ "jti": null }),
        json!({ "nbf": now + 600 }),
    ]
    .iter()
    .enumerate()
    {
        let jti = format!("bad {index}");
        let ask = present(stage, &claims(stage, &jti, changes));
        stage.ask(ask).await.fails(401, "invalid_client");
    }
    for assertion in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let fields = [
            OWN,
            ("client_assertion_type", KIND),
            ("client_assertion", assertion),
        ];
        let ask = Ask::post(TOKEN).form(&fields);
        stage.ask(ask).await.fails(401, "invalid_client");
    }
}

pub(super) async fn client_credentials(stage: &mut Stage<'_>) {
    let ask = |scope: &str| {
        let fields = [
            OWN,
            ("client_id", "machine"),
            ("client_secret", SECRET),
            ("scope", scope),
        ];
        Ask::post(TOKEN).form(&fields)
    };
    for scope in ["", "reports:read", "reports:read  reports:read"] {
        let tokens = stage.ask(ask(scope)).await.is(200).json();
        assert_eq!(tokens["scope"], "reports:read");
        assert!(tokens["refresh_token"].is_null() && tokens["id_token"].is_null());
    }
    for scope in ["openid", "admin", "reports:read admin", "\"", "\u{fc}"] {
        stage.ask(ask(scope)).await.fails(400, "invalid_scope");
    }
    let allowed = rp(stage, TOKEN, &[OWN]).await;
    allowed.fails(400, "unauthorized_client");
    let public = Ask::post(TOKEN).form(&[OWN, ("client_id", "spa")]);
    stage.ask(public).await.fails(400, "unauthorized_client");
}
