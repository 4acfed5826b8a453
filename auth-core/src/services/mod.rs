//! Services floor: what both wings use and neither owns.

mod audit;
mod core;
mod events;
#[cfg(any(feature = "resource", feature = "federation"))]
pub(crate) mod issuer;
#[cfg(feature = "login")]
pub mod mail;
#[cfg(feature = "outbound")]
pub mod outbound;
pub mod pages;
mod throttle;
#[cfg(any(feature = "login", feature = "provider"))]
mod together;

pub use self::audit::{AuditPage, AuditSink};
pub use self::core::Core;
pub use events::{Event, EventRecord, EventSink, SignInFailure, TracingSink};
pub use throttle::{Locked, Throttles};
#[cfg(any(feature = "login", feature = "provider"))]
pub(crate) use together::all;
