//! One request in, one response out.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use tracing::Instrument as _;

use super::table::Endpoint;
use super::{Auth, Inner};
use crate::web::{
    BODY_LIMIT, Exchange, Problem, Response, Route, Side, asset, empty, finish_headers, preflight,
    see_other, with_cors,
};

impl Auth {
    /// Answers a request. Never fails: whatever arrives has an answer of the protocol or a page.
    ///
    /// The request's URI must be the full path as the browser asked for it; [`ClientAddr`](crate::web::ClientAddr) in its
    /// extensions is the peer's address. Adapters see to both.
    pub async fn handle(&self, request: Request<Bytes>) -> Response {
        let (mut parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        if is_head {
            parts.method = Method::GET;
        }
        let span = tracing::info_span!(
            "auth",
            method = %parts.method,
            path = parts.uri.path(),
            status = tracing::field::Empty
        );
        let mut response = self
            .inner
            .answer(&parts, &body)
            .instrument(span.clone())
            .await;
        span.record("status", response.status().as_u16());
        if is_head {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Bytes::new();
        }
        response
    }
}

impl Inner {
    async fn answer(&self, parts: &Parts, body: &Bytes) -> Response {
        let core = &*self.core;
        let loopback = core.base.is_loopback_http();
        let mut exchange = Exchange::new(parts, body, core.clock.now(), &core.proxies, loopback);
        let mut response = match self.admit(&exchange) {
            Ok((route, endpoint)) => {
                let response = self.dispatch(*endpoint, &mut exchange).await;
                if route.side == Side::OpenApi {
                    with_cors(response)
                } else {
                    response
                }
            }
            Err(refusal) => *refusal,
        };
        let headers = response.headers_mut();
        exchange.cookies.follow_session(&parts.headers);
        exchange.cookies.apply(headers);
        finish_headers(headers, loopback);
        response
    }

    // What is judged before any endpoint sees the request.
    fn admit(&self, exchange: &Exchange<'_>) -> Result<&(Route, Endpoint), Box<Response>> {
        let core = &*self.core;
        let parts = exchange.parts;
        if !core.base.is_loopback_http() && core.proxies.arrived_over_http(parts) {
            return Err(Box::new(self.to_https(exchange)));
        }
        let Some(entry) = self.table.find(parts.uri.path()) else {
            let problem = Problem::not_found();
            return Err(Box::new(core.problem(exchange, Side::Page, &problem)));
        };
        let route = &entry.0;
        if !route.methods.contains(&parts.method) {
            return Err(Box::new(self.wrong_method(exchange, route)));
        }
        if parts.method == Method::OPTIONS {
            return Err(Box::new(preflight(&route.allow())));
        }
        if exchange.body.len() > BODY_LIMIT {
            let problem = Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body is larger than {BODY_LIMIT} bytes."),
            );
            return Err(Box::new(core.problem(exchange, route.side, &problem)));
        }
        Ok(entry)
    }

    fn wrong_method(&self, exchange: &Exchange<'_>, route: &Route) -> Response {
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("This address answers {} only.", route.allow()),
        );
        let mut response = self.core.problem(exchange, route.side, &problem);
        if let Ok(allow) = HeaderValue::from_str(&route.allow()) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }

    // A browser that came by http is shown the way; anything that carries data is refused, as it was sent in clear.
    pub(super) fn to_https(&self, exchange: &Exchange<'_>) -> Response {
        let core = &*self.core;
        if exchange.parts.method == Method::GET {
            let path = exchange.parts.uri.path_and_query();
            let path = path.map_or("/", http::uri::PathAndQuery::as_str);
            return see_other(&format!("{}{path}", core.base.origin()));
        }
        core.problem(
            exchange,
            Side::Page,
            &Problem::forbidden("This address must be reached over https."),
        )
    }

    #[cfg_attr(
        not(any(feature = "login", feature = "provider")),
        expect(
            clippy::unused_async,
            unused_variables,
            reason = "only the wings' endpoints wait and read the request"
        )
    )]
    async fn dispatch(&self, endpoint: Endpoint, exchange: &mut Exchange<'_>) -> Response {
        match endpoint {
            Endpoint::Asset(index) => match self.core.pages.assets().get(index) {
                Some(file) => asset(file.content_type, file.bytes),
                None => empty(StatusCode::NOT_FOUND),
            },
            #[cfg(feature = "login")]
            Endpoint::DevelopmentMail | Endpoint::DevelopmentMailHtml => {
                self.development_mail(endpoint, exchange)
            }
            #[cfg(feature = "login")]
            Endpoint::Login(endpoint) => match &self.login {
                Some(login) => login.handle(endpoint, exchange).await,
                None => empty(StatusCode::NOT_FOUND),
            },
            #[cfg(feature = "provider")]
            Endpoint::Provider(endpoint) => match &self.provider {
                Some(provider) => provider.handle(endpoint, exchange).await,
                None => empty(StatusCode::NOT_FOUND),
            },
        }
    }
}
