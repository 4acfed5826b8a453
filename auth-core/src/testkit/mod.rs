//! For tests of hosts and of the product itself: a browser without a network, and a sink that keeps what happened.

mod browser;
mod events;

pub use browser::{Answer, Browser};
pub use events::CapturedEvents;

pub use crate::ground::ManualClock;
