//! Addresses of a client beyond its redirect URIs: where browsers are sent, what is fetched, what is told.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use super::super::redirect_uri;
use super::reader::Reader;
use super::{MOST_URIS, Offer, invalid};
use crate::provider::error::OAuthError;
use crate::provider::subject::sector_of;

/// The longest of `request_uris` (OpenID Connect Core §6.2: "SHOULD NOT exceed 512 ASCII characters").
const LONGEST_REQUEST_URI: usize = 512;

pub(super) fn check(reader: &Reader<'_>, offer: &Offer<'_>) -> Result<(), OAuthError> {
    check_subjects(reader, offer)?;
    check_logout(reader)?;
    if let Some(uri) = reader.text("initiate_login_uri")? {
        // OpenID Connect Registration §2: "MUST use the https scheme".
        redirect_uri::check_https(uri, false)
            .map_err(|problem| invalid("initiate_login_uri", problem))?;
    }
    let member = "request_uris";
    let uris = reader.texts(member)?.unwrap_or_default();
    if uris.len() > MOST_URIS {
        return Err(invalid(member, "has too many addresses"));
    }
    for uri in uris {
        if uri.len() > LONGEST_REQUEST_URI {
            return Err(invalid(member, "has an address that is too long"));
        }
        // §2: the fragment is the document's hash.
        let document = uri.split('#').next().unwrap_or_default();
        redirect_uri::check_https(document, offer.loopback)
            .map_err(|problem| invalid(member, problem))?;
    }
    Ok(())
}

/// OpenID Connect Core §8.1: pairwise subjects need one sector.
fn check_subjects(reader: &Reader<'_>, offer: &Offer<'_>) -> Result<(), OAuthError> {
    reader.one_of("subject_type", &["public", "pairwise"])?;
    if let Some(uri) = reader.text("sector_identifier_uri")? {
        redirect_uri::check_https(uri, offer.loopback)
            .map_err(|problem| invalid("sector_identifier_uri", problem))?;
    }
    if reader.text("subject_type")? == Some("pairwise") && sector_of(reader.0).is_none() {
        return Err(invalid(
            "subject_type",
            "pairwise needs one host in redirect_uris, or sector_identifier_uri",
        ));
    }
    Ok(())
}

fn check_logout(reader: &Reader<'_>) -> Result<(), OAuthError> {
    reader.flag("backchannel_logout_session_required")?;
    reader.flag("frontchannel_logout_session_required")?;
    let member = "backchannel_logout_uri";
    if let Some(uri) = reader.text(member)? {
        // Back-Channel Logout §2.2: absolute, with a query perhaps, never a fragment. Whether anything is sent to
        // loopback is the outbound policy's to say, as for `jwks_uri`.
        redirect_uri::check_https(uri, true).map_err(|problem| invalid(member, problem))?;
    }
    let member = "frontchannel_logout_uri";
    if let Some(uri) = reader.text(member)? {
        redirect_uri::check_https(uri, true).map_err(|problem| invalid(member, problem))?;
        // Front-Channel Logout §2: "The domain, port, and scheme of this URL MUST be the same as that of a registered
        // Redirection URI value."
        let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
        let own = reader.texts("redirect_uris")?.unwrap_or_default();
        if !own.into_iter().any(|own| origin(own) == origin(uri)) {
            return Err(invalid(
                member,
                "must have scheme, host and port of one of redirect_uris",
            ));
        }
    }
    Ok(())
}

/// Addresses that must all stand in the document at `sector_identifier_uri`, where there is one.
pub(in crate::provider::registry) fn claimed(
    metadata: &Map<String, Value>,
) -> Option<(&str, BTreeSet<&str>)> {
    let reader = Reader(metadata);
    let uri = reader.text("sector_identifier_uri").ok()??;
    let uris = reader.texts("redirect_uris").ok().flatten();
    Some((uri, uris.unwrap_or_default().into_iter().collect()))
}
