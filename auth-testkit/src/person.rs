//! Somebody with an account.

use std::fmt;
use std::sync::{Arc, OnceLock};

use auth_core::auth::Auth;
use auth_core::login::LoginWing;
use auth_core::store::{Identifier, User, UserId};

#[cfg(feature = "passkeys")]
use crate::SoftwareAuthenticator;
use crate::fail::Outcome as _;
use crate::{AuthenticatorApp, TestKit, Visitor};

/// Somebody with an account, who knows their password and holds their devices. A clone is the same person.
#[derive(Clone)]
pub struct Person(Arc<Inner>);

struct Inner {
    facts: Facts,
    enrolled: OnceLock<Enrolled>,
}

pub(crate) struct Facts {
    pub(crate) kit: TestKit,
    pub(crate) auth: Auth,
    pub(crate) id: UserId,
    pub(crate) identifier: Identifier,
    pub(crate) password: String,
    #[cfg(feature = "passkeys")]
    pub(crate) authenticator: SoftwareAuthenticator,
}

/// What an enrolment gave.
pub(crate) struct Enrolled {
    pub(crate) app: AuthenticatorApp,
    pub(crate) backup_codes: Vec<String>,
}

impl Person {
    pub(crate) fn new(facts: Facts) -> Self {
        Self(Arc::new(Inner {
            facts,
            enrolled: OnceLock::new(),
        }))
    }

    /// The account's id.
    pub fn id(&self) -> &UserId {
        &self.0.facts.id
    }

    /// The e-mail address or the username, as the product writes it.
    pub fn identifier(&self) -> &str {
        match &self.0.facts.identifier {
            Identifier::Email(text) | Identifier::Username(text) => text,
        }
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.0.facts.password
    }

    /// The account as it is now; `None` once it is gone.
    pub async fn user(&self) -> Option<User> {
        let users = self.kit().stores().users;
        users.user(self.id()).await.or_fail("the store")
    }

    /// A code of the authenticator app that was not given before: where the present one was, the kit's clock moves on to
    /// the next.
    pub fn totp_code(&self) -> String {
        self.app()
            .or_fail("no authenticator app: register the person .with_totp()")
            .code()
    }

    /// The authenticator app, where there is one.
    pub fn app(&self) -> Option<&AuthenticatorApp> {
        self.0.enrolled.get().map(|enrolled| &enrolled.app)
    }

    /// The backup codes, as they were shown when the app was set up.
    pub fn backup_codes(&self) -> &[String] {
        let enrolled = self.0.enrolled.get();
        enrolled.map_or(&[], |enrolled| &enrolled.backup_codes)
    }

    /// The person's device: it holds their passkey once there is one.
    #[cfg(feature = "passkeys")]
    pub fn passkey(&self) -> &SoftwareAuthenticator {
        &self.0.facts.authenticator
    }

    /// Whether the person's device holds a passkey.
    pub(crate) fn has_passkey(&self) -> bool {
        #[cfg(feature = "passkeys")]
        return self.passkey().has_passkey();
        #[cfg(not(feature = "passkeys"))]
        false
    }

    pub(crate) fn kit(&self) -> &TestKit {
        &self.0.facts.kit
    }

    pub(crate) fn wing(&self) -> &LoginWing {
        self.0.facts.auth.login().or_fail("a person")
    }

    pub(crate) fn device(&self) -> Visitor {
        Visitor::anonymous(self.kit(), &self.0.facts.auth)
    }

    pub(crate) fn is_by_email(&self) -> bool {
        matches!(self.0.facts.identifier, Identifier::Email(_))
    }

    pub(crate) fn has_enrolled(&self, enrolled: Enrolled) {
        // Set up twice at once, one stands: the product lets nobody have two apps.
        let _first = self.0.enrolled.set(enrolled);
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("identifier", &self.identifier())
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}
