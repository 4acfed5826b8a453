//! What the tables hold, and what ends a session.

use std::time::Duration;

use adapter_axum::ground::{Clock as _, SystemClock};
use adapter_axum::http::{HeaderMap, HeaderValue, header};
use example_setup::SeedUser;
use serde_json::json;

use crate::accounts::{Account, Accounts};
use crate::sessions::SessionCookie;

const PASSWORD: &str = "a long enough pass phrase for Alice";

fn alice(password: &str) -> SeedUser {
    let user = json!({ "email": "Alice@example.test", "password": password, "name": "Alice" });
    serde_json::from_value(user).expect("a user")
}

async fn accounts() -> (Accounts, Account) {
    let accounts = Accounts::open(None).await.expect("accounts");
    accounts.ensure(&alice(PASSWORD)).await.expect("alice");
    let verified = accounts.verify("alice@example.test ", PASSWORD).await;
    let account = verified.expect("table").expect("right password");
    (accounts, account)
}

#[tokio::test]
async fn only_the_right_password_of_a_usable_account_is_right() {
    let (accounts, account) = accounts().await;
    assert_eq!(account.display_name(), "Alice");
    for (email, password) in [
        ("alice@example.test", "another pass phrase entirely"),
        ("alice@example.test", ""),
        ("bob@example.test", PASSWORD),
        ("", ""),
    ] {
        let verified = accounts.verify(email, password).await.expect("table");
        assert!(verified.is_none(), "{email} {password}");
    }
    sqlx::query("UPDATE accounts SET disabled = 1")
        .execute(&accounts.pool)
        .await
        .expect("table");
    let verified = accounts.verify("alice@example.test", PASSWORD).await;
    assert!(verified.expect("table").is_none());
}

#[tokio::test]
async fn the_tables_hold_neither_passwords_nor_secrets() {
    let (accounts, account) = accounts().await;
    let now = SystemClock.now();
    let secret = accounts.begin_session(&account, None, now).await;
    let secret = secret.expect("session");
    let kept: (String, String) = sqlx::query_as(
        "SELECT password_hash, secret_digest FROM accounts JOIN sessions ON account_id = accounts.id",
    )
    .fetch_one(&accounts.pool)
    .await
    .expect("rows");
    assert!(kept.0.starts_with("$argon2id$"), "{}", kept.0);
    assert!(!kept.0.contains(PASSWORD));
    assert_ne!(kept.1, secret);
    // What stands in the table opens nothing.
    assert!(
        accounts
            .session(&kept.1, now)
            .await
            .expect("table")
            .is_none()
    );
    assert!(
        accounts
            .session(&secret, now)
            .await
            .expect("table")
            .is_some()
    );
}

#[tokio::test]
async fn a_session_ends_by_time_by_sign_out_and_with_its_password() {
    let (accounts, account) = accounts().await;
    let now = SystemClock.now();
    let begin = async || {
        accounts
            .begin_session(&account, None, now)
            .await
            .expect("session")
    };
    let live = async |secret: &str| {
        accounts
            .session(secret, now)
            .await
            .expect("table")
            .is_some()
    };

    let secret = begin().await;
    let (_, session) = accounts
        .session(&secret, now)
        .await
        .expect("table")
        .expect("live");
    let later = now + Duration::from_hours(12);
    assert!(
        accounts
            .session(&secret, later)
            .await
            .expect("table")
            .is_none()
    );
    let standing = accounts
        .is_session_live(&account.id, &session.id, later)
        .await;
    assert!(!standing.expect("table"));
    assert!(live(&secret).await);
    accounts.end_session(&session.id).await.expect("ended");
    assert!(!live(&secret).await);

    let secret = begin().await;
    accounts
        .ensure(&alice(PASSWORD))
        .await
        .expect("the same seed again");
    assert!(live(&secret).await);
    accounts
        .ensure(&alice("a new pass phrase for Alice"))
        .await
        .expect("another seed");
    assert!(!live(&secret).await);
}

#[tokio::test]
async fn signing_in_again_changes_the_secret_and_not_the_session() {
    let (accounts, account) = accounts().await;
    let now = SystemClock.now();
    let first = accounts
        .begin_session(&account, None, now)
        .await
        .expect("session");
    let before = accounts
        .session(&first, now)
        .await
        .expect("table")
        .expect("live");
    let later = now + Duration::from_mins(5);
    let second = accounts.begin_session(&account, Some(&before), later).await;
    let second = second.expect("session");
    assert!(
        accounts
            .session(&first, later)
            .await
            .expect("table")
            .is_none()
    );
    let (_, after) = accounts
        .session(&second, later)
        .await
        .expect("table")
        .expect("live");
    assert_eq!(after.id, before.1.id);
    assert_eq!(after.auth_time, later);
}

#[test]
fn the_cookie_is_held_to_the_host_and_to_https() {
    let cookie = |loopback_http| SessionCookie { loopback_http };
    let text = |value: Option<HeaderValue>| value.expect("set").to_str().expect("text").to_owned();
    assert_eq!(
        text(cookie(false).set("s")),
        "__Host-example_session=s; Path=/; HttpOnly; SameSite=Lax; Secure"
    );
    assert_eq!(
        text(cookie(true).remove()),
        "example_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    );
    let mut headers = HeaderMap::new();
    headers.append(
        header::COOKIE,
        HeaderValue::from_static("a=1; example_session=s"),
    );
    assert_eq!(cookie(true).read(&headers), Some("s"));
    assert_eq!(cookie(false).read(&headers), None);
}
