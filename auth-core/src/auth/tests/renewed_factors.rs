//! What a step-up says anew of several factors, to guards and to other apps.

use std::time::Duration;

use serde_json::json;

use super::factors::{App, allow, app, authorize, post};
use crate::auth::{Guard, Otherwise};
use crate::ground::Clock as _;
use crate::testkit::Browser;

/// A browser signed in by password and code, two minutes ago.
async fn strongly(app: &App) -> Browser {
    let mut browser = app.weakly().await;
    let body = json!({ "code": app.code() });
    let answer = post(&mut browser, "/auth/step-up", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    app.clock.0.advance(Duration::from_mins(2));
    browser
}

fn given_now() -> Guard {
    Guard::RecentSignIn(Some(Duration::from_mins(1)), Otherwise::SignIn)
}

#[tokio::test]
async fn another_app_that_wants_two_factors_anew_gets_no_password_for_them() {
    let app = app().await;
    for more in [
        vec![("prompt", "login"), ("acr_values", "2")],
        vec![("max_age", "60"), ("acr_values", "2")],
        vec![("prompt", "login")],
        vec![("max_age", "60")],
    ] {
        let mut browser = strongly(&app).await;
        let answer = browser.get(&authorize(&more)).await;
        let page = browser.visit(&answer.location().expect("location")).await;
        assert!(page.text.contains("id=\"code\""), "{}", page.text);
        assert!(!page.text.contains("id=\"password\""), "{}", page.text);
        let password = json!({ "password": "seven grey parrots" });
        for path in ["/auth/step-up?factor=second", "/auth/step-up"] {
            let answer = post(&mut browser, path, &password).await;
            assert_eq!(answer.status, 403, "{}", answer.text);
        }
        let mut parts = App::parts(&browser, "text/html");
        let answer = app.admits(&given_now(), &mut parts).await;
        assert!(answer.starts_with("/auth/login"), "{answer}");
        let answer = browser.get(&authorize(&more)).await;
        let location = answer.location().expect("location");
        assert!(location.starts_with("/auth/"), "no code: {location}");

        let (code, now) = (app.code(), app.clock.now());
        let page = browser.visit(&location).await;
        let answer = browser.submit(&page, &[("code", &code)]).await;
        let answer = allow(&mut browser, answer).await;
        let claims = app.id_token(&answer).await;
        assert_eq!(claims["acr"], "2", "{more:?}");
        assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]), "{more:?}");
        assert_eq!(claims["auth_time"], now.seconds(), "{more:?}");
    }
}

#[tokio::test]
async fn the_guard_of_several_factors_counts_none_that_the_password_renewed() {
    let app = app().await;
    let mut browser = strongly(&app).await;
    let several = Guard::MultiFactor(Otherwise::SignIn);
    let mut parts = App::parts(&browser, "text/html");
    assert_eq!(app.admits(&several, &mut parts).await, "passes");
    let answer = post(&mut browser, "/auth/account/two-factor/remove", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Now that there is no other, the password is what is asked for, and what is said.
    let password = json!({ "password": "seven grey parrots" });
    let answer = post(&mut browser, "/auth/step-up", &password).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut parts = App::parts(&browser, "text/html");
    assert_eq!(app.admits(&given_now(), &mut parts).await, "passes");
    let mut parts = App::parts(&browser, "text/html");
    let answer = app.admits(&several, &mut parts).await;
    assert_eq!(answer, "/auth/step-up?return_to=%2Fhost&factor=second");
    let answer = browser.get(&authorize(&[])).await;
    let answer = allow(&mut browser, answer).await;
    let claims = app.id_token(&answer).await;
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("1"), &json!(["pwd"]))
    );
}
