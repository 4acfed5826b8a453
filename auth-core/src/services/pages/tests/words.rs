//! The words of the pages, in each language.

use super::*;

#[test]
fn the_catalogue_has_every_key_and_no_other() {
    let used = arguments("t");
    for (locale, source) in catalogue::LOCALES {
        let messages = catalogue::load(locale, source).unwrap();
        for key in &used {
            assert!(messages.contains_key(*key), "{locale}: no {key}");
        }
        if cfg!(all(
            feature = "passkeys",
            feature = "workos",
            feature = "provider"
        )) {
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
