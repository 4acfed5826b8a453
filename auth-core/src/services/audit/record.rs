//! From an event to the columns it is found by.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::{Event, EventRecord, SignInFailure};
use crate::store::{AuditId, AuditRecord, ClientId, UserId};

/// Most bytes of [`AuditRecord::data`].
pub(super) const MOST_DATA: usize = 8 * 1024;
/// Longest id that every store can keep in a column of its own.
const LONGEST_ID: usize = 255;
/// A client's may be a URL.
const LONGEST_CLIENT_ID: usize = 512;
/// Names what was shortened.
const CUT: &str = "cut";

/// Whether an event is kept at all. Anybody can cause refusals without end, and a table that grows as fast as somebody
/// sends nonsense tells nothing: those of access tokens, and of sign-ins while a lock that is itself an event lasts,
/// stand in the log alone. Of others there is a [sample](is_sampled).
pub(super) fn is_kept(event: &Event) -> bool {
    !matches!(
        event,
        Event::AccessTokenRefused { .. }
            | Event::SignInFailed {
                reason: SignInFailure::AccountLocked | SignInFailure::AddressLocked,
                ..
            }
    )
}

/// Whether an event is a refusal of the kind that anybody can cause without end, with no lock that would tell of it: a
/// client's secret that is tried, requests nobody could have meant. Some of each minute are kept, for who looks for
/// them; all stand in the log.
pub(super) fn is_sampled(event: &Event) -> bool {
    matches!(
        event,
        Event::ClientAuthenticationFailed { .. }
            | Event::AuthorizationRefused { .. }
            | Event::UpstreamRefused { .. }
    )
}

/// The record of an event.
pub(super) fn of(event: &EventRecord, id: AuditId, keep: Duration) -> AuditRecord {
    let (name, data) = data(&event.event);
    let parties = Parties::of(&event.event, event.address.is_some());
    AuditRecord {
        id,
        at: event.at,
        event: name,
        actor: parties.actor.filter(|id| fits(id.as_str(), LONGEST_ID)),
        subject: parties.subject.filter(|id| fits(id.as_str(), LONGEST_ID)),
        organization: None,
        client: parties
            .client
            .filter(|id| fits(id.as_str(), LONGEST_CLIENT_ID)),
        address: event.address.map(|address| address.to_string()),
        data,
        expires_at: event.at + keep,
    }
}

/// What a client calls itself is a stranger's word: it may be no id at all, and then it stands in the data alone.
fn fits(id: &str, longest: usize) -> bool {
    id.chars().count() <= longest && !id.contains('\0')
}

/// Who had a part in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parties {
    pub(super) actor: Option<UserId>,
    pub(super) subject: Option<UserId>,
    pub(super) client: Option<ClientId>,
}

