//! Guards: layers that let a request pass to a route or answer in its place.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "resource"))]
//! # fn doc() -> axum::Router<adapter_axum::Auth> {
//! use adapter_axum::guard;
//! use axum::routing::{Router, get};
//! # async fn page() {}
//! Router::new()
//!     .route("/dashboard", get(page).route_layer(guard::signed_in()))
//!     .route("/api/me", get(page).route_layer(guard::signed_in().or_401()))
//!     .route("/settings/keys", get(page).route_layer(guard::recent_sign_in()))
//!     .route("/api/reports", get(page).route_layer(guard::scope("reports:read")))
//! # }
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(feature = "login")]
use auth_core::auth::Otherwise;
use auth_core::auth::{Auth, Guard};
#[cfg(feature = "resource")]
use auth_core::resource::ScopeRequirement;
use auth_core::web::private_headers;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tower::{Layer, Service};

use crate::convert;

/// Somebody is signed in; else to the sign-in page and back.
#[cfg(feature = "login")]
pub fn signed_in() -> GuardLayer {
    GuardLayer(Guard::SignedIn(Otherwise::SignIn))
}

/// Somebody proved within the login wing's recency (10 minutes by default) who they are; else they are asked again.
#[cfg(feature = "login")]
pub fn recent_sign_in() -> GuardLayer {
    GuardLayer(Guard::RecentSignIn(None, Otherwise::SignIn))
}

/// As [`recent_sign_in`], within a time of your own.
#[cfg(feature = "login")]
pub fn signed_in_within(recency: Duration) -> GuardLayer {
    GuardLayer(Guard::RecentSignIn(Some(recency), Otherwise::SignIn))
}

/// Somebody signed in with several factors; whoever has not is asked for a second one.
#[cfg(feature = "login")]
pub fn multi_factor() -> GuardLayer {
    GuardLayer(Guard::MultiFactor(Otherwise::SignIn))
}

/// Somebody signed in acts for an organization, as the host's
/// [`ScopeLoader`](crate::login::ScopeLoader) says; else 403.
#[cfg(feature = "login")]
pub fn organization() -> GuardLayer {
    GuardLayer(Guard::Organization(Otherwise::SignIn))
}

/// Somebody signed in has this role, as the loader says; else 403.
#[cfg(feature = "login")]
pub fn role(role: impl Into<String>) -> GuardLayer {
    GuardLayer(Guard::Role(role.into(), Otherwise::SignIn))
}

/// Somebody signed in administers the whole product, as the loader says; else 403.
#[cfg(feature = "login")]
pub fn admin() -> GuardLayer {
    GuardLayer(Guard::Admin(Otherwise::SignIn))
}

/// A caller of any kind: a session, an access token or an API key; else 401.
pub fn caller() -> GuardLayer {
    GuardLayer(Guard::Caller)
}

/// A person signed in, or an access token or an API key with this scope; else 401 or 403.
#[cfg(feature = "resource")]
pub fn caller_with_scope(scope: impl Into<String>) -> GuardLayer {
    let scope = ScopeRequirement::all_of([scope.into()]);
    GuardLayer(Guard::CallerWithScopes(scope))
}

/// For a form of the host's own: what changes something must come from a page of this origin; else 403.
pub fn same_origin() -> GuardLayer {
    GuardLayer(Guard::SameOrigin)
}

/// An access token with this scope; else 401 or 403 as RFC 6750 §3 says.
#[cfg(feature = "resource")]
pub fn scope(scope: impl Into<String>) -> GuardLayer {
    GuardLayer(Guard::Scopes(ScopeRequirement::all_of([scope.into()])))
}

/// An access token whose user signed in within this time; else 401 with `max_age` as RFC 9470 §3 says. Put it beside
/// [`scope`], which asks for something else.
#[cfg(feature = "resource")]
pub fn token_within(recency: Duration) -> GuardLayer {
    GuardLayer(Guard::RecentToken(recency))
}

/// An access token whose user signed in at one of these levels (`acr`); else 401 with `acr_values` (RFC 9470 §3).
#[cfg(feature = "resource")]
pub fn token_acr(values: impl IntoIterator<Item = impl Into<String>>) -> GuardLayer {
    GuardLayer(Guard::TokenAcr(
        values.into_iter().map(Into::into).collect(),
    ))
}

/// An access token that meets a requirement over several scopes.
#[cfg(feature = "resource")]
pub fn scopes(requirement: ScopeRequirement) -> GuardLayer {
    GuardLayer(Guard::Scopes(requirement))
}

/// A guard as a `tower::Layer`, for `route_layer`.
#[derive(Clone, Debug)]
pub struct GuardLayer(Guard);

impl GuardLayer {
    /// Answers 401 (403 where only recency or a second factor is missing) instead of leading to the sign-in page.
    #[cfg(feature = "login")]
    #[must_use]
    pub fn or_401(self) -> Self {
        Self(self.0.or_401())
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.0.clone(),
        }
    }
}

/// A service behind a guard.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The service that was polled ready is the one to call; its clone waits for the next request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let guard = self.guard.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let Some(auth) = parts.extensions.get::<Auth>().cloned() else {
                return Ok(missing());
            };
            let routed = convert::enter(&mut parts);
            let admitted = auth.admit(&mut parts, &guard).await;
            parts.uri = routed;
            if let Err(response) = admitted {
                return Ok(convert::respond(*response));
            }
            let response = inner.call(Request::from_parts(parts, body)).await?;
            let mut response = response.into_response();
            private_headers(response.headers_mut());
            Ok(response)
        })
    }
}

/// What a route without `Auth` answers, so that its developer knows what to do.
pub(crate) fn missing() -> Response {
    let text = "adapter-axum: this route does not know Auth. Call `.with_auth(&auth)` on the Router after its last route \
                and guard, and before `.with_state(…)`.";
    tracing::error!("{text}");
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
