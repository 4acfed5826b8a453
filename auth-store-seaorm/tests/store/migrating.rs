//! Migrations: at once, again, among a host's own, and interrupted.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth_core::store::{
    ClientId, ClientStore as _, Identifier, IdentityId, IdentityStore as _, LinkIdentity,
    LinkedIdentity, PasswordHash, UserChange, UserId, UserStore as _,
};
use auth_store_seaorm::{Migrator, SeaOrmStore, migrations, with_migration_lock};
use sea_orm::sea_query::{ColumnDef, Table};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, Statement};
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, SchemaManager, SchemaManagerConnection,
    async_trait,
};
use tokio::sync::oneshot;

use crate::support::{Place, at, client, on_each_database, query};

on_each_database! {
    nodes_that_open_at_once_migrate_once
    migrating_again_changes_nothing
    users_of_an_earlier_release_stay
    columns_that_are_half_there_are_completed
    works_inside_the_migrator_of_a_host
    works_inside_the_migrator_of_a_host_with_a_prefix
    the_lock_ends_with_what_holds_it
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
    assert_eq!(query(&connection, &applied).await.len(), 5);
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

/// The tables as they were before accounts had an end, with somebody in them.
async fn of_an_earlier_release(place: &Place) -> DatabaseConnection {
    let connection = place.connect().await;
    let manager = SchemaManager::new(&connection);
    let migrations = Migrator::with_prefix(&place.prefix).migrations();
    for migration in &migrations[..3] {
        migration.up(&manager).await.unwrap();
    }
    let insert = format!(
        "INSERT INTO {}users (id, email, username, claims, password_hash, created_at, updated_at) \
         VALUES ('ada', 'ada@example.com', 'ada', '{{\"name\":\"Ada\"}}', '$a', 5, 6)",
        place.prefix
    );
    connection.execute_unprepared(&insert).await.unwrap();
    connection
}

async fn ada_is_there(place: &Place) {
    let store = place.open().await;
    let email = Identifier::Email("ada@example.com".to_owned());
    let (ada, password) = store.credentials(&email).await.unwrap().unwrap();
    assert_eq!(ada.id, UserId::new("ada"));
    assert_eq!(ada.claims["name"], "Ada");
    assert_eq!((ada.created_at, ada.updated_at), (at(5), at(6)));
    assert_eq!((ada.mfa_required, ada.delete_at), (false, None));
    assert_eq!(password, Some(PasswordHash::new("$a")));
    let change = UserChange {
        mfa_required: Some(true),
        delete_at: Some(Some(at(9))),
        ..UserChange::default()
    };
    let changed = store.update_user(&ada.id, &change, at(7)).await.unwrap();
    assert!(changed.unwrap().mfa_required);
    assert_eq!(store.users_to_end(at(9), 9).await.unwrap(), [ada.id]);
    let linked = store.link_identity(&identity("ada"), 1).await;
    assert_eq!(linked.unwrap(), LinkIdentity::Linked);
}

fn identity(user: &str) -> LinkedIdentity {
    LinkedIdentity {
        id: IdentityId::new("a"),
        user_id: UserId::new(user),
        upstream: "example".to_owned(),
        issuer: "https://id.example.com".to_owned(),
        subject: "a".to_owned(),
        display: None,
        tokens: None,
        tokens_version: 0,
        created_at: at(0),
        last_used_at: None,
    }
}

async fn users_of_an_earlier_release_stay(place: Place) {
    let before = of_an_earlier_release(&place).await;
    ada_is_there(&place).await;
    // Also for who was connected before: nothing of what the connection knows of the table misleads it.
    let store = place.builder().connection(before);
    let (id, change) = (UserId::new("ada"), UserChange::default());
    let ada = store.user(&id).await.unwrap().unwrap();
    assert_eq!((ada.mfa_required, ada.delete_at), (true, Some(at(9))));
    let change = UserChange {
        claims: Some(ada.claims.clone()),
        ..change
    };
    let same = store.update_user(&id, &change, at(10)).await.unwrap();
    assert_eq!(same.unwrap().delete_at, Some(at(9)));
}

/// Where a host runs migrations without a transaction, or the database has none for them.
async fn columns_that_are_half_there_are_completed(place: Place) {
    let connection = of_an_earlier_release(&place).await;
    let manager = SchemaManager::new(&connection);
    let migrations = Migrator::with_prefix(&place.prefix).migrations();
    let boolean = ColumnDef::new("mfa_required")
        .boolean()
        .not_null()
        .default(false)
        .take();
    for column in [boolean, ColumnDef::new("delete_at").big_integer().take()] {
        let users = format!("{}users", place.prefix);
        let mut add = Table::alter();
        add.table(users).add_column(column);
        manager.alter_table(add.take()).await.unwrap();
    }
    for _ in 0..2 {
        migrations[3].up(&manager).await.unwrap();
    }
    ada_is_there(&place).await;
}

/// A table of the host's own.
struct Notes;

impl MigrationName for Notes {
    fn name(&self) -> &'static str {
        "m20261121_000003_notes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Notes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        let id = ColumnDef::new("id").integer().primary_key().take();
        manager
            .create_table(table.table("notes").col(id).take())
            .await
    }
}

