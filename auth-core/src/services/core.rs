//! What every endpoint has at hand.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

#[cfg(feature = "login")]
use super::mail::Mails;
use super::pages::{PageName, Pages, add_codes};
use super::{Event, EventRecord, EventSink, Throttles};
use crate::ground::{Clock, KeyRing, Random, Timestamp};
use crate::store::Stores;
use crate::web::{
    BaseUrl, Exchange, FormTokens, PagePolicy, Problem, Response, Side, TrustedProxies, html,
    json as json_response, language, page_headers, wants_json,
};

/// The services both wings work with, made once by the builder.
pub struct Core {
    /// Base URL and issuer.
    pub base: BaseUrl,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Sealing and keyed digests.
    pub keys: KeyRing,
    /// Storage.
    pub stores: Stores,
    /// Templates.
    pub pages: Pages,
    /// Anti-forgery tokens.
    pub forms: FormTokens,
    /// Attempt counters.
    pub throttles: Throttles,
    /// Takes orders for mails.
    #[cfg(feature = "login")]
    pub mails: Mails,
    /// Where events go, each to all of them.
    pub sinks: Vec<Arc<dyn EventSink>>,
    /// Proxies whose forwarded headers count.
    pub proxies: TrustedProxies,
}

impl Core {
    /// Draws a page: HTML, or the same context as JSON for a client that prefers it.
    pub fn page(
        &self,
        exchange: &Exchange<'_>,
        status: StatusCode,
        name: PageName,
        mut context: Value,
        policy: PagePolicy,
    ) -> Response {
        if wants_json(exchange.headers()) {
            add_codes(&mut context);
            return json_response(
                status,
                &json!({ "page": name.as_str(), "context": context }),
            );
        }
        match self.pages.render(name, self.locale(exchange), context) {
            Ok(text) => {
                let mut response = html(status, text);
                page_headers(response.headers_mut(), policy);
                response
            }
            Err(error) => {
                // A host's template can fail on data its author did not think of; the person still gets an answer.
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    page = name.as_str(),
                    "a page could not be drawn"
                );
                json_response(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &Problem::internal().to_json(),
                )
            }
        }
    }

    /// The language to answer in, of those there are messages for: by `ui_locales`, then by `Accept-Language`.
    pub fn locale(&self, exchange: &Exchange<'_>) -> &'static str {
        let query = exchange.query().unwrap_or_default();
        self.locale_of(query.get("ui_locales"), exchange.headers())
    }

    /// As [`locale`](Self::locale), where there is no exchange of ours.
    pub fn locale_of(&self, ui_locales: Option<&str>, headers: &http::HeaderMap) -> &'static str {
        // English first: it is what a reader of none of the others gets.
        let others = self.pages.locales().filter(|tag| *tag != "en");
        let locales: Vec<_> = std::iter::once("en").chain(others).collect();
        language(&locales, ui_locales, headers)
    }

    /// Answers with a problem: a page or problem details, as the route's side says.
    pub fn problem(&self, exchange: &Exchange<'_>, side: Side, problem: &Problem) -> Response {
        let mut response = if side == Side::Page && !wants_json(exchange.headers()) {
            let context = json!({
                "status": problem.status.as_u16(),
                "title": problem.title(),
                "message": problem.detail,
                "reference": null,
                "home_url": self.base.path("/"),
                "retry_after": problem.retry_after,
            });
            let policy = PagePolicy::default();
            self.page(exchange, problem.status, PageName::Error, context, policy)
        } else {
            let mut response = json_response(problem.status, &problem.to_json());
            response.headers_mut().insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
            response
        };
        if let Some(seconds) = problem.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// A token for one form; see [`FormTokens::issue`].
    pub fn form_token(&self, exchange: &mut Exchange<'_>, purpose: &str) -> String {
        self.forms.issue(exchange, &*self.random, purpose)
    }

    /// Hands an event to every sink.
    pub async fn emit(&self, at: Timestamp, address: Option<IpAddr>, event: Event) {
        let record = EventRecord { at, address, event };
        for sink in &self.sinks {
            sink.receive(&record).await;
        }
    }
}
