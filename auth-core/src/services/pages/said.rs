//! What the code says in English, in other languages: notices, errors, the reasons a password is refused.
//!
//! Endpoints and their JSON know English alone; a page says the sentence in its own language where it has it. Beside it
//! stands a code that never changes, for a client that says it in words of its own.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::PageError;
use super::catalogue::{self, Messages};

/// The sentences of each language but English. One that is missing is said in English.
const LOCALES: catalogue::Locales = &[("de", catalogue::include_locale!("said/de.json"))];

/// Sentences and what they are in one language.
pub(super) struct Sentences {
    whole: Messages,
    /// Those with something filled in.
    patterns: Vec<(String, String)>,
}

impl Sentences {
    pub(super) fn of(locale: &str) -> Result<Self, PageError> {
        let found = LOCALES.iter().find(|(tag, _)| *tag == locale);
        found.map_or(Ok(Self::new(Messages::new())), |(tag, source)| {
            catalogue::load(tag, source).map(Self::new)
        })
    }

    fn new(all: Messages) -> Self {
        let (patterns, whole) = all
            .into_iter()
            .partition::<Messages, _>(|(key, _)| key.contains('{'));
        Self {
            whole,
            patterns: patterns.into_iter().collect(),
        }
    }

    /// What stands for a sentence in this language, where there is something.
    fn find(&self, text: &str) -> Option<String> {
        if let Some(said) = self.whole.get(text) {
            return Some(said.clone());
        }
        let mut patterns = self.patterns.iter();
        patterns.find_map(|(pattern, said)| {
            let (name, value) = filled_in(pattern, text)?;
            Some(said.replace(name, value))
        })
    }

    /// `said`: the sentence in this language, or as it is.
    pub(super) fn say(&self, text: &str) -> String {
        self.find(text).unwrap_or_else(|| text.to_owned())
    }
}

/// The code of each sentence.
static CODES: LazyLock<Option<Sentences>> = LazyLock::new(|| {
    let codes = catalogue::load("codes", catalogue::include_locale!("said/codes.json"));
    codes.ok().map(Sentences::new)
});

/// What a context's messages have in common that nobody has given a code.
const UNKNOWN: &str = "refused";

fn code_of(text: &Value) -> Value {
    let Some(text) = text.as_str() else {
        return Value::Null;
    };
    let code = CODES.as_ref().and_then(|codes| codes.find(text));
    code.unwrap_or_else(|| UNKNOWN.to_owned()).into()
}

/// Puts codes beside what a page's context says in words: `error_code`, `notice_code`, `error_codes`.
pub(in crate::services) fn add_codes(context: &mut Value) {
    let Some(members) = context.as_object_mut() else {
        return;
    };
    for (said, code) in [("error", "error_code"), ("notice", "notice_code")] {
        if let Some(text) = members.get(said) {
            let text = code_of(text);
            members.insert(code.to_owned(), text);
        }
    }
    if let Some(Value::Object(errors)) = members.get("errors") {
        let codes = errors.iter();
        let codes: Map<_, _> = codes
            .map(|(field, text)| (field.clone(), code_of(text)))
            .collect();
        members.insert("error_codes".to_owned(), codes.into());
    }
}

/// The one placeholder of a pattern, and the number in its place.
fn filled_in<'t>(pattern: &'t str, text: &'t str) -> Option<(&'t str, &'t str)> {
    let (start, end) = (pattern.find('{')?, pattern.find('}')? + 1);
    let value = text
        .strip_prefix(pattern.get(..start)?)?
        .strip_suffix(pattern.get(end..)?)?;
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((pattern.get(start..end)?, value))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn sentences_are_said_in_the_language_of_the_page() {
        let german = Sentences::of("de").unwrap();
        assert_eq!(german.say("There is nothing here."), "Hier ist nichts.");
        assert_eq!(
            german.say("Use at most 128 characters."),
            "Verwenden Sie höchstens 128 Zeichen."
        );
        for other in [
            "Use at most <b> characters.",
            "Use at most  characters.",
            "Something else.",
            "",
        ] {
            assert_eq!(german.say(other), other);
        }
        assert_eq!(
            Sentences::of("en").unwrap().say("There is nothing here."),
            "There is nothing here."
        );
    }

    #[test]
    fn codes_stand_beside_words() {
        let mut context = serde_json::json!({
            "error": "E-mail or password is not right.",
            "notice": null,
            "errors": {
                "email": "That is not an e-mail address.",
                "name": "Use at most 200 characters.",
                "other": "Words of a host's own.",
            },
        });
        add_codes(&mut context);
        assert_eq!(context["error_code"], "wrong_credentials");
        assert_eq!(context["notice_code"], Value::Null);
        let codes = serde_json::json!({
            "email": "invalid_email",
            "name": "too_long",
            "other": "refused",
        });
        assert_eq!(context["error_codes"], codes);
        let mut none = serde_json::json!({ "action": "/auth/login" });
        add_codes(&mut none);
        assert_eq!(none, serde_json::json!({ "action": "/auth/login" }));
    }

    #[test]
    fn every_sentence_of_a_page_has_a_code_and_words_in_every_language() {
        let codes = catalogue::load("codes", catalogue::include_locale!("said/codes.json"));
        let codes = codes.unwrap();
        let is_plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
        for (sentence, code) in &codes {
            assert!(code.bytes().all(is_plain), "{code}");
            for (locale, source) in LOCALES {
                let said = catalogue::load(locale, source).unwrap();
                assert!(said.contains_key(sentence), "{locale} lacks {sentence:?}");
            }
        }
        for (locale, source) in LOCALES {
            let said = catalogue::load(locale, source).unwrap();
            for sentence in said.keys().filter(|key| key.ends_with('.')) {
                assert!(codes.contains_key(sentence), "no code: {sentence:?}");
            }
        }
    }

    /// All Rust text of a folder.
    fn code(folder: &Path, text: &mut String) {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                code(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn nothing_is_translated_that_nobody_says() {
        let mut text = String::new();
        for folder in ["src/login", "src/web", "src/auth"] {
            code(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
                &mut text,
            );
        }
        for (locale, source) in LOCALES {
            for (sentence, said) in catalogue::load(locale, source).unwrap() {
                let is_title = !sentence.ends_with('.');
                assert!(
                    is_title || text.contains(&format!("\"{sentence}\"")),
                    "{locale}: nobody says {sentence:?}"
                );
                let placeholder =
                    |text: &str| Some(text.get(text.find('{')?..=text.find('}')?)?.to_owned());
                assert_eq!(placeholder(&sentence), placeholder(&said), "{sentence}");
            }
        }
    }
}
