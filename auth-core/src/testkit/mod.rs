//! For tests of hosts and of the product itself: a browser without a network, a sink that keeps what happened, speed as
//! a ratio, another provider, and the script of all HTTP behaviour.

mod browser;
mod events;
mod ratio;
#[cfg(all(feature = "login", feature = "provider", feature = "resource"))]
pub mod script;
#[cfg(feature = "federation")]
pub mod upstream;

pub use browser::{Answer, Browser};
pub use events::CapturedEvents;
pub use ratio::Ratio;

pub use crate::ground::ManualClock;
