//! Typed events: every decision leaves one. They carry ids, never e-mail addresses or secrets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use async_trait::async_trait;
use serde::Serialize;

use crate::ground::Timestamp;
use crate::store::{ClientId, GrantId, SessionId, UserId};

/// Why a sign-in failed. For the log alone: the person is told one and the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignInFailure {
    /// No account has this identifier.
    UnknownAccount,
    /// The account has no password.
    NoPassword,
    /// The password is another.
    WrongPassword,
    /// The stored hash cannot be read.
    UnreadableHash,
    /// The account is disabled.
    Disabled,
    /// The account is locked after failures.
    AccountLocked,
    /// The address is locked after too many attempts.
    AddressLocked,
    /// The code or the link is another, spent or too old.
    WrongCode,
    /// The second factor is not right.
    WrongSecondFactor,
    /// The authenticator's answer is not right.
    WrongPasskey,
    /// The CAPTCHA was not solved.
    Captcha,
    /// Another provider did not prove who it is, or nobody here is linked to it.
    Upstream,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are the ids their types name")]
pub enum Event {
    /// An account was created.
    Registered { user: UserId },
    /// Somebody tried to register an identifier that is taken; the answer did not say so.
    RegistrationCollided,
    /// A sign-in was completed.
    SignedIn {
        user: UserId,
        session: SessionId,
        amr: Vec<String>,
    },
    /// A sign-in failed. `user` is absent where there is none.
    SignInFailed {
        user: Option<UserId>,
        reason: SignInFailure,
    },
    /// An account is locked after failures.
    LockedOut {
        user: Option<UserId>,
        until: Timestamp,
    },
    /// A user signed out.
    SignedOut { user: UserId, session: SessionId },
    /// Sessions were ended by their user or an operator.
    SessionsRevoked {
        user: UserId,
        sessions: Vec<SessionId>,
    },
    /// A password was set or changed.
    PasswordChanged { user: UserId },
    /// A password hash was replaced by one with the present algorithm and parameters.
    PasswordRehashed { user: UserId },
    /// The user changed what claims show.
    ProfileChanged { user: UserId },
    /// An e-mail address was shown to be its user's.
    EmailVerified { user: UserId },
    /// An account was disabled or enabled.
    AccountDisabled { user: UserId },
    /// An account was enabled again.
    AccountEnabled { user: UserId },
    /// A user's e-mail address was replaced by another that was proven.
    EmailChanged { user: UserId },
    /// A user asked for another e-mail address.
    EmailChangeRequested { user: UserId },
    /// The reader of the old address stopped a change of it.
    EmailChangeStopped { user: UserId },
    /// The reader of the old address took back a change that was done.
    EmailChangeUndone { user: UserId },
    /// A password went, as a stranger to the mailbox may have set it.
    PasswordDropped { user: UserId },
    /// A mail with a link or a code was asked for. `user` is absent where no account has the address.
    MailProofRequested {
        user: Option<UserId>,
        purpose: &'static str,
    },
    /// The failures counted on an account were forgotten, by its owner or an operator.
    Unlocked { user: UserId },
    /// A browser signed a user in that had not before.
    NewDevice { user: UserId, session: SessionId },
    /// A first factor was right, a second is asked for.
    SecondFactorAsked { user: UserId },
    /// An operator or the host decided whether a user must have a second factor.
    MfaRequirementChanged { user: UserId, required: bool },
    /// An authenticator app was enrolled and confirmed.
    TotpEnrolled { user: UserId },
    /// An authenticator app was removed.
    TotpRemoved { user: UserId },
    /// Backup codes were made; those before are worthless.
    BackupCodesReplaced { user: UserId },
    /// A backup code was spent.
    BackupCodeUsed { user: UserId, left: u32 },
    /// A device is spared the second factor for a while.
    DeviceTrusted { user: UserId, device: String },
    /// Devices are asked for the second factor again.
    DevicesDistrusted { user: UserId, devices: u64 },
    /// A user proved again who they are, or by one more method.
    SteppedUp {
        user: UserId,
        session: SessionId,
        amr: Vec<String>,
    },
    /// A passkey was registered.
    PasskeyAdded { user: UserId, passkey: String },
    /// A passkey was given another name.
    PasskeyRenamed { user: UserId, passkey: String },
    /// A passkey was removed.
    PasskeyRemoved { user: UserId, passkey: String },
    /// A passkey's counter went back: two authenticators may hold its key.
    PasskeyCounterWentBack { user: UserId, passkey: String },
    /// An identity at another provider was linked.
    IdentityLinked { user: UserId, upstream: String },
    /// An identity at another provider was unlinked.
    IdentityUnlinked { user: UserId, upstream: String },
    /// A sign-in through another provider came to nothing. `reason` is of a closed set.
    UpstreamRefused {
        upstream: String,
        reason: &'static str,
    },
    /// Another provider ended sessions of a user.
    UpstreamLogout {
        upstream: String,
        user: UserId,
        sessions: Vec<SessionId>,
    },
    /// The end of an account was scheduled.
    DeletionScheduled { user: UserId, at: Timestamp },
    /// Its owner changed their mind.
    DeletionCancelled { user: UserId },
    /// An account ended.
    AccountEnded { user: UserId, how: &'static str },
    /// A user took along what is kept about them.
    DataExported { user: UserId },
    /// A mail was handed over.
    MailDelivered { kind: &'static str },
    /// A mail could not be handed over, and will not be.
    MailGivenUp {
        kind: &'static str,
        reason: &'static str,
    },

    /// A user allowed a client.
    ConsentGranted {
        subject: String,
        client: ClientId,
        scopes: BTreeSet<String>,
    },
    /// A user refused a client.
    ConsentDenied { subject: String, client: ClientId },
    /// A user took a consent back; its grants ended.
    ConsentRevoked { subject: String, client: ClientId },
    /// An authorization code was issued.
    CodeIssued {
        subject: String,
        client: ClientId,
        grant: GrantId,
    },
    /// A spent authorization code came again; what it had issued was revoked.
    CodeReplayed { client: ClientId, grant: GrantId },
    /// Tokens were issued.
    TokensIssued {
        client: ClientId,
        subject: Option<String>,
        grant: Option<GrantId>,
        grant_type: &'static str,
    },
    /// A spent refresh token came again after its successor was used; the family was revoked.
    RefreshTokenReused { client: ClientId, grant: GrantId },
    /// A lost answer was given again.
    RefreshTokenRetried { client: ClientId, grant: GrantId },
    /// A token was revoked by its client.
    TokenRevoked {
        client: ClientId,
        grant: Option<GrantId>,
    },
    /// A client failed to authenticate. `client` is what it called itself.
    ClientAuthenticationFailed {
        client: Option<ClientId>,
        reason: &'static str,
    },
    /// An authorization request was refused.
    AuthorizationRefused {
        client: Option<ClientId>,
        error: &'static str,
    },
    /// A client was registered, changed, disabled or deleted.
    ClientChanged {
        client: ClientId,
        change: &'static str,
    },
    /// A user signed out at a client's request or through the provider.
    ProviderSessionEnded {
        subject: String,
        session: Option<SessionId>,
    },
    /// A client took the news that a session ended.
    BackChannelLogoutDelivered {
        client: ClientId,
        session: SessionId,
    },
    /// A client could not be told that a session ended, and will not be.
    BackChannelLogoutGivenUp {
        client: ClientId,
        session: SessionId,
        reason: &'static str,
    },
    /// A signing key was made; it signs from `active_from` on.
    SigningKeyCreated { kid: String, active_from: Timestamp },

    /// An access token was refused by a resource.
    AccessTokenRefused { reason: &'static str },
}

/// An event with where and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventRecord {
    /// When.
    pub at: Timestamp,
    /// The client's address, where the event came from a request.
    pub address: Option<IpAddr>,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Receives every event. Must not fail the request that caused it: a sink that can fail keeps its own queue.
#[async_trait]
pub trait EventSink: Send + Sync + 'static {
    /// Takes one event.
    async fn receive(&self, record: &EventRecord);
}

/// Writes events to `tracing`, target `auth::event`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

#[async_trait]
impl EventSink for TracingSink {
    async fn receive(&self, record: &EventRecord) {
        if tracing::enabled!(target: "auth::event", tracing::Level::INFO) {
            let event = serde_json::to_string(record).unwrap_or_default();
            tracing::info!(target: "auth::event", %event);
        }
    }
}
