//! What people may choose as a password.
//!
//! Length, then nothing that is guessed early; no rule on which kinds of characters (NIST SP 800-63B-4 §3.1.1.2). The
//! guesses are zxcvbn's, over the first 100 characters, with lists of common passwords, words, names, keyboard runs and
//! dates, and with what is known of the person: a password of fewer than 1,000,000 guesses (zxcvbn scores 0 and 1) is
//! refused. What is only the person's own name or address with a little added is refused whatever its guesses.

use zxcvbn::zxcvbn;

use super::Password;

/// Fewer guesses than this are too few, also at a throttled sign-in form.
const MIN_GUESSES: u64 = 1_000_000;

/// So many characters must be left once the person's own names are taken out.
const MIN_OWN_CHARACTERS: usize = 8;

const MAX_TERMS: usize = 24;
const MAX_TERM_CHARACTERS: usize = 100;

/// Why a password is refused, in words for the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// Too short.
    #[error("Use at least {min} characters. Several words in a row are easy to remember.")]
    TooShort {
        /// Characters wanted.
        min: usize,
    },
    /// Too long.
    #[error("Use at most {max} characters.")]
    TooLong {
        /// Characters allowed.
        max: usize,
    },
    /// Guessed early.
    #[error(
        "That password is easy to guess. Use several words that have nothing to do with each other."
    )]
    Guessable,
    /// Others have lost it already.
    #[error("That password is on a list of stolen passwords. Choose one you use nowhere else.")]
    Breached,
    /// Mostly the person's own name or address.
    #[error("That password is too close to your name, your address or the name of this site.")]
    Personal,
}

impl PasswordRefused {
    /// Its code, for a client that says it in words of its own. Never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "password_too_short",
            Self::TooLong { .. } => "password_too_long",
            Self::Guessable => "password_guessable",
            Self::Breached => "password_breached",
            Self::Personal => "password_personal",
        }
    }
}

/// What is known of a person and would be guessed first.
pub(in crate::login) struct Personal {
    terms: Vec<String>,
}

impl Personal {
    /// From identifiers and the name.
    pub(in crate::login) fn new(
        email: Option<&str>,
        username: Option<&str>,
        name: Option<&str>,
    ) -> Self {
        let mut personal = Self { terms: Vec::new() };
        if let Some((local, domain)) = email.and_then(|email| email.rsplit_once('@')) {
            personal.add(&format!("{local}@{domain}"));
            personal.add(local);
            local
                .split(|c: char| !c.is_alphanumeric())
                .for_each(|part| personal.add(part));
            domain.split('.').for_each(|label| personal.add(label));
        }
        if let Some(username) = username {
            personal.add(username);
        }
        if let Some(name) = name {
            personal.add(name);
            name.split_whitespace().for_each(|word| personal.add(word));
        }
        personal
    }

    pub(super) fn terms(&self) -> Vec<&str> {
        self.terms.iter().map(String::as_str).collect()
    }

    fn add(&mut self, term: &str) {
        let term: String = term.chars().take(MAX_TERM_CHARACTERS).collect();
        if term.chars().count() >= 3 && self.terms.len() < MAX_TERMS {
            self.terms.push(term.to_lowercase());
        }
    }
}

/// The rules.
#[derive(Clone, Debug)]
pub(in crate::login) struct Policy {
    min: usize,
    max: usize,
    site: Vec<String>,
}

impl Policy {
    /// Lengths in characters, and the host people reach the site by.
    pub(in crate::login) fn new(min: usize, max: usize, host: &str) -> Self {
        let labels = host.split('.').filter(|label| label.len() >= 4);
        Self {
            min,
            max,
            site: labels.map(str::to_lowercase).collect(),
        }
    }

    /// The rules that need no guessing.
    pub(super) fn check(
        &self,
        password: &Password,
        personal: &Personal,
    ) -> Result<(), PasswordRefused> {
        if password.is_longer_than(self.max) {
            return Err(PasswordRefused::TooLong { max: self.max });
        }
        if !password.is_longer_than(self.min.saturating_sub(1)) {
            return Err(PasswordRefused::TooShort { min: self.min });
        }
        if self.is_personal(password.expose(), personal) {
            return Err(PasswordRefused::Personal);
        }
        Ok(())
    }

