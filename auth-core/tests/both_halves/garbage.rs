//! Whatever arrives is answered; nothing panics, nothing hangs, nothing is a fault of ours.

use http::Method;

use crate::host::host;

// A small deterministic generator: the same garbage in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

const NAMES: [&str; 24] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "claims",
    "code_challenge",
    "code_challenge_method",
    "id_token_hint",
    "response_mode",
    "request",
    "grant_type",
    "code",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "email",
    "password",
    "return_to",
    "form_token",
    "interaction",
];
const VALUES: [&str; 22] = [
    "",
    "rp",
    "code",
    "https://rp.example/callback",
    "openid",
    "%ff%fe",
    "%00",
    "none",
    "login consent",
    "-1",
    "99999999999999999999",
    "{\"id_token\":{\"sub\":[[[[]]]]}}",
    "a.b.c",
    "eyJhbGciOiJub25lIn0.e30.",
    "S256",
    "plain",
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "//evil.example",
    "\u{202e}\u{0}",
    "&=&=%",
];
const HEADERS: [(&str, &str); 10] = [
    ("authorization", "Bearer "),
    ("authorization", "Basic !!!"),
    ("authorization", "Bearer a.b.c"),
    ("cookie", "__Host-auth_session=;;;=;"),
    ("cookie", "=; __Host-auth_browser=\"x"),
    ("accept", "application/json"),
    ("accept", ";;;q=q,,,"),
    ("content-type", "application/json"),
    ("content-type", "text/\u{7f}"),
    ("sec-fetch-site", "same-origin"),
];

#[tokio::test]
async fn no_input_makes_a_fault_of_ours() {
    let host = host().await;
    let routes: Vec<_> = host.auth.routes().map(|route| route.path.clone()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut browser = host.signed_in().await;
    for round in 0..6000 {
        let pairs: Vec<_> = (0..dice.roll(9))
            .map(|_| {
                let value = VALUES[dice.roll(VALUES.len())];
                let value = if dice.roll(2) == 0 {
                    form_urlencoded::byte_serialize(value.as_bytes()).collect()
                } else {
                    value.replace(['\u{202e}', '\u{0}', ' ', '"', '{', '}'], "")
                };
                format!("{}={value}", NAMES[dice.roll(NAMES.len())])
            })
            .collect();
        let pairs = pairs.join("&");
        let path = &routes[dice.roll(routes.len())];
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        if dice.roll(3) == 0 {
            headers.clear();
        }
        headers.extend((0..dice.roll(3)).map(|_| HEADERS[dice.roll(HEADERS.len())]));
        let answer = if dice.roll(2) == 0 {
            let path = format!("{path}?{pairs}");
            browser.send(Method::GET, &path, &headers, "").await
        } else {
            browser.send(Method::POST, path, &headers, &pairs).await
        };
        assert!(
            answer.status.as_u16() < 500,
            "round {round}: {path} {pairs} {headers:?}: {} {}",
            answer.status,
            answer.text
        );
    }
}
