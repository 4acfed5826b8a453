//! The operator's side: registering, changing, disabling, deleting; and what metadata may say.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::harness::{House, OLD_KEY, Proof, REDIRECT_URI, SECRET, build, house, object};
use crate::ground::jose::{Algorithm, SigningKey};
use crate::provider::client::ClientMetadata as _;
use crate::provider::{
    ClientRegistry, ClientUpdate, NewClient, Provider, RegistrationError, RegistryError,
};
use crate::services::Event;
use crate::store::{Client, ClientId};

fn usual() -> Map<String, Value> {
    object(json!({ "redirect_uris": [REDIRECT_URI], "scope": "openid" }))
}

fn with(changes: Value) -> Map<String, Value> {
    let mut metadata = usual();
    metadata.extend(object(changes));
    metadata
}

async fn refusal(house: &House, changes: Value) -> (&'static str, String) {
    match house
        .wing
        .register_client(NewClient::from_metadata(with(changes.clone())))
        .await
    {
        Err(RegistrationError::Metadata(error)) => (error.error, error.description.into_owned()),
        _ => panic!("{changes} was not refused"),
    }
}

#[tokio::test]
async fn a_client_gets_an_id_and_a_secret_shown_once() {
    let house = house().await;
    let registered = house
        .wing
        .register_client(NewClient::from_metadata(usual()))
        .await
        .unwrap();
    let (client, secret) = (registered.client, registered.client_secret.unwrap());
    assert_eq!(client.client_id.as_str().len(), 22);
    assert_eq!(secret.len(), 43);
    assert!(!format!("{client:?}").contains(&**secret));
    let stored = house
        .wing
        .registry
        .client(&client.client_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored, client);
    let proof = Proof::Basic(client.client_id.as_str(), &secret);
    house
        .post("/oauth/revoke", proof, &[("token", "x")])
        .await
        .ok();
    assert!(house.has_event(|event| matches!(
        event,
        Event::ClientChanged {
            change: "registered",
            ..
        }
    )));
    let public = with(json!({ "token_endpoint_auth_method": "none" }));
    let public = house
        .wing
        .register_client(NewClient::from_metadata(public))
        .await
        .unwrap();
    assert!(public.client_secret.is_none() && public.client.secrets.is_empty());
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let house = house().await;
    house.rp().await;
    let again = NewClient::from_metadata(usual()).client_id("rp");
    let answer = house.wing.register_client(again).await;
    assert!(matches!(answer, Err(RegistrationError::Exists(id)) if id.as_str() == "rp"));
    for id in ["", "a b", "a\nb", "ä", &"x".repeat(257)] {
        let answer = house
            .wing
            .register_client(NewClient::from_metadata(usual()).client_id(id))
            .await;
        assert!(
            matches!(answer, Err(RegistrationError::Metadata(_))),
            "{id}"
        );
    }
}

#[tokio::test]
async fn threat_11_what_the_operator_decides_is_not_read_from_metadata() {
    let house = house().await;
    let metadata = with(json!({ "first_party": true, "disabled": true, "client_id_issued_at": 1 }));
    let client = house
        .wing
        .register_client(NewClient::from_metadata(metadata))
        .await
        .unwrap()
        .client;
    assert!(!client.first_party && client.disabled_at.is_none());
    assert!(
        ["first_party", "disabled", "client_id_issued_at"]
            .iter()
            .all(|name| !client.metadata.contains_key(*name))
    );
    let update = ClientUpdate::default().metadata(with(json!({ "first_party": true })));
    let updated = house
        .wing
        .update_client(&client.client_id, update)
        .await
        .unwrap()
        .client;
    assert!(!updated.first_party && !updated.metadata.contains_key("first_party"));
    let own = NewClient::from_metadata(usual()).first_party(true);
    assert!(
        house
            .wing
            .register_client(own)
            .await
            .unwrap()
            .client
            .first_party
    );
}

