//! The second factor of a sign-in, and setting one up.

use http::StatusCode;
use serde_json::json;

use super::factors::*;
use super::harness::*;
use crate::ground::KeyRing;
use crate::services::{Event, SignInFailure};
use crate::store::User;

#[tokio::test]
async fn a_second_factor_is_asked_for_and_makes_a_session_of_several() {
    let house = House::new();
    let (app, codes) = house.enrolled(ADA).await;
    assert_eq!(codes.len(), 10);
    let mut browser = house.browser();
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    assert_eq!(browser.session_cookie(), None);
    let page = browser.get("/auth/second-factor").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("id=\"code\"") && page.body.contains("id=\"trust_device\""));
    assert!(page.body.contains("for 30 days"));
    let answer = browser.give_code(&app.wrong_code(&house)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("id=\"error\""));
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/")
    );
    assert!(!browser.cookies.contains_key(PENDING_COOKIE));
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(session["acr"], "2");
    let events = house.events();
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::SecondFactorAsked { .. }))
    );
    assert!(events.iter().any(|e| matches!(
        e,
        Event::SignInFailed {
            reason: SignInFailure::WrongSecondFactor,
            ..
        }
    )));
}

#[tokio::test]
async fn the_same_works_headless_in_json() {
    let house = House::new();
    let (app, codes) = house.enrolled(ADA).await;
    let mut client = house.browser();
    let right = json!({ "email": ADA, "password": PASSWORD, "return_to": "/x" });
    let answer = client.post_json("/auth/login", &right).await.json();
    assert_eq!(answer["next"], "/auth/second-factor");
    assert_eq!(
        answer["second_factor"],
        json!({ "methods": ["totp", "backup_code"], "enrol": false, "expires_in": 600 })
    );
    assert!(answer.get("pending").is_none(), "a browser has the cookie");
    let page = client.get_json("/auth/second-factor").await.json();
    assert_eq!(page["page"], "second_factor");
    let code = json!({ "code": app.code(&house) });
    let answer = client.post_json("/auth/second-factor", &code).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["next"], "/x");
    assert!(client.is_signed_in().await);

    let mut client = house.browser();
    client.post_json("/auth/login", &right).await;
    let code = json!({ "backup_code": codes[0] });
    let answer = client.post_json("/auth/second-factor", &code).await.json();
    assert_eq!(answer["backup_codes_left"], 9);
    let gone = client.post_json("/auth/second-factor", &code).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    assert_eq!(gone.json()["code"], "sign_in_expired");
}

#[tokio::test]
async fn threat_53_a_code_counts_once_also_in_another_sign_in() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    // The step before is spent by the enrolment, and an older code than the last spent one counts no more.
    let code = app.code(&house);
    let mut first = house.half_signed_in(ADA).await;
    assert_eq!(first.give_code(&code).await.status, StatusCode::SEE_OTHER);
    let mut second = house.half_signed_in(ADA).await;
    for spent in [&code, &app.code_off_by(&house, -1)] {
        let answer = second.give_code(spent).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = second.give_code(&app.code_off_by(&house, 1)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_clock_may_be_off_by_one_step() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    house.clock.advance(STEP * 10);
    for (off, status) in [
        (-2, StatusCode::UNAUTHORIZED),
        (2, StatusCode::UNAUTHORIZED),
        (-1, StatusCode::SEE_OTHER),
        (0, StatusCode::SEE_OTHER),
        (1, StatusCode::SEE_OTHER),
    ] {
        let mut browser = house.half_signed_in(ADA).await;
        let code = app.code_off_by(&house, off);
        assert_eq!(browser.give_code(&code).await.status, status, "{off}");
    }
}

#[tokio::test]
async fn a_backup_code_works_once_however_it_is_typed_and_is_told_of() {
    let house = House::with(addresses_unlimited());
    let (_, codes) = house.enrolled(ADA).await;
    house.orders().await;
    let mut browser = house.half_signed_in(ADA).await;
    let page = browser.get("/auth/second-factor").await;
    assert!(page.body.contains("id=\"use_backup_code\""));
    let typed = codes[3].to_uppercase().replace('-', " ");
    let answer = browser.give_backup_code(&typed).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "otp", "mfa"]));
    let mails = house.orders().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].kind, "backup_code_used");
    assert_eq!(mails[0].to.as_deref(), Some(ADA));
    assert_eq!(mails[0].facts["left"], 9);
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_backup_code(&codes[3]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        browser.context(PAGE).await,
        json!(null),
        "nobody is signed in"
    );
    let used = Event::BackupCodeUsed {
        user: house_user(&house).await.id,
        left: 9,
    };
    assert!(house.events().contains(&used));
}

