//! What the host asks of WorkOS.

use std::time::Duration;

use super::Stage;
use super::fake::{CLIENT, Fault, USER};
use crate::login::HostedError;

#[tokio::test]
async fn users_and_organizations_are_asked_for_once_until_they_are_old() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    let seen = stage.seen(&came).await.unwrap();
    let wing = &stage.house.wing;
    let access = wing.hosted_access(&seen).await.unwrap().unwrap();
    let calls = || stage.fake.requests();
    let before = calls();
    for _ in 0..100 {
        let user = wing.hosted_user(&access).await.unwrap();
        assert_eq!(user.first_name.as_deref(), Some("Ada"));
        let organization = wing.hosted_organization("org_1").await.unwrap();
        assert_eq!(organization.name, "Engines");
    }
    assert_eq!(calls(), before + 2);
    stage.advance(Duration::from_mins(5));
    wing.hosted_user(&access).await.unwrap();
    assert_eq!(calls(), before + 3);
    // Down: the old one serves, for a while.
    stage.fake.state().fault = Some(Fault::Down);
    stage.advance(Duration::from_mins(6));
    assert!(wing.hosted_user(&access).await.is_ok());
    stage.advance(Duration::from_hours(2));
    let error = wing.hosted_user(&access).await.unwrap_err();
    assert_eq!(error, HostedError::Unavailable);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let stage = Stage::new().await;
    let wing = &stage.house.wing;
    for id in ["org_other", "", "../users", "a\u{0}b"] {
        let error = wing.hosted_organization(id).await.unwrap_err();
        assert_eq!(error, HostedError::NotFound, "{id:?}");
    }
}

#[tokio::test]
async fn the_host_has_the_whole_client() {
    let stage = Stage::new().await;
    let client = stage.house.wing.workos().unwrap();
    assert_eq!(client.client_id(), CLIENT);
    let user = client.user_management().get_user(USER).await.unwrap();
    assert_eq!(user.id, USER);
    let shown = stage.fake.heads();
    assert!(
        shown[0]
            .to_lowercase()
            .contains("authorization: bearer sk_test_key")
    );
}
