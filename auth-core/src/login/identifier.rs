//! What a person types to say who they are, brought into the one form that is stored and compared.
//!
//! **E-mail.** Exactly one address (RFC 5321 §4.1.2, as a dot-atom): no display name, no quoted local part, no comments,
//! no control characters. The local part is ASCII, as a mail system without SMTPUTF8 needs, and lower-cased: RFC 5321
//! §2.4 lets a host tell cases apart, none that people use does, and two accounts that differ by case are a trap. The
//! domain goes through the URL parser's IDNA (UTS #46), so every Unicode spelling of a domain is the one ASCII name
//! that DNS knows; look-alikes of another script stay different names. Addresses are compared byte by byte afterwards.
//!
//! **Username.** 3 to 32 of `a-z 0-9 . _ -`, starting with a letter or digit; upper case is lowered. Nothing outside
//! ASCII, so no two usernames look alike by Unicode tricks; no `@`, so none looks like an address.

use email_address::{EmailAddress, Options};
use url::Host;

use crate::store::Identifier;

/// RFC 5321 §4.5.3.1.3 allows a path of 256 octets with its angle brackets.
const MAX_EMAIL_BYTES: usize = 254;

/// Names a visitor would take for the operator.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "admin",
    "administrator",
    "anonymous",
    "auth",
    "help",
    "hostmaster",
    "info",
    "login",
    "logout",
    "mail",
    "me",
    "moderator",
    "no-reply",
    "noreply",
    "null",
    "oauth",
    "official",
    "operator",
    "owner",
    "postmaster",
    "register",
    "root",
    "security",
    "settings",
    "staff",
    "support",
    "system",
    "undefined",
    "webmaster",
    "www",
];

/// What people sign in with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdentifierKind {
    /// An e-mail address.
    #[default]
    Email,
    /// A username.
    Username,
    /// An e-mail address or a username, or both; what has an `@` is an address.
    Either,
}

impl IdentifierKind {
    /// The name pages know it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::Either => "either",
        }
    }

    /// What was typed at sign-in, normalized; `None` for what no account can have.
    pub(super) fn parse(self, text: &str) -> Option<Identifier> {
        let is_email = match self {
            Self::Email => true,
            Self::Username => false,
            Self::Either => text.contains('@'),
        };
        if is_email {
            parse_email(text).ok().map(Identifier::Email)
        } else {
            parse_username(text).ok().map(Identifier::Username)
        }
    }
}

/// Why an identifier is refused, in words for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// Not exactly one plain address.
    #[error("That is not an e-mail address.")]
    Email,
    /// The part before the `@` is not ASCII.
    #[error(
        "Only plain letters, digits and signs can stand before the @ of an e-mail address here."
    )]
    LocalPart,
    /// Not a username.
    #[error(
        "A username has 3 to 32 letters a to z, digits, dots, dashes and underscores, and begins with a letter or digit."
    )]
    Username,
    /// A name kept for the operator.
    #[error("That username is reserved.")]
    Reserved,
}

/// Parses and normalizes an e-mail address; see the module for the rule.
///
/// # Errors
/// [`IdentifierError::Email`] and [`IdentifierError::LocalPart`].
pub fn parse_email(text: &str) -> Result<String, IdentifierError> {
    // People paste addresses with spaces around them. Line breaks are nobody's slip: they stay and are refused.
    let text = text.trim_matches(' ');
    if text.len() > MAX_EMAIL_BYTES || text.chars().any(char::is_control) {
        return Err(IdentifierError::Email);
    }
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    let parsed =
        EmailAddress::parse_with_options(text, options).map_err(|_| IdentifierError::Email)?;
    let (local, domain) = (parsed.local_part(), parsed.domain());
    if local.starts_with('"') {
        return Err(IdentifierError::Email);
    }
    if !local.is_ascii() {
        return Err(IdentifierError::LocalPart);
    }
    let email = format!("{}@{}", local.to_ascii_lowercase(), ascii_domain(domain)?);
    if email.len() > MAX_EMAIL_BYTES {
        return Err(IdentifierError::Email);
    }
    Ok(email)
}

fn ascii_domain(domain: &str) -> Result<String, IdentifierError> {
    // The URL parser percent-decodes a host, and mail does not.
    if domain.contains('%') {
        return Err(IdentifierError::Email);
    }
    match Host::parse(domain) {
        // Checked again: IDNA turns some characters into dots, or into nothing.
        Ok(Host::Domain(name)) if name.contains('.') && !name.ends_with('.') => Ok(name),
        _ => Err(IdentifierError::Email),
    }
}

