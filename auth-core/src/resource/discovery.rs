//! From an issuer to its keys (`OpenID Connect` Discovery §4, RFC 8414 §3).

use serde::Deserialize;
use url::{Position, Url};

use crate::ground::jose::{JoseError, JwkSet, VerificationKeys};
use crate::services::outbound::{Outbound, OutboundError};

/// Where one issuer's metadata may lie.
pub(super) struct Discovery {
    issuer: String,
    documents: [String; 2],
    outbound: Outbound,
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

/// What is read of the metadata.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Discovery {
    /// `url` is the issuer, parsed.
    pub(super) fn new(issuer: &str, url: &Url, outbound: Outbound) -> Self {
        let origin = &url[..Position::BeforePath];
        let path = url.path().trim_end_matches('/');
        Self {
            issuer: issuer.to_owned(),
            documents: [
                format!("{origin}{path}/.well-known/openid-configuration"),
                format!("{origin}/.well-known/oauth-authorization-server{path}"),
            ],
            outbound,
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Reads the metadata, then the keys.
    pub(super) async fn keys(&self) -> Result<VerificationKeys, FetchError> {
        let metadata = self.metadata().await?;
        // Exactly (RFC 8414 §3.3): else one issuer's metadata could bring its keys under another's name.
        if metadata.issuer != self.issuer {
            return Err(FetchError::Issuer);
        }
        let fetched = self.outbound.get_json_bytes(&metadata.jwks_uri).await;
        let json = fetched.map_err(|source| FetchError::Outbound {
            document: "key set",
            source,
        })?;
        let set = JwkSet::parse(&json).map_err(FetchError::Keys)?;
        Ok(VerificationKeys::from_set(&set))
    }

    /// The first place is tried first; the second if nothing lies there.
    async fn metadata(&self) -> Result<Metadata, FetchError> {
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
            let discovery = Discovery::new(issuer, &url, outbound.clone());
            assert_eq!(discovery.documents, [openid, oauth]);
        }
    }
}
