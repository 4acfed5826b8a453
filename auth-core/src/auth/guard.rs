//! What a host's own routes ask for, answered in one place for every framework.

#[cfg(feature = "login")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "login")]
use http::Method;
use http::StatusCode;
use http::request::Parts;

use super::{Auth, NotSetUp};
#[cfg(feature = "login")]
use crate::login::acr::MULTI_FACTOR_ACR;
#[cfg(feature = "login")]
use crate::login::{Scope, SignedIn};
#[cfg(feature = "resource")]
use crate::resource::{AccessToken, Refusal, ScopeRequirement, TokenRefused};
use crate::web::{Exchange, Problem, Response, Side};
#[cfg(feature = "login")]
use crate::web::{see_other, with_query};

/// What a route asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Guard {
    /// Somebody is signed in.
    #[cfg(feature = "login")]
    SignedIn(Otherwise),
    /// Somebody signed in, or confirmed it, within this time; `None` takes the login wing's recency setting.
    #[cfg(feature = "login")]
    RecentSignIn(Option<Duration>, Otherwise),
    /// Somebody signed in with several factors, or proved a second one since (`acr` of the session).
    #[cfg(feature = "login")]
    MultiFactor(Otherwise),
    /// Somebody is signed in and acts for an organization, as the host's [`ScopeLoader`](crate::login::ScopeLoader) says.
    #[cfg(feature = "login")]
    Organization(Otherwise),
    /// Somebody is signed in and has this role, as the loader says.
    #[cfg(feature = "login")]
    Role(String, Otherwise),
    /// Somebody is signed in and administers the whole product, as the loader says.
    #[cfg(feature = "login")]
    Admin(Otherwise),
    /// An access token with these scopes.
    #[cfg(feature = "resource")]
    Scopes(ScopeRequirement),
    /// An access token whose user signed in within this time (RFC 9470).
    #[cfg(feature = "resource")]
    RecentToken(Duration),
    /// An access token whose user signed in at one of these levels (`acr`, RFC 9470).
    #[cfg(feature = "resource")]
    TokenAcr(Vec<String>),
    /// A [`Caller`](super::Caller) of any kind.
    Caller,
    /// A person signed in, or a token or an API key with these scopes.
    #[cfg(feature = "resource")]
    CallerWithScopes(ScopeRequirement),
    /// A method that changes nothing, or a page of this origin that sent the request.
    SameOrigin,
}

impl Guard {
    /// The same guard for an API: 401 (403 where only recency or a second factor is missing) instead of the way to the sign-in page.
    #[must_use]
    pub fn or_401(self) -> Self {
        match self {
            #[cfg(feature = "login")]
            Self::SignedIn(_) => Self::SignedIn(Otherwise::Unauthorized),
            #[cfg(feature = "login")]
            Self::RecentSignIn(recency, _) => Self::RecentSignIn(recency, Otherwise::Unauthorized),
            #[cfg(feature = "login")]
            Self::MultiFactor(_) => Self::MultiFactor(Otherwise::Unauthorized),
            #[cfg(feature = "login")]
            Self::Organization(_) => Self::Organization(Otherwise::Unauthorized),
            #[cfg(feature = "login")]
            Self::Role(role, _) => Self::Role(role, Otherwise::Unauthorized),
            #[cfg(feature = "login")]
            Self::Admin(_) => Self::Admin(Otherwise::Unauthorized),
            // These answer no browser that could be led anywhere.
            other => other,
        }
    }
}

/// What happens to a request without a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// To the sign-in page and back: for pages.
    #[default]
    SignIn,
    /// 401: for APIs.
    Unauthorized,
}

