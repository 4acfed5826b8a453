//! Every verb once or more, in a state where it does what it mostly does.

use std::collections::BTreeSet;
use std::time::Duration;

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    AccountEnd, Backend as _, ChangeEmail, Client, ClientId, ClientStore as _, CreateUser, Grant,
    GrantId, GrantStore as _, Identifier, LeaseStore as _, MessageId, OneTimeKind,
    OneTimeStore as _, OneTimeValue, OutboxKind, OutboxMessage, OutboxStore as _, PasswordHash,
    RefreshToken, RotationOutcome, Session, SessionId, SessionStore as _, SigningKeyRecord,
    SigningKeyStore as _, Successor, ThrottlePolicy, ThrottleStore as _, User, UserChange, UserId,
    UserStore as _, Verdict,
};
use sea_orm::Statement;

use crate::SeaOrmStore;

const CODE: OneTimeKind = OneTimeKind::AuthorizationCode;
const POLICY: ThrottlePolicy = ThrottlePolicy {
    limit: 2,
    window: Duration::from_secs(1),
    lock: Duration::from_secs(1),
    max_lock: Duration::from_secs(1),
};

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn digest(name: &str) -> Digest32 {
    Digest32::of(name)
}

fn successor(name: &str) -> Successor {
    Successor {
        digest: digest(name),
        sealed: vec![1],
        rotated_at: at(2),
    }
}

/// What was called, and what it sent.
pub(super) struct Step {
    pub(super) verb: &'static str,
    pub(super) statements: Vec<Statement>,
}

/// Goes through all verbs.
pub(super) struct Tour<'a> {
    pub(super) store: &'a SeaOrmStore,
    pub(super) steps: Vec<Step>,
}

