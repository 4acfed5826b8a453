//! OpenID Connect Back-Channel Logout 1.0, with clients that listen on a socket.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm as Alg;
use serde_json::{Value, json};

use super::harness::{House, ISSUER, OLD_KEY, Proof, build, house, race};
use super::tokens::decode;
use crate::provider::Provider;
use crate::services::Event;
use crate::services::outbound::testing::{Loopback, Reply};
use crate::services::outbound::{Outbound, OutboundPolicy};
use crate::store::{
    Backend as _, ClientId, ClientStore as _, OutboxKind, OutboxStore as _, SessionId,
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Answers as the path says.
async fn listener() -> Loopback {
    Loopback::start(|path| match path {
        "/400" => Reply::status(400),
        "/204" => Reply::status(204),
        "/500" => Reply::status(500),
        "/elsewhere" => {
            Reply::raw("HTTP/1.1 307 X\r\nLocation: /inside\r\nContent-Length: 0\r\n\r\n")
        }
        "/huge" => Reply::Stall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99999999999\r\n\r\nx"
                .to_vec(),
        ),
        "/slow" => Reply::Stall(Vec::new()),
        _ => Reply::status(200),
    })
    .await
}

fn loopback() -> OutboundPolicy {
    OutboundPolicy::default().dangerous_allow_loopback()
}

fn with_outbound(mut house: House, policy: OutboundPolicy) -> House {
    let wing = Arc::try_unwrap(house.wing).ok().unwrap();
    house.wing = Arc::new(wing.with_outbound(Outbound::new(policy).unwrap()));
    house
}

async fn telling() -> House {
    with_outbound(house().await, loopback())
}

/// Another node over the same store.
async fn node(house: &House, policy: OutboundPolicy) -> House {
    let (store, clock) = (house.store.clone(), house.clock.clone());
    let node = build(Provider::default(), store, clock, &[OLD_KEY]).await;
    with_outbound(node, policy)
}

/// A client that is told at this address, with an ID token of `session-1`.
async fn told_at(house: &House, id: &str, uri: &str) -> ClientId {
    let client = house
        .client(id, json!({ "backchannel_logout_uri": uri }))
        .await;
    house.tokens(&client, "openid").await;
    client
}

async fn end_session(house: &House) {
    house
        .wing
        .session_ended(&SessionId::new("session-1"), house.now())
        .await;
}

async fn deliver(house: &House) -> usize {
    house.wing.deliver_due(house.now()).await.unwrap()
}

/// The logout tokens that came to a path.
fn tokens(listener: &Loopback, path: &str) -> Vec<String> {
    let begin = format!("POST {path} ");
    let heads = listener.heads();
    let requests = heads.iter().filter(|head| head.starts_with(&begin));
    let token = |request: &String| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(head.contains("content-type: application/x-www-form-urlencoded"));
        let mut form = form_urlencoded::parse(body.as_bytes());
        let (name, token) = form.next().unwrap();
        assert_eq!((&*name, form.next()), ("logout_token", None));
        token.into_owned()
    };
    requests.map(token).collect()
}

fn gave_up(house: &House, why: &str) -> bool {
    house.has_event(
        |event| matches!(event, Event::BackChannelLogoutGivenUp { reason, .. } if *reason == why),
    )
}

fn is_delivered(house: &House) -> bool {
    house.has_event(|event| matches!(event, Event::BackChannelLogoutDelivered { .. }))
}

/// §2.4: `iss`, `aud`, `iat`, `exp`, `jti` and `events` are required, `sub` or `sid` is, `nonce` is prohibited. §2.5: one
/// parameter of a form.
#[tokio::test]
async fn a_client_gets_a_token_that_it_can_verify() {
    let (house, listener) = (telling().await, listener().await);
    told_at(&house, "rp", &listener.url("/rp?x=1")).await;
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 1);
    let sent = tokens(&listener, "/rp?x=1");
    assert_eq!(sent.len(), 1);
    let (header, claims) = decode(&house, &sent[0], Alg::RS256, "rp").await;
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    let now = house.now().seconds();
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], "rp");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["sid"], "session-1");
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 120);
    assert!(claims["jti"].as_str().unwrap().len() >= 16);
    assert_eq!(claims["events"], json!({ EVENT: {} }));
    assert_eq!(claims.as_object().unwrap().len(), 8, "{claims}");
    assert!(is_delivered(&house));
    // It is no ID token, whoever brings it back (§2.4, §4).
    let hint = house.wing.read_id_token_hint(&sent[0], house.now()).await;
    assert!(hint.is_err());
    house.advance(Duration::from_hours(2));
    assert_eq!(deliver(&house).await, 0);
}

/// §2.6 has the client verify it as its ID tokens.
#[tokio::test]
async fn it_is_signed_as_the_clients_id_tokens_are() {
    let (house, listener) = (telling().await, listener().await);
    let metadata = json!({
        "backchannel_logout_uri": listener.url("/es"),
        "id_token_signed_response_alg": "ES256",
    });
    let client = house.client("es", metadata).await;
    house.tokens(&client, "openid").await;
    end_session(&house).await;
    deliver(&house).await;
    let sent = tokens(&listener, "/es");
    decode(&house, &sent[0], Alg::ES256, "es").await;
}