/// Parses and normalizes a username; see the module for the rule. Reserved names pass: only registration refuses them.
///
/// # Errors
/// [`IdentifierError::Username`].
pub fn parse_username(text: &str) -> Result<String, IdentifierError> {
    let text = text.trim_matches(' ');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = (3..=32).contains(&text.len())
        && text.bytes().all(plain)
        && text.as_bytes()[0].is_ascii_alphanumeric();
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(IdentifierError::Username)
    }
}

/// Whether people may not take this normalized username. An operator may give it out.
pub(super) fn is_reserved(username: &str) -> bool {
    RESERVED.binary_search(&username).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalized() {
        for (typed, stored) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("  ada+news@example.com ", "ada+news@example.com"),
            ("o'brien@example.co.uk", "o'brien@example.co.uk"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ] {
            assert_eq!(parse_email(typed).as_deref(), Ok(stored), "{typed}");
        }
    }

    #[test]
    fn threat_16_one_address_and_nothing_else() {
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "a@example.com,b@example.com",
            "a@example.com;b@example.com",
            "a@example.com b@example.com",
            "a@b@example.com",
            "Ada <ada@example.com>",
            "<ada@example.com>",
            "\"a@evil.example\"@example.com",
            "\"ada\"@example.com",
            "ada@example.com (comment)",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@0x7f.1",
            "ada@example.com.",
            "ada@.example.com",
            "ada@exa%6dple.com",
            ".ada@example.com",
            "a..b@example.com",
            "mailto:ada@example.com?cc=x",
        ] {
            assert!(parse_email(bad).is_err(), "{bad:?}");
        }
        let long = format!("{}@{}.example.com", "a".repeat(64), "b.".repeat(100));
        assert!(parse_email(&long).is_err());
    }

    #[test]
    fn threat_18_header_injection_and_markup_are_no_address() {
        for bad in [
            "ada@example.com\r\nBcc: victim@example.com",
            "ada\r\n@example.com",
            "ada@example.com\n",
            "ada@exam\tple.com",
            "ada@example.com\u{0}",
            "<script>@example.com",
            "ada@<script>.com",
            "\u{202e}ada@example.com",
        ] {
            assert!(parse_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn threat_24_one_form_for_every_spelling_and_none_for_look_alikes() {
        let plain = parse_email("ada@example.com").expect("valid");
        // Full-width and circled letters are the same name for DNS.
        assert_eq!(parse_email("ada@ｅxample.com").as_ref(), Ok(&plain));
        assert_eq!(parse_email("ada@ⓔxample.com").as_ref(), Ok(&plain));
        // Cyrillic `е` and `а` are other letters: another domain, or no address.
        assert_ne!(parse_email("ada@еxample.com").as_ref(), Ok(&plain));
        assert_eq!(
            parse_email("аda@example.com"),
            Err(IdentifierError::LocalPart)
        );
        // U+212A KELVIN SIGN lower-cases to an ASCII k.
        assert_eq!(
            parse_email("\u{212a}ate@example.com"),
            Err(IdentifierError::LocalPart)
        );
        // A punycode label that is not valid, or hides ASCII, is refused.
        assert!(parse_email("ada@xn--example-.com").is_err());
        assert!(parse_email("ada@xn--.com").is_err());
        // An ideographic full stop must not smuggle a dot past the parser.
        assert_ne!(parse_email("ada@evil。example.com").as_ref(), Ok(&plain));
        assert_eq!(
            parse_username("\u{212a}ate"),
            Err(IdentifierError::Username)
        );
    }

    #[test]
    fn usernames_have_one_form() {
        assert_eq!(parse_username(" Ada.L-1_x ").as_deref(), Ok("ada.l-1_x"));
        for bad in [
            "",
            "ab",
            ".ada",
            "-ada",
            "_ada",
            "a@b",
            "a b c",
            "adä",
            "a\nb",
            &"a".repeat(33),
        ] {
            assert_eq!(
                parse_username(bad),
                Err(IdentifierError::Username),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn reserved_names_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("admin") && is_reserved("root"));
        assert!(!is_reserved("ada"));
    }

    #[test]
    fn the_kind_decides_what_is_typed() {
        let email = Some(Identifier::Email("ada@example.com".to_owned()));
        let username = Some(Identifier::Username("ada".to_owned()));
        assert_eq!(IdentifierKind::Either.parse("ada@example.com"), email);
        assert_eq!(IdentifierKind::Either.parse("Ada"), username);
        assert_eq!(IdentifierKind::Email.parse("ada"), None);
        assert_eq!(IdentifierKind::Username.parse("ada@example.com"), None);
    }
}
