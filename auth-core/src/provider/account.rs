//! The seam through which the provider asks about people: the login wing through the bridge, or the host itself.

use std::collections::BTreeSet;

use async_trait::async_trait;
use http::HeaderValue;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::ground::Timestamp;
use crate::store::SessionId;

/// Who is signed in, as the provider needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInAccount {
    /// The account's stable subject, never reused (OpenID Connect Core §2, `sub`).
    pub subject: String,
    /// The session, where there is one: becomes `sid`.
    pub session_id: Option<SessionId>,
    /// When the person last proved who they are.
    pub auth_time: Timestamp,
    /// When they last completed a sign-in: `auth_time`, or later where the sign-in proved nothing newer, as one by another
    /// provider may. Whoever signed in for a request and still does not meet it is not asked for ever.
    pub signed_in_at: Timestamp,
    /// How (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// How strongly (`acr`).
    pub acr: Option<String>,
    /// What to call the person on a page.
    pub display_name: String,
}

/// What a sign-in is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRequest {
    /// Where to come back to: a path of this site, query included.
    pub return_to: String,
    /// The person must prove again who they are, also when signed in (`prompt=login`, `max_age`).
    pub reauthenticate: bool,
    /// Another account than the present one may be chosen (`prompt=select_account`).
    pub select_account: bool,
    /// Offer to register first (`prompt=create`).
    pub create: bool,
    /// Who the client thinks it is (`login_hint`).
    pub login_hint: Option<String>,
    /// How strongly the client would like the person to prove who they are, best first: `acr` of the sign-in should be
    /// one of these. Whether it is met is the client's to see; an essential one that is not ends the request.
    pub acr_values: Vec<String>,
}

/// Which claims are asked for. The host may return more; only those named here, or by the scopes, are released.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsQuery {
    /// Scopes granted.
    pub scopes: BTreeSet<String>,
    /// Claim names wanted, those of the scopes included.
    pub names: BTreeSet<String>,
}

/// A host callback failed. The third-party client gets the protocol's error, the log gets the cause.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A store behind it cannot answer now: `temporarily_unavailable`.
    #[error("accounts are unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It failed: `server_error`.
    #[error("the account resolver failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Answers the provider's questions about accounts.
#[async_trait]
pub trait AccountResolver: Send + Sync + 'static {
    /// Who is signed in, from a request's parts (cookies).
    async fn signed_in(&self, parts: &Parts) -> Result<Option<SignedInAccount>, AccountError>;

    /// Whether the account exists and may be used. Asked at every refresh and `UserInfo` request: tokens of a disabled account
    /// are refused at their next use.
    async fn is_active(&self, subject: &str) -> Result<bool, AccountError>;

    /// Whether a session still stands. Tokens without `offline_access` end with it. A host without sessions says
    /// `true`.
    async fn is_session_live(
        &self,
        subject: &str,
        session: &SessionId,
    ) -> Result<bool, AccountError>;

    /// The account's claims by their registered names; `None` when there is no such account. Claims of the protocol
    /// (`iss`, `aud`, `exp`, `sub`, …) are dropped from what is returned.
    async fn claims(
        &self,
        subject: &str,
        query: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError>;

    /// Where to send a browser to sign in: a path of this site or an absolute URL. Must bring it back to
    /// `request.return_to`.
    fn sign_in_url(&self, request: &SignInRequest) -> String;

    /// Ends the browser's session (RP-initiated logout, after the person agreed or the client proved itself by
    /// `id_token_hint`). Returns `Set-Cookie` values for the answer.
    async fn sign_out(&self, parts: &Parts) -> Result<Vec<HeaderValue>, AccountError>;
}
