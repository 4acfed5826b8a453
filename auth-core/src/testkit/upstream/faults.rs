//! What the provider does wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::http::FakeReply;
use crate::ground::jose::Jwk;

/// A member that is set to something else, or left out.
pub type Change = (String, Option<Value>);

/// What a [`FakeProvider`](super::FakeProvider) does wrong; the default is nothing.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, and any of them go together"
)]
pub struct Faults {
    /// Everything is answered with 503.
    pub down: bool,
    /// Everything is met with silence.
    pub silent: bool,
    /// What a path is answered with in place of the truth.
    pub replies: BTreeMap<String, FakeReply>,
    /// Members of the metadata.
    pub metadata: Vec<Change>,
    /// Parameters of the authorization response. An `error` takes the place of a code by leaving that out.
    pub response: Vec<(String, Option<String>)>,
    /// Members of the token endpoint's answer.
    pub token: Vec<Change>,
    /// Claims of the ID token.
    pub id_token: Vec<Change>,
    /// Claims of the `UserInfo` answer.
    pub user_info: Vec<Change>,
    /// The `UserInfo` answer is a signed token.
    pub signs_user_info: bool,
    /// ID token and `UserInfo` answer are encrypted to this key of the client's, by the first algorithm that fits it.
    pub encrypts_to: Option<Jwk>,
    /// Claims of the logout token.
    pub logout: Vec<Change>,
    /// Members of the header of every token it signs. `alg` of `none` leaves the signature out; `alg` of `HS256` takes
    /// the public key for the secret.
    pub header: Vec<Change>,
    /// Its signatures are wrong.
    pub signature: bool,
    /// Nothing it publishes has a `kid`, and no token.
    pub nameless_keys: bool,
    /// A refresh brings a new refresh token, and the old one is spent.
    pub rotates_refresh_tokens: bool,
    /// A spent refresh token that comes again ends all that came of the same sign-in (RFC 9700 §4.14.2).
    pub revokes_on_reuse: bool,
}

impl Faults {
    /// Sets a claim of the ID token.
    pub fn claim(&mut self, name: &str, value: Value) {
        self.id_token.push((name.to_owned(), Some(value)));
    }

    /// Leaves a claim of the ID token out.
    pub fn no_claim(&mut self, name: &str) {
        self.id_token.push((name.to_owned(), None));
    }

    /// Answers a path with this.
    pub fn reply(&mut self, path: &str, reply: FakeReply) {
        self.replies.insert(path.to_owned(), reply);
    }
}

pub(super) fn apply(changes: &[Change], object: &mut Map<String, Value>) {
    for (name, value) in changes {
        match value {
            Some(value) => object.insert(name.clone(), value.clone()),
            None => object.remove(name),
        };
    }
}
