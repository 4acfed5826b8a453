//! The core's routes in an actix-web app.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpMessage as _, HttpRequest, Resource, Scope};
use auth_core::auth::Auth;
use auth_core::web::{Interrupt, Route};

use crate::convert;

/// The routes of `auth`, at their full paths, for `App::configure`.
///
/// Prefer [`WithAuth::with_auth`], which also gives guards and extractors what they need.
pub fn routes(auth: &Auth) -> impl FnOnce(&mut ServiceConfig) + use<> {
    routes_under(auth, "")
}

/// The routes that lie under `mount`, without it: for `web::scope("/id").configure(routes_under(&auth, "/id"))`, where
/// the base URL is `https://app.example.com/id`. The others are [`routes_outside`].
///
/// Prefer [`WithAuthUnder::with_auth_under`], which also gives guards and extractors what they need.
pub fn routes_under(auth: &Auth, mount: &str) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (auth, mount) = (auth.clone(), mount.to_owned());
    move |config| {
        let mut found = false;
        for route in auth.routes() {
            if let Some(path) = route.path_under(&mount) {
                config.service(resource(&auth, route, path));
                found = true;
            }
        }
        if !found {
            let base = auth.issuer();
            tracing::error!(mount, base, "no route of Auth lies under this mount");
        }
        config.app_data(web::Data::new(auth));
    }
}

/// The routes that do not lie under `mount`, for the app itself: of a provider at `/id` that is
/// `/.well-known/oauth-authorization-server/id` (RFC 8414 §3.1).
pub fn routes_outside(auth: &Auth, mount: &str) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (auth, mount) = (auth.clone(), mount.to_owned());
    move |config| {
        let outside = auth.routes();
        for route in outside.filter(|route| route.path_under(&mount).is_none()) {
            config.service(resource(&auth, route, &route.path));
        }
    }
}

fn resource(auth: &Auth, route: &Route, path: &str) -> Resource {
    let (auth, side) = (auth.clone(), route.side);
    let handler = move |request: HttpRequest, payload: web::Payload| {
        convert::handle(auth.clone(), side, request, payload)
    };
    // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
    web::resource(path).route(web::route().to(handler))
}

/// Adds `Auth` to an app.
pub trait WithAuth {
    /// Adds the routes of `auth`, makes it known to guards and extractors, and lets an extractor answer a request in
    /// place of its handler when the store is down: `Option<User>` would take that for "nobody" otherwise. Call it last,
    /// and after guards around the whole app. actix-web takes the first of two routes at one path: a host's own at one
    /// of the product's, added before, stands in its place.
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

/// Adds `Auth` to a scope.
pub trait WithAuthUnder {
    /// As [`WithAuth::with_auth`], for a scope that is mounted at `mount`, where the base URL is
    /// `https://app.example.com/id`: `App::new().service(web::scope("/id").….with_auth_under(&auth, "/id"))`, and beside
    /// it `.configure(routes_outside(&auth, "/id"))`.
    fn with_auth_under(
        self,
        auth: &Auth,
        mount: &str,
    ) -> Scope<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        > + use<Self>,
    >;
}

impl<T, B> WithAuthUnder for Scope<T>
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
    fn with_auth_under(
        self,
        auth: &Auth,
        mount: &str,
    ) -> Scope<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        > + use<T, B>,
    > {
        self.configure(routes_under(auth, mount))
            .wrap(from_fn(watch::<B>))
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
