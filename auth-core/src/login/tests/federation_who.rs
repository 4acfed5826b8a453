//! Which account an identity leads to: what is linked, what is not, and what a stranger may have planted.

use http::StatusCode;
use serde_json::json;

use super::email_kit::{mail_settings, unlimited};
use super::federation_kit::*;
use super::harness::*;
use crate::login::{Confirmation, EmailProof, Upstream};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::User;
use crate::testkit::upstream::FakePerson;

const LINK_FIRST: &str = "/auth/link-first";

/// An account with the usual password, its address shown to be its owner's or not.
async fn account(house: &House, verified: bool) -> User {
    if verified {
        house.verified(ADA).await
    } else {
        house.account(ADA).await
    }
}

#[tokio::test]
async fn threat_09_an_identity_is_linked_by_address_only_where_all_three_agree() {
    for (there_verified, trusted, here_verified) in [
        (true, true, true),
        (true, true, false),
        (true, false, true),
        (true, false, false),
        (false, true, true),
        (false, true, false),
        (false, false, true),
        (false, false, false),
    ] {
        let (house, there) =
            house_with(|corp| if trusted { corp.trust_email() } else { corp }).await;
        let user = account(&house, here_verified).await;
        let person = FakePerson::new("ada-there").email(ADA, there_verified);
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &person).await;
        let case = format!(
            "{there_verified} {trusted} {here_verified}: {}",
            answer.body
        );
        let linked = house.identity(&there, "ada-there").await;
        if there_verified && trusted && here_verified {
            assert_eq!(answer.location(), "/", "{case}");
            let owner = linked.map(|linked| linked.user_id);
            assert_eq!(owner, Some(user.id.clone()), "{case}");
        } else {
            assert_eq!(answer.location(), LINK_FIRST, "{case}");
            assert!(linked.is_none() && !browser.is_signed_in().await, "{case}");
            let is_verified = house.user(&user).await.email_verified_at.is_some();
            assert_eq!(is_verified, here_verified, "{case}");
        }
        assert!(house.has_password(&user).await, "{case}");
    }
}

#[tokio::test]
async fn threat_09_trust_is_in_the_entry_and_not_in_its_issuer() {
    let clock = House::midday();
    let there = provider(&clock).await;
    let upstreams = [
        upstream("trusted", &there).trust_email(),
        upstream("trusted-too", &there),
    ];
    let house = house_at(clock, unlimited(settings()).sign_in_with(upstreams));
    house.verified(ADA).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("trusted-too", &there, &ada()).await;
    assert_eq!(answer.location(), LINK_FIRST);
    let answer = browser.sign_in_with("trusted", &there, &ada()).await;
    assert_eq!(answer.location(), "/");
}

#[tokio::test]
async fn threat_46_the_page_that_asks_is_the_same_whether_or_not_there_is_an_account() {
    let (house, there) = house_of(unlimited(mail_settings()), |corp| corp).await;
    house.verified(ADA).await;
    let mut pages = Vec::new();
    for email in [ADA, BOB] {
        let person = FakePerson::new(email).email(email, false);
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &person).await;
        assert_eq!(answer.location(), LINK_FIRST);
        let page = browser.get(LINK_FIRST).await;
        assert!(page.body.contains("id=\"sign_in\"") && page.body.contains("id=\"create\""));
        let made = browser.make_account().await;
        assert!(
            made.location().starts_with("/auth/confirm?f="),
            "{}",
            made.body
        );
        assert!(!browser.is_signed_in().await);
        let body = without_tokens(&page.body).replace(email, "EMAIL");
        pages.push((page.status, body, made.status, made.location().len()));
    }
    assert_eq!(pages[0], pages[1]);
    let mails = house.mails().await.into_iter();
    let mails: std::collections::BTreeSet<_> = mails.map(|mail| (mail.to, mail.kind)).collect();
    let expected = [
        (Some(ADA.to_owned()), MailKind::AlreadyRegistered),
        (Some(BOB.to_owned()), MailKind::Confirmation),
    ];
    assert_eq!(mails, expected.into());
    assert!(
        house.identity(&there, ADA).await.is_none(),
        "nothing of hers was touched"
    );
}

