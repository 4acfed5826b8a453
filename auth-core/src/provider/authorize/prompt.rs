//! `prompt`, `max_age` and `claims`: what a request says about the person it wants.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::error::OAuthError;
use super::super::scope::scope_of_claim;
use crate::ground::jose::parse_unique_object;

/// More than any `claims` parameter in use; it is kept with the grant.
const MAX_CLAIMS_BYTES: usize = 8 * 1024;
/// `{"id_token": {"acr": {"values": ["…"]}}}` is four deep.
const MAX_CLAIMS_DEPTH: usize = 8;

/// A value of `prompt` (OpenID Connect Core §3.1.2.1; `create`: Initiating User Registration 1.0 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PromptValue {
    None,
    Login,
    Consent,
    SelectAccount,
    Create,
}

/// The values of `prompt`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Prompt(BTreeSet<PromptValue>);

impl Prompt {
    /// Reads the parameter. `none` stands alone.
    pub(super) fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut values = BTreeSet::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            values.insert(match word {
                "none" => PromptValue::None,
                "login" => PromptValue::Login,
                "consent" => PromptValue::Consent,
                "select_account" => PromptValue::SelectAccount,
                "create" => PromptValue::Create,
                _ => return Err(OAuthError::invalid_request("prompt has an unknown value")),
            });
        }
        if values.contains(&PromptValue::None) && values.len() > 1 {
            return Err(OAuthError::invalid_request(
                "prompt=none cannot be combined with other values",
            ));
        }
        Ok(Self(values))
    }

    pub(super) fn has(&self, value: PromptValue) -> bool {
        self.0.contains(&value)
    }
}

/// Reads `max_age`: whole seconds.
pub(super) fn parse_max_age(text: &str) -> Result<u64, OAuthError> {
    let refused = || OAuthError::invalid_request("max_age must be a non-negative integer");
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

/// Where claims may be asked for.
const MEMBERS: [&str; 2] = ["id_token", "userinfo"];

/// The `claims` parameter (OpenID Connect Core §5.5).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ClaimsParameter(Map<String, Value>);

impl ClaimsParameter {
    /// Reads the parameter: an object whose `id_token` and `userinfo` are objects of nulls and objects. Members not
    /// understood are ignored, as the section asks.
    pub(super) fn parse(text: &str) -> Result<Self, OAuthError> {
        let refused = |what: &'static str| Err(OAuthError::invalid_request(what));
        if text.len() > MAX_CLAIMS_BYTES {
            return refused("claims is too long");
        }
        // The parser itself stops at 128 levels.
        let Ok(claims) = parse_unique_object(text.as_bytes()) else {
            return refused("claims must be a JSON object");
        };
        if claims
            .values()
            .any(|value| depth(value) >= MAX_CLAIMS_DEPTH)
        {
            return refused("claims is nested too deeply");
        }
        for member in MEMBERS {
            let well_formed = match claims.get(member) {
                None => true,
                Some(Value::Object(requests)) => requests
                    .values()
                    .all(|request| request.is_null() || request.is_object()),
                Some(_) => false,
            };
            if !well_formed {
                return refused("claims must name claims in objects, each null or an object");
            }
        }
        let claims = Self(claims);
        if claims
            .request("sub")
            .and_then(|sub| sub.get("value"))
            .is_some_and(|value| !value.is_string())
        {
            return refused("the value of the sub claim must be a string");
        }
        Ok(claims)
    }

    /// The subject that the ID token must be about (OpenID Connect Core §3.1.2.2 item 4).
    pub(super) fn subject(&self) -> Option<&str> {
        self.request("sub")?.get("value")?.as_str()
    }

    /// The `acr` values of which one must be met, where `acr` is essential (OpenID Connect Core §5.5.1.1).
    pub(super) fn essential_acr(&self) -> Vec<&str> {
        let Some(request) = self.request("acr") else {
            return Vec::new();
        };
        if request.get("essential") != Some(&Value::Bool(true)) {
            return Vec::new();
        }
        let many = request.get("values").and_then(Value::as_array);
        let many = many.into_iter().flatten();
        many.chain(request.get("value"))
            .filter_map(Value::as_str)
            .collect()
    }

    /// Whether `acr` is asked for by name, in whatever way.
    pub(super) fn speaks_of_acr(&self) -> bool {
        self.0
            .get("id_token")
            .is_some_and(|requests| requests.get("acr").is_some())
    }

    /// The scopes that stand for the claims asked for: a claim by its own name is no way round what a client may have
    /// and a person agrees to.
    pub(super) fn implied_scopes(&self) -> BTreeSet<&'static str> {
        self.names().filter_map(scope_of_claim).collect()
    }

    /// Drops the claims for which `releasable` says no.
    pub(super) fn retain(&mut self, releasable: impl Fn(&str) -> bool) {
        for member in MEMBERS {
            if let Some(Value::Object(requests)) = self.0.get_mut(member) {
                requests.retain(|name, _| releasable(name));
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let members = MEMBERS.into_iter().filter_map(|member| self.0.get(member));
        members
            .filter_map(Value::as_object)
            .flat_map(|requests| requests.keys().map(String::as_str))
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    fn request(&self, claim: &str) -> Option<&Map<String, Value>> {
        self.0.get("id_token")?.get(claim)?.as_object()
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_values_combine_but_none_stands_alone() {
        let prompt = Prompt::parse("consent  login login").expect("valid");
        assert!(prompt.has(PromptValue::Consent) && prompt.has(PromptValue::Login));
        assert!(!prompt.has(PromptValue::None));
        assert!(Prompt::parse("none").expect("valid").has(PromptValue::None));
        for bad in ["none login", "Login", "login,consent", "signup"] {
            assert!(Prompt::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn max_age_is_whole_seconds() {
        assert_eq!(parse_max_age("0"), Ok(0));
        assert_eq!(parse_max_age("10000"), Ok(10000));
        for bad in ["-1", "+1", "1.0", "1e3", " 1", "x", "99999999999999999999"] {
            assert!(parse_max_age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn claims_are_objects_of_requests() {
        let claims = ClaimsParameter::parse(
            r#"{"id_token":{"sub":{"value":"u1"},"acr":{"essential":true,"values":["b","c"]},"email":null},"x":1}"#,
        )
        .expect("valid");
        assert_eq!(claims.subject(), Some("u1"));
        assert_eq!(claims.essential_acr(), ["b", "c"]);
        let voluntary = ClaimsParameter::parse(r#"{"id_token":{"acr":{"values":["b"]}}}"#);
        assert!(voluntary.expect("valid").essential_acr().is_empty());
        for bad in [
            "",
            "null",
            "[]",
            "\"x\"",
            "{",
            r#"{"id_token":null}"#,
            r#"{"userinfo":[]}"#,
            r#"{"id_token":{"sub":"u1"}}"#,
            r#"{"id_token":{"sub":{"value":"u1"}},"id_token":{}}"#,
            r#"{"id_token":{"sub":{"value":"u1"},"sub":null}}"#,
            r#"{"id_token":{"sub":{"value":7}}}"#,
        ] {
            assert!(ClaimsParameter::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn threat_45_claims_are_bounded_in_depth_and_size() {
        for levels in [9, 500, 3000] {
            let deep = format!(
                "{{\"id_token\":{}{}}}",
                "{\"a\":".repeat(levels) + "1",
                "}".repeat(levels)
            );
            assert!(ClaimsParameter::parse(&deep).is_err());
        }
        let long = format!("{{\"x\":\"{}\"}}", "a".repeat(MAX_CLAIMS_BYTES));
        assert!(ClaimsParameter::parse(&long).is_err());
    }
}
