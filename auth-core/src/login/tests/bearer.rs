//! Sessions of clients without cookies.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::factors::*;
use super::harness::*;
use crate::login::SignInRequest;

/// A client that keeps no cookies and sends a token.
struct Client<'h> {
    browser: Browser<'h>,
    token: Option<String>,
}

impl<'h> Client<'h> {
    fn new(house: &'h House) -> Self {
        Self {
            browser: house.browser(),
            token: None,
        }
    }

    async fn signed_in(house: &'h House, email: &str) -> Self {
        let mut client = Self::new(house);
        let answer = client.sign_in(email).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        client.keep(&answer.json());
        client
    }

    fn keep(&mut self, answer: &Value) {
        assert_eq!(answer["token_type"], "Bearer", "{answer}");
        let token = answer["token"].as_str().expect("token");
        assert!(token.starts_with("ses_"), "{token}");
        self.token = Some(token.to_owned());
    }

    async fn sign_in(&mut self, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD, "session": "bearer" });
        self.post("/auth/login", &body).await
    }

    fn authorize(&mut self) {
        self.browser.cookies.clear();
        if let Some(token) = &self.token {
            self.browser.extra = vec![("authorization", format!("Bearer {token}"))];
        }
    }

    async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.authorize();
        self.browser.post_json(path, body).await
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.authorize();
        self.browser.get_json(path).await
    }

    async fn is_signed_in(&mut self) -> bool {
        self.get("/auth/session").await.status == StatusCode::OK
    }
}

fn sets_session(answer: &Answer) -> bool {
    let set = answer.set_cookies();
    set.iter()
        .any(|cookie| cookie.starts_with(SESSION_COOKIE) || cookie.starts_with(PENDING_COOKIE))
}

