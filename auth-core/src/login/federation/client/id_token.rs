//! The ID token (OpenID Connect Core §3.1.3.7, §3.1.3.8, §3.3.2.11): what the crate's verifier checks, with our keys and
//! our clock, and then what it does not.
//!
//! Of a token without `kid` the keys that fit its algorithm are tried, as long as they are few: where there are several,
//! §10.1 wants a `kid`, and some providers leave it out all the same.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use openidconnect::core::CoreIdToken;
use openidconnect::{
    ClaimsVerificationError, ClientId, IdTokenVerifier, JsonWebKeySet, Nonce,
    OAuth2TokenResponse as _, SignatureVerificationError, TokenResponse as _,
};
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::{of_id_token, of_id_token_jose};
use super::key::{ProviderKey, to_theirs};
use super::metadata::Discovered;
use super::token_answer::TokenAnswer;
use super::{Client, ClientError, Proven, Tokens};
use crate::ground::jose::{Algorithm, Claims, ClaimsCheck, Jws, MAX_CANDIDATES, left_half_hash};
use crate::ground::{Timestamp, from_base64url};
use crate::login::federation::profile::Profile;
use crate::login::federation::upstream::Protocol;

/// How far the clocks may be apart.
pub(super) const LEEWAY: Duration = Duration::from_mins(1);
pub(super) const LEEWAY_SECONDS: i64 = 60;
/// An ID token is made on the spot; older ones come out of some drawer.
pub(super) const MAX_AGE_SECONDS: i64 = 24 * 3600;
/// OpenID Connect Core §2.
const MAX_SUBJECT: usize = 255;
const MAX_SID: usize = 255;
const MAX_AMR: usize = 16;

/// What the token has to answer.
pub(super) struct Asked<'a> {
    pub(super) nonce: &'a str,
    pub(super) code: &'a str,
    pub(super) max_age: Option<u64>,
    /// When the person was sent there.
    pub(super) began_at: Timestamp,
}

impl Client {
    /// The claims, checked, and what the provider published when the key was found.
    pub(super) async fn check_id_token(
        &self,
        discovered: Arc<Discovered>,
        raw: &str,
        answer: &TokenAnswer,
        asked: &Asked<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Discovered>, Claims), ClientError> {
        // Stricter with the header than the crate: no member twice, none of them null.
        let jws = Jws::parse(raw).map_err(of_id_token_jose)?;
        if !self.algorithms().contains(&jws.algorithm()) {
            return Err(ClientError::Refused("id_token_algorithm"));
        }
        let tenant = if discovered.has_tenants() {
            let unverified = jws.dangerous_unverified_claims();
            let unverified = unverified.map_err(of_id_token_jose)?;
            unverified.str("tid").map(str::to_owned)
        } else {
            None
        };
        // Read with the answer, unless it was encrypted.
        let decrypted;
        let token = if let Some(token) = answer.id_token() {
            token
        } else {
            decrypted = raw.parse::<CoreIdToken>();
            let token = decrypted.as_ref();
            token.map_err(|_| ClientError::Refused("id_token"))?
        };
        let tenant = tenant.as_deref();
        let read = (token, &jws);
        let first = self.verify(read, &discovered, tenant, asked.nonce, now)?;
        let discovered = match first {
            Ok(()) => discovered,
            Err(error) if may_be_rotated(&error, jws.kid()) => {
                let newer = self.discovered_since(&discovered, now).await;
                let newer = newer.ok_or_else(|| of_id_token(&error))?;
                self.verify(read, &newer, tenant, asked.nonce, now)?
                    .map_err(|error| of_id_token(&error))?;
                newer
            }
            Err(error) => return Err(of_id_token(&error)),
        };
        let issuer = discovered.issuer(tenant);
        let issuer = issuer.ok_or(ClientError::Refused("id_token_issuer"))?;
        let claims = payload(raw)?;
        self.check_claims(&claims, &issuer, now)?;
        self.check_parties(&claims)?;
        check_hashes(&claims, jws.algorithm(), answer, asked.code)?;
        check_auth_time(&claims, asked, now)?;
        self.check_acr(&claims)?;
        drop(issuer);
        Ok((discovered, claims))
    }

