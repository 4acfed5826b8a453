//! Both halves of identity on `http` types: login, provider, resource.
pub mod ground;
#[cfg(feature = "login")]
pub mod login;
pub mod services;
pub mod store;
pub mod web;
