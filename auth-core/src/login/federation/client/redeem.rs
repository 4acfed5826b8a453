//! From an authorization response to somebody proven.

use serde_json::{Map, Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::id_token::Asked;
use super::metadata::Discovered;
use super::{
    Ask, AttemptSecrets, AuthorizationResponse, Client, ClientError, Proven, error, id_token,
};
use crate::ground::jose::parse_unique_object;
use crate::ground::{Random, Timestamp};
use crate::login::federation::profile;
use crate::login::federation::upstream::{Protocol, ResponseMode};

/// Longer codes are nobody's.
const MAX_CODE: usize = 8 * 1024;
/// Longer names are nobody's.
const MAX_POSTED_USER: usize = 4 * 1024;

impl Client {
    pub(super) async fn prove(
        &self,
        secrets: &AttemptSecrets,
        ask: &Ask,
        response: &AuthorizationResponse,
        random: &dyn Random,
        (began_at, now): (Timestamp, Timestamp),
    ) -> Result<Proven, ClientError> {
        let discovered = self.discovered(now).await?;
        // Before anything in it counts: it may be another provider's (RFC 9207 §2.4, threat 37).
        self.check_response_issuer(discovered.as_deref(), response.iss.as_deref())?;
        if let Some(error) = &response.error {
            return Err(error::of_authorization(error));
        }
        let code = response.code.as_deref().unwrap_or_default();
        if code.is_empty() || code.len() > MAX_CODE {
            return Err(ClientError::Refused("code"));
        }
        let answer = self
            .exchange_code(discovered.as_deref(), secrets, code, random, now)
            .await?;
        let Some(discovered) = discovered else {
            return self.prove_by_api(answer.into_tokens(now)).await;
        };
        let asked = Asked {
            nonce: &secrets.nonce,
            code,
            max_age: ask.max_age,
            began_at,
        };
        let raw = answer.raw_id_token.as_ref();
        let raw = raw.ok_or(ClientError::Refused("id_token_missing"))?;
        let id_token = self.signed_token(raw, random);
        let id_token = id_token.map_err(|_| ClientError::Refused("id_token_encryption"))?;
        let (discovered, claims) = self
            .check_id_token(discovered, &id_token, &answer, &asked, now)
            .await?;
        let id_token = Some(Zeroizing::new(id_token.into_owned()));
        let tokens = answer.into_tokens(now);
        let mut proven = id_token::proven(claims, id_token, tokens)?;
        // An access token can be swapped without the ID token noticing where that has no `at_hash`: what it opens
        // counts only if it is of the same person.
        let mut told = None;
        if self.asks_user_info()
            && let Some(endpoint) = &discovered.metadata().userinfo_endpoint
        {
            let more = self.user_info(&discovered, endpoint, &proven, random, now);
            told = Some(more.await?);
        }
        let posted = self.posted_user(response.user.as_deref());
        self.complete(&mut proven, told, posted);
        Ok(proven)
    }

    /// Adds to what was signed what else was said, and reads it.
    fn complete(
        &self,
        proven: &mut Proven,
        told: Option<Map<String, Value>>,
        posted: Option<Value>,
    ) {
        let map = &self.upstream.profile;
        if told.is_none() && posted.is_none() {
            proven.profile = profile::read(map, &proven.claims);
            return;
        }
        let signed = proven.claims.clone();
        let told = told.unwrap_or_default();
        merge(&mut proven.claims, told.clone());
        if let (Some(user), Value::Object(claims)) = (posted, &mut proven.claims) {
            claims.entry("user").or_insert(user);
        }
        let told = Value::Object(told);
        proven.profile = profile::read_of_two(map, &proven.claims, (&signed, &told));
    }

    /// RFC 9207 §2.4. OAuth 2 providers without metadata have no issuer identifier that an operator could look up: what
    /// they name has to be on the origin that the browser was sent to, at least.
    fn check_response_issuer(
        &self,
        discovered: Option<&Discovered>,
        named: Option<&str>,
    ) -> Result<(), ClientError> {
        const MIXED_UP: ClientError = ClientError::Refused("issuer");
        let fits = match (&self.upstream.protocol, discovered, named) {
            (_, Some(discovered), Some(named)) => discovered.is_issuer(named),
            (_, Some(discovered), None) => {
                let metadata = discovered.metadata();
                metadata.authorization_response_iss_parameter_supported != Some(true)
            }
            (_, None, None) => true,
            (
                Protocol::OAuth2 {
                    issuer,
                    authorization_endpoint,
                    ..
                },
                None,
                Some(named),
            ) => named == issuer || same_origin(named, authorization_endpoint),
            (Protocol::OpenId { .. }, None, Some(_)) => false,
        };
        if fits { Ok(()) } else { Err(MIXED_UP) }
    }

    fn asks_user_info(&self) -> bool {
        matches!(
            self.upstream.protocol,
            Protocol::OpenId {
                user_info: true,
                ..
            }
        )
    }

    /// What Apple posts beside the code. The browser carried it and nobody signed it: a name, which people may choose
    /// anyway, and never an address.
    fn posted_user(&self, posted: Option<&str>) -> Option<Value> {
        if self.upstream.response_mode != ResponseMode::FormPost {
            return None;
        }
        let posted = posted.filter(|posted| posted.len() <= MAX_POSTED_USER)?;
        let mut user = parse_unique_object(posted.as_bytes()).ok()?;
        let name = user.remove("name").filter(Value::is_object)?;
        Some(json!({ "name": name }))
    }
}

fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin().is_tuple() && one.origin() == other.origin(),
        _ => false,
    }
}

/// Adds what is not there: what was signed goes first. An address and whether it is verified go together, or one
/// document's word would be taken for another's address.
fn merge(claims: &mut Value, mut more: Map<String, Value>) {
    if let Value::Object(claims) = claims {
        match (claims.get("email"), more.get("email")) {
            (Some(signed), other) if other != Some(signed) => {
                more.remove("email_verified");
            }
            (None, Some(_)) => {
                claims.remove("email_verified");
            }
            _ => {}
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
    }
}