    pub(super) fn algorithms(&self) -> &[Algorithm] {
        match &self.upstream.protocol {
            Protocol::OpenId { algorithms, .. } => algorithms,
            Protocol::OAuth2 { .. } => &[],
        }
    }

    /// By each key that the token may be signed with.
    fn verify(
        &self,
        (token, jws): (&CoreIdToken, &Jws<'_>),
        discovered: &Discovered,
        tenant: Option<&str>,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Result<(), ClaimsVerificationError>, ClientError> {
        let verify = |keys| self.verify_by(keys, token, discovered, tenant, nonce, now);
        let mut verified = verify(discovered.keys.clone())?;
        let Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::AmbiguousKeyId(_),
        )) = &verified
        else {
            return Ok(verified);
        };
        let keys = discovered.keys.keys().iter();
        let fitting: Vec<_> = keys
            .filter(|key| key.fits(jws.algorithm(), jws.kid()))
            .collect();
        if fitting.len() > MAX_CANDIDATES {
            return Ok(verified);
        }
        for key in fitting {
            verified = verify(JsonWebKeySet::new(vec![key.clone()]))?;
            if !matches!(
                verified,
                Err(ClaimsVerificationError::SignatureVerification(_))
            ) {
                break;
            }
        }
        Ok(verified)
    }

