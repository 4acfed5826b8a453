//! RP-Initiated Logout.

use super::browser::{Answer, Browser, encode};
use super::house::House;
use crate::ground::jose::{Algorithm, SigningKey};
use crate::services::Event;

const BYE: &str = "https://rp.example/bye";

fn url(params: &[(&str, &str)]) -> String {
    format!("/oauth/logout?{}", encode(params))
}

fn asks(answer: &Answer) -> bool {
    answer.status == 200
        && answer.body.contains("id=\"logout\"")
        && answer.body.contains("id=\"stay\"")
}

fn is_done(answer: &Answer) -> bool {
    answer.status == 200 && answer.location().is_none() && !answer.body.contains("<form")
}

/// Signed in, with an ID token of `rp`.
async fn with_hint() -> (Browser, String) {
    let mut browser = Browser::signed_in("u1").await;
    let hint = browser.id_token("rp").await;
    (browser, hint)
}

#[tokio::test]
async fn a_client_that_proves_itself_ends_the_session_at_once() {
    for is_post in [false, true] {
        let (mut browser, hint) = with_hint().await;
        let params = [
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", BYE),
            ("state", "s/1"),
            ("client_id", "rp"),
        ];
        let answer = if is_post {
            browser.post("/oauth/logout", &params).await
        } else {
            browser.get(&url(&params)).await
        };
        assert_eq!(answer.status, 303);
        assert_eq!(
            answer.location().as_deref(),
            Some("https://rp.example/bye?state=s%2F1")
        );
        assert!(!browser.is_signed_in());
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 2, "both of the host's cookies survive");
        assert!(browser.house.events.any(|event| matches!(
            event,
            Event::ProviderSessionEnded {
                session: Some(_),
                ..
            }
        )));
    }
}

#[tokio::test]
async fn a_hint_that_has_expired_is_still_proof() {
    let (mut browser, hint) = with_hint().await;
    browser.house.advance(40 * 24 * 3600);
    let answer = browser.get(&url(&[("id_token_hint", &hint)])).await;
    assert!(is_done(&answer), "{}", answer.body);
    assert!(!browser.is_signed_in());
}

#[tokio::test]
async fn a_post_from_the_client_finds_the_session_that_lax_cookies_hide() {
    let (mut browser, hint) = with_hint().await;
    let params = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let answer = browser.post_from_elsewhere("/oauth/logout", &params).await;
    let again = answer.location().expect("redirect");
    assert!(!again.contains(&hint), "the token stays out of URLs");
    assert!(browser.is_signed_in());
    let answer = browser.get(&again).await;
    assert_eq!(answer.location().as_deref(), Some(BYE));
    assert!(!browser.is_signed_in());
    assert!(browser.get(&again).await.is_error_page(400));
}

#[tokio::test]
async fn threat_55_a_get_without_proof_signs_nobody_out() {
    let (mut browser, hint) = with_hint().await;
    let mut forged = hint.clone();
    forged.pop();
    forged.pop();
    for params in [
        vec![],
        vec![("client_id", "rp"), ("post_logout_redirect_uri", BYE)],
        vec![
            ("id_token_hint", "x.y.z"),
            ("post_logout_redirect_uri", BYE),
        ],
        // {"alg":"none"} over {"sub":"u1","aud":"rp"}
        vec![(
            "id_token_hint",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSIsImF1ZCI6InJwIn0.",
        )],
        vec![("logout_hint", "u1"), ("ui_locales", "fr"), ("state", "x")],
    ] {
        let answer = browser.get(&url(&params)).await;
        assert!(
            asks(&answer),
            "{params:?}: {} {}",
            answer.status,
            answer.body
        );
        assert!(browser.is_signed_in());
    }
    let answer = browser.post_from_elsewhere("/oauth/logout", &[]).await;
    let answer = browser.follow(answer).await;
    assert!(asks(&answer) && browser.is_signed_in());
}

