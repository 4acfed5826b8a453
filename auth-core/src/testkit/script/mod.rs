//! The HTTP script: the whole behaviour of login, provider and guards, written once and played anywhere.
//!
//! A scene is a few requests and what must hold of their answers. [`Script::run`] plays all of them on a [`Site`] and
//! returns the [`Transcript`]: every status, header and body. [`Script::compare`] plays them on the bare core too, and
//! the two transcripts must be the same to the byte: whoever writes an adapter for another framework runs it.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use auth_core::auth::Auth;
//! use auth_core::testkit::script::{Script, Setting, Socket};
//!
//! // An app in the framework: the routes of `auth`, and those of `script::host_routes`, mounted where `setting.mount()`
//! // says, listening on a free port.
//! type Serve = fn(&Auth, Setting) -> SocketAddr;
//!
//! // In a test.
//! async fn the_adapter_is_the_core_over_a_socket(serve: Serve) {
//!     let script = Script::new().await;
//!     for setting in Setting::ALL {
//!         let host = script.host(setting).await;
//!         let address = serve(&host.auth, setting);
//!         script.compare(&host, &Socket::at(address)).await;
//!     }
//! }
//! ```
//!
//! Time and randomness of the hosts are the script's own ([`SeededRandom`]), their signing keys are shared; the little
//! that still differs by nature is said, with its reason, in one place of the source (`normal.rs`). Nothing sleeps.
#![expect(
    clippy::unwrap_used,
    reason = "test code that lives in the library: a failed step is a panic"
)]

mod ask;
mod host;
pub mod host_routes;
mod normal;
mod person;
mod random;
mod reply;
mod scenes;
mod sessions;
mod site;
mod socket;
mod stage;
mod transcript;

pub use host::{Host, Setting};
pub use random::SeededRandom;
pub use sessions::UnsteadySessions;
pub use site::{Answering, Bare, PEER, Site};
pub use socket::Socket;
pub use transcript::{Entry, Transcript};

use host::Keys;
use scenes::SCENES;
use stage::Stage;

/// The script, with the keys its hosts share.
pub struct Script {
    keys: Keys,
    without: Vec<&'static str>,
}

impl Script {
    /// All scenes.
    pub async fn new() -> Self {
        Self {
            keys: Keys::new().await,
            without: Vec::new(),
        }
    }

    /// Leaves out a scene, for a framework that lacks what it asks of the [`host_routes`].
    ///
    /// # Panics
    /// There is no such scene.
    #[must_use]
    pub fn without(mut self, scene: &'static str) -> Self {
        assert!(
            Self::scenes().any(|name| name == scene),
            "there is no scene {scene:?}"
        );
        self.without.push(scene);
        self
    }

    /// The names of all scenes, in order.
    pub fn scenes() -> impl Iterator<Item = &'static str> {
        SCENES.iter().map(|(name, _)| *name)
    }

    /// A host to be served. It is good for one run, which changes what it holds.
    pub async fn host(&self, setting: Setting) -> Host {
        self.keys.host(setting).await
    }

    /// Plays the scenes.
    ///
    /// # Panics
    /// An answer is not what it must be.
    pub async fn run(&self, host: &Host, site: &dyn Site) -> Transcript {
        self.play(Stage::new(site, host)).await
    }

    /// Plays the scenes, and compares each answer with that of an earlier run in the same [`Setting`].
    ///
    /// # Panics
    /// An answer is not what it was: the message says in what. Or it is not what it must be.
    pub async fn run_against(&self, expected: &Transcript, host: &Host, site: &dyn Site) {
        let stage = Stage::new(site, host).against(expected);
        let found = self.play(stage).await;
        assert_eq!(found.entries.len(), expected.entries.len(), "steps");
    }

    /// Plays the scenes on the bare core, then on a site that serves `host`, and compares.
    ///
    /// # Panics
    /// As [`run_against`](Self::run_against).
    pub async fn compare(&self, host: &Host, site: &dyn Site) {
        let bare = self.host(host.setting).await;
        let expected = self.run(&bare, &Bare::new(&bare)).await;
        self.run_against(&expected, host, site).await;
    }

    async fn play(&self, mut stage: Stage<'_>) -> Transcript {
        for (name, scene) in SCENES {
            if !self.without.contains(name) {
                stage.begin(name);
                scene(&mut stage).await;
            }
        }
        stage.into_transcript()
    }
}
