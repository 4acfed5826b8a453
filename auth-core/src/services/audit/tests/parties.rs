//! Who had a part in what.

use std::collections::BTreeSet;

use super::super::record::Parties;
use super::at;
use crate::services::{Event, SignInFailure};
use crate::store::{ClientId, GrantId, SessionId, UserId};

macro_rules! variants {
    ($($variant:ident)*) => {
        const VARIANTS: &[&str] = &[$(stringify!($variant)),*];

        fn variant(event: &Event) -> &'static str {
            match event {
                $(Event::$variant { .. } => stringify!($variant),)*
            }
        }
    };
}

variants! {
    Registered RegistrationCollided SignedIn SignInFailed LockedOut SignedOut SessionsRevoked PasswordChanged
    PasswordRehashed ProfileChanged EmailVerified AccountDisabled AccountEnabled EmailChanged EmailChangeRequested
    EmailChangeStopped EmailChangeUndone PasswordDropped PasskeyRenamed
    MfaRequirementChanged
    MailProofRequested Unlocked NewDevice SecondFactorAsked TotpEnrolled TotpRemoved BackupCodesReplaced BackupCodeUsed
    DeviceTrusted DevicesDistrusted SteppedUp PasskeyAdded PasskeyRemoved PasskeyCounterWentBack DeletionScheduled
    DeletionCancelled AccountEnded DataExported MailDelivered MailGivenUp ConsentGranted ConsentDenied ConsentRevoked
    CodeIssued CodeReplayed TokensIssued RefreshTokenReused RefreshTokenRetried TokenRevoked ClientAuthenticationFailed
    AuthorizationRefused ClientChanged ProviderSessionEnded BackChannelLogoutDelivered BackChannelLogoutGivenUp
    SigningKeyCreated AccessTokenRefused
    IdentityLinked IdentityUnlinked UpstreamRefused UpstreamLogout
}

