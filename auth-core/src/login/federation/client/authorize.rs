//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1, RFC 7636 §4.3).

use super::metadata::{Discovered, there};
use super::{Ask, AttemptSecrets, Client, ClientError};
use crate::ground::{Digest32, Timestamp};
use crate::login::federation::upstream::{Protocol, ResponseMode};

/// What an operator's own parameters never are.
const OWN: [&str; 9] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "request",
];

impl Client {
    pub(super) async fn request_url(
        &self,
        secrets: &AttemptSecrets,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<String, ClientError> {
        let upstream = &self.upstream;
        let discovered = self.discovered(now).await?;
        let endpoint = match (&upstream.protocol, &discovered) {
            (
                Protocol::OAuth2 {
                    authorization_endpoint,
                    ..
                },
                _,
            ) => Ok(authorization_endpoint.as_str()),
            (_, Some(discovered)) => there(discovered.metadata().authorization_endpoint.as_deref()),
            (_, None) => there(None),
        }?
        .to_owned();
        if discovered.is_some_and(|discovered| !self.can_agree(&discovered)) {
            return Err(ClientError::Refused("id_token_algorithm"));
        }
        let mut url = self.browser_url(&endpoint)?;
        let mut asked: Vec<(&str, String)> = vec![
            ("response_type", "code".to_owned()),
            ("client_id", upstream.client_id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", secrets.state.clone()),
        ];
        let scope = self.scope();
        if !scope.is_empty() {
            asked.push(("scope", scope));
        }
        if upstream.uses_pkce {
            // base64url of the SHA-256 (RFC 7636 §4.2).
            let challenge = Digest32::of(&secrets.code_verifier).to_text();
            asked.push(("code_challenge", challenge));
            asked.push(("code_challenge_method", "S256".to_owned()));
        }
        if upstream.response_mode == ResponseMode::FormPost {
            asked.push(("response_mode", "form_post".to_owned()));
        }
        let mut optional = |name, value: Option<String>| {
            asked.extend(value.map(|value| (name, value)));
        };
        optional("login_hint", ask.login_hint.clone());
        optional("prompt", ask.prompt.clone());
        if self.is_openid() {
            optional("nonce", Some(secrets.nonce.clone()));
            optional("max_age", ask.max_age.map(|seconds| seconds.to_string()));
            optional("acr_values", ask.acr_values.clone());
        }
        for (name, value) in &upstream.parameters {
            let is_asked = asked.iter().any(|(own, _)| own == name);
            if !is_asked && !OWN.contains(&name.as_str()) {
                asked.push((name, value.clone()));
            }
        }
        url.query_pairs_mut().extend_pairs(asked);
        Ok(url.into())
    }

    pub(super) fn is_openid(&self) -> bool {
        matches!(self.upstream.protocol, Protocol::OpenId { .. })
    }

    /// Whether the provider signs by any algorithm that is accepted here, as far as it says: else nobody has to go there
    /// in vain.
    fn can_agree(&self, discovered: &Discovered) -> bool {
        let signs_by = &discovered.metadata().id_token_signing_alg_values_supported;
        signs_by.as_ref().is_none_or(|signs_by| {
            let mut accepted = self.algorithms().iter();
            accepted.any(|own| signs_by.iter().any(|name| name == own.name()))
        })
    }

    fn scope(&self) -> String {
        let mut scopes: Vec<_> = self.upstream.scopes.iter().map(String::as_str).collect();
        if self.is_openid() && !scopes.contains(&"openid") {
            scopes.insert(0, "openid");
        }
        scopes.join(" ")
    }
}
