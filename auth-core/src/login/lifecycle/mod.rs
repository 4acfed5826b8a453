//! The end of an account, and what its owner may take along.

mod deletion;
mod ending;
mod export;
mod hooks;

pub(super) use hooks::Hooks;
pub use hooks::{HookError, LifecycleHooks};

use http::Method;

use super::LoginWing;
use crate::web::{Exchange, Problem, Response, Side};

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Delete,
    CancelDeletion,
    Export,
}

impl Endpoint {
    pub(super) const fn side(self) -> Side {
        match self {
            Self::Delete | Self::CancelDeletion | Self::Export => Side::Page,
        }
    }
}

impl LoginWing {
    pub(super) fn lifecycle_routes(&self) -> Vec<(&'static str, &'static [Method], Endpoint)> {
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        let mut routes = vec![("/account/export", POST, Endpoint::Export)];
        if self.settings.lifecycle.deletion.is_some() {
            routes.push(("/account/delete", BOTH, Endpoint::Delete));
            routes.push(("/account/delete/cancel", POST, Endpoint::CancelDeletion));
        }
        routes
    }

    pub(super) async fn handle_lifecycle(
        &self,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let acts = exchange.parts.method == Method::POST;
        match (endpoint, acts) {
            (Endpoint::Delete, false) => self.delete_page(exchange).await,
            (Endpoint::Delete, true) => self.delete_account(exchange).await,
            (Endpoint::CancelDeletion, _) => self.cancel_own_deletion(exchange).await,
            (Endpoint::Export, _) => self.export_account(exchange).await,
        }
    }
}