#[tokio::test]
async fn metadata_that_cannot_work_is_refused_by_name() {
    let house = house().await;
    let private =
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA" }] });
    let bad = [
        ("grant_types", json!({ "grant_types": ["implicit"] })),
        (
            "grant_types",
            json!({ "grant_types": "authorization_code" }),
        ),
        ("response_types", json!({ "response_types": ["token"] })),
        ("response_types", json!({ "response_types": [] })),
        (
            "response_types",
            json!({ "grant_types": ["client_credentials"], "response_types": ["code"] }),
        ),
        (
            "token_endpoint_auth_method",
            json!({ "token_endpoint_auth_method": "client_secret_jwt" }),
        ),
        (
            "token_endpoint_auth_method",
            json!({ "token_endpoint_auth_method": 1 }),
        ),
        (
            "token_endpoint_auth_method",
            json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        ),
        (
            "token_endpoint_auth_method",
            json!({
                "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"],
            }),
        ),
        (
            "token_endpoint_auth_signing_alg",
            json!({ "token_endpoint_auth_signing_alg": "HS256" }),
        ),
        (
            "jwks_uri",
            json!({ "jwks": { "keys": [] }, "jwks_uri": "https://rp.example/jwks" }),
        ),
        ("jwks_uri", json!({ "jwks_uri": "http://rp.example/jwks" })),
        ("jwks", json!({ "jwks": private })),
        ("jwks", json!({ "jwks": "{}" })),
        (
            "jwks",
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [] } }),
        ),
        (
            "id_token_signed_response_alg",
            json!({ "id_token_signed_response_alg": "none" }),
        ),
        (
            "id_token_signed_response_alg",
            json!({ "id_token_signed_response_alg": "HS256" }),
        ),
        (
            "id_token_signed_response_alg",
            json!({ "id_token_signed_response_alg": "PS512" }),
        ),
        (
            "id_token_encrypted_response_alg",
            json!({ "id_token_encrypted_response_alg": "RSA-OAEP" }),
        ),
        (
            "require_signed_request_object",
            json!({ "require_signed_request_object": true }),
        ),
        (
            "dpop_bound_access_tokens",
            json!({ "dpop_bound_access_tokens": true }),
        ),
        ("subject_type", json!({ "subject_type": "secret" })),
        ("application_type", json!({ "application_type": "desktop" })),
        ("scope", json!({ "scope": "a\"b" })),
        ("scope", json!({ "scope": ["openid"] })),
        ("default_max_age", json!({ "default_max_age": -1 })),
        ("contacts", json!({ "contacts": "x" })),
        ("logo_uri", json!({ "logo_uri": "javascript:alert(1)" })),
        ("client_uri", json!({ "client_uri": "data:text/html,x" })),
        (
            "policy_uri#de",
            json!({ "policy_uri#de": "ftp://rp.example" }),
        ),
        (
            "post_logout_redirect_uris",
            json!({ "post_logout_redirect_uris": ["http://rp.example/"] }),
        ),
        ("client_name", json!({ "client_name": "x".repeat(257) })),
        ("client_name", json!({ "client_name": 7 })),
    ];
    for (member, changes) in bad {
        let (error, description) = refusal(&house, changes.clone()).await;
        assert_eq!(error, "invalid_client_metadata", "{changes}");
        assert!(description.starts_with(member), "{changes}: {description}");
    }
}

