//! OpenID Connect Back-Channel Logout 1.0: clients are told of the end of a session, server to server.
//!
//! What is to be told lies in the outbox before anything ends, so no restart loses it. The token is signed when it is
//! sent: each attempt has its own, good for two minutes.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::super::ProviderWing;
use super::super::client::ClientMetadata as _;
use super::super::code::internal;
use super::super::error::OAuthError;
use super::super::tokens::{EncryptedResponse, id_token_algorithm};
use super::Participant;
use crate::ground::{Digest32, Purpose, Timestamp};
use crate::services::outbound::{Outbound, OutboundError};
use crate::services::{Event, all};
use crate::store::{
    Client, ClientId, MessageId, OutboxKind, OutboxMessage, SessionId, StoreResult,
};

const KIND: OutboxKind = OutboxKind::BackChannelLogout;
/// The member of `events` that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// §2.4 recommends two minutes at most.
const TOKEN_LIFE: Duration = Duration::from_mins(2);
/// How long after an attempt the next is made; one more than these is the last.
const DELAYS: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
];
/// Longer than all attempts take; and no client wants to hear later of a session that ended a day ago.
const USEFUL_FOR: Duration = Duration::from_hours(24);
/// How long a node keeps what it took: longer than the longest request that the outbound policy allows.
const HELD_FOR: Duration = Duration::from_mins(2);
/// Sent at once.
const BATCH: u32 = 32;
/// Batches in one call.
const BATCHES: usize = 8;

/// What delivers.
#[derive(Default)]
pub(in crate::provider) struct Delivery {
    /// Without it messages stay where they are.
    pub(in crate::provider) outbound: Option<Outbound>,
    /// Tells the worker that there is something to do.
    wanted: Arc<Notify>,
}

/// What a message says.
#[derive(Serialize, Deserialize)]
struct Notice {
    client_id: ClientId,
    subject: String,
    session_id: SessionId,
}

/// The claims of a logout token (§2.4). A `nonce` is prohibited, so that it never passes for an ID token.
#[derive(Serialize)]
struct LogoutClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    events: Map<String, Value>,
    sid: &'a str,
}

/// What became of an attempt.
enum Attempt {
    Delivered,
    /// The client does not want to hear of it any more.
    Moot,
    /// Another attempt would end like this one.
    Refused(&'static str),
    Failed(&'static str),
}

impl ProviderWing {
    /// Puts what the session's clients are to be told into the outbox. Said twice, it is told once.
    pub(super) async fn announce(
        &self,
        session: &SessionId,
        participants: &[Participant],
        now: Timestamp,
    ) -> StoreResult<()> {
        let listens = |one: &&Participant| one.client.as_ref().is_none_or(|own| uri(own).is_some());
        let messages: Vec<_> = participants
            .iter()
            .filter(listens)
            .filter_map(|participant| self.message(session, participant, now))
            .collect();
        if !messages.is_empty() {
            self.core.stores.outbox.put_messages(&messages).await?;
            self.delivery.wanted.notify_one();
        }
        Ok(())
    }

    fn message(
        &self,
        session: &SessionId,
        participant: &Participant,
        now: Timestamp,
    ) -> Option<OutboxMessage> {
        let notice = Notice {
            client_id: participant.client_id.clone(),
            subject: participant.subject.clone(),
            session_id: session.clone(),
        };
        let name = format!("{}\0{session}\0{}", KIND.as_str(), notice.client_id);
        let id = Digest32::of(name).to_text();
        // A map of strings always serializes.
        let plain = serde_json::to_vec(&notice).ok()?;
        let (keys, random) = (&self.core.keys, &*self.core.random);
        let payload = keys.seal(random, Purpose::OutboxPayload, id.as_bytes(), &plain);
        let payload = payload.map_err(internal).ok()?;
        Some(OutboxMessage {
            id: MessageId::new(id),
            kind: KIND,
            payload,
            created_at: now,
            attempts: 0,
            due_at: now,
            expires_at: now + USEFUL_FOR,
        })
    }

    /// Wakes whoever delivers.
    pub(crate) fn delivery_wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.delivery.wanted)
    }

    /// How many attempts [`deliver_due`](Self::deliver_due) makes at most. When it made so many, more may be due.
    pub const MOST_DELIVERIES: usize = BATCH as usize * BATCHES;

    /// Makes the attempts that are due at `now` to tell clients of sessions that ended, and returns how many it made.
    /// The built `Auth` does this by itself where there is a Tokio runtime when it is built; any number of nodes may at
    /// once. To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// The store's, of reading what is due. A client that cannot be reached is none: it is tried again.
    pub async fn deliver_due(&self, now: Timestamp) -> StoreResult<usize> {
        let Some(outbound) = &self.delivery.outbound else {
            return Ok(0);
        };
        let outbox = &self.core.stores.outbox;
        let mut attempts = 0;
        for _ in 0..BATCHES {
            // A slow batch takes its time, and what is taken is held from the present on.
            let now = now.max(self.core.clock.now());
            let messages = outbox.take_due(KIND, now, now + HELD_FOR, BATCH).await?;
            if messages.is_empty() {
                break;
            }
            attempts += messages.len();
            let sending = messages.iter();
            all(sending.map(|message| self.deliver(outbound, message, now))).await;
        }
        Ok(attempts)
    }

