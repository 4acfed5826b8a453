//! Accounts of a host where somebody is always signed in.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::provider::{
    AccountError, AccountResolver, ClaimsQuery, SignInRequest, SignedInAccount,
};
use auth_core::store::SessionId;
use http::HeaderValue;
use http::request::Parts;
use serde_json::{Map, Value};

pub(crate) struct Somebody;

#[async_trait]
impl AccountResolver for Somebody {
    async fn signed_in(&self, _: &Parts) -> Result<Option<SignedInAccount>, AccountError> {
        Ok(Some(SignedInAccount {
            subject: "alice".to_owned(),
            session_id: Some("session".into()),
            auth_time: Timestamp::from_seconds(1_700_000_000),
            signed_in_at: Timestamp::from_seconds(1_700_000_000),
            amr: vec!["pwd".to_owned()],
            acr: Some("1".to_owned()),
            display_name: "Alice".to_owned(),
        }))
    }

    async fn is_active(&self, _: &str) -> Result<bool, AccountError> {
        Ok(true)
    }

    async fn is_session_live(&self, _: &str, _: &SessionId) -> Result<bool, AccountError> {
        Ok(true)
    }

    async fn claims(
        &self,
        _: &str,
        _: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        Ok(Some(Map::new()))
    }

    fn sign_in_url(&self, _: &SignInRequest) -> String {
        "/sign-in".to_owned()
    }

    async fn sign_out(&self, _: &Parts) -> Result<Vec<HeaderValue>, AccountError> {
        Ok(Vec::new())
    }
}
