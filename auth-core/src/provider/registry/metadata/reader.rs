//! Members read with their types.

use serde_json::{Map, Value};

use super::invalid;
use crate::provider::error::OAuthError;

/// Reads members with their types.
pub(super) struct Reader<'m>(pub(super) &'m Map<String, Value>);

impl<'m> Reader<'m> {
    pub(super) fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    pub(super) fn text(&self, member: &str) -> Result<Option<&'m str>, OAuthError> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(member, "must be a string")),
        }
    }

    pub(super) fn texts(&self, member: &str) -> Result<Option<Vec<&'m str>>, OAuthError> {
        let wrong = || invalid(member, "must be an array of strings");
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().ok_or_else(wrong))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn flag(&self, member: &str) -> Result<bool, OAuthError> {
        match self.0.get(member) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(invalid(member, "must be a boolean")),
        }
    }

    pub(super) fn one_of(&self, member: &str, allowed: &[&str]) -> Result<(), OAuthError> {
        match self.text(member)? {
            Some(text) if !allowed.contains(&text) => Err(invalid(
                member,
                &format!("must be one of: {}", allowed.join(", ")),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn is_native(&self) -> bool {
        matches!(self.text("application_type"), Ok(Some("native")))
    }

    pub(super) fn grants(&self, grant_type: &str) -> bool {
        match self.texts("grant_types") {
            Ok(Some(own)) => own.contains(&grant_type),
            _ => grant_type == "authorization_code",
        }
    }

    pub(super) fn allows_code(&self) -> bool {
        self.grants("authorization_code")
    }
}
