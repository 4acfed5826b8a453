//! Linking and unlinking on the account page.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::{mail_settings, unlimited};
use super::federation_kit::*;
use super::harness::*;
use crate::login::Upstream;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::testkit::upstream::FakePerson;

#[tokio::test]
async fn somebody_links_an_identity_signs_in_with_it_and_unlinks_it() {
    let (house, there) = house_of(unlimited(mail_settings()), |corp| corp.label("Corp Ltd")).await;
    let user = house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let page = browser.get("/auth/account").await;
    assert!(page.body.contains("id=\"identities\""));
    let page = browser.get(IDENTITIES).await;
    assert!(page.body.contains("id=\"link_corp\""));
    // Browsers apply `form-action` to the whole chain, which leads to the provider.
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(!policy.contains("form-action"));
    let session = browser.session_id().await;
    let other = FakePerson::new("x").email("someone@else.example", true);
    let answer = browser.link("corp", &there, &other).await;
    assert_eq!(
        answer.location(),
        "/auth/account/identities?notice=linked",
        "{}",
        answer.body
    );
    assert_eq!(browser.session_id().await, session);
    assert_eq!(
        house.user(&user).await.email.as_deref(),
        Some(ADA),
        "the address stays"
    );
    let context = browser.context(IDENTITIES).await;
    assert_eq!(context["identities"][0]["provider"], "Corp Ltd");
    assert_eq!(context["identities"][0]["display"], "someone@else.example");

    let mut second = house.browser();
    second.sign_in_with("corp", &there, &other).await;
    assert_eq!(second.user_id().await, Some(user.id.clone()));

    let answer = browser.unlink(0).await;
    assert_eq!(
        answer.location(),
        "/auth/account/identities?notice=unlinked",
        "{}",
        answer.body
    );
    assert!(house.identity(&there, "x").await.is_none());
    let kinds: Vec<_> = house
        .mails()
        .await
        .into_iter()
        .map(|mail| (mail.kind, mail.facts["provider"].clone()))
        .collect();
    assert!(kinds.contains(&(MailKind::ProviderLinked, json!("Corp Ltd"))));
    assert!(kinds.contains(&(MailKind::ProviderUnlinked, json!("Corp Ltd"))));
    assert_eq!(
        house.count(|e| matches!(e, Event::IdentityUnlinked { .. })),
        1
    );
}

#[tokio::test]
async fn unlinking_ends_the_sessions_that_the_identity_began() {
    let (house, there) = house_with(|corp| corp).await;
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let mut other = house.signed_in(ADA).await;
    for subject in ["lost", "kept"] {
        let person = FakePerson::new(subject);
        browser.link("corp", &there, &person).await;
    }
    let (mut thief, mut phone) = (house.browser(), house.browser());
    thief
        .sign_in_with("corp", &there, &FakePerson::new("lost"))
        .await;
    phone
        .sign_in_with("corp", &there, &FakePerson::new("kept"))
        .await;
    assert!(thief.is_signed_in().await && phone.is_signed_in().await);
    let at = usize::from(
        house
            .identity(&there, "lost")
            .await
            .expect("linked")
            .id
            .as_str()
            != {
                let context = browser.context(IDENTITIES).await;
                context["identities"][0]["id"]
                    .as_str()
                    .expect("id")
                    .to_owned()
            },
    );
    assert_eq!(browser.unlink(at).await.status, StatusCode::SEE_OTHER);
    assert!(house.identity(&there, "lost").await.is_none());
    assert!(!thief.is_signed_in().await, "it was begun by what is gone");
    assert!(phone.is_signed_in().await && other.is_signed_in().await);
    assert!(browser.is_signed_in().await);
    let origins = &house.core.stores.upstream_sessions;
    let left = origins.upstream_sessions("corp", there.issuer(), Some("lost"), None, 10);
    assert_eq!(left.await.expect("store"), []);
    // Who unlinks the one they came by stays signed in.
    let mut own = house.browser();
    own.sign_in_with("corp", &there, &FakePerson::new("kept"))
        .await;
    let fields = [("password", PASSWORD)];
    own.fill_in("/auth/step-up", &fields).await;
    assert_eq!(own.unlink(0).await.status, StatusCode::SEE_OTHER);
    assert!(own.is_signed_in().await && !phone.is_signed_in().await);
}

#[tokio::test]
async fn linking_and_unlinking_ask_for_a_recent_sign_in() {
    let (house, there) = house_with(|corp| corp).await;
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    browser.link("corp", &there, &FakePerson::new("x")).await;
    house.clock.advance(Duration::from_mins(11));
    let answer = browser.begin_link("corp").await;
    assert!(
        answer.location().starts_with("/auth/step-up?"),
        "{}",
        answer.location()
    );
    let answer = browser.unlink(0).await;
    assert!(
        answer.location().starts_with("/auth/step-up?"),
        "{}",
        answer.location()
    );
    assert!(house.identity(&there, "x").await.is_some());
}

