//! Both halves of identity on `http` types: login, provider, resource.
pub mod ground;
pub mod services;
pub mod store;
pub mod web;
