//! Messages for others.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{RACERS, at, count, odd_texts, race};
use crate::store::{MessageId, OutboxKind, OutboxMessage, OutboxStore};

const KIND: OutboxKind = OutboxKind::BackChannelLogout;

fn message(id: impl AsRef<str>) -> OutboxMessage {
    OutboxMessage {
        id: MessageId::new(id.as_ref()),
        kind: KIND,
        payload: vec![0, 1, 255],
        created_at: at(-5),
        attempts: 0,
        due_at: at(0),
        expires_at: at(1000),
    }
}

fn id(id: &str) -> MessageId {
    MessageId::new(id)
}

async fn take(store: &impl OutboxStore, now: i64, limit: u32) -> Vec<OutboxMessage> {
    let taken = store.take_due(KIND, at(now), at(now + 60), limit).await;
    taken.unwrap()
}

async fn taken_ids(store: &impl OutboxStore, now: i64, limit: u32) -> Vec<String> {
    let taken = take(store, now, limit).await;
    taken.iter().map(|one| one.id.to_string()).collect()
}

pub async fn takes_what_was_put<S: OutboxStore>(store: S) {
    store.put_messages(&[message("a")]).await.unwrap();
    assert_eq!(take(&store, -1, 10).await, []);
    let taken = OutboxMessage {
        attempts: 1,
        due_at: at(60),
        ..message("a")
    };
    assert_eq!(take(&store, 0, 10).await, [taken]);
    assert_eq!(take(&store, 59, 10).await, []);
    // Who took it said nothing more: it falls due again.
    let again = OutboxMessage {
        attempts: 2,
        due_at: at(120),
        ..message("a")
    };
    assert_eq!(take(&store, 60, 10).await, [again]);
}

pub async fn takes_the_longest_due_first_and_no_more_than_asked<S: OutboxStore>(store: S) {
    let messages: Vec<_> = [30, 10, 20, 40]
        .map(|due| OutboxMessage {
            due_at: at(due),
            ..message(due.to_string())
        })
        .into();
    store.put_messages(&messages).await.unwrap();
    assert_eq!(take(&store, 40, 0).await, []);
    let first: BTreeSet<_> = taken_ids(&store, 39, 2).await.into_iter().collect();
    assert_eq!(first, BTreeSet::from(["10".to_owned(), "20".to_owned()]));
    assert_eq!(taken_ids(&store, 39, 10).await, ["30"]);
    assert_eq!(taken_ids(&store, 40, 10).await, ["40"]);
}

pub async fn is_finished_once_and_for_all<S: OutboxStore>(store: S) {
    store
        .put_messages(&[message("a"), message("b")])
        .await
        .unwrap();
    assert!(store.finish_message(&id("a")).await.unwrap());
    assert!(!store.finish_message(&id("a")).await.unwrap());
    assert!(!store.finish_message(&id("absent")).await.unwrap());
    store.delay_message(&id("a"), at(0)).await.unwrap();
    store.delay_message(&id("absent"), at(0)).await.unwrap();
    assert_eq!(taken_ids(&store, 500, 10).await, ["b"]);
}

pub async fn an_id_is_put_once<S: OutboxStore>(store: S) {
    store.put_messages(&[]).await.unwrap();
    store.put_messages(&[message("a")]).await.unwrap();
    let other = OutboxMessage {
        payload: vec![9],
        due_at: at(-100),
        ..message("a")
    };
    store
        .put_messages(&[other.clone(), message("b"), message("c")])
        .await
        .unwrap();
    assert_eq!(take(&store, -1, 10).await, []);
    let payloads: Vec<_> = take(&store, 0, 10)
        .await
        .into_iter()
        .map(|one| one.payload)
        .collect();
    assert_eq!(payloads, vec![vec![0, 1, 255]; 3]);
    // A finished one is not said again.
    assert!(store.finish_message(&id("a")).await.unwrap());
    store.put_messages(&[other]).await.unwrap();
    assert_eq!(taken_ids(&store, 60, 10).await.len(), 2);
}

