//! The pages of this app.

use std::fmt::Write as _;
use std::time::Instant;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::oidc::Person;

pub(crate) fn signed_out() -> Html<String> {
    page(
        "<p id=\"who\">Nobody is signed in here.</p>\
         <p><a id=\"sign-in\" href=\"/login\">Sign in through the example app</a></p>",
    )
}

pub(crate) fn signed_in(person: &Person, api: Option<&str>) -> Html<String> {
    let claims = serde_json::to_string_pretty(&person.claims).unwrap_or_default();
    let life = person.expires.map_or("unknown".to_owned(), |expires| {
        format!(
            "{} s",
            expires.saturating_duration_since(Instant::now()).as_secs()
        )
    });
    let mut body = format!(
        "<p id=\"who\">Signed in.</p>\
         <h2>Claims</h2><pre id=\"claims\">{}</pre>\
         <p>The access token ends in <span id=\"expiry\">{life}</span>; \
         refreshed <span id=\"refreshes\">{}</span> times.</p>",
        escape(&claims),
        person.refreshes,
    );
    if let Some(api) = api {
        // Writing to a String cannot fail.
        let _ = write!(
            body,
            "<h2>The API said</h2><pre id=\"api\">{}</pre>",
            escape(api)
        );
    }
    for (action, label) in [
        ("call-api", "Call the API"),
        ("refresh", "Refresh"),
        ("sign-out", "Sign out"),
    ] {
        let path = if action == "sign-out" {
            "logout"
        } else {
            action
        };
        let _ = write!(
            body,
            "<form method=\"post\" action=\"/{path}\"><button id=\"{action}\">{label}</button></form>"
        );
    }
    page(&body)
}

/// Something that went wrong, told to the person and to whoever tries this out.
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn bad_gateway(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, message)
    }

    pub(crate) fn sign_in_first() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Sign in first.")
    }

    /// The issuer, or the person there, said no.
    pub(crate) fn refused(error: &str, description: &str) -> Self {
        let message = format!("The sign-in was not completed: {error} {description}");
        Self::new(StatusCode::FORBIDDEN, message.trim_end())
    }

    /// A request to the issuer failed: what was tried, then every cause.
    pub(crate) fn issuer(what: &str, error: &dyn std::error::Error) -> Self {
        let mut message = what.to_owned();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let _ = write!(message, " {error}.");
            cause = error.source();
        }
        Self::bad_gateway(message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = format!(
            "<p id=\"error\" role=\"alert\">{}</p><p><a id=\"home\" href=\"/\">Back</a></p>",
            escape(&self.message)
        );
        (self.status, page(&body)).into_response()
    }
}

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
    pre{white-space:pre-wrap;overflow-wrap:anywhere}form{display:inline-block;margin-right:.5rem}\
    button{font:inherit;padding:.4rem .8rem}";

fn page(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style><title>Third-party app</title></head>\
         <body><main><h1>Third-party app</h1>{body}</main></body></html>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
