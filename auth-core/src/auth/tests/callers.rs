//! Sessions, tokens and keys on one route.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use http::header::WWW_AUTHENTICATE;

use super::house::{COOKIE, House, KEY, Keys, Shared, ask, build_with};
use crate::auth::{Auth, Caller, Guard};
use crate::resource::{Resource, ScopeRequirement, ScopeSet};
use crate::store::MemoryStore;
use crate::web::ClientAddr;

#[tokio::test]
async fn each_kind_says_whom_it_acts_for() {
    let house = House::new().await;
    let key = format!("Bearer {KEY}");
    for (headers, subject) in [
        (("cookie", &*house.session), &*house.user),
        (("authorization", &*house.bearer()), "machine"),
        (("x-api-key", KEY), "billing"),
        (("authorization", &*key), "billing"),
        (("accept", "*/*"), "nobody"),
        (("authorization", "Basic YTpi"), "nobody"),
    ] {
        let found = house.caller(&mut ask("GET", &[headers])).await;
        assert_eq!(found, subject, "{headers:?}");
    }
    let mut parts = ask("GET", &[("x-api-key", KEY)]);
    let caller = house.auth.caller(&mut parts).await.unwrap().unwrap();
    assert_eq!(caller.scopes(), Some(&ScopeSet::parse("reports:*")));
    let mut parts = ask("GET", &[("cookie", &house.session)]);
    let caller = house.auth.caller(&mut parts).await.unwrap().unwrap();
    assert!(matches!(caller, Caller::Session(_)));
    assert_eq!(caller.scopes(), None);
}

#[tokio::test]
async fn a_caller_is_found_once_per_request() {
    let house = House::new().await;
    let mut parts = ask("GET", &[("x-api-key", KEY)]);
    for _ in 0..3 {
        assert_eq!(house.caller(&mut parts).await, "billing");
    }
    assert_eq!(house.keys.take_asked(), [KEY]);
}

#[tokio::test]
async fn a_key_goes_to_the_keys_and_a_token_to_the_verifier() {
    let house = House::new().await;
    // No token is shown to the table of keys, also where only a key belongs.
    for headers in [
        ("authorization", &*house.bearer()),
        ("authorization", "Bearer a.b.c"),
        ("authorization", "Bearer opaque"),
        ("x-api-key", &*house.token),
    ] {
        house.caller(&mut ask("GET", &[headers])).await;
        assert!(house.keys.take_asked().is_empty(), "{headers:?}");
    }
    // No key is taken for a token, wherever it stands: a verifier may have to ask an issuer about one.
    let bearer = format!("Bearer {KEY}");
    let cookie = format!("{COOKIE}={KEY}");
    for headers in [("authorization", &*bearer), ("cookie", &*cookie)] {
        let mut parts = ask("GET", &[headers]);
        let refused = house.auth.access_token(&mut parts).await.unwrap_err();
        let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("the typ of a JWT"), "{challenge}");
        assert!(house.keys.take_asked().is_empty());
    }
}