pub async fn is_delayed<S: OutboxStore>(store: S) {
    store.put_messages(&[message("a")]).await.unwrap();
    assert_eq!(take(&store, 0, 10).await.len(), 1);
    store.delay_message(&id("a"), at(300)).await.unwrap();
    assert_eq!(take(&store, 299, 10).await, []);
    let taken = take(&store, 300, 10).await;
    assert_eq!((taken.len(), taken[0].attempts), (1, 2));
}

pub async fn an_expired_message_is_not_taken<S: OutboxStore>(store: S) {
    store.put_messages(&[message("a")]).await.unwrap();
    assert_eq!(take(&store, 1000, 10).await, []);
    assert_eq!(take(&store, 999, 10).await.len(), 1);
}

pub async fn an_id_that_cannot_be_is_absent<S: OutboxStore>(store: S) {
    for text in odd_texts() {
        assert!(!store.finish_message(&id(&text)).await.unwrap());
        store.delay_message(&id(&text), at(0)).await.unwrap();
    }
    assert_eq!(take(&store, 0, 10).await, []);
}

pub async fn one_of_many_takes_each<S: OutboxStore + 'static>(store: S) {
    let store = Arc::new(store);
    store.put_messages(&[message("only")]).await.unwrap();
    for round in 0..2 {
        // Now, and when it falls due again.
        let now = round * 60;
        let answers = race(&store, move |store, _| async move {
            take(&*store, now, 10).await.len()
        })
        .await;
        assert_eq!(count(&answers, |taken| *taken == 1), 1, "{answers:?}");
        assert_eq!(answers.iter().sum::<usize>(), 1);
    }
    let many: Vec<_> = (0..RACERS * 2).map(|n| message(n.to_string())).collect();
    store.put_messages(&many).await.unwrap();
    let answers = race(
        &store,
        |store, _| async move { taken_ids(&*store, 10, 2).await },
    )
    .await;
    // A taker that loses a race may come back with less than there was; what is left is there for the next.
    let mut taken: Vec<_> = answers.into_iter().flatten().collect();
    taken.extend(taken_ids(&*store, 10, 500).await);
    assert_eq!(taken.len(), many.len());
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), many.len());
}

pub async fn one_of_many_puts_and_finishes<S: OutboxStore + 'static>(store: S) {
    let store = Arc::new(store);
    race(&store, |store, racer| async move {
        // Each in another order.
        let mut messages: Vec<_> = (0..4).map(|n| message(n.to_string())).collect();
        messages.rotate_left(racer % 4);
        store.put_messages(&messages).await.unwrap();
    })
    .await;
    assert_eq!(take(&*store, 0, 100).await.len(), 4);
    let answers = race(&store, |store, _| async move {
        store.finish_message(&id("1")).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |finished| *finished), 1);
}

pub async fn threat_48_expired_messages_go<S: OutboxStore>(store: S) {
    let later = OutboxMessage {
        expires_at: at(2000),
        ..message("later")
    };
    store
        .put_messages(&[message("waiting"), message("finished"), later])
        .await
        .unwrap();
    assert!(store.finish_message(&id("finished")).await.unwrap());
    assert_eq!(store.prune(at(999), 100).await.unwrap(), 0);
    assert_eq!(store.prune(at(1000), 1).await.unwrap(), 1);
    assert_eq!(store.prune(at(1000), 100).await.unwrap(), 1);
    assert_eq!(store.prune(at(1000), 100).await.unwrap(), 0);
    assert_eq!(taken_ids(&store, 1000, 10).await, ["later"]);
    // What is gone may come again.
    store.put_messages(&[message("finished")]).await.unwrap();
    assert_eq!(taken_ids(&store, 0, 10).await, ["finished"]);
}
