//! Tokens of issuers on the network, over real sockets.

use super::*;
use crate::ground::jose::JwkSet;
use crate::services::outbound::testing::{Loopback, Reply};

const API: &str = "urn:reports-api";
const METADATA: &str = "/.well-known/openid-configuration";
const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";

/// What the issuer serves; a test changes it while it runs.
#[derive(Default)]
struct Script {
    keys: String,
    metadata: Option<String>,
    down: bool,
    silent: bool,
    oauth_only: bool,
}

/// An issuer on loopback.
struct Issuer {
    script: Arc<Mutex<Script>>,
    server: Loopback,
    key: GeneratedKey,
}

impl Issuer {
    async fn start() -> Self {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let script = Arc::new(Mutex::new(Script {
            keys: set_of(&[&key.key]),
            ..Script::default()
        }));
        let address = Arc::new(Mutex::new(String::new()));
        let (serving, own) = (script.clone(), address.clone());
        let server = Loopback::start(move |path| answer(&serving, &own, path)).await;
        *address.lock().unwrap() = server.url("");
        Self {
            script,
            server,
            key,
        }
    }

    fn url(&self) -> String {
        self.server.url("")
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    fn settings(&self) -> Resource {
        Resource::default().issuer(self.url(), API)
    }

    fn claims(&self, now: i64) -> Value {
        let mut claims = claims(&self.url(), API);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 900);
        claims
    }

    fn token(&self, now: i64) -> String {
        sign(&self.key.key, &self.claims(now))
    }

    fn fetches(&self) -> usize {
        self.server.hits("/keys")
    }
}

fn answer(script: &Mutex<Script>, address: &Mutex<String>, path: &str) -> Reply {
    let script = script.lock().unwrap();
    if script.silent {
        return Reply::Stall(Vec::new());
    }
    if script.down {
        return Reply::status(503);
    }
    match path {
        METADATA if script.oauth_only => Reply::ok("text/html", "<p>not here</p>"),
        METADATA | OAUTH_METADATA => {
            let issuer = address.lock().unwrap().clone();
            let usual = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
            Reply::json(&script.metadata.clone().unwrap_or(usual.to_string()))
        }
        "/keys" => Reply::ok("application/jwk-set+json", &script.keys),
        _ => Reply::status(404),
    }
}

fn set_of(keys: &[&SigningKey]) -> String {
    let keys = keys.iter().map(|key| key.public_jwk().clone());
    serde_json::to_string(&JwkSet::new(keys.collect())).unwrap()
}

/// Waits for a fetch that runs behind.
async fn settled(bench: &Bench) {
    bench.wing.issuers.settled().await;
}

#[tokio::test]
async fn keys_by_discovery_are_fetched_once() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    let token = issuer.token(bench.now());
    for _ in 0..3 {
        let accepted = bench.send(&token).await.unwrap();
        assert_eq!(accepted.issuer(), issuer.url());
    }
    assert_eq!((issuer.server.hits(METADATA), issuer.fetches()), (1, 1));
    // The local provider's claims mean nothing here.
    let foreign = with(issuer.claims(bench.now()), "grant_id", json!("grant-1"));
    let accepted = bench.send(&sign(&issuer.key.key, &foreign)).await.unwrap();
    assert_eq!(accepted.grant_id(), None);
}

#[tokio::test]
async fn metadata_may_lie_where_rfc_8414_puts_it() {
    let issuer = Issuer::start().await;
    issuer.change(|script| script.oauth_only = true);
    let bench = Bench::remote(issuer.settings());
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    assert_eq!(issuer.server.hits(OAUTH_METADATA), 1);
}

