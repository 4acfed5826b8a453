//! Guards: middleware that lets a request pass to an endpoint or answers in its place.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "resource"))]
//! # fn doc() -> poem::Route {
//! use adapter_poem::guard;
//! use poem::{EndpointExt as _, Route, get, handler};
//! # #[handler]
//! # fn page() {}
//! Route::new()
//!     .at("/dashboard", get(page).with(guard::signed_in()))
//!     .at("/api/me", get(page).with(guard::signed_in().or_401()))
//!     .nest("/settings", Route::new().at("/keys", get(page)).with(guard::recent_sign_in()))
//!     .at("/api/reports", get(page).with(guard::scope("reports:read")))
//! # }
//! ```

use std::time::Duration;

use auth_core::auth::Guard;
#[cfg(feature = "login")]
use auth_core::auth::Otherwise;
#[cfg(feature = "resource")]
use auth_core::resource::ScopeRequirement;
use http::StatusCode;
use poem::{Endpoint, IntoResponse as _, Middleware, Request, Response, Result};

use crate::convert;
use crate::routes::Visit;

/// Somebody is signed in; else to the sign-in page and back.
#[cfg(feature = "login")]
pub fn signed_in() -> GuardMiddleware {
    GuardMiddleware(Guard::SignedIn(Otherwise::SignIn))
}

/// Somebody proved within the login wing's recency (10 minutes by default) who they are; else they are asked again.
#[cfg(feature = "login")]
pub fn recent_sign_in() -> GuardMiddleware {
    GuardMiddleware(Guard::RecentSignIn(None, Otherwise::SignIn))
}

/// As [`recent_sign_in`], within a time of your own.
#[cfg(feature = "login")]
pub fn signed_in_within(recency: Duration) -> GuardMiddleware {
    GuardMiddleware(Guard::RecentSignIn(Some(recency), Otherwise::SignIn))
}

/// Somebody signed in with several factors; whoever has not is asked for a second one.
#[cfg(feature = "login")]
pub fn multi_factor() -> GuardMiddleware {
    GuardMiddleware(Guard::MultiFactor(Otherwise::SignIn))
}

/// Somebody signed in acts for an organization, as the host's
/// [`ScopeLoader`](crate::login::ScopeLoader) says; else 403.
#[cfg(feature = "login")]
pub fn organization() -> GuardMiddleware {
    GuardMiddleware(Guard::Organization(Otherwise::SignIn))
}

/// Somebody signed in has this role, as the loader says; else 403.
#[cfg(feature = "login")]
pub fn role(role: impl Into<String>) -> GuardMiddleware {
    GuardMiddleware(Guard::Role(role.into(), Otherwise::SignIn))
}

/// Somebody signed in administers the whole product, as the loader says; else 403.
#[cfg(feature = "login")]
pub fn admin() -> GuardMiddleware {
    GuardMiddleware(Guard::Admin(Otherwise::SignIn))
}

/// A caller of any kind: a session, an access token or an API key; else 401.
pub fn caller() -> GuardMiddleware {
    GuardMiddleware(Guard::Caller)
}

/// A person signed in, or an access token or an API key with this scope; else 401 or 403.
#[cfg(feature = "resource")]
pub fn caller_with_scope(scope: impl Into<String>) -> GuardMiddleware {
    let scope = ScopeRequirement::all_of([scope.into()]);
    GuardMiddleware(Guard::CallerWithScopes(scope))
}

/// For a form of the host's own: what changes something must come from a page of this origin; else 403.
pub fn same_origin() -> GuardMiddleware {
    GuardMiddleware(Guard::SameOrigin)
}

/// An access token with this scope; else 401 or 403 as RFC 6750 §3 says.
#[cfg(feature = "resource")]
pub fn scope(scope: impl Into<String>) -> GuardMiddleware {
    GuardMiddleware(Guard::Scopes(ScopeRequirement::all_of([scope.into()])))
}

/// An access token whose user signed in within this time; else 401 with `max_age` as RFC 9470 §3 says. Put it beside
/// [`scope`], which asks for something else.
#[cfg(feature = "resource")]
pub fn token_within(recency: Duration) -> GuardMiddleware {
    GuardMiddleware(Guard::RecentToken(recency))
}

/// An access token whose user signed in at one of these levels (`acr`); else 401 with `acr_values` (RFC 9470 §3).
#[cfg(feature = "resource")]
pub fn token_acr(values: impl IntoIterator<Item = impl Into<String>>) -> GuardMiddleware {
    GuardMiddleware(Guard::TokenAcr(
        values.into_iter().map(Into::into).collect(),
    ))
}

/// An access token that meets a requirement over several scopes.
#[cfg(feature = "resource")]
pub fn scopes(requirement: ScopeRequirement) -> GuardMiddleware {
    GuardMiddleware(Guard::Scopes(requirement))
}

/// A guard as a `Middleware`, for `with` on an endpoint or a route.
#[derive(Clone, Debug)]
pub struct GuardMiddleware(Guard);

impl GuardMiddleware {
    /// Answers 401 (403 where only recency or a second factor is missing) instead of leading to the sign-in page.
    #[cfg(feature = "login")]
    #[must_use]
    pub fn or_401(self) -> Self {
        Self(self.0.or_401())
    }
}

impl<E: Endpoint> Middleware<E> for GuardMiddleware {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Guarded<E> {
        Guarded {
            inner,
            guard: self.0.clone(),
        }
    }
}

/// An endpoint behind a guard.
#[derive(Debug)]
pub struct Guarded<E> {
    inner: E,
    guard: Guard,
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(visit) = request.data::<Visit>() else {
            tracing::error!("{MISSING}");
            return Ok(missing());
        };
        let mut parts = visit.parts(&request).await;
        if let Err(response) = visit.auth.admit(&mut parts, &self.guard).await {
            return Ok(convert::respond(*response));
        }
        drop(parts);
        // An error of the handler keeps its type for `catch_error`; its answer is made private further out.
        visit.guard();
        Ok(self.inner.call(request).await?.into_response())
    }
}

/// What a route without `Auth` says, so that its developer knows what to do.
pub(crate) const MISSING: &str = "adapter-poem: this route does not know Auth. Call `.with_auth(&auth)` on the app after \
                                  its last route and guard.";

pub(crate) fn missing() -> Response {
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .content_type("text/plain; charset=utf-8")
        .body(MISSING)
}
