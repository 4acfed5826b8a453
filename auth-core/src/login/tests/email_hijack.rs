//! Pre-hijacking in its five variants (arXiv 2205.10174): Eve registers Ada's address first, and waits.

use http::StatusCode;

use super::email_kit::*;
use super::harness::*;
use crate::ground::Digest32;
use crate::login::{Confirmation, EmailProof, NewUser};
use crate::store::{AddPasskey, DeviceId, Passkey, PasskeyId, TrustedDevice, User};

const NEW: [(&str, &str); 1] = [("new_password", "three green sparrows")];

/// The house that makes it hardest: unconfirmed accounts work.
fn open_house() -> House {
    House::with(unlimited(mail_settings()).confirmation(Confirmation::Optional))
}

/// Eve has registered Ada's address, and is signed in.
async fn hijacked(house: &House) -> (User, Browser<'_>) {
    let user = house.account(ADA).await;
    let eve = house.signed_in(ADA).await;
    house.mails().await;
    (user, eve)
}

#[tokio::test]
async fn threat_27_a_password_set_before_its_owner_came_opens_nothing() {
    // Whatever Ada does first with her mailbox.
    for way in ["link", "code", "reset", "confirmation"] {
        let house = open_house();
        let (user, mut eve) = hijacked(&house).await;
        let mut ada = house.browser();
        match way {
            "link" => {
                ada.ask_sign_in(ADA).await;
                let mail = house.mail().await;
                assert_eq!(
                    ada.follow(&mail.path, &[]).await.status,
                    StatusCode::SEE_OTHER
                );
            }
            "code" => {
                let waiting = ada.ask_sign_in(ADA).await;
                let mail = house.mail().await;
                let answer = ada.follow(&waiting, &[("code", &mail.code)]).await;
                assert_eq!(answer.status, StatusCode::SEE_OTHER);
            }
            "reset" => {
                ada.forgot(ADA).await;
                let mail = house.mail().await;
                assert_eq!(
                    ada.follow(&mail.path, &NEW).await.status,
                    StatusCode::SEE_OTHER
                );
            }
            _ => {
                // Eve asks for the mail, Ada opens it.
                eve.follow("/auth/confirm", &[]).await;
                let mail = house.mail().await;
                let answer = ada.follow(&mail.path, &[]).await;
                assert!(answer.location().starts_with("/auth/reset?t="));
            }
        }
        assert!(house.user(&user).await.email_verified_at.is_some(), "{way}");
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{way}");
        assert!(!eve.is_signed_in().await, "{way}");
        if way == "link" || way == "code" {
            assert!(ada.is_signed_in().await, "{way}");
        }
    }
}