#[tokio::test]
async fn claims_are_checked_with_leeway() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    let now = bench.now();
    for (name, value, outcome) in [
        ("aud", json!(BASE), "wrong_audience"),
        ("exp", json!(now - 29), "accepted"),
        ("exp", json!(now - 30), "expired"),
        ("exp", json!((now + 60).to_string()), "bad_claims"),
        ("nbf", json!(now + 30), "accepted"),
        ("nbf", json!(now + 31), "not_yet_valid"),
        ("iat", json!(now + 31), "not_yet_valid"),
        ("client_id", Value::Null, "bad_claims"),
        ("jti", Value::Null, "bad_claims"),
        ("cnf", json!({ "jkt": "x" }), "sender_constrained"),
        ("iss", json!("https://evil.example"), "untrusted_issuer"),
        (
            "iss",
            json!(format!("{}/", issuer.url())),
            "untrusted_issuer",
        ),
        ("iss", json!(7), "bad_claims"),
    ] {
        let token = sign(
            &issuer.key.key,
            &with(issuer.claims(now), name, value.clone()),
        );
        assert_eq!(bench.outcome(&token).await, outcome, "{name} {value}");
    }
}

#[tokio::test]
async fn threat_21_only_listed_algorithms() {
    let issuer = Issuer::start().await;
    let settings = issuer.settings().algorithms([Algorithm::Es256]);
    let bench = Bench::remote(settings);
    let token = issuer.token(bench.now());
    assert_eq!(bench.outcome(&token).await, "algorithm_not_allowed");
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn issuers_do_not_vouch_for_each_other() {
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    let settings = first
        .settings()
        .issuer(second.url(), "urn:other")
        .issuer(second.url(), API);
    let policy = OutboundPolicy::default().dangerous_allow_loopback();
    let bench = Bench::build(settings, true, policy).unwrap();
    let now = bench.now();
    assert_eq!(bench.outcome(&first.token(now)).await, "accepted");
    assert_eq!(bench.outcome(&second.token(now)).await, "accepted");
    assert_eq!(
        bench.outcome(&local_token(&local_claims())).await,
        "accepted"
    );
    // The one's key under the other's name, or under ours.
    let token = sign(&second.key.key, &first.claims(now));
    assert_eq!(bench.outcome(&token).await, "unknown_key");
    let token = sign(&second.key.key, &local_claims());
    assert_eq!(bench.outcome(&token).await, "unknown_key");
    // Each audience belongs to its issuer.
    let token = sign(
        &first.key.key,
        &with(first.claims(now), "aud", json!("urn:other")),
    );
    assert_eq!(bench.outcome(&token).await, "wrong_audience");
}

#[tokio::test]
async fn a_rotated_key_is_found_at_its_first_token() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    let next = SigningKey::generate(Algorithm::Es256).unwrap();
    issuer.change(|script| script.keys = set_of(&[&next.key]));
    bench.advance(Duration::from_secs(3));
    let token = sign(&next.key, &issuer.claims(bench.now()));
    assert_eq!(bench.outcome(&token).await, "accepted");
    assert_eq!(issuer.fetches(), 2);
    // What the issuer took back is gone.
    assert_eq!(
        bench.outcome(&issuer.token(bench.now())).await,
        "unknown_key"
    );
}

