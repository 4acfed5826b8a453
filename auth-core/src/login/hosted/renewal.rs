//! A token that has ended is refreshed: once, whoever asks at once.
//!
//! WorkOS spends a refresh token at its first use, so two who used the same one would sign the person out. In this
//! process one request of a session asks and the others wait for it; between nodes a lease says who asks, and the
//! version of what is kept says whether somebody has. The lease is longer than the longest call. A node that stalls past
//! it all the same costs no session either: whoever is told that the token is spent looks first whether there is a newer
//! one. What WorkOS gives is kept before anything else is done with it: the old token is worth nothing by then.

use std::sync::Arc;
use std::time::Duration;

use super::access::HostedAccess;
use super::access_token::TokenError;
use super::api::{CallError, tokens_of};
use super::denial::Denial;
use super::{Hosted, RETRIES, secrets};
use crate::ground::Timestamp;
use crate::login::turns::give_back;
use crate::services::Core;
use crate::store::{SessionId, UpstreamSession};
use crate::web::Problem;

/// A node that has its answer keeps it within this time, or has lost its turn.
const MARGIN: Duration = Duration::from_secs(10);
/// How often another node's turn is looked after, and for how long at most: nobody waits for a page any longer.
const LOOK: Duration = Duration::from_millis(50);
const WAIT: Duration = Duration::from_secs(5);
/// After a call that came to nothing, this process asks for the session again no sooner.
pub(super) const RETRY: Duration = Duration::from_secs(2);

/// What became of it.
pub(super) enum Renewed {
    /// There is a good token.
    Stands(Arc<HostedAccess>),
    /// WorkOS will give none any more.
    Ended(&'static str),
    /// WorkOS gives none for this organization. The session stands as it was.
    Denied(Denial),
    /// WorkOS does not answer.
    Unknown,
}

impl Hosted {
    /// Gets a good token for the session behind `seen`, for another organization where one is given.
    pub(super) async fn renew(
        self: &Arc<Self>,
        core: &Arc<Core>,
        seen: UpstreamSession,
        organization: Option<String>,
    ) -> Result<Renewed, Problem> {
        let (hosted, core) = (self.clone(), core.clone());
        // In a task of its own: a client that hangs up must not lose the refresh token that was just spent for it.
        let task = tokio::spawn(async move {
            let organization = organization.as_deref();
            hosted.renew_in_turn(&core, &seen, organization).await
        });
        task.await.unwrap_or(Ok(Renewed::Unknown))
    }

