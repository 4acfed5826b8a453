//! Metadata: OpenID Connect Discovery §3 and RFC 8414 §2, one document for both. It names what works, and nothing else.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ProviderWing;
use super::client::AuthMethod;
use super::keys::Keys;
use super::registration::RegistrationMode;
use super::response_type::ResponseType;
use super::scope::STANDARD_SCOPES;
use super::settings::Provider;
use crate::ground::jose::Algorithm;
use crate::ground::jose::jwe::{ContentEncryption, KeyManagement};
use crate::services::Core;
use crate::web::{Exchange, Response, conditional_json};

/// How long clients may keep the document, in seconds.
const MAX_AGE: u32 = 3600;

/// Claims an ID token of ours may have beside those of the scopes.
const TOKEN_CLAIMS: [&str; 12] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "c_hash",
    "acr",
    "amr",
    "sid",
];

/// The document, which does not change while the provider runs.
pub(super) struct Metadata(Bytes);

impl Metadata {
    /// `fetches`: whether documents of clients can be fetched.
    pub(super) fn new(core: &Core, settings: &Provider, keys: &Keys, fetches: bool) -> Self {
        let document = document(core, settings, keys, fetches);
        // A map of strings always serializes.
        Self(
            serde_json::to_vec(&document)
                .map(Bytes::from)
                .unwrap_or_default(),
        )
    }
}

impl ProviderWing {
    /// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`.
    pub(super) fn openid_configuration(&self, exchange: &Exchange<'_>) -> Response {
        conditional_json(exchange.headers(), &self.metadata.0, MAX_AGE)
    }
}

fn document(core: &Core, settings: &Provider, keys: &Keys, fetches: bool) -> Value {
    let url = |endpoint: &str| core.base.absolute(&format!("{}{endpoint}", settings.path));
    let all_methods = AuthMethod::ALL.map(AuthMethod::as_str);
    let confidential: Vec<_> = AuthMethod::ALL
        .into_iter()
        .filter(|method| *method != AuthMethod::None)
        .map(AuthMethod::as_str)
        .collect();
    let assertion_algorithms = Algorithm::ALL.map(Algorithm::name);
    let unsigned_too = ["none"].into_iter().chain(assertion_algorithms);
    let request_object_algorithms: Vec<_> = unsigned_too.collect();
    let own_algorithms: Vec<_> = keys.algorithms().iter().map(|own| own.name()).collect();
    let encryption_algorithms = KeyManagement::ALL.map(KeyManagement::name);
    let content_encryptions = ContentEncryption::ALL.map(ContentEncryption::name);
    let scope_claims = STANDARD_SCOPES
        .iter()
        .flat_map(|(_, _, claims)| claims.iter());
    let claims: Vec<_> = TOKEN_CLAIMS.iter().chain(scope_claims).collect();
    let front_channel = settings.front_channel_tokens;
    let response_types: Vec<_> = ResponseType::offered(front_channel)
        .map(ResponseType::as_str)
        .collect();
    let mut grant_types = vec!["authorization_code", "refresh_token", "client_credentials"];
    grant_types.extend(front_channel.then_some("implicit"));
    let mut document = json!({
        "issuer": core.base.issuer(),
        "authorization_endpoint": url("/authorize"),
        "token_endpoint": url("/token"),
        "userinfo_endpoint": url("/userinfo"),
        "jwks_uri": url("/jwks"),
        "introspection_endpoint": url("/introspect"),
        "revocation_endpoint": url("/revoke"),
        "end_session_endpoint": url("/logout"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "scopes_supported": settings.scopes.names().collect::<Vec<_>>(),
        "response_types_supported": response_types,
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": grant_types,
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": own_algorithms,
        "id_token_encryption_alg_values_supported": encryption_algorithms,
        "id_token_encryption_enc_values_supported": content_encryptions,
        "userinfo_signing_alg_values_supported": own_algorithms,
        "userinfo_encryption_alg_values_supported": encryption_algorithms,
        "userinfo_encryption_enc_values_supported": content_encryptions,
        "token_endpoint_auth_methods_supported": all_methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "revocation_endpoint_auth_methods_supported": all_methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": fetches,
        "require_request_uri_registration": true,
        "request_object_signing_alg_values_supported": request_object_algorithms,
        "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
        "ui_locales_supported": core.pages.locales().collect::<Vec<_>>(),
    });
    if settings.registration.mode != RegistrationMode::Closed {
        document["registration_endpoint"] = url("/register").into();
    }
    if settings.session_management {
        document["check_session_iframe"] = url("/session").into();
    }
    document
}
