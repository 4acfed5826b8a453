//! Subjects as clients know them: the account's own, or pairwise ones (OpenID Connect Core §8).
//!
//! Records of ours keep the account's own subject. Whatever shows one to a client, or takes one from it, goes through
//! here.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use url::Url;

use super::client::ClientMetadata as _;
use super::code::internal;
use super::error::OAuthError;
use super::{ProviderError, ProviderWing};
use crate::ground::{Digest32, base64url};
use crate::store::{Client, Grant};

/// The key of pairwise subjects, read from the store when the first client with such subjects comes.
#[derive(Default)]
pub(super) struct PairwiseKey(OnceCell<Arc<hmac::Key>>);

/// How accounts are called before one client.
#[derive(Clone)]
pub(in crate::provider) enum SubjectView {
    /// `subject_type` is `public`, the default.
    Public,
    /// `pairwise`: another one for every sector (§8.1).
    Pairwise { key: Arc<hmac::Key>, sector: String },
}

impl SubjectView {
    /// The subject as the client knows it.
    ///
    /// Pairwise, it is a keyed digest of sector and subject: never reversible without the key, and different for every
    /// sector (§8.1 "MUST NOT be reversible by any party other than the OpenID Provider").
    pub(in crate::provider) fn of<'s>(&self, subject: &'s str) -> Cow<'s, str> {
        match self {
            Self::Public => Cow::Borrowed(subject),
            Self::Pairwise { key, sector } => {
                // Preceded by their lengths: no two pairs are the same text.
                let pair = Digest32::of_parts(&[sector.as_bytes(), subject.as_bytes()]);
                Cow::Owned(base64url(hmac::sign(key, pair.as_bytes()).as_ref()))
            }
        }
    }
}

/// The sector identifier (§8.1): the host of `sector_identifier_uri`, or the only one of the redirect URIs. `None` where
/// there is none or more than one.
pub(in crate::provider) fn sector_of(metadata: &Map<String, Value>) -> Option<String> {
    let host = |uri: &str| Some(Url::parse(uri).ok()?.host_str()?.to_owned());
    if let Some(uri) = metadata.get("sector_identifier_uri") {
        return host(uri.as_str()?);
    }
    let uris = metadata.get("redirect_uris")?.as_array()?;
    let hosts: Option<BTreeSet<String>> = uris.iter().map(|uri| host(uri.as_str()?)).collect();
    let mut hosts = hosts?.into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

impl ProviderWing {
    /// The subject of an account as a client knows it: what its tokens say, and what it may say back.
    ///
    /// # Errors
    /// The store's, or a fault of ours; never the account's own subject in place of a pairwise one.
    pub async fn subject_for(&self, client: &Client, subject: &str) -> Result<String, OAuthError> {
        Ok(self.subject_view(client).await?.of(subject).into_owned())
    }

    /// How accounts are called before a client.
    pub(in crate::provider) async fn subject_view(
        &self,
        client: &Client,
    ) -> Result<SubjectView, OAuthError> {
        if client.text("subject_type") != Some("pairwise") {
            return Ok(SubjectView::Public);
        }
        // Checked at registration; a host's registry may still say anything.
        let sector = sector_of(&client.metadata).ok_or_else(|| {
            tracing::error!(client = %client.client_id, "a pairwise client has no one sector");
            OAuthError::server_error("the server failed; the cause is in its log")
        })?;
        let key = self.pairwise.0.get_or_try_init(|| self.read_pairwise_key());
        let key = Arc::clone(key.await?);
        Ok(SubjectView::Pairwise { key, sector })
    }

    /// Whether a client knows a grant's account by this name.
    pub(in crate::provider) async fn is_known_as(
        &self,
        grant: &Grant,
        name: &str,
    ) -> Result<bool, OAuthError> {
        if grant.subject == name {
            return Ok(true);
        }
        match self.find_client(&grant.client_id).await? {
            Some(client) => Ok(self.subject_for(&client, &grant.subject).await? == name),
            None => Ok(false),
        }
    }

    /// A grant's account as the grant's client knows it, whoever asks.
    pub(in crate::provider) async fn subject_of_grant(
        &self,
        grant: &Grant,
    ) -> Result<String, OAuthError> {
        let client = self.find_client(&grant.client_id).await?;
        let client = client.ok_or_else(|| OAuthError::invalid_grant("the client is gone"))?;
        self.subject_for(&client, &grant.subject).await
    }

    async fn read_pairwise_key(&self) -> Result<Arc<hmac::Key>, OAuthError> {
        let salt = self.keys.pairwise_salt(self.core.clock.now()).await;
        let salt = salt.map_err(|error| match error {
            ProviderError::Store(error) => error.into(),
            other => internal(other),
        })?;
        Ok(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &salt)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sector(metadata: &Value) -> Option<String> {
        sector_of(metadata.as_object().expect("object"))
    }

    #[test]
    fn a_sector_is_one_host() {
        let one = json!({ "redirect_uris": ["https://RP.example/a", "https://rp.example:444/b"] });
        assert_eq!(sector(&one).as_deref(), Some("rp.example"));
        let named = json!({
            "redirect_uris": ["https://a.example/", "https://b.example/"],
            "sector_identifier_uri": "https://s.example:8443/list.json",
        });
        assert_eq!(sector(&named).as_deref(), Some("s.example"));
        for none in [
            json!({}),
            json!({ "redirect_uris": [] }),
            json!({ "redirect_uris": ["https://a.example/", "https://b.example/"] }),
            json!({ "redirect_uris": ["https://a.example/", "com.example.app:/cb"] }),
            json!({ "redirect_uris": ["https://a.example/", 7] }),
            json!({ "redirect_uris": ["https://a.example/"], "sector_identifier_uri": 7 }),
        ] {
            assert_eq!(sector(&none), None, "{none}");
        }
    }

    #[test]
    fn pairwise_subjects_differ_by_sector_subject_and_key() {
        let view = |key: u8, sector: &str| SubjectView::Pairwise {
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &[key; 32])),
            sector: sector.to_owned(),
        };
        let first = view(1, "a.example").of("alice").into_owned();
        assert_eq!(first.len(), 43);
        assert_eq!(view(1, "a.example").of("alice"), first);
        for other in [
            view(1, "b.example").of("alice"),
            view(1, "a.example").of("bob"),
            view(2, "a.example").of("alice"),
            view(1, "a.examplea").of("lice"),
        ] {
            assert_ne!(other, first);
        }
        assert_eq!(SubjectView::Public.of("alice"), "alice");
    }
}
