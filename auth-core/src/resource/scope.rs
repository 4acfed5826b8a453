//! Scopes: what a token was granted, what a route wants, and when the one is enough for the other.

use std::collections::BTreeSet;
use std::fmt;

/// The scopes of a token.
///
/// A scope is a word, or words separated by colons: `profile`, `reports:read`, `read:users`. A granted scope allows
/// itself. A granted segment `*` stands for one segment, and as the last segment for one or more:
///
/// | granted | allows | does not allow |
/// |---|---|---|
/// | `reports:read` | `reports:read` | `reports`, `reports:write`, `reports:read:own` |
/// | `reports:*` | `reports:read`, `reports:read:own` | `reports`, `invoices:read` |
/// | `read:*` | `read:users` | `write:users` |
/// | `*:read` | `reports:read` | `reports:read:own` |
/// | `reports:*:own` | `reports:read:own` | `reports:own` |
///
/// It has to be a whole segment (`reports:re*` and `rep*` are ordinary words), and a scope of nothing but `*` is one
/// too: `*` and `*:*` allow themselves, not everything. In what is asked for `*` has no meaning. Case counts
/// (RFC 6749 §3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<String>);

impl ScopeSet {
    /// Reads scopes separated by spaces (RFC 6749 §3.3). What is no scope by its characters is left out, so it allows
    /// nothing.
    pub fn parse(text: &str) -> Self {
        text.split(' ').collect()
    }

    /// Whether this very scope is in the set; wildcards aside.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether a scope of the set allows what is asked for.
    pub fn allows(&self, wanted: &str) -> bool {
        self.contains(wanted) || self.0.iter().any(|granted| covers(granted, wanted))
    }

    /// Whether the set allows every scope of the other.
    pub fn allows_all(&self, wanted: &Self) -> bool {
        wanted.iter().all(|scope| self.allows(scope))
    }

    /// The scopes of `wanted` that this set allows: to hand a part of one's rights on.
    #[must_use]
    pub fn narrowed_to(&self, wanted: &Self) -> Self {
        wanted.iter().filter(|scope| self.allows(scope)).collect()
    }

    /// The scopes of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        let scopes = scopes.into_iter().filter(|scope| is_scope_token(scope));
        Self(scopes.map(str::to_owned).collect())
    }
}

/// Separated by spaces, as a parameter or claim spells them.
impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(formatter, "{space}{scope}")?;
        }
        Ok(())
    }
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3): no quote and no backslash, so one fits into a
/// quoted string as it is.
fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty()
        && scope
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// Whether a granted scope with wildcards matches. Without one it does not: equality is the caller's to test.
fn covers(granted: &str, wanted: &str) -> bool {
    let has_wildcard = granted.split(':').any(|segment| segment == "*");
    let has_word = granted.split(':').any(|segment| segment != "*");
    if !has_wildcard || !has_word {
        return false;
    }
    let mut wanted = wanted.split(':');
    let mut granted = granted.split(':').peekable();
    while let Some(segment) = granted.next() {
        let is_last = granted.peek().is_none();
        match wanted.next() {
            // An empty segment is nothing a wildcard could stand for.
            None | Some("") => return false,
            Some(_) if segment == "*" && is_last => return wanted.all(|rest| !rest.is_empty()),
            Some(_) if segment == "*" => {}
            Some(word) if word == segment => {}
            Some(_) => return false,
        }
    }
    wanted.next().is_none()
}

/// What a route wants of a token: all of some scopes, and one of others.
///
/// A requirement that names nothing is met by no token: a guard written with an empty name must not be an open door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeRequirement {
    all: Vec<String>,
    any: Vec<String>,
}

impl ScopeRequirement {
    /// All of these. A text may name several, separated by spaces.
    pub fn all_of<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self {
            all: words(scopes),
            any: Vec::new(),
        }
    }

    /// At least one of these.
    pub fn any_of<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self {
            all: Vec::new(),
            any: words(scopes),
        }
    }

    /// And at least one of these.
    #[must_use]
    pub fn and_any_of<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any.extend(words(scopes));
        self
    }

    /// Whether these scopes are enough.
    pub fn is_met_by(&self, granted: &ScopeSet) -> bool {
        let names_something = !(self.all.is_empty() && self.any.is_empty());
        names_something
            && self.all.iter().all(|scope| granted.allows(scope))
            && (self.any.is_empty() || self.any.iter().any(|scope| granted.allows(scope)))
    }

    /// Scopes that would be enough, for the attribute `scope` of the challenge: all of the one kind and the first of
    /// the other.
    pub(super) fn sufficient(&self) -> ScopeSet {
        let scopes = self.all.iter().chain(self.any.first());
        scopes.map(String::as_str).collect()
    }
}

