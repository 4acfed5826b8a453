//! What a provider says of a person, and where in its documents it says so.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::login::parse_email;

/// As long as a name may be that people type here.
const MAX_NAME: usize = 200;
/// What a stored identity takes (OpenID Connect Core §2: at most 255 ASCII characters).
const MAX_SUBJECT: usize = 255;
const MAX_URL: usize = 2048;
/// The longest tag anybody has use for (RFC 5646 §4.4.1).
const MAX_LOCALE: usize = 35;
/// Of a list of addresses, so many are looked at.
const MAX_ADDRESSES: usize = 100;

/// What a provider says of a person. Of all of it only the issuer and the subject beside it identify.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// An address, in the normal form of [`parse_email`].
    pub email: Option<String>,
    /// Whether the provider says that it is theirs.
    pub email_verified: bool,
    /// The user name there.
    pub username: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// An https URL.
    pub picture: Option<String>,
    /// A BCP 47 tag.
    pub locale: Option<String>,
}

/// Where the members of a profile stand in a provider's document: JSON pointers (RFC 6901). The first that is there and
/// fits counts. The default knows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileMap {
    /// A string or an integer. Only for OAuth 2; an ID token has `sub`.
    pub subject: &'static [&'static str],
    /// The address.
    pub email: &'static [&'static str],
    /// Whether it is verified.
    pub email_verified: EmailVerified,
    /// The user name.
    pub username: &'static [&'static str],
    /// The whole name.
    pub name: &'static [&'static str],
    /// The given name.
    pub given_name: &'static [&'static str],
    /// The family name.
    pub family_name: &'static [&'static str],
    /// The picture: a pointer, or an https URL with pointers in braces (`https://cdn.example/{/id}/{/avatar}.png`).
    pub picture: &'static [&'static str],
    /// The language: a tag, or an object of `language` and `country`.
    pub locale: &'static [&'static str],
}

/// How a provider says that an address is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EmailVerified {
    /// A member that is `true` (or `"true"`, `1`, `"1"`, as some write it).
    At(&'static [&'static str]),
    /// Every one of these members is.
    All(&'static [&'static str]),
    /// It hands out verified addresses only.
    Always,
    /// It does not say.
    #[default]
    Never,
    /// Addresses are objects in a list. The primary one counts, before what [`ProfileMap::email`] finds, and it says of
    /// itself whether it is verified (GitHub's, Bitbucket's).
    PrimaryOf {
        /// Where the list stands.
        list: &'static str,
        /// The member that is the address.
        address: &'static str,
        /// The member that is true of the primary one.
        primary: &'static str,
        /// The member that is true of verified ones.
        verified: &'static str,
    },
}

impl ProfileMap {
    /// The standard claims (OpenID Connect Core §5.1).
    pub const OPENID: Self = Self {
        subject: &["/sub"],
        email: &["/email"],
        email_verified: EmailVerified::At(&["/email_verified"]),
        username: &["/preferred_username", "/nickname"],
        name: &["/name"],
        given_name: &["/given_name"],
        family_name: &["/family_name"],
        picture: &["/picture"],
        locale: &["/locale"],
    };

    /// Knows nothing: what a row is written upon.
    pub(super) const EMPTY: Self = Self {
        subject: &[],
        email: &[],
        email_verified: EmailVerified::Never,
        username: &[],
        name: &[],
        given_name: &[],
        family_name: &[],
        picture: &[],
        locale: &[],
    };

    /// All its pointers; of a built picture, those in braces.
    pub(super) fn pointers(&self) -> Vec<&'static str> {
        let lists = [
            self.subject,
            self.email,
            self.username,
            self.name,
            self.given_name,
            self.family_name,
            self.locale,
        ];
        let mut pointers: Vec<_> = lists.into_iter().flatten().copied().collect();
        match self.email_verified {
            EmailVerified::At(list) | EmailVerified::All(list) => pointers.extend(list),
            EmailVerified::PrimaryOf { list, .. } => pointers.push(list),
            EmailVerified::Always | EmailVerified::Never => {}
        }
        for &picture in self.picture {
            match picture.split_once('{') {
                None => pointers.push(picture),
                Some((_, rest)) => pointers.extend(
                    rest.split('{')
                        .map(|part| part.split('}').next().unwrap_or_default()),
                ),
            }
        }
        pointers
    }
}

/// Who the document is about: a string or an integer, and never one that several people could share (threat 07).
pub(in crate::login) fn subject(map: &ProfileMap, document: &Value) -> Option<String> {
    first(map.subject, document, |value| match value {
        Value::String(text) => {
            let fits =
                text.len() <= MAX_SUBJECT && !text.trim().is_empty() && !text.contains(unreadable);
            fits.then(|| text.clone())
        }
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    })
}

/// What the document says of a person, as far as it fits: nothing in it is trusted to be short, printable or of its
/// type.
pub(in crate::login) fn read(map: &ProfileMap, document: &Value) -> Profile {
    let name = |pointers| first(pointers, document, short);
    let (email, email_verified) = settled(said_of_email(map, document));
    Profile {
        email,
        email_verified,
        username: name(map.username),
        name: name(map.name),
        given_name: name(map.given_name),
        family_name: name(map.family_name),
        picture: map
            .picture
            .iter()
            .find_map(|picture| read_picture(picture, document)),
        locale: first(map.locale, document, language),
    }
}

