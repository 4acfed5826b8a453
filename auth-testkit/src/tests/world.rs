//! What is put into a host, and how people come about in any.

use auth_core::auth::Auth;
use auth_core::ground::Timestamp;
use auth_core::login::IdentifierKind;
use auth_core::services::Event;
use http::StatusCode;

use super::*;

#[tokio::test]
async fn any_builder_fits() {
    let kit = TestKit::starting_at(Timestamp::from_seconds(1_000_000_000));
    let builder = Auth::builder("http://localhost:3000/base")
        .secret_from_env("A_VARIABLE_THAT_IS_SET_NOWHERE")
        .clustered(true)
        .login(login().path("/id"));
    let auth = kit.install(builder).build().await.expect("auth");
    let person = kit.person(&auth, ADA).with_totp();
    #[cfg(feature = "passkeys")]
    let person = person.with_passkey();
    let ada = person.register().await;
    let mut visitor = ada.signed_in().await;
    assert_eq!(visitor.get("/base/id/account").await.status, StatusCode::OK);
    let mails = kit.mails(&auth).await;
    let confirmation = mails.to(ADA).pop().expect("mail");
    let link = confirmation.link("/base/id/confirm");
    assert!(link.starts_with("/base/id/confirm?t="), "{link}");
    assert_eq!(kit.now().rfc3339()[..4], *"2001");
}

#[tokio::test]
async fn people_come_about_where_nobody_may_register() {
    let (kit, auth) = house(login().registration(false)).await;
    let ada = kit
        .person(&auth, ADA)
        .named("Ada")
        .with_totp()
        .register()
        .await;
    let visitor = ada.signed_in().await;
    let session = visitor.session().await.expect("session");
    assert_eq!(session.user.display_name(), "Ada");
    assert!(session.user.email_verified_at.is_some());
}

#[tokio::test]
async fn people_come_about_where_no_mail_is_sent_and_by_username() {
    let settings = login()
        .mail_flows(false)
        .identifiers(IdentifierKind::Either);
    let (kit, auth) = house(settings).await;
    for identifier in [ADA, "ada"] {
        let ada = kit.person(&auth, identifier).confirmed().register().await;
        assert_eq!(ada.identifier(), identifier);
        let visitor = ada.signed_in().await;
        assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
        ada.locked().await;
    }
    assert!(kit.mails(&auth).await.all().is_empty());
}

#[tokio::test]
#[should_panic(expected = "has an account in this kit already")]
async fn nobody_comes_about_twice() {
    let (kit, auth) = house(login()).await;
    kit.person(&auth, ADA).register().await;
    kit.person(&auth, "Ada@Example.com").register().await;
}

#[tokio::test]
#[should_panic(expected = "registering ada@example.com: POST /auth/register was answered 422")]
async fn what_the_host_refuses_fails_the_test() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).password("password");
    ada.register().await;
}

#[tokio::test]
async fn many_people_stand_in_nobodys_way() {
    let (kit, auth) = house(login()).await;
    let mut people = Vec::new();
    for number in 0..40 {
        let email = format!("p{number}@example.com");
        people.push(kit.person(&auth, &email).confirmed().register().await);
    }
    for person in &people {
        let visitor = person.signed_in().await;
        let session = visitor.session().await.expect("session");
        assert_eq!(&session.user.id, person.id());
    }
    let is_registration = |event: &&Event| matches!(event, Event::Registered { .. });
    assert_eq!(kit.events().iter().filter(is_registration).count(), 40);
}

#[tokio::test]
async fn two_nodes_are_one_world() {
    let kit = TestKit::new();
    let one = kit.install(host(login())).build().await.expect("auth");
    let other = kit.install(host(login())).build().await.expect("auth");
    let ada = kit.person(&one, ADA).confirmed().register().await;
    let visitor = ada.signed_in().await;
    assert_eq!(ask(&other, &visitor, signed_in()).await, Ok(()));
}

#[tokio::test]
async fn an_answer_of_the_host_is_kept() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let headers = ada.signed_in().await.headers();
    let cookie = headers["cookie"].to_str().expect("text");
    let mut visitor = Visitor::anonymous(&kit, &auth);
    let mut answered = http::HeaderMap::new();
    for pair in cookie.split("; ") {
        let value = format!("{pair}; Path=/; Secure").parse().expect("header");
        answered.append("set-cookie", value);
    }
    visitor.keep(&answered);
    assert_eq!(ask(&auth, &visitor, signed_in()).await, Ok(()));
}