#[tokio::test]
async fn threat_27_where_confirmation_is_required_the_planted_password_never_opens_anything() {
    let house = House::with(unlimited(mail_settings()));
    let mut eve = house.browser();
    let page = eve.register(ADA, PASSWORD).await.location().to_owned();
    let mail = house.mail().await;
    eve.sign_in(ADA, PASSWORD).await;
    assert!(!eve.is_signed_in().await);
    // Ada opens the link she did not ask for: in her browser, so the password goes.
    let mut ada = house.browser();
    ada.follow(&mail.path, &[]).await;
    assert_eq!(eve.get(&page).await.status, StatusCode::GONE);
    assert_eq!(
        eve.sign_in(ADA, PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn threat_28_a_session_begun_before_its_owner_came_ends() {
    let house = open_house();
    let (_, mut eve) = hijacked(&house).await;
    let mut ada = house.browser();
    ada.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    assert!(eve.is_signed_in().await);
    ada.follow(&mail.path, &[]).await;
    assert!(!eve.is_signed_in().await && ada.is_signed_in().await);
    // Ada's own later proofs end nothing of hers.
    let mut phone = house.browser();
    phone.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    phone.follow(&mail.path, &[]).await;
    assert!(ada.is_signed_in().await && phone.is_signed_in().await);
}

#[tokio::test]
async fn threat_29_no_other_way_in_survives_the_first_proof() {
    let house = open_house();
    let (user, _) = hijacked(&house).await;
    let (stores, now) = (&house.core.stores, house.core.clock.now());
    let passkey = Passkey {
        id: PasskeyId::new("planted"),
        user_id: user.id.clone(),
        name: "Eve's".to_owned(),
        credential: vec![1],
        counter: 0,
        created_at: now,
        last_used_at: None,
    };
    assert_eq!(
        stores
            .passkeys
            .add_passkey(&passkey, 5)
            .await
            .expect("store"),
        AddPasskey::Added
    );
    let codes = [Digest32::of("eve")];
    stores
        .factors
        .replace_backup_codes(&user.id, &codes)
        .await
        .expect("store");
    let device = TrustedDevice {
        id: DeviceId::new("planted"),
        user_id: user.id.clone(),
        token_digest: Digest32::of("eve"),
        user_agent: None,
        created_at: now,
        expires_at: now + std::time::Duration::from_hours(24),
    };
    stores.devices.trust_device(&device).await.expect("store");
    house.browser().forgot(ADA).await;
    let mail = house.mail().await;
    house.browser().follow(&mail.path, &NEW).await;
    assert!(
        stores
            .passkeys
            .passkeys_of(&user.id)
            .await
            .expect("store")
            .is_empty()
    );
    assert_eq!(
        stores
            .factors
            .backup_codes_left(&user.id)
            .await
            .expect("store"),
        0
    );
    assert!(
        stores
            .devices
            .trusted_devices_of(&user.id)
            .await
            .expect("store")
            .is_empty()
    );
}

#[tokio::test]
async fn threat_30_a_change_of_address_asked_for_before_its_owner_came_is_worthless() {
    let house = open_house();
    let (user, mut eve) = hijacked(&house).await;
    let answer = eve.follow("/auth/account/email", &[("email", EVE)]).await;
    let page = answer.location().to_owned();
    let mails = house.mails().await;
    let confirm = mails
        .iter()
        .find(|mail| mail.to.as_deref() == Some(EVE))
        .expect("mail");
    let mut ada = house.browser();
    ada.forgot(ADA).await;
    let mail = house.mail().await;
    ada.follow(&mail.path, &NEW).await;
    house.mails().await;
    // Eve has no session; and were she to have one, the change names a password that is no more.
    assert!(
        eve.get(&confirm.path)
            .await
            .location()
            .starts_with("/auth/login")
    );
    assert_eq!(house.user(&user).await.email.as_deref(), Some(ADA));
    eve.sign_in(ADA, NEW[0].1).await;
    assert!(eve.is_signed_in().await);
    assert_eq!(
        eve.follow(&page, &[("code", &confirm.code)]).await.status,
        StatusCode::GONE
    );
    assert_eq!(house.user(&user).await.email.as_deref(), Some(ADA));
}

#[tokio::test]
async fn threat_31_an_address_nobody_verified_is_nobodys() {
    // An operator's import or a provider that does not verify: the account has the address, and no proof of it.
    let house = House::with(unlimited(mail_settings()));
    let new = NewUser {
        email: Some(ADA.to_owned()),
        email_verified: false,
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let user = house.wing.create_user(new.clone()).await.expect("account");
    let mut eve = house.browser();
    eve.sign_in(ADA, PASSWORD).await;
    assert!(!eve.is_signed_in().await, "asked to prove it first");
    house.mails().await;
    // One that does verify is as good as the mailbox: it drops what was there.
    let vouched = NewUser {
        password: None,
        email_verified: true,
        ..new
    };
    house.wing.ensure_user(vouched).await.expect("account");
    assert!(!house.has_password(&user).await);
    // And no second one changes anything.
    house
        .wing
        .set_password(&user.id, OTHER_PASSWORD.into(), true)
        .await
        .expect("set");
    let proof = EmailProof::MailboxOwner;
    assert!(
        !house
            .wing
            .verify_email(&user.id, ADA, proof)
            .await
            .expect("store")
    );
    assert!(house.has_password(&user).await);
}
