//! The endpoints beside those of every other provider.

use http::Method;

use crate::login::LoginWing;
use crate::web::{Exchange, Problem, Response, Side};

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Refresh,
    Webhook,
}

impl Endpoint {
    pub(in crate::login) const fn side(self) -> Side {
        match self {
            Self::Refresh => Side::Page,
            Self::Webhook => Side::Api,
        }
    }
}

impl LoginWing {
    pub(in crate::login) fn hosted_routes(
        &self,
    ) -> Vec<(&'static str, &'static [Method], Endpoint)> {
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        let Some(hosted) = &self.hosted else {
            return Vec::new();
        };
        let mut routes = vec![("/hosted/refresh", BOTH, Endpoint::Refresh)];
        if hosted.settings.webhook_secret.is_some() {
            routes.push(("/hosted/webhook", POST, Endpoint::Webhook));
        }
        routes
    }

    pub(in crate::login) async fn handle_hosted(
        &self,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let acts = exchange.parts.method == Method::POST;
        match (endpoint, acts) {
            (Endpoint::Refresh, false) => self.hosted_refresh_page(exchange).await,
            (Endpoint::Refresh, true) => self.hosted_refresh(exchange).await,
            (Endpoint::Webhook, _) => self.hosted_webhook(exchange).await,
        }
    }
}
