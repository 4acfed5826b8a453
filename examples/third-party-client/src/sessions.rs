//! Sessions of this app, in memory: a random cookie, and what belongs to it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::AppendHeaders;
use openidconnect::CsrfToken;

use crate::oidc::{Attempt, Person};

/// Browsers do not separate the cookies of two ports of one host, so the name is this app's own.
const COOKIE_NAME: &str = "third-party-demo";
/// Past this the oldest session goes: nobody can fill the memory.
const MOST_SESSIONS: usize = 1000;
/// Sign-ins one browser may have open at once, one per tab.
const MOST_ATTEMPTS: usize = 8;

pub(crate) type SetCookie = AppendHeaders<[(axum::http::HeaderName, String); 1]>;

#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

struct Session {
    created: Instant,
    attempts: Vec<Attempt>,
    person: Option<Person>,
}

impl Sessions {
    /// Who is signed in.
    pub(crate) fn signed_in(&self, headers: &HeaderMap) -> Option<Person> {
        self.all().get(id_of(headers)?)?.person.clone()
    }

    /// Keeps a started sign-in with this browser's session, which begins here if there is none.
    pub(crate) fn remember_attempt(&self, headers: &HeaderMap, attempt: Attempt) -> SetCookie {
        let mut all = self.all();
        let known = id_of(headers).filter(|id| all.contains_key(*id));
        let id = known.map_or_else(new_id, str::to_owned);
        if known.is_none() {
            insert(&mut all, &id, None);
        }
        if let Some(session) = all.get_mut(&id) {
            if session.attempts.len() == MOST_ATTEMPTS {
                session.attempts.remove(0);
            }
            session.attempts.push(attempt);
        }
        set_cookie(&id)
    }

    /// The sign-in this browser started with that state; it can be had once.
    pub(crate) fn take_attempt(&self, headers: &HeaderMap, state: &str) -> Option<Attempt> {
        let mut all = self.all();
        let attempts = &mut all.get_mut(id_of(headers)?)?.attempts;
        let index = attempts
            .iter()
            .position(|attempt| attempt.state.secret() == state)?;
        Some(attempts.remove(index))
    }

    /// Starts a new session for someone who signed in; sign-ins open in other tabs stay open.
    pub(crate) fn sign_in(&self, headers: &HeaderMap, person: Person) -> SetCookie {
        let mut all = self.all();
        let old = id_of(headers).and_then(|id| all.remove(id));
        let id = new_id();
        insert(&mut all, &id, Some(person));
        if let (Some(old), Some(new)) = (old, all.get_mut(&id)) {
            new.attempts = old.attempts;
        }
        set_cookie(&id)
    }

    /// Replaces the tokens of who is signed in.
    pub(crate) fn update(&self, headers: &HeaderMap, person: Person) {
        let mut all = self.all();
        if let Some(session) = id_of(headers).and_then(|id| all.get_mut(id)) {
            session.person = Some(person);
        }
    }

    /// Ends the session.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) -> Option<Person> {
        self.all().remove(id_of(headers)?)?.person
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(all: &mut HashMap<String, Session>, id: &str, person: Option<Person>) {
    if all.len() >= MOST_SESSIONS {
        let oldest = all.iter().min_by_key(|(_, session)| session.created);
        if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
            all.remove(&oldest);
        }
    }
    let session = Session {
        created: Instant::now(),
        attempts: Vec::new(),
        person,
    };
    all.insert(id.to_owned(), session);
}

/// 256 random bits.
fn new_id() -> String {
    CsrfToken::new_random_len(32).into_secret()
}

fn id_of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

fn set_cookie(id: &str) -> SetCookie {
    // On https this would be `__Host-…; Secure`.
    let cookie = format!("{COOKIE_NAME}={id}; Path=/; HttpOnly; SameSite=Lax");
    AppendHeaders([(SET_COOKIE, cookie)])
}
