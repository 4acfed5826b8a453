//! What metadata may say (OpenID Connect Registration §2), over the endpoint.

use serde_json::json;

use super::apps::{app, house_where, refusal};
use super::harness::{OLD_KEY, REDIRECT_URI, build_at, object};
use crate::ground::jose::{Algorithm, SigningKey};
use crate::provider::{NewClient, Provider, Registration, RegistrationError};
use crate::store::ThrottlePolicy;

fn wide() -> Registration {
    Registration::open().throttle(ThrottlePolicy {
        limit: 10_000,
        window: std::time::Duration::from_mins(10),
        lock: std::time::Duration::from_mins(1),
        max_lock: std::time::Duration::from_mins(1),
    })
}

#[tokio::test]
async fn all_that_is_understood_is_kept_as_it_was_given() {
    let house = house_where(wide()).await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap().key;
    let all = app(json!({
        "redirect_uris": ["https://rp.example/cb?tenant=1", "https://rp.example/cb"],
        "response_types": ["code"], "grant_types": ["authorization_code", "refresh_token"],
        "application_type": "web", "contacts": ["a@rp.example"], "client_name": "App", "client_name#de": "Die App",
        "logo_uri": "https://rp.example/logo", "client_uri#de": "https://rp.example/de",
        "policy_uri": "https://rp.example/policy", "tos_uri": "https://rp.example/tos",
        "jwks": { "keys": [key.public_jwk()] }, "subject_type": "pairwise",
        "id_token_signed_response_alg": "ES256", "id_token_encrypted_response_alg": "ECDH-ES+A128KW",
        "id_token_encrypted_response_enc": "A256GCM", "userinfo_signed_response_alg": "RS256",
        "userinfo_encrypted_response_alg": "RSA-OAEP-256", "userinfo_encrypted_response_enc": "A256CBC-HS512",
        "request_object_signing_alg": "none", "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256", "default_max_age": 3600, "require_auth_time": true,
        "default_acr_values": ["2", "1"], "initiate_login_uri": "https://rp.example/login?x",
        "request_uris": ["https://rp.example/request#hash"], "post_logout_redirect_uris": ["https://rp.example/bye"],
        "backchannel_logout_uri": "https://back.example/logout?x", "backchannel_logout_session_required": true,
        "frontchannel_logout_uri": "https://rp.example/front?x", "frontchannel_logout_session_required": false,
        "scope": "openid email", "software_id": "soft", "software_version": "1.0",
    }));
    let answer = house.register(None, &all).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    for (member, value) in all.as_object().unwrap() {
        assert_eq!(answer.json[member], *value, "{member}");
    }
}

/// §2 and RFC 7518: the default `enc`.
#[tokio::test]
async fn an_enc_that_is_not_given_has_its_default() {
    let house = house_where(wide()).await;
    let answer = house
        .registered(json!({ "jwks_uri": "https://rp.example/jwks", "id_token_encrypted_response_alg": "RSA-OAEP" }))
        .await;
    assert_eq!(
        answer.text("id_token_encrypted_response_enc"),
        "A128CBC-HS256"
    );
    assert!(answer.json.get("userinfo_encrypted_response_enc").is_none());
}

