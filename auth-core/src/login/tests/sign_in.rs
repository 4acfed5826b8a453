//! Signing in and out.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::harness::*;
use crate::login::{IdentifierKind, NewUser, SessionEnd};
use crate::services::{Event, SignInFailure};
use crate::store::{PasswordHash, SessionId};

#[tokio::test]
async fn a_browser_registers_signs_in_and_signs_out() {
    let house = House::new();
    let mut browser = house.browser();
    let answer = browser.register("Ada@Example.com", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/auth/login?registered=1");
    assert!(!browser.is_signed_in().await, "registering signs nobody in");
    let page = browser.get("/auth/login?registered=1").await;
    assert!(page.body.contains("You can sign in now."));

    let answer = browser.sign_in(" ADA@example.com ", PASSWORD).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/")
    );
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["user"]["email_verified"], false);
    assert_eq!(session["session"]["amr"], json!(["pwd"]));
    assert_eq!(session["session"]["acr"], "1");
    assert_eq!(session["session"]["auth_time"], "2025-11-21T04:40:00Z");

    let page = browser.get("/auth/logout").await;
    assert!(page.body.contains(ADA));
    let answer = browser.fill_in("/auth/logout", &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/auth/signed-out");
    assert_eq!(browser.session_cookie(), None);
    assert!(!browser.is_signed_in().await);
    let page = browser.get("/auth/signed-out").await;
    assert_eq!(page.status, StatusCode::OK);

    let events = house.events();
    assert!(matches!(&events[0], Event::Registered { .. }));
    assert!(matches!(&events[1], Event::SignedIn { .. }));
    assert!(matches!(&events[2], Event::SignedOut { .. }));
    assert_eq!(events.len(), 3);
    assert_eq!(house.ended()[0].why, SessionEnd::SignedOut);
}

#[tokio::test]
async fn the_same_works_headless_in_json() {
    let house = House::new();
    let mut client = house.browser();
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "Ada", "return_to": "/x" });
    let answer = client.post_json("/auth/register", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let next = "/auth/login?registered=1&return_to=%2Fx";
    assert_eq!(answer.json(), json!({ "next": next }));

    let wrong = json!({ "email": ADA, "password": OTHER_PASSWORD });
    let answer = client.post_json("/auth/login", &wrong).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["page"], "login");
    assert_eq!(
        answer.json()["context"]["error"],
        "E-mail or password is not right."
    );
    let right =
        json!({ "email": ADA, "password": PASSWORD, "remember": true, "return_to": "/x?y=1" });
    let answer = client.post_json("/auth/login", &right).await;
    assert_eq!(answer.status, StatusCode::OK);
    let json = answer.json();
    assert_eq!(json["next"], "/x?y=1");
    assert_eq!(
        json["session"]["id"],
        client.session_id().await.expect("id")
    );
    assert!(json["user"]["id"].is_string());

    let answer = client
        .post_json("/auth/account/profile", &json!({ "name": "Countess" }))
        .await;
    assert_eq!(answer.json()["next"], "/auth/account?notice=profile_saved");
    let session = client.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["name"], "Countess");
    let answer = client.post_json("/auth/logout", &json!({})).await;
    assert_eq!(answer.json(), json!({ "next": "/auth/signed-out" }));
    let answer = client.get_json("/auth/session").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["code"], "unauthenticated");
}

#[tokio::test]
async fn threat_03_return_to_leads_nowhere_else() {
    let house = House::new();
    house.account(ADA).await;
    for bad in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/%2f/evil.example",
        "javascript:alert(1)",
    ] {
        let mut browser = house.browser();
        let fields = [("email", ADA), ("password", PASSWORD), ("return_to", bad)];
        let answer = browser.fill_in("/auth/login", &fields).await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/"),
            "{bad:?}"
        );
        let answer = browser.fill_in("/auth/logout", &[("return_to", bad)]).await;
        assert_eq!(answer.location(), "/auth/signed-out", "{bad:?}");
        let fields = [("email", BOB), ("password", PASSWORD), ("return_to", bad)];
        let answer = browser.fill_in("/auth/register", &fields).await;
        assert_eq!(answer.location(), "/auth/login?registered=1", "{bad:?}");
        let query: String = form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        for page in ["login", "register", "logout"] {
            let page = browser
                .get(&format!("/auth/{page}?return_to={query}"))
                .await;
            assert!(!page.body.contains("evil"), "{bad:?}");
        }
        house.clock.advance(Duration::from_secs(61));
    }
    let mut browser = house.browser();
    let page = browser.context("/auth/login?return_to=/team%3Fa%3D1").await;
    assert_eq!(page["form"]["return_to"], "/team?a=1");
    assert_eq!(
        page["register_url"],
        "/auth/register?return_to=%2Fteam%3Fa%3D1"
    );
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("return_to", "/team?a=1"),
    ];
    let answer = browser.fill_in("/auth/login", &fields).await;
    assert_eq!(answer.location(), "/team?a=1");
}

