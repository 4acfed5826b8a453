//! What every store must do, as tests: each verb, each answer, the edges of time, and the races.
//!
//! A host that writes a store of its own runs them on it. Add `auth-core` with the feature `testkit`, and `tokio` with
//! `macros` and `rt-multi-thread`, to its dev-dependencies; write a function that makes an empty store; name it to a
//! macro. Every check becomes a test of its own. A check whose name begins with `threat_` closes an attack that
//! happened to somebody.
//!
//! ```
//! use auth_core::store::MemoryStore;
//!
//! // An empty store for each test. Tests run at the same time, so two must not share their rows.
//! async fn store() -> MemoryStore {
//!     MemoryStore::new()
//! }
//!
//! mod everything {
//!     use super::store;
//!     auth_core::store_contract!(store);
//! }
//!
//! // Or only what the store implements:
//! mod short_lived {
//!     use super::store;
//!     auth_core::short_lived_contract!(store);
//!     // Not for a store whose rows end by themselves, such as Redis.
//!     auth_core::short_lived_pruning_contract!(store);
//! }
//! mod durable {
//!     use super::store;
//!     auth_core::durable_contract!(store);
//! }
//! # fn main() {}
//! ```
//!
//! Time is a parameter of every verb, so nothing sleeps. The checks live in the year 2100: rows that carry their own
//! expiry by the server's clock do not end while a check looks at them.
#![expect(
    clippy::unwrap_used,
    reason = "test code that lives in the library: a failed check is a panic"
)]

#[doc(hidden)]
pub mod account;
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod client;
#[doc(hidden)]
pub mod consent;
#[doc(hidden)]
pub mod device;
#[doc(hidden)]
pub mod factor;
#[doc(hidden)]
pub mod grant;
#[doc(hidden)]
pub mod identity;
#[doc(hidden)]
pub mod lease;
#[doc(hidden)]
pub mod one_time;
#[doc(hidden)]
pub mod outbox;
#[doc(hidden)]
pub mod passkey;
#[doc(hidden)]
pub mod pruning;
#[doc(hidden)]
pub mod refresh;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod signing_key;
#[doc(hidden)]
pub mod throttle;
#[doc(hidden)]
pub mod upstream_session;
#[doc(hidden)]
pub mod user;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Barrier;

use super::{StoreError, StoreResult};
use crate::ground::{Digest32, Timestamp};

/// How many tasks contend in a race.
pub const RACERS: usize = 32;

// 2100-01-01T00:00:00.123Z: with a millisecond part, so that a store which keeps seconds is found out.
const START: Timestamp = Timestamp::from_millis(4_102_444_800_123);

/// `millis` after the start of the check.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + millis)
}

fn digest(name: impl AsRef<str>) -> Digest32 {
    Digest32::of(name.as_ref())
}

/// Texts that a request can carry and no record is named by.
fn odd_texts() -> [String; 5] {
    [
        String::new(),
        "a\0b".to_owned(),
        "\u{10ffff}\u{202e}'\"\\%_{}".to_owned(),
        "x".repeat(5000),
        "\u{1f511}".repeat(1000),
    ]
}

#[track_caller]
fn assert_exists<T>(result: StoreResult<T>) {
    let error = result.err();
    assert!(
        matches!(error, Some(StoreError::Exists { .. })),
        "expected `Exists`, got {error:?}"
    );
}

