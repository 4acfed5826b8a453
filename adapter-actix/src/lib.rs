//! Login, provider and resource at home in actix-web 4: the routes, and who is signed in.
//!
//! ```
//! # #[cfg(feature = "login")]
//! # mod example {
//! use actix_web::{App, web};
//! use adapter_actix::{Auth, User, routes};
//!
//! async fn home(user: Option<User>) -> String {
//!     user.map_or("Hello, stranger".into(), |user| format!("Hello, {}", user.display_name()))
//! }
//!
//! fn app(auth: &Auth) {
//!     let _ = App::new().configure(routes(auth)).route("/", web::get().to(home));
//! }
//! # }
//! ```

mod convert;
#[cfg(feature = "login")]
mod extract;
mod routes;

pub use auth_core::auth::{Auth, AuthBuilder, BuildError, NotSetUp};
#[cfg(feature = "login")]
pub use auth_core::login::{self, Login};
#[cfg(feature = "provider")]
pub use auth_core::provider::{self, Provider};
#[cfg(feature = "resource")]
pub use auth_core::resource::{self, Resource};
pub use auth_core::store::{self, MemoryStore, Stores};
#[cfg(feature = "redis")]
pub use auth_store_redis::RedisStore;
#[cfg(feature = "seaorm-sqlite")]
pub use auth_store_seaorm::SeaOrmStore;
#[cfg(feature = "login")]
pub use extract::{Rejection, User};
pub use routes::routes;