#[tokio::test]
async fn what_cannot_work_is_refused_by_name() {
    let house = house_where(wide()).await;
    let jwks = "https://rp.example/jwks";
    let bad = [
        (
            "id_token_encrypted_response_alg",
            json!({ "id_token_encrypted_response_alg": "RSA-OAEP" }),
        ),
        (
            "id_token_encrypted_response_alg",
            json!({ "jwks_uri": jwks, "id_token_encrypted_response_alg": "RSA1_5" }),
        ),
        (
            "id_token_encrypted_response_alg",
            json!({ "jwks_uri": jwks, "id_token_encrypted_response_alg": "dir" }),
        ),
        (
            "id_token_encrypted_response_enc",
            json!({ "jwks_uri": jwks, "id_token_encrypted_response_enc": "A128GCM" }),
        ),
        (
            "userinfo_encrypted_response_enc",
            json!({
                "jwks_uri": jwks, "userinfo_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_enc": "none",
            }),
        ),
        (
            "userinfo_signed_response_alg",
            json!({ "userinfo_signed_response_alg": "none" }),
        ),
        (
            "userinfo_signed_response_alg",
            json!({ "userinfo_signed_response_alg": "HS256" }),
        ),
        (
            "request_object_signing_alg",
            json!({ "request_object_signing_alg": "HS256" }),
        ),
        (
            "request_object_encryption_alg",
            json!({ "request_object_encryption_alg": "RSA-OAEP" }),
        ),
        (
            "introspection_signed_response_alg",
            json!({ "introspection_signed_response_alg": "RS256" }),
        ),
        (
            "authorization_signed_response_alg",
            json!({ "authorization_signed_response_alg": "RS256" }),
        ),
        (
            "require_signed_request_object",
            json!({ "require_signed_request_object": true }),
        ),
        ("default_max_age", json!({ "default_max_age": -1 })),
        ("default_max_age", json!({ "default_max_age": "60" })),
        ("default_max_age", json!({ "default_max_age": 1.5 })),
        (
            "default_acr_values",
            json!({ "default_acr_values": ["1 2"] }),
        ),
        // §2: "MUST use the https scheme".
        (
            "initiate_login_uri",
            json!({ "initiate_login_uri": "http://rp.example/" }),
        ),
        (
            "initiate_login_uri",
            json!({ "initiate_login_uri": "http://localhost:1/" }),
        ),
        (
            "initiate_login_uri",
            json!({ "initiate_login_uri": "javascript:alert(1)" }),
        ),
        (
            "request_uris",
            json!({ "request_uris": ["http://rp.example/r"] }),
        ),
        (
            "request_uris",
            json!({ "request_uris": [format!("https://rp.example/{}", "r".repeat(512))] }),
        ),
        // Back-Channel Logout §2.2.
        (
            "backchannel_logout_uri",
            json!({ "backchannel_logout_uri": "https://rp.example/#x" }),
        ),
        (
            "backchannel_logout_uri",
            json!({ "backchannel_logout_uri": "http://rp.example/" }),
        ),
        (
            "backchannel_logout_uri",
            json!({ "backchannel_logout_uri": "/logout" }),
        ),
        // Front-Channel Logout §2: scheme, host and port of a redirect URI.
        (
            "frontchannel_logout_uri",
            json!({ "frontchannel_logout_uri": "https://other.example/" }),
        ),
        (
            "frontchannel_logout_uri",
            json!({ "frontchannel_logout_uri": "https://rp.example:444/" }),
        ),
        (
            "frontchannel_logout_uri",
            json!({ "frontchannel_logout_uri": "http://rp.example/" }),
        ),
        // OpenID Connect Core §8.1.
        (
            "subject_type",
            json!({ "subject_type": "pairwise", "redirect_uris": [REDIRECT_URI, "https://b.example/"] }),
        ),
        (
            "subject_type",
            json!({
                "subject_type": "pairwise", "application_type": "native", "redirect_uris": ["com.example.app:/cb"],
            }),
        ),
    ];
    for (member, changes) in bad {
        let answer = house.register(None, &app(changes.clone())).await;
        let (error, description) = refusal(&answer);
        assert_eq!(error, "invalid_client_metadata", "{changes}");
        assert!(description.starts_with(member), "{changes}: {description}");
    }
    // RFC 7591 §3.2.2, OpenID Connect Registration §2: no fragment.
    for uris in [
        json!(["https://rp.example/cb#x"]),
        json!([]),
        json!(["http://rp.example/cb"]),
        json!(7),
    ] {
        let answer = house
            .register(None, &app(json!({ "redirect_uris": uris })))
            .await;
        assert_eq!(refusal(&answer).0, "invalid_redirect_uri");
    }
}

#[tokio::test]
async fn on_a_loopback_issuer_clients_may_be_on_loopback_in_clear() {
    let usual = house_where(wide()).await;
    let (store, clock) = (usual.store.clone(), usual.clock.clone());
    let stores = store.clone().into();
    let settings = Provider::default();
    let base = "http://localhost:3000";
    let local = build_at(base, settings, store, stores, clock, &[OLD_KEY]).await;
    let metadata = |member: &str| {
        let here = "http://localhost:4000/x";
        let value = match member {
            "request_uris" => json!([here]),
            _ => json!(here),
        };
        let redirect_uri = "http://localhost:4000/cb";
        object(json!({ "redirect_uris": [redirect_uri], member: value }))
    };
    // Only this one has no exception (OpenID Connect Registration §2: "MUST use the https scheme").
    let new = NewClient::from_metadata(metadata("initiate_login_uri"));
    assert!(local.wing.register_client(new).await.is_err());
    for member in [
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
        "request_uris",
    ] {
        let new = || NewClient::from_metadata(metadata(member));
        assert!(local.wing.register_client(new()).await.is_ok(), "{member}");
        let elsewhere = usual.wing.register_client(new()).await;
        if member == "request_uris" {
            assert!(
                matches!(elsewhere, Err(RegistrationError::Metadata(_))),
                "{member}"
            );
        } else {
            // The person's own machine, as a redirect URI may be; and what is sent, the outbound policy decides.
            assert!(elsewhere.is_ok());
        }
    }
}
