//! The core's routes in an actix-web app.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpMessage as _, HttpRequest};
use auth_core::auth::Auth;
use auth_core::web::Interrupt;

use crate::convert;

/// The routes of `auth`, at their full paths, for `App::configure`; guards know `auth` then too.
///
/// Prefer [`WithAuth::with_auth`], which also gives extractors what they need.
pub fn routes(auth: &Auth) -> impl FnOnce(&mut ServiceConfig) + use<> {
    routes_under(auth, "")
}

/// The routes that lie under `mount`, without it: for `web::scope("/id").configure(routes_under(&auth, "/id"))`, where
/// the base URL is `https://app.example.com/id`. A provider's documents below `/.well-known` lie at the root and are not
/// among them.
pub fn routes_under(auth: &Auth, mount: &str) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (auth, mount) = (auth.clone(), mount.to_owned());
    move |config| {
        for route in auth.routes() {
            let Some(path) = route.path_under(&mount) else {
                continue;
            };
            let (auth, side) = (auth.clone(), route.side);
            let handler = move |request: HttpRequest, payload: web::Payload| {
                convert::handle(auth.clone(), side, request, payload)
            };
            // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
            config.service(web::resource(path).route(web::route().to(handler)));
        }
        config.app_data(web::Data::new(auth));
    }
}

/// Adds `Auth` to an app.
pub trait WithAuth {
    /// Adds the routes of `auth`, makes it known to guards and extractors, and lets an extractor answer a request in
    /// place of its handler when the store is down: `Option<User>` would take that for "nobody" otherwise.
    fn with_auth(
        self,
        auth: &Auth,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        > + use<Self>,
    >;
}

impl<T, B> WithAuth for App<T>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    fn with_auth(
        self,
        auth: &Auth,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        > + use<T, B>,
    > {
        self.configure(routes(auth)).wrap(from_fn(watch::<B>))
    }
}

/// What an extractor answers in place of the handler.
pub(crate) type Answer = Interrupt<ServiceResponse>;

async fn watch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = Answer::default();
    request.extensions_mut().insert(answer.clone());
    match answer.watch(next.call(request)).await {
        Ok(response) => Ok(response?.map_into_boxed_body()),
        Err(response) => Ok(response),
    }
}
