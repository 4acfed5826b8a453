//! Access tokens and ID tokens, verified by another library; ID tokens as hints.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm as Alg, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::harness::{Answer, House, ISSUER, Proof, START, house};
use crate::ground::base64url;
use crate::ground::jose::{Algorithm, Jws, SigningKey, left_half_hash};
use crate::store::{GrantStore as _, SessionId};

/// Verifies with the published key set, as a client would.
pub(super) async fn decode(
    house: &House,
    token: &str,
    algorithm: Alg,
    audience: &str,
) -> (Header, Value) {
    let set = house.get("/oauth/jwks", Proof::No).await.ok();
    let set: JwkSet = serde_json::from_value(set.json).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = set.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // The test's clock is not the machine's.
    validation.validate_exp = false;
    let decoded =
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation);
    (header, decoded.unwrap().claims)
}

async fn id_token(house: &House, answer: &Answer, algorithm: Alg) -> Value {
    let (header, claims) = decode(house, answer.text("id_token"), algorithm, "rp").await;
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    claims
}

#[tokio::test]
async fn an_access_token_is_at_jwt() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid profile").await;
    let (header, claims) = decode(&house, tokens.text("access_token"), Alg::ES256, ISSUER).await;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let now = START.seconds();
    let all = json!({
        "iss": ISSUER, "sub": "alice", "aud": ISSUER, "exp": now + 900, "iat": now, "jti": claims["jti"],
        "client_id": "rp", "scope": "openid profile", "grant_id": claims["grant_id"],
        "auth_time": now, "acr": "1", "amr": ["pwd"], "sid": "session-1",
    });
    assert_eq!(claims, all);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
}

#[tokio::test]
async fn a_clients_own_access_token_has_no_user() {
    let house = house().await;
    house.rp().await;
    let form = [("grant_type", "client_credentials")];
    let proof = Proof::Basic("rp", super::harness::SECRET);
    let tokens = house.post("/oauth/token", proof, &form).await.ok();
    let (_, claims) = decode(&house, tokens.text("access_token"), Alg::ES256, ISSUER).await;
    let now = START.seconds();
    let all = json!({
        "iss": ISSUER, "sub": "rp", "aud": ISSUER, "exp": now + 900, "iat": now, "jti": claims["jti"],
        "client_id": "rp", "scope": "reports:read",
    });
    assert_eq!(claims, all);
}

#[tokio::test]
async fn an_id_token_says_who_when_and_how() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid profile").await;
    let claims = id_token(&house, &tokens, Alg::RS256).await;
    let now = START.seconds();
    // Claims of scopes are UserInfo's to give; those of the protocol are not the host's (OpenID Connect Core §5.4).
    let all = json!({
        "iss": ISSUER, "sub": "alice", "aud": "rp", "exp": now + 3600, "iat": now, "auth_time": now,
        "nonce": "n-0S6_WzA2Mj", "acr": "1", "amr": ["pwd"], "sid": "session-1",
        "at_hash": left_half_hash(Algorithm::Rs256, tokens.text("access_token")),
    });
    assert_eq!(claims, all);
}

#[tokio::test]
async fn a_refreshed_id_token_keeps_auth_time_and_drops_nonce() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.advance(Duration::from_mins(10));
    let tokens = house.refresh(&rp, tokens.text("refresh_token")).await.ok();
    let claims = id_token(&house, &tokens, Alg::RS256).await;
    assert!(claims.get("nonce").is_none());
    assert_eq!(claims["auth_time"], START.seconds());
    assert_eq!(claims["iat"], START.seconds() + 600);
    assert_eq!(claims["sub"], "alice");
}

#[tokio::test]
async fn the_client_chooses_the_algorithm_of_its_id_tokens() {
    let house = house().await;
    let rp = house
        .client("rp", json!({ "id_token_signed_response_alg": "ES256" }))
        .await;
    let tokens = house.tokens(&rp, "openid").await;
    id_token(&house, &tokens, Alg::ES256).await;
}

