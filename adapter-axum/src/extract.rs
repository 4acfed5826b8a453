//! Extractors: each forwards to one function of the core. `T` refuses a request without it (401), `Option<T>` does not;
//! both say 503 when the store cannot answer.

use std::net::IpAddr;
use std::ops::Deref;
#[cfg(feature = "login")]
use std::sync::Arc;

use auth_core::auth::Auth;
#[cfg(feature = "login")]
use auth_core::login::SignedIn;
use auth_core::web::Response as CoreResponse;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::request::Parts;

use crate::convert;
use crate::guard::missing;

/// Why an extractor refused: an answer ready to send.
#[derive(Debug)]
pub struct Rejection(Refused);

#[derive(Debug)]
enum Refused {
    Answer(Box<CoreResponse>),
    WithoutAuth,
    UnknownClient,
}

fn refused(response: Box<CoreResponse>) -> Rejection {
    Rejection(Refused::Answer(response))
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self.0 {
            Refused::Answer(response) => convert::respond(*response),
            Refused::WithoutAuth => missing(),
            Refused::UnknownClient => convert::unknown_client(),
        }
    }
}

/// One question to the core about a request, which is then as it was.
struct Visit<'p> {
    auth: Auth,
    parts: &'p mut Parts,
    routed: Uri,
}

impl<'p> Visit<'p> {
    fn of(parts: &'p mut Parts) -> Result<Self, Rejection> {
        let auth = parts.extensions.get::<Auth>().cloned();
        let auth = auth.ok_or(Rejection(Refused::WithoutAuth))?;
        let routed = convert::enter(parts);
        Ok(Self {
            auth,
            parts,
            routed,
        })
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        std::mem::swap(&mut self.parts.uri, &mut self.routed);
    }
}

impl Visit<'_> {
    async fn caller(&mut self) -> Result<Option<Caller>, Rejection> {
        let found = self.auth.caller(self.parts).await;
        found.map(|caller| caller.map(Caller)).map_err(refused)
    }

    async fn required_caller(&mut self) -> Result<Caller, Rejection> {
        let found = self.caller().await?;
        found.ok_or_else(|| refused(Box::new(self.auth.no_caller(self.parts))))
    }

    fn client_address(&self) -> Result<ClientAddress, Rejection> {
        if !self.auth.tells_clients_apart(self.parts) {
            return Err(Rejection(Refused::UnknownClient));
        }
        Ok(ClientAddress(self.auth.client_address(self.parts)))
    }
}

#[cfg(feature = "login")]
impl Visit<'_> {
    async fn signed_in(&mut self) -> Result<Option<Arc<SignedIn>>, Rejection> {
        let found = self.auth.signed_in(self.parts).await;
        found.map_err(refused)
    }

    async fn required(&mut self) -> Result<Arc<SignedIn>, Rejection> {
        let found = self.signed_in().await?;
        found.ok_or_else(|| refused(Box::new(self.auth.unauthenticated(self.parts))))
    }

    async fn scope(&mut self, found: &SignedIn) -> Result<Scope, Rejection> {
        let scope = self.auth.scope(self.parts, found).await;
        scope.map(Scope).map_err(refused)
    }
}

#[cfg(feature = "resource")]
impl Visit<'_> {
    async fn token(&mut self) -> Result<AccessToken, Rejection> {
        let token = self.auth.access_token(self.parts).await;
        token.map(AccessToken).map_err(refused)
    }

    async fn optional_token(&mut self) -> Result<Option<AccessToken>, Rejection> {
        let token = self.auth.optional_access_token(self.parts).await;
        token.map(|token| token.map(AccessToken)).map_err(refused)
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
    ($(#[$cfg:meta])? $name:ident, $visit:ident, required: $required:expr, optional: $optional:expr) => {
        $(#[$cfg])?
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Rejection;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
                let mut $visit = Visit::of(parts)?;
                $required
            }
        }

        $(#[$cfg])?
        impl<S: Send + Sync> OptionalFromRequestParts<S> for $name {
            type Rejection = Rejection;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, Rejection> {
                let mut $visit = Visit::of(parts)?;
                $optional
            }
        }
    };
}

extractor!(#[cfg(feature = "login")] User, visit,
    required: visit.required().await.map(User),
    optional: Ok(visit.signed_in().await?.map(User)));

extractor!(#[cfg(feature = "login")] Session, visit,
    required: visit.required().await.map(Session),
    optional: Ok(visit.signed_in().await?.map(Session)));

extractor!(#[cfg(feature = "login")] Scope, visit,
required: {
    let found = visit.required().await?;
    visit.scope(&found).await
},
optional: match visit.signed_in().await? {
    Some(found) => visit.scope(&found).await.map(Some),
    None => Ok(None),
});

extractor!(#[cfg(feature = "resource")] AccessToken, visit,
    required: visit.token().await,
    optional: visit.optional_token().await);

extractor!(Caller, visit,
    required: visit.required_caller().await,
    optional: visit.caller().await);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Visit::of(parts)?.client_address()
    }
}