    fn is_personal(&self, password: &str, personal: &Personal) -> bool {
        let own = reduce(password);
        let mut terms: Vec<String> = personal
            .terms
            .iter()
            .chain(&self.site)
            .map(|term| reduce(term))
            .filter(|term| term.chars().count() >= 3)
            .collect();
        // The longest first, or `ada` would leave `lovelace` of `adalovelace`.
        terms.sort_by_key(|term| std::cmp::Reverse(term.len()));
        let mut left = own.clone();
        for term in &terms {
            left = left.replace(term.as_str(), "");
        }
        left.len() < own.len() && left.chars().count() < MIN_OWN_CHARACTERS
    }
}

/// Letters and digits alone, lower-cased.
fn reduce(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// Whether the password is guessed early. Slow: see [`Hashers::judge`](super::Hashers::judge).
pub(super) fn is_guessable(password: &str, personal: &Personal) -> bool {
    zxcvbn(&beginning(password), &personal.terms()).guesses() < MIN_GUESSES
}

/// As much of a password as is looked at.
pub(super) fn beginning(password: &str) -> String {
    password.chars().take(MAX_TERM_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(password: &str) -> Result<(), PasswordRefused> {
        let policy = Policy::new(15, 128, "app.bookshop.example");
        let personal = Personal::new(
            Some("ada.lovelace@example.com"),
            Some("enchantress"),
            Some("Ada Lovelace"),
        );
        policy.check(&password.into(), &personal)?;
        if is_guessable(password, &personal) {
            return Err(PasswordRefused::Guessable);
        }
        Ok(())
    }

    #[test]
    fn good_ones_pass_whatever_they_are_made_of() {
        for good in [
            "correct horse battery staple",
            "thequickbrownfoxes",
            "tr0ub4dor&3-and-more",
            "правильная лошадь батарея",
            "五月雨を集めて早し最上川の流れゆく",
            "😀😃😄😁😆😅🤣😂🙂🙃🫠😉😊😇🥰",
            &"long enough ".repeat(10),
        ] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(
            judge("14 characters!"),
            Err(PasswordRefused::TooShort { min: 15 })
        );
        assert_eq!(
            judge("ünïcödé çhärs!"),
            Err(PasswordRefused::TooShort { min: 15 })
        );
        let longest: String = "Wir säen fünf Äpfel am Fluß; "
            .chars()
            .cycle()
            .take(128)
            .collect();
        assert_eq!(judge(&longest), Ok(()));
        assert_eq!(
            judge(&"x".repeat(129)),
            Err(PasswordRefused::TooLong { max: 128 })
        );
        assert_eq!(
            judge(&"x".repeat(200_000)),
            Err(PasswordRefused::TooLong { max: 128 })
        );
    }

    #[test]
    fn common_ones_are_refused() {
        for common in [
            "passwordpassword",
            "123456789012345",
            "111111111111111",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopqwertyuiop",
            "abcdefghijklmnopqrstuvwxyz",
            "password12345678",
            "P@ssw0rdP@ssw0rd",
            "iloveyouiloveyou",
        ] {
            assert_eq!(judge(common), Err(PasswordRefused::Guessable), "{common}");
        }
    }

    #[test]
    fn ones_own_name_is_refused() {
        for personal in [
            "ada.lovelace@example.com",
            "ADA.LOVELACE@EXAMPLE.COM",
            "Ada Lovelace 1815",
            "lovelace-ada-lovelace",
            "adalovelace!!!!!!!!",
            "enchantress12345",
            "enchantress-enchantress",
            "bookshop-bookshop",
        ] {
            assert_eq!(
                judge(personal),
                Err(PasswordRefused::Personal),
                "{personal}"
            );
        }
        assert_eq!(judge("ada keeps seven grey parrots"), Ok(()));
    }

    #[test]
    fn estimating_is_bounded_and_takes_anything() {
        let personal = Personal::new(None, None, Some(&"Al ".repeat(5_000)));
        assert!(personal.terms.len() <= MAX_TERMS);
        for odd in [
            "\u{0}",
            "\u{202e}abc",
            "é\u{301}",
            "\u{10ffff}",
            &"a1".repeat(60_000),
        ] {
            is_guessable(odd, &personal);
        }
    }
}
