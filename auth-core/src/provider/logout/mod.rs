//! The end of a session, and whom it concerns: the clients that were given an ID token in it.

mod back_channel;
mod front_channel;
mod session_management;

use std::collections::BTreeMap;

pub(super) use back_channel::Delivery;
pub(super) use front_channel::Onward;

use super::ProviderWing;
use crate::ground::Timestamp;
use crate::store::{Client, ClientId, SessionId, StoreResult};

/// Asked for at sign-in, it is what an ID token stands for (OpenID Connect Core §3.1.2.1).
const OPENID: &str = "openid";

/// A client that was given an ID token in a session.
pub(super) struct Participant {
    client_id: ClientId,
    subject: String,
    /// `None` when the registry could not say now.
    client: Option<Client>,
}

impl ProviderWing {
    /// What a session's end means for clients: those with an ID token of it are to be told, and what they were given
    /// for its duration ends; grants with `offline_access` go on (Back-Channel Logout §2.7). Told first: should the
    /// store fail in between, the session still looks alive and its end can be asked for again.
    pub(super) async fn end_session_of_clients(
        &self,
        session: &SessionId,
        now: Timestamp,
    ) -> StoreResult<Vec<Participant>> {
        let participants = self.participants(session).await?;
        self.announce(session, &participants, now).await?;
        let grants = &self.core.stores.grants;
        grants.revoke_grants_of_session(session, now).await?;
        Ok(participants)
    }

    /// The clients that were given an ID token in the session; disabled and deleted ones are not told.
    async fn participants(&self, session: &SessionId) -> StoreResult<Vec<Participant>> {
        let clients = self.core.stores.grants.clients_of_session(session).await?;
        let with_id_token: BTreeMap<_, _> = clients
            .into_iter()
            .filter(|client| client.scopes.contains(OPENID))
            .map(|client| (client.client_id, client.subject))
            .collect();
        let mut participants = Vec::with_capacity(with_id_token.len());
        for (client_id, subject) in with_id_token {
            let client = match self.find_client(&client_id).await {
                Ok(Some(client)) if client.disabled_at.is_none() => Some(client),
                Ok(_) => continue,
                Err(_) => None,
            };
            participants.push(Participant {
                client_id,
                subject,
                client,
            });
        }
        Ok(participants)
    }
}
