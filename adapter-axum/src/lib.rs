//! Login, provider and resource at home in axum 0.8.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "provider", feature = "resource", feature = "seaorm-sqlite"))]
//! # mod example {
//! use adapter_axum::{Auth, Login, Provider, SeaOrmStore, User, WithAuth as _, guard};
//! use axum::{Router, routing::get};
//!
//! # async fn account() {}
//! # async fn reports() {}
//! async fn home(user: Option<User>) -> String {
//!     user.map_or("Hello, stranger".into(), |user| format!("Hello, {}", user.display_name()))
//! }
//!
//! async fn app() -> Result<Router, Box<dyn std::error::Error>> {
//!     let auth = Auth::builder("https://app.example.com") // base URL; also the issuer
//!         .secret_from_env("AUTH_SECRET")
//!         .store(SeaOrmStore::open("sqlite://app.db").await?) // connects and migrates
//!         .login(Login::default()) // people sign in here
//!         .provider(Provider::default()) // other apps sign in through here
//!         .build()
//!         .await?;
//!
//!     Ok(Router::new()
//!         .route("/", get(home))
//!         .route("/account", get(account).route_layer(guard::signed_in())) // else: to the sign-in page and back
//!         .route("/api/reports", get(reports).route_layer(guard::scope("reports:read"))) // else: 401 or 403
//!         .with_auth(&auth) // the routes of Auth, and what guards and extractors need: last
//!         .with_state(auth))
//! }
//! # }
//! ```
//!
//! Serve the router with `into_make_service_with_connect_info::<SocketAddr>()`, so that throttles know addresses.

mod convert;
#[cfg(any(feature = "login", feature = "resource"))]
mod extract;
#[cfg(any(feature = "login", feature = "resource"))]
pub mod guard;
mod routes;
#[cfg(test)]
#[cfg(all(feature = "login", feature = "provider", feature = "resource"))]
mod tests;

pub use auth_core::auth::{self, Auth, AuthBuilder, BuildError, NotSetUp};
#[cfg(feature = "federation")]
pub use auth_core::login::Upstream;
#[cfg(feature = "login")]
pub use auth_core::login::{self, Login};
#[cfg(feature = "provider")]
pub use auth_core::provider::{self, Provider};
#[cfg(feature = "resource")]
pub use auth_core::resource::{self, Resource};
#[cfg(any(feature = "provider", feature = "resource", feature = "federation"))]
pub use auth_core::services::outbound::OutboundPolicy;
pub use auth_core::services::{self, Event, EventRecord, EventSink};
pub use auth_core::store::{self, MemoryStore, Stores};
pub use auth_core::{ground, web};
#[cfg(feature = "redis")]
pub use auth_store_redis::RedisStore;
#[cfg(any(
    feature = "seaorm-sqlite",
    feature = "seaorm-postgres",
    feature = "seaorm-mysql"
))]
pub use auth_store_seaorm::SeaOrmStore;
pub use convert::respond;
#[cfg(feature = "resource")]
pub use extract::AccessToken;
#[cfg(any(feature = "login", feature = "resource"))]
pub use extract::{Caller, ClientAddress, Rejection};
#[cfg(feature = "login")]
pub use extract::{Scope, Session, User};
pub use http;
pub use routes::{WithAuth, routes, routes_outside, routes_under};

/// The README and the guide for axum: their snippets compile, or the documentation tests fail.
#[cfg(all(
    doctest,
    feature = "login",
    feature = "provider",
    feature = "resource",
    feature = "seaorm-sqlite"
))]
mod guides {
    #[cfg(feature = "federation")]
    #[doc = include_str!("../../README.md")]
    mod readme {}
    #[doc = include_str!("../../docs/axum.md")]
    mod axum {}
    #[cfg(feature = "redis")]
    #[doc = include_str!("../../docs/stores.md")]
    mod stores {}
}
