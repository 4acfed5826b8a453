//! `prompt`, `max_age`, hints and `claims`, end to end. The table of all combinations is in `evaluate_tests`.

use serde_json::json;

use super::browser::{Answer, Browser};
use super::house::House;

/// The errors of `prompt=none` come from the authorization endpoint itself.
async fn silent(browser: &mut Browser, changes: &[(&str, &str)]) -> Option<String> {
    let changes = [&[("prompt", "none")], changes].concat();
    let answer = browser.authorize(&changes).await;
    assert_eq!(answer.status, 303);
    assert!(!answer.is_sign_in());
    answer.error()
}

async fn sign_in_again(browser: &mut Browser, answer: &Answer, subject: &str) -> Answer {
    assert!(answer.is_sign_in(), "{:?}", answer.location());
    browser.house.advance(5);
    browser.sign_in(subject);
    browser
        .get(&answer.param("return_to").expect("return_to"))
        .await
}

#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let house = House::open().await;
    let mut stranger = Browser::new(&house, "s1");
    assert_eq!(
        silent(&mut stranger, &[]).await.as_deref(),
        Some("login_required")
    );
    let mut browser = Browser::signed_in("u1").await;
    assert_eq!(
        silent(&mut browser, &[]).await.as_deref(),
        Some("consent_required")
    );
    assert_eq!(silent(&mut browser, &[("client_id", "own")]).await, None);
    let changes = [("client_id", "own"), ("max_age", "1")];
    assert_eq!(
        silent(&mut browser, &changes).await.as_deref(),
        Some("login_required")
    );
    let changes = [("client_id", "own"), ("max_age", "0")];
    assert_eq!(
        silent(&mut browser, &changes).await.as_deref(),
        Some("login_required")
    );
}

#[tokio::test]
async fn prompt_none_after_consent_issues() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.press(&page, "allow").await;
    assert_eq!(silent(&mut browser, &[]).await, None);
    let wider = [("scope", "openid profile email")];
    assert_eq!(
        silent(&mut browser, &wider).await.as_deref(),
        Some("consent_required")
    );
}

#[tokio::test]
async fn prompt_login_is_met_only_by_a_sign_in_after_the_request() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser
        .authorize(&[("client_id", "own"), ("prompt", "login")])
        .await;
    assert_eq!(answer.param("reauthenticate").as_deref(), Some("true"));
    // Coming back without having signed in changes nothing.
    let resume = answer.param("return_to").expect("return_to");
    let again = browser.get(&resume).await;
    assert!(again.is_sign_in());
    let answer = sign_in_again(&mut browser, &again, "u1").await;
    assert!(answer.param("code").is_some());
}

#[tokio::test]
async fn a_sign_in_in_the_same_millisecond_as_the_request_is_not_its_answer() {
    let mut browser = Browser::signed_in("u1").await;
    browser.sign_in("u1");
    let answer = browser
        .authorize(&[("client_id", "own"), ("prompt", "login")])
        .await;
    assert!(answer.is_sign_in());
}

#[tokio::test]
async fn max_age_asks_again_when_the_sign_in_is_older() {
    let mut browser = Browser::signed_in("u1").await;
    let own = ("client_id", "own");
    for enough in ["60", "10000", "18446744073709551615"] {
        assert!(
            browser
                .authorize(&[own, ("max_age", enough)])
                .await
                .param("code")
                .is_some()
        );
    }
    for short in ["59", "1", "0"] {
        let answer = browser.authorize(&[own, ("max_age", short)]).await;
        assert_eq!(
            answer.param("reauthenticate").as_deref(),
            Some("true"),
            "{short}"
        );
    }
    // A slow person is not sent round for ever: the new sign-in counts though it is older than max_age by now.
    let answer = browser.authorize(&[own, ("max_age", "1")]).await;
    let resume = answer.param("return_to").expect("return_to");
    browser.house.advance(5);
    browser.sign_in("u1");
    browser.house.advance(10);
    assert!(browser.get(&resume).await.param("code").is_some());
}

#[tokio::test]
async fn prompt_create_offers_registration_and_wants_a_new_sign_in() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser
        .authorize(&[("client_id", "own"), ("prompt", "create")])
        .await;
    assert_eq!(answer.param("create").as_deref(), Some("true"));
    let answer = sign_in_again(&mut browser, &answer, "u2").await;
    assert!(answer.param("code").is_some());
}

#[tokio::test]
async fn select_account_is_met_by_the_page_or_by_a_new_sign_in() {
    let mut browser = Browser::signed_in("u1").await;
    let changes = [("client_id", "own"), ("prompt", "select_account")];
    let page = browser.authorize_and_follow(&changes).await;
    assert!(page.body.contains("id=\"continue\"") && page.body.contains("u1@example.com"));
    let answer = browser.press(&page, "continue").await;
    let answer = browser.follow(answer).await;
    assert!(answer.param("code").is_some());
    // The page is spent.
    assert!(browser.press(&page, "continue").await.is_error_page(400));

    let page = browser.authorize_and_follow(&changes).await;
    let (_, rest) = page.body.split_once("id=\"other\" href=\"").expect("link");
    let other = rest
        .split('"')
        .next()
        .expect("href")
        .replace("&#x2f;", "/")
        .replace("&amp;", "&");
    assert!(other.starts_with("/login?") && other.contains("select_account=true"));
    let resume = browser
        .authorize(&changes)
        .await
        .location()
        .expect("redirect");
    browser.house.advance(5);
    browser.sign_in("u2");
    assert!(browser.get(&resume).await.param("code").is_some());
}

