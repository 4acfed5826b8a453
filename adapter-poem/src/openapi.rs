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
//! A route for either takes an enum of both that derives `poem_openapi::SecurityScheme`. `Option<User>` and the other
//! extractors work beside them, without a place in the document.

#[cfg(feature = "login")]
use auth_core::web::CookieName;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

#[cfg(feature = "resource")]
use crate::AccessToken;
#[cfg(feature = "login")]
use crate::User;

/// The signed-in user, by the session cookie; 401 without one.
#[cfg(feature = "login")]
#[derive(Clone, Debug)]
pub struct SessionAuth(pub User);

/// A verified access token, by the `Authorization` header; 401 without one. Its scopes are checked by
/// [`guard::scope`](crate::guard::scope), in a `transform` of the operation.
#[cfg(feature = "resource")]
#[derive(Clone, Debug)]
pub struct BearerAuth(pub AccessToken);

macro_rules! scheme {
    ($feature:literal, $name:ident($extractor:ty), $meta:expr) => {
        #[cfg(feature = $feature)]
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                registry.create_security_scheme(stringify!($name), $meta);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![stringify!($name)]
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                let found = <$extractor as FromRequest>::from_request(request, body).await;
                found.map(Self)
            }
        }
    };
}

scheme!(
    "login",
    SessionAuth(User),
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some("The session cookie of a person who signed in."),
        name: Some(CookieName::Session.secure_name()),
        key_in: Some("cookie"),
        ..blank()
    }
);
scheme!(
    "resource",
    BearerAuth(AccessToken),
    MetaSecurityScheme {
        ty: "http",
        description: Some("An access token."),
        scheme: Some("bearer"),
        ..blank()
    }
);

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
