//! Registering.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::harness::*;
use crate::login::NewUser;
use crate::services::Event;
use crate::store::Identifier;

#[tokio::test]
async fn threat_46_a_taken_address_is_answered_like_a_free_one() {
    let house = House::new();
    let taken = house.account(ADA).await;
    let mut answers = Vec::new();
    for email in [ADA, BOB] {
        let before = house.hashes();
        let answer = house.browser().register(email, OTHER_PASSWORD).await;
        let cookies: Vec<usize> = answer.set_cookies().iter().map(|c| c.len()).collect();
        answers.push((
            answer.status,
            answer.location().to_owned(),
            answer.body.clone(),
            cookies,
            house.hashes() - before,
        ));
        let body = json!({ "email": email, "password": OTHER_PASSWORD });
        let answer = house.browser().post_json("/auth/register", &body).await;
        assert_eq!(
            (answer.status, answer.json()["next"].as_str()),
            (StatusCode::OK, Some("/auth/login?registered=1"))
        );
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, StatusCode::SEE_OTHER);
    assert_eq!(answers[0].4, 1, "hashed in both cases");
    assert!(house.events().contains(&Event::RegistrationCollided));
    // The account that was there is as it was.
    let users = &house.core.stores.users;
    let (user, _) = users
        .credentials(&Identifier::Email(ADA.to_owned()))
        .await
        .expect("store")
        .expect("user");
    assert_eq!(user, taken);
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        house.browser().sign_in(ADA, OTHER_PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_and_what_was_typed_is_kept() {
    let house = House::new();
    let mut browser = house.browser();
    let fields = [
        ("email", "ada@"),
        ("name", "Ada <b>"),
        ("password", "short"),
        ("return_to", "/x"),
    ];
    let answer = browser.fill_in("/auth/register", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("That is not an e-mail address."));
    assert!(answer.body.contains("Use at least 15 characters."));
    assert!(
        answer.body.contains("value=\"ada@\"") && answer.body.contains("value=\"&#x2f;x\"")
            || answer.body.contains("value=\"/x\"")
    );
    assert!(!answer.body.contains("short"), "never the password");
    assert!(!answer.body.contains("<b>"));
    let body = json!({ "email": "ada@", "password": "short" });
    let answer = browser.post_json("/auth/register", &body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = &answer.json()["context"]["errors"];
    assert!(errors["email"].is_string() && errors["password"].is_string());
    let answer = browser.post_json("/auth/register", &json!({})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.hashes(), 0, "nothing was hashed");
}

#[tokio::test]
async fn guessable_and_personal_passwords_are_refused() {
    let house = House::new();
    for (password, said) in [
        ("passwordpassword", "easy to guess"),
        ("123456789012345", "easy to guess"),
        ("ada.lovelace1815", "too close to your name"),
        ("ada.lovelace@example.com", "too close to your name"),
    ] {
        let answer = house
            .browser()
            .register("ada.lovelace@example.com", password)
            .await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{password}"
        );
        assert!(answer.body.contains(said), "{password}");
    }
}

#[tokio::test]
async fn threat_11_nothing_but_the_form_can_be_assigned() {
    let house = House::new();
    let mut browser = house.browser();
    let body = json!({
        "email": ADA, "password": PASSWORD, "name": "Ada",
        "id": "root", "user_id": "root", "sub": "root", "email_verified": true, "email_verified_at": 1,
        "admin": true, "role": "admin", "is_admin": true, "disabled_at": 1, "created_at": 1, "claims.role": "admin",
        "username": "root",
    });
    assert_eq!(
        browser.post_json("/auth/register", &body).await.status,
        StatusCode::OK
    );
    let users = &house.core.stores.users;
    let (user, _) = users
        .credentials(&Identifier::Email(ADA.to_owned()))
        .await
        .expect("store")
        .expect("user");
    assert_eq!(user.email_verified_at, None);
    assert_eq!(user.disabled_at, None);
    assert_eq!(user.username, None);
    assert_eq!(user.created_at, house.core.clock.now());
    assert_ne!(user.id.as_str(), "root");
    assert_eq!(
        serde_json::Value::from(user.claims),
        json!({ "name": "Ada" })
    );
}

#[tokio::test]
async fn threat_18_names_with_line_breaks_or_markup() {
    let house = House::new();
    for bad in [
        "Ada\r\nBcc: x",
        "Ada\nx",
        "a\u{0}",
        "a\u{2028}b",
        "\u{202e}adA",
        &"x".repeat(201),
    ] {
        let fields = [("email", ADA), ("password", PASSWORD), ("name", bad)];
        let answer = house.browser().fill_in("/auth/register", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
        house.clock.advance(Duration::from_secs(10));
    }
    let markup = "<script>alert(1)</script>\"'";
    let fields = [("email", ADA), ("password", PASSWORD), ("name", markup)];
    let answer = house.browser().fill_in("/auth/register", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let mut browser = house.signed_in(ADA).await;
    let page = browser.get("/auth/account").await;
    assert!(!page.body.contains("<script>"), "escaped on the page");
    assert_eq!(
        browser.context("/auth/account").await["user"]["name"],
        markup
    );
}

#[tokio::test]
async fn threat_16_one_address_per_account() {
    let house = House::new();
    for bad in [
        "a@example.com,b@example.com",
        "a@example.com b@example.com",
        "Ada <a@example.com>",
        "a@example.com\r\nBcc: b@example.com",
    ] {
        let answer = house.browser().register(bad, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
    }
    // Case and Unicode form of the domain make no second account.
    house
        .browser()
        .register("ada@bücher.example", PASSWORD)
        .await;
    house
        .browser()
        .register("ADA@XN--BCHER-KVA.EXAMPLE", PASSWORD)
        .await;
    let registered = house
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Registered { .. }));
    assert_eq!(registered.count(), 1);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let house = House::with(settings().registration(false));
    let mut browser = house.browser();
    assert_eq!(
        browser.get("/auth/register").await.status,
        StatusCode::NOT_FOUND
    );
    let body = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(
        browser.post_json("/auth/register", &body).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(browser.context("/auth/login").await["register_url"].is_null());
}

#[tokio::test]
async fn two_registrations_at_once_make_one_account() {
    let house = House::new();
    let body = json!({ "email": ADA, "password": PASSWORD });
    let (mut first, mut second) = (house.browser(), house.browser());
    let (a, b) = tokio::join!(
        first.post_json("/auth/register", &body),
        second.post_json("/auth/register", &body)
    );
    assert_eq!((a.status, b.status), (StatusCode::OK, StatusCode::OK));
    let events = house.events();
    assert_eq!(
        events
            .iter()
            .filter(|event| matches!(event, Event::Registered { .. }))
            .count(),
        1
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| matches!(event, Event::RegistrationCollided))
            .count(),
        1
    );
}

#[tokio::test]
async fn one_hash_at_the_real_cost() {
    let house = House::with(crate::login::Login::default());
    let new = NewUser {
        email: Some(ADA.to_owned()),
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let user = house.wing.create_user(new).await.expect("account");
    let hash = house
        .core
        .stores
        .users
        .password_hash(&user.id)
        .await
        .expect("store")
        .expect("hash");
    assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_name_has_something_to_see() {
    use crate::login::register::parse_name;
    for unseen in [
        "\u{200b}",
        "\u{200e}\u{200f}",
        " \u{feff} ",
        "\u{e0041}\u{e0064}\u{e0061}",
        "\u{2800}\u{3164}\u{ad}",
    ] {
        assert!(parse_name(unseen).is_err(), "{unseen:?}");
    }
    // What joins letters stays where there are letters.
    for seen in ["Ada", "\u{645}\u{6cc}\u{200c}\u{62e}", "👩\u{200d}💻"] {
        assert_eq!(parse_name(seen), Ok(Some(seen.to_owned())));
    }
    assert_eq!(parse_name("  "), Ok(None), "no name is none");
    let house = House::new();
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "\u{200b}\u{feff}" });
    let answer = house.browser().post_json("/auth/register", &body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.json()["context"]["error_codes"]["name"],
        "name_unseen"
    );
}

#[tokio::test]
async fn a_client_that_reads_json_gets_codes_beside_the_words() {
    let house = House::with(settings().mail_flows(true));
    house.account(ADA).await;
    let mut browser = house.browser();
    let body = json!({ "email": "ada@", "password": "short", "name": "x".repeat(300) });
    let answer = browser.post_json("/auth/register", &body).await.json();
    let expected = json!({
        "email": "invalid_email",
        "name": "too_long",
        "password": "password_too_short",
    });
    assert_eq!(answer["context"]["error_codes"], expected);
    assert_eq!(answer["context"]["error_code"], serde_json::Value::Null);
    let body = json!({ "email": ADA, "password": OTHER_PASSWORD });
    let answer = browser.post_json("/auth/login", &body).await.json();
    assert_eq!(answer["context"]["error_code"], "wrong_credentials");
    let flow = browser.ask_sign_in(ADA).await;
    let flow = flow.split_once("f=").expect("flow").1;
    let mail = house.mail().await;
    let body = json!({ "f": flow, "code": mail.wrong_code() });
    let answer = browser.post_json("/auth/email/code", &body).await.json();
    assert_eq!(answer["context"]["error_codes"]["code"], "wrong_code");
    let context = browser.context("/auth/login?registered=1").await;
    assert_eq!(context["notice_code"], "registered");
}
