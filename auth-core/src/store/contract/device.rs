//! Browsers seen and trusted.

use std::sync::Arc;

use super::{assert_exists, at, count, digest, odd_texts, race};
use crate::store::{DeviceId, DeviceSeen, DeviceStore, TrustedDevice, UserId};

fn ada() -> UserId {
    UserId::new("ada")
}

pub(super) fn trusted(name: &str, user: &str, created: i64) -> TrustedDevice {
    TrustedDevice {
        id: DeviceId::new(name),
        user_id: UserId::new(user),
        token_digest: digest(name),
        user_agent: Some(format!("Browser/{name} 🦊")),
        created_at: at(created),
        expires_at: at(created + 100),
    }
}

async fn note(store: &impl DeviceStore, user: &str, browser: &str, until: i64) -> DeviceSeen {
    let (user, browser) = (UserId::new(user), digest(browser));
    let noted = store.note_device(&user, &browser, at(0), at(until));
    noted.await.unwrap()
}

async fn listed(store: &impl DeviceStore, user: &str) -> Vec<String> {
    let devices = store.trusted_devices_of(&UserId::new(user)).await.unwrap();
    let ids = devices.iter().map(|one| one.id.as_str().to_owned());
    ids.collect()
}

pub async fn reads_back_what_was_trusted<S: DeviceStore>(store: S) {
    let nameless = TrustedDevice {
        user_agent: None,
        ..trusted("b", "ada", 1)
    };
    for device in [trusted("a", "ada", 0), nameless] {
        assert_eq!(store.trusted_device(&device.id).await.unwrap(), None);
        store.trust_device(&device).await.unwrap();
        let found = store.trusted_device(&device.id).await.unwrap();
        assert_eq!(found, Some(device));
    }
}

pub async fn threat_25_trust_never_overwrites<S: DeviceStore>(store: S) {
    let device = trusted("a", "ada", 0);
    store.trust_device(&device).await.unwrap();
    let planted = TrustedDevice {
        token_digest: digest("planted"),
        ..trusted("a", "eve", 1)
    };
    assert_exists(store.trust_device(&planted).await);
    let found = store.trusted_device(&device.id).await.unwrap();
    assert_eq!(found, Some(device));
    assert_eq!(listed(&store, "eve").await, [""; 0]);
}

pub async fn threat_25_one_of_many_is_trusted_under_an_id<S: DeviceStore + 'static>(store: S) {
    let store = Arc::new(store);
    let make = |racer: usize| trusted("same", &racer.to_string(), 0);
    let answers = race(&store, |store, racer| async move {
        store.trust_device(&make(racer)).await.is_ok()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let found = store.trusted_device(&DeviceId::new("same")).await.unwrap();
    assert_eq!(found, Some(make(winner)));
}

pub async fn lists_newest_first_at_most_a_hundred<S: DeviceStore>(store: S) {
    for (name, created) in [("c", 1), ("a", 3), ("b", 3), ("d", 2)] {
        let device = trusted(name, "ada", created);
        store.trust_device(&device).await.unwrap();
    }
    store.trust_device(&trusted("e", "bob", 9)).await.unwrap();
    assert_eq!(listed(&store, "ada").await, ["b", "a", "d", "c"]);
    assert_eq!(listed(&store, "eve").await, [""; 0]);
    for number in 0..97 {
        let device = trusted(&format!("n{number}"), "ada", 100 + number);
        store.trust_device(&device).await.unwrap();
    }
    let listed = listed(&store, "ada").await;
    assert_eq!(listed.len(), 100);
    assert_eq!((listed[0].as_str(), listed[99].as_str()), ("n96", "d"));
}

pub async fn only_the_owner_distrusts<S: DeviceStore>(store: S) {
    for (name, user) in [("a", "ada"), ("b", "ada"), ("c", "bob"), ("d", "ada")] {
        store.trust_device(&trusted(name, user, 0)).await.unwrap();
    }
    let id = DeviceId::new("a");
    let foreign = store.distrust_device(&UserId::new("bob"), &id).await;
    assert!(!foreign.unwrap());
    assert!(store.distrust_device(&ada(), &id).await.unwrap());
    assert!(!store.distrust_device(&ada(), &id).await.unwrap());
    assert_eq!(store.trusted_device(&id).await.unwrap(), None);
    assert_eq!(store.distrust_devices(&ada()).await.unwrap(), 2);
    assert_eq!(store.distrust_devices(&ada()).await.unwrap(), 0);
    assert_eq!(listed(&store, "ada").await, [""; 0]);
    assert_eq!(listed(&store, "bob").await, ["c"]);
}

pub async fn threat_12_one_of_many_distrusts<S: DeviceStore + 'static>(store: S) {
    let store = Arc::new(store);
    let device = trusted("a", "ada", 0);
    store.trust_device(&device).await.unwrap();
    let answers = race(&store, |store, racer| async move {
        if racer % 2 == 0 {
            return store.distrust_devices(&ada()).await.unwrap();
        }
        let id = DeviceId::new("a");
        u64::from(store.distrust_device(&ada(), &id).await.unwrap())
    });
    assert_eq!(answers.await.iter().sum::<u64>(), 1);
}

