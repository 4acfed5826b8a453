//! Who signs in there.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Somebody with an account at a [`FakeProvider`](super::FakeProvider).
#[derive(Clone, Debug)]
pub struct FakePerson {
    pub(super) subject: String,
    pub(super) claims: Map<String, Value>,
    pub(super) api: BTreeMap<String, Value>,
    pub(super) auth_time: Option<i64>,
}

impl FakePerson {
    /// Somebody with this `sub`.
    pub fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            claims: Map::new(),
            api: BTreeMap::new(),
            auth_time: None,
        }
    }

    /// With an address.
    #[must_use]
    pub fn email(self, email: &str, verified: bool) -> Self {
        self.claim("email", json!(email))
            .claim("email_verified", json!(verified))
    }

    /// With a claim, in the ID token and at `UserInfo`.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// With a document at a path of the provider's API, for whoever has an access token of theirs.
    #[must_use]
    pub fn api(mut self, path: &str, document: Value) -> Self {
        self.api.insert(path.to_owned(), document);
        self
    }

    /// Signed in there at this time, in seconds; else just now.
    #[must_use]
    pub fn signed_in_at(mut self, seconds: i64) -> Self {
        self.auth_time = Some(seconds);
        self
    }
}
