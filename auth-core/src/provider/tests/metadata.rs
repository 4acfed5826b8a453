//! Discovery and the key set.

use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{Method, Request};
use serde_json::{Value, json};

use super::harness::{House, ISSUER, Proof, house};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn both_documents_are_one() {
    let house = house().await;
    let openid = house.get(OPENID, Proof::No).await.ok();
    let oauth = house.get(OAUTH, Proof::No).await.ok();
    assert_eq!(openid.json, oauth.json);
    assert_eq!(openid.text("issuer"), ISSUER);
    for member in [
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ] {
        assert!(openid.json[member].is_array(), "{member}");
    }
}

#[tokio::test]
async fn every_endpoint_named_is_a_route() {
    let house = house().await;
    let document = house.get(OPENID, Proof::No).await.ok().json;
    let routes = house.wing.routes();
    let mut count = 0;
    for (member, value) in document.as_object().unwrap() {
        if !member.ends_with("_endpoint") && member != "jwks_uri" {
            continue;
        }
        let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
        assert!(
            routes.iter().any(|(route, _)| route.path == path),
            "{member}"
        );
        count += 1;
    }
    assert_eq!(count, 7);
}

#[tokio::test]
async fn what_is_named_works_and_what_does_not_work_is_not_named() {
    let house = house().await;
    let document = house.get(OPENID, Proof::No).await.ok().json;
    assert_eq!(
        document["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(
        document["authorization_response_iss_parameter_supported"],
        true
    );
    assert_eq!(document["claims_parameter_supported"], true);
    assert_eq!(document["request_parameter_supported"], true);
    assert_eq!(document["request_uri_parameter_supported"], false);
    let scopes = document["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("openid")) && scopes.contains(&json!("reports:read")));
    let grants: Vec<_> = document["grant_types_supported"]
        .as_array()
        .unwrap()
        .clone();
    for grant in grants {
        house.rp_asks(grant.as_str().unwrap()).await;
    }
    let keys = house.get("/oauth/jwks", Proof::No).await.ok();
    let has = |alg: &Value| {
        keys.json["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["alg"] == *alg)
    };
    assert!(
        document["id_token_signing_alg_values_supported"]
            .as_array()
            .unwrap()
            .iter()
            .all(has)
    );
    let text = document.to_string();
    for absent in [
        "\"none\"]",
        "\"HS256\"",
        "plain",
        "implicit",
        "client_secret_jwt",
        "pushed",
        "device",
    ] {
        assert!(!text.contains(absent), "{absent}");
    }
    let confidential = document["introspection_endpoint_auth_methods_supported"]
        .as_array()
        .unwrap();
    assert!(!confidential.contains(&json!("none")));
}

impl House {
    /// The grant type is known: what is missing is something else.
    async fn rp_asks(&self, grant_type: &str) {
        let id = format!("rp-{grant_type}");
        self.client(&id, json!({})).await;
        let proof = Proof::Basic(&id, super::harness::SECRET);
        let answer = self
            .post("/oauth/token", proof, &[("grant_type", grant_type)])
            .await;
        assert_ne!(answer.json["error"], "unsupported_grant_type");
    }
}

#[tokio::test]
async fn documents_are_cached_by_what_they_say() {
    let house = house().await;
    for (path, max_age) in [
        (OPENID, "public, max-age=3600"),
        ("/oauth/jwks", "public, max-age=3600"),
    ] {
        let answer = house.get(path, Proof::No).await.ok();
        assert_eq!(answer.headers[CACHE_CONTROL], max_age);
        let again = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header(IF_NONE_MATCH, &answer.headers[ETAG])
            .body(bytes::Bytes::new())
            .unwrap();
        assert_eq!(house.send(again).await.status, StatusCode::NOT_MODIFIED);
    }
}

/// Nothing is advertised that registration refuses.
#[tokio::test]
async fn every_advertised_algorithm_can_be_registered() {
    let house = house().await;
    let document = house.get(OPENID, Proof::No).await.ok().json;
    let names = |member: &str| document[member].as_array().unwrap().clone();
    let mut number = 0;
    for what in ["id_token", "userinfo"] {
        let (alg, enc) = (
            names(&format!("{what}_encryption_alg_values_supported")),
            names(&format!("{what}_encryption_enc_values_supported")),
        );
        assert!(!alg.is_empty() && !enc.is_empty());
        for (alg, enc) in alg
            .iter()
            .flat_map(|alg| enc.iter().map(move |enc| (alg, enc)))
        {
            number += 1;
            let mut changes = json!({ "jwks_uri": "https://rp.example/jwks" });
            changes[format!("{what}_encrypted_response_alg")] = alg.clone();
            changes[format!("{what}_encrypted_response_enc")] = enc.clone();
            house.client(&format!("rp-{number}"), changes).await;
        }
        for alg in names(&format!("{what}_signing_alg_values_supported")) {
            number += 1;
            let mut changes = json!({});
            changes[format!("{what}_signed_response_alg")] = alg;
            house.client(&format!("rp-{number}"), changes).await;
        }
    }
    for alg in names("request_object_signing_alg_values_supported") {
        number += 1;
        let changes = json!({ "request_object_signing_alg": alg });
        house.client(&format!("rp-{number}"), changes).await;
    }
}
