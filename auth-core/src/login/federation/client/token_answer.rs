//! What a token endpoint answers (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).

use std::fmt;
use std::time::Duration;

use openidconnect::core::{
    CoreGenderClaim, CoreIdToken, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreTokenType,
};
use openidconnect::{
    AccessToken, EmptyAdditionalClaims, OAuth2TokenResponse, RefreshToken, Scope, TokenResponse,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Tokens;
use crate::ground::Timestamp;

/// Longer tokens are nobody's: they would not fit into a header.
const MAX_TOKEN: usize = 16 * 1024;
/// Further off is a mistake, such as milliseconds.
const MAX_LIFE: u64 = 10 * 366 * 24 * 3600;

/// The answer. Written nowhere: `Serialize`, which the crate asks for, leaves the secrets out. Nor is it cloned, but a client
/// of such answers is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub(super) struct TokenAnswer {
    #[serde(skip_serializing)]
    access_token: AccessToken,
    #[serde(skip_serializing)]
    refresh_token: Option<RefreshToken>,
    token_type: CoreTokenType,
    expires_in: Option<Duration>,
    scopes: Option<Vec<Scope>>,
    /// As it came, for a hint at sign-out.
    #[serde(skip_serializing)]
    pub(super) raw_id_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing)]
    id_token: Option<CoreIdToken>,
}

/// As it comes. Some leave `token_type` out; it is then what everybody's is.
#[derive(Deserialize)]
struct Raw {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<String>,
    /// Facebook's is a list in places.
    #[serde(default)]
    scope: Value,
    #[serde(default)]
    id_token: Option<String>,
}

/// A number, or one in a string, as some write it.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let wrong = || D::Error::custom("expires_in");
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Number(number) => number.as_u64().map(Some).ok_or_else(wrong),
        Value::String(text) => text.parse().map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

impl TryFrom<Raw> for TokenAnswer {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        let fits = |token: &String| !token.is_empty() && token.len() <= MAX_TOKEN;
        let is_header = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits(&raw.access_token) || !is_header(&raw.access_token) {
            return Err("access_token");
        }
        if raw.refresh_token.as_ref().is_some_and(|token| !fits(token)) {
            return Err("refresh_token");
        }
        // One of another type is not used as a bearer token (RFC 6749 §7.1).
        let token_type = raw.token_type.unwrap_or_else(|| "bearer".to_owned());
        if !token_type.eq_ignore_ascii_case("bearer") {
            return Err("token_type");
        }
        let scopes = raw.scope.as_str().map(|scope| {
            let scopes = scope.split([' ', ',']).filter(|scope| !scope.is_empty());
            scopes.map(|scope| Scope::new(scope.to_owned())).collect()
        });
        Ok(Self {
            access_token: AccessToken::new(raw.access_token),
            refresh_token: raw.refresh_token.map(RefreshToken::new),
            token_type: CoreTokenType::Bearer,
            expires_in: raw
                .expires_in
                .filter(|seconds| *seconds <= MAX_LIFE)
                .map(Duration::from_secs),
            scopes,
            // Why it cannot be read, if it cannot, is found out where it is checked.
            id_token: raw.id_token.as_ref().and_then(|token| token.parse().ok()),
            raw_id_token: raw.id_token.map(Zeroizing::new),
        })
    }
}

impl TokenAnswer {
    pub(super) fn into_tokens(self, now: Timestamp) -> Tokens {
        let scopes = self.scopes.map(|scopes| {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            scopes.join(" ")
        });
        Tokens {
            access_token: Zeroizing::new(self.access_token.into_secret()),
            refresh_token: self
                .refresh_token
                .map(|token| Zeroizing::new(token.into_secret())),
            expires_at: self.expires_in.map(|life| now + life),
            scope: scopes,
        }
    }
}

impl OAuth2TokenResponse for TokenAnswer {
    type TokenType = CoreTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &CoreTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scopes.as_ref()
    }
}

impl
    TokenResponse<
        EmptyAdditionalClaims,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    > for TokenAnswer
{
    fn id_token(&self) -> Option<&CoreIdToken> {
        self.id_token.as_ref()
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenAnswer")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<TokenAnswer, serde_json::Error> {
        let mut answer = json!({ "access_token": "a", "token_type": "Bearer" });
        change(&mut answer);
        serde_json::from_value(answer)
    }

    #[test]
    fn what_others_write() {
        let now = Timestamp::from_seconds(1000);
        for (expires_in, seconds) in [
            (json!(60), Some(1060)),
            (json!("60"), Some(1060)),
            (json!(0), Some(1000)),
            (json!(null), None),
            // Not a life.
            (json!(u64::MAX), None),
        ] {
            let answer = read(|answer| answer["expires_in"] = expires_in.clone()).unwrap();
            let tokens = answer.into_tokens(now);
            assert_eq!(
                tokens.expires_at.map(Timestamp::seconds),
                seconds,
                "{expires_in}"
            );
        }
        for scope in ["a b", "a,b"] {
            let answer = read(|answer| answer["scope"] = json!(scope)).unwrap();
            assert_eq!(answer.into_tokens(now).scope.as_deref(), Some("a b"));
        }
        for token_type in [json!("bearer"), json!("BEARER"), json!(null)] {
            assert!(read(|answer| answer["token_type"] = token_type).is_ok());
        }
    }

    #[test]
    fn what_is_no_answer() {
        for (name, value) in [
            ("access_token", json!("")),
            ("access_token", json!(7)),
            ("access_token", json!("a\r\nX: y")),
            ("access_token", json!("x".repeat(MAX_TOKEN + 1))),
            ("token_type", json!("DPoP")),
            ("token_type", json!("mac")),
            ("refresh_token", json!("")),
            ("refresh_token", json!({})),
            ("expires_in", json!(-1)),
            ("expires_in", json!("soon")),
            ("id_token", json!(["x"])),
        ] {
            assert!(
                read(|answer| answer[name] = value.clone()).is_err(),
                "{name} {value}"
            );
        }
        let twice = r#"{"access_token":"a","access_token":"b"}"#;
        assert!(serde_json::from_str::<TokenAnswer>(twice).is_err());
    }

    #[test]
    fn threat_50_secrets_are_not_written() {
        let answer = read(|answer| {
            answer["access_token"] = json!("hush-1");
            answer["refresh_token"] = json!("hush-2");
            answer["id_token"] = json!("hush-3");
        })
        .unwrap();
        let written = serde_json::to_string(&answer).unwrap() + &format!("{answer:?}");
        assert!(!written.contains("hush"), "{written}");
    }
}
