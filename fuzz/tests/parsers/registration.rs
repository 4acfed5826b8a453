//! Registration documents (RFC 7591), and the reads and changes of RFC 7592.

use bolero::TypeGenerator;
use fuzz::Target;
use http::Method;
use serde_json::{Value, json};

/// A value of any JSON type, mostly one that means something.
#[derive(Clone, Debug, TypeGenerator)]
enum Any {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Known(u8),
    List(Vec<u8>),
    Nested(u8),
    Keys(Vec<u8>),
}

const NAMES: [&str; 38] = [
    "redirect_uris",
    "response_types",
    "grant_types",
    "application_type",
    "contacts",
    "client_name",
    "client_name#de",
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
    "software_statement",
    "client_id",
    "client_secret",
    "_registered_by_itself",
];

const VALUES: [&str; 20] = [
    "https://rp.example/cb",
    "https://rp.example/cb#fragment",
    "http://10.0.0.1/",
    "javascript:alert(1)",
    "code",
    "id_token token",
    "authorization_code",
    "implicit",
    "client_credentials",
    "web",
    "native",
    "pairwise",
    "RS256",
    "none",
    "RSA-OAEP-256",
    "A128GCM",
    "private_key_jwt",
    "openid profile",
    "eyJhbGciOiJub25lIn0.e30.",
    "\u{202e}\u{0}",
];

impl Any {
    fn value(&self) -> Value {
        let known = |index: &u8| VALUES[usize::from(*index) % VALUES.len()];
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => json!(flag),
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Known(index) => json!(known(index)),
            Self::List(items) => items.iter().map(known).collect(),
            Self::Nested(depth) => (0..*depth).fold(json!([]), |inner, _| json!([inner])),
            Self::Keys(octets) => {
                json!({ "keys": [{ "kty": "RSA", "e": "AQAB", "n": auth_core::ground::base64url(octets) }] })
            }
        }
    }
}

#[test]
fn document() {
    bolero::check!()
        .with_type::<(Vec<(u8, Any)>, String)>()
        .for_each(|(members, raw)| {
            let mut document = json!({ "redirect_uris": ["https://rp.example/cb"] });
            for (name, value) in members {
                document[NAMES[usize::from(*name) % NAMES.len()]] = value.value();
            }
            let json = ("content-type", "application/json");
            Target::feed(
                Method::POST,
                "/oauth/register",
                &[json],
                &document.to_string(),
            );
            Target::feed(Method::POST, "/oauth/register", &[json], raw);
            let bearer = ("authorization", "Bearer x");
            let path = "/oauth/register?client_id=rp";
            Target::feed(Method::PUT, path, &[json, bearer], &document.to_string());
        });
}
