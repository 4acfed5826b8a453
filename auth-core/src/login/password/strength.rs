//! How early a password is guessed, in words that help to choose a better one.

use zxcvbn::feedback::{Feedback, Suggestion};
use zxcvbn::zxcvbn;

use super::policy::Personal;

/// From 0, guessed at once, to 4; and what would make it better, each with a code that never changes.
pub(in crate::login) struct Strength {
    pub(in crate::login) score: u8,
    pub(in crate::login) advice: Vec<(&'static str, &'static str)>,
}

const fn in_words(suggestion: Suggestion) -> (&'static str, &'static str) {
    use Suggestion as S;
    match suggestion {
        S::UseAFewWordsAvoidCommonPhrases => {
            ("use_a_few_words", "Use a few words, and no common phrase.")
        }
        S::NoNeedForSymbolsDigitsOrUppercaseLetters => (
            "no_need_for_symbols",
            "Symbols, digits and capitals are not needed.",
        ),
        S::AddAnotherWordOrTwo => ("add_a_word", "Add a word or two that are not common."),
        S::CapitalizationDoesntHelpVeryMuch => {
            ("capitals_help_little", "Capitals do not help much.")
        }
        S::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => (
            "all_capitals_help_little",
            "All capitals are guessed almost as early as none.",
        ),
        S::ReversedWordsArentMuchHarderToGuess => (
            "reversed_words_help_little",
            "Words turned around are not much harder to guess.",
        ),
        S::PredictableSubstitutionsDontHelpVeryMuch => (
            "substitutions_help_little",
            "Signs in place of letters do not help much.",
        ),
        S::UseALongerKeyboardPatternWithMoreTurns => (
            "avoid_rows_of_keys",
            "Avoid keys that lie beside each other.",
        ),
        S::AvoidRepeatedWordsAndCharacters => (
            "avoid_repetition",
            "Avoid words and characters that repeat.",
        ),
        S::AvoidSequences => ("avoid_sequences", "Avoid sequences such as abc or 6543."),
        S::AvoidRecentYears | S::AvoidYearsThatAreAssociatedWithYou => {
            ("avoid_years", "Avoid years.")
        }
        S::AvoidDatesAndYearsThatAreAssociatedWithYou => ("avoid_dates", "Avoid dates."),
    }
}

/// Slow: see [`Hashers::strength`](super::Hashers::strength).
pub(super) fn of(password: &str, personal: &Personal) -> Strength {
    let entropy = zxcvbn(&super::policy::beginning(password), &personal.terms());
    let suggestions = entropy.feedback().map(Feedback::suggestions);
    let mut advice: Vec<_> = suggestions
        .unwrap_or_default()
        .iter()
        .map(|suggestion| in_words(*suggestion))
        .collect();
    advice.dedup();
    Strength {
        score: entropy.score().into(),
        advice,
    }
}
