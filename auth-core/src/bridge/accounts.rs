//! The login wing answers the provider's questions about accounts.

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderValue;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::login::LoginWing;
use crate::login::acr::{MULTI_FACTOR_ACR, SINGLE_FACTOR_ACR};
use crate::provider::{AccountError, AccountResolver, ClaimsQuery, SignInRequest, SignedInAccount};
use crate::services::Core;
use crate::store::{SessionId, StoreError, User, UserId};
use crate::web::{Problem, with_query};

/// [`AccountResolver`] over the login wing.
pub(crate) struct LoginAccounts {
    core: Arc<Core>,
    login: Arc<LoginWing>,
}

impl LoginAccounts {
    pub(crate) fn new(core: Arc<Core>, login: Arc<LoginWing>) -> Self {
        Self { core, login }
    }

    async fn usable_user(&self, subject: &str) -> Result<Option<User>, AccountError> {
        let user = self.core.stores.users.user(&UserId::from(subject)).await;
        let now = self.core.clock.now();
        Ok(user
            .map_err(store_error)?
            .filter(|user| user.is_usable(now)))
    }
}

#[async_trait]
impl AccountResolver for LoginAccounts {
    async fn signed_in(&self, parts: &Parts) -> Result<Option<SignedInAccount>, AccountError> {
        let found = self.login.session(&parts.headers).await.map_err(problem)?;
        Ok(found.map(|found| SignedInAccount {
            signed_in_at: self.login.signed_in_at(&found.session),
            display_name: found.user.display_name().to_owned(),
            subject: found.user.id.to_string(),
            session_id: Some(found.session.id),
            auth_time: found.session.auth_time,
            amr: found.session.amr,
            acr: found.session.acr,
        }))
    }

    async fn is_active(&self, subject: &str) -> Result<bool, AccountError> {
        Ok(self.usable_user(subject).await?.is_some())
    }

    async fn is_session_live(
        &self,
        subject: &str,
        session: &SessionId,
    ) -> Result<bool, AccountError> {
        let session = self.core.stores.sessions.session(session).await;
        let session = session.map_err(store_error)?;
        let now = self.core.clock.now();
        Ok(session.is_some_and(|found| found.user_id.as_str() == subject && found.is_live(now)))
    }

    async fn claims(
        &self,
        subject: &str,
        _: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        Ok(self.usable_user(subject).await?.map(claims_of))
    }

    fn sign_in_url(&self, request: &SignInRequest) -> String {
        // A chosen account may be another one, so the form is not tied to the present one.
        let reauthenticate = request.reauthenticate && !request.select_account;
        let wants = |acr: &str| request.acr_values.iter().any(|wanted| wanted == acr);
        let several = wants(MULTI_FACTOR_ACR) && !wants(SINGLE_FACTOR_ACR);
        let page = if request.create {
            "/register"
        } else if reauthenticate && several {
            "/step-up"
        } else {
            "/login"
        };
        let on = |flag: bool| flag.then_some("1");
        let parameters = [
            ("return_to", Some(request.return_to.as_str())),
            ("reauthenticate", on(reauthenticate && page != "/step-up")),
            ("factor", several.then_some("second")),
            ("select", on(request.select_account)),
            ("login_hint", request.login_hint.as_deref()),
        ];
        with_query(&self.login.path(page), &parameters)
    }

    async fn sign_out(&self, parts: &Parts) -> Result<Vec<HeaderValue>, AccountError> {
        self.login.sign_out(&parts.headers).await.map_err(problem)
    }
}

/// A user's standard claims (OpenID Connect Core §5.1).
fn claims_of(user: User) -> Map<String, Value> {
    let mut claims = user.claims;
    if let Some(email) = user.email {
        claims.insert("email".into(), email.into());
        claims.insert(
            "email_verified".into(),
            user.email_verified_at.is_some().into(),
        );
    }
    if let Some(username) = user.username {
        claims.insert("preferred_username".into(), username.into());
    }
    claims.insert("updated_at".into(), user.updated_at.seconds().into());
    claims
}

fn store_error(error: StoreError) -> AccountError {
    match error {
        StoreError::Unavailable(_) => AccountError::Unavailable(Box::new(error)),
        other => AccountError::Failed(Box::new(other)),
    }
}

fn problem(problem: Problem) -> AccountError {
    if problem.status.as_u16() == 503 {
        AccountError::Unavailable(Box::new(problem))
    } else {
        AccountError::Failed(Box::new(problem))
    }
}
