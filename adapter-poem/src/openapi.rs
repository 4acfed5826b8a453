//! Security schemes for `poem-openapi`: the extractors, with their place in the document.
//!
//! ```
//! # #[cfg(all(feature = "login", feature = "resource"))]
//! # mod example {
//! use adapter_poem::openapi::{BearerAuth, SessionAuth};
//! use poem_openapi::{OpenApi, payload::PlainText};
//!
//! struct Api;
//!
//! #[OpenApi]
//! impl Api {
//!     #[oai(path = "/me", method = "get")]
//!     async fn me(&self, SessionAuth(user): SessionAuth) -> PlainText<String> {
//!         PlainText(user.display_name().to_owned())
//!     }
//!
//!     #[oai(path = "/reports", method = "get")]
//!     async fn reports(&self, BearerAuth(token): BearerAuth) -> PlainText<String> {
//!         PlainText(token.subject().to_owned())
//!     }
//! }
//! # }
//! ```
//!
//! A route for either takes an enum of both that derives `poem_openapi::SecurityScheme`; one for somebody or nobody
//! [`MaybeSessionAuth`]. `Option<User>` and the other extractors work beside them, without a place in the document.

#[cfg(feature = "login")]
use auth_core::web::CookieName;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

#[cfg(feature = "login")]
use crate::User;
use crate::{AccessToken, Caller, Rejection, auth, resource};

/// The signed-in user, by the session cookie; 401 without one.
#[cfg(feature = "login")]
#[derive(Clone, Debug)]
pub struct SessionAuth(pub User);

/// As [`SessionAuth`], and `None` where nobody is signed in.
#[cfg(feature = "login")]
#[derive(Clone, Debug)]
pub struct MaybeSessionAuth(pub Option<User>);

/// A verified access token, by the `Authorization` header; 401 without one. Its scopes are checked by
/// [`guard::scope`](crate::guard::scope), in a `transform` of the operation.
#[derive(Clone, Debug)]
pub struct BearerAuth(pub AccessToken);

/// One of the host's [API keys](resource::ApiKeys), by the `X-API-Key` header (or as a bearer credential); 401 without.
#[derive(Clone, Debug)]
pub struct ApiKeyAuth(pub resource::ApiKey);

macro_rules! scheme {
    ($(#[$cfg:meta])? $type:ident as $name:literal, $find:expr, $meta:expr) => {
        $(#[$cfg])?
        impl<'a> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                registry.create_security_scheme($name, $meta);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![$name]
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                $find(request, body).await.map(Self)
            }
        }
    };
}

scheme!(
    #[cfg(feature = "login")]
    SessionAuth as "SessionAuth",
    <User as FromRequest>::from_request,
    session()
);
scheme!(
    #[cfg(feature = "login")]
    MaybeSessionAuth as "SessionAuth",
    <Option<User> as FromRequest>::from_request,
    session()
);
scheme!(
    BearerAuth as "BearerAuth",
    <AccessToken as FromRequest>::from_request,
    MetaSecurityScheme {
        ty: "http",
        description: Some("An access token."),
        scheme: Some("bearer"),
        ..blank()
    }
);
scheme!(
    ApiKeyAuth as "ApiKeyAuth",
    api_key,
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some("An API key."),
        name: Some("X-API-Key"),
        key_in: Some("header"),
        ..blank()
    }
);

#[cfg(feature = "login")]
fn session() -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some("The session cookie of a person who signed in."),
        name: Some(CookieName::Session.secure_name()),
        key_in: Some("cookie"),
        ..blank()
    }
}

async fn api_key(request: &Request, body: &mut RequestBody) -> Result<resource::ApiKey> {
    let Caller(caller) = <Caller as FromRequest>::from_request(request, body).await?;
    match caller {
        auth::Caller::ApiKey(key) => Ok(key),
        // A person or a token, where a key is asked for.
        _ => Err(Rejection::no_caller(request).await.into()),
    }
}

fn blank() -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "",
        description: None,
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}
