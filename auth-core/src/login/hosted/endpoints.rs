//! The endpoints beside those of every other provider.

use http::Method;
use serde_json::Value;

use super::NAME;
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

/// The same links, for a page where people register: AuthKit shows its own first.
pub(in crate::login) fn for_registration(mut links: Vec<Value>) -> Vec<Value> {
    for link in &mut links {
        if link["name"] == NAME
            && let Some(url) = link["url"].as_str()
        {
            let joint = if url.contains('?') { '&' } else { '?' };
            link["url"] = Value::from(format!("{url}{joint}screen_hint=sign-up"));
        }
    }
    links
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