impl Parties {
    /// Everybody of an event. `by_request` tells a person from the host, whose calls come from no address. No variant is
    /// left out: one that is new has to be thought of here.
    pub(super) fn of(event: &Event, by_request: bool) -> Self {
        match event {
            Event::SignedIn { user, .. }
            | Event::SignedOut { user, .. }
            | Event::SteppedUp { user, .. }
            | Event::NewDevice { user, .. }
            | Event::PasswordRehashed { user } => person(user, true),
            Event::Registered { user }
            | Event::SessionsRevoked { user, .. }
            | Event::PasswordChanged { user }
            | Event::ProfileChanged { user }
            | Event::EmailVerified { user }
            | Event::EmailChanged { user }
            | Event::EmailChangeRequested { user }
            | Event::EmailChangeStopped { user }
            | Event::EmailChangeUndone { user }
            | Event::PasswordDropped { user }
            | Event::Unlocked { user }
            | Event::TotpEnrolled { user }
            | Event::TotpRemoved { user }
            | Event::BackupCodesReplaced { user }
            | Event::BackupCodeUsed { user, .. }
            | Event::DeviceTrusted { user, .. }
            | Event::DevicesDistrusted { user, .. }
            | Event::PasskeyAdded { user, .. }
            | Event::PasskeyRenamed { user, .. }
            | Event::PasskeyRemoved { user, .. }
            | Event::IdentityLinked { user, .. }
            | Event::IdentityUnlinked { user, .. }
            | Event::DeletionScheduled { user, .. }
            | Event::DeletionCancelled { user }
            | Event::DataExported { user } => person(user, by_request),
            Event::MfaRequirementChanged { user, .. }
            | Event::AccountDisabled { user }
            | Event::AccountEnabled { user }
            | Event::AccountEnded { user, .. }
            | Event::SecondFactorAsked { user }
            | Event::UpstreamLogout { user, .. }
            | Event::PasskeyCounterWentBack { user, .. } => person(user, false),
            // A failure may be anybody's.
            Event::SignInFailed { user, .. }
            | Event::LockedOut { user, .. }
            | Event::MailProofRequested { user, .. } => nobody(user.as_ref(), None),
            Event::ConsentGranted {
                subject, client, ..
            }
            | Event::ConsentDenied { subject, client }
            | Event::CodeIssued {
                subject, client, ..
            } => person(&UserId::new(subject), true).with(client),
            Event::ConsentRevoked { subject, client } => {
                person(&UserId::new(subject), by_request).with(client)
            }
            Event::ProviderSessionEnded { subject, .. } => {
                person(&UserId::new(subject), by_request)
            }
            // What a client does by itself, for a person or not.
            Event::TokensIssued {
                client, subject, ..
            } => nobody(subject.as_ref().map(UserId::new).as_ref(), Some(client)),
            Event::CodeReplayed { client, .. }
            | Event::RefreshTokenReused { client, .. }
            | Event::RefreshTokenRetried { client, .. }
            | Event::TokenRevoked { client, .. }
            | Event::ClientChanged { client, .. }
            | Event::BackChannelLogoutDelivered { client, .. }
            | Event::BackChannelLogoutGivenUp { client, .. } => nobody(None, Some(client)),
            Event::ClientAuthenticationFailed { client, .. }
            | Event::AuthorizationRefused { client, .. } => nobody(None, client.as_ref()),
            Event::RegistrationCollided
            | Event::MailDelivered { .. }
            | Event::MailGivenUp { .. }
            | Event::UpstreamRefused { .. }
            | Event::SigningKeyCreated { .. }
            | Event::AccessTokenRefused { .. } => Self::default(),
        }
    }

    fn with(self, client: &ClientId) -> Self {
        Self {
            client: Some(client.clone()),
            ..self
        }
    }
}

/// What concerns an account, and whether its owner did it.
fn person(user: &UserId, by_themselves: bool) -> Parties {
    Parties {
        actor: by_themselves.then(|| user.clone()),
        subject: Some(user.clone()),
        client: None,
    }
}

/// What nobody who is known did.
fn nobody(subject: Option<&UserId>, client: Option<&ClientId>) -> Parties {
    Parties {
        actor: None,
        subject: subject.cloned(),
        client: client.cloned(),
    }
}

/// The event's name, and all of it as JSON.
fn data(event: &Event) -> (String, String) {
    let Ok(Value::Object(mut members)) = serde_json::to_value(event) else {
        // An event is an object, and has nothing in it that JSON has no form for.
        return (String::new(), "{}".to_owned());
    };
    let name = members.get("event").and_then(Value::as_str);
    let name = name.unwrap_or_default().to_owned();
    let data = shortened(&mut members);
    (name, data)
}

/// Shortens the longest members until all of it has room, and says which they were.
fn shortened(members: &mut Map<String, Value>) -> String {
    let mut cut = Vec::new();
    loop {
        let text = Value::Object(members.clone()).to_string();
        if text.len() <= MOST_DATA {
            return text;
        }
        let longest = members
            .iter()
            .filter(|(name, _)| name.as_str() != CUT)
            .max_by_key(|(_, value)| value.to_string().len())
            .map(|(name, _)| name.clone());
        let Some(longest) = longest else {
            return "{}".to_owned();
        };
        if let Some(value) = members.get_mut(&longest) {
            halve(value);
        }
        if !cut.contains(&longest) {
            cut.push(longest);
        }
        members.insert(CUT.to_owned(), json!(cut));
    }
}

fn halve(value: &mut Value) {
    match value {
        Value::Array(items) if items.len() > 1 => items.truncate(items.len() / 2),
        Value::Array(items) if items.first().is_some_and(Value::is_string) => {
            items.iter_mut().for_each(halve);
        }
        Value::String(text) if !text.is_empty() => {
            text.truncate(text.floor_char_boundary(text.len() / 2));
        }
        other => *other = Value::Null,
    }
}
