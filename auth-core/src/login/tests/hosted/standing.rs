//! Sessions that came from WorkOS stand as long as WorkOS says so.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;

use super::super::harness::PASSWORD;
use super::fake::{EMAIL, Fault, LIFE};
use super::{Came, Stage};
use crate::login::{HostedAccess, ScopeError, ScopeFacts, ScopeLoader, SignedIn};
use crate::services::Event;
use crate::web::Problem;

const PAST: Duration = Duration::from_secs(LIFE.unsigned_abs() + 1);

async fn access(stage: &Stage, came: &Came) -> Result<Option<Arc<HostedAccess>>, Problem> {
    let seen = stage.seen(came).await.expect("signed in");
    stage.house.wing.hosted_access(&seen).await
}

#[tokio::test]
async fn a_good_token_is_asked_of_nobody() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    let first = access(&stage, &came).await.unwrap().unwrap();
    assert_eq!(first.organization.as_deref(), Some("org_1"));
    assert_eq!(first.role.as_deref(), Some("admin"));
    assert!(first.may("reports:read") && !first.may("reports:write"));
    assert_eq!(first.session_id, came.sid);
    let calls = stage.fake.requests();
    for _ in 0..10_000 {
        assert!(stage.seen(&came).await.is_some());
    }
    assert_eq!(stage.fake.requests(), calls);
}

#[tokio::test]
async fn a_session_of_another_kind_never_asks() {
    let stage = Stage::new().await;
    stage.user().await;
    let mut browser = stage.house.browser();
    browser.sign_in(EMAIL, PASSWORD).await;
    assert!(browser.is_signed_in().await);
    assert_eq!(stage.fake.requests(), 0);
}

