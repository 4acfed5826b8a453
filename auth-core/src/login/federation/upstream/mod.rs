//! Another provider that people may sign in with, as the operator configures it.

mod build;
mod environment;
mod pem;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
mod validate;

use std::sync::Arc;

use zeroize::Zeroizing;

use super::preset::Preset;
use super::profile::ProfileMap;
use crate::ground::jose::jwe::DecryptionKey;
use crate::ground::jose::{Algorithm, SigningKey};

/// Another provider that people may sign in with. Give it to [`Login::sign_in_with`].
///
/// ```
/// use auth_core::login::{EmailVerified, ProfileMap, Upstream};
///
/// # fn main() -> Result<(), auth_core::login::LoginSettingsError> {
/// // One that everybody knows, by its name.
/// let github = Upstream::preset("github", "Iv1.8a61f9b3a7aba766").secret("s3cr3t").trust_email();
///
/// // Any OpenID provider, by its issuer.
/// let corporate = Upstream::openid("corp", "https://idp.example.com", "our-app")
///     .label("Example Corp")
///     .secret("s3cr3t");
///
/// // Anything that speaks OAuth 2 and has an endpoint that says who came.
/// let forge = Upstream::oauth2("forge", "https://forge.example/authorize", "https://forge.example/token", "our-app")
///     .secret("s3cr3t")
///     .scopes(["read:user"])
///     .user_info("https://forge.example/api/me")
///     .profile(ProfileMap { subject: &["/id"], name: &["/full_name"], email: &["/email"], ..ProfileMap::default() });
///
/// for upstream in [github, corporate, forge] {
///     upstream.validate()?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Nothing in the building fails: what cannot work is named by [`validate`](Self::validate), and so by `build()`.
///
/// [`Login::sign_in_with`]: crate::login::Login::sign_in_with
#[derive(Clone)]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Upstream {
    /// Part of the callback's path, and the entry that trust hangs on (threat 09).
    pub(in crate::login) name: String,
    /// What people read.
    pub(in crate::login) label: String,
    pub(in crate::login) protocol: Protocol,
    pub(in crate::login) client_id: String,
    pub(in crate::login) client_auth: ClientAuth,
    /// What ID tokens and `UserInfo` answers may be encrypted to.
    pub(in crate::login) decryption_keys: Arc<[DecryptionKey]>,
    /// How a secret is sent, once there is one.
    pub(super) secret_by: SecretBy,
    /// It has no secret, and the operator says so.
    pub(super) is_public: bool,
    /// The row it came from.
    pub(super) preset: Option<&'static Preset>,
    /// Whether the row still lacks what only the operator knows.
    pub(super) lacks_place: bool,
    /// The first thing in the building that cannot work; `validate` tells.
    pub(super) problem: Option<String>,
    pub(in crate::login) scopes: Vec<String>,
    /// Further parameters of the authorization request.
    pub(in crate::login) parameters: Vec<(String, String)>,
    pub(in crate::login) response_mode: ResponseMode,
    pub(in crate::login) uses_pkce: bool,
    pub(in crate::login) profile: ProfileMap,
    /// An address that it says is verified, is: accounts with the same verified address are linked without asking.
    pub(in crate::login) trusts_email: bool,
    /// Its `acr`, `amr` and `auth_time` count here.
    pub(in crate::login) trusts_authentication: bool,
    /// Its tokens are kept, sealed, for the host.
    pub(in crate::login) keeps_tokens: bool,
    /// Whether signing out here leads on to its end-session endpoint.
    pub(in crate::login) signs_out: bool,
}

/// What it speaks.
#[derive(Clone)]
pub(in crate::login) enum Protocol {
    /// OpenID Connect, found by discovery.
    OpenId {
        /// Where the metadata lies, without `/.well-known/openid-configuration`.
        issuer: String,
        /// What its ID tokens may name as `iss`.
        issuers: IssuerRule,
        /// Signatures its ID tokens may have.
        algorithms: Vec<Algorithm>,
        /// Whether the `UserInfo` endpoint is asked for claims beside those of the ID token.
        user_info: bool,
    },
    /// OAuth 2 alone: who came is asked of its API.
    OAuth2 {
        /// Stands for the issuer in a linked identity; never changes.
        issuer: String,
        authorization_endpoint: String,
        token_endpoint: String,
        /// Asked in turn with the access token. The answers are the document that the profile is read from: the
        /// members of the one without a name at its root, each other one, object or list, under its name.
        calls: Vec<ApiCall>,
    },
}

/// Which issuers an ID token may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::login) enum IssuerRule {
    /// The one of the metadata.
    Exact,
    /// The metadata's, with `{tenantid}` replaced by the token's `tid` (Microsoft's multi-tenant endpoints).
    Tenant,
}

/// One request to a provider's API.
#[derive(Clone, Debug)]
pub(in crate::login) struct ApiCall {
    /// The name its answer stands under; empty for the root.
    pub(in crate::login) name: &'static str,
    pub(in crate::login) url: String,
    pub(in crate::login) method: http::Method,
    /// Further headers. `User-Agent` is the client's own to send, and `Accept: application/json` where there is none
    /// here.
    pub(in crate::login) headers: Vec<(&'static str, &'static str)>,
}

/// How a provider wants the client's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum SecretBy {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// It takes no plain secret, only Apple's signed one.
    AppleJwt,
}

/// How this app proves that it is the client.
#[derive(Clone)]
pub(in crate::login) enum ClientAuth {
    /// A public client.
    None,
    /// `client_secret_basic`.
    Basic(Zeroizing<String>),
    /// `client_secret_post`.
    Post(Zeroizing<String>),
    /// `private_key_jwt` (RFC 7523); the key's algorithm signs.
    PrivateKeyJwt(Arc<SigningKey>),
    /// Apple's: a secret that is itself a signed token, sent as `client_secret`.
    AppleJwt {
        team_id: String,
        key: Arc<SigningKey>,
    },
}

/// How the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum ResponseMode {
    /// In the query.
    Query,
    /// Posted across sites. What is posted as `user`, if it is JSON, stands under `/user` in the document that the
    /// profile is read from (Apple's; nobody signed it).
    FormPost,
}
