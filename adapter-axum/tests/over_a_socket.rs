//! The adapter in a real server: routes, guards, extractors, and what a forgetful host is told.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;
use std::time::Duration;

use adapter_axum::login::{NewUser, SignInRequest};
use adapter_axum::provider::NewClient;
use adapter_axum::{
    AccessToken, Auth, Login, MemoryStore, Provider, Scope, Session, User, WithAuth as _, guard,
};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::{Value, json};

async fn auth() -> Auth {
    let auth = Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(MemoryStore::default())
        .login(Login::default())
        .provider(Provider::default().scope("reports:read", "Read reports"))
        .prune_every(None)
        .build()
        .await
        .unwrap();
    let Value::Object(machine) = json!({
        "client_id": "machine", "client_secret": "a secret of the machine client",
        "grant_types": ["client_credentials"], "scope": "reports:read",
    }) else {
        panic!()
    };
    let machine = NewClient::from_metadata(machine);
    auth.provider()
        .unwrap()
        .register_client(machine)
        .await
        .unwrap();
    auth
}

async fn user_of(user: Option<User>, session: Option<Session>) -> String {
    match (user, session) {
        (Some(user), Some(session)) => format!("{} by {:?}", user.display_name(), session.amr),
        _ => "nobody".to_owned(),
    }
}

async fn must_be_signed_in(scope: Scope) -> String {
    format!("{} admin={}", scope.user.display_name(), scope.admin)
}

async fn token_of(token: Option<AccessToken>) -> String {
    token.map_or("no token".to_owned(), |token| token.client_id().to_owned())
}

// A host with a state of its own beside Auth.
async fn with_state(State(greeting): State<&'static str>, user: User) -> String {
    format!("{greeting}, {}", user.display_name())
}

fn app(auth: &Auth) -> Router {
    let ok = || async { "ok" };
    Router::new()
        .route("/", get(user_of))
        .route("/scope", get(must_be_signed_in))
        .route("/state", get(with_state))
        .route("/token", get(token_of))
        .route("/page", get(ok).post(ok).route_layer(guard::signed_in()))
        .route("/api", get(ok).route_layer(guard::signed_in().or_401()))
        .route(
            "/recent",
            get(ok).route_layer(guard::signed_in_within(Duration::ZERO)),
        )
        .route(
            "/recent-api",
            get(ok).route_layer(guard::signed_in_within(Duration::ZERO).or_401()),
        )
        .route(
            "/reports",
            get(token_of).route_layer(guard::scope("reports:read")),
        )
        .route("/admin", get(ok).route_layer(guard::scope("admin")))
        .with_auth(auth)
        .with_state("Hello")
}

struct Server {
    base: String,
    client: Client,
}

impl Server {
    async fn start(app: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        // Ends with the runtime of the test.
        tokio::spawn(async move { axum::serve(listener, service).await });
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .no_proxy();
        Self {
            base: format!("http://{address}"),
            client: client.build().unwrap(),
        }
    }

    async fn get(&self, path: &str, headers: &[(http::HeaderName, &str)]) -> Response {
        let mut request = self.client.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request.send().await.unwrap()
    }
}