#[tokio::test]
async fn a_bad_header_is_refused_whatever_the_cookies_say() {
    let house = House::new().await;
    let cookies = format!("{}; {}", house.session, house.token_cookie());
    for (name, value) in [
        ("authorization", "Bearer a.b.c"),
        ("authorization", "Bearer acme_live_unknown"),
        ("x-api-key", "acme_live_unknown"),
        ("x-api-key", "something else"),
    ] {
        let headers = [("cookie", &*cookies), (name, value)];
        let mut parts = ask("GET", &headers);
        let refused = house.caller(&mut parts).await;
        assert_eq!(refused, "401 invalid_token", "{name}: {value}");
        let refused = house.auth.caller(&mut ask("GET", &headers)).await;
        let refused = refused.unwrap_err();
        let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    for (name, value) in [("authorization", "Bearer"), ("x-api-key", "")] {
        let mut parts = ask("GET", &[("cookie", &cookies), (name, value)]);
        let refused = house.caller(&mut parts).await;
        assert_eq!(refused, "400 invalid_request", "{name}: {value}");
    }
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let house = House::new().await;
    let bearer = house.bearer();
    let key = format!("Bearer {KEY}");
    for second in [&*bearer, &key, "Basic YTpi", "Bearer a.b.c"] {
        let mut parts = ask("GET", &[("x-api-key", KEY), ("authorization", second)]);
        let refused = house.caller(&mut parts).await;
        assert_eq!(refused, "400 invalid_request", "{second}");
    }
    for name in ["x-api-key", "authorization"] {
        let mut parts = ask("GET", &[(name, KEY), (name, KEY)]);
        assert_eq!(house.caller(&mut parts).await, "400 invalid_request");
    }
    assert!(house.keys.take_asked().is_empty());
}

#[tokio::test]
async fn keys_out_of_reach_are_an_outage_and_never_nobody() {
    let house = House::new().await;
    house.keys.down.store(true, SeqCst);
    let mut parts = ask("GET", &[("x-api-key", KEY), ("cookie", &house.session)]);
    let refused = house.caller(&mut parts).await;
    assert_eq!(refused, "503 temporarily_unavailable");
}

#[tokio::test]
async fn threat_36_a_session_changes_nothing_for_another_site() {
    let house = House::new().await;
    let session = ("cookie", house.session.as_str());
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for sent_by in [
            ("accept", "*/*"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let refused = house.caller(&mut ask(method, &[session, sent_by])).await;
            assert_eq!(refused, "403 cross_site_request", "{method} {sent_by:?}");
        }
        for sent_by in [
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://localhost:3000"),
        ] {
            let found = house.caller(&mut ask(method, &[session, sent_by])).await;
            assert_eq!(found, house.user, "{method} {sent_by:?}");
        }
        // Who has no cookie needs no page: nobody can make a browser send a header.
        let mut parts = ask(method, &[("authorization", &house.bearer())]);
        assert_eq!(house.caller(&mut parts).await, "machine");
        assert_eq!(house.caller(&mut ask(method, &[])).await, "nobody");
    }
    for method in ["GET", "HEAD"] {
        let cross = ("sec-fetch-site", "cross-site");
        let found = house.caller(&mut ask(method, &[session, cross])).await;
        assert_eq!(found, house.user, "{method}");
    }
}

#[tokio::test]
async fn guards_ask_tokens_and_keys_for_scopes_and_a_person_for_none() {
    let house = House::new().await;
    let scopes = |scope: &str| Guard::CallerWithScopes(ScopeRequirement::from(scope));
    let bearer = house.bearer();
    for (header, may_read, may_write) in [
        (("cookie", &*house.session), "passes", "passes"),
        (("authorization", &*bearer), "passes", "403"),
        (("x-api-key", KEY), "passes", "passes"),
        (("accept", "text/html"), "401", "401"),
    ] {
        let any = house
            .admits(Guard::Caller, &mut ask("GET", &[header]))
            .await;
        assert_eq!(any.split(' ').next(), Some(may_read), "{header:?}");
        for (scope, expected) in [("reports:read", may_read), ("reports:write", may_write)] {
            let mut parts = ask("GET", &[header]);
            let found = house.admits(scopes(scope), &mut parts).await;
            assert_eq!(found.split(' ').next(), Some(expected), "{header:?}");
        }
    }
    let mut parts = ask("GET", &[("x-api-key", KEY)]);
    let short = house.auth.admit(&mut parts, &scopes("admin")).await;
    let short = short.unwrap_err();
    assert_eq!(short.status(), 403);
    let challenge = short.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""));
    assert!(challenge.contains("scope=\"admin\""));
    let nobody = house.auth.admit(&mut ask("GET", &[]), &Guard::Caller).await;
    let nobody = nobody.unwrap_err();
    let challenge = nobody.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(challenge, "Bearer realm=\"http://localhost:3000\"");
}

#[tokio::test]
async fn keys_need_no_issuer_and_without_them_the_header_means_nothing() {
    let keys = Arc::new(Keys::default());
    let auth = build_with(Resource::default().api_keys(Shared(keys))).await;
    let auth = auth.unwrap();
    let found = auth.caller(&mut ask("GET", &[("x-api-key", KEY)])).await;
    assert_eq!(found.unwrap().unwrap().subject(), "billing");
    let token = [("authorization", "Bearer a.b.c")];
    let refused = auth.caller(&mut ask("GET", &token)).await.unwrap_err();
    assert_eq!(refused.status(), 401);

    let issuer = Resource::default().issuer("https://issuer.example", "urn:api");
    let auth = build_with(issuer).await.unwrap();
    let headers = [("x-api-key", KEY), ("authorization", "Basic YTpi")];
    assert!(
        auth.caller(&mut ask("GET", &headers))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_credential_that_reached_the_proxy_in_clear_is_not_looked_at() {
    let keys = Arc::new(Keys::default());
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(MemoryStore::new())
        .trusted_proxies(["127.0.0.1"])
        .resource(Resource::default().api_keys(Shared(keys.clone())))
        .prune_every(None)
        .build()
        .await
        .unwrap();
    let ask = |method, proto| {
        let mut parts = ask(method, &[("x-api-key", KEY), ("x-forwarded-proto", proto)]);
        parts.extensions.insert(ClientAddr([127, 0, 0, 1].into()));
        parts
    };
    for (method, status) in [("GET", 303), ("POST", 403)] {
        let refused = auth.caller(&mut ask(method, "http")).await.unwrap_err();
        assert_eq!(refused.status(), status);
    }
    assert!(keys.take_asked().is_empty());
    let found = auth.caller(&mut ask("POST", "https")).await.unwrap();
    assert_eq!(found.unwrap().subject(), "billing");
}

#[tokio::test]
async fn no_key_in_what_is_printed() {
    let house = House::new().await;
    let mut parts = ask("GET", &[("x-api-key", KEY)]);
    let caller = house.auth.caller(&mut parts).await.unwrap();
    let printed = format!("{caller:?} {:?}", house.auth);
    assert!(printed.contains("key-1") && !printed.contains(KEY));
    let settings = Resource::default().api_keys(Shared(house.keys.clone()));
    assert!(format!("{settings:?}").contains("ApiKeys"));
    let mut parts = ask("GET", &[("cookie", &house.session)]);
    let caller = house.auth.caller(&mut parts).await.unwrap();
    let printed = format!("{caller:?}");
    assert!(printed.contains(&house.user) && !printed.contains("alice"));
}
