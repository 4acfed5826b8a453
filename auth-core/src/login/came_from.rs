//! The sign-in at another provider behind a session: what it said of how the person signed in, and what is needed to sign
//! out there too.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{LoginWing, NewSession};
use crate::ground::{Purpose, Timestamp};
use crate::store::{StoreError, UpstreamSession};
use crate::web::Problem;

/// A sign-in at another provider. No `Debug`: it holds an ID token.
#[derive(Serialize, Deserialize)]
pub(super) struct CameFrom {
    /// The configured upstream.
    pub(super) upstream: String,
    /// The issuer identifier.
    pub(super) issuer: String,
    /// The subject there.
    pub(super) subject: String,
    /// The session there.
    pub(super) sid: Option<String>,
    /// When the provider spoke for it.
    #[serde(default)]
    pub(super) issued_at: Option<Timestamp>,
    /// A hint for the provider when the person signs out.
    pub(super) id_token: Option<Zeroizing<String>>,
    /// How the person signed in there. This and the next are there only if the operator trusts the provider with it.
    pub(super) amr: Vec<String>,
    /// How strongly.
    pub(super) acr: Option<String>,
    /// When, as an ID token says: no proof is newer.
    pub(super) auth_time: Option<Timestamp>,
    /// The operator trusts the provider to say when.
    #[serde(default)]
    pub(super) is_trusted: bool,
    /// The tokens that the session rests on, for a hosted sign-in.
    #[cfg(feature = "workos")]
    #[serde(default)]
    pub(super) tokens: Option<super::federation::client::Tokens>,
}

/// What stands sealed beside a session.
#[derive(Serialize, Deserialize)]
pub(super) struct Secrets {
    pub(super) id_token: Option<Zeroizing<String>>,
    #[cfg(feature = "workos")]
    #[serde(default)]
    pub(super) tokens: Option<super::federation::client::Tokens>,
}

impl LoginWing {
    /// Keeps what is behind a session that stands and that nobody holds yet. One that goes on under another sign-in
    /// forgets what was behind it.
    pub(super) async fn keep_origin(
        &self,
        new: &NewSession,
        came_from: Option<&CameFrom>,
    ) -> Result<(), Problem> {
        let session = &new.session;
        let origins = &self.core.stores.upstream_sessions;
        let Some(came_from) = came_from else {
            if new.goes_on {
                origins.take_upstream_session(&session.id).await?;
            }
            return Ok(());
        };
        let secrets = Secrets {
            id_token: came_from.id_token.clone(),
            #[cfg(feature = "workos")]
            tokens: came_from.tokens.clone(),
        };
        let text = Zeroizing::new(serde_json::to_vec(&secrets).map_err(corrupt)?);
        let (keys, random) = (&self.core.keys, &*self.core.random);
        let context = session.id.as_str().as_bytes();
        let secrets = keys.seal(random, Purpose::UpstreamTokens, context, &text);
        let origin = UpstreamSession {
            session_id: session.id.clone(),
            user_id: session.user_id.clone(),
            upstream: came_from.upstream.clone(),
            issuer: came_from.issuer.clone(),
            subject: came_from.subject.clone(),
            sid: came_from.sid.clone(),
            secrets: secrets.map_err(corrupt)?,
            version: self.first_version(new),
            expires_at: session.expires_at,
        };
        Ok(origins.put_upstream_session(&origin).await?)
    }

    /// Whoever looked at what was behind a session that goes on may still be about to replace it, or to end the session by
    /// it: no version of theirs fits what is there now.
    fn first_version(&self, new: &NewSession) -> u64 {
        if new.goes_on {
            u64::from(u32::from_be_bytes(self.core.random.bytes()))
        } else {
            0
        }
    }

    /// The ID token behind a session.
    #[cfg(feature = "federation")]
    pub(super) fn id_token_of(
        &self,
        origin: &UpstreamSession,
    ) -> Result<Option<Zeroizing<String>>, Problem> {
        let context = origin.session_id.as_str().as_bytes();
        let keys = &self.core.keys;
        let opened = keys.open(Purpose::UpstreamTokens, context, &origin.secrets);
        let opened = Zeroizing::new(opened.map_err(corrupt)?);
        let secrets: Secrets = serde_json::from_slice(&opened).map_err(corrupt)?;
        Ok(secrets.id_token)
    }
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("upstream session", error)
}