struct HostMigrator;

impl MigratorTrait for HostMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = migrations();
        migrations.push(Box::new(Notes));
        migrations
    }
}

async fn works_inside_the_migrator_of_a_host(place: Place) {
    // The account of a host's migrator has one name, so a database of its own.
    let place = place.own_database().await;
    let nodes: Vec<_> = (0..8)
        .map(|number| {
            let place = place.clone();
            tokio::spawn(async move {
                let connection = place.connect().await;
                // The store's own migrator gets along with the host's, before and after.
                if number % 4 == 3 {
                    SeaOrmStore::open(&place.url).await.unwrap();
                }
                let up = async |db: SchemaManagerConnection<'_>| HostMigrator::up(db, None).await;
                with_migration_lock(&connection, up).await.unwrap();
                let store = SeaOrmStore::from_connection(connection);
                let id = format!("{number}");
                store.insert_client(&client(&id)).await.unwrap();
            })
        })
        .collect();
    for node in nodes {
        node.await.unwrap();
    }
    let store = SeaOrmStore::open(&place.url).await.unwrap();
    assert_eq!(store.clients(None, 100).await.unwrap().len(), 8);
    let connection = place.connect().await;
    assert!(query(&connection, "SELECT id FROM notes").await.is_empty());
    let applied = query(&connection, "SELECT version FROM seaql_migrations").await;
    // Ours, and the notes.
    assert_eq!(applied.len(), 6);
}

/// Two sets of tables, and the host's.
struct PrefixedMigrator;

impl MigratorTrait for PrefixedMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = Migrator::with_prefix("one_").migrations();
        migrations.extend(Migrator::with_prefix("two_").migrations());
        migrations.push(Box::new(Notes));
        migrations
    }
}

async fn works_inside_the_migrator_of_a_host_with_a_prefix(place: Place) {
    let place = place.own_database().await;
    let connection = place.connect().await;
    for _ in 0..2 {
        let up = async |db: SchemaManagerConnection<'_>| PrefixedMigrator::up(db, None).await;
        with_migration_lock(&connection, up).await.unwrap();
    }
    for prefix in ["one_", "two_"] {
        let store = SeaOrmStore::builder().table_prefix(prefix);
        let store = store.connection(connection.clone());
        store.insert_client(&client("a")).await.unwrap();
        assert_eq!(store.clients(None, 9).await.unwrap().len(), 1);
    }
    assert!(query(&connection, "SELECT id FROM notes").await.is_empty());
    let applied = query(&connection, "SELECT version FROM seaql_migrations").await;
    assert_eq!(applied.len(), 11);
}

#[cfg(feature = "postgres")]
struct SchemaMigrator;

