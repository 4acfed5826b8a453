//! This app's own accounts: a table of SQLite, in a file of the data folder or in memory.

use std::path::Path;
use std::time::Duration;

use adapter_axum::ground::{Random, SystemRandom};
use example_setup::{SeedUser, SetupError};
use serde_json::{Map, Value};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use crate::passwords::Passwords;

const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS accounts (
        id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, email_verified INTEGER NOT NULL,
        password_hash TEXT, claims TEXT NOT NULL, disabled INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY, secret_digest TEXT NOT NULL UNIQUE,
        account_id TEXT NOT NULL REFERENCES accounts (id), auth_time INTEGER NOT NULL, expires_at INTEGER NOT NULL)",
];

/// Why accounts did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the accounts cannot be read")]
    Table(#[from] sqlx::Error),
    #[error("an account holds what is no JSON")]
    Claims(#[from] serde_json::Error),
    #[error("too many passwords are being hashed")]
    Busy,
    #[error("a password could not be hashed")]
    Hashing,
}

/// The accounts and their sessions.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) pool: SqlitePool,
    passwords: Passwords,
}

/// One account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Stable and never used again: the `sub` that other apps know.
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    /// Standard claims of OpenID Connect Core §5.1.
    pub(crate) claims: Map<String, Value>,
    pub(crate) disabled: bool,
}

impl Account {
    pub(crate) fn display_name(&self) -> &str {
        let name = self.claims.get("name").and_then(Value::as_str);
        name.unwrap_or(&self.email)
    }
}

pub(crate) type Row = (String, String, bool, String, bool);

impl TryFrom<Row> for Account {
    type Error = Fault;

    fn try_from((id, email, email_verified, claims, disabled): Row) -> Result<Self, Fault> {
        Ok(Self {
            id,
            email,
            email_verified,
            claims: serde_json::from_str(&claims)?,
            disabled,
        })
    }
}

impl Accounts {
    /// Opens `accounts.db` in the data folder; without one, a table that ends with the process.
    pub(crate) async fn open(data: Option<&Path>) -> Result<Self, SetupError> {
        let options = SqliteConnectOptions::new().foreign_keys(true);
        let pool = if let Some(data) = data {
            let options = options
                .filename(data.join("accounts.db"))
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .busy_timeout(Duration::from_secs(5));
            SqlitePoolOptions::new().connect_with(options).await?
        } else {
            // One connection that never ends: each would have a database of its own.
            let pool = SqlitePoolOptions::new().max_connections(1);
            let pool = pool.idle_timeout(None).max_lifetime(None);
            pool.connect_with(options.in_memory(true)).await?
        };
        for table in TABLES {
            sqlx::query(table).execute(&pool).await?;
        }
        Ok(Self {
            pool,
            passwords: Passwords::new().await?,
        })
    }

    /// Whether there is no account yet.
    pub(crate) async fn is_empty(&self) -> Result<bool, Fault> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM accounts LIMIT 1")
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.is_none())
    }

    /// Makes a seed's user what the seed says. A changed password ends the sessions under the old one.
    pub(crate) async fn ensure(&self, user: &SeedUser) -> Result<(), SetupError> {
        let email = user.email.as_deref().map(canonical);
        let email =
            email.ok_or("a seed user has no e-mail address, which accounts here are known by")?;
        let claims = serde_json::to_string(&user.claims)?;
        let random: &dyn Random = &SystemRandom;
        sqlx::query(
            "INSERT INTO accounts (id, email, email_verified, claims) VALUES (?, ?, ?, ?)
             ON CONFLICT (email) DO UPDATE SET email_verified = excluded.email_verified, claims = excluded.claims",
        )
        .bind(random.id())
        .bind(&email)
        .bind(user.email_verified)
        .bind(claims)
        .execute(&self.pool)
        .await?;
        if let Some(password) = &user.password
            && self.verify(&email, password).await?.is_none()
        {
            let hash = self.passwords.hash(password).await?;
            let mut change = self.pool.begin().await?;
            sqlx::query(
                "DELETE FROM sessions WHERE account_id = (SELECT id FROM accounts WHERE email = ?)",
            )
            .bind(&email)
            .execute(&mut *change)
            .await?;
            sqlx::query("UPDATE accounts SET password_hash = ? WHERE email = ?")
                .bind(hash)
                .bind(&email)
                .execute(&mut *change)
                .await?;
            change.commit().await?;
        }
        Ok(())
    }

    /// The account of this address, if this is its password and it may be used.
    pub(crate) async fn verify(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<Account>, Fault> {
        let found: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT id, password_hash FROM accounts WHERE email = ?")
                .bind(canonical(email))
                .fetch_optional(&self.pool)
                .await?;
        let (id, hash) = found.unzip();
        let hash = hash.flatten();
        let right = self.passwords.verify(password, hash.as_deref()).await?;
        match id {
            Some(id) if right => Ok(self.account(&id).await?.filter(|found| !found.disabled)),
            _ => Ok(None),
        }
    }

    /// The account of this subject.
    pub(crate) async fn account(&self, id: &str) -> Result<Option<Account>, Fault> {
        let found: Option<Row> = sqlx::query_as(
            "SELECT id, email, email_verified, claims, disabled FROM accounts WHERE id = ?",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        found.map(Account::try_from).transpose()
    }
}

/// One spelling for one address.
pub(crate) fn canonical(email: &str) -> String {
    email.trim().to_lowercase()
}
