//! Second factors and bearer sessions as guards, callers and other apps see them.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use super::house::{House, KEY, ask, refusal};
use crate::auth::{Auth, Caller, Guard, Otherwise};
use crate::ground::{Clock, ManualClock, Timestamp, from_base64url};
#[cfg(feature = "passkeys")]
use crate::login::tests::passkey_device::Device;
use crate::login::{Argon2Cost, Login, NewUser, SignInRequest};
use crate::provider::{NewClient, Provider};
use crate::resource::ScopeRequirement;
use crate::store::{MemoryStore, UserId};
use crate::testkit::{Answer, Browser};

const PASSWORD: &str = "seven grey parrots";
const EMAIL: &str = "ada@example.com";
const JSON: &[(&str, &str)] = &[
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("sec-fetch-site", "same-origin"),
];

#[derive(Clone)]
pub(super) struct SharedClock(pub(super) Arc<ManualClock>);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// Both halves, and a user with an authenticator app.
pub(super) struct App {
    pub(super) auth: Auth,
    pub(super) clock: SharedClock,
    user: UserId,
    totp: Totp,
}

pub(super) async fn app() -> App {
    let clock = SharedClock(Arc::new(ManualClock::at(Timestamp::from_seconds(
        1_800_000_000,
    ))));
    let cost = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(MemoryStore::new())
        .clock(clock.clone())
        .prune_every(None)
        .login(Login::default().dangerous_weak_argon2(cost))
        .provider(Provider::default())
        .build()
        .await
        .expect("app");
    let new = NewUser {
        email: Some(EMAIL.to_owned()),
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let user = auth.login().expect("login").create_user(new).await;
    let user = user.expect("user").id;
    let client = json!({
        "client_id": "rp", "client_secret": "the secret of the client, long enough",
        "redirect_uris": ["https://rp.example/callback"], "client_name": "The third party",
        "token_endpoint_auth_method": "client_secret_post", "scope": "openid",
    });
    let Value::Object(client) = client else {
        panic!("an object")
    };
    let provider = auth.provider().expect("provider");
    let client = NewClient::from_metadata(client);
    provider.register_client(client).await.expect("client");
    let mut browser = Browser::new(&auth);
    let page = browser.get("/auth/login").await;
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    browser.submit(&page, &fields).await;
    let begun = post(&mut browser, "/auth/account/two-factor/begin", &json!({})).await;
    let shown = begun.json()["context"]["enrolment"].clone();
    let secret: String = shown["secret"]
        .as_str()
        .expect("secret")
        .split(' ')
        .collect();
    let secret = Secret::try_from_base32(secret).expect("base32");
    let app = App {
        totp: Builder::new().with_secret(secret).build().expect("totp"),
        auth,
        clock,
        user,
    };
    let body = json!({ "factor": shown["factor"], "code": app.code() });
    let path = "/auth/account/two-factor/confirm";
    let confirmed = post(&mut browser, path, &body).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    app
}

pub(super) async fn post(browser: &mut Browser, path: &str, body: &Value) -> Answer {
    browser
        .send(Method::POST, path, JSON, &body.to_string())
        .await
}

impl App {
    /// The next code that is not spent.
    pub(super) fn code(&self) -> String {
        self.clock.0.advance(Duration::from_secs(30));
        let seconds = u64::try_from(self.clock.now().seconds()).expect("after 1970");
        self.totp.generate(seconds).to_string()
    }

    /// A browser in which the user is signed in by one factor.
    pub(super) async fn weakly(&self) -> Browser {
        let headers = HeaderMap::new();
        let request = SignInRequest {
            headers: &headers,
            address: None,
            remember: false,
        };
        let login = self.auth.login().expect("login");
        let new = login.sign_in(&self.user, &["pwd"], request).await;
        let cookies = new.expect("session").cookies();
        let cookie = cookies[0].to_str().expect("text");
        let pair = cookie.split(';').next().expect("pair");
        let (name, value) = pair.split_once('=').expect("pair");
        let mut browser = Browser::new(&self.auth);
        browser.set_cookie(name, value);
        browser
    }

    pub(super) fn parts(browser: &Browser, accept: &'static str) -> Parts {
        let cookie = browser.cookie("__Host-auth_session").unwrap_or_default();
        let cookie = format!("__Host-auth_session={cookie}");
        ask("GET", &[("cookie", &cookie), ("accept", accept)])
    }

    pub(super) async fn admits(&self, guard: &Guard, parts: &mut Parts) -> String {
        match self.auth.admit(parts, guard).await {
            Ok(()) => "passes".to_owned(),
            Err(response) => match response.headers().get("location") {
                Some(location) => location.to_str().expect("text").to_owned(),
                None => refusal(&response),
            },
        }
    }

    /// What the client learns of the sign-in, from the callback it was answered at.
    pub(super) async fn id_token(&self, callback: &Answer) -> Value {
        exchange_code(&self.auth, callback).await
    }
}

/// The claims of the ID token that the client gets for a code.
pub(super) async fn exchange_code(auth: &Auth, callback: &Answer) -> Value {
    let token = exchange_for_id_token(auth, callback).await;
    let claims = token.split('.').nth(1).expect("claims");
    serde_json::from_slice(&from_base64url(claims).expect("base64url")).expect("JSON")
}

/// The ID token that the client gets for a code.
pub(super) async fn exchange_for_id_token(auth: &Auth, callback: &Answer) -> String {
    let code = callback.location_param("code").expect("code");
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "https://rp.example/callback"),
            ("code_verifier", VERIFIER),
            ("client_id", "rp"),
            ("client_secret", "the secret of the client, long enough"),
        ])
        .finish();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let mut client = Browser::new(auth);
    let answer = client
        .send(Method::POST, "/oauth/token", &form, &body)
        .await;
    let answer = answer.json();
    let token = answer["id_token"].as_str().expect("ID token");
    token.to_owned()
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(super) fn authorize(more: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", "rp"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", "https://rp.example/callback"),
            (
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ),
            ("code_challenge_method", "S256"),
        ])
        .extend_pairs(more)
        .finish();
    format!("/oauth/authorize?{query}")
}

