//! Nodes whose clocks are five minutes behind, right, and five minutes ahead, over one store. The clock of the node
//! that is asked decides, and so:
//!
//! - a code (60 s) from a clock that is behind has expired on one that is ahead: a clean `invalid_grant`, and it still
//!   counts, once, where it is fresh;
//! - an access token (15 min) lives ten minutes less on the fast node when the slow one made it, ten more the other
//!   way round;
//! - sessions, consents and refresh tokens cross: they live for much longer than clocks are apart.
#![expect(clippy::expect_used, clippy::panic, reason = "test code")]

mod assertions;
mod codes;
mod house;
mod keys;
mod sessions;
mod tokens;
