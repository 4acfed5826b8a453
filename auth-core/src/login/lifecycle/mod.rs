//! The end of an account, and what its owner may take along.

use http::Method;

use super::LoginWing;
use crate::web::{Exchange, Problem, Response, Side};

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {}

impl Endpoint {
    pub(super) const fn side(self) -> Side {
        match self {}
    }
}

impl LoginWing {
    #[expect(clippy::unused_self, reason = "no endpoint yet")]
    pub(super) fn lifecycle_routes(&self) -> Vec<(&'static str, &'static [Method], Endpoint)> {
        Vec::new()
    }

    #[expect(clippy::unused_async, reason = "no endpoint yet")]
    pub(super) async fn handle_lifecycle(
        &self,
        endpoint: Endpoint,
        _exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        match endpoint {}
    }
}
