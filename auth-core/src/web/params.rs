//! Parameters, read strictly: UTF-8, bounded, no duplicate unnoticed.

use percent_encoding::percent_decode;
use serde_json::Value;

use crate::ground::jose::parse_unique_object;

/// More parameters than any endpoint has.
const MAX_PARAMS: usize = 128;

/// Request parameters in the order they came. An empty value counts as absent (RFC 6749 §3.1).
#[derive(Clone, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

/// Why parameters cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Not the media type the endpoint reads.
    #[error("the body must be application/x-www-form-urlencoded")]
    MediaType,
    /// Percent-decoding gives no UTF-8.
    #[error("a parameter is not valid UTF-8")]
    NotUtf8,
    /// More than 128.
    #[error("too many parameters")]
    TooMany,
    /// A JSON body is not an object of strings, numbers and booleans, each named once.
    #[error("the JSON body must be an object of strings, numbers and booleans, each named once")]
    Json,
    /// A parameter is there more than once (RFC 6749 §3.1, §3.2).
    #[error("the parameter {0} is repeated")]
    Repeated(String),
}

impl Params {
    /// Reads a query or a form body.
    pub fn parse_urlencoded(bytes: &[u8]) -> Result<Self, ParamsError> {
        let mut pairs = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|p| !p.is_empty()) {
            if pairs.len() == MAX_PARAMS {
                return Err(ParamsError::TooMany);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Reads a flat JSON object.
    pub fn parse_json(bytes: &[u8]) -> Result<Self, ParamsError> {
        // A member twice is as unclear as a parameter twice.
        let object = parse_unique_object(bytes).map_err(|_| ParamsError::Json)?;
        if object.len() > MAX_PARAMS {
            return Err(ParamsError::TooMany);
        }
        let mut pairs = Vec::with_capacity(object.len());
        for (name, value) in object {
            let value = match value {
                Value::String(text) => text,
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Null => String::new(),
                Value::Array(_) | Value::Object(_) => return Err(ParamsError::Json),
            };
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// From pairs.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// The value, unless it is absent or empty. Of repeated ones the first: call
    /// [`refuse_repeated`](Self::refuse_repeated) before.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may be repeated (`resource`, RFC 8707 §2).
    pub fn get_all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.pairs
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(key, _)| key == name).count() > 1
    }

    /// An error naming the first parameter that is there more than once, save those in `repeatable`.
    pub fn refuse_repeated(&self, repeatable: &[&str]) -> Result<(), ParamsError> {
        for (index, (name, _)) in self.pairs.iter().enumerate() {
            if !repeatable.contains(&name.as_str())
                && self.pairs[..index].iter().any(|(other, _)| other == name)
            {
                return Err(ParamsError::Repeated(name.clone()));
            }
        }
        Ok(())
    }

    /// Whether a checkbox-like parameter is set: `on`, `true`, `1`, `yes`.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), Some("on" | "true" | "1" | "yes"))
    }

    /// All pairs.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}

/// A path with a query; parameters without a value are left out.
pub fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

fn decode(bytes: &[u8]) -> Result<String, ParamsError> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(decoded).map_err(|_| ParamsError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_strictly() {
        let params = Params::parse_urlencoded(b"a=1+2&b=%C3%BC&&c&d==x&e=%2").expect("valid");
        assert_eq!(params.get("a"), Some("1 2"));
        assert_eq!(params.get("b"), Some("ü"));
        assert_eq!(params.get("c"), None);
        assert_eq!(params.get("d"), Some("=x"));
        assert_eq!(params.get("e"), Some("%2"));
        assert_eq!(
            Params::parse_urlencoded(b"a=%ff").err(),
            Some(ParamsError::NotUtf8)
        );
        assert_eq!(
            Params::parse_urlencoded("a=1&".repeat(129).as_bytes()).err(),
            Some(ParamsError::TooMany)
        );
    }

    #[test]
    fn repetition_is_noticed_even_when_empty_or_spelled_otherwise() {
        let params =
            Params::parse_urlencoded(b"scope=&%73cope=x&resource=a&resource=b").expect("valid");
        assert_eq!(
            params.refuse_repeated(&["resource"]),
            Err(ParamsError::Repeated("scope".to_owned()))
        );
        assert!(params.is_repeated("scope"));
        assert_eq!(params.get_all("resource").count(), 2);
    }

    #[test]
    fn json_is_flat() {
        let params = Params::parse_json(br#"{"a":"x","b":true,"c":3,"d":null}"#).expect("valid");
        assert_eq!(params.get("a"), Some("x"));
        assert!(params.is_on("b"));
        assert_eq!(params.get("c"), Some("3"));
        assert_eq!(params.get("d"), None);
        for bad in [
            b"[]".as_slice(),
            b"{\"a\":[]}",
            b"{\"a\":{}}",
            b"{\"a\":1,\"\\u0061\":2}",
            b"{",
            b"\xff",
        ] {
            assert_eq!(Params::parse_json(bad).err(), Some(ParamsError::Json));
        }
    }
}