    async fn deliver(&self, outbound: &Outbound, message: &OutboxMessage, now: Timestamp) {
        let Some(notice) = self.open_notice(message) else {
            self.settle(message, None, now).await;
            return;
        };
        let (client, session) = (notice.client_id.clone(), notice.session_id.clone());
        let given_up = |reason| Event::BackChannelLogoutGivenUp {
            client: client.clone(),
            session: session.clone(),
            reason,
        };
        let event = match self.attempt(outbound, &notice, now).await {
            Attempt::Delivered => Some(Event::BackChannelLogoutDelivered {
                client: client.clone(),
                session: session.clone(),
            }),
            Attempt::Moot => None,
            Attempt::Refused(reason) => Some(given_up(reason)),
            Attempt::Failed(reason) => match delay_after(message.attempts) {
                Some(delay) => {
                    let outbox = &self.core.stores.outbox;
                    let delayed = outbox.delay_message(&message.id, now + delay).await;
                    log(delayed.err());
                    return;
                }
                None => Some(given_up(reason)),
            },
        };
        self.settle(message, event, now).await;
    }

    /// Nothing is left to do about a message. A store that does not hear of it brings it up again.
    async fn settle(&self, message: &OutboxMessage, event: Option<Event>, now: Timestamp) {
        match (
            self.core.stores.outbox.finish_message(&message.id).await,
            event,
        ) {
            (Ok(true), Some(event)) => self.core.emit(now, None, event).await,
            (Ok(_), _) => {}
            (Err(error), _) => log(Some(error)),
        }
    }

    fn open_notice(&self, message: &OutboxMessage) -> Option<Notice> {
        let id = message.id.as_str().as_bytes();
        let keys = &self.core.keys;
        let opened = keys.open(Purpose::OutboxPayload, id, &message.payload);
        let notice = opened
            .ok()
            .and_then(|plain| serde_json::from_slice(&plain).ok());
        if notice.is_none() {
            // Sealed under a secret that was dropped too early.
            tracing::error!(message = %message.id, "a stored logout notice does not open; it is dropped");
        }
        notice
    }

    async fn attempt(&self, outbound: &Outbound, notice: &Notice, now: Timestamp) -> Attempt {
        let client = match self.find_client(&notice.client_id).await {
            Ok(client) => client.filter(|client| client.disabled_at.is_none()),
            Err(_) => return Attempt::Failed("registry"),
        };
        let Some((client, uri)) = client.as_ref().and_then(|own| Some((own, uri(own)?))) else {
            return Attempt::Moot;
        };
        let Ok(token) = self.sign_logout_token(client, notice, now).await else {
            return Attempt::Failed("signing");
        };
        // §2.5: a form with the one parameter.
        let form = [("logout_token", token.as_str())];
        match outbound.post_form_for_status(uri, &form).await {
            Ok(200..=299) => Attempt::Delivered,
            // §2.8: the client could not make sense of it, and would not of the next.
            Ok(400) => Attempt::Refused("bad_request"),
            Ok(300..=399) => Attempt::Failed("redirect"),
            Ok(_) => Attempt::Failed("status"),
            Err(
                OutboundError::InvalidUrl
                | OutboundError::UserInfo
                | OutboundError::NotHttps
                | OutboundError::AddressRefused,
            ) => Attempt::Refused("address"),
            Err(OutboundError::Timeout) => Attempt::Failed("timeout"),
            Err(_) => Attempt::Failed("connection"),
        }
    }

    /// A logout token for one client, signed as its ID tokens are (§2.4, §2.6).
    async fn sign_logout_token(
        &self,
        client: &Client,
        notice: &Notice,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let subject = self.subject_for(client, &notice.subject).await?;
        let key = self.keys.active(id_token_algorithm(client), now).await?;
        let event = (EVENT.to_owned(), Value::Object(Map::new()));
        let claims = LogoutClaims {
            iss: self.core.base.issuer(),
            sub: &subject,
            aud: client.client_id.as_str(),
            iat: now.seconds(),
            exp: (now + TOKEN_LIFE).seconds(),
            jti: self.core.random.id(),
            events: Map::from_iter([event]),
            sid: notice.session_id.as_str(),
        };
        let token = key
            .sign_compact(Some("logout+jwt"), &claims)
            .map_err(internal)?;
        // As ID tokens are, with the same keys (Back-Channel Logout §2.4).
        let encrypted = self
            .encrypt_to(
                client,
                EncryptedResponse::IdToken,
                Some("JWT"),
                token.as_bytes(),
                now,
            )
            .await?;
        Ok(encrypted.unwrap_or(token))
    }
}

fn uri(client: &Client) -> Option<&str> {
    client.text("backchannel_logout_uri")
}

/// How long to wait after this many attempts; `None` after the last.
fn delay_after(attempts: u32) -> Option<Duration> {
    let index = usize::try_from(attempts.saturating_sub(1)).ok()?;
    DELAYS.get(index).copied()
}

fn log(error: Option<crate::store::StoreError>) {
    if let Some(error) = error {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "what became of a logout notice could not be written");
    }
}
