use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::templates::LOCALES;
use super::super::{Mail, MailKind, MailTemplateError, MailTemplates};
use super::house::{ADA, START, order};
use crate::services::pages::catalogue;

const MARKUP: &str = "\"><script>alert(1)</script>";
const BREAK: &str = "Ada\r\nBcc: eve@evil.example\n\n<h1>\u{2028}x\u{202e}y\u{0}z";

fn templates(overrides: &[(&str, &str)]) -> Result<MailTemplates, MailTemplateError> {
    let own = |(name, source): &(&str, &str)| ((*name).to_owned(), (*source).to_owned());
    let overrides: BTreeMap<_, _> = overrides.iter().map(own).collect();
    MailTemplates::new("Example", "https://app.example.com/".to_owned(), &overrides)
}

fn write(kind: MailKind, locale: &str, facts: serde_json::Value) -> Mail {
    write_with(&templates(&[]).unwrap(), kind, locale, facts)
}

fn write_with(
    templates: &MailTemplates,
    kind: MailKind,
    locale: &str,
    facts: serde_json::Value,
) -> Mail {
    let mut order = order(kind, facts);
    order.locale = locale.to_owned();
    let written = templates.write("id-1", ADA, kind, &order, START);
    written.unwrap_or_else(|error| panic!("{}: {error}", kind.as_str()))
}

#[test]
fn every_kind_is_written_in_every_language() {
    for (locale, _) in LOCALES {
        for kind in MailKind::ALL {
            let mail = write(*kind, locale, kind.sample());
            let name = kind.as_str();
            assert!(
                !mail.subject.is_empty() && !mail.subject.contains('\n'),
                "{name}"
            );
            assert!(mail.html.starts_with("<!doctype html>"), "{name}");
            assert!(
                mail.html
                    .contains(&format!("<html lang=\"{locale}\" dir=\"ltr\">"))
            );
            assert_eq!(mail.html.matches("<h1>").count(), 1, "{name}");
            assert!(
                mail.html
                    .contains(&format!("<title>{}</title>", mail.subject)),
                "{name}"
            );
            for text in [&mail.text, &mail.html] {
                assert!(
                    !text.contains("{{") && !text.contains("{%"),
                    "{name}: {text}"
                );
                assert!(!text.contains("none") || text.contains("text-decoration: none"));
                assert!(text.contains("Example"), "{name}: {text}");
                assert!(text.contains("https://app.example.com/"), "{name}: {text}");
                for fact in kind.sample().as_object().unwrap().values() {
                    let fact = fact.to_string();
                    let shown = fact.trim_matches('"').replace("T09:30:00Z", " 09:30 UTC");
                    assert!(text.contains(&shown), "{name}: no {shown} in {text}");
                }
            }
            assert!(!mail.text.contains("\n\n\n"), "{name}: {:?}", mail.text);
            assert!(
                !mail.text.contains('<') && !mail.text.contains("&#"),
                "{name}: {}",
                mail.text
            );
        }
    }
}

#[test]
fn a_text_reads_as_one_would_write_it() {
    let mail = write(
        MailKind::Confirmation,
        "en",
        json!({ "url": "https://app.example.com/c?t=1", "code": "123456" }),
    );
    assert_eq!(mail.subject, "Confirm your e-mail address");
    assert_eq!(
        mail.text,
        "Somebody, hopefully you, gave this address to Example. Confirm that it is yours.

Confirm this address:
https://app.example.com/c?t=1

Or type this code, within a few minutes, where you are asked for it:

    123456

The link is good until 2026-11-18 12:06 UTC, and once.

Was it not you? Then do nothing: without confirmation the address is not used.

-- 
Sent by Example, because of what happened at your account there.
https://app.example.com/
"
    );
}

#[test]
fn the_language_is_the_orders_or_english() {
    for (asked, given) in [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_ch", "de"),
        ("en-GB", "en"),
        ("xx", "en"),
        ("", "en"),
    ] {
        let mail = write(MailKind::MfaOn, asked, json!({}));
        assert_eq!(mail.locale, given, "{asked}");
        let german = mail.subject == "Die Anmeldung in zwei Schritten ist eingeschaltet";
        assert_eq!(german, given == "de", "{}", mail.subject);
    }
}

#[test]
fn every_language_has_the_words_of_english_and_no_other() {
    let words = |source: &str| catalogue::load("", source).unwrap();
    let placeholders = |text: &str| -> BTreeSet<String> {
        let names = text.split('{').skip(1);
        names
            .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
            .collect()
    };
    let english = words(LOCALES[0].1);
    for (locale, source) in LOCALES {
        let own = words(source);
        let missing: Vec<_> = english
            .keys()
            .filter(|key| !own.contains_key(*key))
            .collect();
        let surplus: Vec<_> = own
            .keys()
            .filter(|key| !english.contains_key(*key))
            .collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{locale}: missing {missing:#?}, surplus {surplus:#?}"
        );
        for (key, text) in &english {
            assert_eq!(
                placeholders(&own[key]),
                placeholders(text),
                "{locale}: {key}"
            );
        }
    }
    let kinds: BTreeSet<_> = MailKind::ALL.iter().map(|kind| kind.as_str()).collect();
    for key in english.keys() {
        let (kind, part) = key.split_once('.').unwrap_or(("", key));
        let of_a_kind =
            kinds.contains(kind) && ["subject", "lead", "action", "after"].contains(&part);
        assert!(
            of_a_kind || kind.is_empty() || kind == "detail",
            "{key} is nobody's"
        );
    }
}

