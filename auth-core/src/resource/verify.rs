//! From a token to an [`AccessToken`] (RFC 9068 §4, RFC 7662).

use super::issuer::{Issuer, Local, Remote};
use super::refused::{InvalidToken, Refusal};
use super::{AccessToken, ResourceWing};
use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, Claims, ClaimsCheck, JoseError, Jws, Verified};
use crate::web::SESSION_TOKEN_PREFIX;

/// `typ` of an access token; `application/at+jwt` is the same.
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

impl ResourceWing {
    pub(super) async fn verify(&self, token: &str, now: Timestamp) -> Result<AccessToken, Refusal> {
        // Kept from every issuer that might be asked about it, too.
        if self.is_api_key(token) || token.starts_with(SESSION_TOKEN_PREFIX) {
            return Err(InvalidToken::WrongType.into());
        }
        if let Some(introspection) = self.issuers.introspecting(token) {
            return introspection.verify(token, now).await;
        }
        let jws = Jws::parse(token)?;
        if !self.settings.any_typ {
            jws.require_typ(ACCESS_TOKEN_TYPE)?;
        }
        match self.issuers.of(&jws)? {
            Issuer::Local(local) => self.verify_local(local, &jws, now).await,
            Issuer::Remote(remote) => self.verify_remote(remote, &jws, now).await,
        }
    }

    async fn verify_local(
        &self,
        local: &Local,
        jws: &Jws<'_>,
        now: Timestamp,
    ) -> Result<AccessToken, Refusal> {
        let keys = local.issuer.verification_keys(now).await;
        // Each key has one algorithm, the one the provider signs with.
        let verified = jws.verify(&keys, &Algorithm::ALL)?;
        let rule = ClaimsCheck::own(now.seconds());
        let claims = check(&verified, local.issuer.issuer(), &local.audiences, rule)?;
        let token = self.accept(claims, true)?;
        if self.settings.check_revocation {
            let revoked = local.issuer.is_revoked(token.claims()).await;
            let revoked = revoked.map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "whether an access token was revoked cannot be found out"
                );
                Refusal::Unavailable
            })?;
            if revoked {
                return Err(InvalidToken::Revoked.into());
            }
        }
        Ok(token)
    }

    async fn verify_remote(
        &self,
        remote: &Remote,
        jws: &Jws<'_>,
        now: Timestamp,
    ) -> Result<AccessToken, Refusal> {
        let algorithms = &self.settings.algorithms;
        let keys = remote.keys.current(now).await;
        let published = keys.ok_or(Refusal::Unavailable)?;
        let verified = match jws.verify(&published.keys, algorithms) {
            Err(error) if may_be_rotated(jws, error) => {
                match remote.keys.newer_than(&published, now).await {
                    Some(newer) => jws.verify(&newer.keys, algorithms)?,
                    None => return Err(error.into()),
                }
            }
            verified => verified?,
        };
        let leeway = self.settings.leeway.as_secs();
        let rule = ClaimsCheck {
            leeway_seconds: i64::try_from(leeway).unwrap_or(i64::MAX),
            ..ClaimsCheck::at(now.seconds())
        };
        let claims = check(&verified, &remote.issuer, &remote.audiences, rule)?;
        self.accept(claims, false)
    }

    fn accept(&self, claims: Claims, is_local: bool) -> Result<AccessToken, Refusal> {
        let required = &self.settings.required_claims;
        AccessToken::new(claims, self.realm.clone(), required, is_local)
    }
}

/// Whether a newer key set might make a difference. A token that names no key shows a new one by its signature alone.
fn may_be_rotated(jws: &Jws<'_>, error: JoseError) -> bool {
    match error {
        JoseError::UnknownKey => true,
        JoseError::InvalidSignature => jws.kid().is_none(),
        _ => false,
    }
}

fn check(
    verified: &Verified,
    issuer: &str,
    audiences: &[String],
    rule: ClaimsCheck<'_>,
) -> Result<Claims, JoseError> {
    let audiences: Vec<_> = audiences.iter().map(String::as_str).collect();
    let claims = verified.claims_object()?;
    let rule = ClaimsCheck {
        issuer: Some(issuer),
        audience: Some(&audiences),
        require_exp: true,
        require_iat: true,
        ..rule
    };
    rule.check(&claims)?;
    Ok(claims)
}
