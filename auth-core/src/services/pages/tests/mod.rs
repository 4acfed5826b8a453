//! Every page, with every context.

mod assets;
mod escaping;
mod overrides;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::sample::Sample;
use super::{PageError, PageName, Pages, catalogue, templates};

const MARKUP: &str = "\"><script>alert(1)</script>";

fn pages() -> Pages {
    Pages::builder().app_name("Example").build().unwrap()
}

fn render(page: PageName, context: Value) -> String {
    pages()
        .render(page, "en", context)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Every context worth trying: both samples, their lists emptied, every flag both ways, every identifier kind.
fn contexts(page: PageName) -> Vec<Value> {
    let mut contexts = Vec::new();
    for sample in [Sample::Full, Sample::Sparse] {
        let context = sample.of(page);
        for flag in [true, false] {
            for lists in [true, false] {
                let mut variant = context.clone();
                visit(&mut variant, &mut |value| match value {
                    Value::Bool(bool) => *bool = flag,
                    Value::Array(list) if !lists => list.clear(),
                    _ => {}
                });
                contexts.push(variant);
            }
        }
        for kind in ["email", "username", "either"] {
            if context.get("identifier_kind").is_some() {
                let mut variant = context.clone();
                variant["identifier_kind"] = kind.into();
                contexts.push(variant);
            }
        }
        contexts.push(context);
    }
    contexts
}

fn visit(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    change(value);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| visit(value, change)),
        Value::Object(map) => map.values_mut().for_each(|value| visit(value, change)),
        _ => {}
    }
}

fn set_strings(context: &mut Value, text: &str) {
    visit(context, &mut |value| {
        if value.is_string() {
            *value = text.into();
        }
    });
}

/// The values of an attribute in the order of the page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The keys given to a function of one string literal in all templates.
fn arguments(function: &str) -> BTreeSet<&'static str> {
    let call = format!("{function}(\"");
    let mut found = BTreeSet::new();
    for (_, source) in templates::all() {
        for (at, _) in source.match_indices(&call) {
            let before = source[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                found.extend(source[at + call.len()..].split('"').next());
            }
        }
    }
    found
}

#[test]
fn every_page_renders_with_every_context() {
    for page in PageName::ALL {
        for context in contexts(*page) {
            let html = render(*page, context);
            assert!(html.starts_with("<!doctype html>"), "{page}: {html}");
            assert!(html.contains("<html lang=\"en\" dir=\"ltr\">"), "{page}");
            assert!(
                html.contains("<meta name=\"robots\" content=\"noindex\">"),
                "{page}"
            );
            assert!(
                html.contains("<meta name=\"referrer\" content=\"no-referrer\">"),
                "{page}"
            );
            assert!(html.contains(" · Example</title>"), "{page}");
            assert_eq!(html.matches("<h1>").count(), 1, "{page}");
            // A null printed as it is.
            assert!(!html.contains("none"), "{page}: {html}");
            assert!(
                !html.contains("{{") && !html.contains("{%"),
                "{page}: {html}"
            );
        }
    }
}

#[test]
fn pages_are_well_connected() {
    for page in PageName::ALL {
        for context in contexts(*page) {
            let html = render(*page, context);
            let ids = attributes(&html, "id");
            let unique: BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len(), "{page}: an id twice in {ids:?}");
            for attribute in ["for", "aria-describedby", "aria-labelledby"] {
                for id in attributes(&html, attribute)
                    .iter()
                    .flat_map(|ids| ids.split(' '))
                {
                    assert!(unique.contains(&id), "{page}: {attribute} leads to {id}");
                }
            }
            for target in attributes(&html, "href")
                .iter()
                .filter_map(|url| url.strip_prefix('#'))
            {
                assert!(unique.contains(&target), "{page}: a link leads to {target}");
            }
            assert!(html.matches(" autofocus").count() <= 1, "{page}");
        }
    }
}

#[test]
fn every_form_has_its_token() {
    for page in PageName::ALL {
        if page.as_str() == "form_post" {
            continue;
        }
        for context in contexts(*page) {
            let html = render(*page, context);
            for form in html.split("<form ").skip(1) {
                let form = form.split("</form>").next().unwrap();
                assert!(form.starts_with("method=\"post\""), "{page}");
                let token = "<input type=\"hidden\" name=\"form_token\" value=\"token-";
                assert_eq!(form.matches(token).count(), 1, "{page}: {form}");
            }
        }
    }
}

