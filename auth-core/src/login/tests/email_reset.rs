//! Setting another password by mail.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::login::SessionEnd;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::UserChange;

const NEW: [(&str, &str); 1] = [("new_password", OTHER_PASSWORD)];

#[tokio::test]
async fn a_link_sets_a_password_ends_every_session_and_signs_nobody_in() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut old = house.signed_in(ADA).await;
    house.mails().await;
    let mut browser = house.browser();
    assert_eq!(
        browser.context("/auth/login").await["mail_links"]["forgot_url"],
        "/auth/forgot"
    );
    let answer = browser.forgot(ADA).await;
    assert_eq!(answer.location(), "/auth/forgot?sent=1");
    assert!(
        browser
            .get(answer.location())
            .await
            .body
            .contains("is on its way")
    );
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::PasswordReset, Some(ADA))
    );
    // Read on another device.
    let mut phone = house.browser();
    let page = phone.get(&mail.path).await;
    // A password that is refused spends nothing.
    let answer = phone.submit(&page, &[("new_password", "short")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Use at least 15 characters."));
    let answer = phone.submit(&page, &NEW).await;
    assert_eq!(answer.location(), "/auth/login?reset=1");
    assert!(phone.session_cookie().is_none());
    assert!(!old.is_signed_in().await);
    assert_eq!(
        house.ended().last().expect("told").why,
        SessionEnd::PasswordChanged
    );
    assert!(house.events().contains(&Event::PasswordChanged {
        user: user.id.clone()
    }));
    let told = house.mail().await;
    assert_eq!(
        (told.kind, told.to.as_deref()),
        (MailKind::PasswordChanged, Some(ADA))
    );
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        phone.sign_in(ADA, OTHER_PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(phone.get(&mail.path).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_link_lives_an_hour_and_no_longer_than_the_password_it_names() {
    let house = House::with(unlimited(mail_settings()));
    house.verified(ADA).await;
    let mut browser = house.browser();
    browser.forgot(ADA).await;
    let first = house.mail().await;
    house.clock.advance(Duration::from_secs(3599));
    assert_eq!(browser.get(&first.path).await.status, StatusCode::OK);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.get(&first.path).await.status, StatusCode::GONE);

    browser.forgot(ADA).await;
    browser.forgot(ADA).await;
    let mails = house.mails().await;
    assert_eq!(
        browser.follow(&mails[1].path, &NEW).await.status,
        StatusCode::SEE_OTHER
    );
    house.mails().await;
    let third = [("new_password", "three green sparrows")];
    let answer = browser.follow(&mails[0].path, &third).await;
    assert_eq!(
        answer.status,
        StatusCode::GONE,
        "there is another password by now"
    );
    assert_eq!(
        browser.sign_in(ADA, OTHER_PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_uses_of_a_reset_link_one_sets_the_password() {
    let house = Arc::new(House::with(unlimited(mail_settings()).hashing(4, 64)));
    house.verified(ADA).await;
    house.browser().forgot(ADA).await;
    let mail = house.mail().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..32 {
        let (house, token) = (house.clone(), mail.token().to_owned());
        tasks.spawn(async move {
            let password = format!("nine blue elephants {number}");
            let body = json!({ "t": token, "new_password": password });
            let answer = house.browser().post_json("/auth/reset", &body).await;
            (answer.status, password)
        });
    }
    let answers = tasks.join_all().await;
    let won: Vec<_> = answers
        .iter()
        .filter(|(status, _)| status.is_success())
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert_eq!(
        house.browser().sign_in(ADA, &won[0].1).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_15_no_link_outlives_the_address_it_was_sent_to() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut browser = house.browser();
    browser.forgot(ADA).await;
    let reset = house.mail().await;
    let waiting = browser.ask_sign_in(ADA).await;
    let sign_in = house.mail().await;
    let (users, now) = (&house.core.stores.users, house.core.clock.now());
    users
        .change_email(&user.id, Some(ADA), BOB, now)
        .await
        .expect("changed");
    assert_eq!(
        browser.follow(&reset.path, &NEW).await.status,
        StatusCode::GONE
    );
    assert_eq!(
        browser
            .follow(&waiting, &[("code", &sign_in.code)])
            .await
            .status,
        StatusCode::GONE
    );
    assert_eq!(
        house.browser().sign_in(BOB, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );

    let user = house.account(ADA).await;
    let page = house
        .browser()
        .sign_in(ADA, PASSWORD)
        .await
        .location()
        .to_owned();
    let confirm = house.mail().await;
    assert!(page.starts_with("/auth/confirm"));
    users
        .change_email(&user.id, Some(ADA), EVE, now)
        .await
        .expect("changed");
    assert_eq!(
        browser.follow(&confirm.path, &[]).await.status,
        StatusCode::GONE
    );
}

#[tokio::test]
async fn a_second_factor_and_a_disabled_account_stay_what_they_are() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let change = UserChange {
        mfa_required: Some(true),
        ..UserChange::default()
    };
    let (users, now) = (&house.core.stores.users, house.core.clock.now());
    users
        .update_user(&user.id, &change, now)
        .await
        .expect("store");
    let codes = [crate::ground::Digest32::of("backup")];
    house
        .core
        .stores
        .factors
        .replace_backup_codes(&user.id, &codes)
        .await
        .expect("store");
    house.browser().forgot(ADA).await;
    let mail = house.mail().await;
    assert_eq!(
        house.browser().follow(&mail.path, &NEW).await.status,
        StatusCode::SEE_OTHER
    );
    let left = house
        .core
        .stores
        .factors
        .backup_codes_left(&user.id)
        .await
        .expect("store");
    assert_eq!(left, 1);
    assert!(house.user(&user).await.mfa_required);

    house.mails().await;
    house.browser().forgot(ADA).await;
    let mail = house.mail().await;
    house.wing.disable_user(&user.id).await.expect("disabled");
    let third = [("new_password", "three green sparrows")];
    assert_eq!(
        house.browser().follow(&mail.path, &third).await.status,
        StatusCode::GONE
    );
}

#[tokio::test]
async fn resets_can_be_switched_off() {
    let house = House::with(mail_settings().password_reset(false));
    assert_eq!(
        house.browser().get("/auth/forgot").await.status,
        StatusCode::NOT_FOUND
    );
    let context = house.browser().context("/auth/login").await;
    assert!(context["mail_links"]["forgot_url"].is_null());
}
