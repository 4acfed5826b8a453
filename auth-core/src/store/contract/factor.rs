//! TOTP secrets and backup codes.

use std::sync::Arc;

use super::{at, count, digest, odd_texts, race};
use crate::ground::Digest32;
use crate::store::{FactorId, FactorStore, TotpFactor, UserId};

fn ada() -> UserId {
    UserId::new("ada")
}

fn totp(id: &str) -> TotpFactor {
    TotpFactor {
        id: FactorId::new(id),
        user_id: ada(),
        secret: (0..=255).collect(),
        created_at: at(0),
        confirmed_at: None,
        last_step: None,
    }
}

fn confirmed(id: &str, step: u64) -> TotpFactor {
    TotpFactor {
        confirmed_at: Some(at(1)),
        last_step: Some(step),
        ..totp(id)
    }
}

async fn begin(store: &impl FactorStore, totp: &TotpFactor) -> bool {
    store.begin_totp(totp).await.unwrap()
}

async fn confirm(store: &impl FactorStore, id: &str, step: u64) -> bool {
    let id = FactorId::new(id);
    store.confirm_totp(&ada(), &id, step, at(1)).await.unwrap()
}

async fn spend(store: &impl FactorStore, id: &str, step: u64) -> bool {
    let id = FactorId::new(id);
    store.spend_totp_step(&ada(), &id, step).await.unwrap()
}

async fn stands(store: &impl FactorStore) -> Option<TotpFactor> {
    store.totp(&ada()).await.unwrap()
}

pub async fn begins_and_confirms<S: FactorStore>(store: S) {
    assert_eq!(stands(&store).await, None);
    assert!(begin(&store, &totp("a")).await);
    assert_eq!(stands(&store).await, Some(totp("a")));
    assert!(!spend(&store, "a", 9).await, "it does not count yet");
    assert!(confirm(&store, "a", 7).await);
    assert_eq!(stands(&store).await, Some(confirmed("a", 7)));
    assert!(!confirm(&store, "a", 8).await);
    assert_eq!(stands(&store).await, Some(confirmed("a", 7)));
    // Another's is another's.
    let bob = UserId::new("bob");
    assert_eq!(store.totp(&bob).await.unwrap(), None);
    let id = FactorId::new("a");
    assert!(!store.spend_totp_step(&bob, &id, 99).await.unwrap());
    assert!(!store.remove_totp(&bob).await.unwrap());
}

pub async fn reads_back_an_enrolment_as_it_is<S: FactorStore>(store: S) {
    // As an import brings it: confirmed, with the largest numbers there are.
    let all = TotpFactor {
        secret: vec![0; 4096],
        last_step: Some(u64::try_from(i64::MAX).unwrap()),
        confirmed_at: Some(at(-1)),
        ..totp("a")
    };
    assert!(begin(&store, &all).await);
    assert_eq!(stands(&store).await, Some(all));
}

pub async fn an_unconfirmed_enrolment_is_replaced<S: FactorStore>(store: S) {
    assert!(begin(&store, &totp("a")).await);
    let other = TotpFactor {
        secret: vec![9],
        created_at: at(3),
        ..totp("b")
    };
    assert!(begin(&store, &other).await);
    assert_eq!(stands(&store).await, Some(other));
    // The code of the one before confirms nothing.
    assert!(!confirm(&store, "a", 7).await);
    assert!(confirm(&store, "b", 7).await);
}

pub async fn a_confirmed_enrolment_is_not_replaced<S: FactorStore>(store: S) {
    assert!(begin(&store, &totp("a")).await);
    assert!(confirm(&store, "a", 7).await);
    assert!(!begin(&store, &totp("b")).await);
    assert!(!begin(&store, &totp("a")).await);
    assert_eq!(stands(&store).await, Some(confirmed("a", 7)));
}

pub async fn is_removed_once<S: FactorStore>(store: S) {
    assert!(!store.remove_totp(&ada()).await.unwrap());
    for is_confirmed in [false, true] {
        assert!(begin(&store, &totp("a")).await);
        assert!(!is_confirmed || confirm(&store, "a", 7).await);
        assert!(store.remove_totp(&ada()).await.unwrap());
        assert!(!store.remove_totp(&ada()).await.unwrap());
        assert_eq!(stands(&store).await, None);
        assert!(!spend(&store, "a", 99).await);
        assert!(!confirm(&store, "a", 99).await);
    }
}

