//! A database to measure, and rows by the million.

use std::path::Path;

use auth_store_seaorm::SeaOrmStore;
use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection};
use test_servers::{MariaDb, Postgres};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MySql,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// A table expression of the numbers 1 to `rows`, called `seq (n)`.
    fn numbers(self, rows: u32) -> String {
        match self {
            Self::Sqlite => format!(
                "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s) AS seq"
            ),
            Self::Postgres => format!("generate_series(1, {rows}) AS seq(n)"),
            Self::MySql => format!("(SELECT seq AS n FROM seq_1_to_{rows}) AS seq"),
        }
    }

    /// Eight characters that lie about as random keys do; [`key`] makes the same.
    const fn key(self) -> &'static str {
        match self {
            Self::Sqlite => "printf('%08X', (n * 2654435761) % 4294967296)",
            Self::Postgres => "upper(lpad(to_hex((n::bigint * 2654435761) % 4294967296), 8, '0'))",
            Self::MySql => "LPAD(HEX((n * 2654435761) % 4294967296), 8, '0')",
        }
    }

    const fn bytes(self) -> &'static str {
        match self {
            Self::Sqlite | Self::MySql => "x'00'",
            Self::Postgres => "'\\x00'::bytea",
        }
    }
}

pub(crate) fn key(n: u32) -> String {
    format!("{:08X}", (u64::from(n) * 2_654_435_761) % (1 << 32))
}

pub(crate) struct Database {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// A connection beside the store's.
    pub(crate) own: DatabaseConnection,
    _server: Option<Box<dyn std::any::Any>>,
}

impl Database {
    pub(crate) async fn start(kind: Kind) -> Self {
        let (url, server): (String, Option<Box<dyn std::any::Any>>) = match kind {
            Kind::Sqlite => {
                let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ratios");
                let _ = std::fs::remove_dir_all(&folder);
                std::fs::create_dir_all(&folder).unwrap();
                let file = folder.join("app.db");
                (format!("sqlite://{}?mode=rwc", file.display()), None)
            }
            // As much memory as an operator would give them: the million rows must not be read from disk.
            Kind::Postgres => {
                let server =
                    Postgres::start_with(&[("shared_buffers", "1GB"), ("max_wal_size", "8GB")]);
                (server.url(), Some(Box::new(server)))
            }
            Kind::MySql => {
                let server = MariaDb::start_with(&[
                    "--innodb-buffer-pool-size=3G",
                    "--innodb-log-file-size=1G",
                ]);
                (server.url(), Some(Box::new(server)))
            }
        };
        let mut options = ConnectOptions::new(&url);
        options
            .max_connections(8)
            .test_before_acquire(false)
            .sqlx_logging(false);
        Self {
            kind,
            own: sea_orm::Database::connect(options).await.unwrap(),
            url,
            _server: server,
        }
    }

    /// A store with tables of its own.
    pub(crate) async fn store(&self, prefix: &str) -> SeaOrmStore {
        let builder = SeaOrmStore::builder().table_prefix(prefix);
        builder.open(&self.url).await.unwrap()
    }

    pub(crate) async fn sql(&self, sql: &str) {
        self.own.execute_unprepared(sql).await.unwrap();
    }

    /// Puts `rows` rows into every large table. `end` is when they end, in milliseconds.
    pub(crate) async fn fill(&self, prefix: &str, rows: u32, end: i64) {
        let (key, bytes, numbers) = (self.kind.key(), self.kind.bytes(), self.kind.numbers(rows));
        let digest = "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'";
        let tables = [
            format!(
                "users (id, email, username, claims, created_at, updated_at) \
                 SELECT {key}, {key} || '@example.com', {key}, '{{\"name\":\"A name\"}}', 0, 0"
            ),
            format!(
                "sessions (id, token_digest, user_id, created_at, auth_time, amr, acr, last_seen_at, idle_expires_at, \
                 expires_at, remember, user_agent, address) \
                 SELECT {key}, {key} || {digest}, {key}, n, n, '[\"pwd\"]', '1', n, {end}, {end}, TRUE, \
                 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '192.0.2.1'"
            ),
            format!(
                "one_time (kind, digest, payload, expires_at, keep_until, spent, forget_at) \
                 SELECT 'code', {key} || {digest}, {bytes}, {end}, {end}, FALSE, {end}"
            ),
            format!(
                "throttles (digest, attempts, window_started_at, locked_until, locks, forget_at) \
                 SELECT {key} || {digest}, 1, 0, 0, 0, {end}"
            ),
            format!(
                "grants (id, client_id, subject, session_id, scopes, details, offline, created_at, expires_at) \
                 SELECT {key}, 'app', {key}, {key}, '[\"openid\"]', '{{}}', TRUE, 0, {end}"
            ),
            format!(
                "refresh_tokens (digest, grant_id, created_at, expires_at) \
                 SELECT {key} || {digest}, {key}, 0, {end}"
            ),
        ];
        for insert in tables {
            self.sql(&format!("INSERT INTO {prefix}{insert} FROM {numbers}"))
                .await;
        }
        for table in [
            "users",
            "sessions",
            "one_time",
            "throttles",
            "grants",
            "refresh_tokens",
        ] {
            let analyze = match self.kind {
                Kind::MySql => "ANALYZE TABLE",
                Kind::Sqlite | Kind::Postgres => "ANALYZE",
            };
            self.sql(&format!("{analyze} {prefix}{table}")).await;
        }
    }
}
