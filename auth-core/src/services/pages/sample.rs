//! A context for every page, to render overrides once before anyone asks for them.

use serde_json::{Value, json};

use super::PageName;
#[cfg(feature = "login")]
#[cfg(feature = "login")]
use super::sample_factors;

/// Which of the two extremes of a page's contexts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sample {
    /// Every value given.
    Full,
    /// Everything that may be null is null, and every map that may be empty is.
    Sparse,
}

impl Sample {
    pub(super) fn of(self, page: PageName) -> Value {
        let mut context = full(page);
        if matches!(self, Self::Sparse) {
            for path in nullable(page) {
                clear(&mut context, path);
            }
        }
        context
    }
}

/// Sets what the path leads to to null, or empties it if it is a map; `*` is every element of a list.
fn clear(value: &mut Value, path: &str) {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    if head == "*" {
        for element in value.as_array_mut().into_iter().flatten() {
            clear(element, rest);
        }
    } else if let Some(next) = value.get_mut(head) {
        match next {
            _ if !rest.is_empty() => clear(next, rest),
            Value::Object(map) => map.clear(),
            _ => *next = Value::Null,
        }
    }
}

/// What may be null, or for a map of errors empty.
fn nullable(page: PageName) -> &'static [&'static str] {
    match page {
        PageName::Error => &["reference", "home_url", "retry_after"],
        #[cfg(feature = "login")]
        PageName::Login => &[
            "captcha",
            "error",
            "notice",
            "signed_in_as",
            "continue_url",
            "register_url",
            "mail_links.forgot_url",
            "mail_links.email_url",
            "client",
            "passkey",
            "form.identifier",
            "form.return_to",
        ],
        #[cfg(feature = "login")]
        PageName::Register => &[
            "captcha",
            "error",
            "errors",
            "form.email",
            "form.username",
            "form.name",
            "form.return_to",
            "passkey",
        ],
        #[cfg(feature = "login")]
        PageName::Logout => &["return_to", "email"],
        #[cfg(feature = "workos")]
        PageName::HostedRefresh => &["return_to", "organization_id", "error", "sign_in_url"],
        #[cfg(feature = "login")]
        PageName::SignedOut => &[],
        #[cfg(feature = "login")]
        PageName::Account => &[
            "user.email",
            "user.username",
            "user.name",
            "email_links.change_url",
            "email_links.confirm_url",
            "delete_url",
            "sessions.*.user_agent",
            "sessions.*.address",
            "passkeys_url",
            "identities_url",
            "notice",
            "error",
            "errors",
        ],
        #[cfg(feature = "login")]
        PageName::DeleteAccount => &["delete_at"],
        #[cfg(feature = "login")]
        PageName::DevelopmentMail => &["mail"],
        #[cfg(feature = "passkeys")]
        PageName::Passkeys => &[
            "passkeys.*.last_used_at",
            "confirm_url",
            "add",
            "notice",
            "error",
        ],
        #[cfg(feature = "login")]
        PageName::Confirm
        | PageName::EmailSignIn
        | PageName::EmailCode
        | PageName::ForgotPassword
        | PageName::ResetPassword
        | PageName::ChangeEmail
        | PageName::ConfirmEmailChange
        | PageName::StopEmailChange
        | PageName::Unlock => super::sample_email::nullable(page),
        #[cfg(feature = "federation")]
        PageName::Identities
        | PageName::LinkFirst
        | PageName::ConfirmIdentity
        | PageName::UpstreamProblem => super::sample_federation::nullable(page),
        #[cfg(feature = "login")]
        PageName::SecondFactor => sample_factors::SECOND_FACTOR,
        #[cfg(feature = "login")]
        PageName::TotpEnrol => sample_factors::TOTP_ENROL,
        #[cfg(feature = "login")]
        PageName::BackupCodes => &[],
        #[cfg(feature = "login")]
        PageName::TwoFactor => sample_factors::TWO_FACTOR,
        #[cfg(feature = "login")]
        PageName::StepUp => sample_factors::STEP_UP,
        #[cfg(feature = "provider")]
        PageName::Consent => &[
            "client.client_uri",
            "client.logo_uri",
            "client.policy_uri",
            "client.tos_uri",
            "scopes.*.description",
        ],
        #[cfg(feature = "provider")]
        PageName::ChooseAccount | PageName::FormPost => &[],
        #[cfg(feature = "provider")]
        PageName::Grants => &[
            "grants.*.client_uri",
            "grants.*.logo_uri",
            "grants.*.scopes.*.description",
            "notice",
        ],
        #[cfg(feature = "provider")]
        PageName::EndSession => &["client_name", "account_name"],
        #[cfg(feature = "provider")]
        PageName::EndSessionDone => &["client_name"],
        #[cfg(feature = "provider")]
        PageName::FrontChannelLogout => &["client_name", "continue_url"],
    }
}

