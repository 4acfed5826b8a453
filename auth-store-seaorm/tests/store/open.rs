//! Opening, settings, and what is unlike the contract: errors of the database.

use auth_core::store::{Backend as _, ClientId, ClientStore as _, Reach, StoreError, Stores};
use auth_store_seaorm::{OpenError, SeaOrmStore};

#[cfg(feature = "postgres")]
use crate::support::query;
use crate::support::{Place, client, on_each_database};

on_each_database! {
    what_was_written_is_there_after_reopening
    prefixes_do_not_meet
    a_database_without_tables_is_unavailable
    says_how_far_it_reaches
    serves_as_all_stores
}

async fn what_was_written_is_there_after_reopening(place: Place) {
    let store = place.open().await;
    store.insert_client(&client("a")).await.unwrap();
    drop(store);
    let store = place.open().await;
    let found = store.client(&ClientId::new("a")).await.unwrap();
    assert_eq!(found, Some(client("a")));
}

async fn prefixes_do_not_meet(place: Place) {
    let other = Place {
        prefix: format!("{}2", place.prefix),
        ..place.clone()
    };
    let stores = [place.open().await, other.open().await];
    for (store, id) in stores.iter().zip(["a", "b"]) {
        // Of an earlier run.
        store.delete_client(&ClientId::new(id)).await.unwrap();
        store.insert_client(&client(id)).await.unwrap();
    }
    assert_eq!(stores[0].clients(None, 9).await.unwrap(), [client("a")]);
    assert_eq!(stores[1].clients(None, 9).await.unwrap(), [client("b")]);
}

async fn a_database_without_tables_is_unavailable(place: Place) {
    let store = place
        .builder()
        .migrate(false)
        .open(&place.url)
        .await
        .unwrap();
    let answer = store.client(&ClientId::new("a")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    let answer = store.insert_client(&client("a")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
}

async fn says_how_far_it_reaches(place: Place) {
    let store = place.open().await;
    let reach = if place.is_sqlite() {
        Reach::Node("a SQLite file")
    } else {
        Reach::Shared
    };
    assert_eq!(store.reach(), reach);
    // Also on a connection of the host's.
    let builder = SeaOrmStore::builder().table_prefix(&place.prefix);
    assert_eq!(builder.connection(place.connect().await).reach(), reach);
}

async fn serves_as_all_stores(place: Place) {
    let stores = Stores::from(place.open().await);
    stores.clients.insert_client(&client("a")).await.unwrap();
    let found = stores.clients.client(&ClientId::new("a")).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn what_cannot_be_opened_says_what_can() {
    for url in ["oracle://localhost/app", "app.db", ""] {
        let error = SeaOrmStore::open(url).await.unwrap_err();
        assert!(matches!(error, OpenError::Url(_)), "{error:?}");
        for (known, scheme) in [
            (cfg!(feature = "sqlite"), "sqlite://"),
            (cfg!(feature = "postgres"), "postgres://"),
            (cfg!(feature = "mysql"), "mysql://"),
        ] {
            assert_eq!(error.to_string().contains(scheme), known, "{error}");
        }
    }
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn other_names_of_postgresql_and_its_schemas() {
    let place = crate::support::postgres().await;
    let schema = format!("s{}", crate::support::short_name());
    let connection = place.connect().await;
    query(
        &connection,
        &format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
    )
    .await;
    let url = place.url.replacen("postgres:", "postgresql:", 1);
    let builder = || place.builder().schema(&schema);

    let store = builder().migrate(false).open(&url).await.unwrap();
    let answer = store.client(&ClientId::new("a")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    let count = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'");
    assert!(query(&connection, &count).await.is_empty());

    let store = builder().open(&url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    let count = format!("SELECT 1 FROM {schema}.{}clients", place.prefix);
    assert_eq!(query(&connection, &count).await.len(), 1);
    // Outside of it there is nothing.
    let outside = place.builder().migrate(false).open(&url).await.unwrap();
    let answer = outside.client(&ClientId::new("a")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))));
}

/// Everything an error says, its causes included.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn whole(error: &OpenError) -> String {
    let first: Option<&dyn std::error::Error> = Some(error);
    let causes = std::iter::successors(first, |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
#[tokio::test]
async fn a_server_that_is_not_there_is_named_at_once() {
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    // Nobody listens there, or nobody who answers.
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listen().local_addr().unwrap().port();
    let listener = listen();
    let silent = listener.local_addr().unwrap().port();
    for (known, scheme) in [
        (cfg!(feature = "postgres"), "postgres"),
        (cfg!(feature = "mysql"), "mysql"),
    ] {
        if !known {
            continue;
        }
        let open = async |port: u16, timeout| {
            let url = format!("{scheme}://app:secret@127.0.0.1:{port}/app");
            let error = SeaOrmStore::builder().timeout(timeout).open(&url).await;
            whole(&error.unwrap_err())
        };
        let began = Instant::now();
        let error = open(gone, Duration::from_secs(30)).await;
        assert!(error.contains("Connection refused"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10));
        let error = open(silent, Duration::from_millis(200)).await;
        assert!(error.contains("did not answer"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn other_names_of_mysql_and_no_schemas() {
    let place = crate::support::mysql().await;
    let url = place.url.replacen("mysql:", "mariadb:", 1);
    let store = place.builder().open(&url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    let error = place.builder().schema("auth").open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Setting(_)), "{error:?}");
}
