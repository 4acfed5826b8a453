//! Extractors: each forwards to one function of the core. `T` refuses a request without it (401), `Option<T>` is `None`
//! and `Result<T>` an `Err` then, and only then.
//!
//! poem's `Option<T>` takes every refusal for `None`. So what is not "nobody is signed in" or "there is no token" is no
//! refusal here: a store that is down (503), a token that is bad (401) or a wing that is not set up (500) ends the
//! request at once, and the handler never runs. [`WithAuth`](crate::WithAuth) makes that possible; without it extractors
//! refuse everything, so that it is found out before an outage does.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
#[cfg(feature = "login")]
use std::sync::Arc;

#[cfg(feature = "login")]
use auth_core::login::SignedIn;
use auth_core::web::Response as CoreResponse;
use http::StatusCode;
use poem::error::ResponseError;
use poem::{FromRequest, Request, RequestBody, Response, Result};

use crate::convert;
use crate::guard::{MISSING, missing};
use crate::routes::Visit;

/// Why an extractor refused: an answer ready to send, which `catch_error` may replace.
#[derive(Debug)]
pub struct Rejection(Option<Box<CoreResponse>>);

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(response) => write!(f, "refused with status {}", response.status()),
            None => f.write_str(MISSING),
        }
    }
}

impl std::error::Error for Rejection {}

#[cfg(feature = "openapi")]
impl Rejection {
    /// There is a caller, and another kind of one was asked for.
    pub(crate) async fn no_caller(request: &Request) -> Self {
        match visit(request) {
            Ok(visit) => Self(Some(Box::new(
                visit.auth.no_caller(&*visit.parts(request).await),
            ))),
            Err(missing) => missing,
        }
    }
}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        match &self.0 {
            Some(response) => response.status(),
            None => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        match &self.0 {
            Some(response) => convert::respond((**response).clone()),
            None => missing(),
        }
    }
}

fn visit(request: &Request) -> Result<&Visit, Rejection> {
    request.data::<Visit>().ok_or_else(|| {
        tracing::error!("{MISSING}");
        Rejection(None)
    })
}

impl Visit {
    /// What was asked for, or the end of the request.
    async fn or_end<T>(&self, found: Result<T, Box<CoreResponse>>) -> T {
        match found {
            Ok(found) => found,
            Err(response) => match self.answer.raise(convert::respond(*response)).await {},
        }
    }
}

impl Visit {
    async fn caller(&self, request: &Request) -> Result<auth_core::auth::Caller, Rejection> {
        let mut parts = self.parts(request).await;
        let found = self.or_end(self.auth.caller(&mut parts).await).await;
        found.ok_or_else(|| Rejection(Some(Box::new(self.auth.no_caller(&parts)))))
    }

    async fn client_address(&self, request: &Request) -> Result<Option<IpAddr>, Rejection> {
        let parts = self.parts(request).await;
        if !self.auth.tells_clients_apart(&parts) {
            match self.answer.raise(convert::unknown_client()).await {}
        }
        Ok(self.auth.client_address(&parts))
    }
}

#[cfg(feature = "login")]
impl Visit {
    async fn signed_in(&self, request: &Request) -> Result<Arc<SignedIn>, Rejection> {
        let mut parts = self.parts(request).await;
        let found = self.or_end(self.auth.signed_in(&mut parts).await).await;
        found.ok_or_else(|| Rejection(Some(Box::new(self.auth.unauthenticated(&parts)))))
    }

    async fn scope(&self, request: &Request) -> Result<auth_core::login::Scope, Rejection> {
        let found = self.signed_in(request).await?;
        let mut parts = self.parts(request).await;
        let scope = self.auth.scope(&mut parts, &found).await;
        Ok(self.or_end(scope).await)
    }
}

#[cfg(feature = "resource")]
impl Visit {
    async fn token(
        &self,
        request: &Request,
    ) -> Result<auth_core::resource::AccessToken, Rejection> {
        let mut parts = self.parts(request).await;
        let token = self.auth.optional_access_token(&mut parts).await;
        if let Some(token) = self.or_end(token).await {
            return Ok(token);
        }
        // Asked again as one that must be there, for the answer that says so.
        let token = self.auth.access_token(&mut parts).await;
        token.map_err(|response| Rejection(Some(response)))
    }
}

/// The signed-in user.
#[cfg(feature = "login")]
#[derive(Clone, Debug)]
pub struct User(Arc<SignedIn>);

#[cfg(feature = "login")]
impl Deref for User {
    type Target = auth_core::store::User;

    fn deref(&self) -> &Self::Target {
        &self.0.user
    }
}

/// The session of the request.
#[cfg(feature = "login")]
#[derive(Clone, Debug)]
pub struct Session(Arc<SignedIn>);

#[cfg(feature = "login")]
impl Deref for Session {
    type Target = auth_core::store::Session;

    fn deref(&self) -> &Self::Target {
        &self.0.session
    }
}

/// Everything known about who is signed in, the host's own data included.
#[cfg(feature = "login")]
#[derive(Clone, Debug)]
pub struct Scope(pub auth_core::login::Scope);

#[cfg(feature = "login")]
impl Deref for Scope {
    type Target = auth_core::login::Scope;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A verified access token.
#[cfg(feature = "resource")]
#[derive(Clone, Debug)]
pub struct AccessToken(pub auth_core::resource::AccessToken);

#[cfg(feature = "resource")]
impl Deref for AccessToken {
    type Target = auth_core::resource::AccessToken;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Whoever calls: a person by session, a client by access token, a script by API key.
#[derive(Clone, Debug)]
pub struct Caller(pub auth_core::auth::Caller);

impl Deref for Caller {
    type Target = auth_core::auth::Caller;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The client's address behind the trusted proxies: for a sign-in of the host's own. `None` only where
/// [peers have none](crate::AuthBuilder::peers_without_address); where it was forgotten, a 500 says what to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

macro_rules! extractor {
    ($(#[$cfg:meta])? $name:ident, $ask:ident) => {
        $(#[$cfg])?
        impl<'a> FromRequest<'a> for $name {
            async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
                Ok(Self(visit(request)?.$ask(request).await?))
            }
        }
    };
}

extractor!(
    #[cfg(feature = "login")]
    User,
    signed_in
);
extractor!(
    #[cfg(feature = "login")]
    Session,
    signed_in
);
extractor!(
    #[cfg(feature = "login")]
    Scope,
    scope
);
extractor!(
    #[cfg(feature = "resource")]
    AccessToken,
    token
);
extractor!(Caller, caller);
extractor!(ClientAddress, client_address);
