//! The app's own provider, as this wing sees it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::ground::Timestamp;
use crate::ground::jose::{Claims, VerificationKeys};
use crate::store::StoreError;

/// The provider in the same process. The bridge implements it; the wings never see each other.
#[async_trait]
pub trait LocalIssuer: Send + Sync {
    /// Its issuer identifier: `iss` of its tokens, to the byte.
    fn issuer(&self) -> &str;

    /// The keys its tokens may be signed with at `now`. Asked for every token, so from memory.
    async fn verification_keys(&self, now: Timestamp) -> Arc<VerificationKeys>;

    /// Whether a token was revoked before its end, with its grant or by itself (RFC 7009 §2). Only called with claims
    /// whose signature, issuer, audience and times were checked.
    ///
    /// # Errors
    /// The store's. The token is then neither accepted nor called invalid: the answer is 503.
    async fn is_revoked(&self, claims: &Claims) -> Result<bool, StoreError>;
}
