//! The JOSE header of an encrypted token (RFC 7516 section 4).

use serde::Serialize;
use serde_json::{Map, Value};

use super::concat_kdf::Party;
use super::{ContentEncryption, KeyManagement};
use crate::ground::jose::{JoseError, Jwk, encoding, object};

/// More than any profile asks for.
const MAX_MEMBERS: usize = 32;

/// What a recipient may take from the header. The key that decrypts is never among it.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: KeyManagement,
    pub(super) encryption: ContentEncryption,
    pub(super) kid: Option<String>,
    pub(super) cty: Option<String>,
    /// The sender's ephemeral key (RFC 7518 section 4.6.1.1).
    pub(super) epk: Option<Jwk>,
    apu: Vec<u8>,
    apv: Vec<u8>,
}

impl Header {
    /// Reads a decoded header.
    pub(super) fn parse(json: &[u8]) -> Result<Self, JoseError> {
        let mut members = object::parse_claims(json).map_err(|error| match error {
            JoseError::DuplicateMember { .. } => JoseError::DuplicateMember { part: "header" },
            _ => JoseError::InvalidHeader,
        })?;
        if members.len() > MAX_MEMBERS {
            return Err(JoseError::InvalidHeader);
        }
        if members.contains_key("crit") {
            return Err(JoseError::CriticalHeader);
        }
        if members.contains_key("zip") {
            return Err(JoseError::CompressedContent);
        }
        let algorithm = text(&mut members, "alg")?
            .and_then(|name| KeyManagement::parse(&name))
            .ok_or(JoseError::UnsupportedAlgorithm)?;
        let encryption = text(&mut members, "enc")?
            .and_then(|name| ContentEncryption::parse(&name))
            .ok_or(JoseError::UnsupportedEncryption)?;
        Ok(Self {
            algorithm,
            encryption,
            kid: text(&mut members, "kid")?,
            cty: text(&mut members, "cty")?,
            epk: members.remove("epk").map(Jwk::from_value).transpose()?,
            apu: octets(&mut members, "apu")?,
            apv: octets(&mut members, "apv")?,
        })
    }

    /// `apu` and `apv`.
    pub(super) fn party(&self) -> Party<'_> {
        Party {
            producer: &self.apu,
            recipient: &self.apv,
        }
    }
}

/// A member we read has to be a string: `null` is not "absent".
fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, JoseError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::InvalidHeader),
    }
}

fn octets(members: &mut Map<String, Value>, name: &str) -> Result<Vec<u8>, JoseError> {
    text(members, name)?.map_or(Ok(Vec::new()), |text| {
        encoding::decode(&text).ok_or(JoseError::InvalidHeader)
    })
}

/// The header of a token of ours.
#[derive(Serialize)]
pub(super) struct NewHeader<'a> {
    pub(super) alg: &'a str,
    pub(super) enc: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cty: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epk: Option<&'a Jwk>,
}
