//! Authorization codes: issued once everything is proven, redeemed once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ProviderWing;
use super::account::SignedInAccount;
use super::client::{ClientMetadata as _, VerifiedRedirectUri};
use super::client_auth::AuthenticatedClient;
use super::error::OAuthError;
use super::pkce::CodeChallenge;
use crate::ground::{Digest32, KeyRingError, Purpose, Timestamp};
use crate::services::Event;
use crate::store::{Client, Consumed, Grant, GrantId, OneTimeKind, OneTimeValue};

/// A spent code is remembered this much longer than it lives, so that a late replay still revokes.
const REPLAY_MEMORY: Duration = Duration::from_hours(24);

/// Scopes a user agreed to, or that need no asking. Only the consent decision makes one.
#[derive(Debug)]
pub(super) struct ConsentedScopes(pub(super) BTreeSet<String>);

/// All that must be proven before a code is issued. Each proof is taken by value.
pub(super) struct CodeRequest {
    pub client: Client,
    pub redirect_uri: VerifiedRedirectUri,
    /// Whether the request named the redirect URI; the token request must then name it too (RFC 6749 §4.1.3).
    pub redirect_uri_given: bool,
    /// `None` where PKCE was neither used nor required.
    pub code_challenge: Option<CodeChallenge>,
    pub account: SignedInAccount,
    pub scopes: ConsentedScopes,
    pub nonce: Option<String>,
    /// The `claims` parameter (OpenID Connect Core §5.5).
    pub claims: Option<Value>,
}

/// What an ID token of a grant repeats; stands in [`Grant::details`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct GrantDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Seconds since the epoch.
    pub auth_time: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
}

impl GrantDetails {
    pub(super) fn of(grant: &Grant) -> Self {
        serde_json::from_value(Value::Object(grant.details.clone())).unwrap_or_default()
    }

    fn into_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct CodePayload {
    grant_id: GrantId,
    client_id: String,
    redirect_uri: String,
    redirect_uri_given: bool,
    code_challenge: Option<CodeChallenge>,
}

impl ProviderWing {
    /// Writes the grant: what was agreed to, before anything that stands for it.
    pub(super) async fn write_grant(
        &self,
        request: &CodeRequest,
        now: Timestamp,
    ) -> Result<Grant, OAuthError> {
        let grant = self.new_grant(request, now);
        self.core.stores.grants.insert_grant(&grant).await?;
        Ok(grant)
    }

    /// Issues the code that stands for a grant.
    pub(super) async fn issue_code(
        &self,
        request: CodeRequest,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let core = &self.core;
        let code = core.random.secret();
        let payload = CodePayload {
            grant_id: grant.id.clone(),
            client_id: request.client.client_id.to_string(),
            redirect_uri: request.redirect_uri.as_str().to_owned(),
            redirect_uri_given: request.redirect_uri_given,
            code_challenge: request.code_challenge,
        };
        let value = OneTimeValue {
            kind: OneTimeKind::AuthorizationCode,
            key: Digest32::of(&code),
            payload: self.seal_payload(OneTimeKind::AuthorizationCode, &payload)?,
            expires_at: now + self.settings.code_life,
            keep_until: now + self.settings.code_life + REPLAY_MEMORY,
        };
        core.stores.one_time.put(&value).await?;
        let event = Event::CodeIssued {
            subject: grant.subject.clone(),
            client: grant.client_id.clone(),
            grant: grant.id.clone(),
        };
        core.emit(now, None, event).await;
        Ok(code)
    }

    fn new_grant(&self, request: &CodeRequest, now: Timestamp) -> Grant {
        let account = &request.account;
        let details = GrantDetails {
            nonce: request.nonce.clone(),
            auth_time: account.auth_time.seconds(),
            amr: account.amr.clone(),
            acr: account.acr.clone(),
            claims: request.claims.clone(),
        };
        Grant {
            id: GrantId::new(self.core.random.id()),
            client_id: request.client.client_id.clone(),
            subject: account.subject.clone(),
            session_id: account.session_id.clone(),
            offline: request.scopes.0.contains("offline_access"),
            scopes: request.scopes.0.clone(),
            details: details.into_map(),
            created_at: now,
            // Long enough for the code and the access token it may become; a refresh token moves it on.
            expires_at: now + self.grant_life(request),
            revoked_at: None,
        }
    }

