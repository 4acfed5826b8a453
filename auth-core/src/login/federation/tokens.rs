//! A provider's tokens, for the host to act there in the person's name.
//!
//! Many providers spend a refresh token at its first use, and some end all of a sign-in when it comes twice. In this
//! process one renews for all who ask at once; between nodes a lease says who, and the version of what is kept says
//! whether somebody has. Where the provider does not answer, those who waited for it wait no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::client::{Client, ClientError, Tokens};
use crate::ground::{Purpose, Timestamp};
use crate::login::LoginWing;
use crate::login::failures::Failures;
use crate::login::turns::{Turns, give_back};
use crate::services::Core;
use crate::store::{IdentityId, LinkedIdentity, StoreError, UserId};

/// What does not answer.
const PLACE: &str = "token endpoint";
/// A token that ends sooner is renewed first.
const MARGIN: Duration = Duration::from_secs(30);
/// How often another node's renewal is looked after, and how many times.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 100;
/// After a renewal that came to nothing, this process asks for the identity again no sooner.
const RETRY: Duration = Duration::from_secs(5);

/// Renewals under way in this process, and those that came to nothing a moment ago.
pub(in crate::login) struct Renewals {
    turns: Turns<IdentityId>,
    failures: Failures<IdentityId>,
}

impl Default for Renewals {
    fn default() -> Self {
        Self {
            turns: Turns::default(),
            failures: Failures::lasting(RETRY),
        }
    }
}

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

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("linked identity", error)
}

/// Tokens as an identity keeps them.
pub(super) fn seal(core: &Core, id: &IdentityId, tokens: &Tokens) -> Result<Vec<u8>, StoreError> {
    let text = Zeroizing::new(serde_json::to_vec(tokens).map_err(corrupt)?);
    let (purpose, context) = (Purpose::UpstreamTokens, id.as_str().as_bytes());
    let sealed = core.keys.seal(&*core.random, purpose, context, &text);
    sealed.map_err(corrupt)
}

/// The tokens of an identity. What does not open, as after a secret was taken out of the ring, is as good as absent: the
/// next sign-in brings others.
pub(super) fn open(core: &Core, identity: &LinkedIdentity) -> Option<Tokens> {
    let sealed = identity.tokens.as_ref()?;
    let (purpose, context) = (Purpose::UpstreamTokens, identity.id.as_str().as_bytes());
    let text = Zeroizing::new(core.keys.open(purpose, context, sealed).ok()?);
    serde_json::from_slice(&text).ok()
}

type Answer = Result<Option<UpstreamTokens>, UpstreamTokensError>;

impl LoginWing {
    /// The tokens of a user's identity at this upstream, of the one last used if there are several; renewed first if they
    /// are about to end. `None` where none are kept ([`Upstream::keep_tokens`](super::Upstream)), where the user has linked
    /// no identity there, and from when the provider says that they are no good any more until the user signs in there
    /// again.
    ///
    /// Callers at once share one renewal, on however many nodes. It goes on when its caller does not.
    ///
    /// # Errors
    /// See [`UpstreamTokensError`].
    pub async fn upstream_tokens(&self, user: &UserId, upstream: &str) -> Answer {
        let client = self.upstream_named(upstream);
        let client = client.ok_or(UpstreamTokensError::UnknownUpstream)?;
        let holder = Holder {
            core: self.core.clone(),
            client: client.clone(),
            renewals: self.renewals.clone(),
            user: user.clone(),
        };
        let (identity, tokens) = match holder.look(None).await? {
            Look::Settled(answer) => return Ok(answer),
            Look::Due(identity, tokens) => (identity, tokens),
        };
        let Ok(runtime) = Handle::try_current() else {
            return still_good(tokens, holder.core.clock.now());
        };
        // In a task of its own: a caller that hangs up must not lose the refresh token that was just spent for it.
        let task = runtime.spawn(async move { holder.renew_in_turn(identity.id).await });
        task.await
            .unwrap_or_else(|error| Err(UpstreamTokensError::Unavailable(Box::new(error))))
    }
}

/// What is kept, seen by somebody who wants it.
enum Look {
    /// It is good, or there is nothing that could be renewed.
    Settled(Option<UpstreamTokens>),
    /// It is to be renewed.
    Due(Box<LinkedIdentity>, Tokens),
}

/// Tokens that could not be renewed now.
fn still_good(tokens: Tokens, now: Timestamp) -> Answer {
    if has_ended(&tokens, now) {
        let error = ClientError::Down(PLACE, None);
        return Err(UpstreamTokensError::Unavailable(Box::new(error)));
    }
    Ok(Some(tokens.into()))
}

