//! What a request that waits wants of a sign-in, for whoever leads the person on to another place where they sign in.

use std::time::Duration;

use super::prompt::PromptValue;
use super::request::AuthorizationRequest;
use crate::ground::Timestamp;

/// A sign-in as a client wants it.
pub(crate) struct WantedSignIn {
    /// An older one than this is asked for again.
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) max_age: Option<u64>,
    /// The person is to be asked also where they are known (`prompt=login`).
    pub(crate) asks_again: bool,
    pub(crate) acr_values: Vec<String>,
    pub(crate) login_hint: Option<String>,
}

impl AuthorizationRequest {
    /// By the rules of [`authentication`](super::authentication), for a request laid aside at `began_at`.
    pub(in crate::provider) fn wanted_sign_in(
        &self,
        began_at: Timestamp,
        now: Timestamp,
    ) -> WantedSignIn {
        let prompt = &self.prompt;
        let asks_again = prompt.has(PromptValue::Login) || self.max_age == Some(0);
        let not_before = match self.max_age {
            _ if asks_again || prompt.has(PromptValue::Create) => Some(began_at),
            Some(max_age) => Some(began_at.min(now - Duration::from_secs(max_age))),
            None => None,
        };
        WantedSignIn {
            not_before,
            max_age: self.max_age,
            asks_again,
            acr_values: self.wanted_acr(),
            login_hint: self.login_hint.clone(),
        }
    }
}
