//! `id_token_hint`: an ID token of ours that comes back (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2).

use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, Claims, JoseError, Jws};
use crate::provider::ProviderWing;
use crate::provider::error::OAuthError;
use crate::store::{ClientId, SessionId};

/// What an ID token of ours says about whom it was issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider) struct IdTokenHint {
    /// `sub`.
    pub subject: String,
    /// `sid`.
    pub session_id: Option<SessionId>,
    /// `aud`: the client it was issued to.
    pub client_id: ClientId,
}

impl ProviderWing {
    /// Reads an ID token that this provider signed. An expired one is accepted, as both specifications ask; one of
    /// another issuer, with another algorithm than our keys have, or signed by a retired key is `invalid_request`. So is
    /// an encrypted one: it is encrypted to the client, which decrypts it and sends what was inside
    /// (OpenID Connect Core §3.1.2.1).
    ///
    /// A hint is no credential: a false positive would let a client name the session to end, which then still needs
    /// its owner's browser.
    pub(in crate::provider) async fn read_id_token_hint(
        &self,
        hint: &str,
        now: Timestamp,
    ) -> Result<IdTokenHint, OAuthError> {
        let keys = self.keys.verification(now).await;
        self.check_id_token(hint, &keys).map_err(|_| {
            OAuthError::invalid_request("id_token_hint is not an ID token of this issuer")
        })
    }

    fn check_id_token(
        &self,
        hint: &str,
        keys: &crate::ground::jose::VerificationKeys,
    ) -> Result<IdTokenHint, JoseError> {
        let jws = Jws::parse(hint)?;
        // An access token has the same issuer and keys, and is no ID token.
        jws.require_typ("JWT")?;
        // Whatever our keys may sign with: each of them has one algorithm, which it alone decides.
        let claims = jws.verify(keys, &Algorithm::ALL)?.claims_object()?;
        if claims.require_str("iss")? != self.core.base.issuer() {
            return Err(JoseError::IssuerMismatch);
        }
        hint_of(&claims)
    }
}

fn hint_of(claims: &Claims) -> Result<IdTokenHint, JoseError> {
    // Expiry does not count here, but a token without it is none of ours.
    claims.require_time("exp")?;
    let [client_id] = claims.audiences()?[..] else {
        return Err(JoseError::AudienceMismatch);
    };
    Ok(IdTokenHint {
        subject: claims.require_str("sub")?.to_owned(),
        session_id: claims.optional_str("sid")?.map(SessionId::from),
        client_id: ClientId::from(client_id),
    })
}
