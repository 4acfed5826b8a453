//! A session's look-up.

use std::hint::black_box;

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{Session, SessionId, SessionStore as _, UserId};
use auth_core::testkit::Ratio;
use sea_orm::{ConnectionTrait as _, Statement};
use tokio::runtime::Runtime;

use crate::database::{Database, Kind};

pub(crate) fn session(name: &str) -> Session {
    let end = Timestamp::from_seconds(4_000_000_000);
    Session {
        id: SessionId::new(name),
        token_digest: Digest32::of(name),
        user_id: UserId::new("ada"),
        created_at: Timestamp::default(),
        auth_time: Timestamp::default(),
        amr: vec!["pwd".into()],
        acr: Some("1".into()),
        last_seen_at: Timestamp::default(),
        idle_expires_at: end,
        expires_at: end,
        remember: true,
        user_agent: Some(
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
        ),
        address: Some("192.0.2.1".into()),
    }
}

pub(crate) fn compare(runtime: &Runtime, database: &Database) {
    let store = runtime.block_on(database.store("lookup_"));
    let session = session("a session of somebody");
    runtime.block_on(store.insert_session(&session)).unwrap();
    let parameter = match database.kind {
        Kind::Postgres => "$1",
        Kind::Sqlite | Kind::MySql => "?",
    };
    let select = format!("SELECT * FROM lookup_sessions WHERE id = {parameter}");
    let backend = database.own.get_database_backend();
    let ratio = Ratio::of(
        300,
        || {
            let value = [session.id.as_str().into()];
            let statement = Statement::from_sql_and_values(backend, &select, value);
            let row = runtime.block_on(database.own.query_one_raw(statement));
            black_box(row.unwrap().unwrap());
        },
        || {
            let found = runtime.block_on(store.session(&session.id));
            black_box(found.unwrap().unwrap());
        },
    );
    println!("  session look-up / one indexed SELECT: {ratio} (at most 1.3)");
}
