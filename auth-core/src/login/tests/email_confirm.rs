//! Confirming an address.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::login::{Confirmation, NewUser};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::Identifier;

async fn find(house: &House, email: &str) -> crate::store::User {
    let users = &house.core.stores.users;
    let identifier = Identifier::Email(email.to_owned());
    users
        .credentials(&identifier)
        .await
        .expect("store")
        .expect("user")
        .0
}

#[tokio::test]
async fn the_code_typed_where_one_registered_confirms_and_keeps_the_password() {
    let house = House::with(mail_settings());
    let mut browser = house.browser();
    let fields = [("email", ADA), ("password", PASSWORD), ("return_to", "/x")];
    let answer = browser.fill_in("/auth/register", &fields).await;
    assert!(
        answer.location().starts_with("/auth/confirm?f="),
        "{}",
        answer.location()
    );
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::Confirmation, Some(ADA))
    );
    let page = answer.location().to_owned();
    let answer = browser.follow(&page, &[("code", mail.wrong_code())]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("That is not the code of the mail."));
    let spaced = format!("{} {}", &mail.code[..3], &mail.code[3..]);
    let answer = browser.follow(&page, &[("code", &spaced)]).await;
    assert_eq!(answer.location(), "/auth/login?confirmed=1&return_to=%2Fx");
    assert!(
        browser
            .get("/auth/login?confirmed=1")
            .await
            .body
            .contains("is confirmed")
    );
    assert!(find(&house, ADA).await.email_verified_at.is_some());
    house.signed_in(ADA).await;
    // Spent, for the link too.
    assert_eq!(browser.get(&page).await.status, StatusCode::GONE);
    assert_eq!(browser.get(&mail.path).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_link_in_the_same_browser_confirms_and_keeps_the_password() {
    let house = House::with(mail_settings());
    let mut browser = house.browser();
    browser.register(ADA, PASSWORD).await;
    // Two days less a second: the code is long dead, the link is not.
    let mail = house.mail().await;
    house.clock.advance(Duration::from_secs(48 * 3600 - 1));
    let context = browser.context(&mail.path).await;
    assert_eq!(
        (&context["mode"], &context["keeps_password"]),
        (&json!("link"), &json!(true))
    );
    let answer = browser.follow(&mail.path, &[]).await;
    assert_eq!(answer.location(), "/auth/login?confirmed=1");
    house.signed_in(ADA).await;
}

#[tokio::test]
async fn links_and_codes_end_in_time() {
    let house = House::with(mail_settings());
    let mut browser = house.browser();
    let page = browser.register(ADA, PASSWORD).await.location().to_owned();
    let mail = house.mail().await;
    house.clock.advance(Duration::from_mins(15));
    let answer = browser.follow(&page, &[("code", &mail.code)]).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a code lives 15 min"
    );
    house.clock.advance(Duration::from_hours(48));
    assert_eq!(browser.get(&mail.path).await.status, StatusCode::GONE);
    let body = json!({ "t": mail.token() });
    let answer = browser.post_json("/auth/confirm", &body).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!(answer.json()["code"], "proof_gone");
    assert!(find(&house, ADA).await.email_verified_at.is_none());
}

