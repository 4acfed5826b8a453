//! The key set (RFC 7517 §5).

use std::time::Duration;

use super::ProviderWing;
use crate::web::{Exchange, Response, conditional_json};

/// No client caches the set longer than this.
const LONGEST_CACHED: Duration = Duration::from_hours(1);

impl ProviderWing {
    /// `GET /jwks`.
    pub(super) async fn jwks(&self, exchange: &mut Exchange<'_>) -> Response {
        let body = self.keys.jwks(exchange.now).await;
        // A key is published for `published_before` ahead of its first signature: a cached set must end well before.
        let max_age = (self.settings.key_rotation.published_before / 2).min(LONGEST_CACHED);
        let max_age = u32::try_from(max_age.as_secs()).unwrap_or(0);
        conditional_json(exchange.headers(), &body, max_age)
    }
}
