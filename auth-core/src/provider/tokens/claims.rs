//! Claims about the account: which are asked for, which are released.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::provider::ProviderWing;
use crate::provider::account::{AccountError, ClaimsQuery};
use crate::provider::scope::claims_of;
use crate::store::Grant;

/// Claims of the protocol. What a host returns under these names is dropped: a false negative would let it say who the
/// token is for.
const PROTOCOL_CLAIMS: [&str; 19] = [
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "auth_time",
    "sub",
    "sid",
    "acr",
    "amr",
    "azp",
    "jti",
    "cnf",
    "act",
    "client_id",
];

/// More than any request needs; each may cost the host a lookup.
const MOST_REQUESTED: usize = 64;

/// Where claims are to appear: a member of the `claims` parameter (OpenID Connect Core §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Target {
    /// `UserInfo`: those of the scopes, and `claims.userinfo`.
    UserInfo,
    /// The ID token: `claims.id_token` alone, as an access token for `UserInfo` is issued with it (§5.4).
    IdToken,
    /// The ID token of `response_type=id_token`: no access token comes with it, so it has those of the scopes too.
    IdTokenAlone,
}

impl Target {
    const fn member(self) -> &'static str {
        match self {
            Self::UserInfo => "userinfo",
            Self::IdToken | Self::IdTokenAlone => "id_token",
        }
    }
}

pub(in crate::provider) fn is_protocol_claim(name: &str) -> bool {
    // `scope` would pass for the access token's.
    PROTOCOL_CLAIMS.contains(&name) || name == "scope"
}

/// The claims asked for by name, with what was said about each; those of the protocol aside.
fn requested(claims: Option<&Value>, target: Target) -> impl Iterator<Item = (&str, &Value)> {
    claims
        .and_then(|claims| claims.get(target.member()))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, request)| (name.as_str(), request))
        .filter(|(name, _)| !is_protocol_claim(name))
        .take(MOST_REQUESTED)
}

/// Whether a value is one of those asked for by `value` or `values` (§5.5.1). `essential` changes nothing: a claim that
/// is not there is no error.
fn is_wanted(request: &Value, value: &Value) -> bool {
    let one = request.get("value");
    let several = request.get("values").and_then(Value::as_array);
    one.is_none_or(|one| one == value) && several.is_none_or(|several| several.contains(value))
}

/// A claim without content is left out, not sent empty (§5.3.2).
fn has_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

impl ProviderWing {
    /// The account's claims for one target; `None` when there is no such account.
    pub(in crate::provider) async fn account_claims(
        &self,
        grant: &Grant,
        scopes: &BTreeSet<String>,
        claims: Option<&Value>,
        target: Target,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        let mut names = match target {
            Target::UserInfo | Target::IdTokenAlone => claims_of(scopes),
            Target::IdToken => BTreeSet::new(),
        };
        names.extend(requested(claims, target).map(|(name, _)| name.to_owned()));
        if names.is_empty() && target != Target::UserInfo {
            return Ok(Some(Map::new()));
        }
        let query = ClaimsQuery {
            scopes: scopes.clone(),
            names,
        };
        let Some(mut released) = self.accounts.claims(&grant.subject, &query).await? else {
            return Ok(None);
        };
        released.retain(|name, value| {
            query.names.contains(name) && !is_protocol_claim(name) && has_content(value)
        });
        for (name, request) in requested(claims, target) {
            if released
                .get(name)
                .is_some_and(|value| !is_wanted(request, value))
            {
                released.remove(name);
            }
        }
        Ok(Some(released))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn protocol_claims_cannot_be_asked_for() {
        let claims =
            json!({ "id_token": { "sub": null, "exp": null, "email": null, "scope": null } });
        let names: Vec<_> = requested(Some(&claims), Target::IdToken)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["email"]);
        assert_eq!(requested(Some(&claims), Target::UserInfo).count(), 0);
        assert_eq!(requested(Some(&json!([])), Target::IdToken).count(), 0);
    }

    #[test]
    fn a_value_that_was_not_asked_for_is_not_released() {
        let is = |request: Value| is_wanted(&request, &json!("x"));
        assert!(is(json!(null)) && is(json!({ "essential": true })));
        assert!(is(json!({ "value": "x" })) && is(json!({ "values": ["y", "x"] })));
        assert!(!is(json!({ "value": "y" })) && !is(json!({ "values": ["y"] })));
    }
}
