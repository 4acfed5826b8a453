//! ID tokens and `UserInfo` answers signed with whatever algorithm the operator offers and the client chose.

use http::header::CONTENT_TYPE;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm as Alg, DecodingKey, Validation};
use serde_json::{Value, json};

use super::harness::{Answer, House, ISSUER, Proof, SECRET, house, house_with};
use crate::ground::jose::{Algorithm, Jws, left_half_hash};
use crate::provider::Provider;

/// The other library has no ES512.
fn theirs(algorithm: Algorithm) -> Option<Alg> {
    Some(match algorithm {
        Algorithm::Rs256 => Alg::RS256,
        Algorithm::Rs384 => Alg::RS384,
        Algorithm::Rs512 => Alg::RS512,
        Algorithm::Ps256 => Alg::PS256,
        Algorithm::Ps384 => Alg::PS384,
        Algorithm::Ps512 => Alg::PS512,
        Algorithm::Es256 => Alg::ES256,
        Algorithm::Es384 => Alg::ES384,
        Algorithm::Es512 => return None,
        Algorithm::EdDsa => Alg::EdDSA,
    })
}

/// The claims, verified with the published key set.
pub(super) async fn verified(
    house: &House,
    token: &str,
    algorithm: Algorithm,
    audience: &str,
) -> Value {
    let set = house.get("/oauth/jwks", Proof::No).await.ok();
    let Some(theirs) = theirs(algorithm) else {
        let set = crate::ground::jose::JwkSet::parse(&set.body).unwrap();
        let keys = crate::ground::jose::VerificationKeys::from_set(&set);
        let verified = Jws::parse(token).unwrap().verify(&keys, &[algorithm]);
        let claims: Value = verified.unwrap().claims().unwrap();
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (&json!(ISSUER), &json!(audience))
        );
        return claims;
    };
    let set: JwkSet = serde_json::from_value(set.json).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = set.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(theirs);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["aud", "iss", "sub"]);
    // The test's clock is not the machine's.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation);
    decoded.unwrap().claims
}

/// The body of an `application/jwt` answer.
#[track_caller]
pub(super) fn jwt(answer: &Answer) -> &str {
    assert_eq!(
        answer.headers[CONTENT_TYPE], "application/jwt",
        "{answer:?}"
    );
    std::str::from_utf8(&answer.body).unwrap()
}

#[tokio::test]
async fn each_algorithm_signs_id_tokens_and_userinfo() {
    let house = house_with(Provider::default().signing_algorithms(Algorithm::ALL)).await;
    let document = house
        .get("/.well-known/openid-configuration", Proof::No)
        .await
        .ok();
    let names = json!(Algorithm::ALL.map(Algorithm::name));
    assert_eq!(
        document.json["id_token_signing_alg_values_supported"],
        names
    );
    assert_eq!(
        document.json["userinfo_signing_alg_values_supported"],
        names
    );
    for algorithm in Algorithm::ALL {
        let id = format!("rp-{}", algorithm.name());
        let chosen = json!({
            "id_token_signed_response_alg": algorithm.name(),
            "userinfo_signed_response_alg": algorithm.name(),
        });
        let rp = house.client_of_host(&id, chosen).await;
        let tokens = house.tokens(&rp, "openid email").await;
        let claims = verified(&house, tokens.text("id_token"), algorithm, &id).await;
        let access_token = tokens.text("access_token");
        assert_eq!(claims["at_hash"], left_half_hash(algorithm, access_token));
        let answer = house.userinfo(access_token).await.ok();
        let claims = verified(&house, jwt(&answer), algorithm, &id).await;
        let all = json!({
            "iss": ISSUER, "aud": id, "sub": "alice",
            "email": "alice@example.com", "email_verified": true,
        });
        assert_eq!(claims, all);
    }
}

#[tokio::test]
async fn threat_21_a_userinfo_answer_passes_for_no_other_token() {
    let house = house().await;
    let chosen = json!({ "userinfo_signed_response_alg": "RS256" });
    let rp = house.client_of_host("rp", chosen).await;
    let tokens = house.tokens(&rp, "openid").await;
    let answer = house.userinfo(tokens.text("access_token")).await.ok();
    let hint = house
        .wing
        .read_id_token_hint(jwt(&answer), house.now())
        .await;
    assert_eq!(hint.unwrap_err().error, "invalid_request");
    house
        .userinfo(jwt(&answer))
        .await
        .refused_as("invalid_token");
    let proof = Proof::Basic("rp", SECRET);
    let answer = house
        .post("/oauth/introspect", proof, &[("token", jwt(&answer))])
        .await;
    assert!(!House::is_active(&answer));
}

/// What a registry says and we cannot do is no wish for an unsigned answer.
#[tokio::test]
async fn an_algorithm_we_do_not_sign_with_is_refused() {
    let house = house().await;
    for (n, name) in [
        json!("none"),
        json!("HS256"),
        json!("PS512"),
        json!(""),
        json!(1),
    ]
    .into_iter()
    .enumerate()
    {
        let chosen = json!({ "userinfo_signed_response_alg": name });
        let rp = house.client_of_host(&format!("rp-{n}"), chosen).await;
        let tokens = house.tokens(&rp, "openid").await;
        let answer = house.userinfo(tokens.text("access_token")).await;
        answer.refused_as("invalid_request");
        assert!(answer.json.get("sub").is_none());
    }
}
