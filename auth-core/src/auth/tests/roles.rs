//! Guards that ask the host what a person may.

use std::sync::atomic::Ordering::SeqCst;

use super::house::{House, ask};
use crate::auth::{Guard, Otherwise};

fn all(otherwise: Otherwise) -> [Guard; 3] {
    [
        Guard::Organization(otherwise),
        Guard::Role("owner".to_owned(), otherwise),
        Guard::Admin(otherwise),
    ]
}

#[tokio::test]
async fn nobody_is_asked_to_sign_in_and_somebody_without_it_refused() {
    let house = House::new().await;
    let cookie = ("cookie", house.session.as_str());
    for guard in all(Otherwise::SignIn) {
        let nobody = house.auth.admit(&mut ask("GET", &[]), &guard).await;
        let led = nobody.unwrap_err();
        assert_eq!(led.status(), 303, "{guard:?}");
        assert_eq!(led.headers()["location"], "/auth/login?return_to=%2Fhost");
        let api = guard.clone().or_401();
        let nobody = house.admits(api.clone(), &mut ask("GET", &[])).await;
        assert_eq!(nobody, "401 unauthenticated", "{guard:?}");
        for guard in [guard, api] {
            let mut parts = ask("GET", &[cookie]);
            let alice = house.admits(guard.clone(), &mut parts).await;
            assert_eq!(alice, "403 forbidden", "{guard:?}");
            let mut parts = ask("GET", &[cookie, ("accept", "text/html")]);
            let page = house.auth.admit(&mut parts, &guard).await.unwrap_err();
            assert_eq!(page.status(), 403);
            let kind = page.headers()["content-type"].to_str().unwrap();
            assert!(kind.starts_with("text/html"), "{kind}");
        }
    }
}

#[tokio::test]
async fn each_passes_by_its_own_fact() {
    let house = House::new().await;
    let cookie = ("cookie", house.session.as_str());
    let passes = async || {
        let mut passes = Vec::new();
        for guard in all(Otherwise::SignIn) {
            passes.push(house.admits(guard, &mut ask("GET", &[cookie])).await == "passes");
        }
        passes
    };
    let loader = &house.loader;
    assert_eq!(passes().await, [false, false, false]);
    *loader.organization.lock().unwrap() = Some("acme".to_owned());
    assert_eq!(passes().await, [true, false, false]);
    *loader.role.lock().unwrap() = Some("member".to_owned());
    assert_eq!(passes().await, [true, false, false]);
    *loader.role.lock().unwrap() = Some("owner".to_owned());
    assert_eq!(passes().await, [true, true, false]);
    loader.admin.store(true, SeqCst);
    assert_eq!(passes().await, [true, true, true]);
}

#[tokio::test]
async fn the_loader_is_asked_once_per_request() {
    let house = House::new().await;
    house.loader.admin.store(true, SeqCst);
    *house.loader.role.lock().unwrap() = Some("owner".to_owned());
    let mut parts = ask("GET", &[("cookie", &house.session)]);
    for guard in all(Otherwise::SignIn) {
        house.admits(guard, &mut parts).await;
    }
    let signed_in = house.auth.signed_in(&mut parts).await.unwrap().unwrap();
    let scope = house.auth.scope(&mut parts, &signed_in).await.unwrap();
    assert!(scope.admin);
    assert_eq!(house.loader.asked.load(SeqCst), 1);
}

#[tokio::test]
async fn a_loader_that_fails_lets_nobody_pass() {
    let house = House::new().await;
    house.loader.admin.store(true, SeqCst);
    house.loader.broken.store(true, SeqCst);
    let mut parts = ask("GET", &[("cookie", &house.session)]);
    let refused = house
        .admits(Guard::Admin(Otherwise::SignIn), &mut parts)
        .await;
    assert_eq!(refused, "500 server_error");
}

#[tokio::test]
async fn a_form_of_the_hosts_own_comes_from_a_page_of_its_own() {
    let house = House::new().await;
    for (method, sent_by, expected) in [
        ("POST", ("sec-fetch-site", "same-origin"), "passes"),
        (
            "POST",
            ("sec-fetch-site", "cross-site"),
            "403 cross_site_request",
        ),
        ("POST", ("accept", "*/*"), "403 cross_site_request"),
        ("GET", ("sec-fetch-site", "cross-site"), "passes"),
    ] {
        let mut parts = ask(method, &[sent_by]);
        let found = house.admits(Guard::SameOrigin, &mut parts).await;
        assert_eq!(found, expected, "{method} {sent_by:?}");
    }
}