#[test]
fn threat_18_facts_cannot_break_out_of_their_line() {
    let templates = templates(&[("mfa_on.subject", "About {{ name }}\n")]).unwrap();
    for kind in MailKind::ALL {
        let mut facts = kind.sample();
        facts["name"] = "harmless".into();
        let clean = write_with(&templates, *kind, "en", facts.clone());
        for fact in facts.as_object_mut().unwrap().values_mut() {
            *fact = BREAK.into();
        }
        let mail = write_with(&templates, *kind, "en", facts);
        let name = kind.as_str();
        assert!(
            !mail.subject.chars().any(char::is_control),
            "{name}: {:?}",
            mail.subject
        );
        assert_eq!(
            mail.text.lines().count(),
            clean.text.lines().count(),
            "{name}: {}",
            mail.text
        );
        for line in mail.text.lines() {
            assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
            assert!(
                !line.starts_with("Bcc:") && !line.contains('\u{202e}'),
                "{name}: {line:?}"
            );
        }
        assert_eq!(
            mail.html.matches("<h1>").count(),
            1,
            "{name}: {}",
            mail.html
        );
    }
    let mail = write_with(&templates, MailKind::MfaOn, "en", json!({ "name": BREAK }));
    assert_eq!(mail.subject, "About Ada Bcc: eve@evil.example <h1> x y z");
}

#[test]
fn threat_18_markup_in_facts_is_text() {
    for kind in MailKind::ALL {
        let mut facts = kind.sample();
        facts["name"] = MARKUP.into();
        for fact in facts.as_object_mut().unwrap().values_mut() {
            *fact = MARKUP.into();
        }
        let mail = write(*kind, "en", facts);
        assert!(
            !mail.html.contains("<script"),
            "{}: {}",
            kind.as_str(),
            mail.html
        );
    }
    let mail = write(
        MailKind::PasskeyAdded,
        "en",
        json!({ "name": "Ada & Bob’s <phone>" }),
    );
    assert!(mail.text.contains("“Ada & Bob’s <phone>”"), "{}", mail.text);
    assert!(
        mail.html
            .contains("“<bdi>Ada &amp; Bob’s &lt;phone&gt;</bdi>”"),
        "{}",
        mail.html
    );
}

#[test]
fn a_subject_has_an_end() {
    let templates = templates(&[("mfa_on.subject", "{{ name }}")]).unwrap();
    let mail = write_with(
        &templates,
        MailKind::MfaOn,
        "en",
        json!({ "name": "é ".repeat(5000) }),
    );
    assert_eq!(mail.subject.chars().count(), 200);
}

#[test]
fn a_host_replaces_a_part_a_kind_or_all() {
    let templates = templates(&[
        ("password_reset.txt", "{% extends 'layout.txt' %}{% block content %}Go to {{ url }}, {{ name or 'you' }}.\n{% endblock %}"),
        ("mfa_on.html", "<p>{{ say('lead') }} {{ at|time }}</p>"),
        ("layout.txt", "{% block content %}{% endblock %}\nYours, {{ app_name }}\n"),
    ])
    .unwrap();
    let facts = json!({ "url": "https://app.example.com/r", "name": "Ada\nx" });
    let mail = write_with(&templates, MailKind::PasswordReset, "en", facts);
    assert_eq!(
        mail.text,
        "Go to https://app.example.com/r, Ada x.\nYours, Example\n"
    );
    assert_eq!(mail.subject, "Set a new password");
    assert!(mail.html.contains("class=\"button\""));
    let mail = write_with(&templates, MailKind::MfaOn, "de", json!({}));
    assert!(
        mail.html
            .starts_with("<p>Ihrem Konto bei <bdi>Example</bdi>"),
        "{}",
        mail.html
    );
    assert!(mail.html.contains("<time datetime="), "{}", mail.html);
    assert!(mail.text.ends_with("Yours, Example\n"), "{}", mail.text);
}

#[test]
fn a_broken_template_is_named_before_any_mail_is() {
    for (name, source, wrong) in [
        ("password_reset.txt", "one\n{% if %}", "syntax error"),
        ("password_reset.txt", "one\n{{ code }}", "undefined"),
        ("mfa_on.html", "one\n{{ name|shout }}", "shout"),
        ("mfa_on.subject", "one\n{{ t('no.such') }}", "no.such"),
        ("mfa_on.html", "one\n{{ say('nothing') }}", "mfa_on.nothing"),
        ("layout.html", "one\n{{ nothing }}", "undefined"),
    ] {
        let error = templates(&[(name, source)]).err().unwrap();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("template `{name}`, line 2: ")),
            "{text}"
        );
        assert!(text.contains(wrong), "{text}");
    }
    let error = templates(&[("password_rest.txt", "")])
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("`password_rest.txt`") && error.contains("message.txt"),
        "{error}"
    );
}

#[test]
fn secrets_of_a_mail_are_not_in_its_debug_text() {
    let mail = write(MailKind::SignInCode, "en", json!({ "code": "271828" }));
    let text = format!("{mail:?}");
    assert!(!text.contains("271828") && !text.contains(ADA), "{text}");
}
