//! Tokens of an issuer that is asked about them, over real sockets.

use std::fmt::Write as _;

use super::threats::Log;
use super::*;
use crate::ground::base64url;
use crate::resource::ScopeSet;
use crate::services::outbound::testing::{Loopback, Reply};
use crate::web::BasicCredentials;

pub(super) const API: &str = "urn:reports-api";
pub(super) const ISSUER: &str = "https://opaque.example";
const SECRET: &str = "hush: 100%+1";

/// What the endpoint says; a test changes it while it runs.
pub(super) enum Says {
    Answer(Value),
    Text(String),
    Reply(fn() -> Reply),
}

/// An introspection endpoint on loopback.
pub(super) struct Endpoint {
    says: Arc<Mutex<Says>>,
    pub(super) server: Loopback,
}

impl Endpoint {
    pub(super) async fn start() -> Self {
        let says = Arc::new(Mutex::new(Says::Answer(answer())));
        let serving = says.clone();
        let server = Loopback::start(move |_| match &*serving.lock().unwrap() {
            Says::Answer(answer) => Reply::json(&answer.to_string()),
            Says::Text(text) => Reply::json(text),
            Says::Reply(reply) => reply(),
        })
        .await;
        Self { says, server }
    }

    pub(super) fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    pub(super) fn settings(&self) -> Resource {
        let credentials = ClientCredentials::new("api:1", SECRET);
        Resource::default().introspect(ISSUER, self.server.url("/ask"), credentials, API)
    }

    /// How many questions came.
    pub(super) fn asked(&self) -> usize {
        self.server.hits("/ask")
    }

    /// With this one answer, for one question.
    async fn outcome(&self, says: Says) -> &'static str {
        self.says(says);
        Bench::remote(self.settings()).outcome("opaque").await
    }
}

/// A good answer.
pub(super) fn answer() -> Value {
    json!({
        "active": true,
        "aud": API,
        "client_id": "client-1",
        "sub": "user-1",
        "exp": START + 900,
        "scope": "profile reports:read",
    })
}

#[tokio::test]
async fn an_active_token_says_who_and_what() {
    let endpoint = Endpoint::start().await;
    let mut full = answer();
    for (name, value) in [
        ("iss", json!(ISSUER)),
        ("aud", json!(["urn:other", API])),
        ("token_type", json!("bEARER")),
        ("iat", json!(START)),
        ("nbf", json!(START)),
        ("auth_time", json!(START - 60)),
        ("acr", json!("urn:two")),
        ("amr", json!(["pwd"])),
        ("grant_id", json!("grant-1")),
        ("username", json!("ann")),
    ] {
        full[name] = value;
    }
    endpoint.says(Says::Answer(full));
    let bench = Bench::remote(endpoint.settings());
    let token = bench.send("opaque+/token==").await.unwrap();
    assert_eq!((token.subject(), token.client_id()), ("user-1", "client-1"));
    assert_eq!(token.issuer(), ISSUER);
    assert_eq!(*token.scopes(), ScopeSet::parse("reports:read profile"));
    assert_eq!(token.expires_at(), Timestamp::from_seconds(START + 900));
    assert_eq!(token.auth_time(), Some(Timestamp::from_seconds(START - 60)));
    assert_eq!((token.acr(), token.amr().len()), (Some("urn:two"), 1));
    // The local provider's claims mean nothing here.
    assert_eq!(token.grant_id(), None);
    assert_eq!(token.claims().get("username"), Some(&json!("ann")));
    assert!(bench.reasons().is_empty());

    let request = endpoint.server.heads().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /ask HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        body,
        "token=opaque%2B%2Ftoken%3D%3D&token_type_hint=access_token"
    );
    let mut headers = HeaderMap::new();
    let mut lines = head.lines();
    let value = lines.find_map(|line| line.strip_prefix("authorization: "));
    headers.insert(AUTHORIZATION, value.unwrap().parse().unwrap());
    let sent = BasicCredentials::from_headers(&headers);
    let sent = sent.unwrap().unwrap();
    assert_eq!(
        (sent.username.as_str(), sent.password.as_str()),
        ("api:1", SECRET)
    );
}

#[tokio::test]
async fn a_client_without_a_user_stands_for_itself() {
    let endpoint = Endpoint::start().await;
    endpoint.says(Says::Answer(with(answer(), "sub", Value::Null)));
    let bench = Bench::remote(endpoint.settings());
    let token = bench.send("opaque").await.unwrap();
    assert_eq!(
        (token.subject(), token.client_id()),
        ("client-1", "client-1")
    );
}