#[tokio::test]
async fn the_session_at_the_end_must_be_the_one_at_the_beginning() {
    let (house, there) = house_with(|corp| corp).await;
    house.verified(ADA).await;
    house.verified(BOB).await;
    let mut browser = house.signed_in(ADA).await;
    let url = browser.begin_link("corp").await.location().to_owned();
    browser.sign_in(BOB, PASSWORD).await;
    let response = there
        .authorize(&url, &FakePerson::new("x"))
        .expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    assert!(house.identity(&there, "x").await.is_none());
    // Nor a form of somebody else, or from elsewhere.
    let mut other = house.signed_in(ADA).await;
    let context = other.context(IDENTITIES).await;
    let token = context["providers"][0]["form_token"]
        .as_str()
        .expect("token")
        .to_owned();
    let fields = [("provider", "corp"), ("form_token", token.as_str())];
    let answer = browser.post("/auth/account/identities/link", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    other.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    let answer = other.post("/auth/account/identities/link", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_identity_is_linked_to_one_account() {
    let (house, there) = house_with(|corp| corp).await;
    house.verified(ADA).await;
    house.verified(BOB).await;
    let person = FakePerson::new("x");
    let mut ada = house.signed_in(ADA).await;
    ada.link("corp", &there, &person).await;
    let owner = house.identity(&there, "x").await.expect("linked").user_id;
    let mut bob = house.signed_in(BOB).await;
    let answer = bob.link("corp", &there, &person).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(!answer.body.contains(ADA), "whose it is is not said");
    assert_eq!(
        house.identity(&there, "x").await.expect("linked").user_id,
        owner
    );
    // Linking one's own again changes nothing.
    let answer = ada.link("corp", &there, &person).await;
    assert_eq!(answer.location(), "/auth/account/identities?notice=linked");
    assert_eq!(
        house.count(|e| matches!(e, Event::IdentityLinked { .. })),
        1
    );
    // Nobody unlinks another's.
    let id = house.identity(&there, "x").await.expect("linked").id;
    let body = json!({ "identity_id": id });
    let answer = bob
        .post_json("/auth/account/identities/unlink", &body)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn threat_52_the_last_identity_stays() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let page = browser.get(IDENTITIES).await;
    assert!(!page.body.contains("id=\"unlink-"), "{}", page.body);
    let answer = browser.unlink(0).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(house.identity(&there, "ada-there").await.is_some());
    // With a second one, either may go, and then the other stays.
    browser
        .link("corp", &there, &FakePerson::new("second"))
        .await;
    assert_eq!(browser.unlink(0).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.unlink(0).await.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_52_of_all_identities_unlinked_at_once_one_stays() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let house: &'static House = Box::leak(Box::new(house));
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    for subject in 0..15 {
        let person = FakePerson::new(&format!("person-{subject}"));
        browser.link("corp", &there, &person).await;
    }
    let identities = &house.core.stores.identities;
    let own = identities.identities_of(&user).await.expect("store");
    assert_eq!(own.len(), 16);
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..32 {
        let mut tab = house.browser();
        tab.cookies = browser.cookies.clone();
        let id = own[at % own.len()].id.clone();
        tasks.spawn(async move {
            let body = json!({ "identity_id": id });
            tab.post_json("/auth/account/identities/unlink", &body)
                .await
                .status
        });
    }
    let statuses = tasks.join_all().await;
    let left = identities.identities_of(&user).await.expect("store");
    assert!(!left.is_empty(), "{statuses:?}");
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn threat_52_ways_in_are_counted_in_one_place() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = house.user_by(&browser.user_id().await.expect("user")).await;
    let ways = house.wing.ways_in(&user).await.expect("ways");
    assert_eq!(
        (ways.password, ways.passkeys, ways.mail, ways.identities),
        (false, 0, false, 1)
    );
    assert!(ways.spare_a_passkey() && !ways.spare_an_identity());
}

#[tokio::test]
async fn what_is_kept_of_identities_is_exported_without_tokens_and_goes_with_the_account() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let data = house.wing.export_data(&user).await.expect("export");
    assert_eq!(data["identities"][0]["subject"], "ada-there");
    assert_eq!(data["identities"][0]["provider"], "corp");
    assert!(!data.to_string().contains("token\""), "{data}");
    house
        .wing
        .schedule_deletion(&user)
        .await
        .expect("scheduled");
    house.clock.advance(Duration::from_hours(24 * 15));
    assert_eq!(house.wing.end_due_accounts().await.expect("ended"), 1);
    assert!(house.identity(&there, "ada-there").await.is_none());
    let origins = &house.core.stores.upstream_sessions;
    let left = origins
        .upstream_sessions("corp", there.issuer(), None, None, 10)
        .await;
    assert_eq!(left.expect("store"), []);
}
