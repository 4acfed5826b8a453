//! Another issuer, as it describes itself: its metadata and its keys, by discovery, kept for a while.

mod discovery;
mod metadata;
mod remote;

pub(crate) use discovery::{Discovery, NamedIssuer};
#[cfg(feature = "federation")]
pub(crate) use metadata::Metadata;
pub(crate) use remote::RemoteIssuer;
#[cfg(any(feature = "resource", feature = "federation"))]
pub(crate) use remote::has_passed;
#[cfg(feature = "federation")]
pub(crate) use remote::{FETCH_BOUND, Published, Search, Seeker};
