//! A core with a mailer, over the memory store and a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{MailKind, MailOrder, MailTemplates, Mailer, Mails};
use crate::ground::{KeyRing, ManualClock, SystemRandom, Timestamp};
use crate::services::pages::Pages;
use crate::services::{Core, Event, Throttles};
use crate::store::{MemoryStore, Stores};
use crate::testkit::CapturedEvents;
use crate::web::{BaseUrl, FormTokens, TrustedProxies};

pub(super) const ADA: &str = "ada@example.com";
pub(super) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);

pub(super) struct House {
    pub(super) core: Arc<Core>,
    pub(super) stores: Stores,
    pub(super) clock: Arc<ManualClock>,
    events: CapturedEvents,
}

impl House {
    pub(super) fn new(mailer: impl Mailer) -> Self {
        Self::with(Stores::from(MemoryStore::default()), Some(Arc::new(mailer)))
    }

    /// One node over these stores.
    pub(super) fn with(stores: Stores, mailer: Option<Arc<dyn Mailer>>) -> Self {
        let base = BaseUrl::parse("https://app.example.com").unwrap();
        let keys = KeyRing::new([[7; 32]]).unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let events = CapturedEvents::default();
        let templates = MailTemplates::new("Example", base.absolute("/"), &[].into()).unwrap();
        let mails = Mails::new(stores.outbox.clone(), keys.clone());
        let core = Core {
            forms: FormTokens::new(keys.clone(), &base),
            throttles: Throttles::new(stores.throttles.clone(), keys.clone()),
            mails: mails.with_mailer(Arc::new(templates), mailer),
            pages: Pages::builder().build().unwrap(),
            base,
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            keys,
            stores: stores.clone(),
            sinks: vec![Arc::new(events.clone())],
            proxies: TrustedProxies::default(),
        };
        Self {
            core: Arc::new(core),
            stores,
            clock,
            events,
        }
    }

    /// Orders a mail with the facts of its sample, good for this long.
    pub(super) async fn order(&self, kind: MailKind, to: Option<&str>, good_for: Duration) {
        let mut order = order(kind, kind.sample());
        order.to = to.map(str::to_owned);
        order.expires_at = self.core.clock.now() + good_for;
        self.order_this(&order).await;
    }

    pub(super) async fn order_this(&self, order: &MailOrder) {
        let (random, now) = (&*self.core.random, self.core.clock.now());
        self.core.mails.order(order, random, now).await.unwrap();
    }

    /// Makes the attempts due now.
    pub(super) async fn deliver(&self) -> usize {
        self.core
            .deliver_mails(self.core.clock.now())
            .await
            .unwrap()
    }

    /// What was told, and forgets nothing.
    pub(super) fn told(&self) -> Vec<Value> {
        self.events
            .all()
            .iter()
            .map(|event: &Event| json!(event))
            .collect()
    }
}

pub(super) fn order(kind: MailKind, facts: Value) -> MailOrder {
    MailOrder {
        kind: kind.as_str().to_owned(),
        to: Some(ADA.to_owned()),
        locale: "en".to_owned(),
        facts,
        expires_at: START + Duration::from_hours(1),
    }
}