    async fn renew_in_turn(
        &self,
        core: &Core,
        seen: &UpstreamSession,
        organization: Option<&str>,
    ) -> Result<Renewed, Problem> {
        let id = &seen.session_id;
        let _turn = self.turns.take(id).await;
        let (lease, holder) = (format!("hosted:{id}"), core.random.id());
        let stores = &core.stores;
        for look in 0..=self.looks() {
            let Some(row) = stores.upstream_sessions.upstream_session(id).await? else {
                return Ok(Renewed::Ended("signed_out"));
            };
            if organization.is_none() && row.version != seen.version {
                return self.of_the_winner(core, &row).await;
            }
            let now = core.clock.now();
            if self.breaker.is_shut(now) || (look == 0 && self.failures.is_recent(id, now)) {
                break;
            }
            let leases = &stores.leases;
            if leases
                .hold_lease(&lease, &holder, now, now + self.lease())
                .await?
            {
                let renewed = self.ask_alone(core, id, seen, organization).await;
                give_back(&**leases, &lease, &holder).await;
                return renewed;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Renewed::Unknown)
    }

    /// How long a turn is: as long as the longest call, and some more.
    fn lease(&self) -> Duration {
        self.settings.timeout * (RETRIES + 1) + MARGIN
    }

    /// How many times another node's turn is looked after.
    fn looks(&self) -> u128 {
        WAIT.min(self.lease()).as_millis() / LOOK.as_millis()
    }

    /// Holding the lease: what is kept is read again, since its last holder may have replaced it just before.
    async fn ask_alone(
        &self,
        core: &Core,
        id: &SessionId,
        seen: &UpstreamSession,
        organization: Option<&str>,
    ) -> Result<Renewed, Problem> {
        let Some(row) = core.stores.upstream_sessions.upstream_session(id).await? else {
            return Ok(Renewed::Ended("signed_out"));
        };
        if organization.is_none() && row.version != seen.version {
            return self.of_the_winner(core, &row).await;
        }
        self.ask(core, &row, organization).await
    }

    async fn ask(
        &self,
        core: &Core,
        row: &UpstreamSession,
        organization: Option<&str>,
    ) -> Result<Renewed, Problem> {
        let tokens = secrets::open(core, row);
        let Some(refresh_token) = tokens.and_then(|tokens| tokens.refresh_token) else {
            return Ok(Renewed::Ended("no_refresh_token"));
        };
        let call = self.refresh(&refresh_token, organization);
        let answer = match self.breaker.ask(&*core.clock, call).await {
            Ok(answer) => answer,
            Err(CallError::Unasked) => return Ok(Renewed::Unknown),
            Err(CallError::Down) => {
                self.failures.note(&row.session_id, core.clock.now());
                return Ok(Renewed::Unknown);
            }
            Err(CallError::Refused(why)) if organization.is_some() => {
                return Ok(Renewed::Denied(why));
            }
            Err(CallError::Refused(why)) => return self.spent(core, row, why).await,
        };
        let tokens = tokens_of(answer.access_token, answer.refresh_token);
        let sealed = secrets::seal(core, &row.session_id, &tokens)?;
        let store = &core.stores.upstream_sessions;
        let replaced = store
            .replace_upstream_secrets(&row.session_id, row.version, &sealed)
            .await?;
        if !replaced {
            return self.spent(core, row, Denial::Other).await;
        }
        let now = core.clock.now();
        let subject = Some(row.subject.as_str());
        let access = match self.verify(&tokens.access_token, subject, now).await {
            Ok(access) => Arc::new(access),
            Err(TokenError::Refused(reason)) => return Ok(Renewed::Ended(reason)),
            // They are kept: whoever comes next checks them.
            Err(TokenError::Unavailable | TokenError::UnknownKey) => {
                self.failures.note(&row.session_id, now);
                return Ok(Renewed::Unknown);
            }
        };
        if organization.is_some_and(|asked| access.organization.as_deref() != Some(asked)) {
            return Ok(Renewed::Denied(Denial::Other));
        }
        Ok(Renewed::Stands(access))
    }

    /// The refresh token is spent, or was replaced meanwhile: what another node got counts, if there is one.
    async fn spent(
        &self,
        core: &Core,
        row: &UpstreamSession,
        why: Denial,
    ) -> Result<Renewed, Problem> {
        let id = &row.session_id;
        match core.stores.upstream_sessions.upstream_session(id).await? {
            Some(newer) if newer.version != row.version => self.of_the_winner(core, &newer).await,
            _ => Ok(Renewed::Ended(why.reason())),
        }
    }

    /// What another request or node got.
    async fn of_the_winner(&self, core: &Core, row: &UpstreamSession) -> Result<Renewed, Problem> {
        // Of this moment: the request may have begun long before that token did.
        let now = core.clock.now();
        if let Some(known) = self.checked.get(&secrets::name(row), now) {
            return Ok(Renewed::Stands(known));
        }
        Ok(match self.look_at(core, row, now).await {
            Ok(access) => Renewed::Stands(access),
            Err(_) => Renewed::Unknown,
        })
    }

    /// Checks the token that is kept, and remembers that it was.
    pub(super) async fn look_at(
        &self,
        core: &Core,
        row: &UpstreamSession,
        now: Timestamp,
    ) -> Result<Arc<HostedAccess>, TokenError> {
        let tokens = secrets::open(core, row);
        let tokens = tokens.ok_or(TokenError::Refused("tokens_unreadable"))?;
        let subject = Some(row.subject.as_str());
        let access = self.verify(&tokens.access_token, subject, now).await?;
        let access = Arc::new(access);
        self.checked.put(secrets::name(row), access.clone(), now);
        Ok(access)
    }
}
