#![doc = include_str!("guide.md")]

mod authenticator_app;
mod fail;
mod kit;
mod mails;
mod new_person;
mod person;
mod sign_in;
#[cfg(feature = "passkeys")]
mod software_authenticator;
mod states;
mod visitor;

#[cfg(feature = "federation")]
pub use auth_core::testkit::upstream;
pub use auth_core::testkit::{Answer, Browser};
pub use authenticator_app::AuthenticatorApp;
pub use kit::TestKit;
pub use mails::{Mail, Mails};
pub use new_person::NewPerson;
pub use person::Person;
#[cfg(feature = "passkeys")]
pub use software_authenticator::SoftwareAuthenticator;
pub use visitor::Visitor;

/// The guide to testing: its snippets compile, or the documentation tests fail.
#[cfg(all(doctest, feature = "passkeys"))]
#[doc = include_str!("../../docs/testing.md")]
mod testing_guide {}

#[cfg(test)]
mod tests;
