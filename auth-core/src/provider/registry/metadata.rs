//! Client metadata, checked before it is stored (RFC 7591 §2, OpenID Connect Registration §2).

mod addresses;
mod algorithms;
mod members;
mod reader;

use serde_json::{Map, Value};

pub(super) use addresses::claimed;
pub(in crate::provider) use members::with_defaults;

use self::reader::Reader;
use super::{jwks_member, redirect_uri};
use crate::ground::jose::{Algorithm, MAX_JWS_BYTES};
use crate::provider::client::AuthMethod;
use crate::provider::error::OAuthError;
use crate::provider::response_type::ResponseType;

/// A member of ours in the record of a client that registered itself: the digest of its registration access token, and
/// how it came. It stands among the metadata because that is what every store already keeps whole. It is no metadata:
/// nobody can write it, and no answer has it.
pub(in crate::provider) const REGISTERED_BY_ITSELF: &str = "_registered_by_itself";

/// Members that the server or its operator decides. Whoever writes metadata has no say in them, so they are dropped
/// (threat 11).
const NOT_METADATA: [&str; 9] = [
    REGISTERED_BY_ITSELF,
    "client_id",
    "client_secret",
    "client_id_issued_at",
    "client_secret_expires_at",
    "registration_access_token",
    "registration_client_uri",
    "first_party",
    "disabled",
];

/// Members that would change what the client gets, and that this provider cannot serve: ignoring one of them would
/// give the client less protection than it asked for.
const UNSUPPORTED: [&str; 6] = [
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "introspection_signed_response_alg",
    "authorization_signed_response_alg",
    "authorization_encrypted_response_alg",
    "authorization_encrypted_response_enc",
];

/// As [`UNSUPPORTED`], when `true`.
const UNSUPPORTED_SWITCHES: [&str; 4] = [
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "tls_client_certificate_bound_access_tokens",
    "dpop_bound_access_tokens",
];

const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

/// What the provider offers, beyond which no client can register.
pub(super) struct Offer<'o> {
    /// Algorithms there are signing keys for.
    pub algorithms: &'o [Algorithm],
    /// Whether the hybrid and implicit flows are on.
    pub front_channel_tokens: bool,
    /// Whether the issuer lies on loopback: there, clients may too, in clear.
    pub loopback: bool,
    /// Whether members that are not understood are kept. A client that registers itself has no use of them (RFC 7591
    /// §2: "MUST ignore"); an operator may keep notes of its own.
    pub keeps_unknown: bool,
}

const MOST_MEMBERS: usize = 100;
const MOST_URIS: usize = 100;
const MOST_ACR_VALUES: usize = 16;
const LONGEST_NAME: usize = 256;
const LONGEST_TEXT: usize = 4096;
const LONGEST_ALL: usize = 128 * 1024;

/// Checks metadata and puts it into the form in which it is stored: members that are no metadata and those that are
/// `null` (RFC 7591 §2: as if omitted) are gone.
///
/// # Errors
/// `invalid_redirect_uri` or `invalid_client_metadata`, naming the member.
pub(super) fn validate(
    mut metadata: Map<String, Value>,
    offer: &Offer<'_>,
) -> Result<Map<String, Value>, OAuthError> {
    metadata.retain(|name, value| !value.is_null() && !NOT_METADATA.contains(&name.as_str()));
    check_bounds(&metadata)?;
    check_unsupported(&metadata)?;
    metadata.retain(|name, _| offer.keeps_unknown || members::is_known(name));
    let reader = Reader(&metadata);
    check_flow(&reader, offer)?;
    check_redirect_uris(&reader)?;
    check_authentication(&reader)?;
    algorithms::check(&reader, offer)?;
    addresses::check(&reader, offer)?;
    check_requests(&reader)?;
    check_presentation(&reader)?;
    if !reader.allows_code() && !metadata.contains_key("response_types") {
        // The default of `response_types` is `code` (RFC 7591 §2), which this client must not have.
        metadata.insert("response_types".to_owned(), Value::Array(Vec::new()));
    }
    Ok(metadata)
}

