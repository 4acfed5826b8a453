//! Every state, as a guard sees it.

use std::time::Duration;

use auth_core::login::{Confirmation, Mfa};
use auth_core::services::Event;
use http::StatusCode;

use super::*;

#[tokio::test]
async fn anonymous_is_nobody() {
    let (kit, auth) = house(login()).await;
    let visitor = Visitor::anonymous(&kit, &auth);
    assert!(visitor.headers().is_empty());
    assert!(visitor.session().await.is_none());
    let refused = ask(&auth, &visitor, signed_in()).await;
    assert_eq!(refused, Err(TO_SIGN_IN.to_owned()));
}

#[tokio::test]
async fn unconfirmed_gave_the_password_and_is_in_nowhere() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).register().await;
    assert_eq!(ada.user().await.expect("user").email_verified_at, None);
    let mut visitor = ada.unconfirmed().await;
    assert!(visitor.session().await.is_none());
    let answer = ada.give_password(&mut visitor).await;
    assert_eq!(answer.json()["confirmation_required"], true);
}

#[tokio::test]
async fn unconfirmed_is_in_where_the_host_lets_them() {
    let (kit, auth) = house(login().confirmation(Confirmation::Optional)).await;
    let ada = kit.person(&auth, ADA).register().await;
    let session = ada.unconfirmed().await.session().await.expect("session");
    assert_eq!(session.user.email_verified_at, None);
}

#[tokio::test]
#[should_panic(expected = "register the person without .confirmed()")]
async fn unconfirmed_cannot_be_who_has_confirmed() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    ada.unconfirmed().await;
}

#[tokio::test]
#[should_panic(expected = "register the person .confirmed()")]
async fn nobody_is_signed_in_unconfirmed_where_that_is_required() {
    let (kit, auth) = house(login()).await;
    kit.person(&auth, ADA).register().await.signed_in().await;
}

#[tokio::test]
async fn mfa_pending_is_no_session() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).with_totp().register().await;
    let mut visitor = ada.mfa_pending().await;
    assert!(!visitor.headers().is_empty());
    let refused = ask(&auth, &visitor, signed_in()).await;
    assert_eq!(refused, Err(TO_SIGN_IN.to_owned()));
    let page = visitor.get("/auth/second-factor").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let code = ada.totp_code();
    let next = visitor.browser().submit(&page, &[("code", &code)]).await;
    assert_eq!(next.status, StatusCode::SEE_OTHER, "{}", next.text);
    assert_eq!(ask(&auth, &visitor, multi_factor()).await, Ok(()));
}

#[tokio::test]
#[should_panic(expected = "register the person .with_totp()")]
async fn nothing_is_pending_without_a_second_factor() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    ada.mfa_pending().await;
}

#[tokio::test]
async fn signed_in_passes_and_ends_with_the_time() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).named("Ada").confirmed().register();
    let ada = ada.await;
    let visitor = ada.signed_in().await;
    assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
    assert_eq!(ask(&auth, &visitor, recent()).await, Ok(()));
    let session = visitor.session().await.expect("session");
    assert_eq!(&session.user.id, ada.id());
    assert_eq!(session.user.display_name(), "Ada");
    assert_eq!(session.session.amr, ["pwd"]);
    kit.advance(Duration::from_mins(31));
    let refused = ask(&auth, &visitor, signed_in()).await;
    assert_eq!(refused, Err(TO_SIGN_IN.to_owned()));
}

#[tokio::test]
async fn remembered_outlives_the_idle_end() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let visitor = ada.remembered().await;
    kit.advance(Duration::from_hours(24 * 30));
    assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
}

