//! OpenID Connect Front-Channel Logout 1.0.

use serde_json::json;

use super::browser::{Answer, Browser, encode};
use super::house::{BASE, rp_metadata};

const BYE: &str = "https://rp.example/bye";

fn url(params: &[(&str, &str)]) -> String {
    format!("/oauth/logout?{}", encode(params))
}

/// Signed in, with an ID token of `rp`, which has this logout URI, and of `other`, which has one without `sid`.
async fn with_frames(uri: &str) -> (Browser, String) {
    let mut browser = Browser::signed_in("u1").await;
    browser
        .house
        .change_client("rp", |client| {
            let metadata = &mut client.metadata;
            metadata.insert("frontchannel_logout_uri".into(), uri.into());
            metadata.insert("frontchannel_logout_session_required".into(), true.into());
        })
        .await;
    let mut other = rp_metadata();
    other["redirect_uris"]
        .as_array_mut()
        .expect("array")
        .push(json!("https://other.example:8443/cb"));
    other["frontchannel_logout_uri"] = "https://other.example:8443/out".into();
    browser.house.add_client("other", other, true).await;
    browser.id_token("other").await;
    let hint = browser.id_token("rp").await;
    (browser, hint)
}

fn frames(answer: &Answer) -> Vec<String> {
    let mut parts = answer.body.split("<iframe src=\"");
    parts.next();
    parts
        .map(|part| {
            let src = part.split('"').next().expect("value");
            src.replace("&#x2f;", "/").replace("&amp;", "&")
        })
        .collect()
}

fn frame_sources(answer: &Answer) -> Option<String> {
    let policy = answer.headers["content-security-policy"]
        .to_str()
        .expect("text");
    let mut directives = policy.split("; ");
    let found = directives.find_map(|one| one.strip_prefix("frame-src "));
    found.map(str::to_owned)
}

/// §2: the URI of each client in a frame, with `iss` and `sid` for those that require them; then where RP-Initiated
/// Logout §3 leads, with its `state`.
#[tokio::test]
async fn every_client_of_the_session_has_a_frame() {
    let (mut browser, hint) = with_frames("https://rp.example/out?x=1").await;
    let params = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", BYE),
        ("state", "s&1"),
    ];
    let answer = browser.get(&url(&params)).await;
    assert_eq!(answer.status, 200);
    let iss: String = form_urlencoded::byte_serialize(BASE.as_bytes()).collect();
    assert_eq!(
        frames(&answer),
        [
            "https://other.example:8443/out".to_owned(),
            format!("https://rp.example/out?x=1&iss={iss}&sid=s1"),
        ]
    );
    assert_eq!(
        frame_sources(&answer).as_deref(),
        Some("https://other.example:8443 https://rp.example")
    );
    let policy = answer.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert!(answer.body.contains("front-channel-"));
    let link = format!("id=\"continue\" href=\"{BYE}?state=s%261\"");
    assert!(
        answer.body.replace("&#x2f;", "/").contains(&link),
        "{}",
        answer.body
    );
    assert!(!browser.is_signed_in());
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2, "the host's cookies are there");
}

#[tokio::test]
async fn frames_come_after_consent_too_and_without_a_destination() {
    let (mut browser, _) = with_frames("https://rp.example/out").await;
    let page = browser.get(&url(&[])).await;
    assert!(frames(&page).is_empty() && browser.is_signed_in());
    let answer = browser.press(&page, "logout").await;
    assert_eq!(frames(&answer).len(), 2);
    assert!(answer.body.contains("id=\"home\"") && !answer.body.contains("id=\"continue\""));
    // Signed out, there is nobody to tell.
    let answer = browser.get(&url(&[])).await;
    assert!(frames(&answer).is_empty());
    assert_eq!(frame_sources(&answer), None);
}

/// §2: its scheme, host and port are those of one of the client's redirect URIs.
#[tokio::test]
async fn a_frame_elsewhere_is_not_loaded() {
    for uri in [
        "https://evil.example/out",
        "http://rp.example/out",
        "https://rp.example:444/out",
        "javascript:alert(1)",
        "https://rp.example.evil.example/; frame-src *",
        "nonsense",
    ] {
        let (mut browser, hint) = with_frames(uri).await;
        let answer = browser.get(&url(&[("id_token_hint", &hint)])).await;
        assert_eq!(frames(&answer), ["https://other.example:8443/out"], "{uri}");
        assert_eq!(
            frame_sources(&answer).as_deref(),
            Some("https://other.example:8443"),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_program_is_told_what_to_load() {
    let (mut browser, hint) = with_frames("https://rp.example/out").await;
    browser.accept = "application/json";
    let params = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let page = browser.get(&url(&params)).await.json();
    assert_eq!(page["page"], "front_channel_logout");
    assert_eq!(page["context"]["frames"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["context"]["continue_url"], BYE);
}
