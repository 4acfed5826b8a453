//! A change of address that is done, taken back by who reads the old one.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use super::step_up::weakly_signed_in;
use crate::ground::Clock;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{IdentityId, LinkIdentity, LinkedIdentity, User};

pub(super) const NEW: &str = "lovelace@example.com";
const PAGE: &str = "/auth/account/email";

/// A thief in Ada's session makes NEW the account's address; Ada's notice, and what she hears once it is done.
async fn stolen(house: &House) -> (User, Browser<'_>, Mail, Mail) {
    let user = house.verified(ADA).await;
    let mut thief = house.signed_in(ADA).await;
    house.mails().await;
    let notice = change(house, &mut thief, NEW).await;
    let done = house.mail().await;
    assert_eq!(
        (done.kind, done.to.as_deref()),
        (MailKind::EmailChangeDone, Some(ADA))
    );
    (user, thief, notice, done)
}

/// Asks for another address and confirms it; what the old one was told.
pub(super) async fn change(house: &House, browser: &mut Browser<'_>, new: &str) -> Mail {
    let answer = browser.follow(PAGE, &[("email", new)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let mut mails = house.mails().await;
    mails.sort_by_key(|mail| mail.kind == MailKind::EmailChangeNotice);
    let notice = mails.pop().expect("notice");
    let confirm = mails.pop().expect("confirm");
    let answer = browser.follow(&confirm.path, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    notice
}

async fn address_of(house: &House, user: &User) -> String {
    house.user(user).await.email.expect("address")
}

#[tokio::test]
async fn the_old_address_undoes_a_change_that_is_done_and_ends_every_session() {
    for by_done in [false, true] {
        let house = House::with(unlimited(mail_settings()));
        let (user, mut thief, notice, done) = stolen(&house).await;
        assert_eq!(address_of(&house, &user).await, NEW);
        house.clock.advance(Duration::from_hours(23));
        let mut elsewhere = house.browser();
        elsewhere.sign_in(NEW, PASSWORD).await;
        assert!(elsewhere.is_signed_in().await);
        let link = if by_done { &done.path } else { &notice.path };
        let mut owner = house.browser();
        let page = owner.get(link).await;
        assert_eq!(
            address_of(&house, &user).await,
            NEW,
            "asking undoes nothing"
        );
        assert!(page.body.contains("Undo the change"), "{}", page.body);
        let answer = owner.submit(&page, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(
            answer.body.contains("The change was undone"),
            "{}",
            answer.body
        );
        let again = house.user(&user).await;
        assert_eq!(again.email.as_deref(), Some(ADA));
        assert!(again.email_verified_at.is_some());
        assert!(!thief.is_signed_in().await && !elsewhere.is_signed_in().await);
        let undone = Event::EmailChangeUndone {
            user: user.id.clone(),
        };
        assert!(house.events().contains(&undone));
        // The address that was put in its place opens nothing any more, neither by password nor by mail.
        let answer = house.browser().sign_in(NEW, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        house.mails().await;
        house.browser().forgot(NEW).await;
        assert_eq!(house.mail().await.to, None);
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "the thief knows it"
        );
        // The owner sets a new password by the mailbox that is theirs again.
        house.browser().forgot(ADA).await;
        assert_eq!(house.mail().await.to.as_deref(), Some(ADA));
    }
}

#[tokio::test]
async fn with_the_change_goes_what_was_added_since_and_what_was_there_stays() {
    let house = House::with(unlimited(mail_settings()));
    let user = house.verified(ADA).await;
    let stores = &house.core.stores;
    let identity = |name: &str, at| LinkedIdentity {
        id: IdentityId::new(name),
        user_id: user.id.clone(),
        upstream: "corp".to_owned(),
        issuer: "https://corp.example".to_owned(),
        subject: name.to_owned(),
        display: None,
        tokens: None,
        tokens_version: 0,
        created_at: at,
        last_used_at: None,
    };
    let link = async |name: &str| {
        let identity = identity(name, house.clock.now());
        let linked = stores.identities.link_identity(&identity, 20).await;
        assert_eq!(linked.expect("store"), LinkIdentity::Linked);
    };
    link("own").await;
    house.clock.advance(Duration::from_mins(1));
    let mut thief = house.signed_in(ADA).await;
    house.mails().await;
    let notice = change(&house, &mut thief, NEW).await;
    house.clock.advance(Duration::from_mins(1));
    link("thiefs").await;
    house.wing.schedule_deletion(&user.id).await.expect("order");
    let answer = house.browser().follow(&notice.path, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let left = stores.identities.identities_of(&user.id).await;
    let left: Vec<_> = left
        .expect("store")
        .into_iter()
        .map(|one| one.subject)
        .collect();
    assert_eq!(left, ["own"]);
    let again = house.user(&user).await;
    assert_eq!((again.delete_at, again.email.as_deref()), (None, Some(ADA)));
    let dropped = Event::PasswordDropped {
        user: user.id.clone(),
    };
    assert!(house.events().contains(&dropped));
}

#[tokio::test]
async fn a_change_can_be_undone_for_a_day_and_no_longer() {
    let house = House::with(unlimited(mail_settings()));
    let (user, _, notice, done) = stolen(&house).await;
    house.clock.advance(Duration::from_hours(24));
    for link in [&notice.path, &done.path] {
        assert_eq!(house.browser().get(link).await.status, StatusCode::GONE);
        let token = link.split_once("?t=").expect("token").1;
        let body = json!({ "t": token });
        let path = "/auth/account/email/stop";
        let answer = house.browser().post_json(path, &body).await;
        assert_eq!(answer.status, StatusCode::GONE);
    }
    assert_eq!(address_of(&house, &user).await, NEW);
}

#[tokio::test]
async fn who_changed_the_address_does_not_change_it_on_so_that_nothing_can_be_undone() {
    let house = House::with(unlimited(mail_settings()));
    let (user, mut thief, notice, _) = stolen(&house).await;
    let answer = thief.follow(PAGE, &[("email", EVE)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("was changed a short while ago"),
        "{}",
        answer.body
    );
    assert!(house.mails().await.is_empty());
    let mut owner = house.browser();
    assert_eq!(owner.follow(&notice.path, &[]).await.status, StatusCode::OK);
    assert_eq!(address_of(&house, &user).await, ADA);
    // And once the day is over, whoever has the address changes it again.
    house.clock.advance(Duration::from_hours(25));
    let mut owner = weakly_signed_in(&house, &user.id).await;
    house.mails().await;
    change(&house, &mut owner, BOB).await;
    assert_eq!(address_of(&house, &user).await, BOB);
}

#[tokio::test]
async fn nobody_takes_the_old_address_while_it_may_have_to_go_back() {
    let house = House::with(unlimited(mail_settings()));
    house.verified(EVE).await;
    let mut eve = house.signed_in(EVE).await;
    let (user, mut thief, notice, _) = stolen(&house).await;
    thief.cookies.clear();
    let answer = thief.register(ADA, PASSWORD).await;
    assert_eq!(
        answer.status,
        StatusCode::SEE_OTHER,
        "the one answer there is"
    );
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::AlreadyRegistered, Some(ADA))
    );
    let answer = eve.follow(PAGE, &[("email", ADA)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(
        house
            .mails()
            .await
            .iter()
            .all(|mail| mail.kind != MailKind::EmailChangeConfirm)
    );
    let mut owner = house.browser();
    assert_eq!(owner.follow(&notice.path, &[]).await.status, StatusCode::OK);
    assert_eq!(address_of(&house, &user).await, ADA);
}

#[tokio::test]
async fn a_change_asked_for_before_it_was_undone_is_worthless_after() {
    let house = House::with(unlimited(mail_settings()));
    let user = house.verified(ADA).await;
    let mut thief = house.signed_in(ADA).await;
    house.mails().await;
    thief.follow(PAGE, &[("email", BOB)]).await;
    let mails = house.mails().await;
    let other = mails.iter().find(|m| m.to.as_deref() == Some(BOB));
    let other = other.expect("mail").path.clone();
    house.clock.advance(Duration::from_secs(1));
    let notice = change(&house, &mut thief, NEW).await;
    house.clock.advance(Duration::from_secs(1));
    let mut owner = house.browser();
    assert_eq!(owner.follow(&notice.path, &[]).await.status, StatusCode::OK);
    // Back in by other means.
    let mut thief = weakly_signed_in(&house, &user.id).await;
    let answer = thief.follow(&other, &[]).await;
    assert_eq!(answer.status, StatusCode::GONE, "{}", answer.body);
}

#[tokio::test]
async fn an_address_that_was_never_proven_takes_nothing_back() {
    let login = unlimited(mail_settings()).confirmation(crate::login::Confirmation::Optional);
    let house = House::with(login);
    let user = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.mails().await;
    let notice = change(&house, &mut browser, NEW).await;
    assert!(house.mails().await.is_empty(), "nothing to a stranger");
    let answer = house.browser().get(&notice.path).await;
    assert_eq!(answer.status, StatusCode::GONE);
    let path = "/auth/account/email/stop";
    let body = json!({ "t": notice.token() });
    let answer = house.browser().post_json(path, &body).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!(address_of(&house, &user).await, NEW);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_undoings_at_once_one_is_done() {
    let house = Arc::new(House::with(unlimited(mail_settings())));
    let user = house.verified(ADA).await;
    let mut thief = house.signed_in(ADA).await;
    house.mails().await;
    let notice = change(&house, &mut thief, NEW).await;
    let done = house.mail().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..32 {
        let house = house.clone();
        let mail = if number % 2 == 0 { &notice } else { &done };
        let body = json!({ "t": mail.token() });
        tasks.spawn(async move {
            let path = "/auth/account/email/stop";
            let _ = house.browser().post_json(path, &body).await;
        });
    }
    tasks.join_all().await;
    let undone = |event: &&Event| matches!(event, Event::EmailChangeUndone { .. });
    assert_eq!(house.events().iter().filter(undone).count(), 1);
    assert_eq!(address_of(&house, &user).await, ADA);
}
