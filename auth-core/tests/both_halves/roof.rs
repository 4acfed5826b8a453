//! What holds for every route.

use std::net::{IpAddr, Ipv4Addr};

use auth_core::auth::Auth;
use auth_core::store::MemoryStore;
use auth_core::testkit::Browser;
use http::{Method, StatusCode};

use crate::host::{EMAIL, FORM, PASSWORD, builder, clock, host};

#[tokio::test]
async fn every_route_answers_with_safe_headers_and_never_with_a_fault_of_ours() {
    let host = host().await;
    let routes: Vec<_> = host.auth.routes().cloned().collect();
    assert!(routes.len() > 20);
    for signed_in in [false, true] {
        let mut browser = if signed_in {
            host.signed_in().await
        } else {
            host.browser()
        };
        for route in &routes {
            for method in [
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::OPTIONS,
                Method::DELETE,
            ] {
                let answer = browser.send(method.clone(), &route.path, &[FORM], "").await;
                let what = format!("{method} {}", route.path);
                assert!(answer.status.as_u16() < 500, "{what}: {}", answer.status);
                if !route.methods.contains(&method) {
                    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{what}");
                    assert_eq!(
                        answer.header("allow"),
                        Some(route.allow().as_str()),
                        "{what}"
                    );
                }
                assert_eq!(
                    answer.header("x-content-type-options"),
                    Some("nosniff"),
                    "{what}"
                );
                assert!(answer.header("cache-control").is_some(), "{what}");
                assert!(
                    answer.header("strict-transport-security").is_some(),
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn threat_40_redirects_are_303_and_referrers_stay_here() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    for route in host.auth.routes() {
        let answer = browser.get(&route.path).await;
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{}",
            route.path
        );
        if answer.status.is_redirection() {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", route.path);
        }
    }
}

#[tokio::test]
async fn threat_41_no_page_can_be_framed() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    let mut pages = 0;
    for route in host.auth.routes() {
        let answer = browser.visit(&route.path).await;
        if answer
            .header("content-type")
            .is_some_and(|t| t.starts_with("text/html"))
        {
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("frame-ancestors 'none'"), "{}", route.path);
            assert!(policy.contains("default-src 'none'"), "{}", route.path);
            assert!(!policy.contains("unsafe"), "{}", route.path);
            assert_eq!(answer.header("x-frame-options"), Some("DENY"));
            pages += 1;
        }
    }
    assert!(pages > 6, "{pages} pages looked at");
}

#[tokio::test]
async fn unknown_paths_and_large_bodies_get_clear_answers() {
    let host = host().await;
    let mut browser = host.browser();
    let answer = browser.get("/auth/nothing").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("<html"));

    let body = format!("grant_type={}", "x".repeat(256 * 1024));
    let answer = browser
        .send(Method::POST, "/oauth/token", &[FORM], &body)
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "body_too_large");
}

