//! JSON without duplicate member names, at any depth.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
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

/// Any JSON value in which no object, however deep, names a member twice.
///
/// # Errors
/// [`JoseError::DuplicateMember`], [`JoseError::InvalidPayload`].
pub(crate) fn parse_unique_value(json: &[u8]) -> Result<Value, JoseError> {
    serde_json::from_slice::<UniqueValue>(json)
        .map(|value| value.0)
        .map_err(|error| {
            if is_duplicate(&error) {
                JoseError::DuplicateMember { part: "payload" }
            } else {
                JoseError::InvalidPayload
            }
        })
}

struct UniqueObject(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match UniqueValue::deserialize(deserializer)?.0 {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

struct UniqueValue(Value);

impl<'de> Deserialize<'de> for UniqueValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(UniqueValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, UniqueValue(value))) = members.next_entry::<String, UniqueValue>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::{JoseError, parse_claims, parse_unique_value};

    #[test]
    fn only_objects_without_duplicates() {
        assert_eq!(parse_claims(br#"{"a":1,"b":{"a":2}}"#).unwrap().len(), 2);
        let all = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x",{"b":[]}]}"#;
        let value = parse_unique_value(all.as_bytes()).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(all).unwrap()
        );
        // The same name, spelled with an escape.
        for json in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","\u0073ub":"a"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[[{"b":1},{"b":1,"b":2}]]}"#,
        ] {
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
