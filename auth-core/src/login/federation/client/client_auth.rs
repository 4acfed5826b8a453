//! How this app proves to the token endpoint that it is the client (RFC 6749 §2.3, RFC 7523 §2.2).

use openidconnect::{AuthType, ClientSecret};
use serde_json::{Value, json};

use super::{Client, ClientError};
use crate::ground::jose::SigningKey;
use crate::ground::{Random, Timestamp};
use crate::login::federation::upstream::ClientAuth;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const APPLE: &str = "https://appleid.apple.com";
/// Long enough for clocks that differ and a slow network.
const LIFE_SECONDS: i64 = 60;

/// Parameters of a token request.
pub(super) type Parameters = Vec<(&'static str, String)>;

/// What goes along with a token request.
pub(super) struct Proof {
    pub(super) auth_type: AuthType,
    pub(super) secret: Option<ClientSecret>,
    pub(super) parameters: Parameters,
}

impl Client {
    pub(super) fn proof(
        &self,
        token_endpoint: &str,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Proof, ClientError> {
        let client_id = &self.upstream.client_id;
        let by = |auth_type, secret: Option<String>| Proof {
            auth_type,
            secret: secret.map(ClientSecret::new),
            parameters: Vec::new(),
        };
        Ok(match &self.upstream.client_auth {
            ClientAuth::None => by(AuthType::RequestBody, None),
            ClientAuth::Basic(secret) => by(AuthType::BasicAuth, Some(secret.to_string())),
            ClientAuth::Post(secret) => by(AuthType::RequestBody, Some(secret.to_string())),
            ClientAuth::PrivateKeyJwt(key) => {
                let claims = json!({
                    "iss": client_id,
                    "sub": client_id,
                    "aud": token_endpoint,
                    "jti": random.id(),
                    "iat": now.seconds(),
                    "exp": now.seconds() + LIFE_SECONDS,
                });
                let mut proof = by(AuthType::RequestBody, None);
                proof.parameters = vec![
                    ("client_assertion_type", JWT_BEARER.to_owned()),
                    ("client_assertion", sign(key, &claims)?),
                ];
                proof
            }
            ClientAuth::AppleJwt { team_id, key } => {
                let claims = json!({
                    "iss": team_id,
                    "sub": client_id,
                    "aud": APPLE,
                    "iat": now.seconds(),
                    "exp": now.seconds() + LIFE_SECONDS,
                });
                by(AuthType::RequestBody, Some(sign(key, &claims)?))
            }
        })
    }
}

fn sign(key: &SigningKey, claims: &Value) -> Result<String, ClientError> {
    key.sign_compact(Some("JWT"), claims)
        .map_err(|_| ClientError::Refused("client_assertion"))
}