#[tokio::test]
async fn on_another_device_a_new_password_is_chosen_with_the_proof_in_hand() {
    let house = House::with(mail_settings());
    house.browser().register(ADA, PASSWORD).await;
    let mail = house.mail().await;
    let mut phone = house.browser();
    let context = phone.context(&mail.path).await;
    assert_eq!(context["keeps_password"], false);
    let answer = phone.follow(&mail.path, &[]).await;
    assert!(
        answer.location().starts_with("/auth/reset?t="),
        "{}",
        answer.location()
    );
    let choose = answer.location().to_owned();
    let user = find(&house, ADA).await;
    assert!(user.email_verified_at.is_some() && !house.has_password(&user).await);
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(
        phone
            .get(&choose)
            .await
            .body
            .contains("is confirmed. Choose a password")
    );
    let answer = phone
        .follow(&choose, &[("new_password", OTHER_PASSWORD)])
        .await;
    assert_eq!(answer.location(), "/auth/login?reset=1");
    let answer = phone.sign_in(ADA, OTHER_PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(phone.is_signed_in().await);
}

#[tokio::test]
async fn nobody_signs_in_before_they_confirmed() {
    let house = House::with(mail_settings());
    let user = house.account(ADA).await;
    let mut browser = house.browser();
    let answer = browser.sign_in(ADA, OTHER_PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        house.mails().await.is_empty(),
        "a wrong password orders nothing"
    );
    let fields = [("email", ADA), ("password", PASSWORD), ("return_to", "/x")];
    let answer = browser.fill_in("/auth/login", &fields).await;
    let page = answer.location().to_owned();
    assert!(page.starts_with("/auth/confirm?f="));
    assert!(browser.session_cookie().is_none() && !browser.is_signed_in().await);
    let mail = house.mail().await;
    assert_eq!(mail.kind, MailKind::Confirmation);
    let answer = browser.follow(&page, &[("code", &mail.code)]).await;
    assert_eq!(answer.location(), "/auth/login?confirmed=1&return_to=%2Fx");
    assert!(
        house.has_password(&user).await,
        "it had just been given here"
    );
    house.signed_in(ADA).await;

    house.account(BOB).await;
    let body = json!({ "email": BOB, "password": PASSWORD });
    let answer = house.browser().post_json("/auth/login", &body).await;
    assert_eq!(answer.json()["confirmation_required"], true);
    assert!(
        answer.json()["next"]
            .as_str()
            .expect("next")
            .starts_with("/auth/confirm?f=")
    );
}

#[tokio::test]
async fn optional_asks_and_lets_in_and_off_does_not_ask() {
    let house = House::with(mail_settings().confirmation(Confirmation::Optional));
    let mut browser = house.browser();
    browser.register(ADA, PASSWORD).await;
    assert_eq!(house.mail().await.kind, MailKind::Confirmation);
    browser.sign_in(ADA, PASSWORD).await;
    assert!(browser.is_signed_in().await);
    let links = browser.context("/auth/account").await["email_links"].take();
    assert_eq!(links["confirm_url"], "/auth/confirm");
    // Somebody signed in asks again, from any browser, and keeps what is theirs.
    let mut other = house.signed_in(ADA).await;
    house.mails().await;
    let answer = other.follow("/auth/confirm", &[]).await;
    assert!(answer.location().starts_with("/auth/confirm?f="));
    let mail = house.mail().await;
    let answer = browser.follow(&mail.path, &[]).await;
    assert_eq!(answer.location(), "/auth/account");
    assert!(browser.is_signed_in().await && other.is_signed_in().await);
    let user = find(&house, ADA).await;
    assert!(user.email_verified_at.is_some() && house.has_password(&user).await);
    assert_eq!(
        browser.get("/auth/confirm").await.location(),
        "/auth/account"
    );

    let house = House::with(mail_settings().confirmation(Confirmation::Off));
    let mut browser = house.browser();
    let answer = browser.register(ADA, PASSWORD).await;
    assert_eq!(answer.location(), "/auth/login?registered=1");
    assert!(house.mails().await.is_empty());
    house.signed_in(ADA).await;
    assert_eq!(
        browser.get("/auth/confirm").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn without_a_mailer_there_is_no_such_page() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for path in [
        "/confirm",
        "/email",
        "/email/code",
        "/forgot",
        "/reset",
        "/account/email",
        "/unlock",
    ] {
        let answer = browser.get(&format!("/auth{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let context = house.browser().context("/auth/login").await;
    assert_eq!(
        context["mail_links"],
        json!({ "forgot_url": null, "email_url": null })
    );
    for _ in 0..6 {
        house.browser().sign_in(ADA, OTHER_PASSWORD).await;
    }

    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn threat_46_registering_a_taken_address_looks_like_a_free_one() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut seen = Vec::new();
    for email in [ADA, BOB] {
        let mut browser = house.browser();
        let answer = browser.register(email, OTHER_PASSWORD).await;
        let page = answer.location().to_owned();
        let mails = house.mails().await;
        let kinds: Vec<_> = mails.iter().map(|m| (m.kind, m.to.clone())).collect();
        let wanted = if email == ADA {
            MailKind::AlreadyRegistered
        } else {
            MailKind::Confirmation
        };
        assert_eq!(kinds, [(wanted, Some(email.to_owned()))]);
        let shown = browser.get(&page).await;
        let tried = browser.submit(&shown, &[("code", "000000")]).await;
        // Asking again too: one order either way, to nobody for the taken one.
        let token = form_token(&shown.body);
        let flow = page.split_once("f=").expect("flow").1.to_owned();
        let again = [
            ("form_token", token.as_str()),
            ("f", &flow),
            ("resend", "1"),
        ];
        let again = browser.post("/auth/confirm", &again).await;
        assert_eq!(house.mails().await.len(), 1);
        let statuses = [answer.status, shown.status, tried.status, again.status];
        let mut body = shown
            .body
            .replace(&flow, "F")
            .replace(&email.to_owned(), "E");
        for token in [
            form_token(&shown.body),
            form_token(shown.body.rsplit("<form").next().expect("form")),
        ] {
            body = body.replace(&token, "T");
        }
        seen.push((statuses, page.len(), again.location().len(), body));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(
        seen[0].0[1..3],
        [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY]
    );
    assert!(house.events().contains(&Event::RegistrationCollided));
    // The mail to the owner holds no way into anything.
    house.clock.advance(Duration::from_hours(1));
    house.browser().register(ADA, OTHER_PASSWORD).await;
    let mail = house.mail().await;
    assert_eq!(mail.path, "/auth/forgot");
    assert!(mail.facts["code"].is_null());
}

#[tokio::test]
async fn mails_are_sent_again_three_times_and_then_after_a_while() {
    let house = House::with(unlimited(mail_settings()));
    let mut browser = house.browser();
    let page = browser.register(ADA, PASSWORD).await.location().to_owned();
    let flow = page.split_once("f=").expect("flow").1.to_owned();
    let mut sent = 1;
    for expected in [303, 303, 429, 429] {
        let token = form_token(&browser.get(&page).await.body);
        let fields = [
            ("form_token", token.as_str()),
            ("f", &flow),
            ("resend", "1"),
        ];
        let answer = browser.post("/auth/confirm", &fields).await;
        assert_eq!(answer.status.as_u16(), expected);
        sent += usize::from(expected == 303);
    }
    // A registration cannot be refused for it, but nobody gets another mail.
    house.browser().register(ADA, PASSWORD).await;
    let mails = house.mails().await;
    let real = mails.iter().filter(|mail| mail.to.is_some()).count();
    assert_eq!((mails.len(), real, sent), (4, 3, 3));
    house.clock.advance(Duration::from_mins(15));
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(house.mail().await.to.as_deref(), Some(ADA));
}

#[tokio::test]
async fn the_right_password_leads_to_the_confirmation_however_many_mails_there_were() {
    let house = House::with(unlimited(mail_settings()));
    let mut browser = house.browser();
    browser.register(ADA, PASSWORD).await;
    let mut last = house.mail().await;
    for number in 2..7 {
        let answer = browser.sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{number}");
        let next = answer.location().to_owned();
        assert!(next.starts_with("/auth/confirm?f="), "{next}");
        let mail = house.mail().await;
        assert_eq!(mail.to.is_some(), number <= 3, "{number}");
        let page = browser.get(&next).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("id=\"code\""), "{}", page.body);
        let says = page.body.contains("Several mails were sent to you.");
        assert_eq!(says, number > 3, "{number}: {}", page.body);
        if number <= 3 {
            last = mail;
        }
    }
    let body = json!({ "email": ADA, "password": PASSWORD });
    let answer = browser.post_json("/auth/login", &body).await.json();
    assert_eq!(
        (&answer["confirmation_required"], &answer["mailed"]),
        (&json!(true), &json!(false))
    );
    // The last mail that came is good.
    let answer = browser.follow(&last.path, &[]).await;
    assert_eq!(answer.location(), "/auth/login?confirmed=1");
    browser.sign_in(ADA, PASSWORD).await;
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_username_needs_no_mail() {
    let kind = crate::login::IdentifierKind::Either;
    let house = House::with(mail_settings().identifiers(kind));
    let mut browser = house.browser();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let answer = browser.fill_in("/auth/register", &fields).await;
    assert_eq!(answer.location(), "/auth/login?registered=1");
    browser.sign_in("ada", PASSWORD).await;
    assert!(browser.is_signed_in().await);
    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn an_account_made_by_an_operator_is_confirmed_at_its_first_sign_in() {
    let house = House::with(mail_settings());
    let new = NewUser {
        email: Some(ADA.to_owned()),
        email_verified: true,
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    house.wing.create_user(new).await.expect("account");
    house.signed_in(ADA).await;
    assert!(
        house.mails().await.is_empty(),
        "the operator vouched for it"
    );
}
