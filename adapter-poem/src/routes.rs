//! The core's routes in a poem app.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auth_core::auth::Auth;
use auth_core::web::{Interrupt, private_headers};
use http::request::Parts;
use poem::endpoint::make;
use poem::{Endpoint, Error, Request, Response, Result, Route};
use tokio::sync::Mutex;
#[cfg(any(feature = "login", feature = "resource"))]
use tokio::sync::{MappedMutexGuard, MutexGuard};

use crate::convert;

/// A route with exactly the routes of `auth`, at their full paths: add your own to it, or nest it at `/`.
///
/// Prefer [`WithAuth::with_auth`], which also gives guards and extractors what they need.
pub fn routes(auth: &Auth) -> Route {
    add(Route::new(), auth, "")
}

/// The routes that lie under `mount`, without it: for `.nest("/id", routes_under(&auth, "/id"))`, where the base URL is
/// `https://app.example.com/id`. A provider's documents below `/.well-known` lie at the root and are not among them.
pub fn routes_under(auth: &Auth, mount: &str) -> Route {
    add(Route::new(), auth, mount)
}

fn add(to: Route, auth: &Auth, mount: &str) -> Route {
    auth.routes().fold(to, |app, route| {
        let Some(path) = route.path_under(mount) else {
            return app;
        };
        let (auth, side) = (auth.clone(), route.side);
        // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
        let endpoint = make(move |request| {
            let auth = auth.clone();
            async move { convert::handle(auth, side, request).await }
        });
        app.at(path, endpoint)
    })
}

/// Adds `Auth` to a route.
pub trait WithAuth {
    /// Adds the routes of `auth`, makes it known to guards and extractors, and lets an extractor answer a request in
    /// place of its handler when the store is down: `Option<User>` would take that for "nobody" otherwise. Call it last.
    fn with_auth(self, auth: &Auth) -> AuthEndpoint;
}

impl WithAuth for Route {
    fn with_auth(self, auth: &Auth) -> AuthEndpoint {
        AuthEndpoint {
            inner: add(self, auth, ""),
            auth: auth.clone(),
        }
    }
}

/// A route that knows `Auth`.
pub struct AuthEndpoint {
    inner: Route,
    auth: Auth,
}

impl Endpoint for AuthEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let visit = Visit::new(&self.auth);
        request.extensions_mut().insert(visit.clone());
        let result = visit.answer.watch(self.inner.call(request)).await;
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
            head.get_or_insert_with(|| convert::parts(request))
        })
    }

    /// Whatever becomes of the request now, its answer is for one person alone.
    #[cfg(any(feature = "login", feature = "resource"))]
    pub(crate) fn guard(&self) {
        self.guarded.store(true, Ordering::Relaxed);
    }
}
