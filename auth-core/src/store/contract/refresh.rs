//! Refresh tokens.

use std::sync::Arc;

use super::grant::{app, grant};
use super::{assert_exists, at, count, digest, race};
use crate::ground::Timestamp;
use crate::store::{
    ClientId, Grant, GrantId, GrantStore, RefreshToken, RotationOutcome, Successor,
};

/// The end a family gives its grant.
const FAMILY_END: i64 = 5000;

pub(super) fn token(name: &str) -> RefreshToken {
    RefreshToken {
        digest: digest(name),
        grant_id: grant("a").id,
        created_at: at(0),
        expires_at: at(500),
        successor: None,
    }
}

pub(super) fn successor(name: &str, now: Timestamp) -> Successor {
    Successor {
        digest: digest(name),
        sealed: format!("sealed\0{name}").into_bytes(),
        rotated_at: now,
    }
}

/// The grant `a` as it stands once its family has started.
fn family_grant() -> Grant {
    Grant {
        expires_at: at(FAMILY_END),
        ..grant("a")
    }
}

/// A grant `a` with the refresh token `r0`.
pub(super) async fn start(store: &impl GrantStore) {
    store.insert_grant(&grant("a")).await.unwrap();
    let started = store
        .start_refresh_family(&token("r0"), at(FAMILY_END), at(0))
        .await;
    assert!(started.unwrap());
}

pub(super) async fn rotate(
    store: &impl GrantStore,
    old: &str,
    new: &str,
    now: i64,
) -> RotationOutcome {
    let successor = successor(new, at(now));
    store
        .rotate_refresh_token(&digest(old), &app(), &successor, at(now + 500), at(now))
        .await
        .unwrap()
}

async fn is_revoked(store: &impl GrantStore) -> bool {
    let found = store.grant(&grant("a").id).await.unwrap().unwrap();
    found.revoked_at.is_some()
}

pub async fn a_family_starts_on_a_living_grant<S: GrantStore>(store: S) {
    assert_eq!(store.refresh_token(&digest("r0")).await.unwrap(), None);
    start(&store).await;
    let found = store.grant(&grant("a").id).await.unwrap();
    assert_eq!(found, Some(family_grant()));
    let found = store.refresh_token(&digest("r0")).await.unwrap();
    assert_eq!(found, Some((token("r0"), family_grant())));
}

pub async fn no_family_starts_on_a_dead_grant<S: GrantStore>(store: S) {
    let revoked = Grant {
        revoked_at: Some(at(0)),
        ..grant("revoked")
    };
    store.insert_grant(&revoked).await.unwrap();
    store.insert_grant(&grant("a")).await.unwrap();
    for (id, now) in [("revoked", 0), ("absent", 0), ("a", 1000)] {
        let token = RefreshToken {
            grant_id: GrantId::new(id),
            ..token("r0")
        };
        let started = store
            .start_refresh_family(&token, at(FAMILY_END), at(now))
            .await;
        assert!(!started.unwrap(), "{id}");
        assert_eq!(store.refresh_token(&token.digest).await.unwrap(), None);
    }
    // Nothing was written: the grant's end neither.
    let found = store.grant(&grant("a").id).await.unwrap();
    assert_eq!(found, Some(grant("a")));
    assert_eq!(store.grant(&revoked.id).await.unwrap(), Some(revoked));
}

pub async fn threat_25_a_token_in_use_is_an_error<S: GrantStore>(store: S) {
    start(&store).await;
    store.insert_grant(&grant("b")).await.unwrap();
    let planted = RefreshToken {
        grant_id: grant("b").id,
        ..token("r0")
    };
    assert_exists(
        store
            .start_refresh_family(&planted, at(FAMILY_END), at(0))
            .await,
    );
    let found = store.refresh_token(&digest("r0")).await.unwrap();
    assert_eq!(found, Some((token("r0"), family_grant())));
    // The whole call was undone.
    let found = store.grant(&grant("b").id).await.unwrap();
    assert_eq!(found, Some(grant("b")));
}

pub async fn rotates<S: GrantStore>(store: S) {
    start(&store).await;
    let outcome = rotate(&store, "r0", "r1", 10).await;
    assert_eq!(outcome, RotationOutcome::Rotated(family_grant()));
    let used = RefreshToken {
        successor: Some(successor("r1", at(10))),
        ..token("r0")
    };
    let found = store.refresh_token(&digest("r0")).await.unwrap();
    assert_eq!(found, Some((used, family_grant())));
    let new = RefreshToken {
        created_at: at(10),
        expires_at: at(510),
        ..token("r1")
    };
    let found = store.refresh_token(&digest("r1")).await.unwrap();
    assert_eq!(found, Some((new, family_grant())));
    // Until its last millisecond.
    let outcome = rotate(&store, "r1", "r2", 509).await;
    assert_eq!(outcome, RotationOutcome::Rotated(family_grant()));
}

pub async fn refuses_unknown_expired_and_foreign_tokens<S: GrantStore>(store: S) {
    start(&store).await;
    assert_eq!(
        rotate(&store, "rx", "r1", 1).await,
        RotationOutcome::Refused
    );
    let outcome = rotate(&store, "r0", "r1", 500).await;
    assert_eq!(outcome, RotationOutcome::Refused);
    let thief = ClientId::new("thief");
    let outcome = store
        .rotate_refresh_token(
            &digest("r0"),
            &thief,
            &successor("r1", at(1)),
            at(501),
            at(1),
        )
        .await
        .unwrap();
    assert_eq!(outcome, RotationOutcome::Refused);
    // Nothing was written, and nothing was revoked: another client's mistake ends nobody's grant.
    let found = store.refresh_token(&digest("r0")).await.unwrap();
    assert_eq!(found, Some((token("r0"), family_grant())));
    assert_eq!(store.refresh_token(&digest("r1")).await.unwrap(), None);

    rotate(&store, "r0", "r1", 1).await;
    rotate(&store, "r1", "r2", 2).await;
    let outcome = store
        .rotate_refresh_token(
            &digest("r0"),
            &thief,
            &successor("r3", at(3)),
            at(503),
            at(3),
        )
        .await
        .unwrap();
    assert_eq!(outcome, RotationOutcome::Refused);
    assert_eq!(
        rotate(&store, "r0", "r3", 500).await,
        RotationOutcome::Refused
    );
    assert!(!is_revoked(&store).await);
}

