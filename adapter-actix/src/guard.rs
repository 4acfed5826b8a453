//! Guards: middleware that lets a request pass to a route or answers in its place.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "resource"))]
//! # fn doc(config: &mut actix_web::web::ServiceConfig) {
//! use actix_web::web;
//! use adapter_actix::guard;
//! # async fn page() -> &'static str { "" }
//! config
//!     .route("/dashboard", web::get().to(page).wrap(guard::signed_in()))
//!     .service(web::resource("/api/me").wrap(guard::signed_in().or_401()).to(page))
//!     .service(web::scope("/settings").wrap(guard::recent_sign_in()).route("/keys", web::get().to(page)))
//!     .route("/api/reports", web::get().to(page).wrap(guard::scope("reports:read")));
//! # }
//! ```

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::HeaderMap;
use actix_web::{Error, HttpMessage as _, HttpResponse, web};
#[cfg(feature = "login")]
use auth_core::auth::Otherwise;
use auth_core::auth::{Auth, Guard};
#[cfg(feature = "resource")]
use auth_core::resource::ScopeRequirement;
use auth_core::web::private_headers;

use crate::convert;
use crate::routes::Answer;

/// Somebody is signed in; else to the sign-in page and back.
#[cfg(feature = "login")]
pub fn signed_in() -> GuardTransform {
    GuardTransform(Guard::SignedIn(Otherwise::SignIn))
}

/// Somebody proved within the login wing's recency (10 minutes by default) who they are; else they are asked again.
#[cfg(feature = "login")]
pub fn recent_sign_in() -> GuardTransform {
    GuardTransform(Guard::RecentSignIn(None, Otherwise::SignIn))
}

/// As [`recent_sign_in`], within a time of your own.
#[cfg(feature = "login")]
pub fn signed_in_within(recency: Duration) -> GuardTransform {
    GuardTransform(Guard::RecentSignIn(Some(recency), Otherwise::SignIn))
}

/// Somebody signed in with several factors; whoever has not is asked for a second one.
#[cfg(feature = "login")]
pub fn multi_factor() -> GuardTransform {
    GuardTransform(Guard::MultiFactor(Otherwise::SignIn))
}

/// Somebody signed in acts for an organization, as the host's
/// [`ScopeLoader`](crate::login::ScopeLoader) says; else 403.
#[cfg(feature = "login")]
pub fn organization() -> GuardTransform {
    GuardTransform(Guard::Organization(Otherwise::SignIn))
}

/// Somebody signed in has this role, as the loader says; else 403.
#[cfg(feature = "login")]
pub fn role(role: impl Into<String>) -> GuardTransform {
    GuardTransform(Guard::Role(role.into(), Otherwise::SignIn))
}

/// Somebody signed in administers the whole product, as the loader says; else 403.
#[cfg(feature = "login")]
pub fn admin() -> GuardTransform {
    GuardTransform(Guard::Admin(Otherwise::SignIn))
}

/// A caller of any kind: a session, an access token or an API key; else 401.
pub fn caller() -> GuardTransform {
    GuardTransform(Guard::Caller)
}

/// A person signed in, or an access token or an API key with this scope; else 401 or 403.
#[cfg(feature = "resource")]
pub fn caller_with_scope(scope: impl Into<String>) -> GuardTransform {
    let scope = ScopeRequirement::all_of([scope.into()]);
    GuardTransform(Guard::CallerWithScopes(scope))
}

/// For a form of the host's own: what changes something must come from a page of this origin; else 403.
pub fn same_origin() -> GuardTransform {
    GuardTransform(Guard::SameOrigin)
}

/// An access token with this scope; else 401 or 403 as RFC 6750 §3 says.
#[cfg(feature = "resource")]
pub fn scope(scope: impl Into<String>) -> GuardTransform {
    GuardTransform(Guard::Scopes(ScopeRequirement::all_of([scope.into()])))
}

/// An access token whose user signed in within this time; else 401 with `max_age` as RFC 9470 §3 says. Put it beside
/// [`scope`], which asks for something else.
#[cfg(feature = "resource")]
pub fn token_within(recency: Duration) -> GuardTransform {
    GuardTransform(Guard::RecentToken(recency))
}

/// An access token whose user signed in at one of these levels (`acr`); else 401 with `acr_values` (RFC 9470 §3).
#[cfg(feature = "resource")]
pub fn token_acr(values: impl IntoIterator<Item = impl Into<String>>) -> GuardTransform {
    GuardTransform(Guard::TokenAcr(
        values.into_iter().map(Into::into).collect(),
    ))
}

/// An access token that meets a requirement over several scopes.
#[cfg(feature = "resource")]
pub fn scopes(requirement: ScopeRequirement) -> GuardTransform {
    GuardTransform(Guard::Scopes(requirement))
}

/// A guard as a `Transform`, for `wrap` on a route, a resource, a scope or the app.
#[derive(Clone, Debug)]
pub struct GuardTransform(Guard);

impl GuardTransform {
    /// Answers 401 (403 where only recency or a second factor is missing) instead of leading to the sign-in page.
    #[cfg(feature = "login")]
    #[must_use]
    pub fn or_401(self) -> Self {
        Self(self.0.or_401())
    }
}

impl<S, B> Transform<S, ServiceRequest> for GuardTransform
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Guarded<S>;
    type InitError = ();
    type Future = Ready<Result<Guarded<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Guarded {
            inner: Rc::new(inner),
            guard: self.0.clone(),
        }))
    }
}

/// A service behind a guard.
#[derive(Debug)]
pub struct Guarded<S> {
    inner: Rc<S>,
    guard: Guard,
}

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let inner = Rc::clone(&self.inner);
        let guard = self.guard.clone();
        Box::pin(async move {
            // Outside of `with_auth`, as a guard around the whole app may be, nothing within it could end the request.
            let watched = request.extensions().contains::<Answer>();
            let auth = request.app_data::<web::Data<Auth>>().filter(|_| watched);
            let Some(auth) = auth.cloned() else {
                tracing::error!("{MISSING}");
                return Ok(request.into_response(missing()).map_into_right_body());
            };
            // A guard around the whole app is around the product's own routes too, and the way to them is free.
            if auth.routes().any(|route| route.path == request.path()) {
                return inner
                    .call(request)
                    .await
                    .map(ServiceResponse::map_into_left_body);
            }
            // No clone of the request is kept: actix-web panics on one while it routes.
            let head = convert::head(request.request());
            let admitted = auth.admit(&mut *head.lock().await, &guard).await;
            if let Err(response) = admitted {
                let response = convert::respond(*response);
                return Ok(request.into_response(response).map_into_right_body());
            }
            match inner.call(request).await {
                Ok(mut response) => {
                    keep_private(response.headers_mut());
                    Ok(response.map_into_left_body())
                }
                Err(error) => {
                    let mut response = error.error_response();
                    keep_private(response.headers_mut());
                    Err(InternalError::from_response(error, response).into())
                }
            }
        })
    }
}

fn keep_private(headers: &mut HeaderMap) {
    let mut private = convert::headers(headers);
    private_headers(&mut private);
    for (name, value) in private.iter().filter_map(convert::to_actix) {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}

/// What a route without `Auth` says, so that its developer knows what to do.
pub(crate) const MISSING: &str = "adapter-actix: this route does not know Auth. Call `.with_auth(&auth)` on the App after its last \
                                  route and guard.";

pub(crate) fn missing() -> HttpResponse {
    HttpResponse::InternalServerError()
        .content_type("text/plain; charset=utf-8")
        .body(MISSING)
}
