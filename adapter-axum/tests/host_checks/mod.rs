//! What holds of a host over a socket in every framework, for an app with these routes:
//!
//! | path | does |
//! |---|---|
//! | `POST /own/sign-in`, behind `same_origin` | signs in whom [`user_of`] names for a form field `code` that [`is_known`], else 401 |
//! | `POST /own/sign-out`, behind `same_origin` | signs out |
//! | `/me` | `User`: the name |
//! | `/certificate` | the certificate of the TLS peer as text, `none` without one |

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auth_core::auth::Auth;
use auth_core::login::{Login, NewUser};
use auth_core::provider::{
    AccountError, AccountResolver, ClaimsQuery, Provider, SignInRequest, SignedInAccount,
};
use auth_core::store::{MemoryStore, SessionId, UserId};
use auth_core::web::PeerCertificate;
use bytes::Bytes;
use http::HeaderValue;
use http::request::Parts;
use reqwest::{Client, Response, redirect};
use serde_json::{Map, Value};

/// What a host's acceptor would have verified.
pub(crate) fn certificate() -> PeerCertificate {
    PeerCertificate(Bytes::from_static(b"DER of the client's certificate"))
}

pub(crate) struct Host {
    pub(crate) auth: Auth,
    seen: Arc<Mutex<Vec<Option<PeerCertificate>>>>,
}

impl Host {
    pub(crate) async fn new() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let auth = Auth::builder("http://localhost:3000")
            .secret([7; 32])
            .store(MemoryStore::new())
            .login(Login::default())
            .provider(Provider::default().accounts(Witness(seen.clone())))
            .prune_every(None)
            .build()
            .await
            .unwrap();
        Self { auth, seen }
    }

    /// The host's handler and the core see the certificate of the connection.
    pub(crate) async fn sees_the_certificate(&self, base: &str) {
        let client = client();
        let get = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap();
        let handler = get("/certificate").await.text().await.unwrap();
        assert_eq!(handler.as_bytes(), certificate().0);
        assert_eq!(get("/oauth/grants").await.status(), 303);
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert_eq!(seen, [Some(certificate())]);
    }
}

/// Codes by which the host recognizes somebody: `guest`, or an account that is gone.
pub(crate) fn is_known(code: Option<&String>) -> bool {
    matches!(code.map(String::as_str), Some("letmein" | "gone"))
}

pub(crate) fn user_of(code: Option<&String>, guest: &UserId) -> UserId {
    match code.map(String::as_str) {
        Some("letmein") => guest.clone(),
        _ => UserId::new("gone".to_owned()),
    }
}

/// Whom the login wing does not let in is told why, by the status.
pub(crate) async fn refused_by_the_wing(auth: &Auth, base: &str) {
    let client = client();
    let code = async |code: &str| {
        let request = client.post(format!("{base}/own/sign-in"));
        let request = request.header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(format!("code={code}")).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(code("gone").await, 404);
    assert_eq!(code("letmein").await, 303);
    let login = auth.login().unwrap();
    let guest = NewUser {
        username: Some("guest".to_owned()),
        ..NewUser::default()
    };
    let guest = login.ensure_user(guest).await.unwrap();
    login.disable_user(&guest.id).await.unwrap();
    assert_eq!(code("letmein").await, 403);
}

/// In and out by the host's own form.
pub(crate) async fn own_sign_in(base: &str) {
    let client = client();
    let post = async |path: &str, body: &'static str, headers: &[(&str, &str)]| {
        let mut request = client.post(format!("{base}{path}")).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let me = async |cookie: &str| {
        let request = client.get(format!("{base}/me")).header("cookie", cookie);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let here = ("sec-fetch-site", "same-origin");
    assert_eq!(me("").await.0, 401);
    let forged = post("/own/sign-in", "code=letmein", &[]).await;
    assert_eq!(forged.status(), 403);
    let wrong = post("/own/sign-in", "code=guess", &[here]).await;
    assert_eq!(wrong.status(), 401);
    assert!(cookies(&wrong).is_empty());

    let right = post("/own/sign-in", "code=letmein", &[here]).await;
    assert!(right.status().is_redirection(), "{}", right.status());
    // Both survive: the session, and the name of a browser that comes for the first time.
    let [set, browser] = &cookies(&right)[..] else {
        panic!("{:?}", right.headers())
    };
    assert!(set.starts_with("auth_session="), "{set}");
    assert!(browser.starts_with("auth_browser="), "{browser}");
    assert!(set.contains("HttpOnly") && browser.contains("HttpOnly"));
    let cookie = set.split(';').next().unwrap();
    assert_eq!(me(cookie).await, (200, "guest".to_owned()));

    let forged = post("/own/sign-out", "", &[("cookie", cookie)]).await;
    assert_eq!(forged.status(), 403);
    assert_eq!(me(cookie).await.0, 200);
    let out = post("/own/sign-out", "", &[("cookie", cookie), here]).await;
    assert!(out.status().is_redirection(), "{}", out.status());
    assert!(cookies(&out)[0].contains("Max-Age=0"));
    assert_eq!(me(cookie).await.0, 401);
}

fn cookies(response: &Response) -> Vec<String> {
    let values = response.headers().get_all("set-cookie").iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

fn client() -> Client {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .build()
        .unwrap()
}

/// Knows nobody, and notes the certificate that came with the question.
struct Witness(Arc<Mutex<Vec<Option<PeerCertificate>>>>);

#[async_trait]
impl AccountResolver for Witness {
    async fn signed_in(&self, parts: &Parts) -> Result<Option<SignedInAccount>, AccountError> {
        let certificate = parts.extensions.get().cloned();
        self.0.lock().unwrap().push(certificate);
        Ok(None)
    }
    async fn is_active(&self, _: &str) -> Result<bool, AccountError> {
        Ok(false)
    }
    async fn is_session_live(&self, _: &str, _: &SessionId) -> Result<bool, AccountError> {
        Ok(false)
    }
    async fn claims(
        &self,
        _: &str,
        _: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        Ok(None)
    }
    fn sign_in_url(&self, _: &SignInRequest) -> String {
        "/own".to_owned()
    }
    async fn sign_out(&self, _: &Parts) -> Result<Vec<HeaderValue>, AccountError> {
        Ok(Vec::new())
    }
}