/// Starts [`RACERS`] tasks that wait for each other and then act at once.
async fn race<S, T, F, A>(store: &Arc<S>, act: A) -> Vec<T>
where
    A: Fn(Arc<S>, usize) -> F,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS));
    let tasks: Vec<_> = (0..RACERS)
        .map(|racer| {
            let start = Arc::clone(&start);
            let act = act(Arc::clone(store), racer);
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(RACERS);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn count<T>(answers: &[T], which: impl Fn(&T) -> bool) -> usize {
    answers.iter().filter(|answer| which(answer)).count()
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_group {
    ($make:ident, $group:ident as $module:ident: $($check:ident)*) => {
        mod $module {
            use super::$make;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    $crate::store::contract::$group::$check($make().await).await;
                }
            )*
        }
    };
}

/// Every check, for a store of everything. See [`contract`](crate::store::contract).
#[macro_export]
macro_rules! store_contract {
    ($make:ident) => {
        $crate::short_lived_contract!($make);
        $crate::short_lived_pruning_contract!($make);
        $crate::durable_contract!($make);
    };
}

/// The checks of sessions, one-time values and throttles. See [`contract`](crate::store::contract).
#[macro_export]
macro_rules! short_lived_contract {
    ($make:ident) => {
        $crate::__contract_group! { $make, session as contract_session:
            reads_back_what_was_inserted
            absent_sessions_are_none
            an_id_that_cannot_be_is_absent
            threat_25_insert_never_overwrites
            threat_25_one_of_many_inserts_wins
            touch_moves_forward_only
            touch_of_an_absent_session_makes_none
            rotation_replaces_digest_and_facts
            rotation_of_an_absent_session_writes_nothing
            rotation_of_another_session_writes_nothing
            threat_12_one_of_many_rotations_wins
            lists_newest_first
            lists_at_most_a_hundred
            only_the_owner_revokes
            threat_34_a_revoked_session_is_gone_at_once
            threat_34_rotation_never_outlives_a_revocation
            revokes_all_but_one
            threat_34_revoking_all_leaves_none
            threat_34_every_watch_hears_of_every_end
            a_watch_hears_of_ends_alone
            threat_34_a_watch_misses_nothing_of_many_at_once
        }
        $crate::__contract_group! { $make, one_time as contract_one_time:
            first_then_again_then_absent
            expired_values_are_absent
            peek_spends_nothing
            peek_sees_neither_spent_nor_expired
            kinds_do_not_meet
            threat_17_only_the_key_itself_spends
            threat_25_put_never_overwrites
            threat_25_one_of_many_puts_wins
            payloads_are_bytes
            threat_12_one_of_many_spends
            threat_12_one_of_many_claims_wins
            claims_last_until_their_end
            claims_of_kinds_do_not_meet
        }
        $crate::__contract_group! { $make, throttle as contract_throttle:
            counts_down_then_locks_then_refuses
            a_window_that_ended_starts_anew
            an_attempt_can_be_taken_back_and_a_lock_cannot
            locks_double_up_to_the_longest
            a_lock_that_ended_gives_a_full_window
            locks_are_forgotten
            clearing_forgets_counter_and_locks
            keys_do_not_meet
            a_limit_of_zero_allows_nothing
            threat_12_parallel_attempts_gain_nothing
            threat_12_parallel_attempts_after_a_lock_gain_nothing
        }
        $crate::__contract_group! { $make, pruning as contract_short_lived_kept:
            threat_48_live_short_lived_rows_survive
        }
    };
}

/// The checks of pruning sessions, one-time values and throttles, for stores whose rows do not end by themselves.
/// See [`contract`](crate::store::contract).
#[macro_export]
macro_rules! short_lived_pruning_contract {
    ($make:ident) => {
        $crate::__contract_group! { $make, pruning as contract_short_lived_pruning:
            threat_48_ended_sessions_go
            threat_48_ended_one_time_values_go
            threat_48_forgotten_throttles_go
            threat_48_batches_are_bounded
            threat_48_many_nodes_prune_at_once
        }
    };
}

/// The checks of users, clients, grants, signing keys, leases, the outbox, second factors, devices, passkeys, identities
/// at other providers, the sign-ins there and the audit. See [`contract`](crate::store::contract).
#[macro_export]
macro_rules! durable_contract {
    ($make:ident) => {
        $crate::__contract_group! { $make, user as contract_user:
            reads_back_what_was_created
            absent_users_are_none
            an_identifier_that_cannot_be_is_absent
            identifiers_compare_exactly
            a_taken_email_is_refused
            a_taken_username_is_refused
            a_refused_user_leaves_nothing
            an_id_in_use_is_an_error
            users_without_identifiers_do_not_collide
            threat_12_one_of_many_registrations_wins_the_email
            threat_12_one_of_many_registrations_wins_the_username
            sets_the_password
            a_stale_password_change_writes_nothing
            threat_12_one_of_many_password_changes_wins
            updates_the_user
            an_empty_update_changes_nothing
            verifies_the_email_once
            threat_15_a_confirmation_names_its_address
            verifying_can_drop_the_password
            threat_12_one_of_many_confirmations_wins
        }
        $crate::__contract_group! { $make, client as contract_client:
            reads_back_what_was_inserted
            absent_clients_are_none
            an_id_that_cannot_be_is_absent
            threat_25_insert_never_overwrites
            large_records_come_back_whole
            updates_by_version
            threat_12_one_of_many_updates_wins
            deletes_once
            pages_in_order_of_id
        }
        $crate::__contract_group! { $make, grant as contract_grant:
            reads_back_what_was_inserted
            absent_grants_are_none
            an_id_that_cannot_be_is_absent
            threat_25_insert_never_overwrites
            revokes_once
            an_expired_grant_did_not_live
            threat_12_one_of_many_revocations_wins
            revokes_all_of_a_client
            revokes_all_of_a_subject
            revokes_those_that_end_with_the_session
            names_the_clients_of_a_session
        }
        $crate::__contract_group! { $make, consent as contract_consent:
            remembers_and_widens
            threat_12_parallel_consents_lose_no_scope
            lists_oldest_first
            revoking_forgets_and_ends_the_grants
            revoking_nothing_still_ends_the_grants
        }
        $crate::__contract_group! { $make, refresh as contract_refresh:
            a_family_starts_on_a_living_grant
            no_family_starts_on_a_dead_grant
            threat_25_a_token_in_use_is_an_error
            rotates
            refuses_unknown_expired_and_foreign_tokens
            refuses_tokens_of_dead_grants
            threat_33_a_lost_response_can_be_asked_for_again
            threat_12_reuse_revokes_the_grant
            threat_33_one_of_many_rotations_stands
            threat_12_parallel_replays_revoke_once
            rotation_to_a_token_in_use_is_an_error
        }
        $crate::__contract_group! { $make, signing_key as contract_signing_key:
            reads_back_in_order
            adding_retires_the_previous_generation
            a_generation_is_added_once
            a_kid_in_use_is_an_error
            threat_12_one_of_many_additions_wins
            reseals_the_private_key_alone
        }
        $crate::__contract_group! { $make, lease as contract_lease:
            is_held_by_one_until_its_end
            names_do_not_meet
            is_given_back_by_its_holder_alone
            one_of_many_gets_it
        }
        $crate::__contract_group! { $make, outbox as contract_outbox:
            takes_what_was_put
            takes_the_longest_due_first_and_no_more_than_asked
            is_finished_once_and_for_all
            an_id_is_put_once
            is_delayed
            an_expired_message_is_not_taken
            an_id_that_cannot_be_is_absent
            one_of_many_takes_each
            one_of_many_puts_and_finishes
            threat_48_expired_messages_go
        }
        $crate::__contract_group! { $make, account as contract_account:
            keeps_what_is_demanded_and_when_it_ends
            replaces_the_address
            gives_an_address_to_who_has_none
            an_address_can_be_written_otherwise
            a_taken_address_is_refused
            threat_15_a_change_begins_at_the_address_it_began_from
            threat_12_one_of_many_gets_an_address
            threat_12_one_of_many_changes_of_an_address_stands
            lists_whose_time_has_come
            no_account_ends_before_its_time
            a_soft_end_disables
            an_anonymized_account_names_nobody
            a_hard_end_leaves_nothing
            threat_12_one_of_many_ends_an_account
            a_cancellation_that_came_first_wins
        }
        $crate::__contract_group! { $make, factor as contract_factor:
            begins_and_confirms
            reads_back_an_enrolment_as_it_is
            an_unconfirmed_enrolment_is_replaced
            a_confirmed_enrolment_is_not_replaced
            is_removed_once
            reseals_the_secret_alone
            threat_53_a_time_step_is_spent_once
            threat_53_one_of_many_spends_a_time_step
            threat_12_one_of_many_confirms
            threat_12_a_confirmed_secret_is_never_swapped
            backup_codes_are_spent_once
            backup_codes_are_replaced_as_a_whole
            threat_12_one_of_many_spends_a_backup_code
            one_of_many_sets_of_backup_codes_stands
            a_user_that_cannot_be_has_none
        }
        $crate::__contract_group! { $make, device as contract_device:
            reads_back_what_was_trusted
            threat_25_trust_never_overwrites
            threat_25_one_of_many_is_trusted_under_an_id
            lists_newest_first_at_most_a_hundred
            only_the_owner_distrusts
            threat_12_one_of_many_distrusts
            tells_the_first_browser_from_a_new_one
            forgets_all_devices_of_a_user
            one_of_many_notes_a_browser
            one_of_many_browsers_is_the_first
            an_id_that_cannot_be_is_absent
        }
        $crate::__contract_group! { $make, passkey as contract_passkey:
            reads_back_what_was_added
            lists_oldest_first
            a_credential_is_registered_once
            no_more_than_allowed
            threat_12_many_at_once_are_no_more_than_allowed
            many_at_once_find_room
            one_of_many_registers_a_credential
            records_a_use
            threat_54_a_counter_never_goes_back_unseen
            threat_54_one_of_many_uses_a_count
            only_the_owner_renames_and_removes
            removes_all_of_a_user
            threat_12_one_of_many_removes
            an_id_that_cannot_be_is_absent
        }
        $crate::__contract_group! { $make, identity as contract_identity:
            reads_back_what_was_linked
            lists_oldest_first
            threat_08_an_identity_is_linked_once
            threat_08_issuer_and_subject_compare_exactly
            threat_25_linking_never_overwrites
            no_more_than_allowed
            threat_12_many_at_once_are_no_more_than_allowed
            many_at_once_find_room
            threat_12_one_of_many_links_an_identity
            records_a_use
            replaces_the_tokens_by_version
            threat_12_one_of_many_replaces_the_tokens
            many_uses_at_once_lose_no_version
            only_the_owner_unlinks
            unlinks_all_of_a_user
            threat_12_one_of_many_unlinks
            what_cannot_be_is_absent
        }
        $crate::__contract_group! { $make, upstream_session as contract_upstream_session:
            reads_back_what_was_put
            puts_in_place_of_what_stood
            one_of_many_puts_stands
            replaces_the_secrets_by_version
            threat_12_one_of_many_replaces_the_secrets
            is_taken_once
            threat_12_one_of_many_takes
            what_is_taken_is_what_stood
            threat_08_finds_by_issuer_subject_and_sid
            finds_no_more_than_asked
            finds_its_own_behind_many_of_another_upstream
            what_cannot_be_is_absent
        }
        $crate::__contract_group! { $make, audit as contract_audit:
            reads_back_what_was_appended
            newest_first_and_equal_times_by_descending_id
            a_record_is_written_once_and_never_changed
            finds_by_who_what_and_where
            finds_by_time
            pages_follow_without_gap_or_repetition
            a_page_has_at_most_a_thousand
            a_large_batch_is_written_whole
            many_write_the_same_once
            pages_hold_while_records_are_written
            what_cannot_be_is_not_found
        }
        $crate::__contract_group! { $make, pruning as contract_durable_pruning:
            threat_48_dead_grants_and_their_tokens_go
            threat_48_spent_refresh_tokens_stay_while_they_tell_a_replay
            threat_48_retired_signing_keys_go
            threat_48_devices_go
            threat_48_upstream_sessions_go
            threat_48_audit_records_go_at_their_end
        }
    };
}
