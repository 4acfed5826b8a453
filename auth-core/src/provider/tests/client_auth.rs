//! Client secrets and public clients. Assertions have a file of their own.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request};
use serde_json::json;

use super::harness::{Answer, House, OLD_KEY, Proof, SECRET, basic, build, house};
use crate::provider::Provider;
use crate::store::ClientId;

const TOKEN: &str = "/oauth/token";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn with(house: &House, proof: Proof<'_>, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![GRANT];
    all.extend(form);
    house.post(TOKEN, proof, &all).await
}

async fn two_clients() -> House {
    let house = house().await;
    house.client("basic", json!({})).await;
    house
        .client(
            "post",
            json!({ "token_endpoint_auth_method": "client_secret_post" }),
        )
        .await;
    house
        .client("either", json!({ "token_endpoint_auth_method": null }))
        .await;
    house
}

#[tokio::test]
async fn each_client_uses_its_own_method() {
    let house = two_clients().await;
    let posted = |id| [("client_id", id), ("client_secret", SECRET)];
    with(&house, Proof::Basic("basic", SECRET), &[]).await.ok();
    with(&house, Proof::No, &posted("post")).await.ok();
    // The id may be repeated in the body.
    with(
        &house,
        Proof::Basic("basic", SECRET),
        &[("client_id", "basic")],
    )
    .await
    .ok();
    // Who registered neither by name may use both.
    with(&house, Proof::Basic("either", SECRET), &[]).await.ok();
    with(&house, Proof::No, &posted("either")).await.ok();

    with(&house, Proof::No, &posted("basic"))
        .await
        .refused_as("invalid_client");
    with(&house, Proof::Basic("post", SECRET), &[])
        .await
        .refused_as("invalid_client");
    with(&house, Proof::No, &[("client_id", "either")])
        .await
        .refused_as("invalid_client");
}

#[tokio::test]
async fn one_method_per_request() {
    let house = two_clients().await;
    let proof = Proof::Basic("basic", SECRET);
    let secret = ("client_secret", SECRET);
    for form in [
        &[secret][..],
        &[("client_id", "basic"), secret],
        &[("client_id", "post")],
    ] {
        let answer = with(&house, proof, form).await;
        assert_eq!(
            answer.refused_as("invalid_request").status,
            StatusCode::BAD_REQUEST
        );
    }
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let assertion = [
        ("client_assertion", "a.b.c"),
        ("client_assertion_type", kind),
    ];
    with(&house, proof, &assertion)
        .await
        .refused_as("invalid_request");
}