/// §2: the OP validates that it issued the hint. Everything as in a good one, but another's key.
#[tokio::test]
async fn threat_55_a_hint_signed_with_another_key_proves_nothing() {
    let (mut browser, hint) = with_hint().await;
    let claims = crate::ground::from_base64url(hint.split('.').nth(1).expect("claims"));
    let claims: serde_json::Value =
        serde_json::from_slice(&claims.expect("base64url")).expect("JSON");
    let house = browser.house.clone();
    let ours = house.wing.keys.active(Algorithm::Es256, house.now()).await;
    let ours = ours.expect("key");
    let good = ours.sign_compact(Some("JWT"), &claims).expect("token");
    let thiefs = SigningKey::generate(Algorithm::Es256).expect("key").pkcs8;
    for kid in [Some(ours.kid()), None] {
        let key = SigningKey::from_pkcs8(Algorithm::Es256, kid, &thiefs).expect("key");
        let forged = key.sign_compact(Some("JWT"), &claims).expect("token");
        let params = [
            ("id_token_hint", forged.as_str()),
            ("client_id", "rp"),
            ("post_logout_redirect_uri", BYE),
        ];
        assert!(asks(&browser.get(&url(&params)).await));
        assert!(browser.is_signed_in());
    }
    browser.get(&url(&[("id_token_hint", &good)])).await;
    assert!(!browser.is_signed_in());
}

/// §2: `logout_hint` and `ui_locales` are taken; a hint of who it is proves nothing.
#[tokio::test]
async fn optional_parameters_are_taken() {
    let (mut browser, hint) = with_hint().await;
    let params = [
        ("logout_hint", "somebody@example.com"),
        ("ui_locales", "fr-CA fr en"),
        ("post_logout_redirect_uri", BYE),
        ("id_token_hint", hint.as_str()),
    ];
    assert!(asks(&browser.get(&url(&params[..2])).await));
    let answer = browser.get(&url(&params)).await;
    // §3: without a state in the request there is none in the answer.
    assert_eq!(answer.location().as_deref(), Some(BYE));
}

#[tokio::test]
async fn another_users_or_sessions_hint_asks() {
    let (mut browser, hint) = with_hint().await;
    let account = |subject: &str, session: &str| crate::provider::SignedInAccount {
        subject: subject.into(),
        session_id: Some(session.into()),
        auth_time: browser.house.now(),
        signed_in_at: browser.house.now(),
        amr: vec![],
        acr: None,
        display_name: subject.into(),
    };
    for (other, is_asked) in [
        (account("u2", "s1"), true),
        (account("u1", "s9"), true),
        (account("u1", "s1"), false),
    ] {
        browser.sign_in_as(other);
        let answer = browser.get(&url(&[("id_token_hint", &hint)])).await;
        assert_eq!(asks(&answer), is_asked);
        assert_eq!(browser.is_signed_in(), is_asked);
    }
}

#[tokio::test]
async fn an_unregistered_address_is_never_gone_to() {
    let (mut browser, hint) = with_hint().await;
    for bad in [
        "https://evil.example/",
        "https://rp.example/bye?x=1",
        "https://rp.example/bye/",
        "https://RP.example/bye",
        "https://rp.example/cb?tenant=1",
        "javascript:alert(1)",
    ] {
        for params in [
            [
                ("id_token_hint", hint.as_str()),
                ("post_logout_redirect_uri", bad),
            ],
            [("client_id", "rp"), ("post_logout_redirect_uri", bad)],
        ] {
            let page = browser.get(&url(&params)).await;
            assert!(asks(&page), "{params:?}");
        }
    }
    // No client, no address.
    let page = browser
        .get(&url(&[("post_logout_redirect_uri", BYE)]))
        .await;
    assert!(is_done(&browser.press(&page, "logout").await));
    assert!(!browser.is_signed_in());
    let answer = browser
        .get(&url(&[
            ("client_id", "rp"),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ]))
        .await;
    assert!(is_done(&answer));
}

