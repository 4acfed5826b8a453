//! A provider's tokens, for the host to act there in the person's name.

use std::time::Duration;

use zeroize::Zeroizing;

use super::client::{Client, ClientError, Tokens};
use crate::ground::Timestamp;
use crate::login::LoginWing;
use crate::store::{LinkedIdentity, StoreError, UserId};

/// A token that ends sooner is renewed first.
const MARGIN: Duration = Duration::from_secs(30);

/// An access token of another provider. Has no `Debug`: it is secret.
pub struct UpstreamTokens {
    /// For the `Authorization` header, as `Bearer`.
    pub access_token: Zeroizing<String>,
    /// When it ends, if the provider said so.
    pub expires_at: Option<Timestamp>,
    /// What it is good for, if the provider said so.
    pub scope: Option<String>,
}

/// Why there is no token now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamTokensError {
    /// No upstream of this name is configured.
    #[error("no upstream of this name is configured")]
    UnknownUpstream,
    /// The token has ended, and the provider cannot be asked for another now.
    #[error("the provider cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Tokens> for UpstreamTokens {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            expires_at: tokens.expires_at,
            scope: tokens.scope,
        }
    }
}

fn is_due(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.expires_at.is_some_and(|at| at <= now + MARGIN)
}

fn has_ended(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.expires_at.is_some_and(|at| at <= now)
}

impl LoginWing {
    /// The tokens of a user's identity at this upstream, of the one last used if there are several; renewed first if they
    /// are about to end. `None` where none are kept ([`Upstream::keep_tokens`](super::Upstream)), where the user has linked
    /// no identity there, and from when the provider says that they are no good any more until the user signs in there
    /// again.
    ///
    /// Callers at once share one renewal in this process. Two nodes may both renew; the first to write wins, and the
    /// other uses what it finds.
    ///
    /// # Errors
    /// See [`UpstreamTokensError`].
    pub async fn upstream_tokens(
        &self,
        user: &UserId,
        upstream: &str,
    ) -> Result<Option<UpstreamTokens>, UpstreamTokensError> {
        let client = self.upstream_named(upstream);
        let client = client.ok_or(UpstreamTokensError::UnknownUpstream)?;
        let Some((identity, tokens)) = self.kept_tokens(user, client).await? else {
            return Ok(None);
        };
        if !is_due(&tokens, self.core.clock.now()) {
            return Ok(Some(tokens.into()));
        }
        let _turn = self.turns.wait(&identity.issuer, &identity.subject).await;
        // Whoever had the turn before may have renewed them.
        let Some((identity, tokens)) = self.kept_tokens(user, client).await? else {
            return Ok(None);
        };
        let now = self.core.clock.now();
        if !is_due(&tokens, now) {
            return Ok(Some(tokens.into()));
        }
        if tokens.refresh_token.is_none() {
            return Ok(Some(tokens)
                .filter(|tokens| !has_ended(tokens, now))
                .map(Into::into));
        }
        self.renew_tokens(client, identity, tokens, now).await
    }

    async fn kept_tokens(
        &self,
        user: &UserId,
        client: &Client,
    ) -> Result<Option<(LinkedIdentity, Tokens)>, UpstreamTokensError> {
        let identities = self.core.stores.identities.identities_of(user).await?;
        let here = identities.into_iter().filter(|identity| {
            identity.upstream == client.upstream.name && identity.tokens.is_some()
        });
        let last = here.max_by_key(|identity| identity.last_used_at.unwrap_or(identity.created_at));
        Ok(last.and_then(|identity| {
            let tokens = self.tokens_of(&identity)?;
            Some((identity, tokens))
        }))
    }

    async fn renew_tokens(
        &self,
        client: &Client,
        identity: LinkedIdentity,
        tokens: Tokens,
        now: Timestamp,
    ) -> Result<Option<UpstreamTokens>, UpstreamTokensError> {
        let (identities, version) = (&self.core.stores.identities, identity.tokens_version);
        let renewed = client.refresh(&tokens, &*self.core.random, now).await;
        let renewed = match renewed {
            Ok(renewed) => renewed,
            // Refused for good: they are forgotten, unless another node was faster and has others.
            Err(ClientError::Refused("invalid_grant")) => {
                let forgotten = identities
                    .replace_identity_tokens(&identity.id, version, None)
                    .await?;
                if forgotten {
                    return Ok(None);
                }
                return self.tokens_of_another(client, &identity).await;
            }
            Err(_) if !has_ended(&tokens, now) => return Ok(Some(tokens.into())),
            Err(error) => return Err(UpstreamTokensError::Unavailable(Box::new(error))),
        };
        let sealed = self.seal_tokens(&identity.id, &renewed);
        let sealed = sealed.map_err(|error| StoreError::corrupt("linked identity", error))?;
        let written = identities
            .replace_identity_tokens(&identity.id, version, Some(&sealed))
            .await?;
        if written {
            return Ok(Some(renewed.into()));
        }
        self.tokens_of_another(client, &identity).await
    }

    /// What another node wrote meanwhile.
    async fn tokens_of_another(
        &self,
        client: &Client,
        identity: &LinkedIdentity,
    ) -> Result<Option<UpstreamTokens>, UpstreamTokensError> {
        let kept = self.kept_tokens(&identity.user_id, client).await?;
        let kept = kept.filter(|(found, tokens)| {
            found.id == identity.id && !has_ended(tokens, self.core.clock.now())
        });
        Ok(kept.map(|(_, tokens)| tokens.into()))
    }
}
