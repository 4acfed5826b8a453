//! The store on every database this build speaks to: the contract, many nodes, opening and migrating, outages.
#![expect(clippy::unwrap_used, reason = "test code")]

mod contract;
mod ended;
mod migrating;
mod nodes;
mod open;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod outage;
mod pruning;
#[cfg(feature = "sqlite")]
mod sqlite;
mod support;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod tls;
