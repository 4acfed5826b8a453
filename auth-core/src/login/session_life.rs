//! Sessions begin, change their secret and end.

use std::net::IpAddr;

use http::header::{SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::bearer::Carrier;
use super::came_from::CameFrom;
use super::{LoginWing, SessionEnd, SessionsEnded, SignedIn, UserError, acr};
use crate::ground::Timestamp;
use crate::services::Event;
use crate::store::{Session, SessionId, User, UserId};
use crate::web::{CookieJar, CookieLife, CookieName, Problem};

const MAX_USER_AGENT_BYTES: usize = 512;

/// What a host knows of a browser it signs somebody in on.
#[derive(Clone, Copy)]
pub struct SignInRequest<'r> {
    /// The request's headers: `User-Agent`, and the cookie of a session that this one replaces.
    pub headers: &'r HeaderMap,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Whether the person asked to stay signed in on this device.
    pub remember: bool,
}

/// How and when somebody proved who they are, as a new session has it.
pub(super) struct Proofs {
    amr: Vec<String>,
    acr: String,
    auth_time: Timestamp,
}

impl Proofs {
    /// By these methods, at this time; as strongly as another provider says that is trusted with it.
    pub(super) fn new(
        amr: Vec<String>,
        came_from: Option<&CameFrom>,
        auth_time: Timestamp,
    ) -> Self {
        let own = acr::of(&amr);
        let there = came_from.and_then(|came_from| came_from.acr.clone());
        Self {
            // Several factors are the most there is; what they were stands in `amr`.
            acr: there
                .filter(|_| own == acr::SINGLE_FACTOR_ACR)
                .unwrap_or_else(|| own.to_owned()),
            amr,
            auth_time,
        }
    }
}

/// A session just begun or given a new secret. Has no `Debug`: it holds the secret.
pub struct NewSession {
    /// The session as stored.
    pub session: Session,
    /// It goes on under the id of one that this sign-in renewed.
    pub(super) goes_on: bool,
    secret: Zeroizing<String>,
    carrier: Carrier,
    now: Timestamp,
    loopback_http: bool,
    /// What a browser is to be known by that had no name yet.
    browser: Option<String>,
}

impl NewSession {
    /// Puts the secret into the browser.
    pub(super) fn set_cookie(&self, jar: &mut CookieJar) {
        let life = if self.session.remember {
            CookieLife::MaxAge(self.session.expires_at.since(self.now))
        } else {
            CookieLife::BrowserSession
        };
        let value = self.carrier.credential(&self.session, &self.secret);
        jar.set(CookieName::Session, &value, life);
    }

    /// The bearer token, where the session is of that kind: for the `Authorization` header of a client without cookies.
    pub fn token(&self) -> Option<Zeroizing<String>> {
        let is_bearer = self.carrier == Carrier::Bearer;
        is_bearer.then(|| self.carrier.credential(&self.session, &self.secret))
    }

    /// When it ends unless it is used.
    pub(super) fn idle_seconds_left(&self) -> u64 {
        self.session.idle_expires_at.since(self.now).as_secs()
    }

    pub(super) fn seconds_left(&self) -> u64 {
        self.session.expires_at.since(self.now).as_secs()
    }

    /// The `Set-Cookie` values that put the secret into the browser, and let it be known again: append each to the
    /// response.
    pub fn cookies(&self) -> Vec<HeaderValue> {
        let mut jar = CookieJar::new(self.loopback_http);
        if self.carrier == Carrier::Cookie {
            self.set_cookie(&mut jar);
            if let Some(browser) = &self.browser {
                jar.set_browser(browser);
            }
        }
        set_cookie_values(jar)
    }
}

impl LoginWing {
    /// Signs a person in whom the host has recognized by its own means. `amr` says by which (RFC 8176): `"pwd"`,
    /// `"otp"`, …, with `"mfa"` when there were several. The session that the request carries is replaced. A browser that
    /// did not sign the person in before is told to them, as of a sign-in by our own pages: [`NewSession::cookies`] let it
    /// be known the next time.
    ///
    /// # Errors
    /// [`UserError::Unknown`], [`UserError::Disabled`] or the store's error.
    pub async fn sign_in(
        &self,
        user: &UserId,
        amr: &[&str],
        request: SignInRequest<'_>,
    ) -> Result<NewSession, UserError> {
        self.sign_in_by(Carrier::Cookie, user, amr, request).await
    }

