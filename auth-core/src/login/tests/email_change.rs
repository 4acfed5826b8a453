//! Another e-mail address.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::services::Event;
use crate::services::mail::MailKind;

const NEW: &str = "lovelace@example.com";

/// Asks for the new address; the mails to the new one and to the old one, and the page that follows.
async fn ask(house: &House, browser: &mut Browser<'_>, new: &str) -> (Mail, Mail, String) {
    let answer = browser
        .follow("/auth/account/email", &[("email", new)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let mut mails = house.mails().await;
    assert_eq!(mails.len(), 2);
    mails.sort_by_key(|mail| mail.kind == MailKind::EmailChangeNotice);
    let notice = mails.pop().expect("notice");
    let confirm = mails.pop().expect("confirm");
    (confirm, notice, answer.location().to_owned())
}

async fn ready(house: &House) -> (crate::store::User, Browser<'_>) {
    let user = house.verified(ADA).await;
    let browser = house.signed_in(ADA).await;
    (user, browser)
}

#[tokio::test]
async fn by_link_and_by_code_and_the_old_address_is_told() {
    for by_code in [false, true] {
        let house = House::with(mail_settings());
        let (user, mut browser) = ready(&house).await;
        let mut other = house.signed_in(ADA).await;
        house.mails().await;
        let links = browser.context("/auth/account").await["email_links"].take();
        assert_eq!(links["change_url"], "/auth/account/email");
        let (confirm, notice, page) = ask(&house, &mut browser, " LoveLace@Example.com").await;
        assert_eq!(
            (confirm.kind, confirm.to.as_deref()),
            (MailKind::EmailChangeConfirm, Some(NEW))
        );
        assert_eq!(
            (notice.kind, notice.to.as_deref()),
            (MailKind::EmailChangeNotice, Some(ADA))
        );
        assert_eq!(
            house.user(&user).await.email.as_deref(),
            Some(ADA),
            "nothing yet"
        );
        let before = browser.session_cookie().map(str::to_owned);
        let answer = if by_code {
            let wrong = browser
                .follow(&page, &[("code", confirm.wrong_code())])
                .await;
            assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
            browser.follow(&page, &[("code", &confirm.code)]).await
        } else {
            browser.follow(&confirm.path, &[]).await
        };
        assert_eq!(answer.location(), "/auth/account?notice=email_changed");
        let changed = house.user(&user).await;
        assert_eq!(changed.email.as_deref(), Some(NEW));
        assert!(changed.email_verified_at.is_some());
        assert!(browser.is_signed_in().await && !other.is_signed_in().await);
        assert_ne!(
            browser.session_cookie().map(str::to_owned),
            before,
            "a new secret"
        );
        let done = house.mail().await;
        assert_eq!(
            (done.kind, done.to.as_deref()),
            (MailKind::EmailChangeDone, Some(ADA))
        );
        assert!(house.events().contains(&Event::EmailChanged {
            user: user.id.clone()
        }));
        assert_eq!(browser.get(&confirm.path).await.status, StatusCode::GONE);
        assert_eq!(
            house.browser().sign_in(ADA, PASSWORD).await.status,
            StatusCode::UNAUTHORIZED
        );
        house.signed_in(NEW).await;
    }
}

#[tokio::test]
async fn the_old_address_stops_it() {
    let house = House::with(mail_settings());
    let (user, mut browser) = ready(&house).await;
    let (confirm, notice, page) = ask(&house, &mut browser, NEW).await;
    let mut owner = house.browser();
    let shown = owner.get(&notice.path).await;
    assert_eq!(
        browser.get(&confirm.path).await.status,
        StatusCode::OK,
        "asking stops nothing"
    );
    let answer = owner.submit(&shown, &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("The change was stopped."));
    assert_eq!(browser.get(&confirm.path).await.status, StatusCode::GONE);
    assert_eq!(browser.get(&page).await.status, StatusCode::GONE);
    assert_eq!(owner.get(&notice.path).await.status, StatusCode::GONE);
    assert_eq!(house.user(&user).await.email.as_deref(), Some(ADA));
}

#[tokio::test]
async fn asks_for_a_recent_sign_in_and_a_day_is_its_end() {
    let house = House::with(mail_settings());
    let (user, mut browser) = ready(&house).await;
    let (confirm, ..) = ask(&house, &mut browser, NEW).await;
    house.clock.advance(Duration::from_mins(11));
    let answer = browser.get("/auth/account/email").await;
    let expected = "/auth/step-up?return_to=%2Fauth%2Faccount%2Femail";
    assert_eq!(answer.location(), expected);
    let answer = browser
        .post_json("/auth/account/email", &json!({ "email": BOB }))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "step_up_required");
    house.clock.advance(Duration::from_hours(24));
    let mut browser = house.signed_in(ADA).await;
    assert_eq!(browser.get(&confirm.path).await.status, StatusCode::GONE);
    for bad in [ADA, "Ada@example.com", "ada@", ""] {
        let answer = browser
            .follow("/auth/account/email", &[("email", bad)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(house.user(&user).await.email.as_deref(), Some(ADA));
}

#[tokio::test]
async fn only_the_person_who_asked_confirms() {
    let house = House::with(mail_settings());
    let (user, mut browser) = ready(&house).await;
    house.verified(EVE).await;
    let (confirm, ..) = ask(&house, &mut browser, NEW).await;
    let mut eve = house.signed_in(EVE).await;
    assert_eq!(eve.get(&confirm.path).await.status, StatusCode::GONE);
    let body = json!({ "t": confirm.token(), "code": confirm.code });
    let answer = eve.post_json("/auth/account/email/confirm", &body).await;
    assert_eq!(answer.status, StatusCode::GONE);
    let mut nobody = house.browser();
    let answer = nobody.get(&confirm.path).await;
    assert!(
        answer.location().starts_with("/auth/login?return_to="),
        "to sign in, and back"
    );
    let answer = nobody.post_json("/auth/account/email/confirm", &body).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.user(&user).await.email.as_deref(), Some(ADA));
    // Their own other device will do.
    let mut phone = house.signed_in(ADA).await;
    assert_eq!(
        phone.follow(&confirm.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_46_a_taken_address_is_not_told_of_here() {
    let house = House::with(mail_settings());
    let (user, mut browser) = ready(&house).await;
    let bob = house.verified(BOB).await;
    let (mail, _, page) = ask(&house, &mut browser, BOB).await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::AlreadyRegistered, Some(BOB))
    );
    assert!(mail.facts["code"].is_null(), "no proof for a stranger");
    assert_eq!(browser.get(&page).await.status, StatusCode::OK);
    let (free, _, other) = ask(&house, &mut browser, NEW).await;
    assert_eq!(page.len(), other.len());
    // Taken between asking and confirming: nothing is written.
    house.account(NEW).await;
    assert_eq!(
        browser.follow(&free.path, &[]).await.status,
        StatusCode::GONE
    );
    assert_eq!(house.user(&user).await.email.as_deref(), Some(ADA));
    assert_eq!(house.user(&bob).await.email.as_deref(), Some(BOB));
}

#[tokio::test]
async fn threat_15_a_change_does_not_apply_to_an_address_changed_meanwhile() {
    let house = House::with(mail_settings());
    let (user, mut browser) = ready(&house).await;
    let (first, ..) = ask(&house, &mut browser, NEW).await;
    let (second, ..) = ask(&house, &mut browser, BOB).await;
    assert_eq!(
        browser.follow(&second.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        browser.follow(&first.path, &[]).await.status,
        StatusCode::GONE
    );
    assert_eq!(house.user(&user).await.email.as_deref(), Some(BOB));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_confirmations_at_once_one_changes_the_address() {
    let house = Arc::new(House::with(unlimited(mail_settings())));
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let (confirm, ..) = ask(&house, &mut browser, NEW).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (house, cookies) = (house.clone(), browser.cookies.clone());
        let token = confirm.token().to_owned();
        tasks.spawn(async move {
            let mut browser = house.browser();
            browser.cookies = cookies;
            let body = json!({ "t": token });
            browser
                .post_json("/auth/account/email/confirm", &body)
                .await
                .status
        });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(
        statuses.iter().filter(|s| s.is_success()).count(),
        1,
        "{statuses:?}"
    );
    let is_one = |event: &&Event| matches!(event, Event::EmailChanged { .. });
    assert_eq!(house.events().iter().filter(is_one).count(), 1);
}