    /// Signature, issuer, audience, expiry and nonce, by the crate.
    fn verify_by(
        &self,
        keys: JsonWebKeySet<ProviderKey>,
        token: &CoreIdToken,
        discovered: &Discovered,
        tenant: Option<&str>,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Result<(), ClaimsVerificationError>, ClientError> {
        let issuer = discovered.issuer_url(tenant);
        let issuer = issuer.ok_or(ClientError::Refused("id_token_issuer"))?;
        let client_id = ClientId::new(self.upstream.client_id.clone());
        let millis = u64::try_from((now - LEEWAY).millis()).unwrap_or(0);
        let at = UNIX_EPOCH + Duration::from_millis(millis);
        let algorithms = self.algorithms().iter().copied().map(to_theirs);
        let verifier: IdTokenVerifier<'_, ProviderKey> =
            IdTokenVerifier::new_public_client(client_id, issuer, keys)
                .set_allowed_algs(algorithms)
                // Who else may be meant is for `azp` to say.
                .set_other_audience_verifier_fn(|_| true)
                .set_time_fn(move || at.into());
        let nonce = Nonce::new(nonce.to_owned());
        Ok(token.claims(&verifier, &nonce).map(|_| ()))
    }

    /// Each of the JSON type it has to have, and the times, of which the crate looks at one.
    fn check_claims(
        &self,
        claims: &Claims,
        issuer: &str,
        now: Timestamp,
    ) -> Result<(), ClientError> {
        let rule = ClaimsCheck {
            issuer: Some(issuer),
            audience: Some(&[&self.upstream.client_id]),
            leeway_seconds: LEEWAY_SECONDS,
            require_iat: true,
            max_age_seconds: Some(MAX_AGE_SECONDS),
            ..ClaimsCheck::at(now.seconds())
        };
        rule.check(claims).map_err(of_id_token_jose)
    }

    /// §3.1.3.7, 4 and 5.
    fn check_parties(&self, claims: &Claims) -> Result<(), ClientError> {
        const WRONG: ClientError = ClientError::Refused("id_token_azp");
        let party = claims.optional_str("azp").map_err(|_| WRONG)?;
        let several = claims.audiences().map_err(of_id_token_jose)?.len() > 1;
        match party {
            Some(party) if party != self.upstream.client_id => Err(WRONG),
            None if several => Err(WRONG),
            _ => Ok(()),
        }
    }

    /// Where the operator's `claims` parameter says that it is essential (§5.5.1.1).
    fn check_acr(&self, claims: &Claims) -> Result<(), ClientError> {
        let Some(essential) = &self.essential_acr else {
            return Ok(());
        };
        let acr = claims.optional_str("acr").ok().flatten();
        let fits = acr.is_some_and(|acr| {
            essential.is_empty() || essential.iter().any(|wanted| wanted == acr)
        });
        if fits {
            Ok(())
        } else {
            Err(ClientError::Refused("id_token_acr"))
        }
    }
}

/// Whether a newer key set might make a difference. A token that names no key shows a new one by its signature alone.
fn may_be_rotated(error: &ClaimsVerificationError, kid: Option<&str>) -> bool {
    let ClaimsVerificationError::SignatureVerification(error) = error else {
        return false;
    };
    match error {
        SignatureVerificationError::NoMatchingKey => true,
        SignatureVerificationError::CryptoError(_) => kid.is_none(),
        _ => false,
    }
}

/// The claims of a token that the crate has verified, read strictly: no member twice.
fn payload(verified: &str) -> Result<Claims, ClientError> {
    let payload = verified.split('.').nth(1).and_then(from_base64url);
    let payload = payload.ok_or(ClientError::Refused("id_token"))?;
    Claims::from_vouched_json(&payload).map_err(of_id_token_jose)
}

/// `at_hash` binds the access token, `c_hash` the code: here both are optional, and wrong ones are not.
fn check_hashes(
    claims: &Claims,
    algorithm: Algorithm,
    answer: &TokenAnswer,
    code: &str,
) -> Result<(), ClientError> {
    let access_token = answer.access_token().secret();
    for (name, value, wrong) in [
        ("at_hash", access_token.as_str(), "id_token_at_hash"),
        ("c_hash", code, "id_token_c_hash"),
    ] {
        let hash = claims.optional_str(name);
        let hash = hash.map_err(|_| ClientError::Refused(wrong))?;
        if hash.is_some_and(|hash| hash != left_half_hash(algorithm, value)) {
            return Err(ClientError::Refused(wrong));
        }
    }
    Ok(())
}

/// Where `max_age` was asked for, recent enough (§3.1.2.1): as of when the person was sent there, since what they do there
/// after proving themselves takes its time. One that is missing is for the caller to miss: for a sign-in the age is a wish.
fn check_auth_time(claims: &Claims, asked: &Asked<'_>, now: Timestamp) -> Result<(), ClientError> {
    const WRONG: ClientError = ClientError::Refused("id_token_auth_time");
    let auth_time = claims.optional_time("auth_time").map_err(|_| WRONG)?;
    let Some(at) = auth_time.map(Timestamp::from_seconds) else {
        return Ok(());
    };
    if at > now + LEEWAY {
        return Err(WRONG);
    }
    let oldest = asked.max_age.map(Duration::from_secs);
    let oldest = oldest.map(|max_age| max_age.saturating_add(LEEWAY));
    if oldest.is_some_and(|oldest| asked.began_at.since(at) > oldest) {
        return Err(ClientError::NotFresh);
    }
    Ok(())
}

/// What checked claims say of who came.
pub(super) fn proven(
    claims: Claims,
    id_token: Option<Zeroizing<String>>,
    tokens: Tokens,
) -> Result<Proven, ClientError> {
    let subject = claims.optional_str("sub").ok().flatten();
    let subject = subject.filter(|subject| is_subject(subject));
    let subject = subject.ok_or(ClientError::Refused("id_token_subject"))?;
    let issuer = claims.require_str("iss").map_err(of_id_token_jose)?;
    let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let auth_time = claims.optional_time("auth_time").ok().flatten();
    let issued_at = claims.require_time("iat").ok();
    let amr = claims.get("amr").and_then(Value::as_array);
    let amr = amr.map(Vec::as_slice).unwrap_or_default();
    Ok(Proven {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        profile: Profile::default(),
        sid: text("sid").filter(|sid| !sid.is_empty() && sid.len() <= MAX_SID),
        auth_time: auth_time.map(Timestamp::from_seconds),
        issued_at: issued_at.map(Timestamp::from_seconds),
        acr: text("acr"),
        amr: amr
            .iter()
            .filter_map(Value::as_str)
            .take(MAX_AMR)
            .map(str::to_owned)
            .collect(),
        id_token,
        tokens,
        claims: Value::Object(claims.into_object()),
    })
}

/// When an ID token was issued that was checked once.
pub(in crate::login) fn issued_at(verified: &str) -> Option<Timestamp> {
    let claims = payload(verified).ok()?;
    let issued_at = claims.require_time("iat").ok()?;
    Some(Timestamp::from_seconds(issued_at))
}

/// One that names somebody: threat 07.
pub(super) fn is_subject(subject: &str) -> bool {
    !subject.trim().is_empty()
        && subject.len() <= MAX_SUBJECT
        && !subject.chars().any(char::is_control)
}
