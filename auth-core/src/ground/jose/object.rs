//! A JSON object without duplicate member names.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::JoseError;

/// How a duplicate is told apart from other errors; never shown.
pub(super) const DUPLICATE: &str = "duplicate member";

/// Parses claims. Members are refused when repeated: two readers of one token must see the same claims
/// (RFC 7519 section 4).
pub(crate) fn parse_claims(json: &[u8]) -> Result<Map<String, Value>, JoseError> {
    serde_json::from_slice::<UniqueObject>(json)
        .map(|object| object.0)
        .map_err(|error| {
            if is_duplicate(&error) {
                JoseError::DuplicateMember { part: "payload" }
            } else {
                JoseError::InvalidPayload
            }
        })
}

/// Whether [`DUPLICATE`] was the reason.
pub(super) fn is_duplicate(error: &serde_json::Error) -> bool {
    error.is_data() && error.to_string().starts_with(DUPLICATE)
}

struct UniqueObject(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = UniqueObject;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UniqueObject, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(UniqueObject(object))
    }
}

#[cfg(test)]
mod tests {
    use super::{JoseError, parse_claims};

    #[test]
    fn only_objects_without_duplicates() {
        assert_eq!(parse_claims(br#"{"a":1,"b":{"a":2}}"#).unwrap().len(), 2);
        // The same name, spelled with an escape.
        for json in [r#"{"sub":"a","sub":"b"}"#, r#"{"sub":"a","\u0073ub":"a"}"#] {
            assert_eq!(
                parse_claims(json.as_bytes()),
                Err(JoseError::DuplicateMember { part: "payload" })
            );
        }
        for json in [
            "",
            "[]",
            "null",
            "\"a\"",
            "{",
            "{}x",
            "{\"a\":1e999}",
            "\u{feff}{}",
        ] {
            assert_eq!(
                parse_claims(json.as_bytes()),
                Err(JoseError::InvalidPayload),
                "{json}"
            );
        }
    }

    #[test]
    fn threat_45_deep_json_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(
            parse_claims(deep.as_bytes()),
            Err(JoseError::InvalidPayload)
        );
    }
}
