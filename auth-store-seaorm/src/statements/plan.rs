//! How each statement finds its rows, as the database itself says: by an index, in tables with a few thousand rows.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query, Value};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DynIden, Statement};

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

const FILLED: [Filled; 13] = [
    Filled {
        table: |tables| &tables.users,
        texts: &["id", "email", "username", "claims"],
        numbers: &["created_at", "updated_at"],
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
    // And a look-up without an index would be seen.
    let by_claims = Query::select()
        .column("id")
        .from(place.store.tables.users.clone())
        .and_where(Expr::col("claims").eq("x"))
        .take();
    let by_claims = place.beside.get_database_backend().build(&by_claims);
    let plan = plan(&place.beside, &by_claims).await;
    assert_eq!(scans(&plan).len(), 1, "{plan:#?}");
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
    let line = |row: &sea_orm::QueryResult| match backend {
        DbBackend::Sqlite => {
            let text: String = row.try_get("", "detail").unwrap();
            let scans = text.starts_with("SCAN");
            Line { text, scans }
        }
        DbBackend::Postgres => {
            let text: String = row.try_get_by_index(0).unwrap();
            let scans = text.contains("Seq Scan");
            Line { text, scans }
        }
        _ => {
            let column = |name| row.try_get::<Option<String>>("", name).unwrap();
            let (table, kind, key) = (column("table"), column("type"), column("key"));
            // Without a table: nothing is read, or one row by its key was, while planning.
            let scans = table.is_some() && (key.is_none() || kind.as_deref() == Some("ALL"));
            let text = format!("{table:?} {kind:?} {key:?} {:?}", column("Extra"));
            Line { text, scans }
        }
    };
    rows.iter().map(line).collect()
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
