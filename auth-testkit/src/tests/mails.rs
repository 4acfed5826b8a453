//! Mails are there as soon as they are asked for.

use auth_core::services::Event;
use auth_core::services::mail::MOST_DELIVERIES;
use http::StatusCode;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_link_leads_back_and_a_code_opens() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = Visitor::anonymous(&kit, &auth);
    let page = visitor.get("/auth/email").await;
    let asked = visitor.browser().submit(&page, &[("email", ADA)]).await;
    let mails = kit.mails(&auth).await;
    let mail = mails.last_to("ADA@example.com");
    assert_eq!(mail.kind, "magic_link");
    assert!(mail.html.contains("<html"));
    assert_eq!(mail.code().len(), 6);
    let link = mail.link("/auth/email/code");
    assert!(link.starts_with("/auth/email/code?t="), "{link}");
    let next = asked.location().expect("the page that asks for the code");
    let page = visitor.get(&next).await;
    let code = [("code", mail.code())];
    let done = visitor.browser().submit(&page, &code).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let session = visitor.session().await.expect("session");
    assert_eq!(&session.user.id, ada.id());
}

#[tokio::test]
async fn mails_are_told_by_address_and_the_newest_is_first() {
    let (kit, auth) = house(login()).await;
    assert!(kit.mails(&auth).await.all().is_empty());
    let bob = "bob@example.com";
    kit.person(&auth, ADA).register().await;
    let bob_too = kit.person(&auth, bob).confirmed().register().await;
    bob_too.deletion_scheduled().await;
    let mails = kit.mails(&auth).await;
    assert_eq!(mails.to(ADA).len(), 1);
    let kinds: Vec<_> = mails.to(bob).iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds, ["deletion_scheduled", "confirmation"]);
    assert_eq!(mails.last_to(bob).kind, "deletion_scheduled");
    assert!(mails.to("eve@example.com").is_empty());
}

#[tokio::test]
#[should_panic(expected = "no mail to eve@example.com")]
async fn a_mail_that_was_not_sent_fails_the_test() {
    let (kit, auth) = house(login()).await;
    kit.mails(&auth).await.last_to("eve@example.com");
}

#[tokio::test]
#[should_panic(expected = "no link to /auth/reset in this mail")]
async fn a_link_that_is_not_there_fails_the_test() {
    let (kit, auth) = house(login()).await;
    kit.person(&auth, ADA).register().await;
    kit.mails(&auth).await.last_to(ADA).link("/auth/reset");
}

#[tokio::test]
async fn more_mails_than_one_round_hands_over_are_all_sent() {
    let (kit, auth) = house(login()).await;
    for number in 0..MOST_DELIVERIES + 2 {
        let mut visitor = Visitor::anonymous(&kit, &auth);
        let body = json!({
            "email": format!("p{number}@example.com"),
            "password": "nine violet otters sail past the old pier",
        });
        let answer = visitor.post("/auth/register", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let mails = kit.mails(&auth).await;
    assert_eq!(mails.all().len(), 100, "the last hundred are kept");
    let delivered = |event: &&Event| matches!(event, Event::MailDelivered { .. });
    let delivered = kit.events().iter().filter(delivered).count();
    assert_eq!(delivered, MOST_DELIVERIES + 2);
}