pub async fn refuses_tokens_of_dead_grants<S: GrantStore>(store: S) {
    store.insert_grant(&grant("a")).await.unwrap();
    let long = RefreshToken {
        expires_at: at(9000),
        ..token("r0")
    };
    assert!(
        store
            .start_refresh_family(&long, at(2000), at(0))
            .await
            .unwrap()
    );
    assert_eq!(
        rotate(&store, "r0", "r1", 2000).await,
        RotationOutcome::Refused
    );
    assert!(store.revoke_grant(&long.grant_id, at(1)).await.unwrap());
    assert_eq!(
        rotate(&store, "r0", "r1", 1).await,
        RotationOutcome::Refused
    );
    assert_eq!(store.refresh_token(&digest("r1")).await.unwrap(), None);
    let (_, grant) = store.refresh_token(&long.digest).await.unwrap().unwrap();
    assert_eq!(grant.revoked_at, Some(at(1)));
}

pub async fn threat_33_a_lost_response_can_be_asked_for_again<S: GrantStore>(store: S) {
    start(&store).await;
    rotate(&store, "r0", "r1", 10).await;
    for now in [10, 20, 499] {
        let outcome = rotate(&store, "r0", "unused", now).await;
        let stands = successor("r1", at(10));
        assert_eq!(outcome, RotationOutcome::Retried(family_grant(), stands));
    }
    assert_eq!(store.refresh_token(&digest("unused")).await.unwrap(), None);
    let outcome = rotate(&store, "r1", "r2", 20).await;
    assert_eq!(outcome, RotationOutcome::Rotated(family_grant()));
    // The answer to that was lost too.
    let outcome = rotate(&store, "r1", "unused", 30).await;
    let stands = successor("r2", at(20));
    assert_eq!(outcome, RotationOutcome::Retried(family_grant(), stands));
}

pub async fn threat_12_reuse_revokes_the_grant<S: GrantStore>(store: S) {
    start(&store).await;
    rotate(&store, "r0", "r1", 10).await;
    rotate(&store, "r1", "r2", 20).await;
    let revoked = Grant {
        revoked_at: Some(at(30)),
        ..family_grant()
    };
    let outcome = rotate(&store, "r0", "r3", 30).await;
    assert_eq!(outcome, RotationOutcome::Reused(revoked.clone()));
    assert_eq!(store.grant(&revoked.id).await.unwrap(), Some(revoked));
    for old in ["r0", "r1", "r2"] {
        let outcome = rotate(&store, old, "r4", 31).await;
        assert_eq!(outcome, RotationOutcome::Refused, "{old}");
    }
    assert_eq!(store.refresh_token(&digest("r3")).await.unwrap(), None);
}

pub async fn threat_33_one_of_many_rotations_stands<S: GrantStore + 'static>(store: S) {
    let store = Arc::new(store);
    start(&*store).await;
    let answers = race(&store, |store, racer| async move {
        rotate(&*store, "r0", &format!("new {racer}"), 10).await
    })
    .await;
    let rotated = |outcome: &RotationOutcome| matches!(outcome, RotationOutcome::Rotated(_));
    assert_eq!(count(&answers, rotated), 1);
    let winner = answers.iter().position(rotated).unwrap();
    let stands = successor(&format!("new {winner}"), at(10));
    let retried = RotationOutcome::Retried(family_grant(), stands);
    assert_eq!(
        count(&answers, |outcome| *outcome == retried),
        answers.len() - 1
    );
    assert!(!is_revoked(&*store).await);
    // The successor that everybody was given works.
    let outcome = rotate(&*store, &format!("new {winner}"), "next", 20).await;
    assert_eq!(outcome, RotationOutcome::Rotated(family_grant()));
}

pub async fn threat_12_parallel_replays_revoke_once<S: GrantStore + 'static>(store: S) {
    let store = Arc::new(store);
    start(&*store).await;
    rotate(&*store, "r0", "r1", 10).await;
    rotate(&*store, "r1", "r2", 20).await;
    let answers = race(&store, |store, racer| async move {
        rotate(&*store, "r0", &format!("new {racer}"), 30).await
    })
    .await;
    let reused = |outcome: &RotationOutcome| matches!(outcome, RotationOutcome::Reused(_));
    assert_eq!(count(&answers, reused), 1);
    let refused = |outcome: &RotationOutcome| *outcome == RotationOutcome::Refused;
    assert_eq!(count(&answers, refused), answers.len() - 1);
    assert!(is_revoked(&*store).await);
}

pub async fn rotation_to_a_token_in_use_is_an_error<S: GrantStore>(store: S) {
    start(&store).await;
    rotate(&store, "r0", "r1", 10).await;
    let answer = store
        .rotate_refresh_token(
            &digest("r1"),
            &app(),
            &successor("r0", at(20)),
            at(520),
            at(20),
        )
        .await;
    assert_exists(answer);
    // The whole call was undone: the token can still be used.
    let outcome = rotate(&store, "r1", "r2", 20).await;
    assert_eq!(outcome, RotationOutcome::Rotated(family_grant()));
}
