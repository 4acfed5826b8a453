//! Whether an access token is good: signed by a key of this client's set, for this client, of a session, and of now.

use super::Hosted;
use super::access::HostedAccess;
use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, Claims, ClaimsCheck, JoseError, Jws, VerificationKeys};

/// Clocks may be so far apart where a token begins. Its end is exact.
const AHEAD_SECONDS: i64 = 60;

/// Why a token does not count. Safe to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("the keys cannot be had")]
    Unavailable,
    /// Those that can be had do not have its own: withdrawn, or too new.
    #[error("no key is known by the name it gives")]
    UnknownKey,
    #[error("{0}")]
    Refused(&'static str),
}

impl Hosted {
    /// Checks a token, which must be `subject`'s where one is given (another's would make two people one).
    pub(super) async fn verify(
        &self,
        token: &str,
        subject: Option<&str>,
        now: Timestamp,
    ) -> Result<HostedAccess, TokenError> {
        let jws = Jws::parse(token).map_err(|_| TokenError::Refused("access_token_malformed"))?;
        let claims = self.signed_claims(&jws, now).await?;
        self.check_claims(&claims, now)?;
        let access = HostedAccess::read(&claims);
        let access = access.ok_or(TokenError::Refused("access_token_claims"))?;
        if subject.is_some_and(|subject| subject != access.user_id) {
            return Err(TokenError::Refused("access_token_subject"));
        }
        Ok(access)
    }

    async fn signed_claims(&self, jws: &Jws<'_>, now: Timestamp) -> Result<Claims, TokenError> {
        let keys = self.keys.current(now).await;
        let keys = keys.ok_or(TokenError::Unavailable)?;
        let claims = |keys: &VerificationKeys| {
            let verified = jws.verify(keys, &Algorithm::ALL)?;
            verified.claims_object()
        };
        let read = match claims(&keys.keys) {
            Err(JoseError::UnknownKey) => match self.keys.newer_than(&keys, now).await {
                Some(newer) => claims(&newer.keys),
                None => Err(JoseError::UnknownKey),
            },
            read => read,
        };
        read.map_err(|error| match error {
            JoseError::UnknownKey => TokenError::UnknownKey,
            _ => TokenError::Refused("access_token_signature"),
        })
    }

    /// `iss`, `aud` and `client_id` are held against ours where the token has them: WorkOS's have some of them, by the
    /// age of the environment. That the token is this client's says its key set as well, which is this client's own.
    fn check_claims(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
        let own = [self.client_id()];
        let rule = ClaimsCheck {
            audience: claims.get("aud").map(|_| own.as_slice()),
            ahead_seconds: AHEAD_SECONDS,
            ..ClaimsCheck::at(now.seconds())
        };
        rule.check(claims).map_err(|error| {
            TokenError::Refused(match error {
                JoseError::Expired => "access_token_expired",
                JoseError::AudienceMismatch => "access_token_audience",
                _ => "access_token_times",
            })
        })?;
        let text = |name| claims.optional_str(name);
        let issuer = text("iss").map_err(|_| TokenError::Refused("access_token_issuer"))?;
        if issuer.is_some_and(|issuer| !self.issuers.iter().any(|own| own == issuer)) {
            return Err(TokenError::Refused("access_token_issuer"));
        }
        let client = text("client_id").map_err(|_| TokenError::Refused("access_token_client"))?;
        if client.is_some_and(|client| client != self.client_id()) {
            return Err(TokenError::Refused("access_token_client"));
        }
        Ok(())
    }
}
