//! Access tokens: `at+jwt` (RFC 9068), and how our own endpoints read them back.

use serde::{Deserialize, Serialize};

use crate::ground::jose::{Algorithm, Claims, ClaimsCheck, JoseError, Jws};
use crate::ground::{Digest32, Timestamp};
use crate::provider::ProviderWing;
use crate::provider::code::{GrantDetails, internal};
use crate::provider::error::OAuthError;
use crate::provider::registry::RegistryError;
use crate::store::{Client, ClientId, Grant, GrantId, OneTimeKind, StoreError, StoreResult};

/// RFC 9068 §2.1.
const TYP: &str = "at+jwt";

/// Whom and what an access token is for.
pub(in crate::provider) struct AccessTokenRequest<'a> {
    pub client: &'a Client,
    /// Scopes as the claim spells them; none when empty.
    pub scope: &'a str,
    /// The user's grant; without one the token is the client's own.
    pub grant: Option<(&'a Grant, &'a GrantDetails)>,
}

/// RFC 9068 §2.2, in the order in which people read it. `grant_id` is ours: revoking the grant ends the token.
#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    jti: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    user: Option<UserClaims<'a>>,
}

#[derive(Serialize)]
struct UserClaims<'a> {
    grant_id: &'a str,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
}

/// The claims of a token of ours, read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::provider) struct AccessTokenClaims {
    pub sub: String,
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    pub client_id: ClientId,
    #[serde(default)]
    pub scope: String,
    pub grant_id: Option<GrantId>,
    pub auth_time: Option<i64>,
    pub acr: Option<String>,
    #[serde(default)]
    pub amr: Vec<String>,
    pub sid: Option<String>,
}

impl AccessTokenClaims {
    /// Whether a scope was granted.
    pub(in crate::provider) fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|own| own == scope)
    }
}

/// A token of ours that counts now: signed by us, for us, not expired, not revoked. Only the check makes one.
#[derive(Debug)]
pub(in crate::provider) struct VerifiedAccessToken {
    claims: AccessTokenClaims,
    grant: Option<Grant>,
}

impl VerifiedAccessToken {
    /// Its claims.
    pub(in crate::provider) fn claims(&self) -> &AccessTokenClaims {
        &self.claims
    }

    /// The living grant behind it; none for a client's own token.
    pub(in crate::provider) fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }
}

impl ProviderWing {
    /// Signs an access token. Nothing is stored: its grant and its `jti` are what ends it early.
    pub(in crate::provider) async fn sign_access_token(
        &self,
        request: &AccessTokenRequest<'_>,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let algorithm = self.settings.access_token_algorithm;
        let key = self.keys.active(algorithm, now).await?;
        let issuer = self.core.base.issuer();
        let jti = self.core.random.id();
        let client_id = request.client.client_id.as_str();
        let sub = match request.grant {
            Some((grant, _)) => self.subject_for(request.client, &grant.subject).await?,
            // RFC 9068 §2.2: without a user, the client itself.
            None => client_id.to_owned(),
        };
        let user = request.grant.map(|(grant, details)| UserClaims {
            grant_id: grant.id.as_str(),
            auth_time: details.auth_time,
            acr: details.acr.as_deref(),
            amr: &details.amr,
            sid: grant
                .session_id
                .as_ref()
                .map(crate::store::SessionId::as_str),
        });
        let claims = NewClaims {
            iss: issuer,
            sub: &sub,
            aud: issuer,
            exp: (now + self.settings.access_token_life).seconds(),
            iat: now.seconds(),
            jti: &jti,
            client_id,
            scope: request.scope,
            user,
        };
        key.sign_compact(Some(TYP), &claims).map_err(internal)
    }

