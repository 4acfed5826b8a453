//! Whatever ends a session, the clients of it hear of it, from the running product.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_core::auth::Auth;
use auth_core::login::Login;
use auth_core::provider::{ClientUpdate, Provider};
use auth_core::services::Event;
use auth_core::services::outbound::OutboundPolicy;
use auth_core::store::MemoryStore;
use auth_core::testkit::{Browser, CapturedEvents};
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::host::{BASE, Host, clock, host_of};

/// A relying party's server: keeps the logout tokens it gets.
struct RelyingParty {
    uri: String,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl RelyingParty {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/logout", listener.local_addr().unwrap());
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let kept = tokens.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = String::new();
                let mut buffer = [0; 4096];
                while !is_whole(&request) {
                    let count = stream.read(&mut buffer).await.unwrap_or(0);
                    if count == 0 {
                        break;
                    }
                    request.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
                }
                let body = request.split_once("\r\n\r\n").unwrap().1;
                let token = body.strip_prefix("logout_token=").unwrap();
                kept.lock().unwrap().push(token.to_owned());
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
        });
        Self { uri, tokens }
    }

    fn heard(&self) -> usize {
        self.tokens.lock().unwrap().len()
    }

    fn last(&self) -> Value {
        let tokens = self.tokens.lock().unwrap();
        let payload = tokens.last().unwrap().split('.').nth(1).unwrap().to_owned();
        let payload = auth_core::ground::from_base64url(&payload).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

struct Place {
    host: Host,
    events: CapturedEvents,
    party: RelyingParty,
}

impl Place {
    async fn open() -> Self {
        let (clock, events) = (clock(), CapturedEvents::default());
        let auth = Auth::builder(BASE)
            .secret([7; 32])
            .store(MemoryStore::default())
            .clock(clock.clone())
            .prune_every(None)
            .events(events.clone())
            .outbound(OutboundPolicy::default().dangerous_allow_loopback())
            .login(Login::default())
            .provider(
                Provider::default()
                    .scope("reports:read", "Read reports")
                    .session_management(true),
            )
            .build()
            .await
            .unwrap();
        let host = host_of(auth, &clock).await;
        let party = RelyingParty::listen().await;
        let provider = host.auth.provider().unwrap();
        let registered = provider.clients(None, 1).await.unwrap().remove(0);
        let mut metadata = registered.metadata;
        metadata.insert("backchannel_logout_uri".into(), party.uri.clone().into());
        let update = ClientUpdate::default().metadata(metadata);
        provider.update_client(&"rp".into(), update).await.unwrap();
        Self {
            host,
            events,
            party,
        }
    }

    fn delivered(&self) -> usize {
        let events = self.events.all();
        let delivered = |event: &&Event| matches!(event, Event::BackChannelLogoutDelivered { .. });
        events.iter().filter(delivered).count()
    }

    /// Waits for the worker, which nobody here calls.
    async fn wait_for(&self, count: usize) {
        let all = async {
            while self.delivered() < count {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(in_time.is_ok(), "{:?}", self.events.all());
        assert_eq!(self.party.heard(), count);
    }

    async fn signed_in(&self) -> (Browser, Value) {
        let mut browser = self.host.signed_in().await;
        let tokens = self.host.tokens(&mut browser, "openid").await;
        (browser, tokens)
    }
}

fn sid(tokens: &Value) -> Value {
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1);
    let payload = auth_core::ground::from_base64url(payload.unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["sid"].clone()
}

#[tokio::test]
async fn signing_out_of_the_login_wing_tells_the_clients() {
    let place = Place::open().await;
    let (mut browser, tokens) = place.signed_in().await;
    assert!(browser.cookie("__Host-auth_op_state").is_some());
    let page = browser.get("/auth/logout").await;
    browser.submit(&page, &[]).await;
    place.wait_for(1).await;
    let claims = place.party.last();
    assert_eq!(claims["aud"], "rp");
    assert_eq!(claims["sub"], place.host.alice.id.as_str());
    assert_eq!(claims["sid"], sid(&tokens));
    // What frames see of the sign-in went with it (Session Management §2).
    assert!(browser.cookie("__Host-auth_op_state").is_none());
}

/// The provider ends the session and the login wing does: the clients hear it once.
#[tokio::test]
async fn rp_initiated_logout_tells_them_once() {
    let place = Place::open().await;
    let (mut browser, tokens) = place.signed_in().await;
    let hint = tokens["id_token"].as_str().unwrap();
    let answer = browser
        .get(&format!("/oauth/logout?id_token_hint={hint}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    place.wait_for(1).await;
    let provider = place.host.auth.provider().unwrap();
    let later = auth_core::ground::Clock::now(&place.host.clock) + Duration::from_hours(1);
    assert_eq!(provider.deliver_due(later).await.unwrap(), 0);
    assert!(browser.cookie("__Host-auth_op_state").is_none());
}

#[tokio::test]
async fn revoked_sessions_and_disabled_accounts_are_told() {
    let place = Place::open().await;
    let login = place.host.auth.login().unwrap();
    let alice = &place.host.alice.id;
    let (_one, first) = place.signed_in().await;
    assert_eq!(login.revoke_sessions(alice).await.unwrap(), 1);
    place.wait_for(1).await;
    assert_eq!(place.party.last()["sid"], sid(&first));
    let (_other, second) = place.signed_in().await;
    login.disable_user(alice).await.unwrap();
    place.wait_for(2).await;
    assert_eq!(place.party.last()["sid"], sid(&second));
}

/// A new sign-in with the same browser is another session, or at least another proof of who is there.
#[tokio::test]
async fn a_new_sign_in_changes_what_frames_see() {
    let place = Place::open().await;
    let (mut browser, _) = place.signed_in().await;
    let page = browser.get("/auth/login?reauthenticate=1").await;
    let fields = [
        ("email", crate::host::EMAIL),
        ("password", crate::host::PASSWORD),
    ];
    let answer = browser.submit(&page, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(browser.cookie("__Host-auth_op_state").is_none());
}