#[tokio::test]
async fn threat_18_control_characters_are_refused_wherever_they_are() {
    let house = house().await;
    for changes in [
        json!({ "client_name": "a\r\nSet-Cookie: x" }),
        json!({ "client_name#fr": "a\u{7f}" }),
        json!({ "unknown": { "deep": ["a\u{0}"] } }),
        json!({ "contacts": ["a@b.example\nBcc: c@d.example"] }),
        json!({ "a\nb": 1 }),
        json!({ "long": "x".repeat(5000) }),
    ] {
        assert_eq!(refusal(&house, changes).await.0, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn redirect_uris_are_refused_as_such() {
    let house = house().await;
    for uris in [
        json!([]),
        json!(null),
        json!("https://rp.example/cb"),
        json!([REDIRECT_URI, "javascript:alert(1)"]),
        json!(["https://rp.example/cb#x"]),
        json!(["com.example.app:/cb"]),
        json!([1]),
    ] {
        assert_eq!(
            refusal(&house, json!({ "redirect_uris": uris })).await.0,
            "invalid_redirect_uri"
        );
    }
    let native = with(json!({
        "application_type": "native", "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb"],
    }));
    house
        .wing
        .register_client(NewClient::from_metadata(native))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_without_a_flow_in_the_browser_has_no_response_type() {
    let house = house().await;
    let machine = object(
        json!({ "grant_types": ["client_credentials"], "unknown_member": { "kept": true } }),
    );
    let machine = house
        .wing
        .register_client(NewClient::from_metadata(machine))
        .await
        .unwrap()
        .client;
    assert!(!machine.allows_response_type("code"));
    assert_eq!(machine.metadata["unknown_member"]["kept"], true);
}

#[tokio::test]
async fn a_configured_client_is_set_up_once_and_kept_equal() {
    let house = house().await;
    let seed = |changes: Value| {
        let mut metadata = with(json!({ "client_id": "seeded", "client_secret": SECRET }));
        metadata.extend(object(changes));
        NewClient::from_metadata(metadata)
    };
    let stored = async || {
        house
            .wing
            .registry
            .client(&"seeded".into())
            .await
            .unwrap()
            .unwrap()
    };
    assert!(house.wing.ensure_client(seed(json!({}))).await.unwrap());
    let first = stored().await;
    assert!(!house.wing.ensure_client(seed(json!({}))).await.unwrap());
    assert_eq!(stored().await, first);
    assert!(
        house
            .wing
            .ensure_client(seed(json!({ "client_name": "Seeded" })).first_party(true))
            .await
            .unwrap()
    );
    let second = stored().await;
    assert!(second.first_party && second.metadata["client_name"] == "Seeded");
    assert_eq!(second.secrets, first.secrets);
    assert!(
        house
            .wing
            .ensure_client(seed(json!({ "client_secret": "another one" })))
            .await
            .unwrap()
    );
    let revoke = async |secret| {
        house
            .post(
                "/oauth/revoke",
                Proof::Basic("seeded", secret),
                &[("token", "x")],
            )
            .await
    };
    revoke("another one").await.ok();
    revoke(SECRET).await.refused_as("invalid_client");
    // What would change at every start is refused.
    for missing in ["client_id", "client_secret"] {
        let answer = house
            .wing
            .ensure_client(seed(json!({ missing: null })))
            .await;
        assert!(
            matches!(answer, Err(RegistrationError::Metadata(error)) if error.description.contains(missing))
        );
    }
    let public = json!({ "client_id": "public", "client_secret": null, "token_endpoint_auth_method": "none" });
    assert!(
        house
            .wing
            .ensure_client(seed(public.clone()))
            .await
            .unwrap()
    );
    assert!(!house.wing.ensure_client(seed(public)).await.unwrap());
}

#[tokio::test]
async fn a_change_of_method_makes_or_drops_the_secret() {
    let house = house().await;
    let rp = house.rp().await;
    let update = |method: &str| {
        ClientUpdate::default().metadata(with(json!({ "token_endpoint_auth_method": method })))
    };
    let public = house.wing.update_client(&rp, update("none")).await.unwrap();
    assert!(public.client.secrets.is_empty() && public.client_secret.is_none());
    let again = house
        .wing
        .update_client(&rp, update("client_secret_post"))
        .await
        .unwrap();
    assert_eq!(again.client.secrets.len(), 1);
    assert!(again.client_secret.is_some());
    let kept = house
        .wing
        .update_client(&rp, update("client_secret_basic"))
        .await
        .unwrap();
    assert!(kept.client_secret.is_none());
    assert_eq!(kept.client.secrets, again.client.secrets);
    let bad = ClientUpdate::default().metadata(object(json!({})));
    let answer = house.wing.update_client(&rp, bad).await;
    assert!(matches!(answer, Err(RegistrationError::Metadata(_))));
    let answer = house
        .wing
        .update_client(&"nobody".into(), ClientUpdate::default())
        .await;
    assert!(matches!(answer, Err(RegistrationError::Unknown(_))));
}

#[tokio::test]
async fn a_deleted_client_takes_its_tokens_along() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    assert!(house.wing.delete_client(&rp).await.unwrap());
    house
        .userinfo(tokens.text("access_token"))
        .await
        .refused_as("invalid_token");
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_client");
    assert!(!house.wing.delete_client(&rp).await.unwrap());
    // Who registers the id anew inherits nothing.
    let rp = house.rp().await;
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
}

#[tokio::test]
async fn a_disabled_client_can_be_enabled_and_starts_anew() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.wing.disable_client(&rp).await.unwrap();
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_client");
    house.wing.enable_client(&rp).await.unwrap();
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    house.tokens(&rp, "openid").await;
    let listed = house.wing.clients(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
}

/// A host's own registry, with one client that has a key.
struct HostRegistry(Client);

#[async_trait]
impl ClientRegistry for HostRegistry {
    async fn client(&self, id: &ClientId) -> Result<Option<Client>, RegistryError> {
        match id.as_str() {
            "away" => Err(RegistryError::Unavailable("scripted".into())),
            "broken" => Err(RegistryError::Failed("scripted".into())),
            _ => Ok((*id == self.0.client_id).then(|| self.0.clone())),
        }
    }
}

#[tokio::test]
async fn a_host_keeps_its_own_clients() {
    let first = house().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let rp = first
        .client("rp", json!({ "jwks": { "keys": [key.key.public_jwk()] } }))
        .await;
    let client = first.wing.registry.client(&rp).await.unwrap().unwrap();
    let settings = Provider::default()
        .registry(HostRegistry(client))
        .scope("reports:read", "Read");
    let house = build(
        settings,
        first.store.clone(),
        Arc::clone(&first.clock),
        &[OLD_KEY],
    )
    .await;
    let ask = async |id| {
        let form = [("grant_type", "client_credentials")];
        house
            .post("/oauth/token", Proof::Basic(id, SECRET), &form)
            .await
    };
    ask("rp").await.ok();
    assert_eq!(ask("away").await.json["error"], "temporarily_unavailable");
    assert_eq!(ask("broken").await.json["error"], "server_error");
    let answer = house
        .wing
        .register_client(NewClient::from_metadata(usual()))
        .await;
    assert!(matches!(answer, Err(RegistrationError::HostRegistry)));
}