#[tokio::test]
async fn clients_without_an_id_token_of_the_session_are_not_told() {
    let (house, listener) = (telling().await, listener().await);
    let told = json!({ "backchannel_logout_uri": listener.url("/no") });
    let plain = house.client("plain", told.clone()).await;
    house.tokens(&plain, "profile").await;
    let elsewhere = house.client("elsewhere", told.clone()).await;
    let code = house.code_with(&elsewhere, "openid", |request| {
        request.account.session_id = Some("session-2".into());
    });
    code.await;
    house.client("never", told.clone()).await;
    let deaf = house.client("deaf", json!({})).await;
    house.tokens(&deaf, "openid").await;
    // And those that are gone when it is sent.
    let disabled = told_at(&house, "disabled", &listener.url("/no")).await;
    told_at(&house, "rp", &listener.url("/yes")).await;
    end_session(&house).await;
    let mut client = house.store.client(&disabled).await.unwrap().unwrap();
    client.disabled_at = Some(house.now());
    client.version += 1;
    house.store.update_client(&client).await.unwrap();
    assert_eq!(deliver(&house).await, 2);
    assert_eq!((listener.hits("/no"), listener.hits("/yes")), (0, 1));
    assert_eq!(deliver(&house).await, 0);
}

/// §2.7: refresh tokens of a session end with it, save those with `offline_access`.
#[tokio::test]
async fn grants_end_with_the_session_and_offline_ones_go_on() {
    let (house, listener) = (telling().await, listener().await);
    let rp = told_at(&house, "rp", &listener.url("/rp")).await;
    let bound = house.tokens(&rp, "openid").await;
    let offline = house.tokens(&rp, "openid offline_access").await;
    end_session(&house).await;
    let refreshed = house.refresh(&rp, bound.text("refresh_token")).await;
    refreshed.refused_as("invalid_grant");
    house.refresh(&rp, offline.text("refresh_token")).await.ok();
    assert_eq!(deliver(&house).await, 1);
}

#[tokio::test]
async fn what_is_said_twice_is_told_once() {
    let (house, listener) = (telling().await, listener().await);
    told_at(&house, "rp", &listener.url("/rp")).await;
    end_session(&house).await;
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 1);
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 0);
    assert_eq!(listener.hits("/rp"), 1);
}

/// A session outlives the tokens given in it, and what is left of their grants when expired rows are pruned.
#[tokio::test]
async fn a_client_without_refresh_tokens_is_told_hours_later() {
    let (house, listener) = (telling().await, listener().await);
    let metadata = json!({
        "backchannel_logout_uri": listener.url("/rp"),
        "grant_types": ["authorization_code"],
    });
    let client = house.client("rp", metadata).await;
    let answer = house.tokens(&client, "openid").await;
    assert!(answer.json.get("refresh_token").is_none());
    house.advance(Duration::from_hours(20));
    house.store.prune(house.now(), 1000).await.unwrap();
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 1);
}

