//! A host with everything, and the steps its tests share.

use std::sync::Arc;
use std::time::Duration;

use auth_core::auth::{Auth, AuthBuilder};
use auth_core::ground::{Clock, Digest32, Timestamp, base64url};
use auth_core::login::{Login, NewUser};
use auth_core::provider::{NewClient, Provider};
use auth_core::store::{MemoryStore, User};
use auth_core::testkit::{Answer, Browser, CapturedEvents, ManualClock};
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub(crate) const BASE: &str = "https://app.example.com";
pub(crate) const EMAIL: &str = "alice@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const CLIENT_SECRET: &str = "the-rp-client-secret-0123456789abcdef";
pub(crate) const REDIRECT_URI: &str = "https://rp.example/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A clock the test keeps a hand on.
#[derive(Clone)]
pub(crate) struct SharedClock(Arc<ManualClock>);

impl SharedClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub(crate) struct Host {
    pub(crate) auth: Auth,
    pub(crate) clock: SharedClock,
    pub(crate) events: CapturedEvents,
    pub(crate) alice: User,
}

pub(crate) fn builder(clock: &SharedClock) -> AuthBuilder {
    Auth::builder(BASE)
        .secret([7; 32])
        .store(MemoryStore::default())
        .clock(clock.clone())
        .prune_every(None)
        .login(Login::default())
        .provider(Provider::default().scope("reports:read", "Read reports"))
}

pub(crate) fn clock() -> SharedClock {
    SharedClock(Arc::new(ManualClock::at(Timestamp::from_seconds(
        1_800_000_000,
    ))))
}

pub(crate) async fn host() -> Host {
    let clock = clock();
    let events = CapturedEvents::default();
    let auth = builder(&clock)
        .events(events.clone())
        .build()
        .await
        .unwrap();
    Host {
        events,
        ..host_of(auth, &clock).await
    }
}

/// A host with the client and alice in it.
pub(crate) async fn host_of(auth: Auth, clock: &SharedClock) -> Host {
    let metadata = json!({
        "client_id": "rp",
        "client_secret": CLIENT_SECRET,
        "client_name": "The third party",
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": ["https://rp.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile email offline_access reports:read",
    });
    let Value::Object(metadata) = metadata else {
        panic!()
    };
    let client = NewClient::from_metadata(metadata);
    auth.provider()
        .unwrap()
        .register_client(client)
        .await
        .unwrap();
    let alice = NewUser {
        email: Some(EMAIL.to_owned()),
        password: Some(PASSWORD.into()),
        claims: json!({ "name": "Alice" }).as_object().unwrap().clone(),
        ..NewUser::default()
    };
    let alice = auth.login().unwrap().create_user(alice).await.unwrap();
    Host {
        auth,
        clock: clock.clone(),
        events: CapturedEvents::default(),
        alice,
    }
}

impl Host {
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.auth)
    }

    pub(crate) async fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        let page = browser.get("/auth/login").await;
        let fields = [("email", EMAIL), ("password", PASSWORD)];
        let answer = browser.submit(&page, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }

    /// A client's request with its secret.
    pub(crate) async fn client_post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let credentials = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(format!("rp:{CLIENT_SECRET}"))
        };
        let authorization = format!("Basic {credentials}");
        let headers = [("authorization", authorization.as_str()), FORM];
        self.browser()
            .send(Method::POST, path, &headers, &body)
            .await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.client_post("/oauth/token", &fields).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        self.browser()
            .send(Method::GET, "/oauth/userinfo", &headers, "")
            .await
    }

    /// Tokens for alice, consent given.
    pub(crate) async fn tokens(&self, browser: &mut Browser, scope: &str) -> Value {
        let code = authorize(browser, scope).await;
        let answer = self.redeem(&code).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }
}

pub(crate) fn authorize_url(scope: &str) -> String {
    let challenge = base64url(Digest32::of(VERIFIER).as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", "rp"),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", scope),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    format!("/oauth/authorize?{query}")
}

/// Runs an authorization request to its code, allowing what is asked.
pub(crate) async fn authorize(browser: &mut Browser, scope: &str) -> String {
    let mut answer = browser.visit(&authorize_url(scope)).await;
    if answer.status == StatusCode::OK {
        answer = browser.submit(&answer, &[("decision", "allow")]).await;
    }
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.location_param("state").as_deref(), Some("the state"));
    assert_eq!(answer.location_param("iss").as_deref(), Some(BASE));
    answer.location_param("code").expect("a code")
}
