//! Which members are metadata, and what they are when they are not given.

use serde_json::{Map, Value, json};

use super::algorithms::ENCRYPTED;

/// What is understood here (RFC 7591 §2, OpenID Connect Registration §2, the three logout specifications §2 each).
const KNOWN: [&str; 37] = [
    "redirect_uris",
    "response_types",
    "grant_types",
    "application_type",
    "contacts",
    "client_name",
    "logo_uri",
    "client_uri",
    "policy_uri",
    "tos_uri",
    "jwks_uri",
    "jwks",
    "sector_identifier_uri",
    "subject_type",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "request_object_signing_alg",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "initiate_login_uri",
    "request_uris",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "scope",
    "software_id",
    "software_version",
    "software_statement",
];

/// What may be said in several languages (RFC 7591 §2.2, OpenID Connect Registration §2.1).
const IN_LANGUAGES: [&str; 5] = [
    "client_name",
    "logo_uri",
    "client_uri",
    "policy_uri",
    "tos_uri",
];

/// Whether a member is understood here, language tag included.
pub(super) fn is_known(member: &str) -> bool {
    match member.split_once('#') {
        Some((name, _)) => IN_LANGUAGES.contains(&name),
        None => KNOWN.contains(&member),
    }
}

/// Fills in what was not given, as it counts here (RFC 7591 §3.2.1: "all registered metadata about this client,
/// including any fields provisioned by the authorization server itself").
pub(in crate::provider) fn with_defaults(mut metadata: Map<String, Value>) -> Map<String, Value> {
    let mut default = |member: &str, value: Value| {
        metadata.entry(member).or_insert(value);
    };
    default("application_type", json!("web"));
    default("grant_types", json!(["authorization_code"]));
    default("response_types", json!(["code"]));
    default("token_endpoint_auth_method", json!("client_secret_basic"));
    default("subject_type", json!("public"));
    default("id_token_signed_response_alg", json!("RS256"));
    default("require_auth_time", json!(false));
    for (alg, enc) in ENCRYPTED {
        if metadata.contains_key(alg) {
            metadata.entry(enc).or_insert(json!("A128CBC-HS256"));
        }
    }
    metadata
}