#[tokio::test]
async fn a_chosen_account_is_not_another_that_takes_its_place() {
    let mut browser = Browser::signed_in("u1").await;
    let changes = [("client_id", "own"), ("prompt", "select_account")];
    let page = browser.authorize_and_follow(&changes).await;
    let answer = browser.press(&page, "continue").await;
    // Another session of long ago becomes the present one, without a sign-in.
    let account = crate::provider::SignedInAccount {
        subject: "u2".into(),
        session_id: None,
        auth_time: crate::ground::Timestamp::from_seconds(1_700_000_000),
        signed_in_at: crate::ground::Timestamp::from_seconds(1_700_000_000),
        amr: vec![],
        acr: None,
        display_name: "u2@example.com".into(),
    };
    browser.sign_in_as(account);
    let page = browser.follow(answer).await;
    assert!(page.body.contains("id=\"continue\"") && page.body.contains("u2@example.com"));
}

#[tokio::test]
async fn the_choosers_form_is_checked() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser
        .authorize_and_follow(&[("prompt", "select_account")])
        .await;
    let secret = page.field("interaction");
    let form = [("interaction", secret.as_str()), ("decision", "continue")];
    assert!(
        browser
            .post("/oauth/authorize/account", &form)
            .await
            .is_error_page(403)
    );
    assert!(browser.press(&page, "whatever").await.is_error_page(400));
    // Signed out meanwhile: back to signing in, and nothing is lost.
    browser.sign_out();
    let answer = browser.press(&page, "continue").await;
    assert!(answer.is_sign_in());
    assert!(
        sign_in_again(&mut browser, &answer, "u1")
            .await
            .is_consent()
    );
}

#[tokio::test]
async fn id_token_hint_for_the_present_user_goes_on_and_for_another_does_not() {
    let mut browser = Browser::signed_in("u1").await;
    let hint = browser.id_token("own").await;
    let hinted = [("client_id", "own"), ("id_token_hint", hint.as_str())];
    assert_eq!(silent(&mut browser, &hinted).await, None);
    browser.house.advance(5);
    browser.sign_in("u2");
    browser.house.advance(5);
    assert_eq!(
        silent(&mut browser, &hinted).await.as_deref(),
        Some("login_required")
    );
    let answer = browser.authorize(&hinted).await;
    assert_eq!(answer.param("select_account").as_deref(), Some("true"));
    assert_eq!(answer.param("reauthenticate").as_deref(), Some("true"));
    let answer = sign_in_again(&mut browser, &answer, "u1").await;
    assert!(answer.param("code").is_some());
}

#[tokio::test]
async fn whoever_signs_in_as_another_than_hinted_ends_at_the_client() {
    let mut browser = Browser::signed_in("u1").await;
    let hint = browser.id_token("own").await;
    browser.sign_in("u2");
    browser.house.advance(5);
    let answer = browser
        .authorize(&[("client_id", "own"), ("id_token_hint", &hint)])
        .await;
    let resume = answer.param("return_to").expect("return_to");
    let answer = sign_in_again(&mut browser, &answer, "u3").await;
    assert_eq!(answer.error().as_deref(), Some("login_required"));
    assert!(browser.get(&resume).await.is_error_page(400));
}

#[tokio::test]
async fn claims_can_ask_for_a_subject() {
    let mut browser = Browser::signed_in("u1").await;
    let own = ("client_id", "own");
    let of = |subject: &str| json!({ "id_token": { "sub": { "value": subject } } }).to_string();
    assert_eq!(
        silent(&mut browser, &[own, ("claims", &of("u1"))]).await,
        None
    );
    let error = silent(&mut browser, &[own, ("claims", &of("u2"))]).await;
    assert_eq!(error.as_deref(), Some("login_required"));
    assert!(
        browser
            .authorize(&[own, ("claims", &of("u2"))])
            .await
            .is_sign_in()
    );
}

#[tokio::test]
async fn an_essential_acr_is_met_or_the_request_fails() {
    let mut browser = Browser::signed_in("u1").await;
    let own = ("client_id", "own");
    let of = |acr: &str| {
        json!({ "id_token": { "acr": { "essential": true, "values": [acr] } } }).to_string()
    };
    assert_eq!(
        silent(&mut browser, &[own, ("claims", &of("1"))]).await,
        None
    );
    let error = silent(&mut browser, &[own, ("claims", &of("2"))]).await;
    assert_eq!(error.as_deref(), Some("login_required"));
    let answer = browser.authorize(&[own, ("claims", &of("2"))]).await;
    let answer = sign_in_again(&mut browser, &answer, "u1").await;
    assert_eq!(answer.error().as_deref(), Some("login_required"));
}

#[tokio::test]
async fn requested_claims_stay_with_the_grant() {
    let mut browser = Browser::signed_in("u1").await;
    let claims = r#"{"userinfo":{"email":{"essential":true}}}"#;
    let answer = browser
        .authorize(&[("client_id", "own"), ("claims", claims)])
        .await;
    assert!(answer.param("code").is_some());
    let grants = &browser.house.stores.grants;
    let id = browser.house.events.find(|event| match event {
        crate::services::Event::CodeIssued { grant, .. } => Some(grant.clone()),
        _ => None,
    });
    let grant = grants
        .grant(&id.expect("issued"))
        .await
        .expect("store")
        .expect("grant");
    assert_eq!(
        grant.details["claims"]["userinfo"]["email"]["essential"],
        true
    );
    assert_eq!(grant.details["nonce"], "n-1");
}

#[tokio::test]
async fn pages_keep_the_languages_asked_for() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser.authorize(&[("ui_locales", "fr-CA en")]).await;
    assert_eq!(answer.param("ui_locales").as_deref(), Some("fr-CA en"));
    let answer = browser.authorize(&[("ui_locales", "\"><script>")]).await;
    assert_eq!(answer.param("ui_locales"), None);
}
