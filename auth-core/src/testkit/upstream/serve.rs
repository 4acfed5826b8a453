//! From a request to an answer.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::http::{self, FakeReply, FakeRequest};
use super::{Inner, authorize, held, token};

pub(super) async fn connection(inner: Arc<Inner>, stream: TcpStream) {
    if let Some(request) = http::read(&stream).await {
        // Before it is known to have come: from then on the test may let others of its path go.
        let held = inner.state().held.get(&request.path).cloned();
        let reply = answer(&inner, &request);
        inner.came.notify_waiters();
        held::wait(held).await;
        http::write(&stream, &reply).await;
    }
}

fn answer(inner: &Inner, request: &FakeRequest) -> FakeReply {
    let bent = {
        let mut state = inner.state();
        state.requests.push(request.clone());
        let faults = &state.faults;
        if faults.silent {
            Some(FakeReply::stall())
        } else if faults.down {
            Some(FakeReply::html(503, "<p>down</p>"))
        } else {
            faults.replies.get(&request.path).cloned()
        }
    };
    if let Some(reply) = bent {
        return reply;
    }
    match request.path.as_str() {
        "/.well-known/openid-configuration" => FakeReply::json(200, &authorize::metadata(inner)),
        "/keys" => FakeReply::json(200, &keys(inner)),
        "/authorize" => sign_in(inner, request),
        "/token" => token::answer(inner, request),
        "/userinfo" => token::user_info(inner, request),
        "/end-session" => FakeReply::html(200, "<p>signed out</p>"),
        _ => api(inner, request),
    }
}

fn keys(inner: &Inner) -> Value {
    let state = inner.state();
    let published = state.keys.iter().filter_map(|key| key.published());
    let mut keys: Vec<_> = published.collect();
    if state.faults.nameless_keys {
        for key in &mut keys {
            key.as_object_mut().map(|key| key.remove("kid"));
        }
    }
    json!({ "keys": keys })
}

/// Signs in whoever [`FakeProvider::sign_in_as`](super::FakeProvider::sign_in_as) named.
fn sign_in(inner: &Inner, request: &FakeRequest) -> FakeReply {
    let person = inner.state().signed_in.clone();
    let url = format!("{}{}?{}", inner.issuer, request.path, request.query);
    match authorize::authorize(inner, &url, person.as_ref()) {
        Err(problem) => FakeReply::new(400, "text/plain; charset=utf-8", problem),
        Ok(response) if response.is_post => {
            let field = |(name, value): &(String, String)| {
                format!(
                    r#"<input type="hidden" name="{}" value="{}">"#,
                    escape(name),
                    escape(value)
                )
            };
            let fields: String = response.parameters.iter().map(field).collect();
            let page = format!(
                r#"<form method="post" action="{}">{fields}<button id="submit">Go on</button></form>"#,
                escape(&response.redirect_uri)
            );
            FakeReply::html(200, &page)
        }
        Ok(response) => FakeReply::redirect(&response.url()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

/// A document of the person whose access token it is.
fn api(inner: &Inner, request: &FakeRequest) -> FakeReply {
    let state = inner.state();
    let Some(grant) = state.access_tokens.get(&request.bearer()) else {
        return FakeReply::json(401, &json!({ "message": "Bad credentials" }));
    };
    match grant.person.api.get(&request.path) {
        Some(document) => FakeReply::json(200, document),
        None => FakeReply::json(404, &json!({ "message": "Not Found" })),
    }
}
