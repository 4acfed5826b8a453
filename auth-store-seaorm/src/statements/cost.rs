//! How many statements each verb sends, `BEGIN` and `COMMIT` included: each is a round trip.

use super::place::Place;
use super::tour::Tour;

/// Verb, and its statements on SQLite and PostgreSQL, and on MySQL and MariaDB.
const COSTS: &[(&str, usize, usize)] = &[
    ("insert_session", 1, 1),
    ("session", 1, 1),
    ("touch_session", 1, 1),
    ("rotate_session", 1, 1),
    ("sessions_of", 1, 1),
    ("watch_ended", 1, 1),
    ("revoke_session, the first ever", 5, 6),
    ("next of a watch", 1, 1),
    ("revoke_session, absent", 3, 3),
    ("revoke_session", 5, 5),
    ("revoke_sessions_of", 5, 6),
    ("revoke_sessions_of, none", 3, 3),
    ("put", 1, 1),
    ("peek", 1, 1),
    ("consume, first", 1, 2),
    ("consume, again", 2, 2),
    ("claim_once, first", 1, 1),
    ("claim_once, again", 1, 3),
    ("claim_once, after its end", 1, 2),
    ("is_claimed", 1, 1),
    ("count_and_check, first", 1, 2),
    ("count_and_check", 1, 1),
    ("count_and_check, locking", 6, 7),
    ("count_and_check, locked", 2, 3),
    ("take_back_attempt", 1, 1),
    ("clear_throttle", 1, 1),
    ("create_user", 1, 1),
    ("create_user, taken", 2, 2),
    ("user", 1, 1),
    ("credentials", 1, 1),
    ("password_hash", 1, 1),
    ("set_password", 1, 1),
    ("update_user", 1, 2),
    ("verify_email", 1, 1),
    ("change_email", 1, 1),
    ("users_to_end", 1, 1),
    ("end_user", 1, 1),
    ("insert_client", 1, 1),
    ("client", 1, 1),
    ("update_client", 1, 1),
    ("clients", 1, 1),
    ("delete_client", 1, 1),
    ("insert_grant", 1, 1),
    ("grant", 1, 1),
    ("revoke_grant", 1, 2),
    ("revoke_grants_of_session", 1, 1),
    ("revoke_grants_of_subject", 1, 1),
    ("revoke_grants_of_client", 1, 1),
    ("clients_of_session", 1, 1),
    ("start_refresh_family", 4, 4),
    ("refresh_token", 2, 2),
    ("rotate_refresh_token", 5, 5),
    ("rotate_refresh_token, retried", 6, 6),
    ("rotate_refresh_token, reused", 7, 7),
    ("remember_consent, first", 4, 4),
    ("remember_consent, nothing new", 3, 3),
    ("remember_consent, wider", 4, 4),
    ("consent", 1, 1),
    ("consents_of", 1, 1),
    ("revoke_consent", 4, 4),
    ("add_signing_key, first", 6, 6),
    ("add_signing_key", 6, 6),
    ("add_signing_key, late", 4, 4),
    ("reseal_signing_key", 1, 1),
    ("hold_lease", 1, 1),
    ("hold_lease, kept", 1, 2),
    ("hold_lease, another's", 1, 3),
    ("release_lease", 1, 1),
    ("put_messages, one", 1, 1),
    ("put_messages, two more", 5, 5),
    ("take_due, one of three", 1, 4),
    ("take_due", 1, 4),
    ("take_due, none", 1, 3),
    ("delay_message", 1, 1),
    ("finish_message", 1, 1),
    ("begin_totp, first", 1, 1),
    ("begin_totp, again", 1, 2),
    ("begin_totp, confirmed", 1, 3),
    ("confirm_totp", 1, 1),
    ("spend_totp_step", 1, 1),
    ("totp", 1, 1),
    ("reseal_totp", 1, 1),
    ("remove_totp", 1, 1),
    ("replace_backup_codes, first", 1, 1),
    ("replace_backup_codes", 1, 2),
    ("replace_backup_codes, none", 1, 1),
    ("consume_backup_code", 4, 4),
    ("consume_backup_code, another", 3, 3),
    ("backup_codes_left", 1, 1),
    ("trust_device", 1, 1),
    ("trusted_device", 1, 1),
    ("trusted_devices_of", 1, 1),
    ("distrust_device", 1, 1),
    ("distrust_devices", 1, 1),
    ("note_device, first", 3, 3),
    ("note_device, new", 3, 3),
    ("note_device, known", 1, 1),
    ("forget_devices", 2, 2),
    ("add_passkey", 2, 2),
    ("add_passkey, refused", 1, 1),
    ("passkey", 1, 1),
    ("passkeys_of", 1, 1),
    ("use_passkey", 1, 1),
    ("rename_passkey", 1, 1),
    ("remove_passkey", 1, 1),
    ("remove_passkeys", 1, 1),
    ("link_identity", 2, 2),
    ("link_identity, refused", 1, 1),
    ("identity", 1, 1),
    ("identities_of", 1, 1),
    ("use_identity", 1, 1),
    ("replace_identity_tokens", 1, 1),
    ("unlink_identity", 1, 1),
    ("unlink_identities", 1, 1),
    ("put_upstream_session", 1, 1),
    ("put_upstream_session, again", 1, 2),
    ("upstream_session", 1, 1),
    ("replace_upstream_secrets", 1, 1),
    ("upstream_sessions", 1, 1),
    ("take_upstream_session", 1, 4),
    ("take_upstream_session, absent", 1, 3),
    ("append_audit", 1, 1),
    ("append_audit, again", 1, 6),
    ("audit", 1, 1),
    ("prune, nothing due", 15, 15),
    ("prune", 26, 26),
];

async fn verbs_cost(place: Place, on_mysql: bool) {
    let mut tour = Tour {
        store: &place.store,
        steps: Vec::new(),
    };
    tour.all().await;
    let sent = |statements: &[sea_orm::Statement]| {
        let sent: Vec<_> = statements.iter().map(|one| one.sql.as_str()).collect();
        sent.join("\n")
    };
    for step in &tour.steps {
        let costs = COSTS.iter().find(|(verb, ..)| *verb == step.verb);
        assert!(costs.is_some(), "{} is not in the list", step.verb);
        let (verb, others, mysql) = costs.unwrap();
        let expected = if on_mysql { mysql } else { others };
        let sent = sent(&step.statements);
        assert_eq!(step.statements.len(), *expected, "{verb}:\n{sent}");
    }
    for (verb, ..) in COSTS {
        assert!(tour.steps.iter().any(|step| step.verb == *verb), "{verb}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    verbs_cost(Place::in_memory().await, false).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    verbs_cost(Place::on(test_servers::postgres_url()).await, false).await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    verbs_cost(Place::on(test_servers::mysql_url()).await, true).await;
}
