//! Users and clients to begin with, applied at every start.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{SetupError, environment};

/// The content of a seed file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// People.
    #[serde(default)]
    pub users: Vec<SeedUser>,
    #[serde(default)]
    #[cfg_attr(
        not(feature = "provider"),
        expect(dead_code, reason = "only a provider has clients")
    )]
    clients: Vec<SeedClient>,
}

/// A person of a seed file.
#[derive(Deserialize)]
pub struct SeedUser {
    /// E-mail address.
    pub email: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Password, the operator's own choice.
    pub password: Option<String>,
    /// Whether the address was proven.
    #[serde(default)]
    pub email_verified: bool,
    /// Standard claims of OpenID Connect Core §5.1.
    #[serde(flatten)]
    pub claims: Map<String, Value>,
}

#[derive(Deserialize)]
#[cfg_attr(
    not(feature = "provider"),
    expect(dead_code, reason = "only a provider has clients")
)]
struct SeedClient {
    /// The operator's own app: no consent page.
    #[serde(default)]
    first_party: bool,
    /// RFC 7591, with a fixed `client_id` and `client_secret`.
    #[serde(flatten)]
    metadata: Map<String, Value>,
}

impl Seed {
    /// The file that `SEED` names; without one, and on loopback only, the third-party example as a client.
    pub(crate) fn from_env(base_url: &str) -> Result<Self, SetupError> {
        match environment::text("SEED") {
            Some(file) => Self::read(Path::new(&file)),
            None if base_url.starts_with("http://") => Ok(serde_json::from_value(demo())?),
            None => Ok(Self::default()),
        }
    }

    fn read(file: &Path) -> Result<Self, SetupError> {
        let text = std::fs::read(file)
            .map_err(|error| format!("SEED={}: cannot be read: {error}", file.display()))?;
        serde_json::from_slice(&text)
            .map_err(|error| format!("SEED={}: is no seed: {error}", file.display()).into())
    }

    /// Applies the users to the login wing.
    ///
    /// # Errors
    /// A user that the product refuses, named.
    #[cfg(feature = "login")]
    pub async fn apply_users(&self, auth: &auth_core::auth::Auth) -> Result<(), SetupError> {
        for user in &self.users {
            let name = user.email.as_ref().or(user.username.as_ref());
            let new = auth_core::login::NewUser {
                email: user.email.clone(),
                username: user.username.clone(),
                claims: user.claims.clone(),
                email_verified: user.email_verified,
                password: user.password.clone().map(Into::into),
                // A seed's passwords are the operator's own choice.
                enforce_policy: false,
            };
            auth.login()?.ensure_user(new).await.map_err(|error| {
                format!("seed user {}: {error}", name.cloned().unwrap_or_default())
            })?;
        }
        Ok(())
    }

    /// Applies the clients to the provider wing.
    ///
    /// # Errors
    /// A client that the product refuses, named.
    #[cfg(feature = "provider")]
    pub async fn apply_clients(&self, auth: &auth_core::auth::Auth) -> Result<(), SetupError> {
        for client in &self.clients {
            let metadata = client.metadata.clone();
            let id = metadata.get("client_id").cloned().unwrap_or_default();
            let new = auth_core::provider::NewClient::from_metadata(metadata)
                .first_party(client.first_party);
            auth.provider()?
                .ensure_client(new)
                .await
                .map_err(|error| format!("seed client {id}: {error}"))?;
        }
        Ok(())
    }
}

/// The third-party example, as it is configured by default.
fn demo() -> Value {
    json!({ "clients": [{
        "client_id": "third-party-demo",
        "client_secret": "third-party-demo-secret-not-for-production",
        "client_name": "Third-party example",
        "client_uri": "http://localhost:4000/",
        "redirect_uris": ["http://localhost:4000/callback"],
        "post_logout_redirect_uris": ["http://localhost:4000/"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email offline_access",
    }]})
}
