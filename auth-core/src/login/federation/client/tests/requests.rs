//! Requests as they go out.

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use super::*;
use crate::ground::Digest32;
use crate::ground::jose::{Algorithm, SigningKey};

async fn query(bench: &Bench, secrets: &AttemptSecrets, ask: &Ask) -> HashMap<String, String> {
    let url = bench
        .client
        .authorization_url(secrets, ask, bench.now())
        .await;
    let url = Url::parse(&url.unwrap()).unwrap();
    assert_eq!(url.path(), "/authorize");
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let query: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(pairs.len(), query.len(), "nothing twice: {pairs:?}");
    query
}

#[tokio::test]
async fn threat_38_state_nonce_and_pkce_always() {
    let bench = Bench::start().await;
    let secrets = bench.client.draw(&SystemRandom);
    let query = query(&bench, &secrets, &Ask::default()).await;
    let challenge = Digest32::of(&secrets.code_verifier).to_text();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", BACK),
        ("scope", "openid profile email"),
        ("state", &secrets.state),
        ("nonce", &secrets.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(query.len(), 8);
    let other = bench.client.draw(&SystemRandom);
    assert_ne!(secrets.state, other.state);
    assert_ne!(secrets.nonce, other.nonce);
    assert_ne!(secrets.code_verifier, other.code_verifier);
}

#[tokio::test]
async fn what_is_asked_for_goes_along_and_operators_do_not_overrule_it() {
    let bench = Bench::with(|upstream| {
        upstream
            .parameter("hd", "example.com")
            .parameter("prompt", "select_account")
            .scopes(["email"])
    })
    .await;
    let secrets = bench.client.draw(&SystemRandom);
    let ask = Ask {
        login_hint: Some("ada@example.com&x=y".to_owned()),
        max_age: Some(0),
        acr_values: Some("a b".to_owned()),
        prompt: Some("login".to_owned()),
        ..Ask::default()
    };
    let asked = query(&bench, &secrets, &ask).await;
    for (name, value) in [
        ("scope", "openid email"),
        ("hd", "example.com"),
        ("prompt", "login"),
        ("login_hint", "ada@example.com&x=y"),
        ("max_age", "0"),
        ("acr_values", "a b"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    let asked = query(&bench, &secrets, &Ask::default()).await;
    assert_eq!(asked["prompt"], "select_account");
}

#[tokio::test]
async fn threat_38_a_code_is_worth_nothing_without_its_verifier() {
    let bench = Bench::start().await;
    let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
    let mut others = bench.client.draw(&SystemRandom);
    others.nonce.clone_from(&secrets.nonce);
    let injected = bench.redeem(&others, &response).await;
    assert_eq!(outcome(&injected), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_redeemed_once() {
    let bench = Bench::start().await;
    let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
    assert_eq!(outcome(&bench.redeem(&secrets, &response).await), "proven");
    let again = bench.redeem(&secrets, &response).await;
    assert_eq!(outcome(&again), "invalid_grant");
}

/// The client authenticates in the one way the provider knows, else `invalid_client`.
async fn authenticates(
    auth: FakeClientAuth,
    change: impl FnOnce(Upstream) -> Upstream,
) -> (Bench, String) {
    let bench = Bench::with(|upstream| {
        let mut upstream = change(upstream);
        "authenticating".clone_into(&mut upstream.client_id);
        upstream
    })
    .await;
    bench
        .provider
        .register(FakeClient::new("authenticating", auth));
    let outcome = outcome(&bench.sign_in().await);
    (bench, outcome)
}

#[tokio::test]
async fn client_authentication_by_secret() {
    let basic = FakeClientAuth::Basic(SECRET.to_owned());
    let (_, outcome) = authenticates(basic.clone(), |upstream| upstream).await;
    assert_eq!(outcome, "proven");
    let (_, outcome) = authenticates(basic.clone(), |upstream| upstream.secret("other")).await;
    assert_eq!(outcome, "invalid_client");
    let post = FakeClientAuth::Post(SECRET.to_owned());
    let (bench, outcome) = authenticates(post, |upstream| upstream.secret_in_body(SECRET)).await;
    assert_eq!(outcome, "proven");
    let request = bench.provider.requests("/token").remove(0);
    assert_eq!(request.header("authorization"), None);
    let (_, outcome) = authenticates(basic, Upstream::public_client).await;
    assert_eq!(outcome, "invalid_client");
    let (_, outcome) = authenticates(FakeClientAuth::None, Upstream::public_client).await;
    assert_eq!(outcome, "proven");
}

#[tokio::test]
async fn client_authentication_by_private_key() {
    let key = Arc::new(SigningKey::generate(Algorithm::EdDsa).unwrap().key);
    let auth = FakeClientAuth::PrivateKeyJwt(Box::new(key.public_jwk().clone()));
    let by_key = |upstream: Upstream| upstream.private_key_jwt(key.clone());
    let (bench, outcome) = authenticates(auth, by_key).await;
    assert_eq!(outcome, "proven");
    // A new assertion each time: the provider takes none twice.
    assert_eq!(super::outcome(&bench.sign_in().await), "proven");
    let request = bench.provider.requests("/token").remove(0);
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.field("client_secret"), None);
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap().key;
    let auth = FakeClientAuth::PrivateKeyJwt(Box::new(other.public_jwk().clone()));
    assert_eq!(authenticates(auth, by_key).await.1, "invalid_client");
}

#[tokio::test]
async fn client_authentication_as_apple_wants_it() {
    let generated = SigningKey::generate(Algorithm::Es256).unwrap();
    let key = SigningKey::from_pkcs8(Algorithm::Es256, Some("KEY1"), &generated.pkcs8).unwrap();
    let key = Arc::new(key);
    let auth = FakeClientAuth::AppleJwt {
        team_id: "TEAM".to_owned(),
        key: Box::new(key.public_jwk().clone()),
    };
    let by_key = |team: &'static str| {
        let key = key.clone();
        move |mut upstream: Upstream| {
            upstream.client_auth = crate::login::federation::upstream::ClientAuth::AppleJwt {
                team_id: team.to_owned(),
                key,
            };
            upstream
        }
    };
    assert_eq!(
        authenticates(auth.clone(), by_key("TEAM")).await.1,
        "proven"
    );
    assert_eq!(
        authenticates(auth, by_key("OTHER")).await.1,
        "invalid_client"
    );
}

#[tokio::test]
async fn metadata_does_not_lead_a_browser_astray() {
    let bench = Bench::start().await;
    for endpoint in [
        "javascript:alert(1)",
        "http://idp.example.com/authorize",
        "https://user:pass@idp.example.com/authorize",
        "//idp.example.com/authorize",
        "https://169.254.169.254/authorize",
    ] {
        bench.provider.bend(|faults| {
            faults.metadata = vec![
                set("authorization_endpoint", json!(endpoint)),
                set("end_session_endpoint", json!(endpoint)),
            ];
        });
        // As a new node sees it.
        let upstream = bench.client.upstream.clone();
        let fresh = client(upstream, OutboundPolicy::default());
        let secrets = fresh.draw(&SystemRandom);
        let url = fresh
            .authorization_url(&secrets, &Ask::default(), bench.now())
            .await;
        assert_eq!(reason(&url.unwrap_err()), "down: metadata", "{endpoint}");
        let url = fresh.end_session_url(None, BACK, "s", bench.now()).await;
        assert_eq!(url, None, "{endpoint}");
    }
}

#[test]
fn upstreams_that_cannot_work() {
    let outbound = Outbound::new(OutboundPolicy::default()).unwrap();
    for upstream in [
        Upstream::openid("corp", "http://idp.example.com", CLIENT),
        Upstream::openid("corp", "https://idp.example.com/?a=b", CLIENT),
        Upstream::openid("corp", "https://10.0.0.1", CLIENT),
        Upstream::openid("corp", "https://idp.example.com", CLIENT).parameter("claims", "{"),
        Upstream::oauth2("corp", "https://a.test/a", "ftp://a.test/t", CLIENT),
    ] {
        let refused = Client::new(upstream, BACK.to_owned(), outbound.clone()).err();
        let refused = refused.unwrap();
        assert!(refused.problem.starts_with("corp: "), "{refused}");
    }
}