/// Events, by who is in them: the actor if it was a request and if it was none, the subject, the client.
fn samples() -> Vec<(&'static str, Vec<Event>)> {
    let user = || UserId::new("ada");
    let subject = || "ada".to_owned();
    let client = || ClientId::new("app");
    let session = || SessionId::new("s");
    let grant = || GrantId::new("g");
    let (passkey, device) = (|| "p".to_owned(), || "d".to_owned());
    let (amr, sessions, scopes) = (Vec::new, Vec::new, BTreeSet::new);
    let (until, reason) = (at(0), "because");
    let failed = |user| Event::SignInFailed {
        user,
        reason: SignInFailure::WrongPassword,
    };
    let asked = |user| Event::MailProofRequested {
        user,
        purpose: "reset",
    };
    let issued = |subject| Event::TokensIssued {
        client: client(),
        subject,
        grant: None,
        grant_type: "g",
    };
    let unauthenticated = |client| Event::ClientAuthenticationFailed { client, reason };
    let unauthorized = |client| Event::AuthorizationRefused {
        client,
        error: reason,
    };
    vec![
        (
            "ada ada ada -",
            vec![
                Event::SignedIn {
                    user: user(),
                    session: session(),
                    amr: amr(),
                },
                Event::SignedOut {
                    user: user(),
                    session: session(),
                },
                Event::SteppedUp {
                    user: user(),
                    session: session(),
                    amr: amr(),
                },
                Event::NewDevice {
                    user: user(),
                    session: session(),
                },
                Event::PasswordRehashed { user: user() },
            ],
        ),
        (
            "ada - ada -",
            vec![
                Event::IdentityLinked {
                    user: user(),
                    upstream: "u".to_owned(),
                },
                Event::IdentityUnlinked {
                    user: user(),
                    upstream: "u".to_owned(),
                },
                Event::Registered { user: user() },
                Event::SessionsRevoked {
                    user: user(),
                    sessions: sessions(),
                },
                Event::PasswordChanged { user: user() },
                Event::ProfileChanged { user: user() },
                Event::EmailVerified { user: user() },
                Event::EmailChanged { user: user() },
                Event::EmailChangeRequested { user: user() },
                Event::EmailChangeStopped { user: user() },
                Event::EmailChangeUndone { user: user() },
                Event::PasswordDropped { user: user() },
                Event::PasskeyRenamed {
                    user: user(),
                    passkey: passkey(),
                },
                Event::Unlocked { user: user() },
                Event::TotpEnrolled { user: user() },
                Event::TotpRemoved { user: user() },
                Event::BackupCodesReplaced { user: user() },
                Event::BackupCodeUsed {
                    user: user(),
                    left: 1,
                },
                Event::DeviceTrusted {
                    user: user(),
                    device: device(),
                },
                Event::DevicesDistrusted {
                    user: user(),
                    devices: 1,
                },
                Event::PasskeyAdded {
                    user: user(),
                    passkey: passkey(),
                },
                Event::PasskeyRemoved {
                    user: user(),
                    passkey: passkey(),
                },
                Event::DeletionScheduled {
                    user: user(),
                    at: until,
                },
                Event::DeletionCancelled { user: user() },
                Event::DataExported { user: user() },
                Event::ProviderSessionEnded {
                    subject: subject(),
                    session: None,
                },
            ],
        ),
        (
            "- - ada -",
            vec![
                Event::UpstreamLogout {
                    upstream: "u".to_owned(),
                    user: user(),
                    sessions: sessions(),
                },
                Event::MfaRequirementChanged {
                    user: user(),
                    required: true,
                },
                Event::AccountDisabled { user: user() },
                Event::AccountEnabled { user: user() },
                Event::AccountEnded {
                    user: user(),
                    how: "hard",
                },
                Event::SecondFactorAsked { user: user() },
                Event::PasskeyCounterWentBack {
                    user: user(),
                    passkey: passkey(),
                },
                failed(Some(user())),
                Event::LockedOut {
                    user: Some(user()),
                    until,
                },
                asked(Some(user())),
            ],
        ),
        (
            "ada ada ada app",
            vec![
                Event::ConsentGranted {
                    subject: subject(),
                    client: client(),
                    scopes: scopes(),
                },
                Event::ConsentDenied {
                    subject: subject(),
                    client: client(),
                },
                Event::CodeIssued {
                    subject: subject(),
                    client: client(),
                    grant: grant(),
                },
            ],
        ),
        (
            "ada - ada app",
            vec![Event::ConsentRevoked {
                subject: subject(),
                client: client(),
            }],
        ),
        ("- - ada app", vec![issued(Some(subject()))]),
        (
            "- - - app",
            vec![
                issued(None),
                Event::CodeReplayed {
                    client: client(),
                    grant: grant(),
                },
                Event::RefreshTokenReused {
                    client: client(),
                    grant: grant(),
                },
                Event::RefreshTokenRetried {
                    client: client(),
                    grant: grant(),
                },
                Event::TokenRevoked {
                    client: client(),
                    grant: None,
                },
                unauthenticated(Some(client())),
                unauthorized(Some(client())),
                Event::ClientChanged {
                    client: client(),
                    change: "registered",
                },
                Event::BackChannelLogoutDelivered {
                    client: client(),
                    session: session(),
                },
                Event::BackChannelLogoutGivenUp {
                    client: client(),
                    session: session(),
                    reason,
                },
            ],
        ),
        (
            "- - - -",
            vec![
                Event::RegistrationCollided,
                failed(None),
                Event::LockedOut { user: None, until },
                asked(None),
                unauthenticated(None),
                unauthorized(None),
                Event::MailDelivered { kind: "k" },
                Event::MailGivenUp { kind: "k", reason },
                Event::SigningKeyCreated {
                    kid: "k".to_owned(),
                    active_from: until,
                },
                Event::AccessTokenRefused { reason },
                Event::UpstreamRefused {
                    upstream: "u".to_owned(),
                    reason,
                },
            ],
        ),
    ]
}

#[test]
fn every_event_names_who_had_a_part_in_it() {
    let mut seen = BTreeSet::new();
    for (expected, events) in samples() {
        for event in events {
            let (by_request, by_host) = (Parties::of(&event, true), Parties::of(&event, false));
            let user = |id: &Option<UserId>| id.as_ref().map_or("-", |id| id.as_str()).to_owned();
            let client = by_host.client.as_ref().map_or("-", |id| id.as_str());
            let found = [
                user(&by_request.actor),
                user(&by_host.actor),
                user(&by_host.subject),
                client.to_owned(),
            ];
            assert_eq!(found.join(" "), expected, "{event:?}");
            assert_eq!(by_request.subject, by_host.subject);
            assert_eq!(by_request.client, by_host.client);
            seen.insert(variant(&event));
        }
    }
    assert_eq!(seen, VARIANTS.iter().copied().collect());
}
