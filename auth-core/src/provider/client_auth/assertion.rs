//! `private_key_jwt`: an assertion signed with the client's key (RFC 7523 §3, OpenID Connect Core §9).

use std::sync::Arc;
use std::time::Duration;

use super::{Failure, Reason};
use crate::ground::jose::{
    Algorithm, Claims, ClaimsCheck, JoseError, JwkSet, Jws, VerificationKeys,
};
use crate::ground::{Digest32, Timestamp};
use crate::provider::ProviderWing;
use crate::provider::client::ClientMetadata as _;
use crate::store::{Client, ClientId, OneTimeKind};

/// How far a client's clock may be from ours, in seconds.
const LEEWAY: i64 = 30;

/// The furthest `exp`, in seconds: what common libraries set by default. Each `jti` is remembered that long.
const LONGEST_LIFE: i64 = 3600;

/// A `jti` is an identifier, not a document.
const LONGEST_JTI: usize = 512;

impl ProviderWing {
    /// Checks an assertion in the name of `client`, and spends it.
    pub(super) async fn prove_assertion(
        &self,
        client: Option<&Client>,
        assertion: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let jws = Jws::parse(assertion).map_err(|error| refused(&error))?;
        let Some(client) = client else {
            self.verify_in_vain(&jws, now).await;
            return Err(Failure::Refused("no client has this id"));
        };
        let allowed = match client.text("token_endpoint_auth_signing_alg") {
            Some(name) => Algorithm::parse(name).into_iter().collect(),
            None => Algorithm::ALL.to_vec(),
        };
        let keys = self.keys_of_client(client, jws.kid(), now).await;
        let keys = keys.map_err(Failure::Refused)?;
        let verified = jws
            .verify(&keys, &allowed)
            .map_err(|error| refused(&error))?;
        let claims = verified.claims_object().map_err(|error| refused(&error))?;
        let (jti, exp) = self
            .check_assertion(&claims, &client.client_id, now)
            .map_err(Failure::Refused)?;
        // Claimed only now, so that nobody without the key can spend a `jti`.
        self.spend(&client.client_id, &jti, exp, now).await
    }

    fn check_assertion(
        &self,
        claims: &Claims,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<(String, i64), Reason> {
        let audiences = [
            self.core.base.issuer(),
            &self.url("/token"),
            &self.url("/introspect"),
            &self.url("/revoke"),
        ];
        let check = ClaimsCheck {
            issuer: Some(id.as_str()),
            audience: Some(&audiences),
            leeway_seconds: LEEWAY,
            max_lifetime_seconds: Some(LONGEST_LIFE),
            ..ClaimsCheck::at(now.seconds())
        };
        check.check(claims).map_err(|error| reason(&error))?;
        if claims.require_str("sub").map_err(|error| reason(&error))? != id.as_str() {
            return Err("the assertion is about another client");
        }
        let jti = claims.require_str("jti").map_err(|error| reason(&error))?;
        if jti.is_empty() || jti.len() > LONGEST_JTI {
            return Err("the assertion's jti is empty or too long");
        }
        let exp = claims.require_time("exp").map_err(|error| reason(&error))?;
        Ok((jti.to_owned(), exp))
    }

    async fn spend(
        &self,
        id: &ClientId,
        jti: &str,
        exp: i64,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let key = Digest32::of_parts(&[id.as_str().as_bytes(), jti.as_bytes()]);
        // Past this moment the assertion is refused for its age.
        let keep_until =
            Timestamp::from_seconds(exp.saturating_add(LEEWAY)) + Duration::from_secs(1);
        let kind = OneTimeKind::ClientAssertion;
        let claims = &self.core.stores.claims;
        if claims.claim_once(kind, &key, now, keep_until).await? {
            Ok(())
        } else {
            Err(Failure::Refused("the assertion was used before"))
        }
    }

    /// The keys in the client's `jwks`, or at its `jwks_uri`.
    pub(in crate::provider) async fn keys_of_client(
        &self,
        client: &Client,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<VerificationKeys>, Reason> {
        if let Some(jwks) = client.metadata.get("jwks") {
            let set: JwkSet = serde::Deserialize::deserialize(jwks)
                .map_err(|_| "the client's jwks cannot be read")?;
            return Ok(Arc::new(VerificationKeys::from_set(&set)));
        }
        let Some(uri) = client.text("jwks_uri") else {
            return Err("the client has no keys");
        };
        self.client_keys.of(uri, kid, now).await
    }

    /// Spends about the time a known client's assertion would (threat 46).
    async fn verify_in_vain(&self, jws: &Jws<'_>, now: Timestamp) {
        let own = self.keys.verification(now).await;
        let fitting = own.keys().iter().find(|key| key.allows(jws.algorithm()));
        if let Some(key) = fitting.or(own.keys().first()) {
            let _ = jws.verify_with_key(key, &Algorithm::ALL);
        }
    }
}

fn refused(error: &JoseError) -> Failure {
    Failure::Refused(reason(error))
}

/// The event's reason: a closed list, none of it the client's text.
fn reason(error: &JoseError) -> Reason {
    match error {
        JoseError::UnsupportedAlgorithm | JoseError::AlgorithmNotAllowed => {
            "the assertion's algorithm is not allowed"
        }
        JoseError::UnknownKey | JoseError::KeyUnsuitable | JoseError::AmbiguousKey => {
            "no key of the client fits the assertion"
        }
        JoseError::InvalidSignature => "the assertion's signature does not verify",
        JoseError::IssuerMismatch => "the assertion was issued by another party",
        JoseError::AudienceMismatch => "the assertion is for another audience",
        JoseError::Expired => "the assertion has expired",
        JoseError::LifetimeTooLong => "the assertion lives too long",
        JoseError::NotYetValid | JoseError::IssuedInFuture => "the assertion is from the future",
        JoseError::MissingClaim(_)
        | JoseError::WrongClaimType(_)
        | JoseError::ClaimOutOfRange(_) => {
            "a claim of the assertion is missing or of the wrong type"
        }
        _ => "the assertion cannot be read",
    }
}
