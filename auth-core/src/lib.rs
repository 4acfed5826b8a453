//! Both halves of identity on `http` types: login, provider, resource.
pub mod ground;
#[cfg(feature = "login")]
pub mod login;
#[cfg(feature = "resource")]
pub mod resource;
pub mod services;
pub mod store;
pub mod web;
