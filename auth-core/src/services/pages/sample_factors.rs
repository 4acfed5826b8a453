//! Samples of the pages about second factors.

use serde_json::{Value, json};

use super::sample::passkey;

/// What may be null on the page that asks for a second factor.
pub(super) const SECOND_FACTOR: &[&str] = &[
    "return_to",
    "method",
    "totp_url",
    "passkey_url",
    "backup_code_url",
    "passkey",
    "trust_days",
    "error",
];

/// What may be null on the page of a set-up.
pub(super) const TOTP_ENROL: &[&str] = &["enrolment", "error"];

/// What may be null on the page about second factors.
pub(super) const TWO_FACTOR: &[&str] = &[
    "totp.since",
    "begin",
    "remove",
    "regenerate",
    "devices.*.user_agent",
    "notice",
    "error",
];

/// What may be null on the page that asks to confirm.
pub(super) const STEP_UP: &[&str] = &[
    "return_to",
    "method",
    "password_url",
    "totp_url",
    "passkey_url",
    "backup_code_url",
    "passkey",
    "email_code",
    "email_code.flow",
    "set_up_url",
    "sign_in_url",
    "error",
];

pub(super) fn second_factor() -> Value {
    json!({
        "action": "/auth/second-factor",
        "form_token": "token-second-factor",
        "return_to": "/account",
        "account": "ada@example.com",
        "method": "totp",
        "totp_url": "/auth/second-factor?use=totp",
        "passkey_url": "/auth/second-factor?use=passkey",
        "backup_code_url": "/auth/second-factor?use=backup_code",
        "passkey": passkey("/auth/second-factor/passkey"),
        "trust_days": 30,
        "restart_url": "/auth/login",
        "error": "That code is not right, or it has been used already.",
    })
}

pub(super) fn totp_enrol() -> Value {
    json!({
        "action": "/auth/account/two-factor/confirm",
        "form_token": "token-confirm",
        "enrolment": {
            "factor": "factor-1",
            "secret": "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
            "uri": "otpauth://totp/Example:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example",
            "qr": "data:image/svg+xml;base64,PHN2Zy8+",
        },
        "back_url": "/auth/account/two-factor",
        "error": "That code is not right. Wait for the next one and try again.",
    })
}

pub(super) fn backup_codes() -> Value {
    json!({
        "codes": ["01abc-defgh", "jkmnp-qrstv", "wxyz0-12345"],
        "continue_url": "/auth/account/two-factor",
    })
}

pub(super) fn two_factor() -> Value {
    json!({
        "totp": { "enrolled": true, "since": "2026-11-03T18:00:00Z" },
        "required": true,
        "begin": { "action": "/auth/account/two-factor/begin", "form_token": "token-begin" },
        "remove": { "action": "/auth/account/two-factor/remove", "form_token": "token-remove" },
        "backup_codes": { "left": 9 },
        "regenerate": {
            "action": "/auth/account/two-factor/backup-codes",
            "form_token": "token-codes",
        },
        "devices": [{
            "id": "device-1",
            "current": true,
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "created_at": "2026-11-21T09:30:00Z",
            "expires_at": "2026-12-21T09:30:00Z",
            "form_token": "token-device-1",
        }],
        "forget_device_action": "/auth/account/two-factor/devices/forget",
        "forget_devices": {
            "action": "/auth/account/two-factor/devices/forget-all",
            "form_token": "token-devices",
        },
        "account_url": "/auth/account",
        "notice": "Your authenticator app has been removed.",
        "error": "This set-up has been replaced by another one. Begin again.",
    })
}

pub(super) fn step_up() -> Value {
    json!({
        "action": "/auth/step-up",
        "form_token": "token-step-up",
        "return_to": "/account",
        "account": "ada@example.com",
        "method": "password",
        "password_url": "/auth/step-up?use=password",
        "totp_url": "/auth/step-up?use=totp",
        "passkey_url": "/auth/step-up?use=passkey",
        "backup_code_url": "/auth/step-up?use=backup_code",
        "passkey": passkey("/auth/step-up/passkey"),
        "email_code": {
            "action": "/auth/step-up/email",
            "email": "ada@example.com",
            "flow": "flow-1",
        },
        "set_up_url": "/auth/account/two-factor",
        "upstreams": super::sample_federation::upstreams("/auth/step-up/with"),
        "sign_in_url": "/auth/login?select=1",
        "error": "That is not your password.",
    })
}
