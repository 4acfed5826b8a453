//! Login, provider and resource at home in poem 3.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "provider", feature = "resource", feature = "seaorm-sqlite"))]
//! # mod example {
//! use adapter_poem::{Auth, Login, Provider, SeaOrmStore, User, WithAuth as _, guard};
//! use poem::{Endpoint, EndpointExt as _, Route, get, handler};
//!
//! # #[handler]
//! # fn account() {}
//! # #[handler]
//! # fn reports() {}
//! #[handler]
//! fn home(user: Option<User>) -> String {
//!     user.map_or("Hello, stranger".into(), |user| format!("Hello, {}", user.display_name()))
//! }
//!
//! async fn app() -> Result<impl Endpoint, Box<dyn std::error::Error>> {
//!     let auth = Auth::builder("https://app.example.com") // base URL; also the issuer
//!         .secret_from_env("AUTH_SECRET")
//!         .store(SeaOrmStore::open("sqlite://app.db").await?) // connects and migrates
//!         .login(Login::default()) // people sign in here
//!         .provider(Provider::default()) // other apps sign in through here
//!         .build()
//!         .await?;
//!
//!     Ok(Route::new()
//!         .at("/", get(home))
//!         .at("/account", get(account).with(guard::signed_in())) // else: to the sign-in page and back
//!         .at("/api/reports", get(reports).with(guard::scope("reports:read"))) // else: 401 or 403
//!         .with_auth(&auth)) // the routes of Auth, and what guards and extractors need: last
//! }
//! # }
//! ```
//!
//! `Option<User>` is `None` where nobody is signed in, and only there; `Option<AccessToken>` where there is no token. A
//! store that is down (503) or a token that is bad (401) answers the request before its handler runs, which `with_auth`
//! sees to: so extractors refuse to work without it. `routes(&auth)` alone gives the routes of Auth.

mod convert;
#[cfg(any(feature = "login", feature = "resource"))]
mod extract;
#[cfg(any(feature = "login", feature = "resource"))]
pub mod guard;
#[cfg(feature = "openapi")]
pub mod openapi;
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
pub use convert::{request_parts, respond};
#[cfg(feature = "resource")]
pub use extract::AccessToken;
#[cfg(any(feature = "login", feature = "resource"))]
pub use extract::{Caller, ClientAddress, Rejection};
#[cfg(feature = "login")]
pub use extract::{Scope, Session, User};
pub use http;
pub use routes::{AuthEndpoint, WithAuth, routes, routes_outside, routes_under};

/// The guide for poem: its snippets compile, or the documentation tests fail.
#[cfg(all(
    doctest,
    feature = "login",
    feature = "provider",
    feature = "resource",
    feature = "seaorm-sqlite"
))]
mod guides {
    #[doc = include_str!("../../docs/poem.md")]
    mod poem {}
}
