//! Extractors: each forwards to one function of the core.

use std::ops::Deref;
use std::sync::Arc;

use auth_core::auth::Auth;
use auth_core::login::SignedIn;
use http::StatusCode;
use poem::{Error, FromRequest, Request, RequestBody, Result};

use crate::convert;

/// The signed-in user. `User` answers 401 without one, `Option<User>` goes on.
#[derive(Clone, Debug)]
pub struct User(Arc<SignedIn>);

impl Deref for User {
    type Target = auth_core::store::User;

    fn deref(&self) -> &Self::Target {
        &self.0.user
    }
}

const MISSING: &str = "adapter-poem: this route does not know Auth. Call `.with_auth(&auth)` on the Route after its last `at`.";

impl<'a> FromRequest<'a> for User {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = request
            .data::<Auth>()
            .ok_or_else(|| Error::from_string(MISSING, StatusCode::INTERNAL_SERVER_ERROR))?;
        let mut parts = convert::parts(request);
        match auth.signed_in(&mut parts).await {
            Ok(Some(found)) => Ok(Self(found)),
            Ok(None) => Err(Error::from_response(convert::respond(
                auth.unauthenticated(&parts),
            ))),
            Err(response) => Err(Error::from_response(convert::respond(*response))),
        }
    }
}
