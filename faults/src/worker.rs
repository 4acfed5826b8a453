//! One of the many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::person::is_sign_in;
use crate::{Ledger, Node, Person, RelyingParty, Step, Tokens};

const SCOPE: &str = "openid offline_access";

/// Between two tries of who was told to come later. A real client waits longer.
const RETRY_AFTER: Duration = Duration::from_millis(30);

/// What workers and who watches them share.
pub(crate) struct Shared {
    pub(crate) nodes: Vec<Node>,
    pub(crate) stop: AtomicBool,
    pub(crate) progress: Vec<Progress>,
}

#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) rounds: AtomicU64,
    pub(crate) unavailable: AtomicU64,
}

impl Shared {
    pub(crate) fn new(nodes: &[Node], workers: usize) -> Self {
        Self {
            nodes: nodes.to_vec(),
            stop: AtomicBool::new(false),
            progress: (0..workers).map(|_| Progress::default()).collect(),
        }
    }
}

/// A person and their app, who run flow after flow; each of their requests meets another node.
pub(crate) struct Worker {
    person: Person,
    client: RelyingParty,
    ledger: Arc<Ledger>,
    shared: Arc<Shared>,
    index: usize,
    turn: usize,
}

impl Worker {
    pub(crate) async fn new(ledger: &Arc<Ledger>, shared: &Arc<Shared>, index: usize) -> Self {
        let name = format!("worker-{index}");
        Self {
            person: Person::new(&name, &shared.nodes[0], ledger).await,
            client: RelyingParty::new(ledger),
            ledger: Arc::clone(ledger),
            shared: Arc::clone(shared),
            index,
            turn: index,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut round = 0_usize;
        while !self.is_over() {
            if self.round(round).await.is_some() {
                round += 1;
                self.progress().rounds.fetch_add(1, Ordering::SeqCst);
            } else {
                self.pause().await;
            }
        }
    }

    /// One flow; none when it was cut short, to be begun anew.
    async fn round(&mut self, round: usize) -> Option<()> {
        let code = self.code().await?;
        if round % 4 == 3 {
            self.redeem_twice(&code).await;
        } else if let Some(tokens) = self.redeem(&code).await {
            let last = self.use_tokens(tokens).await;
            self.ledger.keep(&last);
        }
        if round % 3 == 2 {
            self.sign_out().await?;
        }
        Some(())
    }

    async fn code(&mut self) -> Option<String> {
        let node = self.node();
        if self.person.session_cookie().is_none() {
            self.person.sign_in(&node).await.done_or_later()?;
        }
        let node = self.node();
        match self.person.authorize(&node, SCOPE).await {
            Step::Done(code) => Some(code),
            Step::Unavailable => None,
            Step::Refused(answer) => {
                // Signed out, or an interaction that was spent by a request whose answer was a 503.
                if is_sign_in(&answer) {
                    let cookie = self.person.session_cookie().unwrap_or_default();
                    let email = self.person.email();
                    assert!(!self.ledger.stands(email, cookie), "{email} lost a session");
                    self.person.forget(&node);
                }
                None
            }
        }
    }

    /// The app and a thief with the same code: one of them at most gets anything, and what it got is worth nothing.
    async fn redeem_twice(&mut self, code: &str) {
        let (here, there) = (self.node(), self.node());
        // That both get something the ledger does not let pass. A replay may end the grant before the first is done.
        let answers = tokio::join!(
            self.client.redeem(&here, code),
            self.client.redeem(&there, code)
        );
        // Who was told to come later may not have been heard.
        let ((Step::Done(got), Step::Refused(refusal)) | (Step::Refused(refusal), Step::Done(got))) =
            answers
        else {
            return;
        };
        assert_eq!(refusal.json()["error"], "invalid_grant", "{}", refusal.text);
        for node in [&here, &there] {
            let refreshed = self.client.refresh(node, &got.refresh).await;
            let refreshes = matches!(refreshed, Step::Done(_));
            assert!(!refreshes, "a thief's refresh token is worth something");
            let opens = matches!(
                self.client.userinfo(node, &got.access).await,
                Step::Done(())
            );
            assert!(!opens, "a thief's access token is worth something");
        }
    }

    async fn redeem(&mut self, code: &str) -> Option<Tokens> {
        let mut in_doubt = false;
        while !self.is_over() {
            let node = self.node();
            match self.client.redeem(&node, code).await {
                Step::Done(tokens) => return Some(tokens),
                Step::Unavailable => in_doubt = true,
                Step::Refused(answer) => {
                    assert_eq!(answer.json()["error"], "invalid_grant", "{}", answer.text);
                    assert!(in_doubt, "a fresh code was refused");
                    return None;
                }
            }
            self.pause().await;
        }
        None
    }

    /// Refreshes a few times, also where two requests of the app race; returns the last refresh token received.
    async fn use_tokens(&mut self, tokens: Tokens) -> String {
        let mut last = tokens;
        for turn in 0..3 {
            let (here, there) = (self.node(), self.node());
            let (first, second) = if turn == 1 {
                tokio::join!(
                    self.client.refresh(&here, &last.refresh),
                    self.client.refresh(&there, &last.refresh)
                )
            } else {
                (
                    self.client.refresh(&here, &last.refresh).await,
                    Step::Unavailable,
                )
            };
            for refreshed in [first, second] {
                match refreshed {
                    Step::Done(tokens) => last = tokens,
                    Step::Unavailable => {}
                    Step::Refused(answer) => panic!("a refresh token was lost: {}", answer.text),
                }
            }
            if let Step::Refused(answer) = self.client.userinfo(&there, &last.access).await {
                panic!("an access token was lost: {}", answer.text);
            }
            let active = self.client.introspect(&here, &last.access).await;
            assert!(
                !matches!(active, Step::Done(false)),
                "an access token was lost"
            );
        }
        last.refresh
    }

    async fn sign_out(&mut self) -> Option<()> {
        let mut kept = self.person.again();
        let (here, there) = (self.node(), self.node());
        match self.person.sign_out(&here).await {
            Step::Done(()) => {
                let accepted = kept.is_signed_in(&there).await;
                assert!(
                    !matches!(accepted, Step::Done(true)),
                    "a session outlived its end"
                );
                Some(())
            }
            // Perhaps it stands, perhaps not; the person does not wait to learn.
            Step::Refused(_) | Step::Unavailable => {
                self.person.forget(&there);
                None
            }
        }
    }

    /// Every request meets another node.
    fn node(&mut self) -> Node {
        self.turn += 1;
        self.shared.nodes[self.turn % self.shared.nodes.len()].clone()
    }

    fn progress(&self) -> &Progress {
        &self.shared.progress[self.index]
    }

    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }

    async fn pause(&self) {
        self.progress().unavailable.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

impl Step<()> {
    /// Done, or none when it is to be tried again later.
    fn done_or_later(self) -> Option<()> {
        match self {
            Self::Done(()) => Some(()),
            Self::Unavailable => None,
            Self::Refused(answer) => panic!("refused: {} {}", answer.status, answer.text),
        }
    }
}
