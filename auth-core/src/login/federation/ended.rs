//! Logouts there that overtake the session they are about: a code is redeemed, the provider ends the sign-in it was for,
//! and only then the session here begins, be it after a second factor or after the page that asks first.
//!
//! Each accepted logout is remembered for as long as a sign-in may wait. Whoever begins a session writes down what it came
//! from and then looks here; a logout is written down here before it looks for sessions: so one of the two sees the other.

use super::attempt::LIFE;
use super::client::LogoutToken;
use crate::ground::{Digest32, Timestamp};
use crate::login::came_from::CameFrom;
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::store::{OneTimeKind, OneTimeValue, Session, StoreError};
use crate::web::{Exchange, Problem};

const KIND: OneTimeKind = OneTimeKind::LogoutToken;

/// Logouts are remembered by the span of time they are of, all of one span until the same moment, so that none is hidden
/// behind one that was forgotten before it.
#[expect(clippy::cast_possible_wrap, reason = "a quarter of an hour")]
const SPAN: i64 = LIFE.as_secs() as i64;
/// A sign-in may wait at the page that asks first, and for a second factor after it: two spans at most.
const SPANS: i64 = 2;
/// A span is full after so many logouts of one name, each later than the one before, and then ends whatever is of it.
const MOST: u32 = 64;
/// How far the clocks may be apart.
const LEEWAY: i64 = 60;

/// Whom a logout is about.
#[derive(Clone, Copy)]
enum Whom<'a> {
    /// One session there.
    Sid(&'a str),
    /// Everything of a person there.
    Subject(&'a str),
}

impl Whom<'_> {
    fn key(self, issuer: &str, span: i64, place: u32) -> Digest32 {
        let (what, name) = match self {
            Self::Sid(sid) => ("sid", sid),
            Self::Subject(subject) => ("sub", subject),
        };
        Digest32::of_parts(&[
            b"ended there",
            issuer.as_bytes(),
            what.as_bytes(),
            name.as_bytes(),
            &span.to_be_bytes(),
            &place.to_be_bytes(),
        ])
    }
}

fn span_of(seconds: i64) -> i64 {
    seconds.div_euclid(SPAN)
}

/// When it was issued, in seconds.
fn issued(remembered: &OneTimeValue) -> Result<i64, StoreError> {
    let bytes = <[u8; 8]>::try_from(remembered.payload.as_slice());
    let bytes = bytes.map_err(|error| StoreError::corrupt("logout", error))?;
    Ok(i64::from_be_bytes(bytes))
}

impl LoginWing {
    /// Remembers that the provider ended what its token names.
    pub(super) async fn remember_logout(
        &self,
        logout: &LogoutToken,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let whom = match (&logout.sid, &logout.subject) {
            (Some(sid), _) => Whom::Sid(sid),
            (None, Some(subject)) => Whom::Subject(subject),
            (None, None) => return Ok(()),
        };
        let at = logout.issued_at.seconds();
        let span = span_of(at);
        let until = Timestamp::from_seconds((span + 1 + SPANS) * SPAN + LEEWAY);
        if until <= now {
            // No sign-in waits that long.
            return Ok(());
        }
        let claims = &self.core.stores.claims;
        for place in 0..MOST {
            let key = whom.key(&logout.issuer, span, place);
            if let Some(seen) = claims.peek(KIND, &key, now).await? {
                if issued(&seen)? >= at {
                    return Ok(());
                }
                continue;
            }
            let value = OneTimeValue {
                kind: KIND,
                key,
                payload: at.to_be_bytes().to_vec(),
                expires_at: until,
                keep_until: until,
            };
            match claims.put(&value).await {
                // Another took the place in this very moment.
                Err(StoreError::Exists { .. }) => {}
                written => return Ok(written?),
            }
        }
        Ok(())
    }

    /// Whether the provider has ended what this session came from since it spoke for it. The session is ended then.
    pub(in crate::login) async fn ended_meanwhile(
        &self,
        exchange: &Exchange<'_>,
        session: &Session,
        came_from: Option<&CameFrom>,
    ) -> Result<bool, Problem> {
        let Some(from) = came_from else {
            return Ok(false);
        };
        if !self.was_ended_there(from, exchange.now).await? {
            return Ok(false);
        }
        let (user, id) = (session.user_id.clone(), session.id.clone());
        let why = SessionEnd::EndedUpstream;
        let sessions = self
            .end_sessions(&user, vec![id.clone()], why, exchange.now)
            .await?;
        let origins = &self.core.stores.upstream_sessions;
        origins.take_upstream_session(&id).await?;
        if !sessions.is_empty() {
            let event = Event::UpstreamLogout {
                upstream: from.upstream.clone(),
                user,
                sessions,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        Ok(true)
    }

    async fn was_ended_there(&self, from: &CameFrom, now: Timestamp) -> Result<bool, Problem> {
        let Some(issued_at) = from.issued_at else {
            return Ok(false);
        };
        let sid = from.sid.as_deref().map(Whom::Sid);
        for whom in sid.into_iter().chain([Whom::Subject(&from.subject)]) {
            if self.was_ended(whom, &from.issuer, issued_at, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a logout that was issued at this second or later is remembered. In the same second it may be of a moment
    /// before or after: whoever is turned away signs in again.
    async fn was_ended(
        &self,
        whom: Whom<'_>,
        issuer: &str,
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let (at, now_seconds) = (issued_at.seconds(), now.seconds());
        let first = span_of(at).max(span_of(now_seconds - LEEWAY) - SPANS);
        let claims = &self.core.stores.claims;
        for span in first..=span_of(now_seconds + LEEWAY) {
            let mut place = 0;
            loop {
                let key = whom.key(issuer, span, place);
                let Some(seen) = claims.peek(KIND, &key, now).await? else {
                    break;
                };
                place += 1;
                if issued(&seen)? >= at || place == MOST {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
