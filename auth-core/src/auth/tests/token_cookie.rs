//! The access token in the host's cookie.

use std::sync::atomic::Ordering::SeqCst;

use super::house::{COOKIE, House, KEY, ask, build_with, refusal};
use crate::auth::BuildError;
use crate::resource::Resource;

async fn token_of(house: &House, method: &str, headers: &[(&str, &str)]) -> String {
    let mut parts = ask(method, headers);
    match house.auth.optional_access_token(&mut parts).await {
        Ok(Some(token)) => token.client_id().to_owned(),
        Ok(None) => "no token".to_owned(),
        Err(response) => refusal(&response),
    }
}

#[tokio::test]
async fn it_is_read_where_no_header_has_a_credential() {
    let house = House::new().await;
    let cookie = house.token_cookie();
    let among = format!("a=\u{e4}; {cookie}; b={COOKIE}=x");
    for value in [&*cookie, &among] {
        let found = token_of(&house, "GET", &[("cookie", value)]).await;
        assert_eq!(found, "machine");
        let mut parts = ask("GET", &[("cookie", value)]);
        assert_eq!(house.caller(&mut parts).await, "machine");
    }
    let elsewhere = format!("other={}", house.token);
    let empty = format!("{COOKIE}=");
    for none in [&*elsewhere, &empty, "", COOKIE] {
        let found = token_of(&house, "GET", &[("cookie", none)]).await;
        assert_eq!(found, "no token", "{none}");
    }
    // Another scheme is no attempt to use a token.
    let basic = [("cookie", &*cookie), ("authorization", "Basic YTpi")];
    assert_eq!(token_of(&house, "GET", &basic).await, "machine");
}

#[tokio::test]
async fn a_header_comes_first_good_or_bad() {
    let house = House::new().await;
    let bad_cookie = format!("{COOKIE}=a.b.c");
    let bearer = house.bearer();
    let headers = [("cookie", &*bad_cookie), ("authorization", &*bearer)];
    assert_eq!(token_of(&house, "GET", &headers).await, "machine");
    let cookie = house.token_cookie();
    let headers = [("cookie", &*cookie), ("authorization", "Bearer a.b.c")];
    let refused = token_of(&house, "GET", &headers).await;
    assert_eq!(refused, "401 invalid_token");
    // A key is no token, and does not give way to one either.
    let headers = [("cookie", &*cookie), ("x-api-key", KEY)];
    assert_eq!(token_of(&house, "GET", &headers).await, "no token");
}

#[tokio::test]
async fn a_bad_one_is_refused() {
    let house = House::new().await;
    let cookie = house.token_cookie();
    let twice = format!("{cookie}; {cookie}");
    let bent = format!("{cookie}x");
    let nonsense = format!("{COOKIE}=\"\u{e4}\"");
    for bad in [&*twice, &bent, &nonsense] {
        for method in ["GET", "POST"] {
            let headers = [("cookie", bad), ("sec-fetch-site", "same-origin")];
            let refused = token_of(&house, method, &headers).await;
            assert_eq!(refused, "401 invalid_token", "{bad}");
            let refused = house.caller(&mut ask(method, &headers)).await;
            assert_eq!(refused, "401 invalid_token", "{bad}");
        }
    }
}

#[tokio::test]
async fn threat_36_it_changes_nothing_for_another_site() {
    let house = House::new().await;
    let cookie = ("cookie", &*house.token_cookie());
    for sent_by in [
        ("accept", "*/*"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
    ] {
        let refused = token_of(&house, "POST", &[cookie, sent_by]).await;
        assert_eq!(refused, "403 cross_site_request", "{sent_by:?}");
        let refused = house.caller(&mut ask("DELETE", &[cookie, sent_by])).await;
        assert_eq!(refused, "403 cross_site_request", "{sent_by:?}");
        assert_eq!(token_of(&house, "GET", &[cookie, sent_by]).await, "machine");
    }
    let here = ("sec-fetch-site", "same-origin");
    assert_eq!(token_of(&house, "POST", &[cookie, here]).await, "machine");
}

#[tokio::test]
async fn a_session_comes_before_it() {
    let house = House::new().await;
    let cookies = format!("{}; {}", house.token_cookie(), house.session);
    let mut parts = ask("GET", &[("cookie", &cookies)]);
    assert_eq!(house.caller(&mut parts).await, house.user);
    // A session that is no more does not hide it.
    let login = house.auth.login().unwrap();
    login
        .revoke_sessions(&house.user.as_str().into())
        .await
        .unwrap();
    let mut parts = ask("GET", &[("cookie", &cookies)]);
    assert_eq!(house.caller(&mut parts).await, "machine");
    assert_eq!(house.loader.asked.load(SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_no_cookie_can_have_does_not_build() {
    let with = |name: &str| {
        let resource = Resource::default().issuer("https://issuer.example", "urn:api");
        build_with(resource.token_cookie(name))
    };
    for name in [
        "",
        "a b",
        "a=b",
        "a;b",
        "a,b",
        "t\u{f6}ken",
        "a\n",
        "\"a\"",
        "__Host-auth_session",
        "auth_browser",
    ] {
        let error = with(name).await.unwrap_err();
        let BuildError::Resource(error) = error else {
            panic!("{name:?}: {error}")
        };
        assert_eq!(error.setting, "token_cookie", "{name:?}");
    }
    with("__Host-token").await.unwrap();
}