#[tokio::test]
async fn threat_46_coming_again_does_not_tell_whether_an_account_was_made() {
    let (house, there) = house_of(unlimited(mail_settings()), |corp| corp).await;
    house.verified(ADA).await;
    let mut seen = Vec::new();
    for email in [ADA, BOB] {
        let person = FakePerson::new(email).email(email, false);
        let mut browser = house.browser();
        browser.sign_in_with("corp", &there, &person).await;
        browser.make_account().await;
        // In the same browser and in another, as often as one likes.
        for is_same in [true, false] {
            let mut again = house.browser();
            let again = if is_same { &mut browser } else { &mut again };
            let answer = again.sign_in_with("corp", &there, &person).await;
            let page = again.get(LINK_FIRST).await;
            let body = without_tokens(&page.body).replace(email, "EMAIL");
            let made = again.make_account().await;
            let location = answer.location().to_owned();
            seen.push((email, location, body, made.status, made.location().len()));
            assert!(
                made.location().starts_with("/auth/confirm?f="),
                "{}",
                made.body
            );
            assert!(!again.is_signed_in().await);
        }
    }
    let (ada, bob) = seen.split_at(2);
    for (ada, bob) in ada.iter().zip(bob) {
        assert_eq!(
            (&ada.1, &ada.2, ada.3, ada.4),
            (&bob.1, &bob.2, bob.3, bob.4)
        );
    }
    let registered = |event: &Event| matches!(event, Event::Registered { .. });
    assert_eq!(house.count(registered), 2, "hers, and one for the other");
}

#[tokio::test]
async fn threat_46_linking_does_not_tell_whether_an_account_was_made() {
    let (house, there) = house_of(unlimited(mail_settings()), |corp| corp).await;
    house.verified(ADA).await;
    let own = house.verified("own@example.com").await;
    let mut seen = Vec::new();
    for email in [ADA, BOB] {
        let person = FakePerson::new(email).email(email, false);
        let mut browser = house.browser();
        browser.sign_in_with("corp", &there, &person).await;
        browser.make_account().await;
        let mut browser = house.signed_in("own@example.com").await;
        let answer = browser.link("corp", &there, &person).await;
        seen.push((answer.status, answer.location().to_owned()));
        let identity = house.identity(&there, email).await.expect("linked");
        assert_eq!(identity.user_id, own.id);
    }
    assert_eq!(seen[0], seen[1]);
    // What an operator has changed since is nobody's leftover.
    let mut browser = house.browser();
    let person = FakePerson::new("zoe").email("zoe@example.com", false);
    browser.sign_in_with("corp", &there, &person).await;
    browser.make_account().await;
    let zoe = house.identity(&there, "zoe").await.expect("linked").user_id;
    house.clock.advance(std::time::Duration::from_secs(1));
    house.wing.require_mfa(&zoe, true).await.expect("set");
    let mut browser = house.signed_in("own@example.com").await;
    let answer = browser.link("corp", &there, &person).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    let kept = house.core.stores.users.user(&zoe).await.expect("store");
    assert!(kept.is_some());
    // What somebody has come into is theirs.
    let mut browser = house.browser();
    let person = FakePerson::new("eve").email("eve@example.com", false);
    browser.sign_in_with("corp", &there, &person).await;
    browser.make_account().await;
    let eve = house.identity(&there, "eve").await.expect("linked").user_id;
    let proof = EmailProof::SignedInUser;
    let email = "eve@example.com";
    let verified = house.wing.verify_email(&eve, email, proof).await;
    assert!(verified.expect("store"));
    let mut browser = house.signed_in("own@example.com").await;
    let answer = browser.link("corp", &there, &person).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    let identity = house.identity(&there, "eve").await.expect("linked");
    assert_eq!(identity.user_id, eve);
}

#[tokio::test]
async fn an_address_kept_for_who_had_it_proves_nothing_and_is_no_dead_end() {
    let (house, there) = house_of(unlimited(mail_settings()), Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.mails().await;
    let page = "/auth/account/email";
    browser.follow(page, &[("email", BOB)]).await;
    let mails = house.mails().await;
    let confirm = mails.iter().find(|mail| mail.to.as_deref() == Some(BOB));
    browser.follow(&confirm.expect("mail").path, &[]).await;
    assert_eq!(house.user(&user).await.email.as_deref(), Some(BOB));

    let mut other = house.browser();
    let answer = other.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), LINK_FIRST, "{}", answer.body);
    let answer = other.make_account().await;
    assert!(
        answer.location().starts_with("/auth/confirm?f="),
        "{}",
        answer.body
    );
    assert!(house.identity(&there, "ada-there").await.is_none());
}

#[tokio::test]
async fn an_address_that_proves_nothing_is_confirmed_by_mail() {
    let (house, there) = house_of(unlimited(mail_settings()), |corp| corp).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), LINK_FIRST);
    let answer = browser.make_account().await;
    let confirm = answer.location().to_owned();
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(
        house.user_by(&identity.user_id).await.email_verified_at,
        None
    );
    // Until then the identity is asked as if nobody knew it, and then led to the digits.
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), LINK_FIRST, "{}", answer.body);
    let answer = browser.make_account().await;
    assert!(
        answer.location().starts_with("/auth/confirm?f="),
        "{}",
        answer.body
    );
    assert!(!browser.is_signed_in().await);
    let flow = confirm.split_once("?f=").expect("flow").1;
    let mails = house.mails().await;
    let mail = mails.iter().find(|mail| mail.token().starts_with(flow));
    let fields = [("f", flow), ("code", &mail.expect("mail").code)];
    let answer = browser.fill_in(&confirm, &fields).await;
    assert!(
        answer.location().starts_with("/auth/login?confirmed=1"),
        "{} {}",
        answer.location(),
        answer.body
    );
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    assert_eq!(browser.user_id().await, Some(identity.user_id));
}

