//! The core's routes in a poem app.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auth_core::auth::Auth;
use auth_core::web::{Interrupt, Side, private_headers};
use http::request::Parts;
use poem::endpoint::make;
use poem::{Endpoint, Error, IntoEndpoint, IntoResponse as _, Request, Response, Result, Route};
use tokio::sync::Mutex;
#[cfg(any(feature = "login", feature = "resource"))]
use tokio::sync::{MappedMutexGuard, MutexGuard};

use crate::convert;

/// A route with exactly the routes of `auth`, at their full paths: add your own to it, or nest it at `/`.
///
/// Prefer [`WithAuth::with_auth`], which also gives guards and extractors what they need.
pub fn routes(auth: &Auth) -> Route {
    routes_under(auth, "")
}

/// The routes that lie under `mount`, without it: for `.nest("/id", routes_under(&auth, "/id"))`, where the base URL is
/// `https://app.example.com/id`. The others are [`routes_outside`].
///
/// Prefer [`WithAuth::with_auth_under`], which also gives guards and extractors what they need.
pub fn routes_under(auth: &Auth, mount: &str) -> Route {
    let under = sides_under(auth, mount).into_iter();
    under.fold(Route::new(), |app, (path, side)| {
        app.at(path, endpoint(auth, side))
    })
}

/// Adds the routes that do not lie under `mount` to the route at the root: of a provider at `/id` that is
/// `/.well-known/oauth-authorization-server/id` (RFC 8414 §3.1).
///
/// # Panics
/// The host has a route at one of these paths already, as poem says.
pub fn routes_outside(to: Route, auth: &Auth, mount: &str) -> Route {
    let outside = auth.routes();
    let outside = outside.filter(|route| route.path_under(mount).is_none());
    outside.fold(to, |app, route| {
        app.at(&route.path, endpoint(auth, route.side))
    })
}

fn endpoint(auth: &Auth, side: Side) -> impl Endpoint<Output = Response> + 'static {
    let auth = auth.clone();
    // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
    make(move |request| {
        let auth = auth.clone();
        async move { convert::handle(auth, side, request).await }
    })
}

/// The paths under a mount, without it, and who their errors are for.
fn sides_under(auth: &Auth, mount: &str) -> HashMap<String, Side> {
    let under = auth.routes();
    let under = under.filter_map(|route| Some((route.path_under(mount)?.to_owned(), route.side)));
    let sides: HashMap<_, _> = under.collect();
    if sides.is_empty() {
        let base = auth.issuer();
        tracing::error!(mount, base, "no route of Auth lies under this mount");
    }
    sides
}

/// Adds `Auth` to an endpoint: a route, or whatever became of it by `with`, `data`, `catch_error`, ….
pub trait WithAuth: IntoEndpoint + Sized {
    /// Adds the routes of `auth`, makes it known to guards, extractors and handlers (`Data<&Auth>`), and lets an
    /// extractor answer a request in place of its handler when the store is down: `Option<User>` would take that for
    /// "nobody" otherwise. Call it last, and after guards around the whole app. The product's paths are its own: a
    /// host's route at one of them is never reached.
    fn with_auth(self, auth: &Auth) -> AuthEndpoint<Self::Endpoint> {
        self.with_auth_under(auth, "")
    }

    /// The same for an endpoint that is nested at `mount`, where the base URL is `https://app.example.com/id`:
    /// `Route::new().nest("/id", app.with_auth_under(&auth, "/id"))`, given to [`routes_outside`].
    fn with_auth_under(self, auth: &Auth, mount: &str) -> AuthEndpoint<Self::Endpoint>;
}

impl<E: IntoEndpoint> WithAuth for E {
    fn with_auth_under(self, auth: &Auth, mount: &str) -> AuthEndpoint<E::Endpoint> {
        AuthEndpoint {
            inner: self.into_endpoint(),
            sides: sides_under(auth, mount),
            auth: auth.clone(),
        }
    }
}

/// An endpoint that knows `Auth`.
pub struct AuthEndpoint<E> {
    inner: E,
    sides: HashMap<String, Side>,
    auth: Auth,
}

impl<E: Endpoint> Endpoint for AuthEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if let Some(side) = self.sides.get(request.uri().path()) {
            return Ok(convert::handle(self.auth.clone(), *side, request).await);
        }
        let visit = Visit::new(&self.auth);
        request.extensions_mut().insert(visit.clone());
        request.extensions_mut().insert(self.auth.clone());
        let inner = async { Ok(self.inner.call(request).await?.into_response()) };
        let result = visit.answer.watch(inner).await;
        let result = result.unwrap_or_else(Ok);
        if !visit.guarded.load(Ordering::Relaxed) {
            return result;
        }
        let failed = result.is_err();
        let mut response = result.unwrap_or_else(Error::into_response);
        private_headers(response.headers_mut());
        if failed {
            return Err(Error::from_response(response));
        }
        Ok(response)
    }
}

/// What guards and extractors share of one request.
#[cfg_attr(
    not(any(feature = "login", feature = "resource")),
    expect(dead_code, reason = "guards and extractors come with these features")
)]
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) auth: Auth,
    /// What an extractor answers in place of the handler.
    pub(crate) answer: Interrupt<Response>,
    // The head of the request, with what the core found out about it.
    head: Arc<Mutex<Option<Parts>>>,
    guarded: Arc<AtomicBool>,
}

impl Visit {
    fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            answer: Interrupt::default(),
            head: Arc::default(),
            guarded: Arc::default(),
        }
    }

    /// The head of this request, made when it is asked for first.
    #[cfg(any(feature = "login", feature = "resource"))]
    pub(crate) async fn parts(&self, request: &Request) -> MappedMutexGuard<'_, Parts> {
        let head = self.head.lock().await;
        MutexGuard::map(head, |head| {
            head.get_or_insert_with(|| convert::request_parts(request))
        })
    }

    /// Whatever becomes of the request now, its answer is for one person alone.
    #[cfg(any(feature = "login", feature = "resource"))]
    pub(crate) fn guard(&self) {
        self.guarded.store(true, Ordering::Relaxed);
    }
}