#[tokio::test]
async fn threat_46_every_failure_is_one_and_the_same_answer() {
    let house = two_clients().await;
    house
        .client(
            "public",
            json!({
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code"],
            }),
        )
        .await;
    house.client("off", json!({})).await;
    house.wing.disable_client(&"off".into()).await.unwrap();
    let long = "x".repeat(10_000);
    let answers = [
        with(&house, Proof::Basic("basic", "wrong"), &[]).await,
        with(&house, Proof::Basic("basic", ""), &[]).await,
        with(&house, Proof::Basic("BASIC", SECRET), &[]).await,
        with(&house, Proof::Basic("unknown", SECRET), &[]).await,
        with(&house, Proof::Basic(&long, SECRET), &[]).await,
        with(&house, Proof::Basic("off", SECRET), &[]).await,
        with(&house, Proof::Basic("public", ""), &[]).await,
        with(&house, Proof::Basic("public", "x"), &[]).await,
        with(&house, Proof::No, &[]).await,
        with(&house, Proof::No, &[("client_secret", SECRET)]).await,
        with(&house, Proof::No, &[("client_id", "unknown")]).await,
        with(
            &house,
            Proof::No,
            &[("client_id", "post"), ("client_secret", "wrong")],
        )
        .await,
    ];
    for answer in &answers {
        assert_eq!(
            answer.refused_as("invalid_client").status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(answer.json, answers[0].json);
        assert!(
            answer.headers[WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .starts_with("Basic ")
        );
    }
    // The log knows the reason.
    let failures = house.failures();
    assert_eq!(failures.len(), answers.len());
    for reason in [
        "the secret is wrong",
        "no client has this id",
        "the client is disabled",
    ] {
        assert!(failures.contains(&reason), "{failures:?}");
    }
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_invalid_client() {
    let house = two_clients().await;
    for value in [
        "Basic",
        "Basic !!!",
        "Basic YmFzaWM=",
        "Bearer abc",
        "basic",
    ] {
        let request = Request::builder()
            .method(Method::POST)
            .uri(TOKEN)
            .header(AUTHORIZATION, value)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials".into())
            .unwrap();
        house.send(request).await.refused_as("invalid_client");
    }
    let twice = Request::builder()
        .method(Method::POST)
        .uri(TOKEN)
        .header(AUTHORIZATION, basic("basic", SECRET))
        .header(AUTHORIZATION, basic("basic", SECRET))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials".into())
        .unwrap();
    house.send(twice).await.refused_as("invalid_client");
}

/// Threat 22: digests are compared, and by [`Digest32`](crate::ground::Digest32), whose equality takes constant time.
/// Here: no secret is stored, and one byte more or less at either end is wrong.
#[tokio::test]
async fn threat_22_only_the_exact_secret_passes() {
    let house = two_clients().await;
    let stored = house
        .wing
        .registry
        .client(&"basic".into())
        .await
        .unwrap()
        .unwrap();
    assert!(!serde_json::to_string(&stored).unwrap().contains(SECRET));
    let (longer, padded) = (format!("{SECRET}x"), format!(" {SECRET}"));
    for wrong in [
        &longer,
        &padded,
        &SECRET[1..],
        &SECRET[..SECRET.len() - 1],
        &SECRET.to_uppercase(),
    ] {
        with(&house, Proof::Basic("basic", wrong), &[])
            .await
            .refused_as("invalid_client");
    }
    // What is stored is no secret either.
    let mac = &stored.secrets[0].mac;
    with(&house, Proof::Basic("basic", mac), &[])
        .await
        .refused_as("invalid_client");
}

#[tokio::test]
async fn a_rotated_secret_overlaps_and_ends() {
    let house = two_clients().await;
    let id = ClientId::from("basic");
    let registered = house
        .wing
        .rotate_client_secret(&id, Duration::from_hours(1))
        .await
        .unwrap();
    let new = registered.client_secret.unwrap();
    assert_eq!(new.len(), 43);
    with(&house, Proof::Basic("basic", &new), &[]).await.ok();
    with(&house, Proof::Basic("basic", SECRET), &[]).await.ok();
    house.advance(Duration::from_hours(1));
    with(&house, Proof::Basic("basic", &new), &[]).await.ok();
    with(&house, Proof::Basic("basic", SECRET), &[])
        .await
        .refused_as("invalid_client");
    let newer = house
        .wing
        .rotate_client_secret(&id, Duration::ZERO)
        .await
        .unwrap();
    with(&house, Proof::Basic("basic", &new), &[])
        .await
        .refused_as("invalid_client");
    assert_eq!(newer.client.secrets.len(), 1);
    with(
        &house,
        Proof::Basic("basic", &newer.client_secret.unwrap()),
        &[],
    )
    .await
    .ok();
}

#[tokio::test]
async fn a_secret_is_keyed_anew_when_the_ring_has_rotated() {
    let house = two_clients().await;
    let ring = [[8; 32], OLD_KEY];
    let settings = Provider::default().scope("reports:read", "Read");
    let next = build(
        settings,
        house.store.clone(),
        Arc::clone(&house.clock),
        &ring,
    )
    .await;
    let mac = async |house: &House| {
        let client = house
            .wing
            .registry
            .client(&"basic".into())
            .await
            .unwrap()
            .unwrap();
        client.secrets[0].mac.clone()
    };
    let before = mac(&next).await;
    with(&next, Proof::Basic("basic", "wrong"), &[])
        .await
        .refused_as("invalid_client");
    assert_eq!(mac(&next).await, before);
    with(&next, Proof::Basic("basic", SECRET), &[]).await.ok();
    assert_ne!(mac(&next).await, before);
    // The old secret of the ring may go now.
    let last = build(
        Provider::default(),
        house.store.clone(),
        Arc::clone(&house.clock),
        &[[8; 32]],
    )
    .await;
    with(&last, Proof::Basic("basic", SECRET), &[]).await.ok();
}
