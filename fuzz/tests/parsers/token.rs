//! The forms of the token endpoint and its siblings, and the credentials in their header.

use fuzz::{Part, Target, urlencoded};
use http::Method;

const NAMES: [&str; 13] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
    "resource",
];

const VALUES: [&str; 16] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "rp",
    "secret-of-the-rp-0123456789abcdef",
    "https://rp.example/cb",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJycCJ9.AAAA",
    "eyJhbGciOiJub25lIn0.e30.",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "openid",
    "access_token",
    "\u{0}",
    "%",
    "https://op.example.com",
    "",
];

// rp:secret-of-the-rp-0123456789abcdef
const BASIC: &str = "Basic cnA6c2VjcmV0LW9mLXRoZS1ycC0wMTIzNDU2Nzg5YWJjZGVm";

#[test]
fn form() {
    bolero::check!()
        .with_type::<(Vec<Part>, u8)>()
        .for_each(|(parts, at)| {
            let body = urlencoded(parts, &NAMES, &VALUES);
            let paths = [
                "/oauth/token",
                "/oauth/introspect",
                "/oauth/revoke",
                "/oauth/userinfo",
            ];
            let path = paths[usize::from(*at) % paths.len()];
            let form = ("content-type", "application/x-www-form-urlencoded");
            Target::feed(Method::POST, path, &[form], &body);
            Target::feed(Method::POST, path, &[form, ("authorization", BASIC)], &body);
        });
}

#[test]
fn authorization_header() {
    bolero::check!()
        .with_type::<(bool, String)>()
        .for_each(|(basic, text)| {
            let scheme = if *basic { "Basic" } else { "Bearer" };
            let text: String = text
                .chars()
                .filter(|c| !c.is_control() && c.is_ascii())
                .collect();
            let header = format!("{scheme} {text}");
            let form = ("content-type", "application/x-www-form-urlencoded");
            let headers = [form, ("authorization", header.as_str())];
            let body = "grant_type=client_credentials";
            Target::feed(Method::POST, "/oauth/token", &headers, body);
            Target::feed(Method::POST, "/oauth/userinfo", &headers, "");
        });
}
