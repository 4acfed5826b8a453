//! The core's routes as an axum router.

use auth_core::auth::Auth;
use auth_core::web::Route;
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
/// `https://app.example.com/id`. The others are [`routes_outside`].
///
/// Prefer [`WithAuth::with_auth_under`], which also gives guards and extractors what they need.
pub fn routes_under<S>(auth: &Auth, mount: &str) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let under = auth.routes();
    let under = under.filter_map(|route| Some((route.path_under(mount)?, route)));
    let router = under.fold(Router::new(), |router, (path, route)| {
        router.route(path, methods_of(auth, route))
    });
    if !router.has_routes() {
        let base = auth.issuer();
        tracing::error!(mount, base, "no route of Auth lies under this mount");
    }
    router
}

/// The routes that do not lie under `mount`, for the router at the root: of a provider at `/id` that is
/// `/.well-known/oauth-authorization-server/id` (RFC 8414 §3.1).
pub fn routes_outside<S>(auth: &Auth, mount: &str) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let outside = auth.routes();
    let outside = outside.filter(|route| route.path_under(mount).is_none());
    outside.fold(Router::new(), |router, route| {
        router.route(&route.path, methods_of(auth, route))
    })
}

fn methods_of<S>(auth: &Auth, route: &Route) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (auth, side) = (auth.clone(), route.side);
    let handler = move |request: Request| convert::handle(auth.clone(), side, request);
    // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
    let mut methods = MethodRouter::new().fallback(handler.clone());
    for method in &route.methods {
        if let Ok(filter) = MethodFilter::try_from(method.clone()) {
            methods = methods.on(filter, handler.clone());
        }
    }
    methods
}

/// Adds `Auth` to a router.
pub trait WithAuth: Sized {
    /// Merges the routes of `auth` and makes it known to every route added before: call it last, and after guards around
    /// the whole router. Guards and extractors need no state; a handler that wants the `Auth` itself takes it as `State`
    /// or `Extension`.
    ///
    /// # Panics
    /// A route is there already, as axum says: `auth` was added twice, or the host has a route at one of its paths.
    #[must_use]
    fn with_auth(self, auth: &Auth) -> Self {
        self.with_auth_under(auth, "")
    }

    /// The same for a router that is nested at `mount`, where the base URL is `https://app.example.com/id`:
    /// `.nest("/id", app.with_auth_under(&auth, "/id")).merge(routes_outside(&auth, "/id"))`.
    ///
    /// # Panics
    /// As [`with_auth`](Self::with_auth).
    #[must_use]
    fn with_auth_under(self, auth: &Auth, mount: &str) -> Self;
}

impl<S> WithAuth for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn with_auth_under(self, auth: &Auth, mount: &str) -> Self {
        self.merge(routes_under(auth, mount))
            .layer(axum::Extension(auth.clone()))
    }
}