#[tokio::test]
async fn the_guard_of_several_factors_asks_for_the_second() {
    let app = app().await;
    let guard = Guard::MultiFactor(Otherwise::SignIn);
    let stranger = Browser::new(&app.auth);
    let mut parts = App::parts(&stranger, "text/html");
    let answer = app.admits(&guard, &mut parts).await;
    assert_eq!(answer, "/auth/login?return_to=%2Fhost&factor=second");
    let mut browser = app.weakly().await;
    let mut parts = App::parts(&browser, "text/html");
    let answer = app.admits(&guard, &mut parts).await;
    assert_eq!(answer, "/auth/step-up?return_to=%2Fhost&factor=second");
    let mut parts = App::parts(&browser, "application/json");
    let answer = app.admits(&guard.clone().or_401(), &mut parts).await;
    assert_eq!(answer, "403 second_factor_required");
    let mut parts = App::parts(&stranger, "application/json");
    let answer = app.admits(&guard.clone().or_401(), &mut parts).await;
    assert_eq!(answer, "401 unauthenticated");

    let page = browser
        .get("/auth/step-up?return_to=%2Fhost&factor=second")
        .await;
    let code = app.code();
    let answer = browser.submit(&page, &[("code", &code)]).await;
    assert_eq!(
        answer.location().as_deref(),
        Some("/host"),
        "{}",
        answer.text
    );
    let mut parts = App::parts(&browser, "text/html");
    assert_eq!(app.admits(&guard, &mut parts).await, "passes");
    // The recency of the same step-up counts too.
    let recent = Guard::RecentSignIn(Some(Duration::from_mins(1)), Otherwise::SignIn);
    let mut parts = App::parts(&browser, "text/html");
    assert_eq!(app.admits(&recent, &mut parts).await, "passes");
}