#[tokio::test]
async fn the_user_agrees_and_goes_to_the_client() {
    let (mut browser, _) = with_hint().await;
    let params = [
        ("client_id", "rp"),
        ("post_logout_redirect_uri", BYE),
        ("state", "s"),
    ];
    let page = browser.get(&url(&params)).await;
    assert!(page.body.contains("Reports") && page.body.contains("u1@example.com"));
    let answer = browser.press(&page, "logout").await;
    assert_eq!(
        answer.location().as_deref(),
        Some("https://rp.example/bye?state=s")
    );
    assert!(!browser.is_signed_in());
    assert!(browser.press(&page, "logout").await.is_error_page(400));
}

#[tokio::test]
async fn the_user_stays() {
    let (mut browser, _) = with_hint().await;
    let page = browser.get(&url(&[])).await;
    assert!(browser.press(&page, "perhaps").await.is_error_page(400));
    let answer = browser.press(&page, "stay").await;
    assert_eq!(answer.location().as_deref(), Some("/"));
    assert!(browser.is_signed_in());
    assert!(browser.press(&page, "logout").await.is_error_page(400));
    assert!(browser.is_signed_in());
}

#[tokio::test]
async fn threat_36_the_form_works_in_its_browser_with_its_token_alone() {
    let (mut browser, _) = with_hint().await;
    let page = browser.get(&url(&[])).await;
    let secret = page.field("interaction");
    let form = [("interaction", secret.as_str()), ("decision", "logout")];
    assert!(
        browser
            .post("/oauth/logout/decide", &form)
            .await
            .is_error_page(403)
    );
    let mut other = Browser::new(&browser.house, "s2");
    other.sign_in("u2");
    other.get(&url(&[])).await;
    assert!(other.press(&page, "logout").await.is_error_page(403));
    // JSON needs no token, and is bound all the same.
    let body = format!(r#"{{"interaction":"{secret}","decision":"logout"}}"#);
    let headers = [("content-type", "application/json")];
    let decide = "/oauth/logout/decide";
    let answer = other
        .send(http::Method::POST, decide, Some(body), &headers)
        .await;
    assert!(answer.is_error_page(403));
    // The page's secret is no ticket for the endpoint itself.
    let answer = browser.get(&url(&[("interaction", &secret)])).await;
    assert!(answer.is_error_page(400));
    assert!(browser.is_signed_in() && other.is_signed_in());
    assert!(is_done(&browser.press(&page, "logout").await));
}

#[tokio::test]
async fn whoever_is_not_signed_in_goes_straight_on() {
    let house = House::open().await;
    let mut browser = Browser::new(&house, "s1");
    assert!(is_done(&browser.get(&url(&[])).await));
    let params = [("client_id", "rp"), ("post_logout_redirect_uri", BYE)];
    assert_eq!(
        browser.get(&url(&params)).await.location().as_deref(),
        Some(BYE)
    );
}

#[tokio::test]
async fn contradictions_and_excess_get_a_page() {
    let (mut browser, hint) = with_hint().await;
    for query in [
        encode(&[("id_token_hint", &hint), ("client_id", "own")]),
        "state=1&state=2".to_owned(),
        "x=%ff".to_owned(),
        encode(&[("state", &"s".repeat(5000))]),
    ] {
        let answer = browser.get(&format!("/oauth/logout?{query}")).await;
        assert!(answer.is_error_page(400), "{query}");
    }
    assert!(browser.is_signed_in());
}

#[tokio::test]
async fn grants_of_the_session_end_with_it_and_offline_ones_stay() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser
        .authorize_and_follow(&[("scope", "openid profile offline_access")])
        .await;
    let offline = browser
        .press(&page, "allow")
        .await
        .param("code")
        .expect("code");
    let plain = browser.authorize(&[]).await.param("code").expect("code");
    let page = browser.get(&url(&[])).await;
    browser.press(&page, "logout").await;
    assert_ne!(browser.redeem("rp", &plain).await.status, 200);
    assert_eq!(browser.redeem("rp", &offline).await.status, 200);
}

#[tokio::test]
async fn a_program_is_told_where_to_go() {
    let (mut browser, hint) = with_hint().await;
    browser.accept = "application/json";
    let page = browser.get(&url(&[])).await.json();
    assert_eq!(page["page"], "end_session");
    let params = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    assert_eq!(browser.get(&url(&params)).await.json()["redirect_to"], BYE);
}