#[tokio::test]
async fn where_nothing_is_confirmed_the_address_is_left_out() {
    let (house, there) = house_with(|corp| corp).await;
    house.verified(ADA).await;
    for (subject, email) in [("one", ADA), ("two", BOB)] {
        let person = FakePerson::new(subject).email(email, true);
        let mut browser = house.browser();
        browser.sign_in_with("corp", &there, &person).await;
        let answer = browser.make_account().await;
        assert_eq!(answer.location(), "/", "{}", answer.body);
        let user = browser.user_id().await.expect("user");
        assert_eq!(house.user_by(&user).await.email, None);
    }
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_first_and_links_then() {
    let (house, there) = house_with(|corp| corp).await;
    let user = house.verified(ADA).await;
    let mut browser = house.browser();
    let answer = browser
        .get("/auth/login/with/corp?return_to=/reports")
        .await;
    let response = there.authorize(answer.location(), &ada()).expect("request");
    assert_eq!(browser.come_back(&response).await.location(), LINK_FIRST);
    let page = browser.context(LINK_FIRST).await;
    let sign_in = page["sign_in_url"].as_str().expect("url").to_owned();
    let token = form_token(&browser.get(&sign_in).await.body);
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("form_token", &token),
        ("return_to", "/auth/account/identities/confirm"),
    ];
    let answer = browser.post("/auth/login", &fields).await;
    let confirm = answer.location().to_owned();
    assert_eq!(confirm, "/auth/account/identities/confirm");
    // Signing in alone links nothing.
    let page = browser.get(&confirm).await;
    assert!(page.body.contains("id=\"link\""), "{}", page.body);
    assert!(house.identity(&there, "ada-there").await.is_none());
    // Another browser of hers has nothing to confirm.
    let mut other = house.signed_in(ADA).await;
    assert_eq!(other.get(&confirm).await.location(), IDENTITIES);
    let answer = browser.post(&confirm, &[("form_token", "forged")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = browser.fill_in(&confirm, &[]).await;
    assert_eq!(answer.location(), "/reports", "{}", answer.body);
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(identity.user_id, user.id);
    // Once.
    assert_eq!(browser.get(&confirm).await.location(), IDENTITIES);
    assert_eq!(browser.get(LINK_FIRST).await.location(), "/auth/login");
    assert!(house.has_password(&user).await);
}

#[tokio::test]
async fn threat_27_who_registered_an_address_before_its_owner_keeps_nothing() {
    // 27, the classic merge; 28, the session that does not end; 29, the identity planted beside it.
    let clock = House::midday();
    let (corp, other) = (provider(&clock).await, provider(&clock).await);
    let upstreams = [
        upstream("corp", &corp).trust_email(),
        upstream("other", &other),
    ];
    let login = unlimited(mail_settings()).confirmation(Confirmation::Optional);
    let house = house_at(clock, login.sign_in_with(upstreams));
    let planted = house.account(ADA).await;
    let mut mallory = house.signed_in(ADA).await;
    let own = FakePerson::new("mallory");
    let answer = mallory.link("other", &other, &own).await;
    assert!(answer.location().starts_with(IDENTITIES), "{}", answer.body);

    // Nobody has shown the address here: its owner is not led into what a stranger has prepared for them.
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &corp, &ada()).await;
    assert_eq!(answer.location(), LINK_FIRST, "{}", answer.body);
    assert!(house.identity(&corp, "ada-there").await.is_none());
    let answer = browser.make_account().await;
    assert!(answer.location().starts_with("/auth/confirm?f="));
    assert!(house.identity(&corp, "ada-there").await.is_none());
    // They get in as anybody who reads the mailbox does, and then nothing planted is left.
    house.mails().await;
    browser.forgot(ADA).await;
    let mail = house.mail().await;
    let fields = [("new_password", OTHER_PASSWORD)];
    let answer = browser.follow(&mail.path, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(!mallory.is_signed_in().await, "the session has ended");
    assert!(house.identity(&other, "mallory").await.is_none());
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let mut mallory = house.browser();
    mallory.sign_in_with("other", &other, &own).await;
    assert_ne!(mallory.user_id().await, Some(planted.id.clone()));
    // From now on both sides have shown it.
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &corp, &ada()).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    assert_eq!(browser.user_id().await, Some(planted.id));
}

#[tokio::test]
async fn threat_29_an_identity_linked_before_the_mailbox_was_proven_goes() {
    let (house, there) = house_with(|corp| corp).await;
    let user = house.account(ADA).await;
    let mut mallory = house.signed_in(ADA).await;
    mallory
        .link("corp", &there, &FakePerson::new("mallory"))
        .await;
    assert!(house.identity(&there, "mallory").await.is_some());
    let proof = EmailProof::MailboxOwner;
    assert!(
        house
            .wing
            .verify_email(&user.id, ADA, proof)
            .await
            .expect("store")
    );
    assert!(house.identity(&there, "mallory").await.is_none());
}

#[tokio::test]
async fn threat_31_a_provider_that_does_not_verify_merges_nothing() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    for (subject, person) in [
        ("a", FakePerson::new("a").email(ADA, false)),
        ("b", FakePerson::new("b").claim("email", json!(ADA))),
        (
            "c",
            FakePerson::new("c")
                .claim("email", json!(ADA))
                .claim("email_verified", json!("no")),
        ),
        (
            "d",
            FakePerson::new("d")
                .claim("email", json!(ADA))
                .claim("email_verified", json!(1)),
        ),
    ] {
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &person).await;
        // A flag of another type is no answer at all.
        let asked = answer.location() == LINK_FIRST;
        let refused = answer.status == StatusCode::BAD_REQUEST;
        let is_typed = matches!(subject, "a" | "b");
        assert!(
            asked || (refused && !is_typed),
            "{subject}: {}",
            answer.body
        );
        assert!(!browser.is_signed_in().await, "{subject}");
        assert!(house.identity(&there, subject).await.is_none());
    }
    assert!(house.has_password(&user).await);
}

