//! What only SQLite has: files, folders, memory. And what is the same everywhere, but easiest seen here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use auth_core::store::{Backend as _, ClientId, ClientStore as _, Reach, StoreError};
use auth_store_seaorm::{Migrator, OpenError, SeaOrmStore, with_migration_lock};
use sea_orm::{ConnectionTrait as _, Database, TransactionTrait as _};
use tokio::sync::Notify;

use crate::support::{Place, client, fresh_folder, query};

#[tokio::test]
async fn a_database_in_memory_reaches_one_process() {
    let store = SeaOrmStore::open("sqlite::memory:").await.unwrap();
    assert_eq!(store.reach(), Reach::Node("a SQLite database in memory"));
}

#[tokio::test]
async fn a_folder_for_the_file_is_made() {
    let file = fresh_folder().join("deep").join("app.db");
    let url = format!("sqlite://{}", file.display());
    SeaOrmStore::open(&url).await.unwrap();
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_writes_is_opened_when_they_are_done() {
    let folder = fresh_folder();
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite://{}", folder.join("app.db").display());
    // Not in WAL mode yet, which cannot be changed while it is written.
    let host = Database::connect(format!("{url}?mode=rwc")).await.unwrap();
    let write = host.begin().await.unwrap();
    let table = "CREATE TABLE notes (id INT)";
    write.execute_unprepared(table).await.unwrap();
    let impatient = SeaOrmStore::builder().timeout(Duration::from_millis(50));
    let error = impatient.open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Database(_)), "{error:?}");
    let opens = tokio::spawn(async move { SeaOrmStore::open(&url).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    write.commit().await.unwrap();
    let store = opens.await.unwrap().unwrap();
    store.insert_client(&client("a")).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made_against_the_url() {
    let missing = fresh_folder().join("app.db");
    let url = format!("sqlite://{}?mode=rw", missing.display());
    let error = SeaOrmStore::open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Database(_)), "{error:?}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let builder = SeaOrmStore::builder().schema("auth");
    let error = builder.open("sqlite::memory:").await.unwrap_err();
    assert!(matches!(error, OpenError::Setting(_)), "{error:?}");
    let builder = SeaOrmStore::builder().table_prefix("x".repeat(33));
    let error = builder.open("sqlite::memory:").await.unwrap_err();
    assert!(matches!(error, OpenError::Setting(_)), "{error:?}");
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

/// The process goes away after each statement that changes the schema in turn: nothing of it stands, and the next start
/// does all of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_migration_leaves_nothing_and_is_done_by_the_next_start() {
    let folder = fresh_folder();
    std::fs::create_dir_all(&folder).unwrap();
    let (mut interruptions, mut undone) = (0, 0);
    loop {
        let file = folder.join(format!("{interruptions}.db"));
        let place = Place {
            url: format!("sqlite://{}", file.display()),
            prefix: "auth_".to_owned(),
        };
        let (seen, reached) = (AtomicUsize::new(0), Arc::new(Notify::new()));
        let mut connection = place.connect().await;
        let reach = Arc::clone(&reached);
        connection.set_metric_callback(move |info| {
            let changes_schema = info.statement.sql.starts_with("CREATE ");
            if changes_schema && seen.fetch_add(1, Ordering::Relaxed) == interruptions {
                reach.notify_one();
            }
        });
        let migrated = tokio::select! {
            biased;
            () = reached.notified() => None,
            migrated = async { Migrator::default().run(&connection).await } => Some(migrated),
        };
        let beside = place.connect().await;
        let made = async || query(&beside, "SELECT 1 FROM sqlite_master").await.len();
        // Waits until it has been rolled back.
        let free = with_migration_lock(&beside, async |_| Ok(()));
        free.await.unwrap();
        let stands = made().await;
        let store = place.open().await;
        // Right before its end it may have been done with the rest as well.
        assert!(stands == 0 || stands == made().await, "{stands}");
        undone += usize::from(stands == 0);
        store.insert_client(&client("a")).await.unwrap();
        if let Some(migrated) = migrated {
            migrated.unwrap();
            break;
        }
        interruptions += 1;
    }
    // Thirteen tables and the account, at least.
    assert!(undone >= 14, "{undone}");
}
