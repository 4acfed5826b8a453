//! The provider's questions about accounts, answered from this app's own tables.

use adapter_axum::ground::{Clock as _, SystemClock};
use adapter_axum::http::HeaderValue;
use adapter_axum::http::request::Parts;
use adapter_axum::provider::{
    AccountError, AccountResolver, ClaimsQuery, SignInRequest, SignedInAccount,
};
use adapter_axum::store::SessionId;
use adapter_axum::web::{BaseUrl, BaseUrlError, with_query};
use async_trait::async_trait;
use example_setup::Setup;
use serde_json::{Map, Value};

use crate::accounts::{Accounts, Fault};
use crate::sessions::SessionCookie;

/// [`AccountResolver`] over this app's accounts.
pub(crate) struct Resolver {
    accounts: Accounts,
    base: BaseUrl,
    cookie: SessionCookie,
}

impl Resolver {
    pub(crate) fn new(accounts: Accounts, setup: &Setup) -> Result<Self, BaseUrlError> {
        let base = BaseUrl::parse(&setup.server.base_url)?;
        let loopback_http = base.is_loopback_http();
        Ok(Self {
            accounts,
            base,
            cookie: SessionCookie { loopback_http },
        })
    }
}

#[async_trait]
impl AccountResolver for Resolver {
    async fn signed_in(&self, parts: &Parts) -> Result<Option<SignedInAccount>, AccountError> {
        let Some(secret) = self.cookie.read(&parts.headers) else {
            return Ok(None);
        };
        let found = self.accounts.session(secret, SystemClock.now()).await?;
        Ok(found.map(|(account, session)| SignedInAccount {
            display_name: account.display_name().to_owned(),
            subject: account.id,
            session_id: Some(session.id),
            auth_time: session.auth_time,
            signed_in_at: session.auth_time,
            // RFC 8176 §2: a password.
            amr: vec!["pwd".to_owned()],
            acr: None,
        }))
    }

    async fn is_active(&self, subject: &str) -> Result<bool, AccountError> {
        let found = self.accounts.account(subject).await?;
        Ok(found.is_some_and(|account| !account.disabled))
    }

    async fn is_session_live(
        &self,
        subject: &str,
        session: &SessionId,
    ) -> Result<bool, AccountError> {
        let now = SystemClock.now();
        Ok(self.accounts.is_session_live(subject, session, now).await?)
    }

    async fn claims(
        &self,
        subject: &str,
        _: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        let found = self.accounts.account(subject).await?;
        Ok(found.filter(|account| !account.disabled).map(|account| {
            let mut claims = account.claims;
            claims.insert("email".into(), account.email.into());
            claims.insert("email_verified".into(), account.email_verified.into());
            claims
        }))
    }

    fn sign_in_url(&self, request: &SignInRequest) -> String {
        // The form always asks, also who is signed in already: so it serves `prompt=login` and `select_account` too.
        // There is no registration here, so `prompt=create` comes to the same form.
        let parameters = [
            ("return_to", Some(request.return_to.as_str())),
            ("login_hint", request.login_hint.as_deref()),
        ];
        with_query(&self.base.path("/sign-in"), &parameters)
    }

    async fn sign_out(&self, parts: &Parts) -> Result<Vec<HeaderValue>, AccountError> {
        if let Some(secret) = self.cookie.read(&parts.headers)
            && let Some((_, session)) = self.accounts.session(secret, SystemClock.now()).await?
        {
            self.accounts.end_session(&session.id).await?;
        }
        Ok(self.cookie.remove().into_iter().collect())
    }
}

impl From<Fault> for AccountError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Table(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) | Fault::Busy => {
                Self::Unavailable(Box::new(fault))
            }
            other => Self::Failed(Box::new(other)),
        }
    }
}
