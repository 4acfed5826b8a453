//! The JOSE header of a token we are to verify (RFC 7515 section 4).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::object::{DUPLICATE, is_duplicate};
use super::{Algorithm, JoseError, Jwk};

/// More than any profile asks for; bounds the search for duplicates.
const MAX_MEMBERS: usize = 32;

/// What a verifier may take from the header. `jwk`, `jku`, `x5u` and `x5c` are not among it: a header never brings
/// the key that checks it (RFC 8725 section 3.10, CVE-2018-0114).
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl Header {
    /// Reads a decoded header.
    pub(super) fn parse(json: &[u8]) -> Result<Self, JoseError> {
        let raw: RawHeader = serde_json::from_slice(json).map_err(|error| header_error(&error))?;
        if raw.critical {
            return Err(JoseError::CriticalHeader);
        }
        if raw.unencoded {
            return Err(JoseError::UnencodedPayload);
        }
        let algorithm = raw
            .alg
            .as_deref()
            .and_then(Algorithm::parse)
            .ok_or(JoseError::UnsupportedAlgorithm)?;
        Ok(Self {
            algorithm,
            kid: raw.kid,
            typ: raw.typ,
        })
    }
}

/// The `jwk` member, for the one protocol that reads it (RFC 9449 section 4.3).
pub(super) fn embedded_jwk(json: &[u8]) -> Result<Option<Jwk>, JoseError> {
    #[derive(serde::Deserialize)]
    struct Embedded {
        jwk: Option<serde_json::Value>,
    }
    let embedded: Embedded = serde_json::from_slice(json).map_err(|error| header_error(&error))?;
    embedded.jwk.map(Jwk::from_value).transpose()
}

fn header_error(error: &serde_json::Error) -> JoseError {
    if is_duplicate(error) {
        JoseError::DuplicateMember { part: "header" }
    } else {
        JoseError::InvalidHeader
    }
}

#[derive(Default)]
struct RawHeader {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    critical: bool,
    unencoded: bool,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        let mut seen: Vec<Name> = Vec::with_capacity(4);
        while let Some(name) = members.next_key::<Name>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(DUPLICATE));
            }
            if seen.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            // A member we read has to be a string: `null` is not "absent".
            match name {
                Name::Alg => header.alg = Some(members.next_value()?),
                Name::Kid => header.kid = Some(members.next_value()?),
                Name::Typ => header.typ = Some(members.next_value()?),
                Name::Crit => {
                    header.critical = true;
                    members.next_value::<IgnoredAny>()?;
                }
                Name::B64 => {
                    header.unencoded = true;
                    members.next_value::<IgnoredAny>()?;
                }
                Name::Other(_) => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            seen.push(name);
        }
        Ok(header)
    }
}

/// A member name; the usual ones without an allocation.
#[derive(PartialEq, Eq)]
enum Name {
    Alg,
    Kid,
    Typ,
    Crit,
    B64,
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "alg" => Name::Alg,
            "kid" => Name::Kid,
            "typ" => Name::Typ,
            "crit" => Name::Crit,
            "b64" => Name::B64,
            other => Name::Other(other.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Header, JoseError};

    fn refused(json: &str) -> JoseError {
        Header::parse(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn reads_what_it_may() {
        let header =
            Header::parse(br#"{"typ":"at+jwt","alg":"EdDSA","x":[{}],"kid":"a\u0062"}"#).unwrap();
        assert_eq!(header.algorithm, Algorithm::EdDsa);
        assert_eq!(header.kid.as_deref(), Some("ab"));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    }

    #[test]
    fn threat_21_alg_crit_and_b64() {
        for json in [
            r"{}",
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"es256"}"#,
        ] {
            assert_eq!(refused(json), JoseError::UnsupportedAlgorithm, "{json}");
        }
        for json in [
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"ES256","crit":[]}"#,
            r#"{"alg":"ES256","crit":null}"#,
        ] {
            assert_eq!(refused(json), JoseError::CriticalHeader, "{json}");
        }
        for json in [
            r#"{"alg":"ES256","b64":false}"#,
            r#"{"alg":"ES256","b64":true}"#,
        ] {
            assert_eq!(refused(json), JoseError::UnencodedPayload, "{json}");
        }
    }

    #[test]
    fn duplicates_and_wrong_types() {
        for json in [
            r#"{"alg":"ES256","alg":"none"}"#,
            r#"{"alg":"ES256","\u0061lg":"ES256"}"#,
            r#"{"x":1,"alg":"ES256","x":1}"#,
        ] {
            assert_eq!(
                refused(json),
                JoseError::DuplicateMember { part: "header" },
                "{json}"
            );
        }
        for json in [
            "",
            "[]",
            "{",
            r#"{"alg":5}"#,
            r#"{"alg":"ES256","kid":null}"#,
            r#"{"alg":"ES256","kid":1}"#,
            r#"{"alg":"ES256"} x"#,
        ] {
            assert_eq!(refused(json), JoseError::InvalidHeader, "{json}");
        }
    }

    #[test]
    fn threat_45_many_or_deep_members() {
        let many: Vec<_> = (0..100).map(|n| format!("\"m{n}\":0")).collect();
        assert_eq!(
            refused(&format!("{{{}}}", many.join(","))),
            JoseError::InvalidHeader
        );
        let deep = format!(
            r#"{{"alg":"ES256","x":{}{}}}"#,
            "[".repeat(4000),
            "]".repeat(4000)
        );
        // Skipped without recursion, or refused: never a crash.
        let _ = Header::parse(deep.as_bytes());
    }
}
