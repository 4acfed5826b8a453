//! What an operator decides about signing in with others.

use super::{Login, LoginSettingsError, check};
use crate::login::federation::{Protocol, Upstream};

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct FederationSettings {
    pub(in crate::login) upstreams: Vec<Upstream>,
}

impl Login {
    /// Lets people sign in with accounts of these providers. Each needs the callback `…/callback/<name>` registered
    /// there: `https://app.example.com/auth/callback/github`. Several calls add up.
    pub fn sign_in_with(mut self, upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        self.federation.upstreams.extend(upstreams);
        self
    }
}

impl FederationSettings {
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        for (at, upstream) in self.upstreams.iter().enumerate() {
            upstream.validate()?;
            let before = &self.upstreams[..at];
            check(
                before.iter().all(|other| other.name != upstream.name),
                "sign_in_with",
                &format!(
                    "two providers are called {:?}; give each a name of its own",
                    upstream.name
                ),
            )?;
            // Identities are keyed by issuer and subject: an entry must not be able to speak for another's (threat 09).
            check(
                before
                    .iter()
                    .all(|other| !share_identities(other, upstream)),
                "sign_in_with",
                &format!(
                    "{:?} has the issuer of another provider; an OAuth 2 provider needs one of its own",
                    upstream.name
                ),
            )?;
        }
        Ok(())
    }
}

/// Whether one could name identities of the other without being it: they have one issuer, and not its signature but an
/// endpoint says who came.
fn share_identities(one: &Upstream, other: &Upstream) -> bool {
    use Protocol::{OAuth2, OpenId};
    match (&one.protocol, &other.protocol) {
        (OpenId { .. }, OpenId { .. }) => false,
        (OAuth2 { issuer: own, .. }, OpenId { issuer, .. })
        | (OpenId { issuer: own, .. }, OAuth2 { issuer, .. }) => own == issuer,
        (
            OAuth2 {
                issuer: own,
                token_endpoint: at,
                ..
            },
            OAuth2 {
                issuer,
                token_endpoint,
                ..
            },
        ) => own == issuer && at != token_endpoint,
    }
}
