//! The key set of one client at WorkOS, kept as every other issuer's is.

use std::sync::Arc;
use std::time::Duration;

use super::WorkOs;
use crate::services::issuer::{Discovery, RemoteIssuer};
use crate::services::outbound::Outbound;

/// Keys are fetched again after this time; sooner when a token names one that is not among them.
const KEYS_AGE: Duration = Duration::from_mins(10);

pub(super) fn key_set(settings: &WorkOs, outbound: Outbound) -> Arc<RemoteIssuer> {
    let jwks_uri = workos::jwks_url(&settings.base_url, &settings.client_id);
    let discovery = Discovery::of_key_set(&settings.base_url, jwks_uri, outbound);
    Arc::new(RemoteIssuer::new(discovery, KEYS_AGE))
}
