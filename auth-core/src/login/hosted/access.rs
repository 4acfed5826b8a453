//! What a checked access token says.

use serde_json::Value;

use crate::ground::Timestamp;
use crate::ground::jose::Claims;

/// Longer identifiers are nobody's.
const MAX_ID: usize = 255;
/// More permissions than a person can have.
const MAX_LISTED: usize = 1000;

/// What WorkOS says of a sign-in, by its access token, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostedAccess {
    /// The user's id at WorkOS (`sub`).
    pub user_id: String,
    /// The session's id at WorkOS (`sid`).
    pub session_id: String,
    /// The organization the person acts for (`org_id`).
    pub organization: Option<String>,
    /// Their role there (`role`).
    pub role: Option<String>,
    /// All roles there, where there are several (`roles`).
    pub roles: Vec<String>,
    /// What they may do there (`permissions`).
    pub permissions: Vec<String>,
    /// What their organization has (`entitlements`).
    pub entitlements: Vec<String>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl HostedAccess {
    /// Whether the person may do this there.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|own| own == permission)
    }

    /// Reads claims whose signature and times were checked. `None`: not those of a user's session.
    pub(super) fn read(claims: &Claims) -> Option<Self> {
        let expires_at = claims.require_time("exp").ok()?;
        Some(Self {
            user_id: identifier(claims, "sub").ok()??,
            session_id: identifier(claims, "sid").ok()??,
            organization: identifier(claims, "org_id").ok()?,
            role: identifier(claims, "role").ok()?,
            roles: list(claims, "roles")?,
            permissions: list(claims, "permissions")?,
            entitlements: list(claims, "entitlements")?,
            expires_at: Timestamp::from_seconds(expires_at),
        })
    }
}

/// A claim is something else than what it is read as.
struct Malformed;

fn identifier(claims: &Claims, name: &str) -> Result<Option<String>, Malformed> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if is_identifier(id) => Ok(Some(id.clone())),
        Some(_) => Err(Malformed),
    }
}

fn list(claims: &Claims, name: &str) -> Option<Vec<String>> {
    match claims.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(values)) if values.len() <= MAX_LISTED => {
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect()
        }
        Some(_) => None,
    }
}

/// Whether this may be an identifier of WorkOS.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && !text.chars().any(char::is_control)
}
