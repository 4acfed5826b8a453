//! `response_type`: what an authorization request is answered with (RFC 6749 §3.1.1, OAuth 2.0 Multiple Response Type
//! Encoding Practices).

use serde::{Deserialize, Serialize};

/// A supported combination of `code`, `id_token` and `token`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ResponseType {
    /// Authorization code flow: the default of the product and of every specification.
    #[default]
    #[serde(rename = "code")]
    Code,
    /// Implicit flow (OpenID Connect Core §3.2), identity alone.
    #[serde(rename = "id_token")]
    IdToken,
    /// Implicit flow with an access token.
    #[serde(rename = "id_token token")]
    IdTokenToken,
    /// Hybrid flow (OpenID Connect Core §3.3).
    #[serde(rename = "code id_token")]
    CodeIdToken,
    /// Hybrid flow.
    #[serde(rename = "code token")]
    CodeToken,
    /// Hybrid flow.
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
}

impl ResponseType {
    /// All that the product can answer with.
    pub(super) const ALL: [Self; 6] = [
        Self::Code,
        Self::IdToken,
        Self::IdTokenToken,
        Self::CodeIdToken,
        Self::CodeToken,
        Self::CodeIdTokenToken,
    ];

    /// The combinations an operator offers.
    pub(super) fn offered(front_channel_tokens: bool) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |own| front_channel_tokens || *own == Self::Code)
    }

    /// The registered name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
        }
    }

    /// By its words, in any order (RFC 6749 §3.1.1).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let sorted = |text: &str| {
            let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        let wanted = sorted(text);
        let mut all = Self::ALL.into_iter();
        all.find(|own| sorted(own.as_str()) == wanted)
    }

    /// Whether the answer has an authorization code.
    pub(super) const fn has_code(self) -> bool {
        !matches!(self, Self::IdToken | Self::IdTokenToken)
    }

    /// Whether the answer has an ID token.
    pub(super) const fn has_id_token(self) -> bool {
        !matches!(self, Self::Code | Self::CodeToken)
    }

    /// Whether the answer has an access token.
    pub(super) const fn has_token(self) -> bool {
        !matches!(self, Self::Code | Self::IdToken | Self::CodeIdToken)
    }

    /// Whether anything but a code passes through the browser.
    pub(super) const fn is_front_channel(self) -> bool {
        !matches!(self, Self::Code)
    }
}

/// Whether a `response_type`, known or not, is one whose answer belongs into the fragment: an error must not travel in
/// a way that a success would not (Multiple Response Type Encoding Practices §5).
pub(super) fn answers_in_fragment(text: &str) -> bool {
    text.split(' ')
        .any(|word| matches!(word, "token" | "id_token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_in_any_order_and_once() {
        for own in ResponseType::ALL {
            assert_eq!(ResponseType::parse(own.as_str()), Some(own));
            let name = serde_json::to_value(own).expect("a name");
            assert_eq!(name, own.as_str());
        }
        let mixed = ResponseType::parse("token id_token code");
        assert_eq!(mixed, Some(ResponseType::CodeIdTokenToken));
        for bad in [
            "",
            "token",
            "none",
            "Code",
            "code code",
            "code  id_token",
            " code",
            "code,token",
            "code id_token token x",
        ] {
            assert_eq!(ResponseType::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_each_answer_has() {
        for own in ResponseType::ALL {
            let has = |word| own.as_str().split(' ').any(|own| own == word);
            assert_eq!(own.has_code(), has("code"));
            assert_eq!(own.has_id_token(), has("id_token"));
            assert_eq!(own.has_token(), has("token"));
            assert_eq!(own.is_front_channel(), answers_in_fragment(own.as_str()));
        }
    }
}
