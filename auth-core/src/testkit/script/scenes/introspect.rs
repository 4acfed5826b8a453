//! Introspection and revocation.

use std::time::Duration;

use super::steps::{machine_token, rp, text, tokens};
use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::SECRET;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const INTROSPECT: &str = "~/oauth/introspect";
const REVOKE: &str = "~/oauth/revoke";

pub(super) async fn introspection(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let tokens = tokens(stage, &mut alice, "openid offline_access").await;
    let own = |token: &str| {
        let fields = [("token", token), ("token_type_hint", "refresh_token")];
        Ask::post(INTROSPECT).basic("own", SECRET).form(&fields)
    };
    for name in ["access_token", "refresh_token"] {
        let token = text(&tokens, name);
        let found = rp(stage, INTROSPECT, &[("token", token)]).await;
        assert_eq!(found.is(200).json()["active"], true);
        found.lacks("access-control-allow-origin");
        let found = stage.ask(own(token)).await;
        assert_eq!(found.is(200).json()["client_id"], "rp");
        let other = Ask::post(INTROSPECT).basic("es", SECRET);
        let other = stage.ask(other.form(&[("token", token)])).await;
        assert_eq!(other.is(200).json(), serde_json::json!({ "active": false }));
    }
    let machine = machine_token(stage).await;
    stage.ask(own(&machine)).await.is(200).says("machine");
    for token in ["nonsense", "a.b.c", text(&tokens, "id_token")] {
        let found = stage.ask(own(token)).await;
        assert_eq!(found.is(200).json(), serde_json::json!({ "active": false }));
    }
    rp(stage, INTROSPECT, &[])
        .await
        .fails(400, "invalid_request");
    let public = [("token", "x"), ("client_id", "spa")];
    let public = stage.ask(Ask::post(INTROSPECT).form(&public)).await;
    assert!(public.status.is_client_error(), "{}", public.step);
    let nobody = Ask::post(INTROSPECT).form(&[("token", "x")]);
    stage.ask(nobody).await.fails(401, "invalid_client");
    stage.host.advance(Duration::from_secs(901));
    let old = stage.ask(own(text(&tokens, "access_token"))).await;
    assert_eq!(old.is(200).json()["active"], false);
}

pub(super) async fn revocation(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let first = tokens(stage, &mut alice, "openid offline_access").await;
    let access = text(&first, "access_token");
    let bearer = Ask::get("~/oauth/userinfo").bearer(access);
    let theirs = Ask::post(REVOKE).basic("es", SECRET);
    let theirs = stage.ask(theirs.form(&[("token", access)])).await;
    assert!(theirs.status.is_client_error(), "{}", theirs.step);
    stage.ask(bearer.clone()).await.is(200);
    let done = rp(stage, REVOKE, &[("token", access)]).await;
    done.is(200).has("access-control-allow-origin", "*");
    assert_eq!(done.text, "");
    stage.ask(bearer).await.is(401);

    let second = tokens(stage, &mut alice, "openid offline_access").await;
    let refresh = text(&second, "refresh_token");
    let fields = [("token", refresh), ("token_type_hint", "access_token")];
    rp(stage, REVOKE, &fields).await.is(200);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let again = rp(stage, "~/oauth/token", &fields).await;
    again.fails(400, "invalid_grant");
    // What is not there is revoked as well (RFC 7009 §2.2).
    for token in ["nonsense", "a.b.c", refresh] {
        rp(stage, REVOKE, &[("token", token)]).await.is(200);
    }
    rp(stage, REVOKE, &[]).await.fails(400, "invalid_request");
    let machine = machine_token(stage).await;
    let fields = [
        ("token", machine.as_str()),
        ("client_id", "machine"),
        ("client_secret", SECRET),
    ];
    stage.ask(Ask::post(REVOKE).form(&fields)).await.is(200);
    let reports = Ask::get(super::super::host_routes::REPORTS).bearer(&machine);
    stage.ask(reports).await.is(401);
}
