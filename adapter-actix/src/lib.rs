//! Login, provider and resource at home in actix-web 4.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "provider", feature = "resource", feature = "seaorm-sqlite"))]
//! # mod example {
//! use actix_web::{App, HttpServer, web};
//! use adapter_actix::{Auth, Login, Provider, SeaOrmStore, User, WithAuth as _, guard};
//!
//! # async fn account() -> &'static str { "" }
//! # async fn reports() -> &'static str { "" }
//! async fn home(user: Option<User>) -> String {
//!     user.map_or("Hello, stranger".into(), |user| format!("Hello, {}", user.display_name()))
//! }
//!
//! async fn run() -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::builder("https://app.example.com") // base URL; also the issuer
//!         .secret_from_env("AUTH_SECRET")
//!         .store(SeaOrmStore::open("sqlite://app.db").await?) // connects and migrates
//!         .login(Login::default()) // people sign in here
//!         .provider(Provider::default()) // other apps sign in through here
//!         .build()
//!         .await?;
//!
//!     let app = move || {
//!         App::new()
//!             .route("/", web::get().to(home))
//!             .route("/account", web::get().to(account).wrap(guard::signed_in())) // else: to the sign-in page and back
//!             .route("/api/reports", web::get().to(reports).wrap(guard::scope("reports:read"))) // else: 401 or 403
//!             .with_auth(&auth) // the routes of Auth, and what guards and extractors need
//!     };
//!     Ok(HttpServer::new(app).bind("127.0.0.1:3000")?.run().await?)
//! }
//! # }
//! ```
//!
//! `Option<User>` is `None` where nobody is signed in, and only there; `Option<AccessToken>` where there is no token. A
//! store that is down (503) or a token that is bad (401) answers the request before its handler runs, which `with_auth`
//! sees to: so guards and extractors refuse to work without it. `.configure(routes(&auth))` alone gives the routes of Auth.

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
#[cfg(feature = "login")]
pub use convert::{append_cookies, request_headers};
pub use convert::{request_parts, respond};
#[cfg(feature = "resource")]
pub use extract::AccessToken;
#[cfg(any(feature = "login", feature = "resource"))]
pub use extract::{Caller, ClientAddress, Rejection};
#[cfg(feature = "login")]
pub use extract::{Scope, Session, User};
pub use http;
pub use routes::{WithAuth, WithAuthUnder, routes, routes_outside, routes_under};

/// The guide for actix-web: its snippets compile, or the documentation tests fail.
#[cfg(all(
    doctest,
    feature = "login",
    feature = "provider",
    feature = "resource",
    feature = "seaorm-sqlite"
))]
mod guides {
    #[doc = include_str!("../../docs/actix.md")]
    mod actix {}
}
