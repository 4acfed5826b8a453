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
        ("hosted_refresh", &["submit"]),
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
fn threat_18_markup_in_any_value_is_escaped() {
    for page in PageName::ALL {
        for mut context in contexts(*page) {
            set_strings(&mut context, MARKUP);
            let html = render(*page, context);
            assert!(!html.contains("<script>"), "{page}: {html}");
            assert!(!html.contains("alert(1)</"), "{page}: {html}");
        }
    }
    let pages = Pages::builder().app_name(MARKUP).build().unwrap();
    for page in PageName::ALL {
        let html = pages.render(*page, "en", Sample::Full.of(*page)).unwrap();
        assert!(!html.contains("<script>"), "{page}: {html}");
        assert!(html.contains("&lt;script&gt;"), "{page}");
    }
}

#[test]
fn threat_18_markup_is_escaped_in_overrides() {
    let pages = Pages::builder()
        .template("error", "{{ message }}")
        .build()
        .unwrap();
    let mut context = Sample::Full.of(PageName::Error);
    context["message"] = MARKUP.into();
    let html = pages.render(PageName::Error, "en", context).unwrap();
    assert_eq!(html, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
}

#[cfg(feature = "provider")]
#[test]
fn threat_18_only_web_addresses_of_clients_become_links() {
    let bad = [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,x",
        "//reports.example",
    ];
    for url in bad {
        let mut consent = Sample::Full.of(PageName::Consent);
        for field in ["client_uri", "logo_uri", "policy_uri", "tos_uri"] {
            consent["client"][field] = url.into();
        }
        let html = render(PageName::Consent, consent);
        assert!(
            !html.contains("target=\"_blank\"") && !html.contains("<img"),
            "{html}"
        );

        let mut grants = Sample::Full.of(PageName::Grants);
        for field in ["client_uri", "logo_uri"] {
            grants["grants"][0][field] = url.into();
        }
        let html = render(PageName::Grants, grants);
        assert!(
            !html.contains("target=\"_blank\"") && !html.contains("<img"),
            "{html}"
        );

        let mut form_post = Sample::Full.of(PageName::FormPost);
        form_post["action"] = url.into();
        let html = render(PageName::FormPost, form_post);
        assert!(
            !html.contains("<form") && !html.contains("<script"),
            "{html}"
        );
        assert!(html.contains("id=\"error\""));
    }
    let html = render(PageName::Consent, Sample::Full.of(PageName::Consent));
    assert_eq!(html.matches("target=\"_blank\"").count(), 3);
    assert_eq!(html.matches("<img").count(), 1);
}

#[cfg(feature = "provider")]
#[test]
fn threat_18_fields_of_a_form_post_are_escaped() {
    let context = json!({
        "action": "https://reports.example/callback",
        "fields": [{ "name": MARKUP, "value": MARKUP }],
    });
    let html = render(PageName::FormPost, context);
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert_eq!(html.matches("&lt;script&gt;").count(), 2, "{html}");
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

#[test]
fn an_override_replaces_a_page_and_may_extend_the_layout() {
    let source = "{% extends 'base.html' %}{% block title %}Oh{% endblock %}\
        {% block content %}<h1>Mine: {{ message }}</h1>{% endblock %}";
    for name in ["error", "error.html"] {
        let pages = Pages::builder().template(name, source).build().unwrap();
        let context = Sample::Full.of(PageName::Error);
        let html = pages.render(PageName::Error, "en", context).unwrap();
        assert!(html.contains("<h1>Mine: Someone tried"), "{html}");
        assert!(html.contains("<title>Oh · Account</title>"), "{html}");
    }
}

#[test]
fn a_broken_override_is_an_error_at_construction() {
    for (source, wrong) in [
        ("one\n{% if %}", "syntax error"),
        ("one\n{{ mesage }}", "undefined"),
        ("one\n{{ message|shout }}", "shout"),
        ("one\n{{ t('no.such') }}", "no.such"),
        ("one\n{{ t('error.status') }}", "status"),
        ("one\n{{ asset('no.css') }}", "no.css"),
        ("one\n{% include 'no.html' %}", "no.html"),
    ] {
        let error = Pages::builder()
            .template("error", source)
            .build()
            .unwrap_err();
        let PageError::Template { name, line, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((name.as_str(), *line), ("error.html", 2), "{error}");
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

#[test]
fn a_broken_layout_is_named_too() {
    let error = Pages::builder()
        .template("base", "\n\n{{ nothing }}")
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("template `base.html`, line 3: "),
        "{error}"
    );
}

#[test]
fn an_override_of_nothing_is_an_error() {
    let error = Pages::builder().template("logn", "").build().unwrap_err();
    assert!(error.to_string().contains("`logn.html`"), "{error}");
    assert!(error.to_string().contains("error.html"), "{error}");
}

#[test]
fn a_wing_left_out_has_no_templates() {
    let names: Vec<_> = templates::all().map(|(name, _)| *name).collect();
    assert_eq!(names.contains(&"login.html"), cfg!(feature = "login"));
    assert_eq!(names.contains(&"consent.html"), cfg!(feature = "provider"));
    assert_eq!(names.len(), PageName::ALL.len() + 2);
}

#[test]
fn a_missing_value_is_an_error_without_values() {
    let context = json!({ "status": 400, "title": "secret-title" });
    let error = pages().render(PageName::Error, "en", context).unwrap_err();
    assert!(
        matches!(
            &error,
            PageError::Render {
                page: PageName::Error,
                line: 6..,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}

#[test]
fn the_catalogue_has_every_key_and_no_other() {
    let used = arguments("t");
    for (locale, source) in catalogue::LOCALES {
        let messages = catalogue::load(locale, source).unwrap();
        for key in &used {
            assert!(messages.contains_key(*key), "{locale}: no {key}");
        }
        if cfg!(all(feature = "passkeys", feature = "workos", feature = "provider")) {
            for key in messages.keys() {
                assert!(used.contains(key.as_str()), "{locale}: {key} is not used");
            }
        }
    }
}

#[test]
fn locales_have_the_same_keys_and_placeholders() {
    fn shape(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let messages = catalogue::load("", source).unwrap();
        let placeholders = |text: &str| {
            text.split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
                .map(str::to_owned)
                .collect()
        };
        messages
            .iter()
            .map(|(key, text)| (key.clone(), placeholders(text)))
            .collect()
    }
    let (_, english) = catalogue::LOCALES
        .iter()
        .find(|(tag, _)| *tag == catalogue::FALLBACK)
        .unwrap();
    let english = shape(english);
    for (locale, source) in catalogue::LOCALES {
        let own = shape(source);
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
        let differing: Vec<_> = english
            .iter()
            .filter(|(key, names)| own[*key] != **names)
            .collect();
        assert!(
            differing.is_empty(),
            "{locale}: other placeholders in {differing:#?}"
        );
        assert_eq!(*locale, locale.to_ascii_lowercase());
    }
}

#[test]
fn a_locale_falls_back_to_its_language_and_then_to_english() {
    let pages = pages();
    assert!(pages.locales().any(|locale| locale == "en"));
    for locale in ["en", "EN-gb", "xx", "", "\u{0}é"] {
        let html = pages
            .render(PageName::Error, locale, Sample::Full.of(PageName::Error))
            .unwrap();
        assert!(html.contains("lang=\"en\""), "{locale}");
    }
}

#[test]
fn assets_have_names_of_their_content() {
    let pages = Pages::builder().asset_base("/static/").build().unwrap();
    let names: BTreeSet<_> = pages.assets().iter().map(|asset| asset.name).collect();
    let named = arguments("asset");
    // In the frame that is no page of ours.
    #[cfg(feature = "provider")]
    let named: BTreeSet<_> = named.into_iter().chain(["check-session.js"]).collect();
    assert_eq!(names, named);
    let html = pages
        .render(PageName::Error, "en", Sample::Full.of(PageName::Error))
        .unwrap();
    for asset in pages.assets() {
        let (stem, extension) = asset.name.split_once('.').unwrap();
        let hash = asset
            .path_suffix
            .strip_prefix(&format!("{stem}-"))
            .and_then(|rest| rest.strip_suffix(&format!(".{extension}")))
            .unwrap();
        assert!(
            hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
            "{hash}"
        );
        assert!(!asset.bytes.is_empty());
    }
    let css = &pages.assets()[0];
    assert_eq!(css.content_type, "text/css; charset=utf-8");
    assert!(
        html.contains(&format!("/static/{}", css.path_suffix)),
        "{html}"
    );
}

#[test]
fn an_asset_base_is_a_path_or_a_web_address() {
    for good in ["/", "/auth/assets", "https://static.example.com/auth"] {
        assert!(Pages::builder().asset_base(good).build().is_ok(), "{good}");
    }
    for bad in [
        "",
        "assets",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
    ] {
        let error = Pages::builder().asset_base(bad).build().unwrap_err();
        assert!(matches!(error, PageError::AssetBase(_)), "{bad}");
    }
}

#[test]
fn a_page_speaks_german_throughout() {
    let mut context = Sample::Full.of(PageName::Error);
    context["title"] = "Not Found".into();
    context["message"] = "There is nothing here.".into();
    let html = pages().render(PageName::Error, "de-AT", context).unwrap();
    assert!(html.contains("<html lang=\"de\" dir=\"ltr\">"), "{html}");
    assert!(html.contains("<h1>Nicht gefunden</h1>"), "{html}");
    assert!(
        html.contains("role=\"alert\">Hier ist nichts.</p>"),
        "{html}"
    );
    assert!(html.contains("in 2 Minuten"), "{html}");
    for page in PageName::ALL {
        for context in contexts(*page) {
            pages()
                .render(*page, "de", context)
                .unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[cfg(feature = "login")]
#[test]
fn what_the_code_says_is_said_in_the_language_of_the_page() {
    let mut context = Sample::Full.of(PageName::Register);
    context["errors"] = json!({
        "email": "That is not an e-mail address.",
        "password": "Use at least 15 characters. Several words in a row are easy to remember.",
        "name": "Nobody said <b>this</b>.",
    });
    let html = pages().render(PageName::Register, "de", context).unwrap();
    assert_eq!(
        html.matches("Das ist keine E-Mail-Adresse.").count(),
        2,
        "{html}"
    );
    assert_eq!(
        html.matches("Verwenden Sie mindestens 15 Zeichen.").count(),
        2,
        "{html}"
    );
    assert_eq!(
        html.matches("Nobody said &lt;b&gt;this&lt;/b&gt;.").count(),
        2,
        "{html}"
    );
}
