//! `grant_type=refresh_token` (RFC 6749 §6, RFC 9700 §4.14).
//!
//! Each use replaces the token. A client that lost the answer asks again with the old one and gets the same successor,
//! until that one is used; from then on the old one is a sign of theft and ends the grant.

use std::collections::BTreeSet;

use super::TokenRequest;
use crate::ground::{Digest32, Purpose, Timestamp};
use crate::provider::ProviderWing;
use crate::provider::client_auth::AuthenticatedClient;
use crate::provider::code::{internal, unopened};
use crate::provider::error::OAuthError;
use crate::provider::scope;
use crate::provider::tokens::Issued;
use crate::services::Event;
use crate::store::{Grant, RotationOutcome, Successor};
use crate::web::{Exchange, Response};

impl ProviderWing {
    pub(super) async fn grant_refresh_token(
        &self,
        exchange: &Exchange<'_>,
        request: &TokenRequest<'_>,
    ) -> Result<Response, OAuthError> {
        let (client, now) = (request.client, exchange.now);
        let digest = Digest32::of(request.require("refresh_token")?);
        let grant = self.refreshable_grant(client, &digest, now).await?;
        let scope = narrowed(&grant.scopes, request.params.get("scope"))?;
        let (grant, refresh_token) = self.rotate(exchange, client, &digest, &grant).await?;
        let issued = Issued {
            client,
            grant: &grant,
            scope: &scope,
            refresh_token: Some(&refresh_token),
            grant_type: "refresh_token",
        };
        self.respond_with_tokens(exchange, &issued).await
    }

    /// The grant behind a refresh token, when the client may refresh it now. Nothing is changed for a client that may
    /// not; the grant ends when its account or session has.
    async fn refreshable_grant(
        &self,
        client: &AuthenticatedClient,
        digest: &Digest32,
        now: Timestamp,
    ) -> Result<Grant, OAuthError> {
        let found = self.core.stores.grants.refresh_token(digest).await?;
        let (token, grant) = found.ok_or_else(refused)?;
        if grant.client_id != *client.id() || !grant.is_live(now) || token.expires_at <= now {
            return Err(refused());
        }
        self.require_active_subject(&grant, now).await?;
        if !self.is_in_session(&grant).await? {
            self.core.stores.grants.revoke_grant(&grant.id, now).await?;
            return Err(OAuthError::invalid_grant("the session has ended"));
        }
        Ok(grant)
    }

    /// Whether the session a grant depends on stands; with `offline_access` it depends on none.
    pub(in crate::provider) async fn is_in_session(
        &self,
        grant: &Grant,
    ) -> Result<bool, OAuthError> {
        match &grant.session_id {
            Some(session) if !grant.offline => {
                let live = self.accounts.is_session_live(&grant.subject, session);
                Ok(live.await?)
            }
            _ => Ok(true),
        }
    }

    /// Uses the token. The store decides between a first use, a retry and a reuse.
    async fn rotate(
        &self,
        exchange: &Exchange<'_>,
        client: &AuthenticatedClient,
        digest: &Digest32,
        grant: &Grant,
    ) -> Result<(Grant, String), OAuthError> {
        let (core, now) = (&self.core, exchange.now);
        let secret = core.random.secret();
        let successor = self.seal_successor(digest, &secret, now)?;
        let expires_at = self.refresh_expiry(grant, now);
        let outcome = core
            .stores
            .grants
            .rotate_refresh_token(digest, client.id(), &successor, expires_at, now)
            .await?;
        match outcome {
            RotationOutcome::Rotated(grant) => Ok((grant, secret)),
            RotationOutcome::Retried(grant, stands) => {
                let secret = self.open_successor(digest, &stands)?;
                let event = Event::RefreshTokenRetried {
                    client: client.id().clone(),
                    grant: grant.id.clone(),
                };
                core.emit(now, exchange.address, event).await;
                Ok((grant, secret))
            }
            RotationOutcome::Reused(grant) => {
                let event = Event::RefreshTokenReused {
                    client: client.id().clone(),
                    grant: grant.id,
                };
                core.emit(now, exchange.address, event).await;
                Err(refused())
            }
            RotationOutcome::Refused => Err(refused()),
        }
    }

    /// Seals the new token under the one it replaces: it opens for whoever presents that one, and with the key ring.
    fn seal_successor(
        &self,
        presented: &Digest32,
        secret: &str,
        now: Timestamp,
    ) -> Result<Successor, OAuthError> {
        let core = &self.core;
        let purpose = Purpose::RefreshSuccessor;
        let sealed = core.keys.seal(
            &*core.random,
            purpose,
            presented.as_bytes(),
            secret.as_bytes(),
        );
        Ok(Successor {
            digest: Digest32::of(secret),
            sealed: sealed.map_err(internal)?,
            rotated_at: now,
        })
    }

    fn open_successor(
        &self,
        presented: &Digest32,
        stands: &Successor,
    ) -> Result<String, OAuthError> {
        let purpose = Purpose::RefreshSuccessor;
        let opened = self
            .core
            .keys
            .open(purpose, presented.as_bytes(), &stands.sealed);
        String::from_utf8(opened.map_err(unopened)?).map_err(internal)
    }
}

/// The scopes of this answer: those asked for, none beyond the grant (RFC 6749 §6). The next refresh may ask for all of
/// them again.
fn narrowed(granted: &BTreeSet<String>, requested: Option<&str>) -> Result<String, OAuthError> {
    let Some(requested) = requested else {
        return Ok(scope::join(granted));
    };
    let asked: BTreeSet<String> = requested
        .split(' ')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if asked.is_subset(granted) {
        Ok(scope::join(&asked))
    } else {
        Err(OAuthError::invalid_scope(
            "the scope goes beyond what was granted",
        ))
    }
}

/// One answer for every reason.
fn refused() -> OAuthError {
    OAuthError::invalid_grant("the refresh token is not valid")
}
