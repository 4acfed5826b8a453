//! What a browser holds: forms in several tabs, the cookie.

use http::StatusCode;

use super::harness::*;

#[tokio::test]
async fn two_tabs_sign_in_with_forms_of_their_own() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.browser();
    let first = form_token(&browser.get("/auth/login").await.body);
    let second = form_token(&browser.get("/auth/login").await.body);
    for token in [first, second] {
        let fields = [
            ("email", ADA),
            ("password", PASSWORD),
            ("form_token", &token),
        ];
        let answer = browser.post("/auth/login", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn the_cookie_is_strict_and_lives_as_asked() {
    let house = House::new();
    house.account(ADA).await;
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    let cookie = answer
        .set_cookies()
        .into_iter()
        .find(|c| c.starts_with(SESSION_COOKIE))
        .expect("cookie")
        .to_owned();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{cookie}"
    );
    let fields = [("email", ADA), ("password", PASSWORD), ("remember", "true")];
    let answer = house.browser().fill_in("/auth/login", &fields).await;
    let cookie = answer
        .set_cookies()
        .into_iter()
        .find(|c| c.starts_with(SESSION_COOKIE))
        .expect("cookie")
        .to_owned();
    assert!(cookie.ends_with("; Path=/; Max-Age=5184000"), "{cookie}");
}