/// §2.8: 200 is success, and 204 as some frameworks make of it; 400 says that the request was wrong.
#[tokio::test]
async fn the_clients_answer_decides() {
    let listener = listener().await;
    for (path, delivered) in [("/200", true), ("/204", true), ("/400", false)] {
        let house = telling().await;
        told_at(&house, "rp", &listener.url(path)).await;
        end_session(&house).await;
        assert_eq!(deliver(&house).await, 1);
        assert_eq!(is_delivered(&house), delivered, "{path}");
        assert_eq!(gave_up(&house, "bad_request"), !delivered, "{path}");
        house.advance(Duration::from_hours(2));
        assert_eq!(deliver(&house).await, 0, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_fails_is_tried_six_times_with_a_new_token_each() {
    let (house, listener) = (telling().await, listener().await);
    told_at(&house, "rp", &listener.url("/500")).await;
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 1);
    for (attempt, seconds) in [5, 30, 120, 600, 3600].into_iter().enumerate() {
        assert!(!gave_up(&house, "status"), "{attempt}");
        house.advance(Duration::from_secs(seconds - 1));
        assert_eq!(deliver(&house).await, 0, "{attempt}");
        house.advance(Duration::from_secs(1));
        assert_eq!(deliver(&house).await, 1, "{attempt}");
    }
    assert!(gave_up(&house, "status") && !is_delivered(&house));
    house.advance(Duration::from_hours(10));
    assert_eq!(deliver(&house).await, 0);
    let mut ids = std::collections::BTreeSet::new();
    for token in tokens(&listener, "/500") {
        let (_, claims) = decode(&house, &token, Alg::RS256, "rp").await;
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(life, 120);
        ids.insert(claims["jti"].to_string());
    }
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let listener = listener().await;
    // A node that ends before it sends anything: it has no client for requests.
    let house = house().await;
    told_at(&house, "rp", &listener.url("/rp")).await;
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 0);
    // One that dies with the message in its hands.
    let (now, until) = (house.now(), house.now() + Duration::from_mins(2));
    let kind = OutboxKind::BackChannelLogout;
    let taken = house.store.take_due(kind, now, until, 10).await.unwrap();
    assert_eq!(taken.len(), 1);
    let shown = String::from_utf8_lossy(&taken[0].payload).into_owned();
    assert!(
        !shown.contains("alice") && !shown.contains("session-1"),
        "sealed"
    );
    let next = node(&house, loopback()).await;
    assert_eq!(deliver(&next).await, 0, "it may still be sending");
    house.advance(Duration::from_mins(2));
    assert_eq!(deliver(&next).await, 1);
    assert_eq!(listener.hits("/rp"), 1);
    assert!(is_delivered(&next));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_nodes_one_makes_each_attempt() {
    const CLIENTS: usize = 5;
    let (house, listener) = (telling().await, listener().await);
    for number in 0..CLIENTS {
        told_at(&house, &format!("ok{number}"), &listener.url("/ok")).await;
        told_at(&house, &format!("bad{number}"), &listener.url("/500")).await;
    }
    end_session(&house).await;
    let mut nodes = Vec::new();
    for _ in 0..32 {
        nodes.push(node(&house, loopback()).await.wing);
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let now = house.now();
    let round = async |now| {
        race(nodes.len(), || {
            let index = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let wing = Arc::clone(&nodes[index % 32]);
            async move { wing.deliver_due(now).await.unwrap() }
        })
        .await
    };
    let attempts: usize = round(now).await.into_iter().sum();
    assert_eq!(attempts, CLIENTS * 2);
    let attempts: usize = round(now + Duration::from_secs(5)).await.into_iter().sum();
    assert_eq!(attempts, CLIENTS);
    assert_eq!(listener.hits("/ok"), CLIENTS);
    assert_eq!(listener.hits("/500"), CLIENTS * 2);
}

#[tokio::test]
async fn threat_44_a_logout_uri_reaches_no_inside_address() {
    let listener = listener().await;
    // What the operator did not allow is not asked, and not tried again.
    let house = with_outbound(house().await, OutboundPolicy::default());
    told_at(&house, "rp", &listener.url("/rp")).await;
    told_at(&house, "literal", "https://127.0.0.1:1/rp").await;
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 2);
    assert!(gave_up(&house, "address"));
    house.advance(Duration::from_hours(1));
    assert_eq!(deliver(&house).await, 0);
    assert_eq!(listener.heads(), [""; 0]);
    // Nor does a client lead there.
    let house = telling().await;
    told_at(&house, "rp", &listener.url("/elsewhere")).await;
    end_session(&house).await;
    assert_eq!(deliver(&house).await, 1);
    assert_eq!(listener.hits("/inside"), 0);
    assert!(!is_delivered(&house));
}

#[tokio::test]
async fn threat_45_slow_and_endless_answers_end_in_time() {
    let listener = listener().await;
    let policy = loopback().timeout(Duration::from_millis(300));
    let house = with_outbound(house().await, policy);
    told_at(&house, "slow", &listener.url("/slow")).await;
    told_at(&house, "huge", &listener.url("/huge")).await;
    told_at(&house, "rp", &listener.url("/rp")).await;
    end_session(&house).await;
    let sent = tokio::time::timeout(Duration::from_secs(20), deliver(&house)).await;
    assert_eq!(sent.expect("in time"), 3);
    assert_eq!(listener.hits("/rp"), 1);
    assert!(is_delivered(&house));
    // The endless one said 200, and nothing more was asked of it.
    house.advance(Duration::from_secs(5));
    assert_eq!(deliver(&house).await, 1);
    assert_eq!((listener.hits("/slow"), listener.hits("/huge")), (2, 1));
}

/// Sealed under a secret that was dropped: it is no use to anybody, and holds nothing up.
#[tokio::test]
async fn a_notice_that_does_not_open_is_dropped() {
    let (house, listener) = (telling().await, listener().await);
    told_at(&house, "rp", &listener.url("/rp")).await;
    end_session(&house).await;
    let kind = OutboxKind::BackChannelLogout;
    let now = house.now();
    let mut messages = house.store.take_due(kind, now, now, 10).await.unwrap();
    messages[0].payload.reverse();
    messages[0].id = "another".into();
    house.store.put_messages(&messages).await.unwrap();
    assert_eq!(deliver(&house).await, 2);
    assert_eq!(listener.hits("/rp"), 1);
    house.advance(Duration::from_hours(2));
    assert_eq!(deliver(&house).await, 0);
}

/// OpenID Connect Back-Channel Logout §2.1, Front-Channel Logout §3.
#[tokio::test]
async fn discovery_names_them() {
    let path = "/.well-known/openid-configuration";
    let document = house().await.get(path, Proof::No).await.ok().json;
    for member in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
    ] {
        assert_eq!(document[member], true, "{member}");
    }
    assert_eq!(document.get("check_session_iframe"), None::<&Value>);
}