pub async fn reseals_the_secret_alone<S: FactorStore>(store: S) {
    assert!(begin(&store, &totp("a")).await);
    assert!(confirm(&store, "a", 7).await);
    for (id, secret) in [("b", vec![1]), ("a", vec![0, 255])] {
        let resealed = store.reseal_totp(&ada(), &FactorId::new(id), &secret).await;
        resealed.unwrap();
        let expected = TotpFactor {
            secret: if id == "a" { secret } else { totp("a").secret },
            ..confirmed("a", 7)
        };
        assert_eq!(stands(&store).await, Some(expected));
    }
    let absent = UserId::new("bob");
    let resealed = store.reseal_totp(&absent, &FactorId::new("a"), b"x").await;
    resealed.unwrap();
    assert_eq!(store.totp(&absent).await.unwrap(), None);
}

pub async fn threat_53_a_time_step_is_spent_once<S: FactorStore>(store: S) {
    assert!(begin(&store, &totp("a")).await);
    assert!(confirm(&store, "a", 7).await);
    for (step, accepted) in [
        (7, false),
        (6, false),
        (0, false),
        (8, true),
        (8, false),
        (10, true),
        (9, false),
        (11, true),
    ] {
        assert_eq!(spend(&store, "a", step).await, accepted, "{step}");
        assert!(!spend(&store, "b", step + 100).await, "another enrolment");
    }
    assert_eq!(stands(&store).await, Some(confirmed("a", 11)));
}

pub async fn threat_53_one_of_many_spends_a_time_step<S: FactorStore + 'static>(store: S) {
    let store = Arc::new(store);
    assert!(begin(&*store, &totp("a")).await);
    assert!(confirm(&*store, "a", 7).await);
    for step in [8, 9, 10] {
        let answers = race(&store, move |store, _| async move {
            spend(&*store, "a", step).await
        });
        assert_eq!(count(&answers.await, |spent| *spent), 1, "{step}");
    }
}

pub async fn threat_12_one_of_many_confirms<S: FactorStore + 'static>(store: S) {
    let store = Arc::new(store);
    assert!(begin(&*store, &totp("a")).await);
    let answers = race(&store, |store, racer| async move {
        confirm(&*store, "a", racer as u64).await
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let last_step = stands(&*store).await.unwrap().last_step;
    assert_eq!(last_step, Some(winner as u64));
}

/// Half of them confirm what was begun, half of them begin anew.
pub async fn threat_12_a_confirmed_secret_is_never_swapped<S: FactorStore + 'static>(store: S) {
    let store = Arc::new(store);
    assert!(begin(&*store, &totp("first")).await);
    let answers = race(&store, |store, racer| async move {
        if racer % 2 == 0 {
            return confirm(&*store, "first", 7).await;
        }
        begin(&*store, &totp(&racer.to_string())).await;
        false
    })
    .await;
    let confirmations = count(&answers, |won| *won);
    let stands = stands(&*store).await.unwrap();
    if confirmations == 1 {
        assert_eq!(stands, confirmed("first", 7));
    } else {
        assert_eq!(confirmations, 0);
        assert_ne!(stands.id, FactorId::new("first"));
        assert_eq!(stands.confirmed_at, None);
    }
}

fn codes(name: &str, count: usize) -> Vec<Digest32> {
    (0..count)
        .map(|nth| digest(format!("{name}{nth}")))
        .collect()
}

async fn consume(store: &impl FactorStore, code: &Digest32) -> bool {
    store.consume_backup_code(&ada(), code).await.unwrap()
}

async fn left(store: &impl FactorStore) -> u32 {
    store.backup_codes_left(&ada()).await.unwrap()
}

