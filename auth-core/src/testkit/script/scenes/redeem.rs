//! Codes for tokens.

use std::time::Duration;

use super::steps::{VERIFIER, authorize, redeeming, rp, text};
use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::{REDIRECT_URI, SECRET};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const TOKEN: &str = "~/oauth/token";

pub(super) async fn good(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let all = [("scope", "openid profile email offline_access reports:read")];
    let code = authorize(stage, &mut alice, &all).await.code();
    let reply = rp(stage, TOKEN, &redeeming(&code)).await;
    reply.is(200).has("cache-control", "no-store");
    reply.has("access-control-allow-origin", "*");
    let tokens = reply.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert!(tokens["refresh_token"].is_string());
    // An ID token of another algorithm.
    let changes = [("client_id", "es"), ("nonce", "")];
    let code = authorize(stage, &mut alice, &changes).await.code();
    let ask = Ask::post(TOKEN).basic("es", SECRET);
    stage.ask(ask.form(&redeeming(&code))).await.is(200);
    // A client without a secret.
    let code = authorize(stage, &mut alice, &[("client_id", "spa")])
        .await
        .code();
    let fields = [&redeeming(&code)[..], &[("client_id", "spa")]].concat();
    let origin = Ask::post(TOKEN).header("origin", "https://spa.example");
    let reply = stage.ask(origin.form(&fields)).await;
    reply.is(200).has("access-control-allow-origin", "*");
    // Without `openid` there is no ID token.
    let changes = [("scope", "reports:read")];
    let code = authorize(stage, &mut alice, &changes).await.code();
    let tokens = rp(stage, TOKEN, &redeeming(&code)).await;
    assert!(tokens.is(200).json()["id_token"].is_null());
}

pub(super) async fn bad(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    for (change, error) in [
        (("code", ""), "invalid_request"),
        (("code", "nonsense"), "invalid_grant"),
        (
            ("redirect_uri", "https://rp.example/other"),
            "invalid_grant",
        ),
        (("redirect_uri", ""), "invalid_grant"),
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", "short"), "invalid_grant"),
        (
            (
                "code_verifier",
                "another-verifier-of-at-least-43-characters-x",
            ),
            "invalid_grant",
        ),
        (("grant_type", ""), "invalid_request"),
        (("grant_type", "password"), "unsupported_grant_type"),
        (("grant_type", "client_credentials"), "unauthorized_client"),
    ] {
        let code = authorize(stage, &mut alice, &[]).await.code();
        let mut fields = redeeming(&code);
        let field = fields.iter_mut().find(|(name, _)| *name == change.0);
        *field.unwrap() = change;
        rp(stage, TOKEN, &fields).await.fails(400, error);
    }
    // Another client's, and one that is too old.
    let code = authorize(stage, &mut alice, &[]).await.code();
    let ask = Ask::post(TOKEN).basic("es", SECRET).form(&redeeming(&code));
    stage.ask(ask).await.fails(400, "invalid_grant");
    let code = authorize(stage, &mut alice, &[]).await.code();
    stage.host.advance(Duration::from_secs(61));
    let late = rp(stage, TOKEN, &redeeming(&code)).await;
    late.fails(400, "invalid_grant");
    let query = format!("{TOKEN}?code={code}");
    let fields = [("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)];
    rp(stage, &query, &fields)
        .await
        .fails(400, "invalid_request");
}

/// A code is good once; what it gave ends when it comes again.
pub(super) async fn replayed(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let code = authorize(stage, &mut alice, &[]).await.code();
    let tokens = rp(stage, TOKEN, &redeeming(&code)).await.is(200).json();
    let bearer = Ask::get("~/oauth/userinfo").bearer(text(&tokens, "access_token"));
    stage.ask(bearer.clone()).await.is(200);
    let again = rp(stage, TOKEN, &redeeming(&code)).await;
    again.fails(400, "invalid_grant");
    stage.ask(bearer).await.is(401);
    let refresh = text(&tokens, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let refresh = rp(stage, TOKEN, &fields).await;
    refresh.fails(400, "invalid_grant");
}
