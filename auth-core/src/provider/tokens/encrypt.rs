//! What is encrypted to a client with a key of its own (OpenID Connect Core §10.2, OpenID Connect Registration §2).

use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::Value;

use crate::ground::Timestamp;
use crate::ground::jose::JwkSet;
use crate::ground::jose::jwe::{ContentEncryption, EncryptionKey, KeyManagement};
use crate::provider::ProviderWing;
use crate::provider::client::ClientMetadata as _;
use crate::provider::code::internal;
use crate::provider::error::OAuthError;
use crate::store::Client;

/// What a client may ask to have encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum EncryptedResponse {
    /// `id_token_encrypted_response_alg`.
    IdToken,
    /// `userinfo_encrypted_response_alg`.
    UserInfo,
}

/// Why an answer cannot be encrypted: a closed list, none of it the client's text.
type Reason = &'static str;

impl EncryptedResponse {
    /// The members that name `alg` and `enc`.
    const fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::IdToken => (
                "id_token_encrypted_response_alg",
                "id_token_encrypted_response_enc",
            ),
            Self::UserInfo => (
                "userinfo_encrypted_response_alg",
                "userinfo_encrypted_response_enc",
            ),
        }
    }

    /// What the client registered; `None` if it wants no encryption. Validated at registration; a host's registry may
    /// still say anything, and what it says is never taken for a wish for plain text.
    fn wanted(self, client: &Client) -> Result<Option<(KeyManagement, ContentEncryption)>, Reason> {
        let member = |name| client.metadata.get(name).filter(|value| !value.is_null());
        let (alg, enc) = self.members();
        let encryption = match member(enc) {
            // OpenID Connect Registration §2.
            None => ContentEncryption::A128CbcHs256,
            Some(name) => (name.as_str().and_then(ContentEncryption::parse))
                .ok_or("the client registered an unknown content encryption")?,
        };
        match (member(alg), member(enc)) {
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err("the client registered a content encryption without an algorithm")
            }
            (Some(name), _) => (name.as_str().and_then(KeyManagement::parse))
                .map(|algorithm| Some((algorithm, encryption)))
                .ok_or("the client registered an unknown encryption algorithm"),
        }
    }
}

impl ProviderWing {
    /// Encrypts an answer if the client registered that it wants it so; `None` if it did not.
    ///
    /// # Errors
    /// `invalid_request` when the client wants it and has no key for it: it is the client that has to change, and each
    /// of the endpoints concerned may say so (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1). Never the answer in plain
    /// text.
    pub(in crate::provider) async fn encrypt_to(
        &self,
        client: &Client,
        response: EncryptedResponse,
        cty: Option<&str>,
        plaintext: &[u8],
        now: Timestamp,
    ) -> Result<Option<String>, OAuthError> {
        let refused = |reason: Reason| {
            tracing::warn!(client = %client.client_id, reason, "an answer could not be encrypted to its client");
            let (alg, _) = response.members();
            OAuthError::invalid_request(format!("{alg}: {reason}"))
        };
        let Some((algorithm, encryption)) = response.wanted(client).map_err(refused)? else {
            return Ok(None);
        };
        let keys = self.encryption_keys(client, algorithm, now).await;
        let keys = keys.map_err(refused)?;
        let key = EncryptionKey::choose(&keys, algorithm)
            .map_err(|_| refused("the client has no key for this algorithm"))?;
        key.encrypt_compact(encryption, cty, plaintext, &*self.core.random)
            .map(Some)
            .map_err(internal)
    }

    /// The keys in the client's `jwks`, or at its `jwks_uri`.
    async fn encryption_keys(
        &self,
        client: &Client,
        algorithm: KeyManagement,
        now: Timestamp,
    ) -> Result<Arc<JwkSet>, Reason> {
        if let Some(jwks) = client
            .metadata
            .get("jwks")
            .filter(|jwks| **jwks != Value::Null)
        {
            let set = JwkSet::deserialize(jwks).map_err(|_| "the client's jwks cannot be read")?;
            return Ok(Arc::new(set));
        }
        let uri = client.text("jwks_uri").ok_or("the client has no keys")?;
        let fits = |set: &JwkSet| EncryptionKey::choose(set, algorithm).is_ok();
        self.client_keys.set_of(uri, fits, now).await
    }
}
