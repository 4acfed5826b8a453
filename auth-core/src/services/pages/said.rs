//! What the code says in English, in other languages: notices, errors, the reasons a password is refused.
//!
//! Endpoints and their JSON know English alone; a page says the sentence in its own language where it has it.

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
        let all = found.map_or(Ok(Messages::new()), |(tag, source)| {
            catalogue::load(tag, source)
        })?;
        let (patterns, whole) = all
            .into_iter()
            .partition::<Messages, _>(|(key, _)| key.contains('{'));
        Ok(Self {
            whole,
            patterns: patterns.into_iter().collect(),
        })
    }

    /// `said`: the sentence in this language, or as it is.
    pub(super) fn say(&self, text: &str) -> String {
        if let Some(said) = self.whole.get(text) {
            return said.clone();
        }
        let mut patterns = self.patterns.iter();
        let said = patterns.find_map(|(pattern, said)| {
            let (name, value) = filled_in(pattern, text)?;
            Some(said.replace(name, value))
        });
        said.unwrap_or_else(|| text.to_owned())
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
        for folder in ["src/login", "src/web"] {
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