fn first<T>(
    pointers: &[&str],
    document: &Value,
    fitting: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    pointers
        .iter()
        .find_map(|pointer| document.pointer(pointer).and_then(&fitting))
}

/// An address, and whether it is said to be verified, if that is said at all.
type Said = (String, Option<bool>);

/// As [`read`], from what was put together of two documents: an address and the word that it is verified are of one of
/// them, of the first that has an address (threat 31).
pub(in crate::login) fn read_of_two(
    map: &ProfileMap,
    together: &Value,
    (first, second): (&Value, &Value),
) -> Profile {
    let said = match (said_of_email(map, first), said_of_email(map, second)) {
        // Where the first leaves it open, the second may speak for the same address.
        (Some((email, None)), Some((other, word))) if email == other => Some((email, word)),
        (Some(said), _) => Some(said),
        (None, said) => said,
    };
    let (email, email_verified) = settled(said);
    Profile {
        email,
        email_verified,
        ..read(map, together)
    }
}

fn settled(said: Option<Said>) -> (Option<String>, bool) {
    said.map_or((None, false), |(email, word)| {
        (Some(email), word.unwrap_or(false))
    })
}

/// Never another address's word.
fn said_of_email(map: &ProfileMap, document: &Value) -> Option<Said> {
    if let EmailVerified::PrimaryOf {
        list,
        address,
        primary,
        verified,
    } = map.email_verified
    {
        let entries = document.pointer(list).and_then(Value::as_array);
        let found = entries
            .into_iter()
            .flatten()
            .take(MAX_ADDRESSES)
            .find(|entry| entry.get(primary).is_some_and(is_true));
        if let Some(entry) = found
            && let Some(email) = entry.get(address).and_then(email)
        {
            return Some((email, entry.get(verified).map(is_true)));
        }
    }
    let email = first(map.email, document, email)?;
    let mut words = match map.email_verified {
        EmailVerified::At(pointers) | EmailVerified::All(pointers) => pointers,
        EmailVerified::Always => return Some((email, Some(true))),
        EmailVerified::Never | EmailVerified::PrimaryOf { .. } => {
            return Some((email, Some(false)));
        }
    }
    .iter()
    .map(|pointer| document.pointer(pointer));
    let word = match map.email_verified {
        EmailVerified::All(_) => {
            let words: Vec<_> = words.collect();
            let is_said = words.iter().any(Option::is_some);
            is_said.then(|| words.iter().all(|word| word.is_some_and(is_true)))
        }
        _ => words.find_map(|word| word).map(is_true),
    };
    Some((email, word))
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(is) => *is,
        Value::String(text) => text == "true" || text == "1",
        Value::Number(number) => number.as_u64() == Some(1),
        _ => false,
    }
}

fn email(value: &Value) -> Option<String> {
    parse_email(value.as_str()?).ok()
}

/// A name, cut where no name goes on.
fn short(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    if text.is_empty() || text.contains(unreadable) {
        return None;
    }
    Some(text.chars().take(MAX_NAME).collect())
}

/// Control characters, and those that make what follows read in another direction (threat 18).
fn unreadable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A tag, or its parts (LinkedIn's).
fn language(value: &Value) -> Option<String> {
    let Value::Object(parts) = value else {
        return tag(value.as_str()?);
    };
    let language = tag(parts.get("language")?.as_str()?)?;
    let country = parts.get("country").and_then(Value::as_str);
    let country = country.filter(|country| {
        country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    Some(match country {
        Some(country) => format!("{language}-{}", country.to_ascii_uppercase()),
        None => language,
    })
}

fn tag(text: &str) -> Option<String> {
    let tag = text.replace('_', "-");
    let fits = (2..=MAX_LOCALE).contains(&tag.len())
        && tag.starts_with(|first: char| first.is_ascii_alphabetic())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then_some(tag)
}

fn read_picture(picture: &str, document: &Value) -> Option<String> {
    if picture.starts_with('/') {
        return secure_url(document.pointer(picture)?.as_str()?);
    }
    let mut url = String::with_capacity(picture.len());
    let mut rest = picture;
    while let Some((before, after)) = rest.split_once('{') {
        let (pointer, behind) = after.split_once('}')?;
        url.push_str(before);
        url.push_str(&segment(document.pointer(pointer)?)?);
        rest = behind;
    }
    url.push_str(rest);
    secure_url(&url)
}

/// What may stand in a built URL without leaving its place.
fn segment(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return None,
    };
    let fits = (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    fits.then_some(text)
}

fn secure_url(text: &str) -> Option<String> {
    if text.len() > MAX_URL || text.contains(unreadable) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let fits = url.scheme() == "https"
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    fits.then(|| url.into())
        .filter(|url: &String| url.len() <= MAX_URL)
}

#[cfg(test)]
mod tests;
