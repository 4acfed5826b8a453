//! `UserInfo`.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use serde_json::json;

use super::harness::{Answer, Proof, house};

fn challenge(answer: &Answer) -> &str {
    answer.headers[WWW_AUTHENTICATE].to_str().unwrap()
}

#[tokio::test]
async fn claims_by_scope_and_no_others() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let answer = house.userinfo(tokens.text("access_token")).await.ok();
    assert_eq!(answer.json, json!({ "sub": "alice" }));
    let tokens = house.tokens(&rp, "openid profile email").await;
    let answer = house.userinfo(tokens.text("access_token")).await.ok();
    let all = json!({
        "sub": "alice", "name": "Alice", "locale": "de",
        "email": "alice@example.com", "email_verified": true,
    });
    assert_eq!(answer.json, all);
}

#[tokio::test]
async fn claims_asked_for_by_name() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house
        .code_with(&rp, "openid", |request| {
            request.claims = Some(json!({
                "userinfo": {
                    "email": { "essential": true }, "locale": { "value": "fr" }, "name": { "values": ["Alice"] },
                    "phone_number": null, "iss": null, "acr": null,
                },
                "id_token": { "email_verified": null },
            }));
        })
        .await;
    let tokens = house.redeem(&rp, &code).await.ok();
    let answer = house.userinfo(tokens.text("access_token")).await.ok();
    let all = json!({ "sub": "alice", "email": "alice@example.com", "name": "Alice" });
    assert_eq!(answer.json, all);
}

#[tokio::test]
async fn a_token_comes_in_the_header_or_in_a_form() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let token = tokens.text("access_token");
    let path = "/oauth/userinfo";
    house
        .post(path, Proof::No, &[("access_token", token)])
        .await
        .ok();
    house.post(path, Proof::Bearer(token), &[]).await.ok();
    house
        .post_raw(path, Proof::Bearer(token), "text/plain", "")
        .await
        .ok();
    let answer = house
        .post(path, Proof::Bearer(token), &[("access_token", token)])
        .await;
    assert_eq!(
        answer.refused_as("invalid_request").status,
        StatusCode::BAD_REQUEST
    );
    let twice = [("access_token", token), ("access_token", token)];
    house
        .post(path, Proof::No, &twice)
        .await
        .refused_as("invalid_request");
    let two_headers = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Bytes::new())
        .unwrap();
    house.send(two_headers).await.refused_as("invalid_request");
}

#[tokio::test]
async fn without_a_token_the_answer_is_the_scheme() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let in_query = format!(
        "/oauth/userinfo?access_token={}",
        tokens.text("access_token")
    );
    for (path, proof) in [
        ("/oauth/userinfo", Proof::No),
        ("/oauth/userinfo", Proof::Basic("rp", "x")),
        (&in_query, Proof::No),
    ] {
        let answer = house.get(path, proof).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(challenge(&answer), "Bearer realm=\"userinfo\"");
    }
    let json_body = Request::builder()
        .method(Method::POST)
        .uri("/oauth/userinfo")
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from_static(b"{\"access_token\":\"x\"}"))
        .unwrap();
    assert_eq!(house.send(json_body).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_bad_token_is_invalid_token() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    for token in [
        "x",
        "a.b.c",
        tokens.text("id_token"),
        tokens.text("refresh_token"),
    ] {
        let answer = house.userinfo(token).await;
        assert_eq!(
            answer.refused_as("invalid_token").status,
            StatusCode::UNAUTHORIZED
        );
        assert!(challenge(&answer).contains("error=\"invalid_token\""));
    }
    house.advance(std::time::Duration::from_mins(15));
    house
        .userinfo(tokens.text("access_token"))
        .await
        .refused_as("invalid_token");
}

#[tokio::test]
async fn without_openid_the_scope_is_insufficient() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "profile").await;
    let answer = house.userinfo(tokens.text("access_token")).await;
    assert_eq!(
        answer.refused_as("insufficient_scope").status,
        StatusCode::FORBIDDEN
    );
    assert!(challenge(&answer).ends_with("scope=\"openid\""));
}

#[tokio::test]
async fn threat_14_a_disabled_account_has_no_claims() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house
        .accounts
        .0
        .lock()
        .unwrap()
        .inactive
        .insert("alice".to_owned());
    let answer = house.userinfo(tokens.text("access_token")).await;
    answer.refused_as("invalid_token");
}

#[tokio::test]
async fn a_failing_resolver_is_no_fault_of_the_token() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.accounts.0.lock().unwrap().unavailable = true;
    let answer = house.userinfo(tokens.text("access_token")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
}

#[tokio::test]
async fn disabling_a_client_ends_its_tokens() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.wing.disable_client(&rp).await.unwrap();
    house
        .userinfo(tokens.text("access_token"))
        .await
        .refused_as("invalid_token");
}
