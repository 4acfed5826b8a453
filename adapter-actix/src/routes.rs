//! The core's routes in an actix-web app.

use actix_web::web::{self, ServiceConfig};
use auth_core::auth::Auth;

use crate::convert;

/// Registers exactly the routes of `auth`, at their full paths, and makes it known to extractors:
/// `App::new().configure(routes(&auth))`.
pub fn routes(auth: &Auth) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let auth = auth.clone();
    move |config| {
        for route in auth.routes() {
            // Every method goes to the core, so that 405 and its `Allow` are the same in every framework.
            config
                .service(web::resource(route.path.clone()).route(web::route().to(convert::handle)));
        }
        config.app_data(web::Data::new(auth));
    }
}
