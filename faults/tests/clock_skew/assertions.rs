//! Client assertions.

use std::time::Duration;

use auth_core::ground::Timestamp;
use auth_core::ground::jose::{Algorithm, GeneratedKey, SigningKey};
use auth_core::testkit::Browser;
use faults::Node;
use http::{Method, StatusCode};
use serde_json::json;

use crate::house::{House, house, house_on_redis};

fn assertion(key: &GeneratedKey, jti: &str, exp: Timestamp) -> String {
    // Without `iat`, which a slow node would hold against it.
    let claims = json!({
        "iss": "keyed", "sub": "keyed", "aud": faults::BASE, "jti": jti, "exp": exp.seconds(),
    });
    key.key.sign_compact(None, &claims).expect("a signature")
}

async fn present(node: &Node, assertion: &str) -> StatusCode {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
        ])
        .finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let mut browser = Browser::new(&node.auth);
    let path = "/oauth/token";
    browser
        .send(Method::POST, path, &headers, &body)
        .await
        .status
}

async fn threat_12_assertions(house: House) {
    let key = SigningKey::generate(Algorithm::Es256).expect("a key");
    let metadata = json!({
        "client_id": "keyed",
        "client_name": "Keyed",
        "redirect_uris": [],
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": { "keys": [key.key.public_jwk()] },
    });
    house.nodes[0].register(metadata).await;
    for (first, name) in ["slow", "right", "fast"].into_iter().enumerate() {
        let exp = house.now(1) + Duration::from_mins(20);
        let assertion = assertion(&key, name, exp);
        assert_eq!(
            present(&house.nodes[first], &assertion).await,
            StatusCode::OK
        );
        // Until the slowest clock has long seen it expire.
        while house.now(0) < exp + Duration::from_hours(1) {
            for node in &house.nodes {
                assert_eq!(present(node, &assertion).await, StatusCode::UNAUTHORIZED);
            }
            house.advance(Duration::from_secs(97));
            house.prune().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_an_assertion_counts_once_though_a_fast_node_pruned() {
    threat_12_assertions(house().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_an_assertion_counts_once_though_a_fast_node_pruned_on_redis() {
    threat_12_assertions(house_on_redis().await).await;
}
