//! Plays steps and writes down what was answered.

use std::time::Duration;

use super::ask::Ask;
use super::host::{Host, Setting};
use super::normal::{Whose, comparable};
use super::reply::Reply;
use super::site::Site;
use super::transcript::{Entry, Transcript};
use crate::testkit::Answer;

/// A run under way.
pub(super) struct Stage<'s> {
    site: &'s dyn Site,
    pub(super) host: &'s Host,
    scene: &'static str,
    step: usize,
    transcript: Transcript,
    expected: Option<&'s Transcript>,
}

impl<'s> Stage<'s> {
    pub(super) fn new(site: &'s dyn Site, host: &'s Host) -> Self {
        Self {
            site,
            host,
            scene: "",
            step: 0,
            transcript: Transcript::default(),
            expected: None,
        }
    }

    /// Compares each answer with that of an earlier run.
    pub(super) fn against(mut self, expected: &'s Transcript) -> Self {
        self.expected = Some(expected);
        self
    }

    pub(super) fn into_transcript(self) -> Transcript {
        self.transcript
    }

    /// Begins a scene, so much later that no throttle and no session remembers the one before.
    pub(super) fn begin(&mut self, scene: &'static str) {
        self.host.advance(Duration::from_hours(6));
        self.scene = scene;
        self.step = 0;
    }

    pub(super) fn setting(&self) -> Setting {
        self.host.setting
    }

    /// A path as it is asked for here.
    pub(super) fn path(&self, target: &str) -> String {
        self.setting().place(target)
    }

    /// The absolute URL of that.
    pub(super) fn url(&self, target: &str) -> String {
        format!("{}{}", self.setting().origin(), self.path(target))
    }

    /// A step.
    pub(super) async fn ask(&mut self, ask: Ask) -> Reply {
        self.play(ask, Whose::Described).await
    }

    /// A step whose answer is the host's own.
    pub(super) async fn ask_the_host(&mut self, ask: Ask) -> Reply {
        self.play(ask, Whose::TheHosts).await
    }

    async fn play(&mut self, ask: Ask, whose: Whose) -> Reply {
        self.step += 1;
        let request = ask.request(self.setting());
        let target = format!("{} {}", request.method(), request.uri());
        let response = self.site.send(request).await;
        let (headers, body) = comparable(whose, &response);
        let entry = Entry {
            scene: self.scene,
            step: self.step,
            request: target,
            status: response.status().as_u16(),
            headers,
            body,
        };
        let step = format!("{:?}, {entry}", self.setting());
        let index = self.transcript.entries.len();
        if let Some(expected) = self.expected.and_then(|run| run.entries.get(index)) {
            // Before any check of the scene: what differs says more than what follows from it.
            let difference = expected.difference(&entry).unwrap_or_default();
            assert!(difference.is_empty(), "{:?}, {difference}", self.setting());
        }
        self.transcript.entries.push(entry);
        Reply {
            step,
            length: response.body().len(),
            answer: Answer::from(response),
        }
    }
}
