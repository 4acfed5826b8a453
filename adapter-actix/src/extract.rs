//! Extractors: each forwards to one function of the core.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use auth_core::auth::Auth;
use auth_core::login::SignedIn;
use auth_core::web::Response as CoreResponse;

use crate::convert;

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

const MISSING: &str =
    "adapter-actix: this app does not know Auth. Add `.configure(adapter_actix::routes(&auth))`.";

impl ResponseError for Rejection {
    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Some(response) => convert::respond((**response).clone(), false),
            None => HttpResponse::InternalServerError().body(MISSING),
        }
    }
}

/// The signed-in user. `User` answers 401 without one, `Option<User>` goes on.
#[derive(Clone, Debug)]
pub struct User(Arc<SignedIn>);

impl Deref for User {
    type Target = auth_core::store::User;

    fn deref(&self) -> &Self::Target {
        &self.0.user
    }
}

impl FromRequest for User {
    type Error = Rejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let auth = request
                .app_data::<web::Data<Auth>>()
                .ok_or(Rejection(None))?;
            let mut parts = convert::parts(&request).ok_or(Rejection(None))?;
            match auth.signed_in(&mut parts).await {
                Ok(Some(found)) => Ok(Self(found)),
                Ok(None) => Err(Rejection(Some(Box::new(auth.unauthenticated(&parts))))),
                Err(response) => Err(Rejection(Some(response))),
            }
        })
    }
}