impl Auth {
    /// Lets a request pass or gives the answer that stops it. What was found out stays in the request's extensions,
    /// so that an extractor behind the guard asks no store again.
    ///
    /// # Errors
    /// The response to send instead: a redirect, 401, 403, 503, or 500 when the wing it needs is not set up.
    pub async fn admit(&self, parts: &mut Parts, guard: &Guard) -> Result<(), Box<Response>> {
        self.refuse_plain_http(parts)?;
        match guard {
            #[cfg(feature = "login")]
            Guard::SignedIn(otherwise) => self.admit_session(parts, None, *otherwise).await,
            #[cfg(feature = "login")]
            Guard::RecentSignIn(within, otherwise) => {
                let recency = match self.login() {
                    Ok(login) => within.unwrap_or_else(|| login.recency()),
                    Err(missing) => return Err(Box::new(self.not_set_up(parts, missing))),
                };
                self.admit_session(parts, Some(recency), *otherwise).await
            }
            #[cfg(feature = "login")]
            Guard::MultiFactor(otherwise) => self.admit_multi_factor(parts, *otherwise).await,
            #[cfg(feature = "resource")]
            Guard::Scopes(_) | Guard::RecentToken(_) | Guard::TokenAcr(_) => {
                self.admit_token(parts, guard).await
            }
            #[cfg(feature = "login")]
            Guard::Organization(otherwise) => {
                let has = |scope: &Scope| scope.organization.is_some();
                self.admit_scope(parts, *otherwise, has).await
            }
            #[cfg(feature = "login")]
            Guard::Role(role, otherwise) => {
                let has = |scope: &Scope| scope.role.as_ref() == Some(role);
                self.admit_scope(parts, *otherwise, has).await
            }
            #[cfg(feature = "login")]
            Guard::Admin(otherwise) => {
                self.admit_scope(parts, *otherwise, |scope| scope.admin)
                    .await
            }
            #[cfg(feature = "resource")]
            Guard::Caller => self.admit_caller(parts, None).await,
            #[cfg(not(feature = "resource"))]
            Guard::Caller => self.admit_caller(parts).await,
            #[cfg(feature = "resource")]
            Guard::CallerWithScopes(requirement) => {
                self.admit_caller(parts, Some(requirement)).await
            }
            Guard::SameOrigin => self.require_same_origin(parts),
        }
    }

    /// Who is signed in. Asked once per request: the answer stays in the request's extensions.
    ///
    /// # Errors
    /// 503 when the store cannot answer (never "nobody"), 500 when login is not set up.
    #[cfg(feature = "login")]
    pub async fn signed_in(
        &self,
        parts: &mut Parts,
    ) -> Result<Option<Arc<SignedIn>>, Box<Response>> {
        #[derive(Clone)]
        struct Known(Option<Arc<SignedIn>>);
        if let Some(Known(known)) = parts.extensions.get::<Known>() {
            return Ok(known.clone());
        }
        self.refuse_plain_http(parts)?;
        let login = match self.login() {
            Ok(login) => login,
            Err(missing) => return Err(Box::new(self.not_set_up(parts, missing))),
        };
        match login.session(&parts.headers).await {
            Ok(found) => {
                let found = found.map(Arc::new);
                parts.extensions.insert(Known(found.clone()));
                Ok(found)
            }
            Err(problem) => Err(Box::new(self.problem(parts, side_of(parts), &problem))),
        }
    }

    /// The access token of a request, verified. Asked once per request.
    ///
    /// # Errors
    /// The response RFC 6750 asks for, or 500 when the resource wing is not set up.
    #[cfg(feature = "resource")]
    pub async fn access_token(&self, parts: &mut Parts) -> Result<AccessToken, Box<Response>> {
        self.verified_token(parts)
            .await?
            .map_err(|refused| Box::new(self.refuse_token(&refused)))
    }

    /// The access token of a request that may come without: `None` then. One that is there must be good.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token).
    #[cfg(feature = "resource")]
    pub async fn optional_access_token(
        &self,
        parts: &mut Parts,
    ) -> Result<Option<AccessToken>, Box<Response>> {
        match self.verified_token(parts).await? {
            Ok(token) => Ok(Some(token)),
            Err(refused) if *refused.refusal() == Refusal::MissingToken => Ok(None),
            Err(refused) => Err(Box::new(self.refuse_token(&refused))),
        }
    }

