//! From an issuer to its keys (`OpenID Connect` Discovery §4, RFC 8414 §3).

use url::{Position, Url};

use super::metadata::Metadata;
use super::remote::Published;
use crate::ground::jose::{JoseError, JwkSet};
use crate::services::outbound::{Outbound, OutboundError};

/// Where one issuer's metadata may lie.
pub(crate) struct Discovery {
    issuer: String,
    named: NamedIssuer,
    documents: [String; 2],
    /// Where the keys lie, for an issuer without metadata.
    #[cfg(feature = "workos")]
    key_set: Option<String>,
    outbound: Outbound,
}

/// Which issuer the metadata has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedIssuer {
    /// The one it was asked for (RFC 8414 §3.3).
    Exact,
    /// One that differs in a single segment of the path, which may be a template (Microsoft's tenants).
    #[cfg_attr(
        not(feature = "federation"),
        expect(
            dead_code,
            reason = "a resource server names its issuers to the letter"
        )
    )]
    Tenant,
}

/// Why the keys could not be had. Safe to log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the {document} could not be fetched")]
    Outbound {
        document: &'static str,
        #[source]
        source: OutboundError,
    },
    #[error("the metadata is not a JSON object with issuer and jwks_uri")]
    Metadata,
    #[error("the metadata names another issuer")]
    Issuer,
    #[error("the key set cannot be used")]
    Keys(#[source] JoseError),
    #[error("fetching took too long")]
    Timeout,
}

impl Discovery {
    /// `url` is the issuer, parsed.
    pub(crate) fn new(issuer: &str, url: &Url, named: NamedIssuer, outbound: Outbound) -> Self {
        let origin = &url[..Position::BeforePath];
        let path = url.path().trim_end_matches('/');
        Self {
            issuer: issuer.to_owned(),
            named,
            documents: [
                format!("{origin}{path}/.well-known/openid-configuration"),
                format!("{origin}/.well-known/oauth-authorization-server{path}"),
            ],
            #[cfg(feature = "workos")]
            key_set: None,
            outbound,
        }
    }

    /// An issuer that publishes no metadata, only keys, at a place that is known.
    #[cfg(feature = "workos")]
    pub(crate) fn of_key_set(issuer: &str, jwks_uri: String, outbound: Outbound) -> Self {
        Self {
            issuer: issuer.to_owned(),
            named: NamedIssuer::Exact,
            documents: [String::new(), String::new()],
            key_set: Some(jwks_uri),
            outbound,
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Reads the metadata, then the keys.
    pub(super) async fn fetch(&self) -> Result<Published, FetchError> {
        let metadata = self.metadata().await?;
        // Else one issuer's metadata could bring its keys under another's name.
        let fits = match self.named {
            NamedIssuer::Exact => metadata.issuer == self.issuer,
            NamedIssuer::Tenant => differ_in_one_segment(&metadata.issuer, &self.issuer),
        };
        if !fits {
            return Err(FetchError::Issuer);
        }
        let fetched = self.outbound.get_json_bytes(&metadata.jwks_uri).await;
        let json = fetched.map_err(|source| FetchError::Outbound {
            document: "key set",
            source,
        })?;
        let set = JwkSet::parse(&json).map_err(FetchError::Keys)?;
        Ok(Published::new(metadata, set))
    }

    /// The first place is tried first; the second if nothing lies there.
    async fn metadata(&self) -> Result<Metadata, FetchError> {
        #[cfg(feature = "workos")]
        if let Some(jwks_uri) = &self.key_set {
            return Ok(Metadata::of_keys(&self.issuer, jwks_uri));
        }
        let [openid, oauth] = &self.documents;
        let fetched = match self.outbound.get_json_bytes(openid).await {
            Err(OutboundError::Status(_) | OutboundError::ContentType) => {
                self.outbound.get_json_bytes(oauth).await
            }
            fetched => fetched,
        };
        let json = fetched.map_err(|source| FetchError::Outbound {
            document: "metadata",
            source,
        })?;
        serde_json::from_slice(&json).map_err(|_| FetchError::Metadata)
    }
}

/// Whether two issuers are the same but for one segment of the path at most.
fn differ_in_one_segment(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (one.split('/'), other.split('/'));
    // Scheme, nothing, authority.
    for _ in 0..3 {
        if ones.next() != others.next() {
            return false;
        }
    }
    let (ones, others): (Vec<_>, Vec<_>) = (ones.collect(), others.collect());
    let differing = ones.iter().zip(&others).filter(|(one, other)| one != other);
    ones.len() == others.len() && differing.count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::outbound::OutboundPolicy;

    #[test]
    fn the_places_of_metadata() {
        let outbound = Outbound::new(OutboundPolicy::default()).unwrap();
        for (issuer, openid, oauth) in [
            (
                "https://i.test",
                "https://i.test/.well-known/openid-configuration",
                "https://i.test/.well-known/oauth-authorization-server",
            ),
            (
                "https://i.test:8443/a/b/",
                "https://i.test:8443/a/b/.well-known/openid-configuration",
                "https://i.test:8443/.well-known/oauth-authorization-server/a/b",
            ),
        ] {
            let url = Url::parse(issuer).unwrap();
            let discovery = Discovery::new(issuer, &url, NamedIssuer::Exact, outbound.clone());
            assert_eq!(discovery.documents, [openid, oauth]);
        }
    }
    #[test]
    fn tenants_differ_in_one_segment() {
        let common = "https://login.test/common/v2.0";
        for (named, fits) in [
            (common, true),
            ("https://login.test/{tenantid}/v2.0", true),
            ("https://login.test/9188040d/v2.0", true),
            ("https://login.test/{tenantid}/v1.0", false),
            ("https://login.test/a/b/v2.0", false),
            ("https://login.test/v2.0", false),
            ("https://evil.test/common/v2.0", false),
            ("http://login.test/common/v2.0", false),
            ("https://login.test:8443/common/v2.0", false),
            ("", false),
        ] {
            assert_eq!(differ_in_one_segment(named, common), fits, "{named}");
        }
    }
}
