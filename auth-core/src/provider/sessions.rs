//! The end of a session, told from outside.

use super::ProviderWing;
use crate::ground::Timestamp;
use crate::store::SessionId;

impl ProviderWing {
    /// A session ended other than by time: what clients were given for its duration ends with it. Grants with
    /// `offline_access` go on. A host with sessions of its own calls this when one of them ends.
    ///
    /// A store that cannot do it now is logged: a refresh token is refused all the same, as its session is asked after.
    pub async fn session_ended(&self, session: &SessionId, at: Timestamp) {
        let grants = &self.core.stores.grants;
        if let Err(error) = grants.revoke_grants_of_session(session, at).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                session = session.as_str(),
                "the grants of an ended session could not be revoked"
            );
        }
    }
}
