//! New tokens for old ones (RFC 6749 §6).

use super::{Client, ClientError, Tokens};
use crate::ground::{Random, Timestamp};

impl Client {
    /// An ID token that comes along (OpenID Connect Core §12.2) is not looked at: nobody signs in by it.
    pub(super) async fn renew(
        &self,
        tokens: &Tokens,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Tokens, ClientError> {
        let old = tokens.refresh_token.as_ref();
        let old = old.ok_or(ClientError::Refused("no_refresh_token"))?;
        let discovered = self.discovered(now).await?;
        let answer = self
            .exchange_refresh_token(discovered.as_deref(), old, random, now)
            .await?;
        let mut renewed = answer.into_tokens(now);
        renewed.refresh_token = renewed.refresh_token.or_else(|| Some(old.clone()));
        renewed.scope = renewed.scope.or_else(|| tokens.scope.clone());
        Ok(renewed)
    }
}