pub async fn backup_codes_are_spent_once<S: FactorStore>(store: S) {
    let all = codes("a", 10);
    assert_eq!(left(&store).await, 0);
    assert!(!consume(&store, &all[0]).await);
    store.replace_backup_codes(&ada(), &all).await.unwrap();
    assert_eq!(left(&store).await, 10);
    assert!(!consume(&store, &digest("another")).await);
    let bob = UserId::new("bob");
    assert!(!store.consume_backup_code(&bob, &all[0]).await.unwrap());
    assert_eq!(store.backup_codes_left(&bob).await.unwrap(), 0);
    for (spent, code) in all.iter().enumerate() {
        assert!(consume(&store, code).await);
        assert!(!consume(&store, code).await);
        assert_eq!(left(&store).await as usize, 9 - spent);
    }
}

pub async fn backup_codes_are_replaced_as_a_whole<S: FactorStore>(store: S) {
    let (old, new) = (codes("old", 10), codes("new", 3));
    store.replace_backup_codes(&ada(), &old).await.unwrap();
    let bob = UserId::new("bob");
    store.replace_backup_codes(&bob, &old).await.unwrap();
    assert!(consume(&store, &old[0]).await);
    store.replace_backup_codes(&ada(), &new).await.unwrap();
    assert_eq!(left(&store).await, 3);
    assert!(!consume(&store, &old[1]).await);
    assert!(consume(&store, &new[0]).await);
    store.replace_backup_codes(&ada(), &[]).await.unwrap();
    assert_eq!(left(&store).await, 0);
    assert!(!consume(&store, &new[1]).await);
    assert_eq!(store.backup_codes_left(&bob).await.unwrap(), 10);
    // The same again is as good as new.
    store.replace_backup_codes(&ada(), &new).await.unwrap();
    assert!(consume(&store, &new[0]).await);
}

pub async fn threat_12_one_of_many_spends_a_backup_code<S: FactorStore + 'static>(store: S) {
    let store = Arc::new(store);
    let all = codes("a", 4);
    store.replace_backup_codes(&ada(), &all).await.unwrap();
    // Several codes at once, so that none of their ends is forgotten either.
    let answers = race(&store, |store, racer| {
        let code = codes("a", 4)[racer % 4];
        async move { (racer % 4, consume(&*store, &code).await) }
    })
    .await;
    for nth in 0..4 {
        assert_eq!(count(&answers, |answer| *answer == (nth, true)), 1);
    }
    assert_eq!(left(&*store).await, 0);
}

pub async fn one_of_many_sets_of_backup_codes_stands<S: FactorStore + 'static>(store: S) {
    let store = Arc::new(store);
    race(&store, |store, racer| async move {
        let codes = codes(&format!("{racer} "), 5);
        store.replace_backup_codes(&ada(), &codes).await.unwrap();
    })
    .await;
    assert_eq!(left(&*store).await, 5);
    let mut whole = 0;
    for racer in 0..super::RACERS {
        let mut spent = 0;
        for code in codes(&format!("{racer} "), 5) {
            spent += usize::from(consume(&*store, &code).await);
        }
        assert!(spent == 0 || spent == 5, "{spent} of one set");
        whole += spent / 5;
    }
    assert_eq!(whole, 1);
}

pub async fn a_user_that_cannot_be_has_none<S: FactorStore>(store: S) {
    assert!(begin(&store, &totp("a")).await);
    for text in odd_texts() {
        let (user, id) = (UserId::new(text.as_str()), FactorId::new(text.as_str()));
        assert_eq!(store.totp(&user).await.unwrap(), None);
        let confirmed = store.confirm_totp(&user, &id, 1, at(1)).await;
        assert!(!confirmed.unwrap());
        assert!(!confirm(&store, &text, 1).await);
        assert!(!store.spend_totp_step(&user, &id, 1).await.unwrap());
        store.reseal_totp(&user, &id, b"x").await.unwrap();
        assert!(!store.remove_totp(&user).await.unwrap());
        store.replace_backup_codes(&user, &[]).await.unwrap();
        let code = digest(&text);
        assert!(!store.consume_backup_code(&user, &code).await.unwrap());
        assert_eq!(store.backup_codes_left(&user).await.unwrap(), 0);
    }
    assert_eq!(stands(&store).await, Some(totp("a")));
}