/// Whose tokens are asked for, and all that renewing them takes.
struct Holder {
    core: Arc<Core>,
    client: Arc<Client>,
    renewals: Arc<Renewals>,
    user: UserId,
}

impl Holder {
    /// Of this identity, or of the one last used.
    async fn kept(
        &self,
        only: Option<&IdentityId>,
    ) -> Result<Option<(LinkedIdentity, Tokens)>, StoreError> {
        let identities = self
            .core
            .stores
            .identities
            .identities_of(&self.user)
            .await?;
        let here = identities.into_iter().filter(|identity| {
            identity.upstream == self.client.upstream.name
                && identity.tokens.is_some()
                && only.is_none_or(|only| identity.id == *only)
        });
        let last = here.max_by_key(|identity| identity.last_used_at.unwrap_or(identity.created_at));
        Ok(last.and_then(|identity| {
            let tokens = open(&self.core, &identity)?;
            Some((identity, tokens))
        }))
    }

    async fn look(&self, only: Option<&IdentityId>) -> Result<Look, StoreError> {
        let Some((identity, tokens)) = self.kept(only).await? else {
            return Ok(Look::Settled(None));
        };
        let now = self.core.clock.now();
        if !is_due(&tokens, now) {
            return Ok(Look::Settled(Some(tokens.into())));
        }
        if tokens.refresh_token.is_none() {
            let good = Some(tokens).filter(|tokens| !has_ended(tokens, now));
            return Ok(Look::Settled(good.map(Into::into)));
        }
        Ok(Look::Due(Box::new(identity), tokens))
    }

    /// Whoever had the turn before, here or on another node, may have renewed them: they are looked at again each time.
    async fn renew_in_turn(&self, id: IdentityId) -> Answer {
        let _turn = self.renewals.turns.take(&id).await;
        let failures = &self.renewals.failures;
        let (lease, holder) = (format!("tokens:{id}"), self.core.random.id());
        let leases = &self.core.stores.leases;
        for look in 0..LOOKS {
            let tokens = match self.look(Some(&id)).await? {
                Look::Settled(answer) => return Ok(answer),
                Look::Due(_, tokens) => tokens,
            };
            let now = self.core.clock.now();
            if look == 0 && failures.is_recent(&id, now) {
                return still_good(tokens, now);
            }
            let until = now + self.client.longest_refresh();
            if leases.hold_lease(&lease, &holder, now, until).await? {
                let renewed = self.renew_alone(&id).await;
                give_back(&**leases, &lease, &holder).await;
                return renewed;
            }
            tokio::time::sleep(LOOK).await;
        }
        match self.look(Some(&id)).await? {
            Look::Settled(answer) => Ok(answer),
            Look::Due(_, tokens) => self.failed(&id, tokens, ClientError::Down(PLACE, None)),
        }
    }

    /// A renewal came to nothing, also for those who wait for it: the token is given as long as it is good.
    fn failed(&self, id: &IdentityId, tokens: Tokens, error: ClientError) -> Answer {
        let now = self.core.clock.now();
        self.renewals.failures.note(id, now);
        if has_ended(&tokens, now) {
            return Err(UpstreamTokensError::Unavailable(Box::new(error)));
        }
        Ok(Some(tokens.into()))
    }

    /// Holding the lease: what is kept is read again, since its last holder may have replaced it just before.
    async fn renew_alone(&self, id: &IdentityId) -> Answer {
        let (identity, tokens) = match self.look(Some(id)).await? {
            Look::Settled(answer) => return Ok(answer),
            Look::Due(identity, tokens) => (identity, tokens),
        };
        let (core, now) = (&self.core, self.core.clock.now());
        let renewed = match self.client.refresh(&tokens, &*core.random, now).await {
            Ok(renewed) => Some(renewed),
            // Refused for good: they are forgotten, unless there are others meanwhile.
            Err(ClientError::Refused("invalid_grant")) => None,
            Err(error) => return self.failed(id, tokens, error),
        };
        let sealed = renewed.as_ref().map(|renewed| seal(core, id, renewed));
        let sealed = sealed.transpose()?;
        let identities = &core.stores.identities;
        let replaced = identities
            .replace_identity_tokens(id, identity.tokens_version, sealed.as_deref())
            .await?;
        if replaced {
            return Ok(renewed.map(Into::into));
        }
        // What a sign-in or another node wrote meanwhile.
        let kept = self.kept(Some(id)).await?;
        let kept = kept.filter(|(_, tokens)| !has_ended(tokens, core.clock.now()));
        Ok(kept.map(|(_, tokens)| tokens.into()))
    }
}
