//! Hooks beside the request they tell of.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::harness::*;
use crate::login::LifecycleHooks;
use crate::store::{Identifier, User, UserId};

const AT_MOST: Duration = Duration::from_secs(20);

/// A hook that takes its time, and tells whom it was told of.
struct Slow {
    may_go_on: Arc<Notify>,
    told: mpsc::UnboundedSender<UserId>,
}

#[async_trait]
impl LifecycleHooks for Slow {
    async fn after_registration(&self, user: &User) {
        self.may_go_on.notified().await;
        self.told.send(user.id.clone()).expect("listener");
    }
}

#[tokio::test]
async fn threat_46_a_hook_that_takes_its_time_does_not_tell_that_an_address_was_free() {
    let (sender, mut told) = mpsc::unbounded_channel();
    let may_go_on = Arc::new(Notify::new());
    let house = House::with(settings().lifecycle_hooks(Slow {
        may_go_on: may_go_on.clone(),
        told: sender,
    }));
    for _ in ["free", "taken"] {
        let mut browser = house.browser();
        let answer = timeout(AT_MOST, browser.register(ADA, PASSWORD)).await;
        let answer = answer.expect("an answer before the hook has done");
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    }
    assert!(told.try_recv().is_err(), "not yet");
    may_go_on.notify_one();
    let user = timeout(AT_MOST, told.recv()).await.expect("told");
    let users = &house.core.stores.users;
    let ada = Identifier::Email(ADA.to_owned());
    let ada = users.credentials(&ada).await.expect("store");
    assert_eq!(user, ada.map(|(user, _)| user.id));
    may_go_on.notify_one();
    tokio::task::yield_now().await;
    assert!(told.try_recv().is_err(), "once");
}