fn full(page: PageName) -> Value {
    match page {
        PageName::Error => json!({
            "status": 429,
            "title": "Too many attempts",
            "message": "Someone tried to sign in too often from where you are.",
            "reference": "01JD6Z8QK4",
            "home_url": "/",
            "retry_after": 90,
        }),
        #[cfg(feature = "login")]
        PageName::Login => json!({
            "action": "/auth/login",
            "form_token": "token-login",
            "form": { "identifier": "ada@example.com", "remember": true, "return_to": "/account" },
            "identifier_kind": "email",
            "error": "That e-mail address and password do not match.",
            "notice": "Your password has been changed. Sign in with the new one.",
            "signed_in_as": "grace@example.com",
            "continue_url": "/account",
            "reauthenticate": false,
            "client": {
                "name": "Reports for Teams",
                "client_uri": "https://reports.example",
                "logo_uri": "https://reports.example/logo.png",
                "policy_uri": "https://reports.example/privacy",
                "tos_uri": "https://reports.example/terms",
            },
            "register_url": "/auth/register",
            "passkey": passkey("/auth/login/passkey"),
            "captcha": captcha(),
            "mail_links": { "forgot_url": "/auth/forgot", "email_url": "/auth/email" },
            "upstreams": super::sample_federation::upstreams("/auth/login/with"),
        }),
        #[cfg(feature = "login")]
        PageName::Register => json!({
            "captcha": captcha(),
            "upstreams": super::sample_federation::upstreams("/auth/login/with"),
            "action": "/auth/register",
            "form_token": "token-register",
            "form": {
                "email": "ada@example",
                "username": "ada",
                "name": "Ada Lovelace",
                "return_to": "/account",
            },
            "identifier_kind": "either",
            "errors": {
                "email": "That is not an e-mail address.",
                "password": "That password is one of the most used ones.",
            },
            "error": "The account could not be created.",
            "login_url": "/auth/login",
            "password_min": 12,
            "password_max": 128,
            "passkey": passkey("/auth/register/passkey"),
        }),
        #[cfg(feature = "login")]
        PageName::Logout => json!({
            "action": "/auth/logout",
            "form_token": "token-logout",
            "return_to": "/",
            "email": "ada@example.com",
        }),
        #[cfg(feature = "workos")]
        PageName::HostedRefresh => json!({
            "action": "/auth/hosted/refresh",
            "form_token": "token-hosted-refresh",
            "return_to": "/team",
            "organization_id": "org_01J",
            "account": "ada@example.com",
            "error": "This organization wants you to sign in to it in its own way.",
            "sign_in_url": "/auth/login/with/workos?organization_id=org_01J&return_to=%2Fteam",
            "home_url": "/",
        }),
        #[cfg(feature = "login")]
        PageName::SignedOut => json!({ "login_url": "/auth/login", "home_url": "/" }),
        #[cfg(feature = "login")]
        PageName::Account => account(),
        #[cfg(feature = "login")]
        PageName::DeleteAccount => json!({
            "account": "ada@example.com",
            "delete_at": "2026-12-05T09:30:00Z",
            "grace_days": 14,
            "how": "hard",
            "delete": { "action": "/auth/account/delete", "form_token": "token-delete" },
            "cancel": { "action": "/auth/account/delete/cancel", "form_token": "token-cancel" },
            "export": { "action": "/auth/account/export", "form_token": "token-export" },
            "account_url": "/auth/account",
        }),
        #[cfg(feature = "login")]
        PageName::DevelopmentMail => json!({ "mail": caught_mail(), "mails": [caught_mail()] }),
        #[cfg(feature = "passkeys")]
        PageName::Passkeys => passkeys(),
        #[cfg(feature = "login")]
        PageName::Confirm
        | PageName::EmailSignIn
        | PageName::EmailCode
        | PageName::ForgotPassword
        | PageName::ResetPassword
        | PageName::ChangeEmail
        | PageName::ConfirmEmailChange
        | PageName::StopEmailChange
        | PageName::Unlock => super::sample_email::full(page),
        #[cfg(feature = "federation")]
        PageName::Identities
        | PageName::LinkFirst
        | PageName::ConfirmIdentity
        | PageName::UpstreamProblem => super::sample_federation::full(page),
        #[cfg(feature = "login")]
        PageName::SecondFactor => sample_factors::second_factor(),
        #[cfg(feature = "login")]
        PageName::TotpEnrol => sample_factors::totp_enrol(),
        #[cfg(feature = "login")]
        PageName::BackupCodes => sample_factors::backup_codes(),
        #[cfg(feature = "login")]
        PageName::TwoFactor => sample_factors::two_factor(),
        #[cfg(feature = "login")]
        PageName::StepUp => sample_factors::step_up(),
        #[cfg(feature = "provider")]
        PageName::Consent => json!({
            "action": "/oauth/consent",
            "form_token": "token-consent",
            "interaction": "interaction-1",
            "client": {
                "name": "Reports for Teams",
                "client_uri": "https://reports.example",
                "logo_uri": "https://reports.example/logo.png",
                "policy_uri": "https://reports.example/privacy",
                "tos_uri": "https://reports.example/terms",
            },
            "account": { "name": "ada@example.com" },
            "scopes": [
                { "name": "profile", "description": "See your name and picture", "already_granted": true },
                { "name": "reports:read", "description": "Read your reports", "already_granted": false },
            ],
            "redirect_host": "reports.example",
            "offline": true,
        }),
        #[cfg(feature = "provider")]
        PageName::ChooseAccount => json!({
            "action": "/oauth/choose-account",
            "form_token": "token-choose",
            "interaction": "interaction-2",
            "client": { "name": "Reports for Teams" },
            "account": { "name": "ada@example.com" },
            "other_url": "/auth/login?prompt=login",
        }),
        #[cfg(feature = "provider")]
        PageName::Grants => json!({
            "grants": [{
                "client_id": "reports",
                "client_name": "Reports for Teams",
                "client_uri": "https://reports.example",
                "logo_uri": "https://reports.example/logo.png",
                "scopes": [
                    { "name": "profile", "description": "See your name and picture" },
                    { "name": "reports:read", "description": "Read your reports" },
                ],
                "granted_at": "2026-11-21T09:30:00Z",
                "form_token": "token-grant",
            }],
            "revoke_action": "/oauth/grants/revoke",
            "home_url": "/",
            "notice": "Calendar Sync can no longer access your account.",
        }),
        #[cfg(feature = "provider")]
        PageName::EndSession => json!({
            "action": "/oauth/logout",
            "form_token": "token-end",
            "interaction": "interaction-3",
            "client_name": "Reports for Teams",
            "account_name": "ada@example.com",
        }),
        #[cfg(feature = "provider")]
        PageName::EndSessionDone => json!({ "client_name": "Reports for Teams", "home_url": "/" }),
        #[cfg(feature = "provider")]
        PageName::FrontChannelLogout => json!({
            "client_name": "Reports for Teams",
            "frames": ["https://reports.example/logout?sid=session-1", "https://mail.example/bye"],
            "continue_url": "https://reports.example/bye?state=state-1",
            "home_url": "/",
        }),
        #[cfg(feature = "provider")]
        PageName::FormPost => json!({
            "action": "https://reports.example/callback",
            "fields": [
                { "name": "code", "value": "code-1" },
                { "name": "state", "value": "state-1" },
                { "name": "iss", "value": "https://app.example.com" },
            ],
        }),
    }
}