fn invalid(member: &str, problem: &str) -> OAuthError {
    // A member's name is the client's text; RFC 6749 §5.2 allows little in a description.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-#.".contains(&b);
    let member = if member.len() <= 64 && member.bytes().all(plain) {
        member
    } else {
        "a member"
    };
    OAuthError::invalid_client_metadata(format!("{member} {problem}"))
}

/// Size and control characters of everything, known member or not: it reaches pages, logs and mails (threat 18).
fn check_bounds(metadata: &Map<String, Value>) -> Result<(), OAuthError> {
    if metadata.len() > MOST_MEMBERS {
        return Err(OAuthError::invalid_client_metadata("too many members"));
    }
    let mut length = 0;
    for (member, value) in metadata {
        if member.len() > LONGEST_NAME || member.chars().any(char::is_control) {
            return Err(OAuthError::invalid_client_metadata(
                "the name of a member is too long",
            ));
        }
        length += value.to_string().len();
        check_texts(member, value)?;
    }
    if length > LONGEST_ALL {
        return Err(OAuthError::invalid_client_metadata(
            "the metadata is too long",
        ));
    }
    Ok(())
}

fn check_texts(member: &str, value: &Value) -> Result<(), OAuthError> {
    match value {
        // A signed document, which has a bound of its own.
        Value::String(text)
            if text.len() > LONGEST_TEXT
                && (member != "software_statement" || text.len() > MAX_JWS_BYTES) =>
        {
            Err(invalid(member, "is too long"))
        }
        Value::String(text) if text.chars().any(char::is_control) => {
            Err(invalid(member, "has control characters"))
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_texts(member, item)),
        Value::Object(members) => members.iter().try_for_each(|(name, item)| {
            if name.chars().any(char::is_control) {
                return Err(invalid(member, "has control characters"));
            }
            check_texts(member, item)
        }),
        _ => Ok(()),
    }
}

fn check_unsupported(metadata: &Map<String, Value>) -> Result<(), OAuthError> {
    if let Some(member) = UNSUPPORTED
        .iter()
        .find(|name| metadata.contains_key(**name))
    {
        return Err(invalid(member, "is not supported here"));
    }
    let is_on = |name: &&&str| {
        metadata
            .get(**name)
            .is_some_and(|value| *value != Value::Bool(false))
    };
    match UNSUPPORTED_SWITCHES.iter().find(is_on) {
        Some(member) => Err(invalid(member, "is not supported here")),
        None => Ok(()),
    }
}

/// `grant_types` and `response_types`, known and consistent (RFC 7591 §2.1).
fn check_flow(reader: &Reader<'_>, offer: &Offer<'_>) -> Result<(), OAuthError> {
    let mut known = GRANT_TYPES.to_vec();
    known.extend(offer.front_channel_tokens.then_some("implicit"));
    let own = reader.texts("grant_types")?.unwrap_or_default();
    if own.iter().any(|name| !known.contains(name)) {
        return Err(invalid(
            "grant_types",
            &format!("may have: {}", known.join(", ")),
        ));
    }
    let offered: Vec<_> = ResponseType::offered(offer.front_channel_tokens).collect();
    let types: Vec<_> = match reader.texts("response_types")? {
        None if reader.allows_code() => vec![ResponseType::Code],
        None => Vec::new(),
        Some(own) => {
            let own = own.into_iter().map(ResponseType::parse);
            let own = own.map(|own| own.filter(|own| offered.contains(own)));
            own.collect::<Option<_>>().ok_or_else(|| {
                let names: Vec<_> = offered.iter().map(|own| own.as_str()).collect();
                invalid("response_types", &format!("may have: {}", names.join(", ")))
            })?
        }
    };
    let agree = [
        ("authorization_code", types.iter().any(|own| own.has_code())),
        ("implicit", types.iter().any(|own| own.is_front_channel())),
    ];
    for (grant_type, wanted) in agree {
        if wanted != reader.grants(grant_type) {
            let text = format!("must agree with grant_types about {grant_type}");
            return Err(invalid("response_types", &text));
        }
    }
    Ok(())
}