#[tokio::test]
async fn threat_46_every_failure_looks_the_same_and_costs_one_hash() {
    use SignInFailure::*;

    let house = House::new();
    house.account(ADA).await;
    let without = NewUser {
        email: Some("nopassword@example.com".to_owned()),
        ..NewUser::default()
    };
    house.wing.create_user(without).await.expect("account");
    let broken = house.account("broken@example.com").await;
    let garbage = PasswordHash::new("$argon2id$garbage");
    let users = &house.core.stores.users;
    users
        .set_password(&broken.id, None, &garbage, house.core.clock.now())
        .await
        .expect("set");
    let disabled = house.account("disabled@example.com").await;
    house
        .wing
        .disable_user(&disabled.id)
        .await
        .expect("disabled");

    let mut seen = Vec::new();
    for (email, password) in [
        (ADA, OTHER_PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("nopassword@example.com", PASSWORD),
        ("broken@example.com", PASSWORD),
        ("disabled@example.com", PASSWORD),
        ("no address", PASSWORD),
        (ADA, ""),
    ] {
        let before = house.hashes();
        let mut browser = house.browser();
        let fields = [("email", email), ("password", password)];
        let answer = browser.fill_in("/auth/login", &fields).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{email}");
        assert_eq!(house.hashes() - before, 1, "{email}");
        assert_eq!(browser.session_cookie(), None);
        let body = without_tokens(&answer.body);
        seen.push(body.replace(&format!("value=\"{email}\""), "value=\"EMAIL\""));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let reasons: Vec<_> = house
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::SignInFailed { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        [
            WrongPassword,
            UnknownAccount,
            NoPassword,
            UnreadableHash,
            Disabled,
            UnknownAccount,
            WrongPassword
        ]
    );
}

#[tokio::test]
async fn threat_46_an_over_long_password_is_a_wrong_one() {
    let house = House::new();
    house.account(ADA).await;
    let long = "x".repeat(100_000);
    for email in [ADA, "nobody@example.com"] {
        let before = house.hashes();
        let answer = house.browser().sign_in(email, &long).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(house.hashes() - before, 1);
    }
}

#[tokio::test]
async fn threat_26_the_secret_changes_at_every_sign_in_and_the_old_one_is_dead() {
    let house = House::new();
    house.account(ADA).await;
    house.account(BOB).await;
    let mut browser = house.signed_in(ADA).await;
    let first = browser.session_cookie().expect("cookie").to_owned();
    let id = browser.session_id().await.expect("id");

    // The same user: the session goes on under its public id.
    house.clock.advance(Duration::from_mins(1));
    browser.sign_in(ADA, PASSWORD).await;
    let second = browser.session_cookie().expect("cookie").to_owned();
    assert_ne!(first, second);
    assert_eq!(browser.session_id().await.as_ref(), Some(&id));
    let key = SessionId::new(id.as_str());
    let session = house.core.stores.sessions.session(&key).await;
    let session = session.expect("store").expect("session");
    assert_eq!(session.auth_time, house.core.clock.now());

    // Another user: the session ends, and another begins.
    browser.sign_in(BOB, PASSWORD).await;
    let third = browser.session_cookie().expect("cookie").to_owned();
    assert_ne!(browser.session_id().await.as_ref(), Some(&id));
    assert_eq!(house.ended()[0].why, SessionEnd::Replaced);
    for old in [first, second] {
        let mut thief = house.browser();
        thief.cookies.insert(SESSION_COOKIE.to_owned(), old);
        assert!(!thief.is_signed_in().await);
    }
    assert_ne!(browser.session_cookie(), None);
    let mut same = house.browser();
    same.cookies.insert(SESSION_COOKIE.to_owned(), third);
    assert!(same.is_signed_in().await);
}

#[tokio::test]
async fn threat_17_the_public_id_of_a_session_signs_nobody_in() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.browser();
    browser.sign_in(ADA, PASSWORD).await;
    let cookie = browser.session_cookie().expect("cookie").to_owned();
    let (id, secret) = cookie.split_once('.').expect("id and secret");
    assert_eq!(browser.session_id().await.as_deref(), Some(id));
    let other = "A".repeat(secret.len());
    let cut = &secret[..secret.len() - 1];
    for forged in [
        id.to_owned(),
        format!("{id}."),
        format!("{id}.{other}"),
        format!("{id}.{cut}"),
        format!("{id}.{cookie}"),
        format!(".{secret}"),
        secret.to_owned(),
    ] {
        let mut thief = house.browser();
        thief
            .cookies
            .insert(SESSION_COOKIE.to_owned(), forged.clone());
        assert!(!thief.is_signed_in().await, "{forged}");
    }
    let mut same = house.browser();
    same.cookies.insert(SESSION_COOKIE.to_owned(), cookie);
    assert!(same.is_signed_in().await);
}

#[tokio::test]
async fn threat_26_a_planted_cookie_is_never_adopted() {
    let house = House::new();
    house.account(ADA).await;
    let planted = format!("{}.{}", "A".repeat(22), "A".repeat(43));
    let mut victim = house.browser();
    victim
        .cookies
        .insert(SESSION_COOKIE.to_owned(), planted.clone());
    victim.sign_in(ADA, PASSWORD).await;
    assert_ne!(victim.session_cookie(), Some(planted.as_str()));
    let mut thief = house.browser();
    thief.cookies.insert(SESSION_COOKIE.to_owned(), planted);
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn threat_25_colliding_ids_overwrite_nobody() {
    let house = House::new();
    house.account(ADA).await;
    house.account(BOB).await;
    let mut bob = house.browser();
    let form = form_token(&bob.get("/auth/login").await.body);
    house
        .random
        .stuck
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let mut ada = house.browser();
    let body = json!({ "email": ADA, "password": PASSWORD });
    ada.post_json("/auth/login", &body).await;
    let fields = [
        ("email", BOB),
        ("password", PASSWORD),
        ("form_token", &form),
    ];
    let answer = bob.post("/auth/login", &fields).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(bob.session_cookie(), None);
    let session = ada.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
}

#[tokio::test]
async fn threat_36_login_csrf_is_refused() {
    let house = House::new();
    house.account(ADA).await;
    let mut attacker = house.browser();
    let token = form_token(&attacker.get("/auth/login").await.body);
    // A form of the attacker's browser, in the victim's.
    let mut victim = house.browser();
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("form_token", &token),
    ];
    let answer = victim.post("/auth/login", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // Another site's form, even with a valid token.
    let own = form_token(&victim.get("/auth/login").await.body);
    let fields = [("email", ADA), ("password", PASSWORD), ("form_token", &own)];
    victim.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    let answer = victim.post("/auth/login", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // JSON needs no token, but the right origin.
    let body = json!({ "email": ADA, "password": PASSWORD });
    victim.extra = vec![("sec-fetch-site", "same-site".to_owned())];
    assert_eq!(
        victim.post_json("/auth/login", &body).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(victim.session_cookie(), None);
    assert_eq!(
        victim.post("/auth/login", &fields).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_signed_in_person_may_go_on_confirm_or_be_another() {
    let house = House::new();
    house.account(ADA).await;
    house.account(BOB).await;
    let mut browser = house.signed_in(ADA).await;

    let page = browser
        .context("/auth/login?return_to=/team&login_hint=bob%40example.com")
        .await;
    assert_eq!(page["signed_in_as"], ADA);
    assert_eq!(page["continue_url"], "/team");
    assert_eq!(page["form"]["identifier"], BOB);
    let page = browser.context("/auth/login?select=1").await;
    assert!(page["signed_in_as"].is_null());

    let confirm = "/auth/login?reauthenticate=1&return_to=/safe&login_hint=bob%40example.com";
    let page = browser.context(confirm).await;
    assert_eq!(page["reauthenticate"], true);
    assert_eq!(page["form"]["identifier"], ADA, "the hint does not count");
    assert_eq!(page["action"], "/auth/login?reauthenticate=1");
    let token = page["form_token"].as_str().expect("token").to_owned();
    let post = |email, password| {
        [
            ("email", email),
            ("password", password),
            ("return_to", "/safe"),
            ("form_token", token.as_str()),
        ]
    };
    // Bob's password is right, but Bob is not who confirms.
    let before = house.hashes();
    let answer = browser
        .post("/auth/login?reauthenticate=1", &post(BOB, PASSWORD))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.hashes() - before, 1);
    assert!(answer.body.contains(ADA) && !answer.body.contains(BOB));
    let answer = browser
        .post("/auth/login?reauthenticate=1", &post(ADA, OTHER_PASSWORD))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let id = browser.session_id().await;
    house.clock.advance(Duration::from_mins(11));
    let headers = headers_of(&browser);
    let stale = house
        .wing
        .session(&headers)
        .await
        .expect("store")
        .expect("session");
    assert!(!house.wing.is_recent(&stale));
    let answer = browser
        .post("/auth/login?reauthenticate=1", &post(ADA, PASSWORD))
        .await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/safe")
    );
    assert_eq!(browser.session_id().await, id);
    let headers = headers_of(&browser);
    let fresh = house
        .wing
        .session(&headers)
        .await
        .expect("store")
        .expect("session");
    assert!(house.wing.is_recent(&fresh));

    // Without a session there is nobody to confirm: the ordinary form.
    let page = house.browser().context(confirm).await;
    assert_eq!(page["reauthenticate"], false);
    assert_eq!(page["form"]["identifier"], BOB);
}

fn headers_of(browser: &Browser<'_>) -> http::HeaderMap {
    let cookie = format!(
        "{SESSION_COOKIE}={}",
        browser.session_cookie().expect("cookie")
    );
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", cookie.parse().expect("header"));
    headers
}

#[tokio::test]
async fn usernames_and_either_kind() {
    let house = House::with(settings().identifiers(IdentifierKind::Either));
    let mut browser = house.browser();
    let fields = [
        ("username", "Enchantress"),
        ("email", ADA),
        ("password", PASSWORD),
    ];
    let answer = browser.fill_in("/auth/register", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    for name in ["enchantress", "ENCHANTRESS", ADA] {
        let answer = house.browser().sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}");
    }
    let mut other = house.browser();
    let fields = [("username", "admin"), ("password", PASSWORD)];
    let answer = other.fill_in("/auth/register", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("reserved"));
    let house = House::with(settings().identifiers(IdentifierKind::Username));
    let mut browser = house.browser();
    let fields = [
        ("username", "ada"),
        ("email", "ignored@example.com"),
        ("password", PASSWORD),
    ];
    assert_eq!(
        browser.fill_in("/auth/register", &fields).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        browser.sign_in("ada", PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    let session = browser.get_json("/auth/session").await.json();
    assert!(session["user"]["email"].is_null());
}

#[tokio::test]
async fn threat_23_old_hashes_are_upgraded_and_unreadable_ones_refused() {
    let house = House::new();
    let user = house.account(ADA).await;
    let users = &house.core.stores.users;
    let now = house.core.clock.now();
    // `bcrypt.hashpw(b"seven grey parrots", …)` with cost 4.
    let bcrypt = PasswordHash::new(
        bcrypt::hash_with_salt(PASSWORD, 4, [9; 16])
            .expect("hash")
            .to_string(),
    );
    let dearer = crate::login::Argon2Cost {
        memory_kib: 64,
        iterations: 2,
        parallelism: 1,
    };
    let other = House::with(settings().dangerous_weak_argon2(dearer));
    let argon2 = other
        .wing
        .hashers
        .hash(&PASSWORD.into())
        .await
        .expect("hash");
    for old in [bcrypt, argon2] {
        users
            .set_password(&user.id, None, &old, now)
            .await
            .expect("set");
        let answer = house.browser().sign_in(ADA, OTHER_PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let kept = users.password_hash(&user.id).await.expect("store");
        assert_eq!(kept.as_ref(), Some(&old), "a failure changes nothing");
        house.signed_in(ADA).await;
        let new = users
            .password_hash(&user.id)
            .await
            .expect("store")
            .expect("hash");
        assert!(
            new.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{}",
            new.expose()
        );
        assert!(house.events().contains(&Event::PasswordRehashed {
            user: user.id.clone()
        }));
        house.signed_in(ADA).await;
        let same = users
            .password_hash(&user.id)
            .await
            .expect("store")
            .expect("hash");
        assert_eq!(new, same, "once is enough");
    }
    for garbage in [
        "",
        "plain",
        "$2b$04$short",
        "$argon2id$v=19$m=8,t=1,p=1$x$y",
    ] {
        let garbage = PasswordHash::new(garbage);
        users
            .set_password(&user.id, None, &garbage, now)
            .await
            .expect("set");
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        house.wing.unlock(ADA).await.expect("unlocked");
        house.clock.advance(Duration::from_secs(20));
    }
}
