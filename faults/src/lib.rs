//! What happens to the whole product when stores, networks and nodes fail.
//!
//! A [`Node`] is an `Auth` over stores that other nodes see too. A [`Person`] signs in and out at nodes, a
//! [`RelyingParty`] redeems codes and refreshes tokens there; [`Load`] lets many of them do so at once. A [`Ledger`]
//! sees every answer, and knows what may not be:
//!
//! - something let in: a code redeemed twice, a refresh token with two successors, a session accepted after its end;
//! - something lost that had been answered with success: a session, a consent, the last refresh token of a chain;
//! - an answer that is neither a success, nor the protocol's own refusal, nor a 503 with `Retry-After`; or none in time.
//!
//! The tests break one thing each, one file per fault.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test code: what must not be is a panic"
)]

mod clock;
mod database;
mod folder;
mod ledger;
mod load;
mod node;
mod person;
mod place;
pub mod races;
mod relying_party;
mod step;
mod wait;
mod worker;

pub use clock::TestClock;
pub use database::Database;
pub use folder::Folder;
pub use ledger::Ledger;
pub use load::Load;
pub use node::{BASE, Node, PASSWORD, settings};
pub use person::Person;
pub use place::{Place, VERB_TIMEOUT};
pub use relying_party::{RelyingParty, Tokens};
pub use step::{BOUND, Step};
pub use wait::{LIMIT, blocking, until};