impl From<&str> for ScopeRequirement {
    fn from(scopes: &str) -> Self {
        Self::all_of([scopes])
    }
}

fn words<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut words = Vec::new();
    for scope in scopes {
        let separate = scope.as_ref().split_ascii_whitespace();
        words.extend(separate.map(str::to_owned));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{ScopeRequirement, ScopeSet};

    #[test]
    fn the_algebra() {
        for (granted, wanted, allowed) in [
            ("profile", "profile", true),
            ("profile", "Profile", false),
            ("profile", "profiles", false),
            ("profile", "profile:read", false),
            ("openid profile", "profile", true),
            ("", "profile", false),
            ("profile", "", false),
            ("reports:read", "reports:read", true),
            ("reports:read", "reports", false),
            ("reports:read", "reports:write", false),
            ("reports:read", "reports:read:own", false),
            ("reports:*", "reports:read", true),
            ("reports:*", "reports:read:own", true),
            ("reports:*", "reports:*", true),
            ("reports:*", "reports", false),
            ("reports:*", "reports:", false),
            ("reports:*", "reports:read:", false),
            ("reports:*", "reports2:read", false),
            ("reports:*", "invoices:read", false),
            ("read:*", "read:users", true),
            ("read:*", "write:users", false),
            ("*:read", "reports:read", true),
            ("*:read", "reports:write", false),
            ("*:read", "reports:read:own", false),
            ("*:read", ":read", false),
            ("*:read", "read", false),
            ("reports:*:own", "reports:read:own", true),
            ("reports:*:own", "reports:read:all", false),
            ("reports:*:own", "reports:own", false),
            ("reports:*:own", "reports:a:b:own", false),
            ("a:*:*", "a:b:c", true),
            ("a:*:*", "a:b:c:d", true),
            ("a:*:*", "a:b", false),
            // Never in the middle of a word.
            ("reports:re*", "reports:read", false),
            ("reports:re*", "reports:re*", true),
            ("reports:**", "reports:read", false),
            ("rep*", "reports", false),
            // Nothing but wildcards is a name.
            ("*", "profile", false),
            ("*", "reports:read", false),
            ("*", "*", true),
            ("*:*", "reports:read", false),
            ("*:*", "*:*", true),
            // A wildcard asked for is a name as well.
            ("reports:read", "reports:*", false),
            ("reports:read", "*", false),
        ] {
            assert_eq!(
                ScopeSet::parse(granted).allows(wanted),
                allowed,
                "{granted:?} and {wanted:?}"
            );
        }
    }

    #[test]
    fn sets() {
        let set = ScopeSet::parse("b a  b \"x\" c\\d e\tf g\u{e4}");
        assert_eq!(set.to_string(), "a b");
        assert_eq!((set.len(), set.is_empty()), (2, false));
        assert!(ScopeSet::parse("  ").is_empty());
        let granted = ScopeSet::parse("reports:* profile");
        let wanted = ScopeSet::parse("reports:read email");
        assert!(!granted.allows_all(&wanted));
        assert_eq!(granted.narrowed_to(&wanted).to_string(), "reports:read");
        assert!(granted.allows_all(&granted.narrowed_to(&wanted)));
        assert_eq!(
            granted.union(&wanted).to_string(),
            "email profile reports:* reports:read"
        );
        assert!(granted.contains("reports:*") && !granted.contains("reports:read"));
    }

    #[test]
    fn requirements() {
        let granted = ScopeSet::parse("profile reports:*");
        let met = |requirement: &ScopeRequirement| requirement.is_met_by(&granted);
        assert!(met(&ScopeRequirement::all_of(["profile", "reports:read"])));
        assert!(!met(&ScopeRequirement::all_of(["profile", "email"])));
        assert!(met(&ScopeRequirement::any_of(["email", "reports:read"])));
        assert!(!met(&ScopeRequirement::any_of(["email", "phone"])));
        let both = ScopeRequirement::all_of(["profile"]).and_any_of(["email", "phone"]);
        assert!(!met(&both));
        assert_eq!(both.sufficient().to_string(), "email profile");
        assert!(met(&ScopeRequirement::from("profile reports:read")));
        assert!(!met(&ScopeRequirement::from("profile email")));
    }

    #[test]
    fn an_empty_requirement_is_no_open_door() {
        let granted = ScopeSet::parse("profile");
        for empty in [
            ScopeRequirement::from(""),
            ScopeRequirement::from("  "),
            ScopeRequirement::any_of::<&str>([]),
        ] {
            assert!(!empty.is_met_by(&granted));
        }
    }
}