#[tokio::test]
async fn stale_is_signed_in_and_not_enough_for_a_step_up_page() {
    let (kit, auth) = house(login()).await;
    for (person, amr) in [
        (kit.person(&auth, "pwd@example.com").confirmed(), "pwd"),
        (kit.person(&auth, "otp@example.com").with_totp(), "otp"),
        #[cfg(feature = "passkeys")]
        (kit.person(&auth, "hwk@example.com").with_passkey(), "swk"),
    ] {
        let person = person.register().await;
        let mut visitor = person.stale().await;
        assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
        let refused = ask(&auth, &visitor, recent()).await;
        assert_eq!(refused, Err(TO_STEP_UP.to_owned()), "{amr}");
        person.step_up(&mut visitor).await;
        assert_eq!(ask(&auth, &visitor, recent()).await, Ok(()), "{amr}");
        let session = visitor.session().await.expect("session").session;
        assert!(session.amr.iter().any(|method| method == amr), "{amr}");
        assert_eq!(session.auth_time, kit.now());
    }
}

#[tokio::test]
async fn stepped_up_is_recent_and_was_told() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).with_totp().register().await;
    let visitor = ada.stepped_up().await;
    assert_eq!(ask(&auth, &visitor, recent()).await, Ok(()));
    assert_eq!(ask(&auth, &visitor, multi_factor()).await, Ok(()));
    let events = kit.events();
    let stepped_up = events
        .iter()
        .filter(|event| matches!(event, Event::SteppedUp { user, .. } if user == ada.id()));
    assert_eq!(stepped_up.count(), 1);
}

#[tokio::test]
async fn locked_refuses_the_right_password_for_a_while() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = ada.locked().await;
    let refused = ada.give_password(&mut visitor).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(visitor.session().await.is_none());
    kit.advance(Duration::from_mins(31));
    let answer = ada.give_password(&mut visitor).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(visitor.session().await.is_some());
}

#[tokio::test]
async fn disabled_was_signed_in() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = ada.disabled().await;
    assert!(!visitor.headers().is_empty());
    assert!(visitor.session().await.is_none());
    let refused = ada.give_password(&mut visitor).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(ada.user().await.expect("user").disabled_at.is_some());
}

#[tokio::test]
async fn deletion_scheduled_is_in_until_the_end() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let visitor = ada.deletion_scheduled().await;
    assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
    let at = ada.user().await.expect("user").delete_at.expect("an end");
    assert!(at > kit.now());

    let (kit, auth) = house(login().no_account_deletion()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    ada.deletion_scheduled().await;
    assert!(ada.user().await.expect("user").delete_at.is_some());
}

#[tokio::test]
async fn bearer_is_a_session_without_cookies() {
    let (kit, auth) = house(login()).await;
    for person in [
        kit.person(&auth, "pwd@example.com").confirmed(),
        kit.person(&auth, "otp@example.com").with_totp(),
        #[cfg(feature = "passkeys")]
        kit.person(&auth, "hwk@example.com").with_passkey(),
    ] {
        let person = person.register().await;
        let mut visitor = person.bearer().await;
        let authorization = &visitor.headers()["authorization"];
        let token = visitor.token().expect("token").to_owned();
        assert_eq!(authorization, &format!("Bearer {token}"));
        assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
        // Its own endpoints know it too, and hand over a new token.
        person.step_up(&mut visitor).await;
        assert_ne!(visitor.token(), Some(&*token));
        assert_eq!(ask(&auth, &visitor, recent()).await, Ok(()));
        assert_eq!(
            visitor.get("/auth/session").await.status,
            StatusCode::OK,
            "{person:?}"
        );
    }
}

#[tokio::test]
async fn where_a_second_factor_is_required_it_is_set_up_on_the_way() {
    let (kit, auth) = house(login().mfa(Mfa::Required)).await;
    for person in [
        kit.person(&auth, "one@example.com").confirmed(),
        kit.person(&auth, "two@example.com").with_totp(),
        #[cfg(feature = "passkeys")]
        kit.person(&auth, "three@example.com")
            .with_totp()
            .with_passkey(),
    ] {
        let person = person.register().await;
        let visitor = person.signed_in().await;
        assert_eq!(ask(&auth, &visitor, multi_factor()).await, Ok(()));
        assert!(person.app().is_some());
    }
    let person = kit.person(&auth, "four@example.com").confirmed();
    let visitor = person.register().await.bearer().await;
    assert_eq!(ask(&auth, &visitor, multi_factor()).await, Ok(()));
}
