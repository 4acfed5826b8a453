//! Client registry: where clients come from, and what an operator does with them.

mod admin;
mod by_itself;
mod jwks_member;
mod metadata;
mod redirect_uri;
mod secrets;
mod sector;

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;

pub use admin::{ClientUpdate, NewClient, RegisteredClient, RegistrationError};
pub(super) use by_itself::ByItself;
pub(super) use metadata::with_defaults;
pub(super) use secrets::SecretCheck;

use super::error::OAuthError;
use crate::store::{Client, ClientId, ClientStore, StoreError};

/// Finds clients. The host may keep them elsewhere; the default reads the registry in the store.
#[async_trait]
pub trait ClientRegistry: Send + Sync + 'static {
    /// The client with this id, disabled ones too; the caller judges. Must compare ids exactly, byte by byte: a false
    /// positive signs one app in as another.
    async fn client(&self, id: &ClientId) -> Result<Option<Client>, RegistryError>;
}

/// A registry did not answer. The client gets the protocol's error, the log gets the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// It cannot answer now: `temporarily_unavailable`.
    #[error("the client registry is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It failed: `server_error`.
    #[error("the client registry failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<RegistryError> for OAuthError {
    fn from(error: RegistryError) -> Self {
        tracing::error!(error = &error as &dyn Error, "the client registry failed");
        match error {
            RegistryError::Unavailable(_) => {
                Self::temporarily_unavailable("the server cannot answer right now")
            }
            RegistryError::Failed(_) => {
                Self::server_error("the server failed; the cause is in its log")
            }
        }
    }
}

/// The built-in registry: clients in the store, written through the methods of
/// [`ProviderWing`](super::ProviderWing).
#[derive(Clone)]
pub struct StoreRegistry {
    clients: Arc<dyn ClientStore>,
}

impl StoreRegistry {
    /// A registry over a client store.
    pub fn new(clients: Arc<dyn ClientStore>) -> Self {
        Self { clients }
    }
}

#[async_trait]
impl ClientRegistry for StoreRegistry {
    async fn client(&self, id: &ClientId) -> Result<Option<Client>, RegistryError> {
        Ok(self.clients.client(id).await?)
    }
}