#[tokio::test]
async fn claims_asked_for_in_the_id_token_are_there_but_never_the_protocols() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house
        .code_with(&rp, "openid", |request| {
            request.nonce = None;
            request.account.acr = None;
            request.account.amr = vec![];
            request.claims = Some(json!({ "id_token": {
                "email": null, "name": { "essential": true }, "nickname": null, "website": null,
                "iss": null, "sub": null, "aud": null, "exp": null, "nonce": null, "acr": null, "amr": null,
                "auth_time": null, "sid": null, "at_hash": null,
            }, "userinfo": { "locale": null } }));
        })
        .await;
    let tokens = house.redeem(&rp, &code).await.ok();
    let claims = id_token(&house, &tokens, Alg::RS256).await;
    let now = START.seconds();
    let all = json!({
        "iss": ISSUER, "sub": "alice", "aud": "rp", "exp": now + 3600, "iat": now, "auth_time": now,
        "sid": "session-1", "email": "alice@example.com", "name": "Alice", "at_hash": claims["at_hash"],
    });
    assert_eq!(claims, all);
    let asked = house.accounts.0.lock().unwrap().queries[0].names.clone();
    let names = ["email", "name", "nickname", "website"].map(str::to_owned);
    assert_eq!(asked, names.into());
}

#[tokio::test]
async fn an_id_token_comes_back_as_a_hint_also_when_it_has_expired() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.advance(Duration::from_hours(24));
    let hint = house
        .wing
        .read_id_token_hint(tokens.text("id_token"), house.now())
        .await
        .unwrap();
    assert_eq!(hint.subject, "alice");
    assert_eq!(hint.session_id, Some(SessionId::from("session-1")));
    assert_eq!(hint.client_id, rp);
}

#[tokio::test]
async fn threat_21_a_hint_must_be_signed_by_us_as_an_id_token() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let good = tokens.text("id_token");
    let payload = good.split('.').nth(1).unwrap();
    let (header, claims) = decode(&house, good, Alg::RS256, "rp").await;
    let thief = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = |header: &Header, key: &EncodingKey, claims: &Value| {
        jsonwebtoken::encode(header, claims, key).unwrap()
    };
    let thiefs = EncodingKey::from_ec_der(&thief.pkcs8);
    let kid = header.kid.clone();
    let es256 = Header {
        kid: kid.clone(),
        ..Header::new(Alg::ES256)
    };
    let hs256 = Header {
        kid,
        ..Header::new(Alg::HS256)
    };
    let public = house.get("/oauth/jwks", Proof::No).await.json["keys"][1]["n"].to_string();
    // Ours, but not our issuer: as of a second provider that shares the store.
    let elsewhere = {
        let mut claims = claims.clone();
        claims["iss"] = json!("https://other.example");
        let key = house
            .wing
            .keys
            .active(Algorithm::Rs256, house.now())
            .await
            .unwrap();
        key.sign_compact(Some("JWT"), &claims).unwrap()
    };
    let none = base64url(br#"{"alg":"none","typ":"JWT"}"#);
    for hint in [
        "",
        "x",
        &format!("{none}.{payload}."),
        &forged(&es256, &thiefs, &claims),
        &forged(&Header::new(Alg::ES256), &thiefs, &claims),
        &forged(
            &hs256,
            &EncodingKey::from_secret(public.as_bytes()),
            &claims,
        ),
        &elsewhere,
        tokens.text("access_token"),
    ] {
        let answer = house.wing.read_id_token_hint(hint, house.now()).await;
        assert_eq!(answer.unwrap_err().error, "invalid_request", "{hint}");
    }
}

#[tokio::test]
async fn the_resource_wings_question_is_answered_at_once() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let keys = house.wing.verification_keys(house.now()).await;
    let jws = Jws::parse(tokens.text("access_token")).unwrap();
    let claims = jws
        .verify(&keys, &[Algorithm::Es256])
        .unwrap()
        .claims_object()
        .unwrap();
    assert!(house.wing.access_token_status(&claims).await.unwrap());
    house
        .store
        .revoke_grants_of_subject("alice", house.now())
        .await
        .unwrap();
    assert!(!house.wing.access_token_status(&claims).await.unwrap());
    // Without a `jti` nothing could be revoked: such a token is none of ours.
    let key = house
        .wing
        .keys
        .active(Algorithm::Es256, house.now())
        .await
        .unwrap();
    let bare = key
        .sign_compact(Some("at+jwt"), &json!({ "iss": ISSUER }))
        .unwrap();
    let bare = Jws::parse(&bare)
        .unwrap()
        .verify(&keys, &[Algorithm::Es256])
        .unwrap();
    assert!(
        !house
            .wing
            .access_token_status(&bare.claims_object().unwrap())
            .await
            .unwrap()
    );
}
