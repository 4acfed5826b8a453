//! Samples of the pages about identities at other providers.

use serde_json::{Value, json};

#[cfg(feature = "federation")]
use super::PageName;

/// Providers that a page offers, each with its link.
pub(super) fn upstreams(path: &str) -> Value {
    json!([
        { "name": "github", "label": "GitHub", "url": format!("{path}/github") },
        { "name": "corp", "label": "Example Corp", "url": format!("{path}/corp") },
    ])
}

/// What may be null.
#[cfg(feature = "federation")]
pub(super) fn nullable(page: PageName) -> &'static [&'static str] {
    match page {
        PageName::Identities => &[
            "identities.*.display",
            "identities.*.last_used_at",
            "confirm_url",
            "notice",
        ],
        PageName::LinkFirst => &["display", "create"],
        PageName::ConfirmIdentity => &["display", "confirm_url"],
        _ => &[],
    }
}

/// Everything given.
#[cfg(feature = "federation")]
pub(super) fn full(page: PageName) -> Value {
    let upstream = json!({
        "name": "github",
        "label": "GitHub",
        "url": "/auth/login/with/github",
    });
    match page {
        PageName::Identities => identities(),
        PageName::LinkFirst => json!({
            "upstream": upstream,
            "display": "ada@example.com",
            "sign_in_url": "/auth/login?return_to=%2Fauth%2Faccount%2Fidentities%2Fconfirm",
            "create": { "action": "/auth/link-first", "form_token": "token-create" },
            "confirms": true,
        }),
        PageName::ConfirmIdentity => json!({
            "action": "/auth/account/identities/confirm",
            "form_token": "token-confirm",
            "upstream": upstream,
            "display": "ada@example.com",
            "account": "ada@example.com",
            "confirm_url": "/auth/step-up?return_to=%2Fauth%2Faccount%2Fidentities%2Fconfirm",
            "account_url": "/auth/account",
        }),
        _ => json!({
            "upstream": upstream,
            "code": "attempt_used",
            "error": "This answer was used already. Begin again.",
            "login_url": "/auth/login",
            "home_url": "/",
        }),
    }
}

#[cfg(feature = "federation")]
fn identities() -> Value {
    json!({
        "identities": [
            {
                "id": "identity-1",
                "provider": "GitHub",
                "display": "ada@example.com",
                "linked_at": "2026-11-03T18:00:00Z",
                "last_used_at": "2026-11-21T09:30:00Z",
                "removable": true,
                "form_token": "token-unlink-1",
            },
        ],
        "providers": [
            { "name": "github", "label": "GitHub", "form_token": "token-link-1" },
            { "name": "corp", "label": "Example Corp", "form_token": "token-link-2" },
        ],
        "link_action": "/auth/account/identities/link",
        "unlink_action": "/auth/account/identities/unlink",
        "recent": true,
        "confirm_url": "/auth/step-up?return_to=%2Fauth%2Faccount%2Fidentities",
        "account_url": "/auth/account",
        "notice": "You can sign in with this account from now on.",
    })
}
