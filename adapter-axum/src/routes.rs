//! The core's routes as an axum router.

use auth_core::auth::Auth;
use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodFilter, MethodRouter};

use crate::convert;

/// A router with exactly the routes of `auth`, at their full paths: merge it at the root, also where the base URL has
/// a path.
///
/// Prefer [`WithAuth::with_auth`], which also gives guards and extractors what they need.
pub fn routes<S>(auth: &Auth) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes_under(auth, "")
}

/// The routes that lie under `mount`, without it: for `.nest("/id", routes_under(&auth, "/id"))`, where the base URL is
/// `https://app.example.com/id`. A provider's documents below `/.well-known` lie at the root and are not among them.
pub fn routes_under<S>(auth: &Auth, mount: &str) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let mut router = Router::new();
    for route in auth.routes() {
        let Some(path) = route.path_under(mount) else {
            continue;
        };
        let (auth, side) = (auth.clone(), route.side);
        let handler = move |request: Request| convert::handle(auth.clone(), side, request);
        // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
        let mut methods = MethodRouter::new().fallback(handler.clone());
        for method in &route.methods {
            if let Ok(filter) = MethodFilter::try_from(method.clone()) {
                methods = methods.on(filter, handler.clone());
            }
        }
        router = router.route(path, methods);
    }
    router
}

/// Adds `Auth` to a router.
pub trait WithAuth {
    /// Merges the routes of `auth` and makes it known to every route added before: call it last. Guards and
    /// extractors need no state; a handler that wants the `Auth` itself takes it as `State` or `Extension`.
    #[must_use]
    fn with_auth(self, auth: &Auth) -> Self;
}

impl<S> WithAuth for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn with_auth(self, auth: &Auth) -> Self {
        self.merge(routes(auth))
            .layer(axum::Extension(auth.clone()))
    }
}