#[tokio::test]
async fn a_client_signs_in_for_a_token_and_no_cookie() {
    let house = House::new();
    house.account(ADA).await;
    let mut client = Client::new(&house);
    let answer = client.sign_in(ADA).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!sets_session(&answer));
    let json = answer.json();
    assert_eq!(json["expires_in"], 86_400);
    assert_eq!(json["idle_expires_in"], 1_800, "unless it is used");
    client.keep(&json);
    let session = client.get("/auth/session").await.json();
    assert_eq!(session["session"]["id"], json["session"]["id"]);
    assert_eq!(session["user"]["email"], ADA);
    // No ambient credential: nothing else is needed to act.
    client.authorize();
    let fields = [("name", "Ada")];
    let answer = client.browser.post("/auth/account/profile", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    client.authorize();
    client
        .browser
        .extra
        .push(("sec-fetch-site", "cross-site".to_owned()));
    let answer = client.browser.post("/auth/account/profile", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let answer = client.post("/auth/logout", &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!client.is_signed_in().await);
}

#[tokio::test]
async fn only_json_asks_for_a_token_and_only_in_known_words() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.browser();
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("session", "bearer"),
    ];
    let answer = browser.fill_in("/auth/login", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(sets_session(&answer));
    let body = json!({ "email": ADA, "password": PASSWORD, "session": "else" });
    let answer = house.browser().post_json("/auth/login", &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_cookie_request_still_needs_its_form_token_whatever_else_it_says() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for header in ["Bearer a.b.c", "Basic ses_x.y", "bearer"] {
        browser.extra = vec![("authorization", header.to_owned())];
        let answer = browser
            .post("/auth/account/profile", &[("name", "x")])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header}");
    }
    // Both at once: refused, whichever was meant.
    let token = Client::signed_in(&house, ADA).await.token.expect("token");
    for token in [token.as_str(), "ses_x.y"] {
        for path in [
            "/auth/account/profile",
            "/auth/account/password",
            "/auth/step-up",
        ] {
            browser.extra = vec![("authorization", format!("Bearer {token}"))];
            let answer = browser.post(path, &[("name", "x")]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        }
        browser.extra = vec![("authorization", format!("Bearer {token}"))];
        let answer = browser.get_json("/auth/session").await;
        assert_eq!(answer.json()["code"], "two_credentials");
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_cookie_is_no_token_and_a_token_no_cookie() {
    let house = House::new();
    house.account(ADA).await;
    let browser = house.signed_in(ADA).await;
    let cookie = browser.session_cookie().expect("cookie").to_owned();
    let client = Client::signed_in(&house, ADA).await;
    let token = client.token.clone().expect("token");
    for bad in [
        format!("ses_{cookie}"),
        cookie.clone(),
        "ses_".to_owned(),
        "ses_a".to_owned(),
    ] {
        let mut forged = Client::new(&house);
        forged.token = Some(bad);
        assert!(!forged.is_signed_in().await);
    }
    for bad in [token.clone(), token.trim_start_matches("ses_").to_owned()] {
        let mut forged = house.browser();
        forged.cookies.insert(SESSION_COOKIE.to_owned(), bad);
        assert!(!forged.is_signed_in().await);
    }
    for header in [
        format!("Basic {token}"),
        token.clone(),
        format!("Bearer {token}x"),
    ] {
        let mut browser = house.browser();
        browser.extra = vec![("authorization", header)];
        let answer = browser.get_json("/auth/session").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn sessions_of_both_kinds_are_listed_revoked_and_aged_alike() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let mut client = Client::signed_in(&house, ADA).await;
    let sessions = browser.context("/auth/account").await["sessions"].clone();
    assert_eq!(sessions.as_array().expect("list").len(), 2);
    let other = sessions[1]["id"].as_str().expect("id").to_owned();
    let token = sessions[1]["form_token"]
        .as_str()
        .expect("token")
        .to_owned();
    let fields = [("session_id", &*other), ("form_token", &*token)];
    browser.post("/auth/account/sessions/revoke", &fields).await;
    assert!(!client.is_signed_in().await);
    let mut client = Client::signed_in(&house, ADA).await;
    let answer = client
        .post("/auth/account/sessions/revoke-others", &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!browser.is_signed_in().await);
    house.clock.advance(Duration::from_mins(31));
    assert!(!client.is_signed_in().await, "idle for too long");
}

#[tokio::test]
async fn a_new_secret_comes_as_the_old_one_did() {
    let house = House::with(addresses_unlimited());
    house.account(ADA).await;
    let mut client = Client::signed_in(&house, ADA).await;
    let id = client.get("/auth/session").await.json()["session"]["id"].clone();
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let old = client.token.clone();
    let answer = client.post("/auth/account/password", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!sets_session(&answer));
    assert!(!client.is_signed_in().await, "the old token is worthless");
    client.keep(&answer.json());
    assert_ne!(client.token, old);
    assert_eq!(
        client.get("/auth/session").await.json()["session"]["id"],
        id
    );
    let body = json!({ "password": OTHER_PASSWORD });
    let answer = client.post("/auth/step-up", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    client.keep(&answer.json());
    assert_eq!(
        client.get("/auth/session").await.json()["session"]["id"],
        id
    );
    // To sign in again with it keeps the session too, and its kind.
    let body = json!({ "email": ADA, "password": OTHER_PASSWORD });
    let answer = client.post("/auth/login", &body).await;
    client.keep(&answer.json());
    assert_eq!(
        client.get("/auth/session").await.json()["session"]["id"],
        id
    );
}

#[tokio::test]
async fn threat_01_a_second_factor_comes_before_the_token() {
    let house = House::with(addresses_unlimited());
    let (app, codes) = house.enrolled(ADA).await;
    let mut client = Client::new(&house);
    let answer = client.sign_in(ADA).await;
    assert!(!sets_session(&answer));
    let answer = answer.json();
    assert_eq!(answer.get("token"), None);
    let pending = answer["pending"].as_str().expect("pending").to_owned();
    assert!(pending.starts_with("pnd_"));
    for token in [pending.clone(), pending.replace("pnd_", "ses_")] {
        let mut forged = Client::new(&house);
        forged.token = Some(token);
        assert!(!forged.is_signed_in().await);
    }
    let mut forged = house.browser();
    let bare = pending.trim_start_matches("pnd_").to_owned();
    forged.cookies.insert(PENDING_COOKIE.to_owned(), bare);
    let answer = forged.get("/auth/second-factor").await;
    assert_eq!(answer.location(), "/auth/login");
    let body = json!({ "pending": pending, "code": app.wrong_code(&house) });
    let answer = client.post("/auth/second-factor", &body).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let body = json!({ "pending": pending, "backup_code": codes[0], "trust_device": true });
    let answer = client.post("/auth/second-factor", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!sets_session(&answer));
    let set = answer.set_cookies();
    assert!(!set.iter().any(|cookie| cookie.starts_with(DEVICE_COOKIE)));
    client.keep(&answer.json());
    let session = client.get("/auth/session").await.json();
    assert_eq!(session["session"]["acr"], "2");
    let answer = client.post("/auth/second-factor", &body).await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
}

#[tokio::test]
async fn who_must_enrol_does_so_without_cookies() {
    let house = House::with(settings().mfa(crate::login::Mfa::Required));
    house.account(ADA).await;
    let mut client = Client::new(&house);
    let answer = client.sign_in(ADA).await.json();
    assert_eq!(answer["second_factor"]["enrol"], true);
    let pending = answer["pending"].clone();
    let body = json!({ "pending": pending });
    let page = client.post("/auth/second-factor/enrol", &body).await;
    let (factor, app, _) = read_enrolment(&page.json()["context"]["enrolment"]);
    let body = json!({ "pending": pending, "factor": factor, "code": app.code(&house) });
    let answer = client
        .post("/auth/second-factor/enrol/confirm", &body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(answer["backup_codes"].as_array().expect("codes").len(), 10);
    client.keep(&answer);
    assert!(client.is_signed_in().await);
}

#[tokio::test]
async fn a_host_signs_in_and_out_by_token() {
    let house = House::new();
    let user = house.account(ADA).await;
    let headers = HeaderMap::new();
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let new = house
        .wing
        .sign_in_bearer(&user.id, &["pwd"], request)
        .await
        .expect("session");
    assert!(new.cookies().is_empty());
    let token = new.token().expect("token");
    let cookie = house
        .wing
        .sign_in(&user.id, &["pwd"], request)
        .await
        .expect("session");
    assert!(cookie.token().is_none());
    let mut headers = HeaderMap::new();
    let value = format!("Bearer {}", *token).parse().expect("header");
    headers.insert("authorization", value);
    let found = house.wing.session(&headers).await.expect("store");
    assert_eq!(found.expect("session").session.id, new.session.id);
    house.wing.sign_out(&headers).await.expect("store");
    assert!(house.wing.session(&headers).await.expect("store").is_none());
}

#[tokio::test]
async fn a_client_is_new_where_its_device_is_and_not_at_every_sign_in() {
    let house = House::with(settings().mail_flows(true));
    house.verified(ADA).await;
    let sign_in = async |address: &str, agent: &str, device: Option<&str>| {
        let mut browser = house.browser();
        browser.address = address.parse().expect("address");
        browser.extra = vec![("user-agent", agent.to_owned())];
        let mut body = json!({ "email": ADA, "password": PASSWORD, "session": "bearer" });
        body["device"] = device.into();
        let answer = browser.post_json("/auth/login", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(answer.set_cookies().is_empty(), "it keeps none");
        house.mails().await.len()
    };
    let app = "Parrots/1.0 (iPhone)";
    assert_eq!(sign_in("192.0.2.7", app, None).await, 0, "the very first");
    assert_eq!(
        sign_in("192.0.2.99", app, None).await,
        0,
        "the same network"
    );
    assert_eq!(sign_in("198.51.100.7", app, None).await, 1, "another");
    assert_eq!(sign_in("198.51.100.7", app, None).await, 0);
    assert_eq!(sign_in("198.51.100.7", "Thief/1.0", None).await, 1);
    // By its own name a device is known wherever it goes.
    let device = Some("3yMApqCuCjXDWPrbjfR5mjCP");
    assert_eq!(sign_in("203.0.113.7", app, device).await, 1);
    assert_eq!(sign_in("192.0.2.7", app, device).await, 0);
    assert_eq!(
        sign_in("2001:db8::7", "Parrots/1.1 (iPhone)", device).await,
        0
    );
    assert_eq!(
        sign_in("2001:db8::7", app, Some("short")).await,
        1,
        "no name"
    );
}