    /// Lets a token pass that is good, and good enough for what the guard asks of it.
    #[cfg(feature = "resource")]
    async fn admit_token(&self, parts: &mut Parts, guard: &Guard) -> Result<(), Box<Response>> {
        let token = self.access_token(parts).await?;
        let resource = match self.resource() {
            Ok(resource) => resource,
            Err(missing) => return Err(Box::new(self.not_set_up(parts, missing))),
        };
        let met = match guard {
            Guard::Scopes(requirement) => resource.require_scope(&token, requirement).await,
            Guard::RecentToken(within) => resource.require_recent(&token, *within).await,
            Guard::TokenAcr(values) => {
                let values: Vec<_> = values.iter().map(String::as_str).collect();
                resource.require_acr(&token, &values).await
            }
            _ => Ok(()),
        };
        met.map_err(|refused| Box::new(self.refuse_token(&refused)))
    }

    #[cfg(feature = "resource")]
    async fn verified_token(
        &self,
        parts: &mut Parts,
    ) -> Result<Result<AccessToken, TokenRefused>, Box<Response>> {
        if let Some(known) = parts.extensions.get::<AccessToken>() {
            return Ok(Ok(known.clone()));
        }
        self.refuse_plain_http(parts)?;
        let resource = match self.resource() {
            Ok(resource) => resource,
            Err(missing) => return Err(Box::new(self.not_set_up(parts, missing))),
        };
        let verified = if resource.goes_by_cookie(&parts.headers) {
            self.require_same_origin(parts)?;
            resource.cookie_token(&parts.headers).await
        } else {
            resource.access_token(&parts.headers).await
        };
        if let Ok(token) = &verified {
            parts.extensions.insert(token.clone());
        }
        Ok(verified)
    }

    /// The signed-in user with what the host's loader adds. The loader is asked once per request: its answer stays in
    /// the request's extensions.
    ///
    /// # Errors
    /// The loader's failure, as a response.
    #[cfg(feature = "login")]
    pub async fn scope(
        &self,
        parts: &mut Parts,
        signed_in: &SignedIn,
    ) -> Result<Scope, Box<Response>> {
        #[derive(Clone)]
        struct Known(Scope);
        if let Some(Known(known)) = parts.extensions.get::<Known>()
            && known.session.id == signed_in.session.id
        {
            return Ok(known.clone());
        }
        let login = match self.login() {
            Ok(login) => login,
            Err(missing) => return Err(Box::new(self.not_set_up(parts, missing))),
        };
        match login.scope(signed_in).await {
            Ok(scope) => {
                parts.extensions.insert(Known(scope.clone()));
                Ok(scope)
            }
            Err(problem) => Err(Box::new(self.problem(parts, side_of(parts), &problem))),
        }
    }

    /// The 401 for a handler that wants a session and was reached without a guard.
    #[cfg(feature = "login")]
    pub fn unauthenticated(&self, parts: &Parts) -> Response {
        self.problem(parts, side_of(parts), &Problem::unauthenticated())
    }

    #[cfg(feature = "login")]
    async fn admit_session(
        &self,
        parts: &mut Parts,
        recency: Option<Duration>,
        otherwise: Otherwise,
    ) -> Result<(), Box<Response>> {
        let now = self.inner.core.clock.now();
        let found = self.signed_in(parts).await?;
        let recent = |signed_in: &SignedIn| {
            recency.is_none_or(|within| now.since(signed_in.session.auth_time) <= within)
        };
        let stale = match &found {
            Some(signed_in) if recent(signed_in) => return Ok(()),
            found => found.is_some(),
        };
        let response = match otherwise {
            Otherwise::SignIn => self.to_sign_in(parts, stale),
            Otherwise::Unauthorized if stale => {
                let problem = Problem::new(
                    StatusCode::FORBIDDEN,
                    "recent_sign_in_required",
                    "Confirm that it is you by signing in again.",
                );
                self.problem(parts, side_of(parts), &problem)
            }
            Otherwise::Unauthorized => self.unauthenticated(parts),
        };
        Err(Box::new(response))
    }

