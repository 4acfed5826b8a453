//! The end of a session, told from outside.

use super::ProviderWing;
use crate::ground::Timestamp;
use crate::store::SessionId;

impl ProviderWing {
    /// A session ended other than by time: clients that were given an ID token in it are told over the back channel,
    /// and what clients were given for its duration ends with it. Grants with `offline_access` go on. A host with
    /// sessions of its own calls this when one of them ends.
    ///
    /// A store that cannot do it now is logged: a refresh token is refused all the same, as its session is asked after.
    pub async fn session_ended(&self, session: &SessionId, at: Timestamp) {
        if let Err(error) = self.end_session_of_clients(session, at).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                session = session.as_str(),
                "clients could not be told of an ended session, nor its grants be revoked"
            );
        }
    }
}