async fn house_user(house: &House) -> User {
    let id = crate::store::Identifier::Email(ADA.to_owned());
    let users = &house.core.stores.users;
    users
        .credentials(&id)
        .await
        .expect("store")
        .expect("user")
        .0
}

#[tokio::test]
async fn backup_codes_of_another_user_or_from_before_are_worthless() {
    let house = House::with(addresses_unlimited());
    let (_, adas) = house.enrolled(ADA).await;
    house.account(BOB).await;
    let mut bob = house.signed_in(BOB).await;
    let (_, first) = enrol(&house, &mut bob).await;
    let path = format!("{PAGE}/backup-codes");
    let answer = bob.post_json(&path, &json!({})).await;
    let second: Vec<String> =
        serde_json::from_value(answer.json()["backup_codes"].clone()).expect("codes");
    assert_eq!(second.len(), 10);
    let mut browser = house.half_signed_in(BOB).await;
    for bad in [&adas[0], &first[0], &"x".to_owned()] {
        let answer = browser.give_backup_code(bad).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = browser.give_backup_code(&second[0]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    // Ada's stand.
    let mut ada = house.half_signed_in(ADA).await;
    let answer = ada.give_backup_code(&adas[0]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_was_made_before_the_keys_rotated_still_counts() {
    let house = House::with(addresses_unlimited());
    let (app, codes) = house.enrolled(ADA).await;
    let user = house_user(&house).await.id;
    let factors = &house.core.stores.factors;
    let before = factors.totp(&user).await.expect("store").expect("totp");
    let rotated = KeyRing::new([[8; 32], [7; 32]]).expect("keys");
    house.core.keys.replace(&rotated);
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_backup_code(&codes[0]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let after = factors.totp(&user).await.expect("store").expect("totp");
    assert_ne!(before.secret, after.secret, "sealed anew");
    house
        .core
        .keys
        .replace(&KeyRing::new([[8; 32]]).expect("keys"));
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_code(&app.next_code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_set_up_counts_once_a_code_confirms_it() {
    let house = House::new();
    let user = house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let before = browser.session_cookie().expect("cookie").to_owned();
    let id = browser.session_id().await;
    let page = browser.get(PAGE).await;
    assert!(page.body.contains("id=\"begin\"") && !page.body.contains("id=\"remove\""));
    let (factor, app, shown) = begin(&mut browser).await;
    let uri = shown["uri"].as_str().expect("uri");
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains("issuer=Account"),
        "{uri}"
    );
    let qr = shown["qr"].as_str().expect("image");
    assert!(qr.starts_with("data:image/svg+xml;base64,"), "{qr}");
    // Not confirmed: nobody is asked for it.
    house.signed_in(ADA).await;
    let path = format!("{PAGE}/confirm");
    let wrong = json!({ "factor": factor, "code": app.wrong_code(&house) });
    let answer = browser.post_json(&path, &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.json()["context"]["enrolment"]["secret"],
        shown["secret"]
    );
    house.signed_in(ADA).await;
    let right = json!({ "factor": factor, "code": app.code(&house) });
    let answer = browser.post_json(&path, &right).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    house.half_signed_in(ADA).await;
    assert_ne!(
        browser.session_cookie(),
        Some(&*before),
        "its secret changed"
    );
    assert_eq!(browser.session_id().await, id, "its id stays");
    assert_eq!(browser.session_facts().await["acr"], "2");
    assert_eq!(house.mail_kinds().await, ["mfa_on"]);
    let enrolled = Event::TotpEnrolled { user: user.id };
    assert!(house.events().contains(&enrolled));
    // Again the same: it is confirmed already.
    let answer = browser.post_json(&path, &right).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let answer = browser
        .post_json(&format!("{PAGE}/begin"), &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "nobody swaps a secret");
}

#[tokio::test]
async fn a_set_up_by_forms_shows_image_key_and_codes_once() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let page = browser.get(PAGE).await;
    let token = form_token(&page.body);
    let path = format!("{PAGE}/begin");
    let page = browser.post(&path, &[("form_token", &token)]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("id=\"qr\"") && page.body.contains("alt=\"QR code"));
    let key = page.body.split("id=\"secret\">").nth(1).expect("key");
    let key = key.split('<').next().expect("key").to_owned();
    let factor = page
        .body
        .split("name=\"factor\" value=\"")
        .nth(1)
        .expect("factor");
    let factor = factor.split('"').next().expect("factor").to_owned();
    let (app, token) = (App::new(&key), form_token(&page.body));
    let code = app.code(&house);
    let fields = [
        ("factor", &*factor),
        ("code", &*code),
        ("form_token", &*token),
    ];
    let page = browser.post(&format!("{PAGE}/confirm"), &fields).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("id=\"codes\""));
    assert_eq!(page.body.matches("<li><code>").count(), 10);
    let secret: String = key.split_whitespace().collect();
    for path in [PAGE, "/auth/account"] {
        for answer in [browser.get(path).await, browser.get_json(path).await] {
            assert!(!answer.body.contains(&key) && !answer.body.contains(&secret));
            assert!(!answer.body.contains("otpauth"), "{path}");
        }
    }
    // Back, and the form again: no secret comes back either.
    let answer = browser.post(&format!("{PAGE}/confirm"), &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(!answer.body.contains(&key));
}

#[tokio::test]
async fn another_tabs_set_up_does_not_confirm_this_one() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let (first, first_app, _) = begin(&mut browser).await;
    let (second, second_app, _) = begin(&mut browser).await;
    let path = format!("{PAGE}/confirm");
    for (factor, app, status) in [
        (&first, &first_app, StatusCode::CONFLICT),
        (&first, &second_app, StatusCode::CONFLICT),
        (&second, &first_app, StatusCode::UNPROCESSABLE_ENTITY),
        (&second, &second_app, StatusCode::OK),
    ] {
        let body = json!({ "factor": factor, "code": app.code(&house) });
        assert_eq!(browser.post_json(&path, &body).await.status, status);
    }
}

#[tokio::test]
async fn a_set_up_needs_a_recent_sign_in_and_a_removal_a_second_factor() {
    let house = House::with(addresses_unlimited());
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.clock.advance(std::time::Duration::from_mins(11));
    let answer = browser
        .post_json(&format!("{PAGE}/begin"), &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "step_up_required");
    let page = browser.get(PAGE).await;
    let token = form_token(&page.body);
    let path = format!("{PAGE}/begin");
    let answer = browser.post(&path, &[("form_token", &token)]).await;
    let step_up = "/auth/step-up?return_to=%2Fauth%2Faccount%2Ftwo-factor";
    assert_eq!(answer.location(), step_up);
    let answer = browser.fill_in(step_up, &[("password", PASSWORD)]).await;
    assert_eq!(answer.location(), PAGE, "{}", answer.body);
    let (app, _) = enrol(&house, &mut browser).await;

    // A session that knows the password alone removes nothing, however recent it is.
    let id = house_user(&house).await.id;
    let headers = http::HeaderMap::new();
    let request = crate::login::SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let weak = house
        .wing
        .sign_in(&id, &["pwd"], request)
        .await
        .expect("signed in");
    let cookie = weak.cookies()[0].to_str().expect("text").to_owned();
    let pair = cookie.split(';').next().expect("pair");
    let mut thief = house.browser();
    let (name, value) = pair.split_once('=').expect("pair");
    thief.cookies.insert(name.to_owned(), value.to_owned());
    for path in ["remove", "backup-codes", "begin"] {
        let answer = thief.post_json(&format!("{PAGE}/{path}"), &json!({})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let body = json!({ "password": PASSWORD });
    thief.post_json("/auth/step-up", &body).await;
    let answer = thief.post_json(&format!("{PAGE}/remove"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);

    house.orders().await;
    let answer = browser
        .post_json(&format!("{PAGE}/remove"), &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(house.mail_kinds().await, ["mfa_off"]);
    let mut again = house.signed_in(ADA).await;
    assert_eq!(again.session_facts().await["acr"], "1");
    let left = house.core.stores.factors.backup_codes_left(&id).await;
    assert_eq!(left.expect("store"), 0);
    drop(app);
}

#[tokio::test]
async fn threat_27_the_owner_of_a_mailbox_finds_no_second_factor_of_a_squatter() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let (_, codes) = enrol(&house, &mut browser).await;
    let user = house_user(&house).await.id;
    let proof = crate::login::EmailProof::MailboxOwner;
    assert!(
        house
            .wing
            .verify_email(&user, ADA, proof)
            .await
            .expect("store")
    );
    let factors = &house.core.stores.factors;
    assert!(factors.totp(&user).await.expect("store").is_none());
    assert_eq!(factors.backup_codes_left(&user).await.expect("store"), 0);
    drop(codes);
}
