//! Signing out is asked for by the person, not by another site.

use http::StatusCode;

use super::harness::*;

#[tokio::test]
async fn threat_55_get_never_signs_out() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for path in [
        "/auth/logout",
        "/auth/logout?return_to=/",
        "/auth/logout?decision=logout",
    ] {
        browser.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("id=\"submit\""));
        assert!(browser.is_signed_in().await);
    }
    // Signed out already: nothing to confirm.
    let answer = house.browser().get("/auth/logout").await;
    assert_eq!(answer.location(), "/auth/signed-out");
}

#[tokio::test]
async fn threat_55_a_cross_site_post_clears_no_cookie() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    // With `SameSite=Lax` the browser leaves our cookies out of it.
    let mut bare = house.browser();
    bare.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    let answer = bare.post("/auth/logout", &[]).await;
    assert_eq!(answer.set_cookies(), Vec::<&str>::new());
    // And one that sends them is refused.
    browser.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    let answer = browser.post("/auth/logout", &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(browser.is_signed_in().await);
}