    /// A grant of a client that is told of the session's end says that it has to be: it stays as long as a family of
    /// refresh tokens would, whether there is one or not. What it gave has an end of its own.
    fn grant_life(&self, request: &CodeRequest) -> Duration {
        let listens = ["backchannel_logout_uri", "frontchannel_logout_uri"]
            .iter()
            .any(|member| request.client.text(member).is_some());
        let settings = &self.settings;
        let least = settings.code_life + settings.access_token_life;
        if listens && request.account.session_id.is_some() {
            least.max(settings.refresh_absolute)
        } else {
            least
        }
    }

    /// Redeems a code for the client it was issued to (RFC 6749 §4.1.3, RFC 7636 §4.6). It is spent before anything
    /// else is judged: a wrong verifier or client costs the code, so nobody gets a second guess. A replay revokes the
    /// grant and with it every token it gave (RFC 6749 §4.1.2).
    pub(super) async fn redeem_code(
        &self,
        client: &AuthenticatedClient,
        code: &str,
        redirect_uri: Option<&str>,
        code_verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Grant, OAuthError> {
        let refused = || OAuthError::invalid_grant("the authorization code is not valid");
        let stores = &self.core.stores;
        let key = Digest32::of(code);
        let kind = OneTimeKind::AuthorizationCode;
        let payload: CodePayload = match stores.one_time.consume(kind, &key, now).await? {
            Consumed::First(value) => self.open_payload(kind, &value.payload)?,
            Consumed::Again(value) => {
                let payload: CodePayload = self.open_payload(kind, &value.payload)?;
                stores.grants.revoke_grant(&payload.grant_id, now).await?;
                let event = Event::CodeReplayed {
                    client: client.id().clone(),
                    grant: payload.grant_id,
                };
                self.core.emit(now, None, event).await;
                return Err(refused());
            }
            Consumed::Absent => return Err(refused()),
        };
        if payload.client_id != client.id().as_str() {
            return Err(refused());
        }
        let redirect_uri_fits = match redirect_uri {
            Some(uri) => uri == payload.redirect_uri,
            None => !payload.redirect_uri_given,
        };
        if !redirect_uri_fits {
            return Err(OAuthError::invalid_grant(
                "redirect_uri is not the one of the authorization request",
            ));
        }
        // A verifier without a challenge is as wrong as the reverse: somebody stripped the challenge from the request
        // (RFC 9700 §4.8.2).
        let pkce_fits = match (&payload.code_challenge, code_verifier) {
            (Some(challenge), Some(verifier)) => challenge.verify(verifier).is_some(),
            (challenge, verifier) => challenge.is_none() && verifier.is_none(),
        };
        if !pkce_fits {
            return Err(OAuthError::invalid_grant(
                "code_verifier does not fit the code_challenge",
            ));
        }
        let grant = stores.grants.grant(&payload.grant_id).await?;
        grant.filter(|grant| grant.is_live(now)).ok_or_else(refused)
    }

    /// Seals a one-time payload, tied to its kind.
    pub(super) fn seal_payload(
        &self,
        kind: OneTimeKind,
        payload: &impl Serialize,
    ) -> Result<Vec<u8>, OAuthError> {
        let plain = serde_json::to_vec(payload).map_err(internal)?;
        self.core
            .keys
            .seal(
                &*self.core.random,
                Purpose::OneTimePayload,
                kind.as_str().as_bytes(),
                &plain,
            )
            .map_err(internal)
    }

    /// Opens what [`seal_payload`](Self::seal_payload) sealed.
    pub(super) fn open_payload<T: for<'de> Deserialize<'de>>(
        &self,
        kind: OneTimeKind,
        sealed: &[u8],
    ) -> Result<T, OAuthError> {
        let context = kind.as_str().as_bytes();
        let plain = self
            .core
            .keys
            .open(Purpose::OneTimePayload, context, sealed)
            .map_err(unopened)?;
        serde_json::from_slice(&plain).map_err(internal)
    }
}

/// What was sealed under a secret that was dropped too early cannot be used any more: the client begins anew.
pub(super) fn unopened(error: KeyRingError) -> OAuthError {
    match error {
        KeyRingError::DoesNotOpen => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a code or refresh token was refused");
            OAuthError::invalid_grant("the server's secrets changed; begin anew")
        }
        _ => internal(error),
    }
}

/// Logs a fault of ours and hides it.
pub(super) fn internal(error: impl std::error::Error + 'static) -> OAuthError {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "the provider failed"
    );
    OAuthError::server_error("the server failed; the cause is in its log")
}
