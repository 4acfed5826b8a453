//! How each statement finds its rows, as the database itself says: by an index, in tables with a few thousand rows.

use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query, Value};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, DynIden, QueryResult, Statement,
};

use super::place::Place;
use super::tour::Tour;
use crate::tables::Tables;

const ROWS: i64 = 3000;
const AT_ONCE: i64 = 250;

/// What a column is filled with.
#[derive(Clone, Copy)]
enum Fill {
    Text,
    /// Long after everything the tour knows.
    Number,
    Flag,
    Bytes,
}

impl Fill {
    fn value(self, row: i64) -> Value {
        match self {
            Self::Text => format!("filled {row}").into(),
            Self::Number => (1_000_000 + row).into(),
            Self::Flag => false.into(),
            Self::Bytes => vec![0_u8].into(),
        }
    }
}

/// A table, those of its columns that are text, those that are numbers, and the rest of those that may not be empty.
struct Filled {
    table: fn(&Tables) -> &DynIden,
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
    rest: &'static [(&'static str, Fill)],
}

impl Filled {
    fn columns(&self) -> impl Iterator<Item = (&'static str, Fill)> {
        let texts = self.texts.iter().map(|column| (*column, Fill::Text));
        let numbers = self.numbers.iter().map(|column| (*column, Fill::Number));
        texts.chain(numbers).chain(self.rest.iter().copied())
    }
}