#[tokio::test]
async fn a_rotated_key_without_a_name_is_found_too() {
    let issuer = Issuer::start().await;
    let nameless = |key: &SigningKey| {
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        jwk.as_object_mut().unwrap().remove("kid");
        json!({ "keys": [jwk] }).to_string()
    };
    let (old, new) = (
        SigningKey::generate(Algorithm::Es256).unwrap(),
        SigningKey::generate(Algorithm::Es256).unwrap(),
    );
    issuer.change(|script| script.keys = nameless(&old.key));
    let bench = Bench::remote(issuer.settings());
    let header = json!({ "alg": "ES256", "typ": "at+jwt" });
    let payload = issuer.claims(bench.now()).to_string();
    assert_eq!(
        bench.outcome(&forged(&old.pkcs8, &header, &payload)).await,
        "accepted"
    );
    issuer.change(|script| script.keys = nameless(&new.key));
    bench.advance(Duration::from_secs(3));
    assert_eq!(
        bench.outcome(&forged(&new.pkcs8, &header, &payload)).await,
        "accepted"
    );
    assert_eq!(
        bench.outcome(&forged(&old.pkcs8, &header, &payload)).await,
        "bad_signature"
    );
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn threat_45_a_flood_of_unknown_keys_is_one_fetch_in_30_seconds() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    let flood = async |count: usize| {
        for _ in 0..count {
            let made_up = SigningKey::generate(Algorithm::Es256).unwrap();
            let token = sign(&made_up.key, &issuer.claims(bench.now()));
            assert_eq!(bench.outcome(&token).await, "unknown_key");
        }
    };
    // The keys have just been fetched: none.
    flood(5).await;
    assert_eq!(issuer.fetches(), 1);
    bench.advance(Duration::from_secs(3));
    flood(20).await;
    assert_eq!(issuer.fetches(), 2);
    bench.advance(Duration::from_secs(29));
    flood(5).await;
    assert_eq!(issuer.fetches(), 2);
    bench.advance(Duration::from_secs(1));
    flood(5).await;
    assert_eq!(issuer.fetches(), 3);
    // Those who have a good token notice nothing.
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_fetch_once() {
    let issuer = Issuer::start().await;
    let bench = Arc::new(Bench::remote(issuer.settings()));
    let everyone = async |token: String| {
        let requests: Vec<_> = (0..40)
            .map(|_| {
                let (bench, token) = (bench.clone(), token.clone());
                tokio::spawn(async move { bench.outcome(&token).await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), "accepted");
        }
    };
    everyone(issuer.token(bench.now())).await;
    assert_eq!(issuer.fetches(), 1);
    let next = SigningKey::generate(Algorithm::Es256).unwrap();
    issuer.change(|script| script.keys = set_of(&[&next.key]));
    bench.advance(Duration::from_secs(3));
    everyone(sign(&next.key, &issuer.claims(bench.now()))).await;
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn late_keys_are_replaced_behind_and_very_late_ones_before() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    bench.advance(Duration::from_secs(299));
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    settled(&bench).await;
    assert_eq!(issuer.fetches(), 1);

    // Withdrawn: still good for the request that notices, not for the next.
    let next = SigningKey::generate(Algorithm::Es256).unwrap();
    issuer.change(|script| script.keys = set_of(&[&next.key]));
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    settled(&bench).await;
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(
        bench.outcome(&issuer.token(bench.now())).await,
        "unknown_key"
    );

    // After a long pause not even for that one.
    issuer.change(|script| script.keys = set_of(&[&issuer.key.key]));
    bench.advance(Duration::from_mins(10));
    let token = sign(&next.key, &issuer.claims(bench.now()));
    assert_eq!(bench.outcome(&token).await, "unknown_key");
}

#[tokio::test]
async fn an_issuer_that_is_down_leaves_its_keys_for_a_day() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    issuer.change(|script| script.down = true);
    bench.advance(Duration::from_hours(1));
    for _ in 0..5 {
        assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
        settled(&bench).await;
    }
    // Asked once, and not again before 30 s have passed.
    let asked = issuer.server.hits(METADATA);
    assert_eq!(asked, 2);
    bench.advance(Duration::from_secs(30));
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    settled(&bench).await;
    assert_eq!(issuer.server.hits(METADATA), asked + 1);

    bench.advance(Duration::from_hours(23));
    assert_eq!(
        bench.outcome(&issuer.token(bench.now())).await,
        "temporarily_unavailable"
    );
    issuer.change(|script| script.down = false);
    bench.advance(Duration::from_secs(30));
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
}

#[tokio::test]
async fn an_issuer_that_never_answered_is_an_outage() {
    let issuer = Issuer::start().await;
    issuer.change(|script| script.down = true);
    let bench = Bench::remote(issuer.settings());
    for _ in 0..5 {
        assert_eq!(
            bench.outcome(&issuer.token(bench.now())).await,
            "temporarily_unavailable"
        );
    }
    assert_eq!(issuer.server.hits(METADATA), 1);
    issuer.change(|script| script.down = false);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
}

#[tokio::test]
async fn threat_45_a_silent_issuer_ends_in_time() {
    let issuer = Issuer::start().await;
    issuer.change(|script| script.silent = true);
    let bench = Bench::remote(issuer.settings());
    assert_eq!(
        bench.outcome(&issuer.token(bench.now())).await,
        "temporarily_unavailable"
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_end_the_fetch() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    let token = issuer.token(bench.now());
    // Polled once, so that the fetch begins, then dropped.
    let mut request = Box::pin(bench.send(&token));
    std::future::poll_fn(|context| {
        assert!(request.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(request);
    settled(&bench).await;
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(bench.outcome(&token).await, "accepted");
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn metadata_of_another_issuer_brings_no_keys() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    let keys = format!("{}/keys", issuer.url());
    for metadata in [
        json!({ "issuer": other.url(), "jwks_uri": keys }),
        json!({ "issuer": format!("{}/", issuer.url()), "jwks_uri": keys }),
        json!({ "issuer": issuer.url().to_uppercase(), "jwks_uri": keys }),
        json!({ "jwks_uri": keys }),
        json!({ "issuer": issuer.url() }),
        json!({ "issuer": issuer.url(), "jwks_uri": 7 }),
        json!([]),
    ] {
        issuer.change(|script| script.metadata = Some(metadata.to_string()));
        let bench = Bench::remote(issuer.settings());
        let outcome = bench.outcome(&issuer.token(bench.now())).await;
        assert_eq!(outcome, "temporarily_unavailable", "{metadata}");
    }
    assert_eq!((issuer.fetches(), other.fetches()), (0, 0));
}

#[tokio::test]
async fn threat_44_metadata_cannot_point_inside() {
    let issuer = Issuer::start().await;
    let inside = Loopback::start(|_| Reply::json("{}")).await;
    // The issuer itself is excepted, what it names is not.
    let policy =
        || OutboundPolicy::default().dangerous_allow_host(issuer.server.address().to_string());
    for jwks_uri in [
        inside.url("/keys"),
        format!("https://localhost:{}/keys", inside.address().port()),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::ffff:127.0.0.1]/keys".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let metadata = json!({ "issuer": issuer.url(), "jwks_uri": jwks_uri }).to_string();
        issuer.change(|script| script.metadata = Some(metadata));
        let bench = Bench::build(issuer.settings(), false, policy()).unwrap();
        let outcome = bench.outcome(&issuer.token(bench.now())).await;
        assert_eq!(outcome, "temporarily_unavailable", "{jwks_uri}");
    }
    assert!(inside.heads().is_empty());
}

#[tokio::test]
async fn threat_45_huge_key_sets_are_refused() {
    let issuer = Issuer::start().await;
    let jwk = serde_json::to_value(issuer.key.key.public_jwk()).unwrap();
    let many = json!({ "keys": vec![&jwk; 101] }).to_string();
    assert!(many.len() < 64 * 1024);
    let long = json!({ "keys": [jwk], "padding": "x".repeat(70_000) }).to_string();
    for keys in [many, long, "[]".to_owned(), "{".to_owned()] {
        issuer.change(|script| script.keys = keys);
        let bench = Bench::remote(issuer.settings());
        let outcome = bench.outcome(&issuer.token(bench.now())).await;
        assert_eq!(outcome, "temporarily_unavailable");
    }
}

#[tokio::test]
async fn an_issuer_that_publishes_a_private_key_is_trusted_no_more() {
    let issuer = Issuer::start().await;
    let bench = Bench::remote(issuer.settings());
    assert_eq!(bench.outcome(&issuer.token(bench.now())).await, "accepted");
    let mut jwk = serde_json::to_value(issuer.key.key.public_jwk()).unwrap();
    jwk["d"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    issuer.change(|script| script.keys = json!({ "keys": [jwk] }).to_string());
    bench.advance(Duration::from_mins(10));
    assert_eq!(
        bench.outcome(&issuer.token(bench.now())).await,
        "temporarily_unavailable"
    );
}
