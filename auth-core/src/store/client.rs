//! OAuth clients.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Backend, StoreResult, identifier};
use crate::ground::Timestamp;

identifier! {
    /// A `client_id` (RFC 6749 §2.2).
    ClientId
}

/// A client secret as it stands in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Keyed digest ([`KeyRing::mac`](crate::ground::KeyRing::mac)).
    pub mac: String,
    /// When it was set.
    pub created_at: Timestamp,
    /// End of its overlap with a newer secret; `None` while it is the newest.
    pub expires_at: Option<Timestamp>,
}

/// A registered client: its metadata as RFC 7591 §2 names it, its secrets and what the operator decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub client_id: ClientId,
    /// Metadata of RFC 7591 and OpenID Connect Registration, validated before it is stored. Kept as the object it is:
    /// members this version does not read survive.
    pub metadata: Map<String, Value>,
    /// Secrets, newest first. Empty for public clients and those that authenticate by key.
    pub secrets: Vec<ClientSecret>,
    /// The operator's own app: no consent is asked.
    pub first_party: bool,
    /// Set while the client may not be used.
    pub disabled_at: Option<Timestamp>,
    /// Registration.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Counts changes; guards against two operators overwriting each other.
    pub version: u32,
}

/// Answer of [`ClientStore::update_client`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientChange {
    /// Written.
    Updated,
    /// Another change came first, or the client is gone; nothing was written.
    Stale,
}

/// Clients.
#[async_trait]
pub trait ClientStore: Backend {
    /// Inserts, never overwrites: a `client_id` in use is [`StoreError::Exists`](super::StoreError::Exists).
    async fn insert_client(&self, client: &Client) -> StoreResult<()>;

    /// The client with this id, disabled ones too.
    async fn client(&self, id: &ClientId) -> StoreResult<Option<Client>>;

    /// Replaces a client when its stored version is `client.version - 1`.
    async fn update_client(&self, client: &Client) -> StoreResult<ClientChange>;

    /// Removes a client; `false` when it is not there. Its grants are revoked through
    /// [`GrantStore::revoke_grants_of_client`](super::GrantStore::revoke_grants_of_client).
    async fn delete_client(&self, id: &ClientId) -> StoreResult<bool>;

    /// Clients in order of id, starting after `after`, at most `limit`.
    async fn clients(&self, after: Option<&ClientId>, limit: u32) -> StoreResult<Vec<Client>>;
}
