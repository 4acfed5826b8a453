//! The end of an account, and what its owner takes along.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderValue, USER_AGENT};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::harness::*;
use crate::ground::{Digest32, Timestamp};
use crate::login::{AccountObserver, HookError, LifecycleHooks, NewUser, SignInRequest, UserError};
use crate::services::Event;
use crate::store::{
    AccountEnd, AuditRecord, FactorId, OutboxKind, Passkey, Session, StoreResult, TotpFactor, User,
    UserId,
};

pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) async fn token(browser: &mut Browser<'_>, form: &str) -> String {
    let context = browser.context("/auth/account/delete").await;
    context[form]["form_token"]
        .as_str()
        .expect("token")
        .to_owned()
}

async fn press(browser: &mut Browser<'_>, form: &str, path: &str) -> Answer {
    let token = token(browser, form).await;
    browser.post(path, &[("form_token", &token)]).await
}

/// A browser in which a person with a second factor is signed in.
async fn by_two_factors<'h>(house: &'h House, user: &User) -> Browser<'h> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static("Parrot/1.0"));
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let amr = ["pwd", "otp", "mfa"];
    let new = house.wing.sign_in(&user.id, &amr, request).await;
    let cookies = new.expect("session").cookies();
    let pair = cookies[0].to_str().expect("text");
    let pair = pair.split(';').next().and_then(|pair| pair.split_once('='));
    let (name, value) = pair.expect("cookie");
    let mut browser = house.browser();
    browser.cookies.insert(name.to_owned(), value.to_owned());
    browser
}

async fn schedule(browser: &mut Browser<'_>) -> Answer {
    press(browser, "delete", "/auth/account/delete").await
}

async fn cancel(browser: &mut Browser<'_>) -> Answer {
    press(browser, "cancel", "/auth/account/delete/cancel").await
}

/// The mails that were ordered: kind and address.
async fn mails(house: &House) -> Vec<(String, Option<String>)> {
    let now = house.core.clock.now();
    let outbox = &house.core.stores.outbox;
    let due = outbox.take_due(OutboxKind::Mail, now, now, 100).await;
    let due = due.expect("store");
    let order = |message| house.core.mails.open(message).expect("order");
    let orders = due.iter().map(order);
    orders.map(|order| (order.kind, order.to)).collect()
}

pub(super) async fn verified(house: &House) -> User {
    let new = NewUser {
        email: Some(ADA.to_owned()),
        email_verified: true,
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    house.wing.create_user(new).await.expect("account")
}

pub(super) async fn stored(house: &House, user: &User) -> Option<User> {
    house.core.stores.users.user(&user.id).await.expect("store")
}

#[tokio::test]
async fn it_comes_after_its_grace_and_takes_everything_along() {
    let house = House::new();
    let ada = verified(&house).await;
    plant_factors(&house, &ada).await;
    let mut elsewhere = by_two_factors(&house, &ada).await;
    let mut browser = by_two_factors(&house, &ada).await;

    let answer = schedule(&mut browser).await;
    assert_eq!(answer.location(), "/auth/account/delete");
    assert_eq!(
        elsewhere.get_json("/auth/session").await.status,
        StatusCode::UNAUTHORIZED,
        "signed in elsewhere"
    );
    let page = browser.get("/auth/account/delete").await;
    assert!(page.body.contains("id=\"cancel\""), "{}", page.body);
    assert!(!page.body.contains("id=\"delete\""));

    house.clock.advance(DAY * 14);
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 0);
    house.clock.advance(Duration::from_mins(15));
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 1);
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 0);

    assert_eq!(stored(&house, &ada).await, None);
    let stores = &house.core.stores;
    assert_eq!(stores.factors.totp(&ada.id).await.expect("store"), None);
    let left = stores.factors.backup_codes_left(&ada.id).await;
    assert_eq!(left.expect("store"), 0);
    let keys = stores.passkeys.passkeys_of(&ada.id).await.expect("store");
    assert_eq!(keys, []);
    let sessions = stores.sessions.sessions_of(&ada.id).await.expect("store");
    assert_eq!(sessions, []);
    let kinds: Vec<_> = mails(&house).await;
    // What was ordered two weeks ago is of no use any more; the last word is.
    assert_eq!(kinds, [("deletion_done".to_owned(), Some(ADA.to_owned()))]);
    assert!(house.events().contains(&Event::AccountEnded {
        user: ada.id.clone(),
        how: "hard",
    }));
    // The address is free again.
    house.account(ADA).await;
}

async fn plant_factors(house: &House, user: &User) {
    let (stores, now) = (&house.core.stores, house.core.clock.now());
    let totp = TotpFactor {
        id: FactorId::new("app"),
        user_id: user.id.clone(),
        secret: vec![1],
        created_at: now,
        confirmed_at: None,
        last_step: None,
    };
    stores.factors.begin_totp(&totp).await.expect("store");
    let codes = [Digest32::of("a"), Digest32::of("b")];
    let kept = stores.factors.replace_backup_codes(&user.id, &codes).await;
    kept.expect("store");
    let passkey = Passkey {
        id: "key".into(),
        user_id: user.id.clone(),
        name: "Laptop".to_owned(),
        credential: vec![1],
        counter: 0,
        created_at: now,
        last_used_at: None,
    };
    let added = stores.passkeys.add_passkey(&passkey, 10).await;
    added.expect("store");
}

