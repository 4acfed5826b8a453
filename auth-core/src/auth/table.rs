//! The route table: static paths, looked up once per request.

use std::collections::HashMap;

use crate::web::Route;

/// What a route leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint {
    /// A static file of the pages, by index.
    Asset(usize),
    #[cfg(feature = "login")]
    DevelopmentMail,
    #[cfg(feature = "login")]
    DevelopmentMailHtml,
    #[cfg(feature = "login")]
    Login(crate::login::Endpoint),
    #[cfg(feature = "provider")]
    Provider(crate::provider::Endpoint),
}

/// Routes by path.
#[derive(Default)]
pub(super) struct Table {
    entries: HashMap<String, (Route, Endpoint)>,
}

impl Table {
    /// Adds a route; the path when it is taken already.
    pub(super) fn add(&mut self, route: Route, endpoint: Endpoint) -> Result<(), String> {
        let path = route.path.clone();
        match self.entries.insert(path, (route, endpoint)) {
            None => Ok(()),
            Some((route, _)) => Err(route.path),
        }
    }

    /// The route at a path.
    pub(super) fn find(&self, path: &str) -> Option<&(Route, Endpoint)> {
        self.entries.get(path)
    }

    /// All routes.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.entries.values().map(|(route, _)| route)
    }
}
