//! Scopes: what the provider knows, what a client may ask, what a person reads.

use std::collections::{BTreeMap, BTreeSet};

use super::client::ClientMetadata as _;
use crate::store::Client;

/// Standard scopes and the claims each stands for (OpenID Connect Core §5.4).
pub(super) const STANDARD_SCOPES: [(&str, &str, &[&str]); 6] = [
    ("openid", "Sign you in", &[]),
    (
        "profile",
        "See your name and profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    (
        "email",
        "See your e-mail address",
        &["email", "email_verified"],
    ),
    ("address", "See your postal address", &["address"]),
    (
        "phone",
        "See your phone number",
        &["phone_number", "phone_number_verified"],
    ),
    (
        "offline_access",
        "Keep access while you are not signed in",
        &[],
    ),
];

/// The scopes of this provider: the standard ones and the host's own, with what a person reads about each.
#[derive(Clone, Debug)]
pub struct Scopes {
    descriptions: BTreeMap<String, String>,
}

impl Default for Scopes {
    fn default() -> Self {
        let standard = STANDARD_SCOPES
            .into_iter()
            .map(|(name, text, _)| (name.to_owned(), text.to_owned()));
        Self {
            descriptions: standard.collect(),
        }
    }
}

impl Scopes {
    /// Adds or renames a scope.
    pub fn insert(&mut self, name: impl Into<String>, description: impl Into<String>) {
        self.descriptions.insert(name.into(), description.into());
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.descriptions.keys().map(String::as_str)
    }

    /// What a person reads about a scope.
    pub fn description(&self, name: &str) -> Option<&str> {
        self.descriptions.get(name).map(String::as_str)
    }

    /// The scopes of a request that the provider knows and the client may have. Unknown ones are dropped, as OpenID
    /// Connect Core §3.1.2.1 asks; the answer's `scope` tells the client what it got (RFC 6749 §3.3).
    ///
    /// A client whose metadata names no `scope` may ask for the standard ones only: the host's own are given by name.
    pub fn grantable(&self, client: &Client, requested: &str) -> BTreeSet<String> {
        requested
            .split(' ')
            .filter(|scope| self.descriptions.contains_key(*scope))
            .filter(|scope| match client.scope() {
                Some(registered) => registered.split(' ').any(|own| own == *scope),
                None => is_standard(scope),
            })
            .map(str::to_owned)
            .collect()
    }
}

/// Whether OpenID Connect defines the scope.
pub(super) fn is_standard(scope: &str) -> bool {
    STANDARD_SCOPES.iter().any(|(name, ..)| *name == scope)
}

/// The claims that scopes stand for.
pub(super) fn claims_of(scopes: &BTreeSet<String>) -> BTreeSet<String> {
    STANDARD_SCOPES
        .iter()
        .filter(|(name, ..)| scopes.contains(*name))
        .flat_map(|(_, _, claims)| claims.iter().map(|claim| (*claim).to_owned()))
        .collect()
}

/// The standard scope that stands for a claim (OpenID Connect Core §5.4).
pub(super) fn scope_of_claim(claim: &str) -> Option<&'static str> {
    STANDARD_SCOPES
        .iter()
        .find(|(_, _, claims)| claims.contains(&claim))
        .map(|(name, ..)| *name)
}

/// Scopes as a parameter or claim spells them (RFC 6749 §3.3).
pub(super) fn join(scopes: &BTreeSet<String>) -> String {
    let names: Vec<_> = scopes.iter().map(String::as_str).collect();
    names.join(" ")
}