async fn session_cookie(auth: &Auth) -> String {
    let login = auth.login().unwrap();
    let alice = NewUser {
        username: Some("alice".to_owned()),
        ..NewUser::default()
    };
    let alice = login.create_user(alice).await.unwrap();
    let request = SignInRequest {
        headers: &http::HeaderMap::new(),
        address: None,
        remember: false,
    };
    let session = login.sign_in(&alice.id, &["pwd"], request).await.unwrap();
    let cookies = session.cookies();
    let cookie = cookies[0].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn extractors_tell_somebody_from_nobody() {
    let auth = auth().await;
    let server = Server::start(app(&auth)).await;
    assert_eq!(server.get("/", &[]).await.text().await.unwrap(), "nobody");
    assert_eq!(
        server.get("/scope", &[]).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let cookie = session_cookie(&auth).await;
    let cookie = [(COOKIE, cookie.as_str())];
    assert_eq!(
        server.get("/", &cookie).await.text().await.unwrap(),
        "alice by [\"pwd\"]"
    );
    assert_eq!(
        server.get("/scope", &cookie).await.text().await.unwrap(),
        "alice admin=false"
    );
    assert_eq!(
        server.get("/state", &cookie).await.text().await.unwrap(),
        "Hello, alice"
    );
}

#[tokio::test]
async fn guards_lead_to_sign_in_or_answer_401_as_the_route_says() {
    let auth = auth().await;
    let server = Server::start(app(&auth)).await;
    let to = |response: &Response| response.headers()[LOCATION].to_str().unwrap().to_owned();

    let page = server.get("/page?x=1&y=%2F", &[]).await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        to(&page),
        "/auth/login?return_to=%2Fpage%3Fx%3D1%26y%3D%252F"
    );
    let form = server
        .client
        .post(format!("{}/page", server.base))
        .send()
        .await
        .unwrap();
    assert_eq!(to(&form), "/auth/login?return_to=%2F");
    let api = server.get("/api", &[]).await;
    assert_eq!(api.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        api.json::<Value>().await.unwrap()["code"],
        "unauthenticated"
    );

    let cookie = session_cookie(&auth).await;
    let cookie = [(COOKIE, cookie.as_str())];
    for path in ["/page", "/api"] {
        assert_eq!(
            server.get(path, &cookie).await.status(),
            StatusCode::OK,
            "{path}"
        );
    }
    // Signed in, but not just now.
    tokio::task::yield_now().await;
    while server.get("/recent-api", &cookie).await.status() == StatusCode::OK {}
    let recent = server.get("/recent", &cookie).await;
    assert_eq!(
        to(&recent),
        "/auth/login?return_to=%2Frecent&reauthenticate=1"
    );
    let recent = server.get("/recent-api", &cookie).await;
    assert_eq!(recent.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        recent.json::<Value>().await.unwrap()["code"],
        "recent_sign_in_required"
    );
}

#[tokio::test]
async fn scopes_are_401_or_403_as_rfc_6750_says() {
    let auth = auth().await;
    let server = Server::start(app(&auth)).await;
    let body = "grant_type=client_credentials&client_id=machine&client_secret=a+secret+of+the+machine+client";
    let answer = server
        .client
        .post(format!("{}/oauth/token", server.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let token = answer.json::<Value>().await.unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let good = [(AUTHORIZATION, bearer.as_str())];

    assert_eq!(
        server.get("/reports", &good).await.text().await.unwrap(),
        "machine"
    );
    assert_eq!(
        server.get("/token", &good).await.text().await.unwrap(),
        "machine"
    );
    assert_eq!(
        server.get("/token", &[]).await.text().await.unwrap(),
        "no token"
    );
    let challenge = |response: &Response| {
        response.headers()[WWW_AUTHENTICATE]
            .to_str()
            .unwrap()
            .to_owned()
    };

    let none = server.get("/reports", &[]).await;
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenge(&none), "Bearer realm=\"http://localhost:3000\"");
    let bad = [(AUTHORIZATION, "Bearer a.b.c")];
    for path in ["/reports", "/token"] {
        let bad = server.get(path, &bad).await;
        assert_eq!(bad.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(challenge(&bad).contains("error=\"invalid_token\""));
    }
    let short = server.get("/admin", &good).await;
    assert_eq!(short.status(), StatusCode::FORBIDDEN);
    assert!(challenge(&short).contains("error=\"insufficient_scope\""));
    assert!(challenge(&short).contains("scope=\"admin\""));
}

#[tokio::test]
async fn the_products_routes_are_there_and_nothing_is_lost_on_the_way() {
    let auth = auth().await;
    let server = Server::start(app(&auth)).await;
    let page = server.get("/auth/login", &[]).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers().contains_key("content-security-policy"));
    let text = page.text().await.unwrap();
    let (_, style) = text.split_once("href=\"/").unwrap();
    let style = format!("/{}", style.split('"').next().unwrap());
    let style = server.get(&style, &[]).await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");

    let wrong = server
        .client
        .put(format!("{}/oauth/token", server.base))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()["allow"], "POST, OPTIONS");
    let large = server
        .client
        .post(format!("{}/oauth/token", server.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("x".repeat(300 * 1024));
    let large = large.send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);

    // Signing in sets two cookies at once on a first visit: both arrive.
    let first = server.get("/auth/login", &[]).await;
    assert_eq!(first.headers().get_all(SET_COOKIE).iter().count(), 1);
    let head = server
        .client
        .head(format!("{}/oauth/jwks", server.base))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert!(
        head.headers()["content-length"]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 100
    );
}

#[tokio::test]
async fn a_forgotten_with_auth_is_a_500_that_says_what_to_add() {
    let app = Router::new()
        .route("/user", get(must_be_signed_in))
        .route("/page", get(|| async {}).route_layer(guard::signed_in()));
    let server = Server::start(app).await;
    for path in ["/user", "/page"] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            answer.text().await.unwrap().contains(".with_auth(&auth)"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_wing_that_is_not_set_up_is_a_500_that_says_what_to_add() {
    let auth = Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(MemoryStore::default())
        .prune_every(None)
        .build()
        .await
        .unwrap();
    let server = Server::start(app(&auth)).await;
    for (path, fix) in [
        ("/scope", ".login("),
        ("/page", ".login("),
        ("/reports", ".resource("),
    ] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(answer.text().await.unwrap().contains(fix), "{path}");
    }
}

#[tokio::test]
async fn behind_a_proxy_a_credential_sent_in_clear_is_not_looked_at() {
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(MemoryStore::default())
        .trusted_proxies(["127.0.0.1"])
        .login(Login::default())
        .provider(Provider::default())
        .prune_every(None)
        .build()
        .await
        .unwrap();
    let server = Server::start(app(&auth)).await;
    let cookie = session_cookie(&auth).await;
    let proto = http::HeaderName::from_static("x-forwarded-proto");
    let https = server
        .get("/api", &[(COOKIE, &cookie), (proto.clone(), "https")])
        .await;
    assert_eq!(https.status(), StatusCode::OK);
    assert_eq!(https.headers()["cache-control"], "no-store");
    for path in ["/page", "/api", "/scope", "/reports", "/token"] {
        let http = server
            .get(path, &[(COOKIE, &cookie), (proto.clone(), "http")])
            .await;
        assert_eq!(http.status(), StatusCode::SEE_OTHER, "{path}");
        let to = http.headers()[LOCATION].to_str().unwrap();
        assert_eq!(to, format!("https://app.example.com{path}"));
    }
}
