//! What a provider says of a person, and where in its documents it says so.

use serde::{Deserialize, Serialize};

/// What a provider says of a person. Of all of it only the issuer and the subject beside it identify.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// An address, as it stands there.
    pub email: Option<String>,
    /// Whether the provider says that it is theirs.
    pub email_verified: bool,
    /// The user name there.
    pub username: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// An https URL.
    pub picture: Option<String>,
    /// A BCP 47 tag.
    pub locale: Option<String>,
}

/// Where the members of a profile stand in a provider's document: JSON pointers (RFC 6901). The first that is there and
/// fits counts. The default knows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileMap {
    /// A string or an integer. Only for OAuth 2; an ID token has `sub`.
    pub subject: &'static [&'static str],
    /// The address.
    pub email: &'static [&'static str],
    /// Whether it is verified.
    pub email_verified: EmailVerified,
    /// The user name.
    pub username: &'static [&'static str],
    /// The whole name.
    pub name: &'static [&'static str],
    /// The given name.
    pub given_name: &'static [&'static str],
    /// The family name.
    pub family_name: &'static [&'static str],
    /// The picture: a pointer, or an https URL with pointers in braces (`https://cdn.example/{/id}/{/avatar}.png`).
    pub picture: &'static [&'static str],
    /// The language.
    pub locale: &'static [&'static str],
}

/// How a provider says that an address is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EmailVerified {
    /// A member that is `true` (or `"true"`, `1`, `"1"`, as some write it).
    At(&'static [&'static str]),
    /// It hands out verified addresses only.
    Always,
    /// It does not say.
    #[default]
    Never,
    /// Addresses are objects in a list. The primary one counts, before what [`ProfileMap::email`] finds, and it says of
    /// itself whether it is verified (GitHub's, Bitbucket's).
    PrimaryOf {
        /// Where the list stands.
        list: &'static str,
        /// The member that is the address.
        address: &'static str,
        /// The member that is true of the primary one.
        primary: &'static str,
        /// The member that is true of verified ones.
        verified: &'static str,
    },
}
