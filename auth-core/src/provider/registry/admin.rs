//! The operator's side of the built-in registry: register, change, disable, delete.

use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::by_itself::ByItself;
use super::metadata::REGISTERED_BY_ITSELF;
use super::redirect_uri::is_loopback;
use super::{metadata, secrets};
use crate::ground::Timestamp;
use crate::provider::ProviderWing;
use crate::provider::client::{AuthMethod, ClientMetadata as _};
use crate::provider::error::OAuthError;
use crate::services::Event;
use crate::store::{Client, ClientChange, ClientId, StoreError};

/// How often a change is tried when others change the same client.
const ATTEMPTS: u32 = 5;

/// A client to register. No `Debug`: it may hold a secret.
#[derive(Clone, Default)]
#[must_use]
pub struct NewClient {
    metadata: Map<String, Value>,
    client_id: Option<String>,
    client_secret: Option<Zeroizing<String>>,
    first_party: bool,
    /// How it registered itself; an operator's client did not.
    by_itself: Option<ByItself>,
}

impl NewClient {
    /// From metadata with RFC 7591's names. `client_id` and `client_secret` may stand among it, as in the answer to a
    /// registration, and are taken as the fixed ones; any other member that is an operator's decision is ignored.
    pub fn from_metadata(mut metadata: Map<String, Value>) -> Self {
        let mut take = |name: &str| match metadata.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Self {
            client_id: take("client_id"),
            client_secret: take("client_secret").map(Zeroizing::new),
            metadata,
            first_party: false,
            by_itself: None,
        }
    }

    /// A client that registers itself: nothing but its metadata is its own say.
    pub(in crate::provider) fn by_itself(
        metadata: Map<String, Value>,
        first_party: bool,
        by_itself: ByItself,
    ) -> Self {
        Self {
            metadata,
            first_party,
            by_itself: Some(by_itself),
            ..Self::default()
        }
    }

    /// With a fixed `client_id` instead of a random one.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// With a fixed secret instead of a random one.
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client_secret = Some(Zeroizing::new(secret.into()));
        self
    }

    /// The operator's own app: no consent is asked, and it may introspect the tokens of other clients. Never read from
    /// metadata.
    pub fn first_party(mut self, first_party: bool) -> Self {
        self.first_party = first_party;
        self
    }
}

/// A change to a client. What is not set stays.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClientUpdate {
    metadata: Option<Map<String, Value>>,
    first_party: Option<bool>,
    by_itself: bool,
}

impl ClientUpdate {
    /// Replaces all metadata (RFC 7592 §2.2).
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// It is the client that changes itself.
    pub(in crate::provider) fn by_itself(mut self) -> Self {
        self.by_itself = true;
        self
    }

    /// Sets whether the client is the operator's own.
    pub fn first_party(mut self, first_party: bool) -> Self {
        self.first_party = Some(first_party);
        self
    }
}

/// A client as registered or changed. No `Debug`: it may hold a secret.
pub struct RegisteredClient {
    /// The client as it is stored.
    pub client: Client,
    /// A secret that was made now. Shown this once: what is stored is a keyed digest.
    pub client_secret: Option<Zeroizing<String>>,
}