const FILLED: [Filled; 21] = [
    Filled {
        table: |tables| &tables.users,
        texts: &["id", "email", "username", "claims"],
        numbers: &["created_at", "updated_at", "delete_at"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.sessions,
        texts: &["id", "token_digest", "user_id", "amr"],
        numbers: &[
            "created_at",
            "auth_time",
            "last_seen_at",
            "idle_expires_at",
            "expires_at",
        ],
        rest: &[("remember", Fill::Flag)],
    },
    Filled {
        table: |tables| &tables.session_ends,
        texts: &["session_id", "user_id"],
        numbers: &["seq"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.one_time,
        texts: &["kind", "digest"],
        numbers: &["expires_at", "keep_until", "forget_at"],
        rest: &[("payload", Fill::Bytes), ("spent", Fill::Flag)],
    },
    Filled {
        table: |tables| &tables.throttles,
        texts: &["digest"],
        numbers: &[
            "attempts",
            "window_started_at",
            "locked_until",
            "locks",
            "forget_at",
        ],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.clients,
        texts: &["client_id", "metadata", "secrets"],
        numbers: &["created_at", "updated_at", "version"],
        rest: &[("first_party", Fill::Flag)],
    },
    Filled {
        table: |tables| &tables.grants,
        texts: &[
            "id",
            "client_id",
            "subject",
            "session_id",
            "scopes",
            "details",
        ],
        numbers: &["created_at", "expires_at"],
        rest: &[("offline", Fill::Flag)],
    },
    Filled {
        table: |tables| &tables.refresh_tokens,
        texts: &["digest", "grant_id", "predecessor"],
        numbers: &["created_at", "expires_at"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.consents,
        texts: &["subject", "client_id", "scopes"],
        numbers: &["granted_at", "updated_at"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.signing_keys,
        texts: &["kid", "algorithm"],
        numbers: &["generation", "created_at", "active_from", "retired_at"],
        rest: &[("sealed_private_key", Fill::Bytes)],
    },
    Filled {
        table: |tables| &tables.leases,
        texts: &["name", "holder"],
        numbers: &["ends_at"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.counters,
        texts: &["name"],
        numbers: &["value"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.outbox,
        texts: &["id", "kind"],
        numbers: &["created_at", "attempts", "due_at", "expires_at"],
        rest: &[("payload", Fill::Bytes)],
    },
    Filled {
        table: |tables| &tables.totp,
        texts: &["user_id", "id"],
        numbers: &["created_at"],
        rest: &[("secret", Fill::Bytes)],
    },
    Filled {
        table: |tables| &tables.backup_codes,
        texts: &["user_id", "codes"],
        numbers: &[],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.trusted_devices,
        texts: &["id", "user_id", "token_digest"],
        numbers: &["created_at", "expires_at"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.seen_devices,
        texts: &["digest", "user_id"],
        numbers: &["keep_until"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.passkeys,
        texts: &["id", "user_id", "name"],
        numbers: &["slot", "counter", "created_at"],
        rest: &[("credential", Fill::Bytes)],
    },
    Filled {
        table: |tables| &tables.identities,
        texts: &["id", "digest", "user_id", "upstream", "issuer", "subject"],
        numbers: &["slot", "tokens_version", "created_at"],
        rest: &[],
    },
    Filled {
        table: |tables| &tables.upstream_sessions,
        texts: &[
            "session_id",
            "user_id",
            "upstream",
            "issuer",
            "issuer_digest",
            "subject",
            "subject_digest",
            "sid",
            "sid_digest",
        ],
        numbers: &["version", "expires_at"],
        rest: &[("secrets", Fill::Bytes)],
    },
    Filled {
        table: |tables| &tables.audit,
        texts: &["id", "event", "actor", "subject", "organization", "data"],
        numbers: &["at", "expires_at"],
        rest: &[],
    },
];

/// All tables.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) fn all(tables: &Tables) -> impl Iterator<Item = &DynIden> {
    FILLED.into_iter().map(|filled| (filled.table)(tables))
}

async fn fill(place: &Place) {
    for filled in FILLED {
        let table = (filled.table)(&place.store.tables);
        for first in (0..ROWS).step_by(usize::try_from(AT_ONCE).unwrap()) {
            let mut insert = Query::insert();
            let names = filled.columns().map(|(name, _)| name);
            insert.into_table(table.clone()).columns(names);
            for row in first..first + AT_ONCE {
                let row = filled.columns().map(|(_, fill)| Expr::val(fill.value(row)));
                insert.values(row).unwrap();
            }
            place.beside.execute(&insert).await.unwrap();
        }
        if place.beside.get_database_backend() != DbBackend::Sqlite {
            let analyze = match place.beside.get_database_backend() {
                DbBackend::Postgres => "ANALYZE",
                _ => "ANALYZE TABLE",
            };
            let analyze = format!("{analyze} {table}");
            place.beside.execute_unprepared(&analyze).await.unwrap();
        }
    }
}

/// Looks at every statement of the tour that has to find rows.
async fn rows_are_found_by_an_index(place: Place) {
    let mut tour = Tour {
        store: &place.store,
        steps: Vec::new(),
    };
    tour.all().await;
    fill(&place).await;
    let mut explained = 0;
    for step in &tour.steps {
        for statement in &step.statements {
            let sql = statement.sql.as_str();
            let finds_rows = ["SELECT", "UPDATE", "DELETE"]
                .iter()
                .any(|verb| sql.starts_with(verb));
            if finds_rows {
                let plan = plan(&place.beside, statement).await;
                assert_eq!(scans(&plan), [""; 0], "{}: {sql}\n{plan:#?}", step.verb);
                explained += 1;
            }
        }
    }
    assert!(explained > 80, "{explained} statements were explained");
    look_ups_without_an_index_are_seen(&place).await;
}

/// Also where an index is read from its beginning to its end: for its order, or because it holds all that is wanted.
async fn look_ups_without_an_index_are_seen(place: &Place) {
    let select = |column: &'static str| {
        let mut select = Query::select();
        select.column(column).from(place.store.tables.users.clone());
        select
    };
    let claims = || Expr::col("claims").eq("x");
    let selects = [
        select("id").and_where(claims()).take(),
        select("id")
            .and_where(claims())
            .order_by("id", Order::Asc)
            .take(),
        select("id")
            .and_where(claims())
            .order_by("id", Order::Asc)
            .limit(1)
            .take(),
        select("email")
            .and_where(Expr::col("email").like("%x"))
            .take(),
        select("email").take(),
    ];
    for select in selects {
        let select = place.beside.get_database_backend().build(&select);
        let plan = plan(&place.beside, &select).await;
        assert_eq!(scans(&plan).len(), 1, "{}\n{plan:#?}", select.sql);
    }
}

/// A line of a plan, and whether it reads a whole table.
#[derive(Debug)]
struct Line {
    text: String,
    scans: bool,
}

fn scans(plan: &[Line]) -> Vec<&str> {
    let scans = plan.iter().filter(|line| line.scans);
    scans.map(|line| line.text.as_str()).collect()
}

async fn plan(connection: &DatabaseConnection, statement: &Statement) -> Vec<Line> {
    let backend = connection.get_database_backend();
    let is_limited = statement.sql.contains("LIMIT");
    let explain = match backend {
        DbBackend::Sqlite => "EXPLAIN QUERY PLAN",
        _ => "EXPLAIN",
    };
    let statement = Statement {
        sql: format!("{explain} {}", statement.sql),
        ..statement.clone()
    };
    let rows = connection.query_all_raw(statement).await.unwrap();
    assert!(!rows.is_empty());
    if backend == DbBackend::Postgres {
        let text = |row: &QueryResult| row.try_get_by_index(0).unwrap();
        return of_postgres(rows.iter().map(text).collect(), is_limited);
    }
    let of_row = |row| match backend {
        DbBackend::Sqlite => of_sqlite(row),
        _ => of_mysql(row, is_limited),
    };
    rows.iter().map(of_row).collect()
}

fn of_sqlite(row: &QueryResult) -> Line {
    let text: String = row.try_get("", "detail").unwrap();
    let scans = text.starts_with("SCAN");
    Line { text, scans }
}

fn of_mysql(row: &QueryResult, is_limited: bool) -> Line {
    let column = |name| row.try_get::<Option<String>>("", name).unwrap();
    let (table, kind, key) = (column("table"), column("type"), column("key"));
    let extra = column("Extra").unwrap_or_default();
    let whole = match kind.as_deref() {
        Some("ALL") => true,
        Some("index") => !is_limited || extra.contains("Using where"),
        _ => key.is_none(),
    };
    // Without a table: nothing is read, or one row by its key was, while planning.
    let scans = table.is_some() && whole;
    let text = format!("{table:?} {kind:?} {key:?} {extra:?}");
    Line { text, scans }
}

/// A line names a step, and those that follow say more of it, up to the next step. An index without a condition is read
/// from its beginning, unless the first few rows are all that is wanted.
fn of_postgres(texts: Vec<String>, is_limited: bool) -> Vec<Line> {
    let is_step = |text: &str| text.contains("(cost=");
    let scans: Vec<_> = (0..texts.len())
        .map(|at| {
            let (step, more) = (&texts[at], &texts[at + 1..]);
            let mut more = more.iter().take_while(|text| !is_step(text));
            if !step.contains("Index Scan") && !step.contains("Index Only Scan") {
                return step.contains("Seq Scan");
            }
            let filters = more.clone().any(|text| text.contains("Filter:"));
            let searches = more.any(|text| text.contains("Index Cond:"));
            !searches && (filters || !is_limited)
        })
        .collect();
    let lines = texts.into_iter().zip(scans);
    lines.map(|(text, scans)| Line { text, scans }).collect()
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    rows_are_found_by_an_index(Place::in_memory().await).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let place = Place::on(test_servers::postgres_url()).await;
    // What is left of a scan then is one that no index could have spared.
    let no_scans = "SET enable_seqscan = off";
    place.beside.execute_unprepared(no_scans).await.unwrap();
    rows_are_found_by_an_index(place).await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    rows_are_found_by_an_index(Place::on(test_servers::mysql_url()).await).await;
}