#[cfg(feature = "postgres")]
impl MigratorTrait for SchemaMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let of = |schema| Migrator::with_prefix("id_").in_schema(schema).migrations();
        let mut migrations = of("one");
        migrations.extend(of("the \"other\""));
        // After ours, where the host's own search path holds again.
        migrations.push(Box::new(Notes));
        migrations
    }
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn works_inside_the_migrator_of_a_host_with_schemas() {
    let place = crate::support::postgres().await.own_database().await;
    let connection = place.connect().await;
    for _ in 0..2 {
        let up = async |db: SchemaManagerConnection<'_>| SchemaMigrator::up(db, None).await;
        with_migration_lock(&connection, up).await.unwrap();
    }
    let tables = "SELECT 1 FROM pg_tables WHERE schemaname = 'the \"other\"'";
    assert_eq!(query(&connection, tables).await.len(), 21);
    let public = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(query(&connection, public).await.len(), 2, "notes, account");
    // Opened by itself, or in the search path of a connection of the host's.
    let builder = || SeaOrmStore::builder().table_prefix("id_");
    let store = builder().schema("one").migrate(false).open(&place.url);
    let store = store.await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    let url = format!("{}?options=-csearch_path%3Done", place.url);
    let store = builder().connection(sea_orm::Database::connect(url).await.unwrap());
    assert_eq!(store.clients(None, 9).await.unwrap(), [client("a")]);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_schema_where_there_is_none_is_refused() {
    let connection = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    let manager = SchemaManager::new(&connection);
    for migration in Migrator::default().in_schema("one").migrations() {
        assert!(migration.up(&manager).await.is_err());
    }
    assert!(
        query(&connection, "SELECT 1 FROM sqlite_master")
            .await
            .is_empty()
    );
}

/// Longer than it takes, shorter than anybody waits.
const SOON: Duration = Duration::from_secs(20);

/// Whether another node gets the lock at once.
async fn is_free(place: &Place) -> bool {
    let connection = place.connect().await;
    let taken = with_migration_lock(&connection, async |_| Ok(()));
    let taken = tokio::time::timeout(SOON, taken).await;
    matches!(taken, Ok(Ok(())))
}

async fn the_lock_ends_with_what_holds_it(place: Place) {
    let place = place.own_database().await;
    let connection = place.connect().await;
    let refused = with_migration_lock(&connection, async |db| {
        db.execute_unprepared("CREATE TABLE half (id INT)").await?;
        Err(DbErr::Custom("no".into()))
    });
    assert_eq!(refused.await.unwrap_err(), DbErr::Custom("no".into()));
    assert!(is_free(&place).await);
    // On SQLite it is a transaction; elsewhere each statement stands by itself.
    let half = place.connect().await;
    let half = half.query_one_raw(Statement::from_string(
        half.get_database_backend(),
        "SELECT count(*) FROM half",
    ));
    assert_eq!(half.await.is_err(), place.is_sqlite());

    let (held, holds) = oneshot::channel();
    let holder = tokio::spawn(async move {
        with_migration_lock(&connection, async move |_| {
            held.send(()).unwrap();
            pending().await
        })
        .await
    });
    holds.await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let waits = tokio::spawn({
        let (place, done) = (place.clone(), Arc::clone(&done));
        async move {
            let connection = place.connect().await;
            let work = async |_: SchemaManagerConnection<'_>| {
                done.store(true, Ordering::SeqCst);
                Ok(())
            };
            with_migration_lock(&connection, work).await
        }
    });
    // It would have had the time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!done.load(Ordering::SeqCst), "two at once");
    holder.abort();
    assert!(holder.await.unwrap_err().is_cancelled());
    tokio::time::timeout(SOON, waits)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(done.load(Ordering::SeqCst));
}

/// The connection breaks after each statement that changes the schema in turn; the next start finishes the work.
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod interrupted {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use auth_core::ground::Digest32;
    use auth_core::store::{
        ClientStore as _, IdentityStore as _, LeaseStore as _, LinkIdentity, OneTimeKind,
        OneTimeStore as _, UpstreamSessionStore as _, UserStore as _,
    };
    use auth_store_seaorm::{Migrator, with_migration_lock};
    use test_servers::Proxy;

    use super::{DatabaseConnection, DbErr, SOON, at, client, identity, pending};
    use crate::support::Place;

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        // Twenty-one tables, two columns and the account, at least.
        assert!(finished_by_the_next_start(crate::support::postgres().await).await >= 24);
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread")]
    async fn mysql() {
        assert!(finished_by_the_next_start(crate::support::mysql().await).await >= 24);
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread")]
    async fn work_without_the_lock_on_postgres() {
        stops_when_the_lock_is_lost(crate::support::postgres().await).await;
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread")]
    async fn work_without_the_lock_on_mysql() {
        stops_when_the_lock_is_lost(crate::support::mysql().await).await;
    }

    async fn stops_when_the_lock_is_lost(place: Place) {
        let proxy = Proxy::start(place.address());
        let connection = place.through(proxy.port()).connect().await;
        let migrated = with_migration_lock(&connection, async |_| {
            proxy.cut();
            pending().await
        });
        let migrated = tokio::time::timeout(SOON, migrated).await.unwrap();
        assert!(matches!(migrated, Err(DbErr::Conn(_))), "{migrated:?}");
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
            let due = store.users_to_end(at(9), 9).await;
            assert_eq!(due.unwrap(), []);
            let linked = store.link_identity(&identity("ada"), 1).await;
            assert_eq!(linked.unwrap(), LinkIdentity::Linked);
            let behind = store.upstream_sessions("", "", None, None, 9).await;
            assert_eq!(behind.unwrap(), []);
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
            let sql = info.statement.sql.as_str();
            let changes_schema = sql.starts_with("CREATE ") || sql.starts_with("ALTER ");
            if changes_schema && seen.fetch_add(1, Ordering::Relaxed) + 1 == statements {
                proxy.cut();
            }
        });
        connection
    }
}
