//! Both halves in one `Auth`, asked as browsers and clients ask: through `Auth::handle` alone.

#![cfg(all(
    feature = "login",
    feature = "provider",
    feature = "resource",
    feature = "testkit"
))]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

mod flow;
mod garbage;
mod host;
mod lifecycle;
mod logouts;
mod nodes;
mod roof;
