//! Migrations: at once, again, among a host's own, and interrupted.

use auth_core::store::{ClientId, ClientStore as _};
use auth_store_seaorm::{Migrator, SeaOrmStore, migrations};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::support::{Place, client, on_each_database, query};

on_each_database! {
    nodes_that_open_at_once_migrate_once
    migrating_again_changes_nothing
    works_inside_the_migrator_of_a_host
}

async fn nodes_that_open_at_once_migrate_once(place: Place) {
    let opening: Vec<_> = (0..8)
        .map(|number| {
            let place = place.clone();
            tokio::spawn(async move {
                // A pool and a line of its own each, as in a process of its own.
                let store = place.open().await;
                for round in 0..5 {
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
        assert_eq!(store.clients(None, 1000).await.unwrap().len(), 40);
    }
    let connection = place.connect().await;
    let applied = format!("SELECT version FROM {}migrations", place.prefix);
    assert_eq!(query(&connection, &applied).await.len(), 2);
}

async fn migrating_again_changes_nothing(place: Place) {
    let store = place.open().await;
    store.insert_client(&client("a")).await.unwrap();
    let connection = place.connect().await;
    let migrator = Migrator::with_prefix(&place.prefix);
    migrator.run(&connection).await.unwrap();
    assert!(store.client(&ClientId::new("a")).await.unwrap().is_some());
    // Even without its account, as when a host moves the migrations into its own migrator.
    query(
        &connection,
        &format!("DELETE FROM {}migrations", place.prefix),
    )
    .await;
    migrator.run(&connection).await.unwrap();
    assert!(store.client(&ClientId::new("a")).await.unwrap().is_some());
}

struct HostMigrator;

impl MigratorTrait for HostMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations()
    }
}

async fn works_inside_the_migrator_of_a_host(place: Place) {
    // The account of a host's migrator has one name, so a database of its own.
    let place = place.own_database().await;
    let connection = place.connect().await;
    HostMigrator::up(&connection, None).await.unwrap();
    HostMigrator::up(&connection, None).await.unwrap();
    let store = SeaOrmStore::from_connection(connection);
    store.insert_client(&client("a")).await.unwrap();
    // The store's own comes after, and finds everything done.
    let store = SeaOrmStore::open(&place.url).await.unwrap();
    let found = store.client(&ClientId::new("a")).await.unwrap();
    assert!(found.is_some());
}

/// The connection breaks after each statement that changes the schema in turn; the next start finishes the work.
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod interrupted {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use auth_core::ground::Digest32;
    use auth_core::store::{ClientStore as _, LeaseStore as _, OneTimeKind, OneTimeStore as _};
    use auth_store_seaorm::Migrator;
    use sea_orm::DatabaseConnection;
    use test_servers::Proxy;

    use crate::support::{Place, at, client};

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        // Twelve tables and the account, at least.
        assert!(finished_by_the_next_start(crate::support::postgres().await).await >= 13);
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread")]
    async fn mysql() {
        assert!(finished_by_the_next_start(crate::support::mysql().await).await >= 13);
    }

    /// How often it could be interrupted.
    async fn finished_by_the_next_start(place: Place) -> usize {
        let mut interruptions = 0;
        loop {
            let proxy = Arc::new(Proxy::start(place.address()));
            let through = place.through(proxy.port());
            let connection = breaks_after(through.connect().await, &proxy, interruptions + 1);
            let migrated = Migrator::with_prefix(&place.prefix).run(&connection).await;
            let store = place.open().await;
            store.insert_client(&client("a")).await.unwrap();
            let (jti, kind) = (Digest32::of("a"), OneTimeKind::ClientAssertion);
            let claimed = store.claim_once(kind, &jti, at(0), at(9));
            assert!(claimed.await.unwrap());
            let held = store.hold_lease("work", "a", at(0), at(9)).await;
            assert!(held.unwrap());
            if migrated.is_ok() {
                return interruptions;
            }
            interruptions += 1;
            place.drop_tables().await;
        }
    }

    fn breaks_after(
        mut connection: DatabaseConnection,
        proxy: &Arc<Proxy>,
        statements: usize,
    ) -> DatabaseConnection {
        let (proxy, seen) = (Arc::clone(proxy), AtomicUsize::new(0));
        connection.set_metric_callback(move |info| {
            let changes_schema = info.statement.sql.starts_with("CREATE ");
            if changes_schema && seen.fetch_add(1, Ordering::Relaxed) + 1 == statements {
                proxy.cut();
            }
        });
        connection
    }
}