/// Why a client was not registered or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// `invalid_client_metadata` or `invalid_redirect_uri`, naming the member.
    #[error(transparent)]
    Metadata(#[from] OAuthError),
    /// The `client_id` is taken.
    #[error("a client {0} exists")]
    Exists(ClientId),
    /// There is no such client.
    #[error("there is no client {0}")]
    Unknown(ClientId),
    /// Others keep changing the client; nothing was written.
    #[error("the client {0} was changed by others at the same time; try again")]
    Contended(ClientId),
    /// The host keeps the clients: it changes them where it keeps them.
    #[error("clients are kept by the host's own registry")]
    HostRegistry,
    /// The store failed.
    #[error("the client store failed")]
    Store(#[from] StoreError),
}

impl ProviderWing {
    /// Registers a client. A secret is made when its authentication method uses one and none is given.
    ///
    /// # Errors
    /// [`RegistrationError::Metadata`], [`RegistrationError::Exists`], the store's.
    pub async fn register_client(
        &self,
        new: NewClient,
    ) -> Result<RegisteredClient, RegistrationError> {
        self.require_own_registry()?;
        let registered = self.prepare_client(new).await?;
        self.insert_client(&registered.client, "registered").await?;
        Ok(registered)
    }

    /// A client with all its checks done, not yet written.
    pub(in crate::provider) async fn prepare_client(
        &self,
        new: NewClient,
    ) -> Result<RegisteredClient, OAuthError> {
        let prepared = self.build_client(new, self.core.clock.now())?;
        self.check_sector(&prepared.client.metadata).await?;
        Ok(prepared)
    }

    pub(in crate::provider) async fn insert_client(
        &self,
        client: &Client,
        change: &'static str,
    ) -> Result<(), RegistrationError> {
        let id = client.client_id.clone();
        match self.core.stores.clients.insert_client(client).await {
            Err(StoreError::Exists { .. }) => return Err(RegistrationError::Exists(id)),
            other => other?,
        }
        self.client_changed(id, change, client.created_at).await;
        Ok(())
    }

    /// Registers a client with a fixed `client_id`, or makes the one that is there equal to it: metadata, first-party
    /// mark and, where one is given, the secret. Does nothing when it is equal already, so that it may run at every
    /// start. `true` when something was written.
    ///
    /// # Errors
    /// As [`register_client`](Self::register_client); `invalid_client_metadata` without `client_id`, and without
    /// `client_secret` where the method uses one.
    pub async fn ensure_client(&self, new: NewClient) -> Result<bool, RegistrationError> {
        self.require_own_registry()?;
        let missing = |member: &str| {
            let text =
                format!("{member} must be given for a client that is set up by configuration");
            RegistrationError::Metadata(OAuthError::invalid_client_metadata(text))
        };
        if new.client_id.is_none() {
            return Err(missing("client_id"));
        }
        let secret = new.client_secret.clone();
        let now = self.core.clock.now();
        let wanted = self.build_client(new, now)?.client;
        if secret.is_none() && !wanted.secrets.is_empty() {
            return Err(missing("client_secret"));
        }
        let id = wanted.client_id.clone();
        // What is written already was checked then: a start must not wait for a client's site.
        let stored = self.core.stores.clients.client(&id).await?;
        if stored.is_none_or(|stored| stored.metadata != wanted.metadata) {
            self.check_sector(&wanted.metadata).await?;
        }
        match self.core.stores.clients.insert_client(&wanted).await {
            Ok(()) => {
                self.client_changed(id, "registered", now).await;
                return Ok(true);
            }
            Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let mut written = false;
        let change = |client: &mut Client| {
            let keeps_secret = match &secret {
                Some(secret) if !wanted.secrets.is_empty() => {
                    self.check_secret(Some(client), secret, now) != super::SecretCheck::Wrong
                }
                _ => client.secrets.is_empty(),
            };
            written = !keeps_secret
                || client.metadata != wanted.metadata
                || client.first_party != wanted.first_party;
            if !keeps_secret {
                client.secrets.clone_from(&wanted.secrets);
            }
            client.metadata.clone_from(&wanted.metadata);
            client.first_party = wanted.first_party;
            Ok(written)
        };
        self.change_client(&id, "updated", now, change).await?;
        Ok(written)
    }

    /// Changes a client. A client that comes to need a secret gets one; one that no longer uses it loses it.
    ///
    /// # Errors
    /// [`RegistrationError::Metadata`], [`RegistrationError::Unknown`], [`RegistrationError::Contended`], the store's.
    pub async fn update_client(
        &self,
        id: &ClientId,
        update: ClientUpdate,
    ) -> Result<RegisteredClient, RegistrationError> {
        self.require_own_registry()?;
        let now = self.core.clock.now();
        let metadata = match update.metadata {
            Some(metadata) => {
                let offer = self.offer(!update.by_itself);
                let metadata = metadata::validate(metadata, &offer)?;
                self.check_sector(&metadata).await?;
                Some(metadata)
            }
            None => None,
        };
        let mut made = None;
        let change = |client: &mut Client| {
            if let Some(metadata) = &metadata {
                let by_itself = client.metadata.remove_entry(REGISTERED_BY_ITSELF);
                client.metadata.clone_from(metadata);
                client.metadata.extend(by_itself);
            }
            if let Some(first_party) = update.first_party {
                client.first_party = first_party;
            }
            made = None;
            if !client.auth_method().is_some_and(AuthMethod::uses_secret) {
                client.secrets.clear();
            } else if client.secrets.is_empty() {
                let secret = Zeroizing::new(self.core.random.secret());
                client.secrets = vec![secrets::stored(&self.core, &secret, now)];
                made = Some(secret);
            }
            Ok(true)
        };
        let what = if update.by_itself {
            "changed by itself"
        } else {
            "updated"
        };
        let client = self.change_client(id, what, now, change).await?;
        Ok(RegisteredClient {
            client,
            client_secret: made,
        })
    }

    /// Disables a client at once: it cannot authenticate or start a request, and its grants end with every token of
    /// them. Remembered consents stay.
    ///
    /// # Errors
    /// [`RegistrationError::Unknown`], [`RegistrationError::Contended`], the store's.
    pub async fn disable_client(&self, id: &ClientId) -> Result<(), RegistrationError> {
        self.require_own_registry()?;
        let now = self.core.clock.now();
        let change = |client: &mut Client| {
            let lived = client.disabled_at.is_none();
            client.disabled_at = client.disabled_at.or(Some(now));
            Ok(lived)
        };
        self.change_client(id, "disabled", now, change).await?;
        self.core
            .stores
            .grants
            .revoke_grants_of_client(id, now)
            .await?;
        Ok(())
    }

    /// Enables a client again. Grants that ended stay ended.
    ///
    /// # Errors
    /// As [`disable_client`](Self::disable_client).
    pub async fn enable_client(&self, id: &ClientId) -> Result<(), RegistrationError> {
        self.require_own_registry()?;
        let now = self.core.clock.now();
        let change = |client: &mut Client| Ok(client.disabled_at.take().is_some());
        self.change_client(id, "enabled", now, change).await?;
        Ok(())
    }

    /// Gives a client a new secret. The old ones count for `overlap` more, so that the app can be reconfigured without
    /// a gap; zero ends them at once.
    ///
    /// # Errors
    /// [`RegistrationError::Metadata`] when its authentication method uses no secret; else as
    /// [`disable_client`](Self::disable_client).
    pub async fn rotate_client_secret(
        &self,
        id: &ClientId,
        overlap: Duration,
    ) -> Result<RegisteredClient, RegistrationError> {
        self.require_own_registry()?;
        let now = self.core.clock.now();
        let secret = Zeroizing::new(self.core.random.secret());
        let change = |client: &mut Client| {
            if !client.auth_method().is_some_and(AuthMethod::uses_secret) {
                return Err(OAuthError::invalid_client_metadata(
                    "token_endpoint_auth_method uses no secret",
                ));
            }
            let end = now + overlap;
            for old in &mut client.secrets {
                old.expires_at = Some(old.expires_at.map_or(end, |earlier| earlier.min(end)));
            }
            client.secrets.retain(|old| secrets::counts(old, now));
            client
                .secrets
                .insert(0, secrets::stored(&self.core, &secret, now));
            Ok(true)
        };
        let client = self
            .change_client(id, "secret rotated", now, change)
            .await?;
        Ok(RegisteredClient {
            client,
            client_secret: Some(secret),
        })
    }

    /// Deletes a client and ends its grants with every token of them. `false` when it was not there.
    ///
    /// # Errors
    /// The store's. The client is disabled before its grants end, so a failure half-way leaves nothing usable.
    pub async fn delete_client(&self, id: &ClientId) -> Result<bool, RegistrationError> {
        match self.disable_client(id).await {
            Ok(()) => {}
            Err(RegistrationError::Unknown(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        let now = self.core.clock.now();
        let deleted = self.core.stores.clients.delete_client(id).await?;
        // What a request that was already under way when the client was disabled has written.
        self.core
            .stores
            .grants
            .revoke_grants_of_client(id, now)
            .await?;
        self.client_changed(id.clone(), "deleted", now).await;
        Ok(deleted)
    }

    /// Clients in order of id, starting after `after`, at most `limit`.
    ///
    /// # Errors
    /// The store's.
    pub async fn clients(
        &self,
        after: Option<&ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, RegistrationError> {
        self.require_own_registry()?;
        Ok(self.core.stores.clients.clients(after, limit).await?)
    }

    fn offer(&self, keeps_unknown: bool) -> metadata::Offer<'_> {
        metadata::Offer {
            algorithms: self.keys.algorithms(),
            front_channel_tokens: self.settings.front_channel_tokens,
            loopback: is_loopback(self.core.base.url()),
            keeps_unknown,
        }
    }

    fn require_own_registry(&self) -> Result<(), RegistrationError> {
        match self.settings.registry {
            Some(_) => Err(RegistrationError::HostRegistry),
            None => Ok(()),
        }
    }

    fn build_client(&self, new: NewClient, now: Timestamp) -> Result<RegisteredClient, OAuthError> {
        let client_id = match new.client_id {
            Some(id) => checked_id(id)?,
            None => self.core.random.id().into(),
        };
        let mut client = Client {
            client_id,
            metadata: metadata::validate(new.metadata, &self.offer(new.by_itself.is_none()))?,
            secrets: Vec::new(),
            first_party: new.first_party,
            disabled_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        if let Some(by_itself) = new.by_itself {
            let entry = (REGISTERED_BY_ITSELF.to_owned(), by_itself.into_value());
            client.metadata.extend([entry]);
        }
        let mut client_secret = None;
        if client.auth_method().is_some_and(AuthMethod::uses_secret) {
            let secret = match new.client_secret {
                Some(secret) => checked_secret(secret)?,
                None => Zeroizing::new(self.core.random.secret()),
            };
            client.secrets = vec![secrets::stored(&self.core, &secret, now)];
            client_secret = Some(secret);
        }
        Ok(RegisteredClient {
            client,
            client_secret,
        })
    }

    /// Reads, changes and writes a client, again when another change came between. `change` says whether there is
    /// anything to write.
    async fn change_client(
        &self,
        id: &ClientId,
        what: &'static str,
        now: Timestamp,
        mut change: impl FnMut(&mut Client) -> Result<bool, OAuthError> + Send,
    ) -> Result<Client, RegistrationError> {
        let clients = &self.core.stores.clients;
        for _ in 0..ATTEMPTS {
            let stored = clients.client(id).await?;
            let mut client = stored.ok_or_else(|| RegistrationError::Unknown(id.clone()))?;
            if !change(&mut client)? {
                return Ok(client);
            }
            client.updated_at = now;
            client.version = client.version.saturating_add(1);
            if clients.update_client(&client).await? == ClientChange::Updated {
                self.client_changed(id.clone(), what, now).await;
                return Ok(client);
            }
        }
        Err(RegistrationError::Contended(id.clone()))
    }

    async fn client_changed(&self, client: ClientId, change: &'static str, now: Timestamp) {
        let event = Event::ClientChanged { client, change };
        self.core.emit(now, None, event).await;
    }
}

/// RFC 6749 appendix A.1, without the space: an id is written into URLs and logs.
fn checked_id(id: String) -> Result<ClientId, OAuthError> {
    if id.is_empty() || id.len() > 256 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(OAuthError::invalid_client_metadata(
            "client_id must be 1 to 256 printable ASCII characters without spaces",
        ));
    }
    Ok(id.into())
}

/// RFC 6749 appendix A.2.
fn checked_secret(secret: Zeroizing<String>) -> Result<Zeroizing<String>, OAuthError> {
    let allowed = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if secret.is_empty() || secret.len() > 512 || !secret.bytes().all(allowed) {
        return Err(OAuthError::invalid_client_metadata(
            "client_secret must be 1 to 512 printable ASCII characters",
        ));
    }
    Ok(secret)
}