pub async fn tells_the_first_browser_from_a_new_one<S: DeviceStore>(store: S) {
    assert_eq!(note(&store, "ada", "a", 100).await, DeviceSeen::First);
    assert_eq!(note(&store, "ada", "a", 100).await, DeviceSeen::Known);
    assert_eq!(note(&store, "ada", "b", 100).await, DeviceSeen::New);
    assert_eq!(note(&store, "ada", "b", 100).await, DeviceSeen::Known);
    assert_eq!(note(&store, "ada", "c", 100).await, DeviceSeen::New);
    // The same browser is another user's first.
    assert_eq!(note(&store, "bob", "a", 100).await, DeviceSeen::First);
    assert_eq!(note(&store, "bob", "c", 100).await, DeviceSeen::New);
    assert_eq!(note(&store, "ada", "a", 100).await, DeviceSeen::Known);
}

pub async fn forgets_all_devices_of_a_user<S: DeviceStore>(store: S) {
    for (name, user) in [("a", "ada"), ("b", "ada"), ("c", "bob")] {
        store.trust_device(&trusted(name, user, 0)).await.unwrap();
        note(&store, user, name, 100).await;
    }
    store.forget_devices(&ada()).await.unwrap();
    store.forget_devices(&ada()).await.unwrap();
    assert_eq!(listed(&store, "ada").await, [""; 0]);
    assert_eq!(listed(&store, "bob").await, ["c"]);
    assert_eq!(note(&store, "ada", "b", 100).await, DeviceSeen::First);
    assert_eq!(note(&store, "ada", "a", 100).await, DeviceSeen::New);
    assert_eq!(note(&store, "bob", "c", 100).await, DeviceSeen::Known);
}

/// One browser, noted by many at once: no mail or one, never two.
pub async fn one_of_many_notes_a_browser<S: DeviceStore + 'static>(store: S) {
    let store = Arc::new(store);
    for (browser, expected) in [("a", DeviceSeen::First), ("b", DeviceSeen::New)] {
        let answers = race(&store, move |store, racer| async move {
            let until = 100 + i64::try_from(racer).unwrap();
            note(&*store, "ada", browser, until).await
        })
        .await;
        assert_eq!(count(&answers, |seen| *seen == expected), 1, "{browser}");
        let known = count(&answers, |seen| *seen == DeviceSeen::Known);
        assert_eq!(known, answers.len() - 1, "{browser}");
    }
}

/// Many browsers at once: one is the first.
pub async fn one_of_many_browsers_is_the_first<S: DeviceStore + 'static>(store: S) {
    let store = Arc::new(store);
    for user in ["ada", "bob", "eve"] {
        let answers = race(&store, move |store, racer| async move {
            note(&*store, user, &racer.to_string(), 100).await
        })
        .await;
        assert_eq!(count(&answers, |seen| *seen == DeviceSeen::First), 1);
        let new = count(&answers, |seen| *seen == DeviceSeen::New);
        assert_eq!(new, answers.len() - 1);
    }
}

pub async fn an_id_that_cannot_be_is_absent<S: DeviceStore>(store: S) {
    for text in odd_texts() {
        let (user, id) = (UserId::new(text.as_str()), DeviceId::new(text.as_str()));
        assert_eq!(store.trusted_device(&id).await.unwrap(), None);
        assert_eq!(store.trusted_devices_of(&user).await.unwrap(), []);
        assert!(!store.distrust_device(&user, &id).await.unwrap());
        assert!(!store.distrust_device(&ada(), &id).await.unwrap());
        assert_eq!(store.distrust_devices(&user).await.unwrap(), 0);
        store.forget_devices(&user).await.unwrap();
    }
}
