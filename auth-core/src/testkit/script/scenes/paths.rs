//! Paths that are not the product's are the host's, who says 404.

use http::Method;

use crate::testkit::script::ask::Ask;
use crate::testkit::script::stage::Stage;

pub(super) async fn unknown(stage: &mut Stage<'_>) {
    for path in [
        "/nowhere",
        "/host/nowhere",
        "~/auth/nothing",
        "~/oauth/nothing",
        "~/oauth",
        "~/auth/",
        "~/auth/login/",
        "~/auth/login/more",
        "~/Auth/Login",
        "~/oauth/token/",
        "/.well-known/openid-configuration/",
        "/.well-known/nothing",
        "/elsewhere/auth/login",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            stage.ask_the_host(Ask::new(method, path)).await.is(404);
        }
    }
}

/// A path is what it spells: no decoding and no tidying leads to a route.
pub(super) async fn odd(stage: &mut Stage<'_>) {
    for path in [
        "~/auth/%6Cogin",
        "~/auth/log%69n",
        "~/auth%2Flogin",
        "~/auth/./login",
        "~/auth/x/../login",
        "~/auth//login",
        "~/auth/login%00",
        "~/auth/login%20",
        "~/auth/login;x=1",
        "~/auth/%C3%BC",
    ] {
        stage.ask_the_host(Ask::get(path)).await.is(404);
    }
    // A framework may decode what lies under a mount, and refuse it as it likes.
    if stage.setting().mount().is_empty() {
        stage.ask_the_host(Ask::get("~/auth/%ff")).await.is(404);
    }
    for target in [
        "~/auth/login?",
        "~/auth/login?%",
        "~/auth/login?x=%C3%BC&&=",
    ] {
        stage.ask(Ask::get(target)).await.is(200);
    }
    stage.ask(Ask::get("~/auth/login?x=%ff")).await.is(400);
    // The absolute form of a target (RFC 9112 §3.2.2), as a proxy gets it.
    let absolute = stage.url("~/auth/login?login_hint=alice");
    stage.ask(Ask::get(absolute)).await.is(200).says("alice");
    let elsewhere = stage.path("~/auth/login");
    let elsewhere = format!("http://elsewhere.example{elsewhere}");
    stage.ask(Ask::get(elsewhere)).await.is(200);
    // Who is asked does not matter: addresses follow from the configuration alone.
    let named = Ask::get("~/.well-known/openid-configuration").header("host", "evil.example");
    let named = stage.ask(named).await;
    assert_eq!(named.is(200).json()["issuer"], stage.setting().base());
}