#[test]
fn stable_ids_are_present() {
    let stable: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("error", ["error"].as_slice()),
        (
            "login",
            &[
                "error",
                "notice",
                "continue",
                "email",
                "password",
                "remember",
                "submit",
                "passkey",
                "register",
                "forgot",
                "by_email",
                "with_github",
            ],
        ),
        (
            "register",
            &[
                "error", "email", "username", "name", "password", "submit", "passkey", "login",
            ],
        ),
        ("logout", &["submit"]),
        ("hosted_refresh", &["error", "sign_in", "submit", "home"]),
        ("signed_out", &["login", "home"]),
        (
            "account",
            &[
                "error",
                "notice",
                "name",
                "save_profile",
                "current_password",
                "new_password",
                "change_password",
                "revoke-session-1",
                "revoke-session-2",
                "revoke_others",
                "passkeys",
                "identities",
                "change_email",
                "confirm_email",
                "logout",
            ],
        ),
        ("delete_account", &["notice", "cancel", "export", "account"]),
        ("dev_mail", &["mail", "html", "link-1", "open-mail-1"]),
        (
            "passkeys",
            &[
                "notice",
                "error",
                "passkey_name",
                "passkey",
                "name-passkey-1",
                "rename-passkey-1",
                "remove-passkey-2",
                "account",
            ],
        ),
        ("confirm", &["error", "code", "submit", "resend", "login"]),
        (
            "email_sign_in",
            &["error", "email", "remember", "submit", "login"],
        ),
        ("email_code", &["error", "code", "submit", "restart"]),
        (
            "forgot_password",
            &["error", "notice", "email", "submit", "login"],
        ),
        (
            "reset_password",
            &["error", "notice", "new_password", "submit"],
        ),
        ("change_email", &["error", "email", "submit", "account"]),
        (
            "confirm_email_change",
            &["error", "code", "submit", "account"],
        ),
        ("stop_email_change", &["submit", "forgot"]),
        ("unlock", &["submit"]),
        (
            "second_factor",
            &[
                "error",
                "code",
                "trust_device",
                "submit",
                "passkey",
                "use_passkey",
                "use_backup_code",
                "restart",
            ],
        ),
        (
            "totp_enrol",
            &["error", "qr", "secret", "code", "submit", "back"],
        ),
        ("backup_codes", &["codes", "continue"]),
        (
            "two_factor",
            &[
                "error",
                "notice",
                "begin",
                "remove",
                "regenerate",
                "forget-device-1",
                "forget_devices",
                "account",
            ],
        ),
        (
            "step_up",
            &[
                "error",
                "password",
                "submit",
                "passkey",
                "use_totp",
                "use_passkey",
                "use_backup_code",
                "set_up",
                "sign_in",
                "with_corp",
            ],
        ),
        (
            "identities",
            &[
                "notice",
                "confirm",
                "unlink-identity-1",
                "link_github",
                "account",
            ],
        ),
        ("link_first", &["sign_in", "create"]),
        ("confirm_identity", &["confirm", "account"]),
        ("upstream_problem", &["error", "retry", "login", "home"]),
        ("consent", &["allow", "deny"]),
        ("choose_account", &["continue", "other"]),
        ("grants", &["notice", "revoke-reports", "home"]),
        ("end_session", &["logout", "stay"]),
        ("end_session_done", &["home"]),
        ("front_channel_logout", &["continue"]),
        ("form_post", &["continue"]),
    ]);
    for page in PageName::ALL {
        let html = render(*page, Sample::Full.of(*page));
        let ids = attributes(&html, "id");
        for id in stable[page.as_str()] {
            assert!(ids.contains(id), "{page}: no #{id} among {ids:?}");
        }
    }
}

#[test]
fn nothing_is_inline() {
    for page in PageName::ALL {
        for context in contexts(*page) {
            let html = render(*page, context);
            assert!(
                !html.contains("style=") && !html.contains("<style"),
                "{page}"
            );
            let script_of: Option<&str> = match page {
                #[cfg(feature = "provider")]
                PageName::FrontChannelLogout => Some("front-channel"),
                #[cfg(feature = "provider")]
                PageName::FormPost => Some("form-post"),
                #[cfg(feature = "login")]
                PageName::Login
                | PageName::Register
                | PageName::SecondFactor
                | PageName::StepUp => Some("passkey"),
                #[cfg(feature = "passkeys")]
                PageName::Passkeys => Some("passkey"),
                _ => None,
            };
            for script in html.split("<script").skip(1) {
                // A CAPTCHA's own is the one that comes from elsewhere.
                if script.starts_with(" src=\"https://puzzles.example/widget.js\"") {
                    continue;
                }
                let name = script_of.expect("a page with a script");
                let src = format!(" src=\"/auth/assets/{name}-");
                assert!(script.starts_with(&src), "{page}: {script}");
                assert!(script.contains("></script>"), "{page}: {script}");
            }
            let handler = attributes_named_on(&html);
            assert!(handler.is_empty(), "{page}: {handler:?}");
        }
    }
}

fn attributes_named_on(html: &str) -> Vec<&str> {
    html.split([' ', '\n'])
        .filter(|word| word.starts_with("on") && word.contains("=\""))
        .collect()
}
