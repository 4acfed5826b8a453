//! The adapter in a real server.

#![cfg(feature = "login")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use actix_web::{App, HttpServer, web};
use adapter_actix::login::{NewUser, SignInRequest};
use adapter_actix::{Auth, Login, MemoryStore, User, WithAuth as _};
use reqwest::{Client, StatusCode, redirect};

async fn home(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.display_name().to_owned())
}

async fn account(user: User) -> String {
    user.display_name().to_owned()
}

async fn auth() -> Auth {
    Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(MemoryStore::default())
        .login(Login::default())
        .prune_every(None)
        .build()
        .await
        .unwrap()
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

#[actix_web::test]
async fn routes_and_extractors_work_over_a_socket() {
    let auth = auth().await;
    let served = auth.clone();
    let server = HttpServer::new(move || {
        App::new()
            .route("/", web::get().to(home))
            .route("/account", web::get().to(account))
            .with_auth(&served)
    })
    .workers(1)
    .bind("127.0.0.1:0")
    .unwrap();
    let base = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .build()
        .unwrap();
    let get = async |path: &str, cookie: &str| {
        let request = client.get(format!("{base}{path}")).header("cookie", cookie);
        request.send().await.unwrap()
    };

    assert_eq!(get("/", "").await.text().await.unwrap(), "nobody");
    assert_eq!(get("/account", "").await.status(), StatusCode::UNAUTHORIZED);
    let cookie = session_cookie(&auth).await;
    assert_eq!(get("/", &cookie).await.text().await.unwrap(), "alice");
    assert_eq!(
        get("/account", &cookie).await.text().await.unwrap(),
        "alice"
    );

    let page = get("/auth/login", "").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers().contains_key("content-security-policy"));
    assert!(page.headers().contains_key("set-cookie"));
    let wrong = client
        .put(format!("{base}/auth/login"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()["allow"], "GET, POST, HEAD");
    let large = client
        .post(format!("{base}/auth/login"))
        .body("x".repeat(300 * 1024));
    assert_eq!(
        large.send().await.unwrap().status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let head = client
        .head(format!("{base}/auth/login"))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    handle.stop(false).await;
}
