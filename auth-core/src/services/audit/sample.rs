//! Some of many: so many events of a kind in each minute of this process.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use crate::ground::Timestamp;
use crate::services::{Event, EventRecord};

/// Of each kind, in each minute.
pub(super) const MOST: u32 = 10;
const SPAN: Duration = Duration::from_mins(1);

/// How many of each kind were taken, since when.
#[derive(Default)]
pub(super) struct Sample(HashMap<Discriminant<Event>, (Timestamp, u32)>);

impl Sample {
    /// Whether this one is of the sample. A kind that is sent in masses crowds out no other.
    pub(super) fn takes(&mut self, event: &EventRecord) -> bool {
        let kind = discriminant(&event.event);
        let (begun, taken) = self.0.entry(kind).or_insert((event.at, 0));
        // Also where the clock was put back.
        if event.at < *begun || event.at.since(*begun) >= SPAN {
            (*begun, *taken) = (event.at, 0);
        }
        *taken = taken.saturating_add(1);
        *taken <= MOST
    }
}
