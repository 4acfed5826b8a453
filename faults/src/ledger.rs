//! What was answered, and what therefore has to be, or may not be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use auth_core::testkit::Answer;

use crate::step::{To, sort};
use crate::{BOUND, Node, Person, RelyingParty, Step};

/// Sees every answer. What may never be ends the test at once; what has to stand is asked after at the end.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    slowest: Duration,
    unavailable: u64,
    codes: BTreeSet<String>,
    successors: BTreeMap<String, String>,
    /// The last refresh token of each chain.
    tails: BTreeSet<String>,
    people: BTreeMap<String, Standing>,
    ended: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Standing {
    session: Option<String>,
    consented: BTreeSet<String>,
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How often the answer was to try again later.
    pub fn unavailable(&self) -> u64 {
        self.book().unavailable
    }

    /// The longest wait for an answer.
    pub fn slowest(&self) -> Duration {
        self.book().slowest
    }

    /// How many refresh tokens were used.
    pub fn rotations(&self) -> usize {
        self.book().successors.len()
    }

    /// How many sessions ended by sign-out.
    pub fn sign_outs(&self) -> usize {
        self.book().ended.len()
    }

    /// Waits for an answer, [`BOUND`] at most, and sorts it.
    pub(crate) async fn see(
        &self,
        asked: &str,
        to: To,
        answer: impl Future<Output = Answer>,
    ) -> Step<Answer> {
        let began = Instant::now();
        let answer = in_time(asked, BOUND, answer).await;
        let step = sort(to, answer).unwrap_or_else(|problem| panic!("{asked}: {problem}"));
        let mut book = self.book();
        book.slowest = book.slowest.max(began.elapsed());
        book.unavailable += u64::from(step.is_unavailable());
        step
    }

    pub(crate) fn redeemed(&self, code: &str) {
        let first = self.book().codes.insert(code.to_owned());
        assert!(first, "a code was redeemed twice");
    }

    pub(crate) fn refreshed(&self, token: &str, successor: &str) {
        let mut book = self.book();
        let known = book
            .successors
            .insert(token.to_owned(), successor.to_owned());
        assert!(
            known.is_none_or(|known| known == successor),
            "a refresh token has two successors"
        );
    }

    /// A chain of refresh tokens ends here: the last one received is `token`.
    pub fn keep(&self, token: &str) {
        self.book().tails.insert(token.to_owned());
    }

    pub(crate) fn signed_in(&self, email: &str, cookie: &str) {
        self.standing(email, |standing| standing.session = Some(cookie.to_owned()));
    }

    /// From here on nobody can know whether the session stands, until a sign-out is answered.
    pub(crate) fn signing_out(&self, email: &str, cookie: &str) {
        self.standing(email, |standing| {
            standing.session.take_if(|session| session == cookie);
        });
    }

    pub(crate) fn signed_out(&self, email: &str, cookie: String) {
        self.signing_out(email, &cookie);
        self.book().ended.insert(cookie);
    }

    pub(crate) fn consented(&self, email: &str, scope: &str) {
        let scopes = scope.split(' ').map(str::to_owned);
        self.standing(email, |standing| standing.consented.extend(scopes));
    }

    pub(crate) fn asked_for_consent(&self, email: &str, scope: &str) {
        self.standing(email, |standing| {
            let known = scope
                .split(' ')
                .all(|scope| standing.consented.contains(scope));
            assert!(!known, "the consent of {email} was lost");
        });
    }

    /// Whether this session has to be accepted.
    pub(crate) fn stands(&self, email: &str, cookie: &str) -> bool {
        let book = self.book();
        let session = book
            .people
            .get(email)
            .and_then(|standing| standing.session.as_deref());
        session == Some(cookie)
    }

    /// Sessions may be gone: what kept them keeps nothing.
    pub fn sessions_are_lost(&self) {
        for standing in self.book().people.values_mut() {
            standing.session = None;
        }
    }

    /// Holds everything that was answered against the nodes, once they work again.
    ///
    /// # Panics
    /// When something was let in or lost.
    pub async fn settle(self: &Arc<Self>, nodes: &[Node]) {
        self.nothing_is_lost(nodes).await;
        self.nothing_is_let_in(nodes).await;
    }

    async fn nothing_is_lost(self: &Arc<Self>, nodes: &[Node]) {
        let client = RelyingParty::new(self);
        let (tails, people) = {
            let mut book = self.book();
            let people = book.people.iter();
            let people: Vec<_> = people
                .map(|(email, standing)| (email.clone(), standing.session.clone()))
                .collect();
            // Each is used up by being asked after.
            (std::mem::take(&mut book.tails), people)
        };
        for (token, node) in tails.iter().zip(nodes.iter().cycle()) {
            let refreshed = client.refresh(node, token).await;
            client.userinfo(node, &refreshed.done().access).await.done();
        }
        for (email, session) in people {
            for node in nodes {
                let mut person = Person::known(&email, node, self);
                if let Some(session) = &session {
                    person.steal(session);
                    assert!(
                        person.is_signed_in(node).await.done(),
                        "{email} lost a session"
                    );
                }
                let mut person = Person::known(&email, node, self);
                person.sign_in(node).await.done();
                let code = person.authorize(node, "openid").await.done();
                client.redeem(node, &code).await.done();
            }
        }
    }

    async fn nothing_is_let_in(self: &Arc<Self>, nodes: &[Node]) {
        let client = RelyingParty::new(self);
        let (ended, codes) = {
            let book = self.book();
            (book.ended.clone(), book.codes.clone())
        };
        for (index, cookie) in ended.iter().enumerate() {
            let node = &nodes[index % nodes.len()];
            let mut thief = Person::known("thief@example.com", node, self);
            thief.steal(cookie);
            assert!(
                !thief.is_signed_in(node).await.done(),
                "a session outlived its end"
            );
        }
        for (code, node) in codes.iter().zip(nodes.iter().cycle()) {
            let refusal = client.redeem(node, code).await.refused();
            assert_eq!(refusal.json()["error"], "invalid_grant");
        }
    }

    fn standing(&self, email: &str, change: impl FnOnce(&mut Standing)) {
        let mut book = self.book();
        change(book.people.entry(email.to_owned()).or_default());
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn in_time(asked: &str, bound: Duration, answer: impl Future<Output = Answer>) -> Answer {
    let answer = tokio::time::timeout(bound, answer).await;
    answer.unwrap_or_else(|_| panic!("{asked}: no answer within {bound:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "redeemed twice")]
    fn a_code_redeemed_twice_is_found_out() {
        let ledger = Ledger::new();
        ledger.redeemed("code");
        ledger.redeemed("code");
    }

    #[test]
    #[should_panic(expected = "two successors")]
    fn a_second_successor_is_found_out() {
        let ledger = Ledger::new();
        ledger.refreshed("token", "successor");
        ledger.refreshed("token", "successor");
        ledger.refreshed("token", "another");
    }

    #[test]
    #[should_panic(expected = "the consent of ada was lost")]
    fn a_consent_asked_for_again_is_found_out() {
        let ledger = Ledger::new();
        ledger.consented("ada", "openid email");
        ledger.asked_for_consent("ada", "openid profile");
        ledger.asked_for_consent("ada", "email");
    }

    #[test]
    fn a_session_stands_until_its_sign_out_begins() {
        let ledger = Ledger::new();
        ledger.signed_in("ada", "first");
        assert!(ledger.stands("ada", "first"));
        ledger.signed_in("ada", "second");
        ledger.signing_out("ada", "first");
        assert!(ledger.stands("ada", "second"));
        ledger.signed_out("ada", "second".to_owned());
        assert!(!ledger.stands("ada", "second"));
        assert_eq!(ledger.sign_outs(), 1);
    }

    #[tokio::test]
    #[should_panic(expected = "no answer within")]
    async fn an_answer_that_does_not_come_is_found_out() {
        let bound = Duration::from_millis(1);
        in_time("something", bound, std::future::pending()).await;
    }
}