    /// Verifies an access token for one of our own endpoints (RFC 9068 §4): signature, `typ`, `iss`, `aud`, `exp`, and
    /// that neither it nor its grant was revoked.
    ///
    /// # Errors
    /// `invalid_token` (RFC 6750 §3.1); the store's.
    pub(in crate::provider) async fn verify_access_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedAccessToken, OAuthError> {
        let refused = || OAuthError::invalid_token("the access token is not valid");
        let claims = self
            .read_access_token(token, now)
            .await
            .map_err(|_| refused())?;
        let grant = match &claims.grant_id {
            Some(id) => {
                let grant = self.core.stores.grants.grant(id).await?;
                let grant = grant.filter(|grant| grant.is_live(now));
                let grant = grant.ok_or_else(refused)?;
                if !self.is_known_as(&grant, &claims.sub).await? {
                    return Err(refused());
                }
                Some(grant)
            }
            None => None,
        };
        if grant.is_none() && !self.is_client_enabled(&claims.client_id).await? {
            return Err(refused());
        }
        if self.is_revoked(&claims.jti, now).await? {
            return Err(refused());
        }
        Ok(VerifiedAccessToken { claims, grant })
    }

    /// What an access token says, by its signature alone: it may have been revoked.
    pub(in crate::provider) async fn read_access_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, JoseError> {
        let jws = Jws::parse(token)?;
        // An ID token has the same issuer and keys, and is no access token.
        jws.require_typ(TYP)?;
        let keys = self.keys.verification(now).await;
        // Each of our keys has one algorithm, which it alone decides.
        let verified = jws.verify(&keys, &Algorithm::ALL)?;
        let issuer = self.core.base.issuer();
        let check = ClaimsCheck {
            issuer: Some(issuer),
            audience: Some(&[issuer]),
            require_iat: true,
            ..ClaimsCheck::own(now.seconds())
        };
        check.check(&verified.claims_object()?)?;
        verified.claims()
    }

    /// Whether an access token that verified still counts: its grant lives (or, for a client's own token, the client is
    /// not disabled) and it was not revoked (RFC 7009). For the endpoints of the same process, at every request: a token
    /// that was revoked is refused at once.
    ///
    /// # Errors
    /// The store's, or the registry's. A false positive lets a revoked token in; claims without `jti` and `client_id`
    /// are never ours, so never active.
    pub async fn access_token_status(&self, claims: &Claims) -> StoreResult<bool> {
        let now = self.core.clock.now();
        let (Ok(jti), Ok(client_id), Ok(grant_id)) = (
            claims.require_str("jti"),
            claims.require_str("client_id"),
            claims.optional_str("grant_id"),
        ) else {
            return Ok(false);
        };
        let counts = if let Some(id) = grant_id {
            // Disabling a client ends its grants.
            let grant = self.core.stores.grants.grant(&GrantId::from(id)).await?;
            grant.is_some_and(|grant| grant.is_live(now))
        } else {
            let client = self.is_client_enabled(&ClientId::from(client_id)).await;
            client.map_err(StoreError::unavailable)?
        };
        Ok(counts && !self.is_revoked(jti, now).await?)
    }

    async fn is_client_enabled(&self, id: &ClientId) -> Result<bool, RegistryError> {
        let client = self.registry.client(id).await?;
        Ok(client.is_some_and(|client| client.disabled_at.is_none()))
    }

    /// Revokes one access token until it would have ended by itself (RFC 7009 §2.1).
    pub(in crate::provider) async fn revoke_access_token(
        &self,
        claims: &AccessTokenClaims,
        now: Timestamp,
    ) -> StoreResult<()> {
        let kind = OneTimeKind::RevokedAccessToken;
        let end = Timestamp::from_seconds(claims.exp);
        let revoked = &self.core.stores.claims;
        revoked
            .claim_once(kind, &Digest32::of(&claims.jti), now, end)
            .await
            .map(drop)
    }

    async fn is_revoked(&self, jti: &str, now: Timestamp) -> StoreResult<bool> {
        let kind = OneTimeKind::RevokedAccessToken;
        let revoked = &self.core.stores.claims;
        revoked.is_claimed(kind, &Digest32::of(jti), now).await
    }
}