    /// As [`sign_in`](Self::sign_in), for a client without cookies: [`NewSession::token`] is what it sends from then on.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub async fn sign_in_bearer(
        &self,
        user: &UserId,
        amr: &[&str],
        request: SignInRequest<'_>,
    ) -> Result<NewSession, UserError> {
        self.sign_in_by(Carrier::Bearer, user, amr, request).await
    }

    async fn sign_in_by(
        &self,
        carrier: Carrier,
        user: &UserId,
        amr: &[&str],
        request: SignInRequest<'_>,
    ) -> Result<NewSession, UserError> {
        let user = self.core.stores.users.user(user).await?;
        let user = user.ok_or(UserError::Unknown)?;
        let now = self.core.clock.now();
        if !user.is_usable(now) {
            return Err(UserError::Disabled);
        }
        let amr = amr.iter().map(|method| (*method).to_owned()).collect();
        let proofs = Proofs::new(amr, None, now);
        let mut new = self
            .begin_session(&user, proofs, carrier, request, now)
            .await?;
        // The host knows the person by its own means: what was behind the session so far is not behind this one.
        let forgotten = self.keep_origin(&new, None).await;
        forgotten.map_err(UserError::Problem)?;
        self.tell_signed_in(&new.session, request.address, now)
            .await;
        new.browser = self
            .note_browser_of_host(request, &user, &new.session, (carrier, now))
            .await;
        Ok(new)
    }

    /// Signs out whoever the request's cookie or bearer token signs in. Returns the `Set-Cookie` values that clear the browser: append
    /// each to the response.
    ///
    /// # Errors
    /// A 503 when the store cannot answer; the session then still stands.
    pub async fn sign_out(&self, headers: &HeaderMap) -> Result<Vec<HeaderValue>, Problem> {
        let now = self.core.clock.now();
        if let Some((_, session)) = self.presented_session(headers).await? {
            self.end_by_sign_out(&session, SessionEnd::SignedOut, None, now)
                .await?;
        }
        let mut jar = CookieJar::new(self.core.base.is_loopback_http());
        jar.remove(CookieName::Session);
        jar.follow_session(headers);
        Ok(set_cookie_values(jar))
    }

    /// Begins a session for a user who has just proven who they are. The secret is always new: nobody who knew the old
    /// one holds this sign-in (threat 26). A live session of the same user keeps its public id; any other ends.
    pub(super) async fn begin_session(
        &self,
        user: &User,
        proofs: Proofs,
        carrier: Carrier,
        request: SignInRequest<'_>,
        now: Timestamp,
    ) -> Result<NewSession, UserError> {
        let (mut session, secret) = self.draw_session(user, proofs, carrier, request, now);
        let sessions = &self.core.stores.sessions;
        let previous = self
            .presented_session(request.headers)
            .await
            .map_err(UserError::Problem)?;
        // A session of the other kind is another client's in the same place, and stays.
        let previous = previous.filter(|(carried_by, _)| *carried_by == carrier);
        if let Some((_, old)) = previous {
            if old.user_id == user.id && old.is_live(now) {
                let renewed = Session {
                    id: old.id,
                    created_at: old.created_at,
                    ..session.clone()
                };
                if sessions.rotate_session(&old.token_digest, &renewed).await? {
                    session = renewed;
                    let mut new = self.new_session(session, secret, carrier, now);
                    new.goes_on = true;
                    return Ok(new);
                }
            } else {
                self.end_by_sign_out(&old, SessionEnd::Replaced, request.address, now)
                    .await
                    .map_err(UserError::Problem)?;
            }
        }
        // Inserts, never overwrites: should the ids collide, this sign-in fails and nobody else's changes (threat 25).
        sessions.insert_session(&session).await?;
        Ok(self.new_session(session, secret, carrier, now))
    }

    /// Gives a session a new secret and the facts that differ from those stored. `None` when it ended meanwhile.
    pub(super) async fn rotate_secret(
        &self,
        session: &Session,
        carrier: Carrier,
        now: Timestamp,
    ) -> Result<Option<NewSession>, Problem> {
        let secret = Zeroizing::new(self.core.random.secret());
        let renewed = Session {
            token_digest: carrier.digest(&secret),
            ..session.clone()
        };
        let sessions = &self.core.stores.sessions;
        let rotated = sessions
            .rotate_session(&session.token_digest, &renewed)
            .await?;
        Ok(rotated.then(|| self.new_session(renewed, secret, carrier, now)))
    }

    fn new_session(
        &self,
        session: Session,
        secret: Zeroizing<String>,
        carrier: Carrier,
        now: Timestamp,
    ) -> NewSession {
        NewSession {
            session,
            goes_on: false,
            secret,
            carrier,
            now,
            loopback_http: self.core.base.is_loopback_http(),
            browser: None,
        }
    }

    fn draw_session(
        &self,
        user: &User,
        proofs: Proofs,
        carrier: Carrier,
        request: SignInRequest<'_>,
        now: Timestamp,
    ) -> (Session, Zeroizing<String>) {
        let secret = Zeroizing::new(self.core.random.secret());
        let (idle, absolute) = if request.remember {
            (self.settings.remember, self.settings.remember)
        } else {
            (self.settings.idle, self.settings.absolute)
        };
        let session = Session {
            id: SessionId::new(self.core.random.id()),
            token_digest: carrier.digest(&secret),
            user_id: user.id.clone(),
            created_at: now,
            auth_time: proofs.auth_time,
            acr: Some(proofs.acr),
            amr: proofs.amr,
            last_seen_at: now,
            idle_expires_at: now + idle,
            expires_at: now + absolute,
            remember: request.remember,
            user_agent: user_agent(request.headers),
            address: request.address.map(|address| address.to_string()),
        };
        (session, secret)
    }

    pub(super) async fn tell_signed_in(
        &self,
        session: &Session,
        address: Option<IpAddr>,
        now: Timestamp,
    ) {
        let event = Event::SignedIn {
            user: session.user_id.clone(),
            session: session.id.clone(),
            amr: session.amr.clone(),
        };
        self.core.emit(now, address, event).await;
    }

    /// Ends one session that its browser gives up.
    pub(super) async fn end_by_sign_out(
        &self,
        session: &Session,
        why: SessionEnd,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let sessions = &self.core.stores.sessions;
        let ended = sessions
            .revoke_session(&session.user_id, &session.id)
            .await?;
        // Another request was faster, and has told of it.
        if !ended {
            return Ok(());
        }
        let event = Event::SignedOut {
            user: session.user_id.clone(),
            session: session.id.clone(),
        };
        self.core.emit(now, address, event).await;
        self.tell_ended(&session.user_id, vec![session.id.clone()], why, now)
            .await;
        Ok(())
    }

    /// Ends these sessions of a user, tells of those that were there, and returns them.
    pub(super) async fn end_sessions(
        &self,
        user: &UserId,
        ids: Vec<SessionId>,
        why: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, Problem> {
        let mut ended = Vec::with_capacity(ids.len());
        for id in ids {
            if self.core.stores.sessions.revoke_session(user, &id).await? {
                ended.push(id);
            }
        }
        self.tell_revoked(user, ended.clone(), why, None, now).await;
        Ok(ended)
    }

    /// Ends all sessions of a user, save one, tells of it, and returns how many there were.
    pub(super) async fn end_all_sessions(
        &self,
        user: &UserId,
        except: Option<&SignedIn>,
        why: SessionEnd,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<usize, crate::store::StoreError> {
        let except = except.map(|signed_in| &signed_in.session.id);
        let sessions = &self.core.stores.sessions;
        let ended = sessions.revoke_sessions_of(user, except).await?;
        let count = ended.len();
        self.tell_revoked(user, ended, why, address, now).await;
        Ok(count)
    }

    pub(super) async fn tell_revoked(
        &self,
        user: &UserId,
        sessions: Vec<SessionId>,
        why: SessionEnd,
        address: Option<IpAddr>,
        now: Timestamp,
    ) {
        if sessions.is_empty() {
            return;
        }
        let event = Event::SessionsRevoked {
            user: user.clone(),
            sessions: sessions.clone(),
        };
        self.core.emit(now, address, event).await;
        self.tell_ended(user, sessions, why, now).await;
    }

    async fn tell_ended(
        &self,
        user: &UserId,
        sessions: Vec<SessionId>,
        why: SessionEnd,
        at: Timestamp,
    ) {
        let ended = SessionsEnded {
            user: user.clone(),
            sessions,
            why,
            at,
        };
        self.observers.tell(&ended).await;
    }
}

fn set_cookie_values(jar: CookieJar) -> Vec<HeaderValue> {
    let mut headers = HeaderMap::new();
    jar.apply(&mut headers);
    headers.get_all(SET_COOKIE).iter().cloned().collect()
}

pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    // Visible ASCII only, so every byte is a character boundary.
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.get(..MAX_USER_AGENT_BYTES).unwrap_or(text).to_owned())
}