#[cfg(feature = "login")]
fn caught_mail() -> Value {
    json!({
        "id": "mail-1",
        "kind": "password_reset",
        "at": "2026-11-21T09:30:00Z",
        "to": "ada@example.com",
        "locale": "en",
        "subject": "Set a new password",
        "text": "Somebody asked for a new password:\nhttps://app.example.com/auth/reset?token=1\n",
        "html": "<p>Somebody asked for a new password.</p>",
        "links": ["https://app.example.com/auth/reset?token=1"],
        "url": "/auth/dev/mail?id=mail-1",
        "html_url": "/auth/dev/mail/html?id=mail-1",
    })
}

#[cfg(feature = "login")]
fn account() -> Value {
    json!({
        "user": {
            "id": "01JD6Z8QK4",
            "email": "ada@example.com",
            "email_verified": true,
            "username": "ada",
            "name": "Ada Lovelace",
            "created_at": "2026-01-05T08:00:00Z",
        },
        "sessions": [
            {
                "id": "session-1",
                "current": true,
                "created_at": "2026-11-21T09:30:00Z",
                "last_seen_at": "2026-11-21T09:42:10.5Z",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "address": "192.0.2.7",
                "form_token": "token-session-1",
            },
            {
                "id": "session-2",
                "current": false,
                "created_at": "2026-11-03T18:00:00+01:00",
                "last_seen_at": "2026-11-19T21:05:00+01:00",
                "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Version/19.1 Safari/604.1",
                "address": "2001:db8::7",
                "form_token": "token-session-2",
            },
        ],
        "revoke_session_action": "/auth/account/sessions/revoke",
        "revoke_others": { "action": "/auth/account/sessions/revoke-others", "form_token": "token-others" },
        "change_password": {
            "action": "/auth/account/password",
            "form_token": "token-password",
            "has_password": true,
        },
        "update_profile": { "action": "/auth/account/profile", "form_token": "token-profile" },
        "logout": { "action": "/auth/logout", "form_token": "token-logout" },
        "passkeys_url": "/auth/account/passkeys",
        "identities_url": "/auth/account/identities",
        "email_links": { "change_url": "/auth/account/email", "confirm_url": "/auth/confirm" },
        "two_factor_url": "/auth/account/two-factor",
        "delete_url": "/auth/account/delete",
        "links": [{ "url": "/oauth/grants", "label": "Apps with access to your account" }],
        "notice": "Your profile has been saved.",
        "error": "The password has not been changed.",
        "errors": { "current_password": "That is not your current password." },
    })
}

