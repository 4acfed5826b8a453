//! The authorization endpoint's query and form, request objects included.

use fuzz::{Part, Target, urlencoded};
use http::Method;

const NAMES: [&str; 22] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "claims",
    "code_challenge",
    "code_challenge_method",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "ui_locales",
    "request",
    "request_uri",
    "registration",
    "resource",
    "display",
    "interaction",
];

const VALUES: [&str; 24] = [
    "rp",
    "https://rp.example/cb",
    "code",
    "id_token token",
    "code id_token token",
    "fragment",
    "form_post",
    "query",
    "openid profile offline_access",
    "none",
    "login consent",
    "0",
    "18446744073709551616",
    "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"2\"]},\"sub\":{\"value\":\"alice\"}}}",
    "{\"userinfo\":{\"email\":null}}",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "S256",
    "plain",
    "eyJhbGciOiJub25lIn0.eyJzdGF0ZSI6ImEifQ.",
    "eyJhbGciOiJub25lIn0.e30.x",
    "https://op.example.com",
    "//evil.example",
    "\u{202e}\u{0}\r\n",
    "",
];

const GOOD: &str =
    "client_id=rp&redirect_uri=https%3A%2F%2Frp.example%2Fcb&response_type=code&scope=openid";

#[test]
fn query() {
    bolero::check!().with_type::<Vec<Part>>().for_each(|parts| {
        let query = urlencoded(parts, &NAMES, &VALUES);
        // Behind a client and a redirect URI that stand, and without.
        for path in [
            format!("/oauth/authorize?{query}"),
            format!("/oauth/authorize?{GOOD}&{query}"),
        ] {
            Target::feed(Method::GET, &path, &[], "");
        }
    });
}

#[test]
fn form() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    bolero::check!()
        .with_type::<(Vec<Part>, String)>()
        .for_each(|(parts, raw)| {
            let body = urlencoded(parts, &NAMES, &VALUES);
            Target::feed(Method::POST, "/oauth/authorize", &form, &body);
            Target::feed(Method::POST, "/oauth/authorize", &form, raw);
        });
}
