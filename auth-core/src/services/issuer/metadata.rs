//! What is read of an issuer's metadata (`OpenID Connect` Discovery §3, RFC 8414 §2).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An issuer's metadata. Whose it is, is checked; the rest is its word.
///
/// Only `issuer` and `jwks_uri` have to be there. What is of another type than it should be is not there either: a
/// mistake in what one reader wants must not take it from all.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(
    not(feature = "federation"),
    expect(dead_code, reason = "a resource server wants the keys alone")
)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) authorization_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) token_endpoint: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) userinfo_endpoint: Option<String>,
    /// `OpenID Connect` RP-Initiated Logout §2.1.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) end_session_endpoint: Option<String>,
    /// RFC 9207 §3.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) authorization_response_iss_parameter_supported: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id_token_signing_alg_values_supported: Option<Vec<String>>,
}

#[cfg(feature = "workos")]
impl Metadata {
    /// That of an issuer of which only the keys are known.
    pub(super) fn of_keys(issuer: &str, jwks_uri: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: jwks_uri.to_owned(),
            authorization_endpoint: None,
            token_endpoint: None,
            userinfo_endpoint: None,
            end_session_endpoint: None,
            authorization_response_iss_parameter_supported: None,
            id_token_signing_alg_values_supported: None,
        }
    }
}

fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use super::Metadata;

    #[test]
    fn one_mistake_does_not_take_the_rest() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"issuer":"https://i.test","jwks_uri":"https://i.test/keys","token_endpoint":7,
                "userinfo_endpoint":null,"end_session_endpoint":"https://i.test/end",
                "authorization_response_iss_parameter_supported":"true","further":[{}]}"#,
        )
        .unwrap();
        assert_eq!(metadata.token_endpoint, None);
        assert_eq!(metadata.userinfo_endpoint, None);
        let end = metadata.end_session_endpoint.as_deref();
        assert_eq!(end, Some("https://i.test/end"));
        assert_eq!(
            metadata.authorization_response_iss_parameter_supported,
            None
        );
        for json in [
            r#"{"issuer":"https://i.test"}"#,
            r#"{"issuer":1,"jwks_uri":"https://i.test/keys"}"#,
            r#"{"issuer":"a","issuer":"b","jwks_uri":"https://i.test/keys"}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<Metadata>(json).is_err(), "{json}");
        }
    }
}
