//! Routes of a host's own: who calls, the token in a cookie, what the host says of a person.

mod audit;
mod callers;
mod factors;
#[cfg(all(feature = "federation", feature = "testkit"))]
mod federation;
#[cfg(all(feature = "federation", feature = "testkit"))]
mod federation_apps;
mod house;
mod renewed_factors;
mod roles;
mod token_cookie;
