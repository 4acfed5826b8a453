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
    /// A linked provider.
    pub(in crate::login) provider: bool,
}

impl WaysIn {
    /// Whether one is left without one of the passkeys.
    pub(in crate::login) fn spare_a_passkey(self) -> bool {
        self.password || self.mail || self.provider || self.passkeys > 1
    }

    pub(in crate::login) fn is_any(self) -> bool {
        self.password || self.mail || self.provider || self.passkeys > 0
    }
}

impl LoginWing {
    pub(in crate::login) async fn ways_in(&self, user: &User) -> Result<WaysIn, Problem> {
        let stores = &self.core.stores;
        let password = stores.users.password_hash(&user.id).await?;
        let passkeys = stores.passkeys.passkeys_of(&user.id).await?;
        let verified = user.email.is_some() && user.email_verified_at.is_some();
        Ok(WaysIn {
            password: password.is_some(),
            passkeys: passkeys.len(),
            mail: verified && self.signs_in_by_mail(),
            provider: false,
        })
    }
}