#[tokio::test]
async fn threat_08_who_somebody_is_follows_from_issuer_and_subject_alone() {
    let clock = House::midday();
    let (one, two) = (provider(&clock).await, provider(&clock).await);
    let upstreams = [upstream("one", &one).trust_email(), upstream("two", &two)];
    let house = house_at(clock, unlimited(settings()).sign_in_with(upstreams));
    let mut browser = house.browser();
    browser.sign_in_with("one", &one, &ada()).await;
    let user = browser.user_id().await.expect("user");
    // The address changes there: the account is the same, and keeps its own.
    let moved = FakePerson::new("ada-there").email("ada@elsewhere.example", true);
    let mut browser = house.browser();
    browser.sign_in_with("one", &one, &moved).await;
    assert_eq!(browser.user_id().await, Some(user.clone()));
    assert_eq!(house.user_by(&user).await.email.as_deref(), Some(ADA));
    // Somebody else gets the address there: they are somebody else, unless the provider is believed, and then the
    // owner of the address is who the operator says they are.
    let same_name = FakePerson::new("ada-there").claim("preferred_username", json!("ada"));
    let mut stranger = house.browser();
    let answer = stranger.sign_in_with("two", &two, &same_name).await;
    assert_eq!(answer.location(), "/", "the same subject at another issuer");
    assert_ne!(stranger.user_id().await, Some(user));
}

#[tokio::test]
async fn threat_11_no_role_and_no_flag_comes_from_there() {
    let (house, there) = house_with(|corp| corp).await;
    let person = FakePerson::new("x")
        .claim("role", json!("admin"))
        .claim("roles", json!(["admin"]))
        .claim("email_verified", json!(true))
        .claim("mfa_required", json!(false))
        .claim("disabled_at", json!(null))
        .claim("id", json!("root"))
        .claim("sub_id", json!("root"));
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &person).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    let user = house.user_by(&browser.user_id().await.expect("user")).await;
    assert!(user.claims.is_empty(), "{:?}", user.claims);
    assert_eq!((user.email, user.email_verified_at), (None, None));
    assert_ne!(user.id.as_str(), "root");
}

#[tokio::test]
async fn somebody_signed_in_is_asked_on_the_spot() {
    let (house, there) = house_with(|corp| corp).await;
    let user = house.verified(BOB).await;
    let mut browser = house.signed_in(BOB).await;
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/account/identities/confirm");
    assert_eq!(browser.user_id().await, Some(user.id.clone()));
    let context = browser.context("/auth/account/identities/confirm").await;
    assert_eq!(
        (&context["display"], &context["account"]),
        (&json!(ADA), &json!(BOB))
    );
    browser
        .fill_in("/auth/account/identities/confirm", &[])
        .await;
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(identity.user_id, user.id);
    assert_eq!(house.user(&user).await.email.as_deref(), Some(BOB));
    assert_eq!(house.count(|e| matches!(e, Event::Registered { .. })), 1);
}