#[tokio::test]
async fn a_token_that_ended_is_refreshed_once_and_kept() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    stage.advance(PAST);
    let renewed = access(&stage, &came).await.unwrap().unwrap();
    assert_eq!(renewed.organization.as_deref(), Some("org_1"));
    assert_eq!(stage.row(&came).await.unwrap().version, 1);
    for _ in 0..5 {
        assert!(stage.seen(&came).await.is_some());
    }
    assert_eq!(stage.fake.state().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_requests_at_once_one_refreshes_and_all_go_on() {
    let stage = Arc::new(Stage::new().await);
    let user = stage.user().await;
    let came = Arc::new(stage.came(&user, Some("org_1")).await);
    stage.advance(PAST);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (stage, came) = (stage.clone(), came.clone());
            tokio::spawn(async move { stage.seen(&came).await.is_some() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(stage.fake.state().refreshes, 1);
    assert_eq!(stage.row(&came).await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_nodes_one_refreshes_and_the_other_reads_it() {
    let stage = Arc::new(Stage::new().await);
    let other = Arc::new(stage.second_node());
    let user = stage.user().await;
    let came = Arc::new(stage.came(&user, None).await);
    stage.advance(PAST);
    let tasks: Vec<_> = (0..32)
        .map(|index| {
            let (stage, other, came) = (stage.clone(), other.clone(), came.clone());
            tokio::spawn(async move {
                let wing = if index % 2 == 0 {
                    &stage.house.wing
                } else {
                    &other.wing
                };
                wing.session(&came.headers()).await.unwrap().is_some()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(stage.fake.state().refreshes, 1);
}

#[tokio::test]
async fn a_refresh_that_is_refused_ends_the_session() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    stage.fake.revoke_all();
    assert!(stage.seen(&came).await.is_some(), "until the token ends");
    stage.advance(PAST);
    assert!(stage.seen(&came).await.is_none());
    assert!(stage.row(&came).await.is_none());
    let ended = stage.house.ended();
    assert!(ended[0].sessions.contains(&came.session.id));
    let refused = Event::UpstreamRefused {
        upstream: "workos".to_owned(),
        reason: "refresh_refused",
    };
    assert!(stage.house.events().contains(&refused));
}

#[tokio::test]
async fn a_provider_that_is_down_ends_nothing_and_lets_nobody_in() {
    for fault in [Fault::Down, Fault::Markup, Fault::Redirect] {
        let stage = Stage::new().await;
        let user = stage.user().await;
        let came = stage.came(&user, Some("org_1")).await;
        assert!(stage.seen(&came).await.is_some());
        stage.fake.state().fault = Some(fault);
        assert!(stage.seen(&came).await.is_some(), "while the token lives");
        stage.advance(PAST);
        let refused = stage.house.wing.session(&came.headers()).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        // The wing's own pages go on: out, or in by another way.
        let mut browser = stage.browser(&came);
        assert_eq!(browser.get("/auth/logout").await.status, StatusCode::OK);
        assert_eq!(browser.get("/auth/login").await.status, StatusCode::OK);
        // It comes back: nothing was lost, and a call that was not answered is not repeated at once.
        stage.fake.state().fault = None;
        assert!(stage.house.wing.session(&came.headers()).await.is_err());
        stage.advance(Duration::from_secs(3));
        assert!(stage.seen(&came).await.is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_provider_is_given_up_on() {
    let stage = Stage::on(
        crate::store::MemoryStore::new().into(),
        |login| login,
        |settings| settings.timeout(Duration::from_millis(200)),
    )
    .await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    stage.fake.state().fault = Some(Fault::Slow);
    stage.advance(PAST);
    let refused = stage.house.wing.session(&came.headers()).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stage.row(&came).await.is_some());
}

#[tokio::test]
async fn keys_that_rotate_are_followed() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    assert!(stage.seen(&came).await.is_some());
    stage.fake.rotate_keys();
    stage.advance(PAST);
    assert!(stage.seen(&came).await.is_some());
    assert_eq!(stage.fake.state().refreshes, 1);
}

/// What a token that is not what it should be comes to, kept or fresh.
async fn comes_to_nothing(
    bend: impl Fn(&mut serde_json::Map<String, serde_json::Value>) + Send + Sync + 'static,
) {
    let stage = Stage::new().await;
    let user = stage.user().await;
    stage.fake.bend(bend);
    let came = stage.came(&user, Some("org_1")).await;
    assert!(stage.seen(&came).await.is_none());
    assert_eq!(
        stage.fake.state().refreshes,
        1,
        "refreshed once, then cleared"
    );
    assert!(stage.row(&came).await.is_none());
}

#[tokio::test]
async fn a_token_of_another_issuer_is_none() {
    comes_to_nothing(|claims| drop(claims.insert("iss".to_owned(), json!("https://evil.test"))))
        .await;
}

#[tokio::test]
async fn a_token_of_another_client_is_none() {
    comes_to_nothing(|claims| drop(claims.insert("aud".to_owned(), json!("client_other")))).await;
    comes_to_nothing(|claims| drop(claims.insert("client_id".to_owned(), json!("client_other"))))
        .await;
}

#[tokio::test]
async fn a_token_of_another_person_is_none() {
    comes_to_nothing(|claims| drop(claims.insert("sub".to_owned(), json!("user_01EVE")))).await;
}

#[tokio::test]
async fn threat_07_a_token_of_nobody_is_none() {
    comes_to_nothing(|claims| drop(claims.remove("sub"))).await;
    comes_to_nothing(|claims| drop(claims.insert("sub".to_owned(), json!("")))).await;
    comes_to_nothing(|claims| drop(claims.insert("sub".to_owned(), json!(7)))).await;
}

#[tokio::test]
async fn a_token_without_session_end_or_sense_is_none() {
    comes_to_nothing(|claims| drop(claims.remove("sid"))).await;
    comes_to_nothing(|claims| drop(claims.remove("exp"))).await;
    comes_to_nothing(|claims| drop(claims.insert("exp".to_owned(), json!("1763800000")))).await;
    comes_to_nothing(|claims| drop(claims.insert("exp".to_owned(), json!(1000)))).await;
    comes_to_nothing(|claims| drop(claims.insert("iat".to_owned(), json!(1_763_700_600)))).await;
    comes_to_nothing(|claims| drop(claims.insert("org_id".to_owned(), json!(["org_1"])))).await;
    comes_to_nothing(|claims| drop(claims.insert("permissions".to_owned(), json!("all")))).await;
}

#[tokio::test]
async fn a_token_signed_by_another_key_is_none() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    stage.fake.state().fault = Some(Fault::ForeignKey);
    let came = stage.came(&user, None).await;
    assert!(stage.seen(&came).await.is_none());
}

#[tokio::test]
async fn a_hosted_session_without_its_row_is_none() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let store = &stage.house.core.stores.upstream_sessions;
    store.take_upstream_session(&came.session.id).await.unwrap();
    assert!(stage.seen(&came).await.is_none());
}

struct Loader(Option<&'static str>);

#[async_trait]
impl ScopeLoader for Loader {
    async fn load(&self, _: &SignedIn) -> Result<ScopeFacts, ScopeError> {
        Ok(ScopeFacts::default())
    }

    async fn load_hosted(
        &self,
        _: &SignedIn,
        access: &HostedAccess,
    ) -> Result<ScopeFacts, ScopeError> {
        Ok(ScopeFacts {
            organization: self.0.map(str::to_owned),
            admin: access.may("reports:read"),
            profile: Some(Arc::new(access.user_id.clone())),
            ..ScopeFacts::default()
        })
    }
}

#[tokio::test]
async fn the_scope_is_the_tokens_with_what_the_loader_adds() {
    let stage = Stage::with(|login| login.scope_loader(Loader(None))).await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    let seen = stage.seen(&came).await.unwrap();
    let scope = stage.house.wing.scope(&seen).await.unwrap();
    assert_eq!(scope.organization.as_deref(), Some("org_1"));
    assert_eq!(scope.role.as_deref(), Some("admin"));
    assert!(scope.admin);
    assert_eq!(
        scope.profile::<String>().map(String::as_str),
        Some("user_01ADA")
    );
}

#[tokio::test]
async fn a_role_counts_in_its_own_organization_only() {
    let stage = Stage::with(|login| login.scope_loader(Loader(Some("org_2")))).await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    let seen = stage.seen(&came).await.unwrap();
    let scope = stage.house.wing.scope(&seen).await.unwrap();
    assert_eq!(scope.organization.as_deref(), Some("org_2"));
    assert_eq!(scope.role, None);
}