#[tokio::test]
async fn threat_01_a_sign_in_that_waits_is_none_to_guards_and_other_apps() {
    let app = app().await;
    let mut browser = Browser::new(&app.auth);
    let page = browser.get("/auth/login").await;
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let answer = browser.submit(&page, &fields).await;
    assert_eq!(answer.location().as_deref(), Some("/auth/second-factor"));
    let pending = browser
        .cookie("__Host-auth_pending")
        .expect("cookie")
        .to_owned();
    for plant in [false, true] {
        if plant {
            browser.set_cookie("__Host-auth_session", &pending);
        }
        let answer = browser.get(&authorize(&[("prompt", "none")])).await;
        let error = answer.location_param("error");
        assert_eq!(error.as_deref(), Some("login_required"));
        let answer = browser.get(&authorize(&[])).await;
        let location = answer.location().expect("location");
        assert!(location.starts_with("/auth/login"), "{location}");
        for guard in [
            Guard::SignedIn(Otherwise::Unauthorized),
            Guard::MultiFactor(Otherwise::Unauthorized),
            Guard::Caller,
        ] {
            let cookie = format!("__Host-auth_pending={pending}; __Host-auth_session={pending}");
            let mut parts = ask("GET", &[("cookie", &cookie)]);
            let answer = app.admits(&guard, &mut parts).await;
            assert!(answer.starts_with("401"), "{guard:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn another_app_that_wants_two_factors_leads_to_the_step_up() {
    let app = app().await;
    for (more, level) in [
        (vec![("acr_values", "2")], "2"),
        (
            vec![(
                "claims",
                r#"{"id_token":{"acr":{"essential":true,"values":["2"]}}}"#,
            )],
            "2",
        ),
        (vec![("acr_values", "2 1")], "1"),
        (vec![], "1"),
    ] {
        let mut browser = app.weakly().await;
        app.clock.0.advance(Duration::from_secs(5));
        let mut answer = browser.get(&authorize(&more)).await;
        let location = answer.location().expect("location");
        if level == "2" {
            assert!(
                location.starts_with("/auth/step-up"),
                "{more:?}: {location}"
            );
            assert!(location.contains("factor=second"));
            let page = browser.get(&location).await;
            let code = app.code();
            answer = browser.submit(&page, &[("code", &code)]).await;
        }
        let answer = allow(&mut browser, answer).await;
        let claims = app.id_token(&answer).await;
        assert_eq!(claims["acr"], level, "{more:?}");
        let is_several = claims["amr"]
            .as_array()
            .is_some_and(|amr| amr.contains(&json!("mfa")));
        assert_eq!(is_several, level == "2");
    }
}

/// Puts a ceremony and answers it.
#[cfg(feature = "passkeys")]
async fn ceremony(browser: &mut Browser, device: &mut Device, path: &str, more: Value) -> Answer {
    let begun = post(browser, &format!("{path}/begin"), &json!({})).await;
    let begun = begun.json();
    let (origin, options) = ("https://app.example.com", &begun["publicKey"]);
    let credential = if options["user"].is_null() {
        device.get(origin, options).await
    } else {
        device.create(origin, options).await
    };
    let mut body = more;
    body["ceremony"] = begun["ceremony"].clone();
    body["credential"] = credential;
    post(browser, &format!("{path}/finish"), &body).await
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn a_passkey_meets_what_another_app_wants() {
    let app = app().await;
    let mut device = Device::new();
    let mut own = app.weakly().await;
    post(&mut own, "/auth/step-up", &json!({ "code": app.code() })).await;
    let path = "/auth/account/passkeys";
    let answer = ceremony(&mut own, &mut device, path, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    // Signed in by a password: one more factor.
    let mut browser = app.weakly().await;
    app.clock.0.advance(Duration::from_secs(5));
    let wanted = authorize(&[("acr_values", "2")]);
    let answer = browser.get(&wanted).await;
    let location = answer.location().expect("location");
    assert!(location.starts_with("/auth/step-up"), "{location}");
    let page = browser.get(&location).await;
    assert!(page.text.contains("data-passkey=\"confirm\""));
    let more = json!({ "return_to": answer.location_param("return_to") });
    let answer = ceremony(&mut browser, &mut device, "/auth/step-up/passkey", more).await;
    let next = answer.json()["next"].as_str().expect("next").to_owned();
    let answer = browser.get(&next).await;
    let answer = allow(&mut browser, answer).await;
    let claims = app.id_token(&answer).await;
    assert_eq!(claims["acr"], "2");
    assert_eq!(claims["amr"], json!(["pwd", "swk", "user", "mfa"]));
    assert_eq!(claims["auth_time"], app.clock.now().seconds());

    // Not signed in: a password, then the passkey.
    let mut browser = Browser::new(&app.auth);
    let page = browser.visit(&wanted).await;
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let answer = browser.submit(&page, &fields).await;
    assert_eq!(answer.location().as_deref(), Some("/auth/second-factor"));
    let path = "/auth/second-factor/passkey";
    let answer = ceremony(&mut browser, &mut device, path, json!({})).await;
    let next = answer.json()["next"].as_str().expect("next").to_owned();
    let answer = browser.get(&next).await;
    let answer = allow(&mut browser, answer).await;
    let claims = app.id_token(&answer).await;
    assert_eq!(claims["acr"], "2");
    assert_eq!(claims["amr"], json!(["pwd", "swk", "user", "mfa"]));
}

#[tokio::test]
async fn signing_in_anew_meets_prompt_login_and_max_age_by_any_method() {
    let app = app().await;
    for more in [("prompt", "login"), ("max_age", "60")] {
        let mut browser = app.weakly().await;
        app.clock.0.advance(Duration::from_mins(2));
        let answer = browser.get(&authorize(&[more])).await;
        let location = answer.location().expect("location");
        assert!(location.contains("reauthenticate=1"), "{location}");
        let page = browser.visit(&location).await;
        let (code, before) = (app.code(), app.clock.now());
        // The page asks for the password first; the code will do as well.
        let answer = browser.submit(&page, &[("code", &code)]).await;
        let answer = allow(&mut browser, answer).await;
        let claims = app.id_token(&answer).await;
        assert_eq!(claims["auth_time"], before.seconds(), "{more:?}");
    }
}

/// On from an answer to the client's callback, allowing what is asked on the way.
pub(super) async fn allow(browser: &mut Browser, answer: Answer) -> Answer {
    let mut answer = answer;
    while answer.location_param("code").is_none() {
        answer = match answer.location() {
            Some(location) => browser.visit(&location).await,
            None => browser.submit(&answer, &[("decision", "allow")]).await,
        };
        assert!(answer.status.as_u16() < 400, "{}", answer.text);
        assert_eq!(answer.location_param("error"), None);
    }
    answer
}

async fn bearer_session(house: &House) -> String {
    let headers = HeaderMap::new();
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let login = house.auth.login().unwrap();
    let user = UserId::new(house.user.clone());
    let new = login
        .sign_in_bearer(&user, &["pwd"], request)
        .await
        .unwrap();
    let token = new.token().unwrap();
    format!("Bearer {}", *token)
}

#[tokio::test]
async fn a_bearer_session_is_a_person_and_no_access_token() {
    let house = House::new().await;
    let bearer = bearer_session(&house).await;
    let header = ("authorization", bearer.as_str());
    // It changes things without a word from a browser: it is no cookie.
    for method in ["GET", "POST"] {
        let mut parts = ask(method, &[header]);
        let caller = house.auth.caller(&mut parts).await.unwrap().unwrap();
        assert!(matches!(caller, Caller::Session(_)));
        assert_eq!(caller.subject(), house.user);
        let mut parts = ask(method, &[header]);
        assert_eq!(house.admits(Guard::SameOrigin, &mut parts).await, "passes");
    }
    for (guard, expected) in [
        (Guard::SignedIn(Otherwise::Unauthorized), "passes"),
        (Guard::Caller, "passes"),
        (
            Guard::CallerWithScopes(ScopeRequirement::all_of(["reports:read"])),
            "passes",
        ),
        (
            Guard::Scopes(ScopeRequirement::all_of(["reports:read"])),
            "401 invalid_token",
        ),
    ] {
        let mut parts = ask("GET", &[header]);
        assert_eq!(house.admits(guard, &mut parts).await, expected);
    }
    // Nor does a token in the host's own cookie come to its help where a token is asked for.
    let cookie = house.token_cookie();
    let mut parts = ask("GET", &[header, ("cookie", &cookie)]);
    assert!(house.auth.access_token(&mut parts).await.is_err());
    assert!(
        house.keys.take_asked().is_empty(),
        "it is shown to no table of keys"
    );
}

#[tokio::test]
async fn an_access_token_or_a_key_is_no_bearer_session() {
    let house = House::new().await;
    let key = format!("Bearer {KEY}");
    for header in [&*house.bearer(), &key] {
        let mut parts = ask("GET", &[("authorization", header)]);
        let guard = Guard::SignedIn(Otherwise::Unauthorized);
        assert_eq!(house.admits(guard, &mut parts).await, "401 unauthenticated");
    }
}

#[tokio::test]
async fn a_bad_session_token_is_refused_whatever_else_the_request_has() {
    let house = House::new().await;
    let bearer = bearer_session(&house).await;
    let cookies = [house.session.clone(), house.token_cookie()];
    for cookie in ["", &cookies[0], &cookies[1]] {
        let headers = [("authorization", "Bearer ses_a.b"), ("cookie", cookie)];
        let refused = house.caller(&mut ask("GET", &headers)).await;
        let expected = if cookie == cookies[0] {
            "400 two_credentials"
        } else {
            "401 unauthenticated"
        };
        assert_eq!(refused, expected, "{cookie}");
    }
    for second in [("cookie", &*house.session), ("x-api-key", KEY)] {
        let headers = [("authorization", bearer.as_str()), second];
        let refused = house.caller(&mut ask("GET", &headers)).await;
        assert!(refused.starts_with("400"), "{refused}");
    }
}
