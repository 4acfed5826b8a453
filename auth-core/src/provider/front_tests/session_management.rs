//! OpenID Connect Session Management 1.0.

use super::browser::{Answer, Browser, CALLBACK};
use super::house::House;
use crate::ground::Digest32;
use crate::provider::Provider;

const COOKIE: &str = "__Host-auth_op_state";

async fn signed_in() -> Browser {
    let house = House::open_with(Provider::default().session_management(true)).await;
    Browser::signed_in_at("u1", &house)
}

async fn answer(browser: &mut Browser, scope: &str) -> Answer {
    browser
        .authorize(&[("client_id", "own"), ("scope", scope)])
        .await
}

/// What the frame computes (§3.2).
fn is_unchanged(browser: &Browser, session_state: &str) -> bool {
    let (hash, salt) = session_state.split_once('.').expect("a salt");
    let Some(state) = browser.cookies.get(COOKIE) else {
        return false;
    };
    let text = format!("own https://rp.example {state} {salt}");
    assert!(CALLBACK.starts_with("https://rp.example/"));
    Digest32::of(text).to_text() == hash
}

/// §2: `session_state` in the answer, another each time; §3.2: it stands for client, origin and browser state, salted.
#[tokio::test]
async fn an_answer_says_the_state_of_the_session() {
    let mut browser = signed_in().await;
    let first = answer(&mut browser, "openid").await;
    let cookie = first.headers.get_all("set-cookie").iter();
    let cookie = cookie
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.starts_with(COOKIE))
        .expect("the state");
    assert!(!cookie.contains("HttpOnly"), "{cookie}");
    assert!(
        cookie.contains("SameSite=None") && cookie.contains("Secure"),
        "{cookie}"
    );
    let first = first.param("session_state").expect("session_state");
    let again = answer(&mut browser, "openid").await;
    assert!(
        again.headers.get("set-cookie").is_none(),
        "it is there already"
    );
    let second = again.param("session_state").expect("session_state");
    assert_ne!(first, second);
    assert!(is_unchanged(&browser, &first) && is_unchanged(&browser, &second));
    // Whoever knows the session's public id cannot tell that it is this one.
    let plain = ["s1", "s1\x00u1\x001800000000000"].map(|text| Digest32::of(text).to_text());
    assert!(!plain.contains(&browser.cookies[COOKIE]));
}

#[tokio::test]
async fn it_changes_when_the_sign_in_does() {
    let mut browser = signed_in().await;
    let state = answer(&mut browser, "openid").await.param("session_state");
    let state = state.expect("session_state");
    // Anew, and as another.
    for subject in ["u1", "u2"] {
        browser.house.advance(1);
        browser.sign_in(subject);
        let next = answer(&mut browser, "openid").await.param("session_state");
        assert!(!is_unchanged(&browser, &state), "{subject}");
        assert!(is_unchanged(&browser, &next.expect("session_state")));
    }
    let state = answer(&mut browser, "openid").await.param("session_state");
    let page = browser.get("/oauth/logout").await;
    browser.press(&page, "logout").await;
    assert!(!browser.cookies.contains_key(COOKIE));
    assert!(!is_unchanged(&browser, &state.expect("session_state")));
}

#[tokio::test]
async fn without_openid_or_the_setting_there_is_none() {
    let mut browser = signed_in().await;
    let plain = answer(&mut browser, "profile").await;
    assert!(plain.param("code").is_some() && plain.param("session_state").is_none());
    let mut browser = Browser::signed_in("u1").await;
    let off = answer(&mut browser, "openid").await;
    assert!(off.param("code").is_some() && off.param("session_state").is_none());
    assert!(!browser.cookies.contains_key(COOKIE));
    let routes = browser.house.wing.routes();
    assert!(
        !routes
            .iter()
            .any(|(route, _)| route.path == "/oauth/session")
    );
}

/// §3.3: the page may be framed by any client; it is the only one, and has nothing but a script.
#[tokio::test]
async fn threat_41_the_frame_of_session_management_shows_and_does_nothing() {
    let mut browser = signed_in().await;
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        document["check_session_iframe"],
        "https://op.example.com/oauth/session"
    );
    let frame = browser.get("/oauth/session").await;
    assert_eq!(frame.status, 200);
    let policy = frame.headers["content-security-policy"]
        .to_str()
        .expect("text");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'none'",
        "frame-ancestors *",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(frame.headers.get("x-frame-options").is_none());
    assert!(frame.headers.get("set-cookie").is_none());
    assert_eq!(frame.body.matches("<script").count(), 1);
    assert!(frame.body.contains(&format!("data-cookie=\"{COOKIE}\"")));
    assert!(frame.body.contains("<body></body>"));
    // Every other page stays as it was.
    let page = browser.get("/oauth/logout").await;
    assert_eq!(page.headers["x-frame-options"], "DENY");
}
