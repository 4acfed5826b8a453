//! What is published.

use http::Method;

use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

pub(super) async fn documents(stage: &mut Stage<'_>) {
    let prefix = stage.setting().prefix();
    let oauth = format!("/.well-known/oauth-authorization-server{prefix}");
    for path in ["~/.well-known/openid-configuration", oauth.as_str()] {
        let document = stage.ask(Ask::get(path)).await;
        document.is(200).has("content-type", "application/json");
        document.has("access-control-allow-origin", "*");
        assert_eq!(document.json()["issuer"], stage.setting().base());
        assert_eq!(
            document.json()["token_endpoint"],
            stage.url("~/oauth/token")
        );
    }
    for path in ["~/.well-known/openid-configuration", "~/oauth/jwks"] {
        let found = stage.ask(Ask::get(path)).await;
        let etag = found.is(200).header("etag").unwrap().to_owned();
        for known in [etag.as_str(), &format!("\"other\", W/{etag}"), "*"] {
            let again = Ask::get(path).header("if-none-match", known);
            let again = stage.ask(again).await;
            assert_eq!(again.is(304).text, "");
            again.has("etag", &etag);
        }
        let other = Ask::get(path).header("if-none-match", "\"other\"");
        stage.ask(other).await.is(200);
        let preflight = Ask::new(Method::OPTIONS, path)
            .header("origin", "https://spa.example")
            .header("access-control-request-method", "GET");
        let preflight = stage.ask(preflight).await;
        preflight.is(204).has("access-control-allow-origin", "*");
        preflight.lacks("access-control-allow-credentials");
    }
    let keys = stage.ask(Ask::get("~/oauth/jwks")).await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
}

pub(super) async fn assets(stage: &mut Stage<'_>) {
    let page = Person::new().get(stage, "~/auth/login").await;
    let links = page.text.split("href=\"").skip(1);
    let style = links
        .filter_map(|rest| rest.split('"').next())
        .find(|href| href.contains(".css"));
    let style = style.unwrap();
    let found = stage.ask(Ask::get(style)).await;
    found.is(200).has("content-type", "text/css; charset=utf-8");
    found.has("cache-control", "public, max-age=31536000, immutable");
    stage.ask(Ask::new(Method::HEAD, style)).await.is(200);
    // A name goes with its content: another one is nobody's.
    let other = style.replace(".css", ".other.css");
    stage.ask_the_host(Ask::get(other)).await.is(404);
}