#[tokio::test]
async fn head_is_get_without_a_body_and_options_open_what_browsers_call() {
    let host = host().await;
    let mut browser = host.browser();
    let path = "/.well-known/openid-configuration";
    let get = browser.get(path).await;
    let head = browser.send(Method::HEAD, path, &[], "").await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.text, "");
    assert_eq!(
        head.header("content-length"),
        Some(get.text.len().to_string().as_str())
    );
    assert_eq!(get.header("access-control-allow-origin"), Some("*"));

    let etag = get.header("etag").expect("an ETag").to_owned();
    let again = browser
        .send(Method::GET, path, &[("if-none-match", &etag)], "")
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    for path in [path, "/oauth/jwks", "/oauth/token", "/oauth/userinfo"] {
        let answer = browser.send(Method::OPTIONS, path, &[], "").await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert!(answer.header("access-control-allow-credentials").is_none());
    }
    // Nothing that cookies decide is open to other origins.
    for path in ["/oauth/authorize", "/auth/session", "/auth/login"] {
        let answer = browser.get(path).await;
        assert!(
            answer.header("access-control-allow-origin").is_none(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn behind_a_proxy_plain_http_is_led_to_https() {
    let auth = builder(&clock())
        .trusted_proxies(["10.0.0.0/8"])
        .build()
        .await
        .unwrap();
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let mut browser = Browser::new(&auth).at(proxy);
    let http = [("x-forwarded-proto", "http"), FORM];
    let answer = browser
        .send(Method::GET, "/auth/login?x=1", &http, "")
        .await;
    assert_eq!(
        answer.location().as_deref(),
        Some("https://app.example.com/auth/login?x=1")
    );
    let answer = browser.send(Method::POST, "/oauth/token", &http, "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // The same words from somebody else mean nothing.
    let mut stranger = Browser::new(&auth);
    let answer = stranger.send(Method::GET, "/auth/login", &http, "").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn threat_04_forged_addresses_do_not_escape_the_throttle() {
    let host = host().await;
    let mut browser = host.browser();
    let mut refused = 0;
    for attempt in 0..30 {
        let page = browser.get("/auth/login").await;
        let token = page.field("form_token").unwrap();
        let email = format!("user{attempt}@example.com");
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("email", email.as_str()),
                ("password", PASSWORD),
                ("form_token", &token),
            ])
            .finish();
        let forged = format!("198.51.100.{attempt}");
        let headers = [
            FORM,
            ("x-forwarded-for", forged.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let answer = browser
            .send(Method::POST, "/auth/login", &headers, &body)
            .await;
        refused += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 20, "{refused} of 30 refused");
}

#[tokio::test]
async fn threat_36_cross_site_posts_change_nothing() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    let cross = [
        FORM,
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    let paths = [
        "/auth/login",
        "/auth/logout",
        "/auth/register",
        "/auth/account/password",
        "/auth/account/profile",
        "/auth/account/sessions/revoke",
        "/auth/account/sessions/revoke-others",
        "/oauth/authorize/consent",
        "/oauth/authorize/account",
        "/oauth/grants/revoke",
        "/oauth/logout/decide",
    ];
    for path in paths {
        let body = format!("email={EMAIL}&password={PASSWORD}");
        let answer = browser.send(Method::POST, path, &cross, &body).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
        if path.starts_with("/auth") {
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{path}: {}",
                answer.text
            );
        }
    }
    let session = browser.get("/auth/session").await;
    assert_eq!(session.status, StatusCode::OK, "still signed in");
}

#[tokio::test]
async fn a_misconfiguration_is_an_error_that_says_what_to_do() {
    let text = |result: Result<Auth, _>| match result {
        Ok(_) => panic!("must not build"),
        Err(error) => auth_core::auth::BuildError::to_string(&error),
    };
    let store = MemoryStore::default;
    let missing = text(
        Auth::builder("https://a.example")
            .store(store())
            .build()
            .await,
    );
    assert!(missing.contains("secret"), "{missing}");
    let short = Auth::builder("https://a.example")
        .secret("short")
        .store(store());
    assert!(text(short.build().await).contains("32 bytes"));
    let missing = Auth::builder("https://a.example").secret([1; 32]);
    assert!(text(missing.build().await).contains(".store"));
    let http = Auth::builder("http://a.example")
        .secret([1; 32])
        .store(store());
    assert!(text(http.build().await).contains("https"));
    let alone = Auth::builder("https://a.example")
        .secret([1; 32])
        .store(store())
        .provider(auth_core::provider::Provider::default());
    assert!(text(alone.build().await).contains(".login"));
    let proxy = builder(&clock()).trusted_proxies(["nonsense"]);
    assert!(text(proxy.build().await).contains("nonsense"));
    let variable = builder(&clock()).secret_from_env("NO_SUCH_VARIABLE_HERE");
    assert!(text(variable.build().await).contains("NO_SUCH_VARIABLE_HERE"));
}

#[tokio::test]
async fn under_a_path_everything_keeps_its_place() {
    let clock = clock();
    let auth = Auth::builder("https://example.com/id")
        .secret([7; 32])
        .store(MemoryStore::default())
        .clock(clock)
        .prune_every(None)
        .login(auth_core::login::Login::default())
        .provider(auth_core::provider::Provider::default())
        .build()
        .await
        .unwrap();
    let mut browser = Browser::new(&auth);
    for path in [
        "/id/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/id",
    ] {
        let document = browser.get(path).await.json();
        assert_eq!(document["issuer"], "https://example.com/id");
        assert_eq!(
            document["token_endpoint"],
            "https://example.com/id/oauth/token"
        );
    }
    let page = browser.get("/id/auth/login").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("action=\"/id/auth/login\""),
        "{}",
        page.text
    );
}
