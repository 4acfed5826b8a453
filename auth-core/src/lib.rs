//! Both halves of identity on `http` types, for any framework and any store: **login** (people sign in to your app),
//! **provider** (other apps sign in through yours) and **resource** (your endpoints accept tokens).
//!
//! [`auth::Auth`] is the one object a host holds: a request goes in, a response comes out. Most hosts use it through
//! an adapter (`adapter-axum`, `adapter-actix`, `adapter-poem`).
//!
//! The floors, each using only those below it: [`auth`] (roof) · bridge · `login`, `provider`, `resource` (wings, which
//! never see each other) · [`services`] · [`web`] · [`store`] · [`ground`].

pub mod auth;
mod bridge;
pub mod ground;
#[cfg(feature = "login")]
pub mod login;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "resource")]
pub mod resource;
pub mod services;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod web;

/// The official client of WorkOS's API, in the version that hosted sign-in uses: see `LoginWing::workos`.
#[cfg(feature = "workos")]
pub use workos;

/// The guide to mails: its snippets compile, or the documentation tests fail.
#[cfg(all(doctest, feature = "smtp"))]
#[doc = include_str!("../../docs/mail.md")]
mod mail_guide {}

/// The guide to signing in with others, likewise.
#[cfg(all(doctest, feature = "federation"))]
#[doc = include_str!("../../docs/sign-in-with.md")]
mod sign_in_with_guide {}

/// The guide to hosted sign-in: its snippets compile, or the documentation tests fail.
#[cfg(all(doctest, feature = "workos"))]
#[doc = include_str!("../../docs/workos.md")]
mod workos_guide {}