/// What the script of a page with a passkey button needs.
#[cfg(feature = "login")]
pub(super) fn passkey(path: &str) -> Value {
    json!({
        "begin": format!("{path}/begin"),
        "finish": format!("{path}/finish"),
        "form_token": "token-passkey",
    })
}

#[cfg(feature = "passkeys")]
fn passkeys() -> Value {
    json!({
        "passkeys": [
            {
                "id": "passkey-1",
                "name": "iCloud Keychain",
                "created_at": "2026-05-02T08:00:00Z",
                "last_used_at": "2026-06-11T08:05:00Z",
                "synced": true,
                "rename_token": "token-rename-1",
                "remove_token": "token-remove-1",
            },
            {
                "id": "passkey-2",
                "name": "Work laptop",
                "created_at": "2026-05-03T08:00:00Z",
                "last_used_at": null,
                "synced": false,
                "rename_token": "token-rename-2",
                "remove_token": "token-remove-2",
            },
        ],
        "most": 10,
        "rename_action": "/auth/account/passkeys/rename",
        "remove_action": "/auth/account/passkeys/remove",
        "removable": true,
        "recent": true,
        "confirm_url": "/auth/step-up?return_to=%2Fauth%2Faccount%2Fpasskeys",
        "add": passkey("/auth/account/passkeys"),
        "account_url": "/auth/account",
        "notice": "Your passkey has been added.",
        "error": "Give the passkey a name.",
    })
}

#[cfg(feature = "login")]
pub(super) fn captcha() -> Value {
    json!({
        "script": "https://puzzles.example/widget.js",
        "class": "puzzle",
        "site_key": "site-key-1",
        "field": "puzzle-response",
    })
}
