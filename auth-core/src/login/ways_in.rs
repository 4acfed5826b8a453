//! How a user can sign in: nothing may take the last way away (threat 52).

use crate::login::LoginWing;
use crate::store::User;
use crate::web::Problem;

/// What a user can sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) struct WaysIn {
    pub(in crate::login) password: bool,
    pub(in crate::login) passkeys: usize,
    /// A verified address, where reading a mail signs in.
    pub(in crate::login) mail: bool,
    /// Linked identities at providers that people can sign in with.
    pub(in crate::login) identities: usize,
}

impl WaysIn {
    /// Whether one is left without one of the passkeys.
    #[cfg(feature = "passkeys")]
    pub(in crate::login) fn spare_a_passkey(self) -> bool {
        self.password || self.mail || self.identities > 0 || self.passkeys > 1
    }

    /// Whether one is left without one of the identities.
    #[cfg(feature = "federation")]
    pub(in crate::login) fn spare_an_identity(self) -> bool {
        self.password || self.mail || self.passkeys > 0 || self.identities > 1
    }

    pub(in crate::login) fn is_any(self) -> bool {
        self.password || self.mail || self.identities > 0 || self.passkeys > 0
    }
}

impl LoginWing {
    pub(in crate::login) async fn ways_in(&self, user: &User) -> Result<WaysIn, Problem> {
        let stores = &self.core.stores;
        let password = stores.users.password_hash(&user.id).await?;
        let passkeys = stores.passkeys.passkeys_of(&user.id).await?;
        let identities = stores.identities.identities_of(&user.id).await?;
        let is_usable = |upstream: &str| self.has_upstream(upstream);
        let identities = identities.iter();
        let verified = user.email.is_some() && user.email_verified_at.is_some();
        Ok(WaysIn {
            password: password.is_some(),
            passkeys: passkeys.len(),
            mail: verified && self.signs_in_by_mail(),
            identities: identities
                .filter(|identity| is_usable(&identity.upstream))
                .count(),
        })
    }

    /// Whether people can sign in with this provider.
    fn has_upstream(&self, name: &str) -> bool {
        #[cfg(feature = "federation")]
        let there = self.upstream_named(name).is_some();
        #[cfg(not(feature = "federation"))]
        let there = {
            let _ = (self, name);
            false
        };
        there
    }
}
