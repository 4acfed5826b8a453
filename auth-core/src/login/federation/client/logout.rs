//! Signing out there (OpenID Connect RP-Initiated Logout), and hearing of it (Back-Channel Logout).

use std::sync::PoisonError;
use std::time::Duration;

use super::id_token::{LEEWAY, LEEWAY_SECONDS, MAX_AGE_SECONDS, is_subject};
use super::{Client, ClientError, LogoutRefused, LogoutToken};
use crate::ground::Timestamp;
use crate::ground::jose::{Claims, ClaimsCheck, JoseError, Jws};
use crate::services::issuer::{Seeker, has_passed};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Bounds how long a `jti` has to be remembered; the specification thinks of two minutes.
const MAX_LIFE_SECONDS: i64 = 3600;
const MAX_ID: usize = 255;
/// As often it is told that the provider cannot be had, whoever sends what meanwhile.
const TELL_DOWN: Duration = Duration::from_secs(30);
/// The reason of tokens that come too late or too early.
const TIME: &str = "logout_token_time";

impl Client {
    pub(super) async fn logout_url(
        &self,
        id_token: Option<&str>,
        post_logout_redirect_uri: &str,
        state: &str,
        now: Timestamp,
    ) -> Option<String> {
        let discovered = self.discovered(now).await.ok()??;
        let endpoint = discovered.metadata().end_session_endpoint.as_deref()?;
        let mut url = self.browser_url(endpoint).ok()?;
        let mut asked = url.query_pairs_mut();
        if let Some(id_token) = id_token {
            asked.append_pair("id_token_hint", id_token);
        }
        asked
            .append_pair("client_id", &self.upstream.client_id)
            .append_pair("post_logout_redirect_uri", post_logout_redirect_uri)
            .append_pair("state", state);
        drop(asked);
        Some(url.into())
    }

    pub(super) async fn logout_claims(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<LogoutToken, LogoutRefused> {
        let jws = Jws::parse(token).map_err(of_logout_token)?;
        // An access token or a client assertion is none.
        if jws.typ().is_some() {
            jws.require_typ("logout+jwt").map_err(of_logout_token)?;
        }
        let unverified = jws.dangerous_unverified_claims();
        let unverified = unverified.map_err(of_logout_token)?;
        let discovered = self.discovered(now).await?;
        let discovered = discovered.ok_or(ClientError::Refused("logout_token_issuer"))?;
        // Whose token it claims to be, before anything is fetched for it.
        let issuer = unverified.str("iss").unwrap_or_default();
        if !discovered.is_issuer(issuer) {
            return Err(ClientError::Refused("logout_token_issuer").into());
        }
        let vouched = self.vouched_claims(&jws, &discovered, Seeker::Logout, now);
        let claims = vouched
            .await
            .map_err(|error| error.into_error(of_logout_token))?;
        let read = self.read_logout(&claims, issuer, now);
        read.map_err(|error| LogoutRefused {
            is_late: matches!(error, ClientError::Refused(TIME)),
            error,
        })
    }

    /// Whether it is time to tell that a logout could not be checked: strangers may send as many as they like.
    pub(in crate::login) fn tells_down(&self, now: Timestamp) -> bool {
        let told = self.told_down_at.lock();
        let mut told = told.unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|at| has_passed(TELL_DOWN, at, now));
        if is_due {
            *told = Some(now);
        }
        is_due
    }

    /// §2.4, §2.6.
    fn read_logout(
        &self,
        claims: &Claims,
        issuer: &str,
        now: Timestamp,
    ) -> Result<LogoutToken, ClientError> {
        let rule = ClaimsCheck {
            issuer: Some(issuer),
            audience: Some(&[&self.upstream.client_id]),
            leeway_seconds: LEEWAY_SECONDS,
            max_lifetime_seconds: Some(MAX_LIFE_SECONDS),
            require_iat: true,
            max_age_seconds: Some(MAX_AGE_SECONDS),
            ..ClaimsCheck::at(now.seconds())
        };
        rule.check(claims).map_err(of_logout_token)?;
        let is_logout = claims
            .get("events")
            .and_then(|events| events.get(EVENT))
            .is_some_and(serde_json::Value::is_object);
        if !is_logout {
            return Err(ClientError::Refused("logout_token_events"));
        }
        // What an ID token has, so that none passes for a logout token.
        if claims.get("nonce").is_some() {
            return Err(ClientError::Refused("logout_token_nonce"));
        }
        let id = |name: &'static str, wrong: &'static str| {
            let id = claims.optional_str(name);
            let id = id.map_err(|_| ClientError::Refused(wrong))?;
            match id {
                Some(id) if id.is_empty() || id.len() > MAX_ID => Err(ClientError::Refused(wrong)),
                id => Ok(id.map(str::to_owned)),
            }
        };
        let subject = id("sub", "logout_token_subject")?;
        let sid = id("sid", "logout_token_sid")?;
        let is_named = subject.as_deref().is_none_or(is_subject);
        if !is_named || (subject.is_none() && sid.is_none()) {
            return Err(ClientError::Refused("logout_token_subject"));
        }
        let jti = id("jti", "logout_token_jti")?;
        let exp = claims.require_time("exp").map_err(of_logout_token)?;
        let iat = claims.require_time("iat").map_err(of_logout_token)?;
        Ok(LogoutToken {
            issuer: issuer.to_owned(),
            subject,
            sid,
            jti: jti.ok_or(ClientError::Refused("logout_token_jti"))?,
            issued_at: Timestamp::from_seconds(iat),
            expires_at: Timestamp::from_seconds(exp) + LEEWAY + Duration::from_secs(1),
        })
    }
}

fn of_logout_token(error: JoseError) -> ClientError {
    ClientError::Refused(match error {
        JoseError::UnsupportedAlgorithm | JoseError::AlgorithmNotAllowed => {
            "logout_token_algorithm"
        }
        JoseError::UnexpectedType | JoseError::CriticalHeader => "logout_token_type",
        JoseError::UnknownKey | JoseError::KeyUnsuitable | JoseError::AmbiguousKey => {
            "logout_token_key"
        }
        JoseError::InvalidSignature => "logout_token_signature",
        JoseError::IssuerMismatch | JoseError::MissingClaim("iss") => "logout_token_issuer",
        JoseError::AudienceMismatch | JoseError::MissingClaim("aud") => "logout_token_audience",
        JoseError::Expired
        | JoseError::LifetimeTooLong
        | JoseError::NotYetValid
        | JoseError::IssuedInFuture
        | JoseError::TooOld
        | JoseError::MissingClaim("exp" | "iat")
        | JoseError::WrongClaimType("exp" | "iat" | "nbf")
        | JoseError::ClaimOutOfRange(_) => TIME,
        _ => "logout_token",
    })
}
