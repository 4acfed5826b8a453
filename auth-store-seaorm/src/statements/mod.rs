//! What each verb sends to the database: how many statements, and whether each finds its rows by an index.
#![expect(clippy::unwrap_used, reason = "test code")]

mod cost;
mod federation;
mod flow;
mod place;
mod plan;
mod tour;
mod ways_in;
