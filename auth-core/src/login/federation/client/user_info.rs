//! `UserInfo` (OpenID Connect Core §5.3).

use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::metadata::Discovered;
use super::{Client, ClientError, Proven};
use crate::ground::jose::{Claims, ClaimsCheck, Jws};
use crate::ground::{Random, Timestamp};
use crate::services::issuer::Seeker;

const PLACE: &str = "userinfo endpoint";
const WRONG: ClientError = ClientError::Refused("user_info");

impl Client {
    /// What it says of the person that the ID token is about, and of nobody else.
    pub(super) async fn user_info(
        &self,
        discovered: &Discovered,
        endpoint: &str,
        proven: &Proven,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Map<String, Value>, ClientError> {
        let access_token = &proven.tokens.access_token;
        let answer = self
            .ask_api(PLACE, &Method::GET, endpoint, &[], access_token)
            .await?;
        if answer.status != StatusCode::OK {
            return Err(WRONG);
        }
        let claims = if answer.is_json() {
            Claims::from_vouched_json(&answer.body).map_err(|_| WRONG)?
        } else if answer.media_type == "application/jwt" {
            let token = std::str::from_utf8(&answer.body).map_err(|_| WRONG)?;
            self.read_token(discovered, token.trim(), &proven.issuer, random, now)
                .await?
        } else {
            // A page of somebody's, mostly of a proxy.
            return Err(ClientError::Down(PLACE, None));
        };
        // §5.3.2: else an access token of another person's brings their claims.
        if claims.optional_str("sub") != Ok(Some(&proven.subject)) {
            return Err(ClientError::Refused("user_info_subject"));
        }
        Ok(claims.into_object())
    }

    /// A signed answer, an encrypted one, or one that is both.
    async fn read_token(
        &self,
        discovered: &Discovered,
        token: &str,
        issuer: &str,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Claims, ClientError> {
        let Some(decrypted) = self.decrypted(token, random) else {
            return self.check_signed(discovered, token, issuer, now).await;
        };
        let decrypted = decrypted.map_err(|_| ClientError::Refused("user_info_encryption"))?;
        match decrypted.nested_jwt() {
            Ok(token) => self.check_signed(discovered, token, issuer, now).await,
            // Encrypted alone, it is vouched for as one in the clear is: by TLS.
            Err(_) => Claims::from_vouched_json(decrypted.plaintext()).map_err(|_| WRONG),
        }
    }

    /// A signed answer, by the keys the ID token was signed by or beside, or newer ones. `iss` and `aud` have to be there,
    /// so that no other token of the provider's passes for one; times count where they are there.
    async fn check_signed(
        &self,
        discovered: &Discovered,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Claims, ClientError> {
        const UNSIGNED: ClientError = ClientError::Refused("user_info_signature");
        let jws = Jws::parse(token).map_err(|_| UNSIGNED)?;
        let vouched = self.vouched_claims(&jws, discovered, Seeker::SignIn, now);
        let claims = vouched
            .await
            .map_err(|error| error.into_error(|_| UNSIGNED))?;
        let rule = ClaimsCheck {
            issuer: Some(issuer),
            audience: Some(&[&self.upstream.client_id]),
            leeway_seconds: super::id_token::LEEWAY_SECONDS,
            require_exp: false,
            ..ClaimsCheck::at(now.seconds())
        };
        rule.check(&claims).map_err(|_| WRONG)?;
        Ok(claims)
    }
}
