//! What owners are told: locks, new devices, changed passwords.

use std::time::Duration;

use http::StatusCode;

use super::email_kit::*;
use super::harness::*;
use crate::login::SignInRequest;
use crate::services::Event;
use crate::services::mail::MailKind;

#[tokio::test]
async fn a_lock_is_told_once_and_its_link_ends_it() {
    let house = House::with(unlimited(mail_settings()));
    let user = house.verified(ADA).await;
    for _ in 0..8 {
        house.browser().sign_in(ADA, OTHER_PASSWORD).await;
    }
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::LockedOut, Some(ADA))
    );
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status.as_u16(),
        429
    );
    let mut owner = house.browser();
    let page = owner.get(&mail.path).await;
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status.as_u16(),
        429,
        "showing unlocks nothing"
    );
    let answer = owner.submit(&page, &[]).await;
    assert_eq!(answer.location(), "/auth/login?unlocked=1");
    assert!(house.events().contains(&Event::Unlocked {
        user: user.id.clone()
    }));
    house.signed_in(ADA).await;
    assert_eq!(owner.get(&mail.path).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn threat_46_a_lock_where_there_is_no_account_is_the_same_work() {
    let house = House::with(unlimited(mail_settings()));
    house.account(BOB).await;
    for email in ["nobody@example.com", BOB] {
        for _ in 0..6 {
            house.browser().sign_in(email, OTHER_PASSWORD).await;
        }
        let mail = house.mail().await;
        assert_eq!(
            (mail.kind, mail.to),
            (MailKind::LockedOut, None),
            "{email}: never proven"
        );
    }
}

#[tokio::test]
async fn a_new_device_is_told_and_the_first_and_known_ones_are_not() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    assert!(house.mails().await.is_empty(), "the first is no news");
    let mut second = house.signed_in(ADA).await;
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::NewDevice, Some(ADA))
    );
    assert_eq!(
        (mail.path.as_str(), &mail.facts["address"]),
        ("/auth/account", &"192.0.2.7".into())
    );
    assert!(mail.facts["at"].is_string());
    let session = crate::store::SessionId::new(second.session_id().await.expect("session"));
    let event = Event::NewDevice {
        user: user.id.clone(),
        session,
    };
    assert!(house.events().contains(&event));
    for browser in [&mut first, &mut second] {
        browser.sign_in(ADA, PASSWORD).await;
        // Signed out or not: the browser is known.
        browser.cookies.remove(SESSION_COOKIE);
        browser.sign_in(ADA, PASSWORD).await;
    }
    assert!(house.mails().await.is_empty());
    // By mail as by password.
    let mut third = house.browser();
    third.ask_sign_in(ADA).await;
    let link = house.mail().await;
    third.follow(&link.path, &[]).await;
    assert_eq!(house.mail().await.kind, MailKind::NewDevice);
    // An account of another on a known browser has its own first.
    house.verified(BOB).await;
    first.sign_in(BOB, PASSWORD).await;
    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn a_new_device_that_the_host_signs_in_is_told_too() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let sign_in = async |headers: &http::HeaderMap| {
        let request = SignInRequest {
            headers,
            address: None,
            remember: false,
        };
        let new = house.wing.sign_in(&user.id, &["pwd"], request).await;
        new.expect("signed in").cookies()
    };
    let mut none = http::HeaderMap::new();
    none.insert("accept-language", "de".parse().expect("header"));
    let cookies = sign_in(&none).await;
    assert!(house.mails().await.is_empty(), "the very first");
    let pairs = cookies.iter().map(|cookie| {
        let cookie = cookie.to_str().expect("text");
        cookie.split(';').next().expect("pair")
    });
    let cookie = pairs.collect::<Vec<_>>().join("; ");
    let mut known = http::HeaderMap::new();
    known.insert("cookie", cookie.parse().expect("header"));
    assert_eq!(sign_in(&known).await.len(), 1, "it has a name already");
    assert!(house.mails().await.is_empty(), "known");
    // By the form of our own, too.
    let mut browser = house.browser();
    let (name, value) = cookie
        .rsplit_once("; ")
        .expect("pairs")
        .1
        .split_once('=')
        .expect("pair");
    browser.cookies.insert(name.to_owned(), value.to_owned());
    browser.sign_in(ADA, PASSWORD).await;
    assert!(house.mails().await.is_empty(), "known");
    sign_in(&none).await;
    let mail = house.mail().await;
    assert_eq!(mail.kind, MailKind::NewDevice);
    let told = house.events().into_iter();
    let told = told.filter(|event| matches!(event, Event::NewDevice { .. }));
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn a_password_changed_on_the_account_page_is_told() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    browser
        .change_password("quite a wrong password", OTHER_PASSWORD)
        .await;
    assert!(house.mails().await.is_empty());
    browser.change_password(PASSWORD, OTHER_PASSWORD).await;
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::PasswordChanged, Some(ADA))
    );
}

#[tokio::test]
async fn threat_26_a_link_sign_in_has_a_new_secret_and_replaces_who_was_there() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    house.verified(BOB).await;
    let mut browser = house.signed_in(BOB).await;
    let before = browser.session_cookie().expect("cookie").to_owned();
    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    browser.follow(&mail.path, &[]).await;
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
    let mut thief = house.browser();
    thief.cookies.insert(SESSION_COOKIE.to_owned(), before);
    assert!(!thief.is_signed_in().await);
    house.clock.advance(Duration::from_secs(1));
    assert!(browser.is_signed_in().await);
}
