//! A client reads, replaces and removes its own registration (RFC 7592).

use http::StatusCode;
use serde_json::{Map, Value};

use super::answer::Information;
use super::refused::Refused;
use super::{Reviewed, read_metadata};
use crate::ground::{Digest32, Timestamp};
use crate::provider::ProviderWing;
use crate::provider::authorize::plain_client_id;
use crate::provider::error::OAuthError;
use crate::provider::registry::{ByItself, ClientUpdate, SecretCheck};
use crate::provider::userinfo::bearer_header;
use crate::store::Client;
use crate::web::{Exchange, Response, no_content};

/// RFC 7592 §2.2: a replacement "MUST NOT include" these.
const NOT_IN_REPLACEMENTS: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

/// A client that has shown its registration access token. Only the check makes one.
struct Managed {
    client: Client,
    by_itself: ByItself,
    token: String,
}

impl ProviderWing {
    /// RFC 7592 §2.1.
    pub(super) async fn read_registration(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Response, Refused> {
        let managed = self.managed_client(exchange).await?;
        let information = Information {
            client: &managed.client,
            client_secret: None,
            registration_access_token: &managed.token,
        };
        Ok(self.respond_with_information(StatusCode::OK, &information))
    }

    /// RFC 7592 §2.2: what is not given is as if it had never been. The registration access token stays: a client that
    /// lost the answer with a new one could never come back.
    pub(super) async fn replace_registration(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Response, Refused> {
        let managed = self.managed_client(exchange).await?;
        // Each may make this server fetch a document.
        self.count_registration(exchange).await?;
        let metadata = read_metadata(exchange)?;
        self.check_replacement(&metadata, &managed.client, exchange.now)?;
        let open = managed.by_itself.open;
        let Reviewed {
            metadata,
            first_party,
        } = self
            .review(exchange, metadata, open, Some(&managed.client))
            .await?;
        let update = ClientUpdate::default()
            .metadata(metadata)
            .first_party(first_party)
            .by_itself();
        let updated = self
            .update_client(&managed.client.client_id, update)
            .await?;
        let information = Information {
            client: &updated.client,
            client_secret: updated.client_secret.as_ref().map(|secret| secret.as_str()),
            registration_access_token: &managed.token,
        };
        Ok(self.respond_with_information(StatusCode::OK, &information))
    }

    /// RFC 7592 §2.3.
    pub(super) async fn delete_registration(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Response, Refused> {
        let managed = self.managed_client(exchange).await?;
        if self.delete_client(&managed.client.client_id).await? {
            Ok(no_content())
        } else {
            Err(Refused::wrong_token())
        }
    }

    /// The client that the query names, when the token is its own. A wrong token, an unknown client, one of an
    /// operator's and a deleted one are one answer, and cost the same (threat 46).
    async fn managed_client(&self, exchange: &Exchange<'_>) -> Result<Managed, Refused> {
        let token = bearer_header(exchange)?.ok_or(Refused::NoToken)?;
        let query = exchange.query().map_err(OAuthError::from)?;
        query.refuse_repeated(&[]).map_err(OAuthError::from)?;
        let id = query.get("client_id").and_then(plain_client_id);
        let client = match id {
            Some(id) => self.core.stores.clients.client(&id).await?,
            None => None,
        };
        let presented = Digest32::of(&token);
        let nobody = ByItself {
            digest: Digest32::from_bytes([0; 32]),
            open: true,
        };
        let by_itself = client.as_ref().and_then(ByItself::of).unwrap_or(nobody);
        let fits = presented == by_itself.digest;
        match client {
            Some(client) if fits && client.disabled_at.is_some() => {
                // §2.1: "If the client does not have permission".
                Err(OAuthError::access_denied("the client is disabled").into())
            }
            Some(client) if fits => Ok(Managed {
                client,
                by_itself,
                token,
            }),
            _ => Err(Refused::wrong_token()),
        }
    }

    /// RFC 7592 §2.2: the id must be repeated, and a secret, where it is, be the one in use: no client chooses its own.
    fn check_replacement(
        &self,
        metadata: &Map<String, Value>,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        let fail = |problem: String| Err(OAuthError::invalid_client_metadata(problem));
        let given = |name: &&&str| metadata.contains_key(**name);
        if let Some(member) = NOT_IN_REPLACEMENTS.iter().find(given) {
            return fail(format!("{member} must not be given"));
        }
        if metadata.get("client_id").and_then(Value::as_str) != Some(client.client_id.as_str()) {
            return fail("client_id must be the one of this client".to_owned());
        }
        let fits = match metadata.get("client_secret") {
            None => true,
            Some(Value::String(secret)) => {
                self.check_secret(Some(client), secret, now) != SecretCheck::Wrong
            }
            Some(_) => false,
        };
        if fits {
            Ok(())
        } else {
            fail("client_secret must be the one of this client".to_owned())
        }
    }
}
