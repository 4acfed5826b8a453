//! Extractors: each forwards to one function of the core. `T` refuses a request without it (401), `Option<T>` is `None`
//! and `Result<T, Rejection>` an `Err` then, and only then.
//!
//! actix-web's `Option<T>` takes every refusal for `None`. So what is not "nobody is signed in" or "there is no token" is
//! no refusal here: a store that is down (503), a token that is bad (401) or a wing that is not set up (500) ends the
//! request at once, and the handler never runs. [`WithAuth`](crate::WithAuth) makes that possible; without it extractors
//! refuse everything, so that it is found out before an outage does.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;
#[cfg(feature = "login")]
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError, web};
use auth_core::auth::Auth;
#[cfg(feature = "login")]
use auth_core::login::SignedIn;
use auth_core::web::Response as CoreResponse;
use http::request::Parts;
use tokio::sync::MutexGuard;

use crate::convert::{self, Head};
use crate::guard::{MISSING, missing};
use crate::routes::Answer;

/// Why an extractor refused: an answer ready to send.
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

impl ResponseError for Rejection {
    fn status_code(&self) -> actix_web::http::StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Some(response) => convert::respond((**response).clone()),
            None => missing(),
        }
    }
}

/// What an extractor asks the core with.
struct Visit {
    request: HttpRequest,
    auth: web::Data<Auth>,
    answer: Answer,
    head: Head,
}

impl Visit {
    fn of(request: HttpRequest) -> Result<Self, Rejection> {
        let auth = request.app_data::<web::Data<Auth>>().cloned();
        let answer = request.extensions().get::<Answer>().cloned();
        let (Some(auth), Some(answer)) = (auth, answer) else {
            tracing::error!("{MISSING}");
            return Err(Rejection(None));
        };
        let head = convert::head(&request);
        Ok(Self {
            request,
            auth,
            answer,
            head,
        })
    }

    /// Two extractors of one handler run at once: the second waits for what the first finds out.
    async fn parts(&self) -> MutexGuard<'_, Parts> {
        self.head.lock().await
    }

    /// What was asked for, or the end of the request.
    async fn or_end<T>(&self, found: Result<T, Box<CoreResponse>>) -> T {
        match found {
            Ok(found) => found,
            Err(response) => {
                let response = convert::respond(*response);
                let response = ServiceResponse::new(self.request.clone(), response);
                match self.answer.raise(response).await {}
            }
        }
    }
}

impl Visit {
    async fn caller(&self) -> Result<auth_core::auth::Caller, Rejection> {
        let mut parts = self.parts().await;
        let found = self.or_end(self.auth.caller(&mut parts).await).await;
        found.ok_or_else(|| Rejection(Some(Box::new(self.auth.no_caller(&parts)))))
    }

    async fn client_address(&self) -> Result<Option<IpAddr>, Rejection> {
        let parts = self.parts().await;
        if !self.auth.tells_clients_apart(&parts) {
            let response = convert::unknown_client();
            let response = ServiceResponse::new(self.request.clone(), response);
            match self.answer.raise(response).await {}
        }
        Ok(self.auth.client_address(&parts))
    }
}

#[cfg(feature = "login")]
impl Visit {
    async fn signed_in(&self) -> Result<Arc<SignedIn>, Rejection> {
        let mut parts = self.parts().await;
        let found = self.or_end(self.auth.signed_in(&mut parts).await).await;
        found.ok_or_else(|| Rejection(Some(Box::new(self.auth.unauthenticated(&parts)))))
    }

    async fn scope(&self) -> Result<auth_core::login::Scope, Rejection> {
        let found = self.signed_in().await?;
        let mut parts = self.parts().await;
        let scope = self.auth.scope(&mut parts, &found).await;
        Ok(self.or_end(scope).await)
    }
}

#[cfg(feature = "resource")]
impl Visit {
    async fn token(&self) -> Result<auth_core::resource::AccessToken, Rejection> {
        let mut parts = self.parts().await;
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
        impl FromRequest for $name {
            type Error = Rejection;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                Box::pin(async move { Visit::of(request)?.$ask().await.map(Self) })
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
