//! The core's routes in a poem app.

use auth_core::auth::Auth;
use poem::endpoint::make;
use poem::middleware::AddDataEndpoint;
use poem::{EndpointExt as _, Request, Route};

use crate::convert;

/// Adds `Auth` to a poem route.
pub trait WithAuth {
    /// Adds exactly the routes of `auth`, at their full paths, and makes it known to extractors: call it last.
    fn with_auth(self, auth: &Auth) -> AddDataEndpoint<Route, Auth>;
}

impl WithAuth for Route {
    fn with_auth(self, auth: &Auth) -> AddDataEndpoint<Route, Auth> {
        let app = auth.routes().fold(self, |app, route| {
            let auth = auth.clone();
            let endpoint = make(move |request: Request| {
                let auth = auth.clone();
                async move { convert::handle(&auth, request).await }
            });
            app.at(&route.path, endpoint)
        });
        app.data(auth.clone())
    }
}
