//! Opening, migrating, prefixes, and what is unlike the contract: errors of the database.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

use auth_core::ground::Timestamp;
use auth_core::store::{Client, ClientId, ClientStore as _, StoreError, Stores};
use auth_store_seaorm::{Migrator, OpenError, SeaOrmStore, migrations};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, QueryResult, Statement};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("open")
        .join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn client(id: &str) -> Client {
    Client {
        client_id: ClientId::new(id),
        metadata: serde_json::Map::new(),
        secrets: Vec::new(),
        first_party: false,
        disabled_at: None,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        version: 1,
    }
}

async fn query(connection: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_all_raw(statement).await.unwrap()
}

async fn tables(connection: &DatabaseConnection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let rows = query(connection, sql).await;
    rows.iter()
        .map(|row| row.try_get("", "name").unwrap())
        .collect()
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let file = fresh_folder("reopen").join("deep").join("app.db");
    let url = format!("sqlite://{}", file.display());
    let store = SeaOrmStore::open(&url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    drop(store);
    let store = SeaOrmStore::open(&url).await.unwrap();
    let found = store.client(&ClientId::new("a")).await.unwrap();
    assert_eq!(found, Some(client("a")));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_open_a_new_file_at_once() {
    let file = fresh_folder("at-once").join("app.db");
    let url = format!("sqlite://{}", file.display());
    let opening: Vec<_> = (0..8)
        .map(|number| {
            let url = url.clone();
            tokio::spawn(async move {
                // A pool and a line of its own each, as in a process of its own.
                let store = SeaOrmStore::open(&url).await.unwrap();
                for round in 0..20 {
                    let id = format!("{number}-{round}");
                    store.insert_client(&client(&id)).await.unwrap();
                }
                store
            })
        })
        .collect();
    let mut stores = Vec::new();
    for store in opening {
        stores.push(store.await.unwrap());
    }
    for store in stores {
        assert_eq!(store.clients(None, 1000).await.unwrap().len(), 160);
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    let migrator = Migrator::default();
    migrator.run(&connection).await.unwrap();
    let store = SeaOrmStore::from_connection(connection.clone());
    store.insert_client(&client("a")).await.unwrap();
    let before = tables(&connection).await;
    migrator.run(&connection).await.unwrap();
    assert_eq!(tables(&connection).await, before);
    assert!(store.client(&ClientId::new("a")).await.unwrap().is_some());
    // Even without its account, as when a host moves the migrations into its own migrator.
    query(&connection, "DELETE FROM auth_migrations").await;
    migrator.run(&connection).await.unwrap();
    assert!(store.client(&ClientId::new("a")).await.unwrap().is_some());
}

struct HostMigrator;

impl MigratorTrait for HostMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations()
    }
}

#[tokio::test]
async fn works_inside_the_migrator_of_a_host() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    HostMigrator::up(&connection, None).await.unwrap();
    HostMigrator::up(&connection, None).await.unwrap();
    let store = SeaOrmStore::from_connection(connection);
    store.insert_client(&client("a")).await.unwrap();
    // And serves as all stores.
    let stores = Stores::from(store);
    let found = stores.clients.client(&ClientId::new("a")).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn prefixes_do_not_meet() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    let mut stores = Vec::new();
    for prefix in ["one_", "two_"] {
        Migrator::with_prefix(prefix)
            .run(&connection)
            .await
            .unwrap();
        let builder = SeaOrmStore::builder().table_prefix(prefix);
        stores.push(builder.connection(connection.clone()));
    }
    stores[0].insert_client(&client("a")).await.unwrap();
    stores[1].insert_client(&client("b")).await.unwrap();
    assert_eq!(stores[0].clients(None, 9).await.unwrap(), [client("a")]);
    assert_eq!(stores[1].clients(None, 9).await.unwrap(), [client("b")]);
    let names = tables(&connection).await;
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("one_") || name.starts_with("two_"))
    );
    assert_eq!(names.len(), 20);
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let error = SeaOrmStore::open("mysql://localhost/app")
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Url(_)), "{error:?}");
    let missing = fresh_folder("missing").join("app.db");
    let url = format!("sqlite://{}?mode=rw", missing.display());
    let error = SeaOrmStore::open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Database(_)), "{error:?}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_database_that_fails_is_unavailable() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    // No tables: nobody migrated.
    let store = SeaOrmStore::from_connection(connection);
    let answer = store.client(&ClientId::new("a")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    let answer = store.insert_client(&client("a")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_corrupt_and_not_shown() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    Migrator::default().run(&connection).await.unwrap();
    let store = SeaOrmStore::from_connection(connection.clone());
    for (id, sql) in [
        ("a", "UPDATE auth_clients SET metadata = '{\"s3cret\"'"),
        ("b", "UPDATE auth_clients SET metadata = '{}', version = -1"),
        (
            "c",
            "UPDATE auth_clients SET version = 1, secrets = '[\"s3cret\"]'",
        ),
    ] {
        store.insert_client(&client(id)).await.unwrap();
        query(&connection, sql).await;
        let error = store.client(&ClientId::new(id)).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

/// What SQLite would do for a statement: every step searches by an index, none scans a table.
#[tokio::test]
async fn every_lookup_is_by_an_index() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    Migrator::default().run(&connection).await.unwrap();
    for lookup in [
        "auth_users WHERE id = 'x'",
        "auth_users WHERE email = 'x'",
        "auth_users WHERE username = 'x'",
        "auth_users WHERE id = 'x' OR email = 'x' OR username = 'x'",
        "auth_sessions WHERE id = 'x'",
        "auth_sessions WHERE token_digest = 'x'",
        "auth_sessions WHERE user_id = 'x' ORDER BY created_at DESC LIMIT 100",
        "auth_sessions WHERE expires_at <= 1",
        "auth_sessions WHERE idle_expires_at <= 1",
        "auth_one_time WHERE kind = 'x' AND digest = 'x'",
        "auth_one_time WHERE forget_at <= 1",
        "auth_throttles WHERE digest = 'x'",
        "auth_throttles WHERE forget_at <= 1",
        "auth_clients WHERE client_id = 'x'",
        "auth_grants WHERE id = 'x'",
        "auth_grants WHERE client_id = 'x'",
        "auth_grants WHERE subject = 'x'",
        "auth_grants WHERE session_id = 'x'",
        "auth_grants WHERE expires_at <= 1",
        "auth_refresh_tokens WHERE digest = 'x'",
        "auth_refresh_tokens WHERE grant_id = 'x'",
        "auth_refresh_tokens WHERE expires_at <= 1",
        "auth_consents WHERE subject = 'x'",
        "auth_signing_keys WHERE kid = 'x'",
        "auth_signing_keys WHERE retired_at <= 1",
    ] {
        let plan = query(
            &connection,
            &format!("EXPLAIN QUERY PLAN SELECT * FROM {lookup}"),
        )
        .await;
        for step in plan {
            let step: String = step.try_get("", "detail").unwrap();
            assert!(!step.starts_with("SCAN"), "{lookup}: {step}");
        }
    }
}