#[tokio::test]
async fn what_the_answer_has_to_say() {
    let endpoint = Endpoint::start().await;
    for (name, value, outcome) in [
        ("active", json!(false), "inactive"),
        ("active", json!("true"), "bad_claims"),
        ("active", json!(1), "bad_claims"),
        ("active", Value::Null, "bad_claims"),
        ("iss", json!("https://opaque.example/"), "untrusted_issuer"),
        ("iss", json!(BASE), "untrusted_issuer"),
        ("iss", json!([ISSUER]), "bad_claims"),
        ("aud", json!(BASE), "wrong_audience"),
        ("aud", json!([]), "bad_claims"),
        ("aud", Value::Null, "bad_claims"),
        ("client_id", Value::Null, "bad_claims"),
        ("client_id", json!(""), "bad_claims"),
        ("sub", json!(""), "bad_claims"),
        ("sub", json!(7), "bad_claims"),
        ("scope", json!(["profile"]), "bad_claims"),
        ("token_type", json!("N_A"), "wrong_type"),
        ("token_type", json!(true), "bad_claims"),
        ("token_type", json!("DPoP"), "sender_constrained"),
        ("cnf", json!({ "jkt": "x" }), "sender_constrained"),
        ("cnf", json!({}), "sender_constrained"),
        ("nbf", json!(START + 30), "accepted"),
        ("nbf", json!(START + 31), "not_yet_valid"),
        ("iat", json!(START + 31), "not_yet_valid"),
        ("exp", json!(START - 29), "accepted"),
        ("exp", json!(START - 30), "expired"),
    ] {
        let answer = with(answer(), name, value.clone());
        let got = endpoint.outcome(Says::Answer(answer)).await;
        assert_eq!(got, outcome, "{name} {value}");
    }
    let mut null = answer();
    null["cnf"] = json!(null);
    assert_eq!(
        endpoint.outcome(Says::Answer(null)).await,
        "sender_constrained"
    );
    // RFC 7662 §2.2: an inactive token is that and nothing more, whatever else is said.
    assert_eq!(
        endpoint
            .outcome(Says::Text(r#"{"active":false}"#.to_owned()))
            .await,
        "inactive"
    );
}

#[tokio::test]
async fn threat_20_times_of_an_answer_are_typed() {
    let endpoint = Endpoint::start().await;
    let missing = with(answer(), "exp", Value::Null);
    assert_eq!(endpoint.outcome(Says::Answer(missing)).await, "bad_claims");
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for value in [
            json!("1763700900"),
            json!(null),
            json!(true),
            json!([1_763_700_900]),
            json!(-1),
            json!(1_763_700_900_000_i64),
        ] {
            let mut answer = answer();
            answer[name] = value.clone();
            let got = endpoint.outcome(Says::Answer(answer)).await;
            assert_eq!(got, "bad_claims", "{name} {value}");
        }
    }
}

#[tokio::test]
async fn more_claims_and_audiences() {
    let endpoint = Endpoint::start().await;
    let credentials = ClientCredentials::new("api:1", SECRET);
    let settings = endpoint
        .settings()
        .introspect(ISSUER, endpoint.server.url("/ask"), credentials, "urn:b")
        .require_claim("tenant");
    let bench = Bench::remote(settings);
    assert_eq!(bench.outcome("one").await, "bad_claims");
    endpoint.says(Says::Answer(with(answer(), "tenant", json!(7))));
    assert_eq!(bench.outcome("two").await, "accepted");
    let mut other = with(answer(), "tenant", json!(7));
    other["aud"] = json!("urn:b");
    endpoint.says(Says::Answer(other));
    assert_eq!(bench.outcome("three").await, "accepted");
}

#[tokio::test]
async fn jwts_go_to_whom_they_name() {
    let endpoint = Endpoint::start().await;
    let policy = OutboundPolicy::default().dangerous_allow_loopback();
    let bench = Bench::build(endpoint.settings(), true, policy).unwrap();
    let encode = |value: &Value| base64url(value.to_string().as_bytes());
    // Verified here, or refused here: nobody else's token is shown to the issuer.
    for (token, outcome) in [
        (local_token(&local_claims()), "accepted"),
        (
            local_token(&claims("https://evil.example", API)),
            "untrusted_issuer",
        ),
        (
            local_token(&with(local_claims(), "iss", Value::Null)),
            "bad_claims",
        ),
        ("YQ.YQ.YQ".to_owned(), "malformed"),
    ] {
        assert_eq!(bench.outcome(&token).await, outcome);
    }
    assert_eq!(endpoint.asked(), 0);
    // What only its issuer can read: HMAC, no type, no key.
    let payload = encode(&json!({ "iss": ISSUER }));
    let hmac = format!("{}.{payload}.c2ln", encode(&json!({ "alg": "HS256" })));
    for (nth, token) in [
        hmac.as_str(),
        "opaque",
        "two.parts",
        "a.b.c.d.e",
        "a~b.c.d",
        "YQ==",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(bench.outcome(token).await, "accepted", "{token}");
        assert_eq!(endpoint.asked(), nth + 1, "{token}");
    }
    // A JWT that names it is its to judge, however well signed.
    endpoint.says(Says::Answer(json!({ "active": false })));
    let forged = local_token(&claims(ISSUER, API));
    assert_eq!(bench.outcome(&forged).await, "inactive");
    // Where nobody is asked, an opaque token is none.
    let bench = Bench::local(Resource::default());
    assert_eq!(bench.outcome("opaque").await, "malformed");
}

#[tokio::test]
async fn an_endpoint_that_fails_is_an_outage() {
    let endpoint = Endpoint::start().await;
    for status in [
        || Reply::status(400),
        || Reply::status(401),
        || Reply::status(403),
        || Reply::status(404),
        || Reply::status(429),
        || Reply::status(500),
        || Reply::status(503),
    ] {
        let outcome = endpoint.outcome(Says::Reply(status)).await;
        assert_eq!(outcome, "temporarily_unavailable");
    }
    for text in ["", "{", "[]", "true", "null", "active", "\u{feff}{}"] {
        let outcome = endpoint.outcome(Says::Text(text.to_owned())).await;
        assert_eq!(outcome, "temporarily_unavailable", "{text}");
    }
    // Said twice: whoever reads the other one sees another answer.
    let twice = answer().to_string().replacen('{', r#"{"active":false,"#, 1);
    let outcome = endpoint.outcome(Says::Text(twice)).await;
    assert_eq!(outcome, "temporarily_unavailable");
    // RFC 9701 is not spoken here.
    let page = || Reply::ok("application/token-introspection+jwt", "{}");
    assert_eq!(
        endpoint.outcome(Says::Reply(page)).await,
        "temporarily_unavailable"
    );

    // Nobody listens.
    let settings = endpoint.settings();
    drop(endpoint);
    let bench = Bench::remote(settings);
    let refused = bench.send("opaque").await.unwrap_err();
    let response = refused.respond();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[http::header::RETRY_AFTER], "5");
    assert_eq!(bench.reasons(), ["temporarily_unavailable"]);
}

#[tokio::test]
async fn threat_44_a_redirect_gets_neither_token_nor_credentials() {
    let inside = Loopback::start(|_| Reply::json(&answer().to_string())).await;
    let to = inside.url("/ask");
    let server = Loopback::start(move |_| {
        Reply::raw(&format!(
            "HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    })
    .await;
    let credentials = ClientCredentials::new("api:1", SECRET);
    let settings = Resource::default().introspect(ISSUER, server.url("/ask"), credentials, API);
    let bench = Bench::remote(settings);
    assert_eq!(bench.outcome("opaque").await, "temporarily_unavailable");
    assert_eq!(server.hits("/ask"), 1);
    assert!(inside.heads().is_empty());
}

#[tokio::test]
async fn threat_45_long_deep_and_slow_answers_end() {
    let endpoint = Endpoint::start().await;
    let long = with(answer(), "x", json!("y".repeat(70_000)));
    let deep = answer().to_string().replacen(
        '{',
        &format!(r#"{{"x":{}{},"#, "[".repeat(5000), "]".repeat(5000)),
        1,
    );
    let silent = || Reply::Stall(Vec::new());
    for says in [Says::Answer(long), Says::Text(deep), Says::Reply(silent)] {
        assert_eq!(endpoint.outcome(says).await, "temporarily_unavailable");
    }
    // A token nobody makes is not passed on.
    let asked = endpoint.asked();
    let bench = Bench::remote(endpoint.settings());
    assert_eq!(bench.outcome(&"x".repeat(20_000)).await, "malformed");
    assert_eq!(endpoint.asked(), asked);
}

#[tokio::test]
async fn threat_50_neither_log_nor_answer_has_token_or_secret() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let endpoint = Endpoint::start().await;
    let mut seen = String::new();
    for says in [
        Says::Reply(|| Reply::status(401)),
        Says::Reply(|| Reply::status(500)),
        Says::Text("nothing-of-this".to_owned()),
        Says::Answer(json!({ "active": false })),
        Says::Answer(with(answer(), "username", json!("ann@example.com"))),
    ] {
        endpoint.says(says);
        let bench = Bench::remote(endpoint.settings());
        match bench.send("opaque-token-value").await {
            Ok(token) => write!(seen, "{token:?}").unwrap(),
            Err(refused) => write!(seen, "{refused:?} {:?}", refused.respond()).unwrap(),
        }
        write!(seen, "{:?}", bench.events.0.lock().unwrap()).unwrap();
    }
    let logged = log.text();
    assert!(
        logged.contains("refuses this app") && logged.contains("Level(Error)"),
        "{logged}"
    );
    assert!(logged.contains("could not be introspected"), "{logged}");
    seen += &logged;
    let heads = endpoint.server.heads();
    let sent = heads[0].lines().find(|line| line.contains("Basic "));
    let basic = sent.unwrap().rsplit(' ').next().unwrap();
    for secret in [
        "opaque-token-value",
        SECRET,
        "hush",
        basic,
        "nothing-of-this",
        "ann@example.com",
    ] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
}
