//! What a test begins with.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use auth_core::auth::{Auth, AuthBuilder};
use auth_core::ground::{Clock, ManualClock, Timestamp};
use auth_core::login::{Argon2Cost, Login};
use auth_core::services::Event;
use auth_core::services::mail::{DevelopmentOutbox, MOST_DELIVERIES};
use auth_core::store::{MemoryStore, Stores};
use auth_core::testkit::CapturedEvents;

#[cfg(feature = "passkeys")]
use crate::SoftwareAuthenticator;
use crate::fail::{Outcome as _, fail};
use crate::{AuthenticatorApp, Mails, NewPerson};

/// 2030-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_seconds(1_893_456_000);

/// Stands in for the world around an [`Auth`]: the clock, the store, whoever takes the mails, whoever hears of events.
/// A clone is the same world.
#[derive(Clone, Debug)]
pub struct TestKit {
    clock: KitClock,
    store: MemoryStore,
    outbox: DevelopmentOutbox,
    events: CapturedEvents,
    addresses: Arc<AtomicU16>,
}

/// The one clock, shared with every `Auth`.
#[derive(Clone, Debug)]
pub(crate) struct KitClock(Arc<ManualClock>);

impl Clock for KitClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl KitClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

impl Default for TestKit {
    fn default() -> Self {
        Self::new()
    }
}

impl TestKit {
    /// An empty world, on the first of January 2030.
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    /// An empty world at another moment.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            clock: KitClock(Arc::new(ManualClock::at(start))),
            store: MemoryStore::new(),
            outbox: DevelopmentOutbox::without_page(),
            events: CapturedEvents::default(),
            addresses: Arc::default(),
        }
    }

    /// Puts the host's own builder into this world: secret, store, clock and mailer are replaced, events are captured
    /// too, and nothing is pruned by itself. Whatever else the builder says stays. Several may be put into one world.
    pub fn install(&self, auth: AuthBuilder) -> AuthBuilder {
        auth.only_secret("a secret of tests, of 32 bytes or more")
            .store(self.store.clone())
            .clock(self.clock.clone())
            .mailer(self.outbox.clone())
            .events(self.events.clone())
            .prune_every(None)
            // One node, and requests that come through no socket.
            .clustered(false)
            .peers_without_address(true)
    }

    /// The host's settings with password hashes that cost next to nothing. Everything else stays.
    pub fn fast_login(login: Login) -> Login {
        login.dangerous_weak_argon2(Argon2Cost {
            memory_kib: 8,
            iterations: 1,
            parallelism: 1,
        })
    }

    /// Begins an account, by e-mail address or username.
    pub fn person(&self, auth: &Auth, identifier: &str) -> NewPerson {
        NewPerson::new(self, auth, identifier)
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The mails this `Auth` has sent by now: what waits is handed over first. The last 100 are kept.
    pub async fn mails(&self, auth: &Auth) -> Mails {
        loop {
            let attempts = auth.deliver_mails().await;
            if attempts.or_fail("the outbox") < MOST_DELIVERIES {
                return Mails::new(self.outbox.mails());
            }
        }
    }

    /// What happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.all()
    }

    /// What is kept.
    pub fn stores(&self) -> Stores {
        self.store.clone().into()
    }

    /// An authenticator app that was shown `secret` (base32) at an enrolment.
    pub fn authenticator_app(&self, secret: &str) -> AuthenticatorApp {
        AuthenticatorApp::new(self.clock.clone(), secret)
    }

    /// A new device that can hold a passkey, in a browser that shows the site of this `Auth`.
    #[cfg(feature = "passkeys")]
    pub fn authenticator(&self, auth: &Auth) -> SoftwareAuthenticator {
        SoftwareAuthenticator::at(auth.issuer())
    }

    /// An address nobody else has: what throttles count by address is each visitor's own.
    pub(crate) fn next_address(&self) -> IpAddr {
        let number = self.addresses.fetch_add(1, Ordering::SeqCst);
        if number == u16::MAX {
            fail("the kit has no more addresses: 65 535 visitors in one test");
        }
        // 2001:db8::/32 is for documentation (RFC 3849); throttles count an IPv6 /64 as one.
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 1))
    }
}
