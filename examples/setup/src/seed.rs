//! Users and clients to begin with, applied at every start.

use std::path::Path;

use auth_core::auth::Auth;
use auth_core::login::NewUser;
use auth_core::provider::NewClient;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::SetupError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    users: Vec<SeedUser>,
    #[serde(default)]
    clients: Vec<SeedClient>,
}

#[derive(Deserialize)]
struct SeedUser {
    email: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(default)]
    email_verified: bool,
    /// Standard claims of OpenID Connect Core §5.1.
    #[serde(flatten)]
    claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct SeedClient {
    /// The operator's own app: no consent page.
    #[serde(default)]
    first_party: bool,
    /// RFC 7591, with a fixed `client_id` and `client_secret`.
    #[serde(flatten)]
    metadata: Map<String, Value>,
}

/// Applies a seed file.
pub(crate) async fn apply_file(auth: &Auth, file: &Path) -> Result<(), SetupError> {
    let text = std::fs::read(file)
        .map_err(|error| format!("SEED={}: cannot be read: {error}", file.display()))?;
    let seed: Seed = serde_json::from_slice(&text)
        .map_err(|error| format!("SEED={}: is no seed: {error}", file.display()))?;
    apply(auth, seed).await
}

/// Registers the third-party example, as it is configured by default.
pub(crate) async fn apply_demo(auth: &Auth) -> Result<(), SetupError> {
    let seed = json!({ "clients": [{
        "client_id": "third-party-demo",
        "client_secret": "third-party-demo-secret-not-for-production",
        "client_name": "Third-party example",
        "client_uri": "http://localhost:4000/",
        "redirect_uris": ["http://localhost:4000/callback"],
        "post_logout_redirect_uris": ["http://localhost:4000/"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email offline_access",
    }]});
    apply(auth, serde_json::from_value(seed)?).await
}

async fn apply(auth: &Auth, seed: Seed) -> Result<(), SetupError> {
    for user in seed.users {
        let name = user.email.clone().or_else(|| user.username.clone());
        let new = NewUser {
            email: user.email,
            username: user.username,
            claims: user.claims,
            email_verified: user.email_verified,
            password: user.password.map(Into::into),
            // A seed's passwords are the operator's own choice.
            enforce_policy: false,
        };
        auth.login()?
            .ensure_user(new)
            .await
            .map_err(|error| format!("seed user {}: {error}", name.unwrap_or_default()))?;
    }
    for client in seed.clients {
        let id = client
            .metadata
            .get("client_id")
            .cloned()
            .unwrap_or_default();
        let new = NewClient::from_metadata(client.metadata).first_party(client.first_party);
        auth.provider()?
            .ensure_client(new)
            .await
            .map_err(|error| format!("seed client {id}: {error}"))?;
    }
    Ok(())
}