    /// Nobody signed in is asked to sign in; somebody who is, for a second factor.
    #[cfg(feature = "login")]
    async fn admit_multi_factor(
        &self,
        parts: &mut Parts,
        otherwise: Otherwise,
    ) -> Result<(), Box<Response>> {
        let found = self.signed_in(parts).await?;
        let acr = found.as_ref().map(|found| found.session.acr.as_deref());
        if acr == Some(Some(MULTI_FACTOR_ACR)) {
            return Ok(());
        }
        Err(Box::new(match (otherwise, acr) {
            (Otherwise::SignIn, _) => {
                let page = if acr.is_some() { "/step-up" } else { "/login" };
                self.to_page(parts, page, ("factor", Some("second")))
            }
            (Otherwise::Unauthorized, None) => self.unauthenticated(parts),
            (Otherwise::Unauthorized, Some(_)) => {
                let problem = Problem::new(
                    StatusCode::FORBIDDEN,
                    "second_factor_required",
                    "Confirm that it is you with a second factor.",
                );
                self.problem(parts, side_of(parts), &problem)
            }
        }))
    }

    /// Nobody signed in is asked to sign in; somebody who lacks what the route wants is told so: to sign in again would
    /// not help.
    #[cfg(feature = "login")]
    async fn admit_scope(
        &self,
        parts: &mut Parts,
        otherwise: Otherwise,
        has: impl Fn(&Scope) -> bool + Send,
    ) -> Result<(), Box<Response>> {
        self.admit_session(parts, None, otherwise).await?;
        let Some(signed_in) = self.signed_in(parts).await? else {
            return Err(Box::new(self.unauthenticated(parts)));
        };
        if has(&self.scope(parts, &signed_in).await?) {
            return Ok(());
        }
        let problem = Problem::forbidden("Your account may not do this.");
        Err(Box::new(self.problem(parts, side_of(parts), &problem)))
    }

    #[cfg(feature = "login")]
    fn to_sign_in(&self, parts: &Parts, reauthenticate: bool) -> Response {
        let again = ("reauthenticate", reauthenticate.then_some("1"));
        self.to_page(parts, "/login", again)
    }

    // A form's address cannot be returned to; its user starts again at the root.
    #[cfg(feature = "login")]
    fn to_page(&self, parts: &Parts, page: &str, parameter: (&str, Option<&str>)) -> Response {
        let login = match self.login() {
            Ok(login) => login,
            Err(missing) => return self.not_set_up(parts, missing),
        };
        let path = parts
            .uri
            .path_and_query()
            .filter(|_| matches!(parts.method, Method::GET | Method::HEAD))
            .map_or("/", http::uri::PathAndQuery::as_str);
        let parameters = [("return_to", Some(path)), parameter];
        let mut response = see_other(&with_query(&login.path(page), &parameters));
        crate::web::finish_headers(
            response.headers_mut(),
            self.inner.core.base.is_loopback_http(),
        );
        response
    }

    #[cfg(feature = "resource")]
    pub(super) fn refuse_token(&self, refused: &TokenRefused) -> Response {
        let mut response = refused.respond();
        crate::web::finish_headers(
            response.headers_mut(),
            self.inner.core.base.is_loopback_http(),
        );
        response
    }

    /// A credential that came in clear is not looked at: a browser is shown the way, anything else refused. Only a trusted
    /// proxy's word counts.
    pub(super) fn refuse_plain_http(&self, parts: &Parts) -> Result<(), Box<Response>> {
        let core = &self.inner.core;
        if core.base.is_loopback_http() || !core.proxies.arrived_over_http(parts) {
            return Ok(());
        }
        let body = bytes::Bytes::new();
        let exchange = Exchange::new(parts, &body, core.clock.now(), &core.proxies, false);
        let mut response = self.inner.to_https(&exchange);
        crate::web::finish_headers(response.headers_mut(), false);
        Err(Box::new(response))
    }

    /// A set-up fault of the host's is a plain 500 that says what to add, in the log and in the answer: nobody's data
    /// is in it, and a developer sees it at the first request.
    pub(super) fn not_set_up(&self, parts: &Parts, missing: NotSetUp) -> Response {
        tracing::error!(%missing, "a route needs a part that is not set up");
        let problem = Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "not_set_up",
            missing.to_string(),
        );
        self.problem(parts, side_of(parts), &problem)
    }
}

/// Who the errors of a host's own route are for: a browser asks for HTML by name.
pub(super) fn side_of(parts: &Parts) -> Side {
    let accepts = parts.headers.get_all(http::header::ACCEPT).iter();
    let html = accepts
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|range| range.trim().starts_with("text/html"))
        });
    if html { Side::Page } else { Side::Api }
}