impl Tour<'_> {
    pub(super) fn note(&mut self, verb: &'static str) {
        let statements = self.store.db.seen.take();
        self.steps.push(Step { verb, statements });
    }

    pub(super) async fn all(&mut self) {
        self.store.db.seen.take();
        self.sessions().await;
        self.one_time().await;
        self.throttles().await;
        self.users().await;
        self.clients().await;
        self.grants().await;
        self.refresh_tokens().await;
        self.consents().await;
        self.keys_and_leases().await;
        self.outbox().await;
        self.ways_in().await;
        self.federation().await;
        self.store.prune(at(90), 100).await.unwrap();
        self.note("prune, nothing due");
        self.store.prune(at(100_000), 10_000).await.unwrap();
        self.note("prune");
    }

    async fn sessions(&mut self) {
        let store = self.store;
        let (ada, id) = (UserId::new("ada"), SessionId::new("a"));
        let session = |id: &str| Session {
            id: SessionId::new(id),
            token_digest: digest(id),
            user_id: UserId::new("ada"),
            created_at: at(0),
            auth_time: at(0),
            amr: Vec::new(),
            acr: None,
            last_seen_at: at(0),
            idle_expires_at: at(1000),
            expires_at: at(9000),
            remember: false,
            user_agent: None,
            address: None,
        };
        store.insert_session(&session("a")).await.unwrap();
        self.note("insert_session");
        assert!(store.session(&id).await.unwrap().is_some());
        self.note("session");
        store.touch_session(&id, at(1), at(1001)).await.unwrap();
        self.note("touch_session");
        let rotated = store.rotate_session(&digest("a"), &session("a")).await;
        assert!(rotated.unwrap());
        self.note("rotate_session");
        assert_eq!(store.sessions_of(&ada).await.unwrap().len(), 1);
        self.note("sessions_of");
        let mut watch = store.watch_ended().await.unwrap();
        self.note("watch_ended");
        assert!(store.revoke_session(&ada, &id).await.unwrap());
        self.note("revoke_session, the first ever");
        assert_eq!(watch.next().await.unwrap().len(), 1);
        self.note("next of a watch");
        assert!(!store.revoke_session(&ada, &id).await.unwrap());
        self.note("revoke_session, absent");
        for id in ["b", "c", "d"] {
            store.insert_session(&session(id)).await.unwrap();
        }
        self.store.db.seen.take();
        let id = SessionId::new("b");
        assert!(store.revoke_session(&ada, &id).await.unwrap());
        self.note("revoke_session");
        assert_eq!(store.revoke_sessions_of(&ada, None).await.unwrap().len(), 2);
        self.note("revoke_sessions_of");
        let keep = SessionId::new("e");
        let ended = store.revoke_sessions_of(&ada, Some(&keep)).await.unwrap();
        assert!(ended.is_empty());
        self.note("revoke_sessions_of, none");
        store.insert_session(&session("stays")).await.unwrap();
        self.store.db.seen.take();
    }

    async fn one_time(&mut self) {
        let store = self.store;
        let value = OneTimeValue {
            kind: CODE,
            key: digest("a"),
            payload: vec![1],
            expires_at: at(100),
            keep_until: at(200),
        };
        store.put(&value).await.unwrap();
        self.note("put");
        assert!(store.peek(CODE, &value.key, at(1)).await.unwrap().is_some());
        self.note("peek");
        store.consume(CODE, &value.key, at(1)).await.unwrap();
        self.note("consume, first");
        store.consume(CODE, &value.key, at(1)).await.unwrap();
        self.note("consume, again");
        let (kind, jti) = (OneTimeKind::ClientAssertion, digest("jti"));
        assert!(store.claim_once(kind, &jti, at(0), at(9)).await.unwrap());
        self.note("claim_once, first");
        assert!(!store.claim_once(kind, &jti, at(1), at(9)).await.unwrap());
        self.note("claim_once, again");
        assert!(store.claim_once(kind, &jti, at(9), at(99)).await.unwrap());
        self.note("claim_once, after its end");
        assert!(store.is_claimed(kind, &jti, at(9)).await.unwrap());
        self.note("is_claimed");
    }

    async fn throttles(&mut self) {
        let (store, key) = (self.store, digest("a"));
        for (verb, allowed) in [
            ("count_and_check, first", true),
            ("count_and_check", true),
            ("count_and_check, locking", false),
            ("count_and_check, locked", false),
        ] {
            let verdict = store.count_and_check(&key, &POLICY, at(0)).await.unwrap();
            assert_eq!(matches!(verdict, Verdict::Allowed { .. }), allowed);
            self.note(verb);
        }
        store.take_back_attempt(&key).await.unwrap();
        self.note("take_back_attempt");
        store.clear_throttle(&key).await.unwrap();
        self.note("clear_throttle");
        store.count_and_check(&key, &POLICY, at(0)).await.unwrap();
        self.store.db.seen.take();
    }

    async fn users(&mut self) {
        let (store, id) = (self.store, UserId::new("ada"));
        let user = |id: &str| User {
            id: UserId::new(id),
            email: Some("ada@example.com".to_owned()),
            email_verified_at: None,
            username: Some("ada".to_owned()),
            claims: serde_json::Map::new(),
            created_at: at(0),
            updated_at: at(0),
            disabled_at: None,
            mfa_required: false,
            delete_at: None,
        };
        let hash = PasswordHash::new("$a");
        let answer = store.create_user(&user("ada"), Some(&hash)).await.unwrap();
        assert_eq!(answer, CreateUser::Created);
        self.note("create_user");
        let answer = store.create_user(&user("bob"), None).await.unwrap();
        assert_eq!(answer, CreateUser::EmailTaken);
        self.note("create_user, taken");
        store.user(&id).await.unwrap();
        self.note("user");
        for identifier in [
            Identifier::Email("ada@example.com".to_owned()),
            Identifier::Username("ada".to_owned()),
        ] {
            assert!(store.credentials(&identifier).await.unwrap().is_some());
            self.note("credentials");
        }
        store.password_hash(&id).await.unwrap();
        self.note("password_hash");
        assert!(
            store
                .set_password(&id, Some(&hash), &hash, at(1))
                .await
                .unwrap()
        );
        self.note("set_password");
        let change = UserChange {
            disabled_at: Some(None),
            ..UserChange::default()
        };
        assert!(
            store
                .update_user(&id, &change, at(1))
                .await
                .unwrap()
                .is_some()
        );
        self.note("update_user");
        let verified = store
            .verify_email(&id, "ada@example.com", true, at(1))
            .await;
        assert!(verified.unwrap());
        self.note("verify_email");
        self.ends_of_users().await;
    }

    async fn ends_of_users(&mut self) {
        let (store, id) = (self.store, UserId::new("ada"));
        for (from, to, answer) in [
            ("ada@example.com", "new@example.com", ChangeEmail::Changed),
            ("ada@example.com", "new@example.com", ChangeEmail::Stale),
        ] {
            let changed = store.change_email(&id, Some(from), to, at(2)).await;
            assert_eq!(changed.unwrap(), answer);
            self.note("change_email");
        }
        for how in [AccountEnd::Soft, AccountEnd::Anonymize, AccountEnd::Hard] {
            let change = UserChange {
                delete_at: Some(Some(at(3))),
                ..UserChange::default()
            };
            store.update_user(&id, &change, at(2)).await.unwrap();
            self.note("update_user");
            let due = store.users_to_end(at(3), 10).await.unwrap();
            assert_eq!(due, std::slice::from_ref(&id));
            self.note("users_to_end");
            assert!(store.end_user(&id, how, at(3)).await.unwrap());
            self.note("end_user");
        }
    }

    async fn clients(&mut self) {
        let (store, id) = (self.store, ClientId::new("app"));
        let mut client = Client {
            client_id: id.clone(),
            metadata: serde_json::Map::new(),
            secrets: Vec::new(),
            first_party: false,
            disabled_at: None,
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        };
        store.insert_client(&client).await.unwrap();
        self.note("insert_client");
        assert!(store.client(&id).await.unwrap().is_some());
        self.note("client");
        client.version = 2;
        store.update_client(&client).await.unwrap();
        self.note("update_client");
        store.clients(Some(&id), 10).await.unwrap();
        self.note("clients");
        assert!(store.delete_client(&id).await.unwrap());
        self.note("delete_client");
    }

    async fn grants(&mut self) {
        let (store, app) = (self.store, ClientId::new("app"));
        for id in ["a", "b"] {
            let grant = Grant {
                id: GrantId::new(id),
                client_id: app.clone(),
                subject: "ada".to_owned(),
                session_id: Some(SessionId::new("a")),
                scopes: BTreeSet::new(),
                details: serde_json::Map::new(),
                offline: false,
                created_at: at(0),
                expires_at: at(1000),
                revoked_at: None,
            };
            store.insert_grant(&grant).await.unwrap();
            self.note("insert_grant");
        }
        let id = GrantId::new("b");
        assert!(store.grant(&id).await.unwrap().is_some());
        self.note("grant");
        assert!(store.revoke_grant(&id, at(1)).await.unwrap());
        self.note("revoke_grant");
        let session = SessionId::new("other");
        store
            .revoke_grants_of_session(&session, at(1))
            .await
            .unwrap();
        self.note("revoke_grants_of_session");
        store.revoke_grants_of_subject("eve", at(1)).await.unwrap();
        self.note("revoke_grants_of_subject");
        let other = ClientId::new("other");
        store.revoke_grants_of_client(&other, at(1)).await.unwrap();
        self.note("revoke_grants_of_client");
        let session = SessionId::new("a");
        let clients = store.clients_of_session(&session).await.unwrap();
        assert_eq!(clients.len(), 1);
        self.note("clients_of_session");
    }

    async fn refresh_tokens(&mut self) {
        let (store, app) = (self.store, ClientId::new("app"));
        let token = RefreshToken {
            digest: digest("r0"),
            grant_id: GrantId::new("a"),
            created_at: at(0),
            expires_at: at(500),
            successor: None,
        };
        assert!(
            store
                .start_refresh_family(&token, at(5000), at(0))
                .await
                .unwrap()
        );
        self.note("start_refresh_family");
        assert!(store.refresh_token(&token.digest).await.unwrap().is_some());
        self.note("refresh_token");
        for (verb, old, new) in [
            ("rotate_refresh_token", "r0", "r1"),
            ("rotate_refresh_token, retried", "r0", "unused"),
            ("rotate_refresh_token", "r1", "r2"),
            ("rotate_refresh_token, reused", "r0", "unused"),
        ] {
            let (old, new) = (digest(old), successor(new));
            let outcome = store
                .rotate_refresh_token(&old, &app, &new, at(500), at(2))
                .await;
            assert_ne!(outcome.unwrap(), RotationOutcome::Refused);
            self.note(verb);
        }
    }

    async fn consents(&mut self) {
        let (store, app) = (self.store, ClientId::new("app"));
        for (verb, scope) in [
            ("remember_consent, first", "openid"),
            ("remember_consent, nothing new", "openid"),
            ("remember_consent, wider", "email"),
        ] {
            let scopes = BTreeSet::from([scope.to_owned()]);
            store
                .remember_consent("ada", &app, &scopes, at(1))
                .await
                .unwrap();
            self.note(verb);
        }
        assert!(store.consent("ada", &app).await.unwrap().is_some());
        self.note("consent");
        assert_eq!(store.consents_of("ada").await.unwrap().len(), 1);
        self.note("consents_of");
        assert!(store.revoke_consent("ada", &app, at(1)).await.unwrap());
        self.note("revoke_consent");
    }

    async fn keys_and_leases(&mut self) {
        let store = self.store;
        for (verb, generation) in [
            ("add_signing_key, first", 1),
            ("add_signing_key", 2),
            ("add_signing_key, late", 2),
        ] {
            let key = SigningKeyRecord {
                kid: format!("{verb} {generation}"),
                algorithm: "ES256".to_owned(),
                generation,
                sealed_private_key: vec![1],
                created_at: at(0),
                active_from: at(0),
                retired_at: None,
            };
            store.add_signing_key(&key, at(100)).await.unwrap();
            self.note(verb);
        }
        store.reseal_signing_key("absent", b"x").await.unwrap();
        self.note("reseal_signing_key");
        for (verb, holder, held) in [
            ("hold_lease", "a", true),
            ("hold_lease, kept", "a", true),
            ("hold_lease, another's", "b", false),
        ] {
            let answer = store.hold_lease("work", holder, at(0), at(100)).await;
            assert_eq!(answer.unwrap(), held);
            self.note(verb);
        }
        store.release_lease("work", "a").await.unwrap();
        self.note("release_lease");
    }

    async fn outbox(&mut self) {
        const KIND: OutboxKind = OutboxKind::BackChannelLogout;
        let store = self.store;
        let message = |id: &str| OutboxMessage {
            id: MessageId::new(id),
            kind: KIND,
            payload: vec![1],
            created_at: at(0),
            attempts: 0,
            due_at: at(0),
            expires_at: at(100),
        };
        store.put_messages(&[message("a")]).await.unwrap();
        self.note("put_messages, one");
        let two = [message("a"), message("b"), message("c")];
        store.put_messages(&two).await.unwrap();
        self.note("put_messages, two more");
        for (verb, limit, found) in [
            ("take_due, one of three", 1, 1),
            ("take_due", 10, 2),
            ("take_due, none", 10, 0),
        ] {
            let taken = store.take_due(KIND, at(1), at(9), limit).await.unwrap();
            assert_eq!(taken.len(), found, "{verb}");
            self.note(verb);
        }
        let id = MessageId::new("b");
        store.delay_message(&id, at(20)).await.unwrap();
        self.note("delay_message");
        assert!(store.finish_message(&id).await.unwrap());
        self.note("finish_message");
    }
}
