//! This app's own sessions: a random secret in a cookie, its digest in the table.

use std::time::Duration;

use adapter_axum::ground::{Digest32, Random, SystemRandom, Timestamp};
use adapter_axum::http::header::COOKIE;
use adapter_axum::http::{HeaderMap, HeaderValue};
use adapter_axum::store::SessionId;

use crate::accounts::{Account, Accounts, Fault};

/// A session ends this long after its sign-in, whatever happens.
const LIFE: Duration = Duration::from_hours(12);

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// When the person last proved who they are.
    pub(crate) auth_time: Timestamp,
}

impl Accounts {
    /// Begins a session: its secret, for the cookie. Whoever signs in again as the same keeps the session, under a new
    /// secret. Also removes sessions that ended by time.
    pub(crate) async fn begin_session(
        &self,
        account: &Account,
        previous: Option<&(Account, Session)>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let random: &dyn Random = &SystemRandom;
        let secret = random.secret();
        let kept = previous.filter(|(known, _)| known.id == account.id);
        let id = kept.map_or_else(|| random.id(), |(_, session)| session.id.to_string());
        let mut change = self.pool.begin().await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at <= ? OR id = ?")
            .bind(now.millis())
            .bind(&id)
            .execute(&mut *change)
            .await?;
        sqlx::query("INSERT INTO sessions (id, secret_digest, account_id, auth_time, expires_at) VALUES (?, ?, ?, ?, ?)")
            .bind(id)
            .bind(Digest32::of(&secret).to_text())
            .bind(&account.id)
            .bind(now.millis())
            .bind((now + LIFE).millis())
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(secret)
    }

    /// Who is signed in under this secret.
    pub(crate) async fn session(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<(Account, Session)>, Fault> {
        let found: Option<(String, i64, String)> = sqlx::query_as(
            "SELECT id, auth_time, account_id FROM sessions WHERE secret_digest = ? AND expires_at > ?",
        )
        .bind(Digest32::of(secret).to_text())
        .bind(now.millis())
        .fetch_optional(&self.pool)
        .await?;
        let Some((id, auth_time, account)) = found else {
            return Ok(None);
        };
        let session = Session {
            id: SessionId::new(id),
            auth_time: Timestamp::from_millis(auth_time),
        };
        let account = self.account(&account).await?;
        Ok(account
            .filter(|account| !account.disabled)
            .map(|account| (account, session)))
    }

    /// Whether a session of this account still stands.
    pub(crate) async fn is_session_live(
        &self,
        account: &str,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let found: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM sessions WHERE id = ? AND account_id = ? AND expires_at > ?",
        )
        .bind(session.as_str())
        .bind(account)
        .bind(now.millis())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.is_some())
    }

    /// Ends a session.
    pub(crate) async fn end_session(&self, session: &SessionId) -> Result<(), Fault> {
        sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(session.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// The session cookie. Over https browsers hold it to this host and to https (`__Host-`, `Secure`); on loopback http they
/// refuse such a cookie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionCookie {
    pub(crate) loopback_http: bool,
}

impl SessionCookie {
    fn name(self) -> &'static str {
        if self.loopback_http {
            "example_session"
        } else {
            "__Host-example_session"
        }
    }

    /// The secret in a request.
    pub(crate) fn read(self, headers: &HeaderMap) -> Option<&str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == self.name()).then_some(value))
    }

    /// Hands a secret to the browser, until it closes.
    pub(crate) fn set(self, secret: &str) -> Option<HeaderValue> {
        self.header(secret, "")
    }

    /// Tells the browser to drop it.
    pub(crate) fn remove(self) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0")
    }

    fn header(self, value: &str, more: &str) -> Option<HeaderValue> {
        let name = self.name();
        let secure = if self.loopback_http { "" } else { "; Secure" };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
        HeaderValue::from_str(&text).ok()
    }
}
