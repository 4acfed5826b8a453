//! Who did what, as the audit keeps it: what a person does themselves names them and where they were.

use std::net::IpAddr;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::login::Confirmation;
use crate::services::{Event, EventRecord};
use crate::store::{AddPasskey, Passkey, PasskeyId, User};

fn record(house: &House, is_it: impl Fn(&Event) -> bool) -> EventRecord {
    let records = house.records();
    let mut found = records.into_iter().filter(|record| is_it(&record.event));
    let first = found.next().expect("event");
    assert!(found.next().is_none(), "once");
    first
}

fn here() -> IpAddr {
    "192.0.2.7".parse().expect("address")
}

async fn plant(house: &House, user: &User, id: &str) {
    let passkey = Passkey {
        id: PasskeyId::new(id),
        user_id: user.id.clone(),
        name: "Blue".to_owned(),
        credential: vec![1],
        counter: 0,
        created_at: house.core.clock.now(),
        last_used_at: None,
    };
    let added = house.core.stores.passkeys.add_passkey(&passkey, 5).await;
    assert_eq!(added.expect("store"), AddPasskey::Added);
}

#[tokio::test]
async fn an_end_scheduled_and_called_off_by_its_owner_has_their_address_and_the_hosts_none() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let path = "/auth/account/delete";
    let context = browser.context(path).await;
    for form in ["delete", "cancel"] {
        let token = context[form]["form_token"].as_str().expect("token");
        let action = context[form]["action"].as_str().expect("action");
        let answer = browser.post(action, &[("form_token", token)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    }
    let scheduled = |event: &Event| matches!(event, Event::DeletionScheduled { .. });
    let cancelled = |event: &Event| matches!(event, Event::DeletionCancelled { .. });
    assert_eq!(record(&house, scheduled).address, Some(here()));
    assert_eq!(record(&house, cancelled).address, Some(here()));
    house.wing.schedule_deletion(&user.id).await.expect("store");
    let records = house.records();
    let last = records.iter().rfind(|record| scheduled(&record.event));
    assert_eq!(last.expect("event").address, None);
}

#[tokio::test]
async fn a_proof_by_mail_has_the_address_it_was_given_from_and_tells_what_it_dropped() {
    for way in ["confirm", "link", "reset"] {
        let login = unlimited(mail_settings()).confirmation(Confirmation::Optional);
        let house = House::with(login);
        let mut eve = house.browser();
        eve.register(ADA, PASSWORD).await;
        let confirm = house.mail().await;
        let id = crate::store::Identifier::Email(ADA.to_owned());
        let users = &house.core.stores.users;
        let (user, _) = users.credentials(&id).await.expect("store").expect("user");
        plant(&house, &user, "planted").await;
        let mut owner = house.browser();
        owner.address = "198.51.100.9".parse().expect("address");
        match way {
            "confirm" => drop(owner.follow(&confirm.path, &[]).await),
            "link" => {
                owner.ask_sign_in(ADA).await;
                let mail = house.mail().await;
                owner.follow(&mail.path, &[]).await;
            }
            _ => {
                owner.forgot(ADA).await;
                let mail = house.mail().await;
                let fields = [("new_password", OTHER_PASSWORD)];
                owner.follow(&mail.path, &fields).await;
            }
        }
        let from = Some(owner.address);
        let verified = record(&house, |e| matches!(e, Event::EmailVerified { .. }));
        assert_eq!(verified.address, from, "{way}");
        let password = record(&house, |e| matches!(e, Event::PasswordDropped { .. }));
        assert_eq!(password.address, from, "{way}");
        let passkey = record(&house, |e| matches!(e, Event::PasskeyRemoved { .. }));
        let removed = Event::PasskeyRemoved {
            user: user.id.clone(),
            passkey: "planted".to_owned(),
        };
        assert_eq!((passkey.address, passkey.event), (from, removed), "{way}");
    }
}

#[tokio::test]
async fn a_change_of_address_that_is_stopped_leaves_an_event() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.mails().await;
    browser
        .follow("/auth/account/email", &[("email", BOB)])
        .await;
    let mails = house.mails().await;
    let notice = mails.iter().find(|m| m.to.as_deref() == Some(ADA));
    let notice = notice.expect("mail").path.clone();
    house.browser().follow(&notice, &[]).await;
    let stopped = record(&house, |e| matches!(e, Event::EmailChangeStopped { .. }));
    assert_eq!(stopped.address, Some(here()));
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn a_passkey_renamed_leaves_an_event() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut device = super::passkey_device::Device::new();
    let mut browser = house.signed_in(ADA).await;
    let path = "/auth/account/passkeys";
    let begun = browser.begin(path).await;
    let made = device
        .create("https://app.example.com", &begun["publicKey"])
        .await;
    let answer = browser.finish(path, &begun, &made).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let id = answer.json()["passkey"]["id"]
        .as_str()
        .expect("id")
        .to_owned();
    let body = json!({ "passkey_id": id, "name": "Red" });
    let answer = browser.post_json(&format!("{path}/rename"), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let renamed = record(&house, |e| matches!(e, Event::PasskeyRenamed { .. }));
    let expected = Event::PasskeyRenamed {
        user: user.id,
        passkey: id,
    };
    assert_eq!((renamed.address, renamed.event), (Some(here()), expected));
}
