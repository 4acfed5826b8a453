//! The account page.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::harness::*;
use crate::login::{EmailProof, SessionEnd};
use crate::services::Event;

fn ids(context: &Value) -> Vec<String> {
    let sessions = context["sessions"].as_array().expect("list");
    let id = |session: &Value| session["id"].as_str().expect("id").to_owned();
    sessions.iter().map(id).collect()
}

#[tokio::test]
async fn nobody_signed_in_is_sent_to_sign_in_and_back() {
    let house = House::new();
    let mut browser = house.browser();
    let answer = browser.get("/auth/account?notice=profile_saved").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.location(),
        "/auth/login?return_to=%2Fauth%2Faccount%3Fnotice%3Dprofile_saved"
    );
    assert_eq!(
        browser.get_json("/auth/account").await.status,
        StatusCode::UNAUTHORIZED
    );
    for path in OWN_FORMS.iter().filter(|path| path.contains("account")) {
        let answer = browser.post(path, &[("name", "x")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(
            answer.location(),
            "/auth/login?return_to=%2Fauth%2Faccount",
            "{path}"
        );
        let answer = browser.post_json(path, &json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn the_page_shows_ones_own_and_says_what_was_done() {
    let house = House::with(settings().account_link("Apps", "/oauth/grants"));
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let page = browser.get("/auth/account?notice=password_changed").await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        ADA,
        "Parrot/1.0",
        "192.0.2.7",
        "/oauth/grants",
        "Your password has been changed.",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    let page = browser.get("/auth/account?notice=Send+money+to+Bob").await;
    assert!(
        !page.body.contains("money"),
        "a link says nothing of its own"
    );
    let answer = browser
        .account_form(
            "/update_profile/form_token",
            "/auth/account/profile",
            &[("name", " Ada L. ")],
        )
        .await;
    assert_eq!(answer.location(), "/auth/account?notice=profile_saved");
    assert_eq!(
        browser.context("/auth/account").await["user"]["name"],
        "Ada L."
    );
    let answer = browser
        .account_form(
            "/update_profile/form_token",
            "/auth/account/profile",
            &[("name", "a\nb")],
        )
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("line breaks"));
    browser
        .account_form(
            "/update_profile/form_token",
            "/auth/account/profile",
            &[("name", "")],
        )
        .await;
    assert!(browser.context("/auth/account").await["user"]["name"].is_null());
}

#[tokio::test]
async fn threat_02_a_users_id_in_a_request_means_nothing() {
    let house = House::new();
    let bob = house.account(BOB).await;
    house.account(ADA).await;
    let mut ada = house.signed_in(ADA).await;
    let body =
        json!({ "name": "Mallory", "user_id": bob.id, "id": bob.id, "sub": bob.id, "email": BOB });
    ada.extra = vec![("x-user-id", bob.id.to_string())];
    let path = format!("/auth/account/profile?user_id={}", bob.id);
    assert_eq!(ada.post_json(&path, &body).await.status, StatusCode::OK);
    let after = house
        .core
        .stores
        .users
        .user(&bob.id)
        .await
        .expect("store")
        .expect("bob");
    assert_eq!(after, bob);
    // Without a session, naming a user is no help: not even for a request that looks like a server's own.
    let mut nobody = house.browser();
    for path in OWN_FORMS.iter().filter(|path| path.contains("account")) {
        assert_eq!(
            nobody.post_json(path, &body).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let body = json!({
        "user_id": bob.id, "current_password": PASSWORD, "new_password": OTHER_PASSWORD
    });
    ada.post_json("/auth/account/password", &body).await;
    assert_eq!(
        house.browser().sign_in(BOB, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_11_a_profile_is_a_name_and_no_more() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let body = json!({
        "name": "Ada", "email": "evil@example.com", "email_verified": true, "role": "admin",
        "admin": true, "picture": "x", "username": "root", "disabled_at": 1,
    });
    browser.post_json("/auth/account/profile", &body).await;
    let after = house
        .core
        .stores
        .users
        .user(&ada.id)
        .await
        .expect("store")
        .expect("ada");
    assert_eq!(Value::from(after.claims.clone()), json!({ "name": "Ada" }));
    let expected = crate::store::User {
        claims: after.claims.clone(),
        updated_at: after.updated_at,
        ..ada
    };
    assert_eq!(after, expected);
}

#[tokio::test]
async fn threat_26_a_new_password_ends_the_others_and_changes_this_secret() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let mut other = house.signed_in(ADA).await;
    let (id, secret) = (
        browser.session_id().await,
        browser.session_cookie().map(str::to_owned),
    );
    let ended = other.session_id().await.expect("id");
    house.clock.advance(Duration::from_mins(2));
    let answer = browser.change_password(PASSWORD, OTHER_PASSWORD).await;
    assert_eq!(
        answer.location(),
        "/auth/account?notice=password_changed",
        "{}",
        answer.body
    );
    assert_eq!(browser.session_id().await, id, "the public id stays");
    assert_ne!(browser.session_cookie().map(str::to_owned), secret);
    assert!(!other.is_signed_in().await);
    let mut thief = house.browser();
    thief
        .cookies
        .insert(SESSION_COOKIE.to_owned(), secret.expect("cookie"));
    assert!(!thief.is_signed_in().await);
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        house.browser().sign_in(ADA, OTHER_PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(
        house
            .events()
            .contains(&Event::PasswordChanged { user: ada.id })
    );
    let heard = &house.ended()[0];
    assert_eq!(heard.why, SessionEnd::PasswordChanged);
    assert_eq!(heard.sessions[0].as_str(), ended);
}

#[tokio::test]
async fn a_password_change_needs_the_present_one_and_is_counted_like_a_sign_in() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let answer = browser.change_password(PASSWORD, "passwordpassword").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("easy to guess") && answer.body.contains("new_password-error"));
    for _ in 0..5 {
        let answer = browser
            .change_password("not the password", OTHER_PASSWORD)
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("That is not your current password."));
    }
    let answer = browser.change_password(PASSWORD, OTHER_PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "one counter");
}

#[tokio::test]
async fn setting_a_first_password_needs_a_recent_sign_in() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let verified = house
        .wing
        .verify_email(&ada.id, ADA, EmailProof::MailboxOwner)
        .await;
    assert!(verified.expect("store"));
    let mut browser = house.browser();
    let new = host_sign_in(&house, &ada.id).await;
    browser.cookies.insert(SESSION_COOKIE.to_owned(), new);
    assert_eq!(
        browser.context("/auth/account").await["change_password"]["has_password"],
        false
    );
    house.clock.advance(Duration::from_secs(601));
    let answer = browser.change_password("", PASSWORD).await;
    let elsewhere = "/auth/step-up?return_to=%2Fauth%2Faccount";
    assert_eq!(answer.location(), elsewhere);
    browser.cookies.insert(
        SESSION_COOKIE.to_owned(),
        host_sign_in(&house, &ada.id).await,
    );
    let answer = browser.change_password("", PASSWORD).await;
    assert_eq!(answer.location(), "/auth/account?notice=password_changed");
    house.signed_in(ADA).await;
}

async fn host_sign_in(house: &House, user: &crate::store::UserId) -> String {
    let headers = http::HeaderMap::new();
    let request = crate::login::SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let new = house
        .wing
        .sign_in(user, &["otp"], request)
        .await
        .expect("signed in");
    let cookie = new.cookies()[0].to_str().expect("text").to_owned();
    let value = cookie.split(['=', ';']).nth(1).expect("value");
    value.to_owned()
}

#[tokio::test]
async fn every_form_of_a_browsers_first_page_works() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.browser();
    let secret = host_sign_in(&house, &ada.id).await;
    browser.cookies.insert(SESSION_COOKIE.to_owned(), secret);
    let context = browser.context("/auth/account").await;
    for (pointer, path) in [
        ("/update_profile/form_token", "/auth/account/profile"),
        (
            "/revoke_others/form_token",
            "/auth/account/sessions/revoke-others",
        ),
        ("/logout/form_token", "/auth/logout"),
    ] {
        let token = context.pointer(pointer).and_then(Value::as_str);
        let fields = [("form_token", token.expect("token"))];
        let answer = browser.post(path, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
    }
}

#[tokio::test]
async fn threat_02_sessions_are_listed_and_revoked_by_their_owner_alone() {
    let house = House::new();
    house.account(ADA).await;
    house.account(BOB).await;
    let mut ada = house.signed_in(ADA).await;
    let mut phone = house.signed_in(ADA).await;
    let mut bob = house.signed_in(BOB).await;
    let (own, other) = (
        ada.session_id().await.expect("id"),
        phone.session_id().await.expect("id"),
    );
    let bobs = bob.session_id().await.expect("id");

    let context = ada.context("/auth/account").await;
    assert_eq!(
        ids(&context),
        [own.clone(), other.clone()],
        "the present one first, and nobody else's"
    );
    assert_eq!(context["sessions"][0]["current"], true);

    // Bob's session, by its public id: not there as far as Ada is concerned.
    let answer = ada
        .post_json(
            "/auth/account/sessions/revoke",
            &json!({ "session_id": bobs }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(bob.is_signed_in().await);
    // The form of one session ends no other.
    let answer = ada
        .account_form(
            "/sessions/1/form_token",
            "/auth/account/sessions/revoke",
            &[("session_id", &own)],
        )
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = ada
        .account_form(
            "/sessions/1/form_token",
            "/auth/account/sessions/revoke",
            &[("session_id", &other)],
        )
        .await;
    assert_eq!(answer.location(), "/auth/account?notice=session_ended");
    assert!(!phone.is_signed_in().await);
    assert!(ada.is_signed_in().await);

    // One's own: signed out.
    let answer = ada
        .account_form(
            "/sessions/0/form_token",
            "/auth/account/sessions/revoke",
            &[("session_id", &own)],
        )
        .await;
    assert_eq!(answer.location(), "/auth/signed-out");
    assert_eq!(ada.session_cookie(), None);
}

#[tokio::test]
async fn others_are_revoked_together() {
    let house = House::new();
    house.account(ADA).await;
    let mut ada = house.signed_in(ADA).await;
    let mut others = [house.signed_in(ADA).await, house.signed_in(ADA).await];
    let answer = ada
        .account_form(
            "/revoke_others/form_token",
            "/auth/account/sessions/revoke-others",
            &[],
        )
        .await;
    assert_eq!(answer.location(), "/auth/account?notice=others_ended");
    assert!(ada.is_signed_in().await);
    for other in &mut others {
        assert!(!other.is_signed_in().await);
    }
    assert_eq!(house.ended()[0].sessions.len(), 2);
    assert_eq!(ids(&ada.context("/auth/account").await).len(), 1);
}

#[tokio::test]
async fn threat_36_forms_of_one_session_do_nothing_in_another() {
    let house = House::new();
    house.account(ADA).await;
    house.account(BOB).await;
    let mut browser = house.signed_in(ADA).await;
    let context = browser.context("/auth/account").await;
    browser.sign_in(BOB, PASSWORD).await;
    for (pointer, path) in [
        ("/logout/form_token", "/auth/logout"),
        ("/update_profile/form_token", "/auth/account/profile"),
        ("/change_password/form_token", "/auth/account/password"),
        (
            "/revoke_others/form_token",
            "/auth/account/sessions/revoke-others",
        ),
        ("/sessions/0/form_token", "/auth/account/sessions/revoke"),
    ] {
        let token = context
            .pointer(pointer)
            .and_then(Value::as_str)
            .expect("token");
        let answer = browser
            .post(path, &[("form_token", token), ("name", "x")])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn what_is_said_beside_the_pages_words_is_in_their_language_too() {
    let login = settings().mail_flows(true);
    let house = House::with(login.account_link("Connected apps", "/oauth/grants"));
    house.verified(ADA).await;
    let german = || vec![("accept-language", "de".to_owned())];
    let mut browser = house.signed_in(ADA).await;
    browser.extra = german();
    let page = browser.get("/auth/account").await;
    assert!(page.body.contains(">Verbundene Apps</a>"), "{}", page.body);
    browser.extra = german();
    let fields = [("email", ADA), ("form_token", "old")];
    let refused = browser.post("/auth/forgot", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.body.contains("Das Formular ist abgelaufen"),
        "{}",
        refused.body
    );
    browser.extra = german();
    let gone = browser.get("/auth/reset?t=a.b").await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert!(gone.body.contains("Nicht mehr da"), "{}", gone.body);
    assert!(!gone.body.contains("Gone"), "{}", gone.body);
}
