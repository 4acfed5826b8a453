//! The contexts of the pages that mails lead to.

use serde_json::{Value, json};

use super::PageName;

/// What may be null, or for a map of errors empty.
pub(super) fn nullable(page: PageName) -> &'static [&'static str] {
    match page {
        PageName::Confirm => &["form_token", "field", "resend_token", "errors"],
        PageName::EmailSignIn => &["form.email", "form.return_to", "errors", "captcha"],
        PageName::ForgotPassword => &[
            "form.email",
            "form.return_to",
            "notice",
            "errors",
            "captcha",
        ],
        PageName::ResetPassword => &["notice", "errors"],
        PageName::ChangeEmail => &["current", "form.email", "errors"],
        PageName::EmailCode | PageName::ConfirmEmailChange => &["errors"],
        PageName::StopEmailChange => &["forgot_url"],
        _ => &[],
    }
}

pub(super) fn full(page: PageName) -> Value {
    let mut context = about_a_proof();
    let more = match page {
        PageName::Confirm => json!({
            "mode": "code",
            "keeps_password": true,
            "resend_token": "token-resend",
            "errors": { "code": "That is not the code of the mail." },
            "login_url": "/auth/login",
        }),
        PageName::EmailCode => json!({
            "by_link": true,
            "ask_code": true,
            "errors": { "code": "That is not the code of the mail." },
            "restart_url": "/auth/email",
        }),
        PageName::ResetPassword => json!({
            "notice": "Your e-mail address is confirmed. Choose a password for your account.",
            "errors": { "new_password": "That password is one of the most used ones." },
            "password_min": 15,
            "password_max": 128,
        }),
        PageName::ConfirmEmailChange => json!({
            "ask_code": true,
            "errors": { "code": "That is not the code of the mail." },
            "account_url": "/auth/account",
        }),
        PageName::StopEmailChange => {
            json!({ "done": false, "undoes": false, "forgot_url": "/auth/forgot" })
        }
        PageName::EmailSignIn | PageName::ForgotPassword | PageName::ChangeEmail => {
            return asking(page);
        }
        _ => json!({}),
    };
    if let (Value::Object(context), Value::Object(more)) = (&mut context, more) {
        context.extend(more);
    }
    context
}

fn about_a_proof() -> Value {
    json!({
        "action": "/auth/mail",
        "form_token": "token-mail",
        "field": { "name": "t", "value": "flow.secret" },
        "email": "ada@example.com",
    })
}

fn asking(page: PageName) -> Value {
    let errors = json!({ "email": "That is not an e-mail address." });
    match page {
        PageName::EmailSignIn => json!({
            "captcha": super::sample::captcha(),
            "action": "/auth/email",
            "form_token": "token-email",
            "form": { "email": "ada@example", "remember": true, "return_to": "/account" },
            "by_link": true,
            "errors": errors,
            "login_url": "/auth/login",
        }),
        PageName::ForgotPassword => json!({
            "captcha": super::sample::captcha(),
            "action": "/auth/forgot",
            "form_token": "token-forgot",
            "form": { "email": "ada@example", "return_to": "/account" },
            "notice": "If there is an account with that address, a mail is on its way.",
            "errors": errors,
            "login_url": "/auth/login",
        }),
        _ => json!({
            "action": "/auth/account/email",
            "form_token": "token-change",
            "current": "ada@example.com",
            "form": { "email": "ada@example" },
            "errors": errors,
            "account_url": "/auth/account",
        }),
    }
}