#[tokio::test]
async fn it_is_called_off_until_it_is_due_and_not_after() {
    let house = House::new();
    let ada = verified(&house).await;
    let mut browser = house.signed_in(ADA).await;
    schedule(&mut browser).await;
    assert!(
        stored(&house, &ada)
            .await
            .expect("there")
            .delete_at
            .is_some()
    );
    let answer = cancel(&mut browser).await;
    assert_eq!(answer.location(), "/auth/account/delete");
    assert_eq!(stored(&house, &ada).await.expect("there").delete_at, None);
    let kinds: Vec<_> = mails(&house).await.into_iter().map(|mail| mail.0).collect();
    assert!(kinds.contains(&"deletion_scheduled".to_owned()));
    assert!(kinds.contains(&"deletion_cancelled".to_owned()));

    let at = house.wing.schedule_deletion(&ada.id).await.expect("store");
    // Said twice, it comes no later.
    house.clock.advance(DAY);
    let again = house.wing.schedule_deletion(&ada.id).await.expect("store");
    assert_eq!(again, at);
    house.clock.advance(DAY * 13);
    let called_off = house.wing.cancel_deletion(&ada.id).await.expect("store");
    assert!(!called_off, "somebody may be at work on it");
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn it_is_asked_of_people_who_have_just_proven_who_they_are() {
    let house = House::new();
    let ada = verified(&house).await;
    let mut browser = house.signed_in(ADA).await;
    house.clock.advance(Duration::from_mins(11));
    for (form, path) in [
        ("delete", "/auth/account/delete"),
        ("export", "/auth/account/export"),
    ] {
        let token = token(&mut browser, form).await;
        let answer = browser.post(path, &[("form_token", &token)]).await;
        assert_eq!(
            answer.location(),
            "/auth/step-up?return_to=%2Fauth%2Faccount%2Fdelete"
        );
        let body = json!({ "form_token": token });
        let answer = browser.post_json(path, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.json()["code"], "step_up_required");
    }
    assert_eq!(stored(&house, &ada).await.expect("there").delete_at, None);
}

#[tokio::test]
async fn nobody_ends_another_account() {
    let house = House::new();
    let ada = verified(&house).await;
    house.account(BOB).await;
    let mut hers = house.signed_in(ADA).await;
    let mut his = house.signed_in(BOB).await;
    let her_token = token(&mut hers, "delete").await;
    let fields = [
        ("form_token", her_token.as_str()),
        ("user", ada.id.as_str()),
    ];
    let answer = his.post("/auth/account/delete", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(stored(&house, &ada).await.expect("there").delete_at, None);
    let answer = house
        .browser()
        .post("/auth/account/delete", &[("form_token", &her_token)])
        .await;
    assert!(answer.location().starts_with("/auth/login"));
}

#[tokio::test]
async fn without_grace_it_ends_at_once_and_signs_out() {
    let house = House::with(settings().account_deletion(AccountEnd::Hard, Duration::ZERO));
    let ada = verified(&house).await;
    let mut browser = house.signed_in(ADA).await;
    let answer = schedule(&mut browser).await;
    assert_eq!(answer.location(), "/auth/signed-out");
    assert!(!browser.cookies.contains_key(SESSION_COOKIE));
    assert_eq!(stored(&house, &ada).await, None);
}

#[tokio::test]
async fn a_soft_or_anonymous_end_keeps_the_id() {
    for (how, named) in [(AccountEnd::Soft, true), (AccountEnd::Anonymize, false)] {
        let house = House::with(settings().account_deletion(how, DAY));
        let ada = verified(&house).await;
        plant_factors(&house, &ada).await;
        house.wing.schedule_deletion(&ada.id).await.expect("store");
        house.clock.advance(DAY * 2);
        assert_eq!(house.wing.end_due_accounts().await.expect("store"), 1);
        let kept = stored(&house, &ada).await.expect("kept");
        assert!(kept.disabled_at.is_some());
        assert_eq!(kept.email.is_some(), named);
        let keys = house.core.stores.passkeys.passkeys_of(&ada.id).await;
        assert_eq!(keys.expect("store").is_empty(), !named);
    }
}

#[tokio::test]
async fn hosts_may_switch_it_off() {
    let house = House::with(settings().no_account_deletion());
    verified(&house).await;
    let mut browser = house.signed_in(ADA).await;
    let answer = browser.get("/auth/account/delete").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[derive(Default)]
pub(super) struct Host {
    fails: AtomicBool,
    asked: AtomicUsize,
    pub(super) told: Mutex<Vec<String>>,
}

pub(super) struct Hook(pub(super) Arc<Host>);

#[async_trait]
impl LifecycleHooks for Hook {
    async fn before_registration(&self, user: &User) -> Result<(), HookError> {
        if user.email.as_deref() == Some(BOB) {
            return Err(HookError::Refused("By invitation only.".to_owned()));
        }
        Ok(())
    }
    async fn after_registration(&self, user: &User) {
        self.0
            .told
            .lock()
            .expect("lock")
            .push(format!("+{}", user.id));
    }
    async fn after_sign_in(&self, user: &User, _: &Session) {
        self.0
            .told
            .lock()
            .expect("lock")
            .push(format!("={}", user.id));
    }
    async fn before_end(&self, user: &User, _: AccountEnd) -> Result<(), HookError> {
        assert!(user.email.is_some(), "the host still sees who it is");
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(HookError::Failed("the host's database is down".into()));
        }
        Ok(())
    }
    async fn after_end(&self, user: &UserId, _: AccountEnd) {
        self.0.told.lock().expect("lock").push(format!("-{user}"));
    }
    async fn export(&self, _: &User) -> Result<Value, HookError> {
        Ok(json!({ "orders": [1, 2] }))
    }
}

#[tokio::test]
async fn hooks_come_before_and_after_and_an_end_waits_for_them() {
    let host = Arc::new(Host::default());
    let house = House::with(settings().lifecycle_hooks(Hook(host.clone())));
    let ada = verified(&house).await;
    let bob = NewUser {
        email: Some(BOB.to_owned()),
        ..NewUser::default()
    };
    let refused = house.wing.create_user(bob).await;
    assert!(matches!(refused, Err(UserError::Problem(problem)) if problem.status == 403));

    house.wing.schedule_deletion(&ada.id).await.expect("store");
    house.clock.advance(DAY * 15);
    host.fails.store(true, Ordering::SeqCst);
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 0);
    assert!(stored(&house, &ada).await.is_some(), "nothing is gone");
    host.fails.store(false, Ordering::SeqCst);
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 1);
    assert_eq!(host.asked.load(Ordering::SeqCst), 2);
    let told = host.told.lock().expect("lock").clone();
    assert_eq!(told, [format!("+{}", ada.id), format!("-{}", ada.id)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_nodes_end_it_once() {
    let house = Arc::new(House::new());
    let ada = verified(&house).await;
    house.wing.schedule_deletion(&ada.id).await.expect("store");
    house.clock.advance(DAY * 15);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let house = house.clone();
        tasks.spawn(async move { house.wing.end_due_accounts().await.expect("store") });
    }
    let ended: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(ended, 1);
    let done = |event: &&Event| matches!(event, Event::AccountEnded { .. });
    assert_eq!(house.events().iter().filter(done).count(), 1);
    assert_eq!(mails(&house).await.len(), 1);
}

struct Apps;

#[async_trait]
impl AccountObserver for Apps {
    async fn account_ends(&self, _: &UserId, _: Timestamp) -> StoreResult<()> {
        Ok(())
    }
    async fn owner_came(&self, _: &UserId, _: Timestamp) -> StoreResult<()> {
        Ok(())
    }
    async fn export(&self, _: &UserId) -> StoreResult<(&'static str, Value)> {
        Ok(("connected_apps", json!([{ "client_id": "reports" }])))
    }
}

#[tokio::test]
async fn an_export_holds_what_is_kept_and_no_secret() {
    let host = Arc::new(Host::default());
    let house = House::with(settings().lifecycle_hooks(Hook(host)));
    house.wing.observe_accounts(Arc::new(Apps));
    let ada = verified(&house).await;
    plant_factors(&house, &ada).await;
    let record = AuditRecord {
        id: "r1".into(),
        at: house.core.clock.now(),
        event: "signed_in".to_owned(),
        actor: None,
        subject: Some(ada.id.clone()),
        organization: None,
        client: None,
        address: Some("192.0.2.7".to_owned()),
        data: "{\"event\":\"signed_in\"}".to_owned(),
        expires_at: house.core.clock.now() + DAY,
    };
    let audit = &house.core.stores.audit;
    audit.append_audit(&[record]).await.expect("store");
    let mut browser = by_two_factors(&house, &ada).await;
    let answer = press(&mut browser, "export", "/auth/account/export").await;
    assert_eq!(answer.status, StatusCode::OK);
    let disposition = &answer.headers[http::header::CONTENT_DISPOSITION];
    assert_eq!(disposition, "attachment; filename=\"account.json\"");
    let data = answer.json();
    assert_eq!(data["user"]["email"], ADA);
    assert_eq!(data["sessions"][0]["user_agent"], "Parrot/1.0");
    assert_eq!(data["second_factors"]["backup_codes_left"], 2);
    assert_eq!(data["passkeys"][0]["name"], "Laptop");
    assert_eq!(data["events"][0]["event"], "signed_in");
    assert_eq!(data["application"][0]["orders"], json!([1, 2]));
    assert_eq!(data["connected_apps"][0]["client_id"], "reports");
    for secret in ["digest", "secret", "hash", "argon2", "credential"] {
        assert!(!answer.body.contains(secret), "{secret}: {}", answer.body);
    }
    let exported = Event::DataExported {
        user: ada.id.clone(),
    };
    assert!(house.events().contains(&exported));
}
