//! Requests to speak something else on this connection, which nobody here does (RFC 9110 §7.8, §9.3.6). They are answered
//! as if they had not asked, and at once: what follows them is no body without an end.

use http::Method;

use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::SECRET;
use crate::testkit::script::host_routes::{OPTIONAL_USER, PAGE};
use crate::testkit::script::stage::Stage;

const PROTOCOLS: [&str; 3] = ["websocket", "h2c", "websocket, h2c"];

fn upgrading(ask: Ask, protocol: &str) -> Ask {
    ask.header("connection", "upgrade")
        .header("upgrade", protocol)
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

pub(super) async fn upgrade(stage: &mut Stage<'_>) {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "machine"),
        ("client_secret", SECRET),
    ];
    for protocol in PROTOCOLS {
        for path in [
            "~/auth/login",
            "~/oauth/jwks",
            "~/.well-known/openid-configuration",
            OPTIONAL_USER,
        ] {
            stage.ask(upgrading(Ask::get(path), protocol)).await.is(200);
        }
        let page = stage.ask(upgrading(Ask::get(PAGE), protocol)).await;
        page.is(303);
        // The body is as long as it says.
        let token = || upgrading(Ask::post("~/oauth/token"), protocol).form(&fields);
        stage.ask(token()).await.is(200);
        let chunked = token().header("transfer-encoding", "chunked");
        stage.ask(chunked).await.is(200);
        let empty = upgrading(Ask::post("~/oauth/token"), protocol).form(&[]);
        stage.ask(empty).await.fails(401, "invalid_client");
    }
    // The connection, or the next one, is good for what comes then.
    stage.ask(Ask::get("~/auth/login")).await.is(200);
}

pub(super) async fn connect(stage: &mut Stage<'_>) {
    for path in ["~/auth/login", "~/oauth/token", "~/oauth/jwks"] {
        let tunnel = stage.ask(Ask::new(Method::CONNECT, path)).await;
        tunnel.is(405);
        assert!(tunnel.header("allow").is_some(), "{}", tunnel.step);
    }
    stage.ask(Ask::get("~/auth/login")).await.is(200);
}
