//! Signed tokens that are no ID tokens: what tells of a logout, and answers of `UserInfo`.

use super::metadata::{Discovered, Sought};
use super::{Client, ClientError};
use crate::ground::Timestamp;
use crate::ground::jose::{Claims, JoseError, Jws};
use crate::services::issuer::Seeker;

/// The reason while newer keys are not asked for: they were a moment ago.
pub(in crate::login) const KEYS_NOT_NOW: &str = "keys_not_now";

/// Why the provider does not vouch for a token.
pub(super) enum Unsigned {
    /// It did not sign it.
    Refused(JoseError),
    /// The key may be one that it has published since; it is not asked now.
    KeysNotNow,
    /// As before; it was asked and did not answer.
    KeysDown,
}

impl Unsigned {
    pub(super) fn into_error(self, refused: impl FnOnce(JoseError) -> ClientError) -> ClientError {
        match self {
            Self::Refused(error) => refused(error),
            Self::KeysNotNow => ClientError::Down(KEYS_NOT_NOW, None),
            Self::KeysDown => ClientError::Down("keys", None),
        }
    }
}

impl Client {
    /// The claims, by a key that is known, or by one of those that are published since: asked for once, in the turn of
    /// `seeker`.
    pub(super) async fn vouched_claims(
        &self,
        jws: &Jws<'_>,
        discovered: &Discovered,
        seeker: Seeker,
        now: Timestamp,
    ) -> Result<Claims, Unsigned> {
        let verify = |discovered: &Discovered| {
            let verified = jws.verify(&discovered.published.keys, self.algorithms());
            verified.and_then(|verified| verified.claims_object())
        };
        let error = match verify(discovered) {
            Ok(claims) => return Ok(claims),
            Err(error) => error,
        };
        if !may_be_rotated(&error, jws.kid()) {
            return Err(Unsigned::Refused(error));
        }
        match self.sought(discovered, seeker, now).await {
            Sought::Newer(newer) => verify(&newer).map_err(Unsigned::Refused),
            Sought::Nothing => Err(Unsigned::Refused(error)),
            Sought::NotNow => Err(Unsigned::KeysNotNow),
            Sought::Down => Err(Unsigned::KeysDown),
        }
    }
}

/// Whether newer keys might make a difference. A token that names no key shows a new one by its signature alone.
fn may_be_rotated(error: &JoseError, kid: Option<&str>) -> bool {
    match error {
        JoseError::UnknownKey => true,
        JoseError::InvalidSignature => kid.is_none(),
        _ => false,
    }
}
