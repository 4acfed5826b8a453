//! A verified access token.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::refused::{InvalidToken, Refusal, TokenRefused};
use super::scope::{ScopeRequirement, ScopeSet};
use crate::ground::Timestamp;
use crate::ground::jose::{Claims, JoseError};
use crate::store::GrantId;

/// The claim that names the grant in our own provider's tokens.
const GRANT_CLAIM: &str = "grant_id";

/// An access token that was verified: signature, type, issuer, audience, times, required claims, and that it was not
/// revoked; or about which its issuer was asked, with the answer held against the same. Only [`ResourceWing::access_token`](super::ResourceWing::access_token) makes one. Cheap to clone; `Debug`
/// shows ids, neither the token (which is not kept) nor its other claims.
#[derive(Clone)]
pub struct AccessToken(Arc<Inner>);

struct Inner {
    realm: Arc<str>,
    subject: String,
    client_id: String,
    issuer: String,
    scopes: ScopeSet,
    expires_at: Timestamp,
    auth_time: Option<Timestamp>,
    acr: Option<String>,
    amr: Vec<String>,
    grant_id: Option<GrantId>,
    claims: Claims,
}

/// What each kind of token says in its own way.
struct Origin {
    issuer: String,
    subject: String,
    grant_id: Option<GrantId>,
}

impl AccessToken {
    /// The user, or for a client on its own behalf the client (RFC 9068 §2.2). Unique within the issuer.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The client the token was issued to.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What was granted.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// When the user signed in (RFC 9068 §2.2.1).
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.0.auth_time
    }

    /// How strongly the user signed in.
    pub fn acr(&self) -> Option<&str> {
        self.0.acr.as_deref()
    }

    /// By which means the user signed in (RFC 8176).
    pub fn amr(&self) -> &[String] {
        &self.0.amr
    }

    /// The grant behind a token of the app's own provider.
    pub fn grant_id(&self) -> Option<&GrantId> {
        self.0.grant_id.as_ref()
    }

    /// All claims; of an introspected token, the members of the answer (RFC 7662 §2.2), which are no JWT's.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// Whether the token has the scopes.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`].
    pub fn require(&self, requirement: &ScopeRequirement) -> Result<(), TokenRefused> {
        if requirement.is_met_by(self.scopes()) {
            return Ok(());
        }
        let scope = requirement.sufficient().to_string();
        let refusal = Refusal::InsufficientScope { scope };
        Err(TokenRefused::new(self.0.realm.clone(), refusal))
    }

    /// Reads what RFC 9068 §2.2 requires, and what else there is, each of its type. The claims are verified, held
    /// against issuer, audience and time, and have the `required` ones.
    pub(super) fn new(
        claims: Claims,
        realm: Arc<str>,
        required: &[String],
        is_local: bool,
    ) -> Result<Self, Refusal> {
        require_text(&claims, "jti")?;
        let subject = require_text(&claims, "sub")?.to_owned();
        let issuer = claims.require_str("iss")?.to_owned();
        let grant_id = if is_local {
            claims.optional_str(GRANT_CLAIM)?.map(GrantId::from)
        } else {
            None
        };
        let origin = Origin {
            issuer,
            subject,
            grant_id,
        };
        Self::read(claims, realm, required, origin)
    }

    /// As [`AccessToken::new`], from an answer of this issuer's introspection endpoint (RFC 7662 §2.2), where `iss` and
    /// `jti` may be absent. Without `sub` there is no user, so the client stands for itself, as RFC 9068 §2.2 has it.
    pub(super) fn introspected(
        claims: Claims,
        issuer: String,
        realm: Arc<str>,
        required: &[String],
    ) -> Result<Self, Refusal> {
        let subject = match claims.get("sub") {
            None => require_text(&claims, "client_id")?,
            Some(_) => require_text(&claims, "sub")?,
        };
        let origin = Origin {
            issuer,
            subject: subject.to_owned(),
            grant_id: None,
        };
        Self::read(claims, realm, required, origin)
    }

    fn read(
        claims: Claims,
        realm: Arc<str>,
        required: &[String],
        origin: Origin,
    ) -> Result<Self, Refusal> {
        require_present(&claims, required)?;
        // Whoever holds it has to show the key, and here nobody is asked for it.
        if claims.get("cnf").is_some() {
            return Err(InvalidToken::SenderConstrained.into());
        }
        let inner = Inner {
            realm,
            subject: origin.subject,
            client_id: require_text(&claims, "client_id")?.to_owned(),
            issuer: origin.issuer,
            scopes: ScopeSet::parse(claims.optional_str("scope")?.unwrap_or_default()),
            expires_at: Timestamp::from_seconds(claims.require_time("exp")?),
            auth_time: claims
                .optional_time("auth_time")?
                .map(Timestamp::from_seconds),
            acr: claims.optional_str("acr")?.map(str::to_owned),
            amr: texts(&claims, "amr")?,
            grant_id: origin.grant_id,
            claims,
        };
        Ok(Self(Arc::new(inner)))
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessToken")
            .field("subject", &self.0.subject)
            .field("client_id", &self.0.client_id)
            .field("issuer", &self.0.issuer)
            .field("scopes", &self.0.scopes)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

fn require_present(claims: &Claims, names: &[String]) -> Result<(), Refusal> {
    let absent = |name: &String| claims.get(name).is_none_or(Value::is_null);
    if names.iter().any(absent) {
        return Err(InvalidToken::Claims.into());
    }
    Ok(())
}

fn require_text<'a>(claims: &'a Claims, name: &'static str) -> Result<&'a str, JoseError> {
    match claims.require_str(name)? {
        "" => Err(JoseError::MissingClaim(name)),
        text => Ok(text),
    }
}

fn texts(claims: &Claims, name: &'static str) -> Result<Vec<String>, JoseError> {
    const fn wrong(name: &'static str) -> JoseError {
        JoseError::WrongClaimType(name)
    }
    match claims.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or(wrong(name)))
            .collect(),
        Some(_) => Err(wrong(name)),
    }
}
