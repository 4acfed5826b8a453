//! What the templates of a kind are given.

use serde_json::{Map, Value as Json, json};

use super::{MailKind, MailOrder};
use crate::ground::Timestamp;

/// Facts that are RFC 3339 times, shown as people read them.
pub(super) const TIMES: &[&str] = &["at", "expires_at"];

/// Facts worth a row of their own.
const DETAILS: &[&str] = &["device", "address", "email", "at"];

impl MailKind {
    /// Whether it carries a link or a code that lasts as long as the order.
    const fn is_timed(self) -> bool {
        matches!(
            self,
            Self::Confirmation
                | Self::PasswordReset
                | Self::MagicLink
                | Self::SignInCode
                | Self::StepUpCode
                | Self::EmailChangeConfirm
                | Self::EmailChangeNotice
                | Self::EmailChangeDone
                | Self::LockedOut
        )
    }

    /// Whether it tells of something that happened, and so when it did.
    const fn is_notice(self) -> bool {
        !matches!(self, Self::AlreadyRegistered | Self::DeletionScheduled) && !self.is_timed()
    }

    /// Facts of its own, as examples: overrides are rehearsed with them.
    pub(super) fn sample(self) -> Json {
        let url =
            "https://app.example.com/auth/do?token=3yMApqCuCjXDWPrbjfR5mjCPTHqFG8Pux1TxQrEM35j";
        match self {
            Self::Confirmation | Self::MagicLink => json!({ "url": url, "code": "123456" }),
            Self::SignInCode | Self::StepUpCode => json!({ "code": "123456" }),
            Self::PasswordReset
            | Self::EmailChangeConfirm
            | Self::EmailChangeNotice
            | Self::EmailChangeDone
            | Self::LockedOut => json!({ "url": url }),
            Self::DeletionScheduled => json!({ "url": url, "at": "2026-12-21T09:30:00Z" }),
            Self::NewDevice => json!({
                "device": "Firefox on Linux",
                "address": "192.0.2.7",
                "at": "2026-11-21T09:30:00Z",
            }),
            Self::BackupCodeUsed => json!({ "left": 7 }),
            Self::PasskeyAdded | Self::PasskeyRemoved => json!({ "name": "My phone" }),
            Self::ProviderLinked | Self::ProviderUnlinked => json!({ "provider": "Example ID" }),
            Self::AlreadyRegistered
            | Self::PasswordChanged
            | Self::MfaOn
            | Self::MfaOff
            | Self::DeletionCancelled
            | Self::DeletionDone => json!({}),
        }
    }
}

/// All that the templates see: the order's facts, and those that every mail has.
pub(super) fn context(
    kind: MailKind,
    order: &MailOrder,
    ordered_at: Timestamp,
    app_url: &str,
) -> Map<String, Json> {
    let mut facts = order.facts.as_object().cloned().unwrap_or_default();
    let mut default = |name: &str, value: Json| {
        facts.entry(name).or_insert(value);
    };
    default("name", Json::Null);
    default("at", ordered_at.rfc3339().into());
    let details = details(kind, &facts);
    facts.insert("details".to_owned(), details);
    facts.insert("kind".to_owned(), kind.as_str().into());
    facts.insert("timed".to_owned(), kind.is_timed().into());
    facts.insert("app_url".to_owned(), app_url.into());
    facts.insert("expires_at".to_owned(), order.expires_at.rfc3339().into());
    facts
}

fn details(kind: MailKind, facts: &Map<String, Json>) -> Json {
    let shown = |name: &&&str| **name != "at" || kind.is_notice();
    let rows = DETAILS.iter().filter(shown).filter_map(|name| {
        let value = facts.get(*name)?.as_str()?;
        Some(json!({ "name": name, "value": value, "time": TIMES.contains(name) }))
    });
    rows.collect()
}
