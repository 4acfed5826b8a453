//! Extractors: each forwards to one function of the core. `T` refuses a request without it (401), `Option<T>` does not;
//! both say 503 when the store cannot answer.

use std::ops::Deref;
#[cfg(feature = "login")]
use std::sync::Arc;

use auth_core::auth::Auth;
#[cfg(feature = "login")]
use auth_core::login::SignedIn;
use auth_core::web::Response as CoreResponse;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::convert;
use crate::guard::MISSING;

/// Why an extractor refused: an answer ready to send.
#[derive(Debug)]
pub struct Rejection(Option<Box<CoreResponse>>);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self.0 {
            Some(response) => convert::respond(*response),
            None => convert::plain(StatusCode::INTERNAL_SERVER_ERROR, MISSING),
        }
    }
}

fn auth_of(parts: &mut Parts) -> Result<Auth, Rejection> {
    convert::note_client_addr(&mut parts.extensions);
    parts
        .extensions
        .get::<Auth>()
        .cloned()
        .ok_or(Rejection(None))
}

#[cfg(feature = "login")]
async fn signed_in(parts: &mut Parts) -> Result<Option<Arc<SignedIn>>, Rejection> {
    let auth = auth_of(parts)?;
    auth.signed_in(parts)
        .await
        .map_err(|response| Rejection(Some(response)))
}

#[cfg(feature = "login")]
async fn required(parts: &mut Parts) -> Result<Arc<SignedIn>, Rejection> {
    if let Some(found) = signed_in(parts).await? {
        return Ok(found);
    }
    let response = auth_of(parts)?.unauthenticated(parts);
    Err(Rejection(Some(Box::new(response))))
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

#[cfg(feature = "login")]
async fn scope_of(parts: &mut Parts, found: &SignedIn) -> Result<Scope, Rejection> {
    let auth = auth_of(parts)?;
    auth.scope(parts, found)
        .await
        .map(Scope)
        .map_err(|response| Rejection(Some(response)))
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

macro_rules! extractor {
    ($feature:literal, $name:ident, $parts:ident, required: $required:expr, optional: $optional:expr) => {
        #[cfg(feature = $feature)]
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Rejection;

            async fn from_request_parts($parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
                $required
            }
        }

        #[cfg(feature = $feature)]
        impl<S: Send + Sync> OptionalFromRequestParts<S> for $name {
            type Rejection = Rejection;

            async fn from_request_parts(
                $parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, Rejection> {
                $optional
            }
        }
    };
}

extractor!("login", User, parts,
    required: required(parts).await.map(User),
    optional: Ok(signed_in(parts).await?.map(User)));

extractor!("login", Session, parts,
    required: required(parts).await.map(Session),
    optional: Ok(signed_in(parts).await?.map(Session)));

extractor!("login", Scope, parts,
required: {
    let found = required(parts).await?;
    scope_of(parts, &found).await
},
optional: match signed_in(parts).await? {
    Some(found) => scope_of(parts, &found).await.map(Some),
    None => Ok(None),
});

extractor!("resource", AccessToken, parts,
required: {
    let auth = auth_of(parts)?;
    let token = auth.access_token(parts).await;
    token.map(AccessToken).map_err(|response| Rejection(Some(response)))
},
optional: {
    let auth = auth_of(parts)?;
    let token = auth.optional_access_token(parts).await;
    token
        .map(|token| token.map(AccessToken))
        .map_err(|response| Rejection(Some(response)))
});