fn check_redirect_uris(reader: &Reader<'_>) -> Result<(), OAuthError> {
    reader.one_of("application_type", &["web", "native"])?;
    let wrong =
        |problem: &str| OAuthError::invalid_redirect_uri(format!("redirect_uris {problem}"));
    let uris = reader
        .texts("redirect_uris")
        .map_err(|_| wrong("must be an array of strings"))?
        .unwrap_or_default();
    if uris.is_empty() && (reader.allows_code() || reader.grants("implicit")) {
        return Err(wrong(
            "must name at least one address for authorization_code and implicit",
        ));
    }
    if uris.len() > MOST_URIS {
        return Err(wrong("has too many addresses"));
    }
    for uri in uris {
        redirect_uri::check(uri, reader.is_native()).map_err(wrong)?;
    }
    let after_logout = reader
        .texts("post_logout_redirect_uris")?
        .unwrap_or_default();
    if after_logout.len() > MOST_URIS {
        return Err(invalid(
            "post_logout_redirect_uris",
            "has too many addresses",
        ));
    }
    for uri in after_logout {
        redirect_uri::check(uri, reader.is_native())
            .map_err(|problem| invalid("post_logout_redirect_uris", problem))?;
    }
    Ok(())
}

fn check_authentication(reader: &Reader<'_>) -> Result<(), OAuthError> {
    let methods = AuthMethod::ALL.map(AuthMethod::as_str);
    let member = "token_endpoint_auth_method";
    reader.one_of(member, &methods)?;
    let method = reader.text(member)?.and_then(AuthMethod::parse);
    if method == Some(AuthMethod::None) && reader.grants("client_credentials") {
        return Err(invalid(member, "must not be none for client_credentials"));
    }
    let names = Algorithm::ALL.map(Algorithm::name);
    reader.one_of("token_endpoint_auth_signing_alg", &names)?;
    let uses_key = method == Some(AuthMethod::PrivateKeyJwt);
    match (reader.0.get("jwks"), reader.text("jwks_uri")?) {
        (Some(_), Some(_)) => Err(invalid("jwks_uri", "must not be given together with jwks")),
        (None, None) if uses_key => Err(invalid(member, "needs jwks or jwks_uri")),
        (Some(jwks), None) => {
            jwks_member::check(jwks, uses_key).map_err(|problem| invalid("jwks", problem))
        }
        (None, Some(uri)) => {
            redirect_uri::check_fetched(uri).map_err(|problem| invalid("jwks_uri", problem))
        }
        (None, None) => Ok(()),
    }
}

/// What counts for each of its requests.
fn check_requests(reader: &Reader<'_>) -> Result<(), OAuthError> {
    if let Some(scope) = reader.text("scope")? {
        // RFC 6749 §3.3.
        let allowed = |b: u8| b == b' ' || (b.is_ascii_graphic() && !b"\"\\".contains(&b));
        if !scope.bytes().all(allowed) {
            return Err(invalid("scope", "must be scopes separated by spaces"));
        }
    }
    match reader.0.get("default_max_age") {
        Some(age) if !age.is_u64() => {
            Err(invalid("default_max_age", "must be a number of seconds"))
        }
        _ => Ok(()),
    }?;
    reader.flag("require_auth_time")?;
    let values = reader.texts("default_acr_values")?.unwrap_or_default();
    if values.len() > MOST_ACR_VALUES || values.iter().any(|value| value.contains(' ')) {
        return Err(invalid(
            "default_acr_values",
            "must be a few values without spaces",
        ));
    }
    Ok(())
}

/// What people see: names and links, in any language (`client_name#ja`, RFC 7591 §2.2).
fn check_presentation(reader: &Reader<'_>) -> Result<(), OAuthError> {
    reader.texts("contacts")?;
    for member in ["software_id", "software_version", "software_statement"] {
        reader.text(member)?;
    }
    for member in reader.0.keys() {
        let name = member.split('#').next().unwrap_or_default();
        if name == "client_name" {
            let text = reader.text(member)?.unwrap_or_default();
            if text.len() > LONGEST_NAME {
                return Err(invalid(member, "is too long"));
            }
        } else if name.ends_with("_uri")
            && let Some(uri) = reader.text(member)?
        {
            redirect_uri::check_web(uri).map_err(|problem| invalid(member, problem))?;
        }
    }
    Ok(())
}
