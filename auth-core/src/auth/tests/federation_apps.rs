//! Another app signs people in through this house, and they come by another provider: what it asks is asked there, and
//! nobody goes in circles.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::factors::{SharedClock, allow, authorize, exchange_code, exchange_for_id_token};
use crate::auth::Auth;
use crate::ground::{Clock as _, ManualClock, Timestamp};
use crate::login::{Argon2Cost, EmailProof, Login, NewUser, Upstream};
use crate::provider::{NewClient, Provider};
use crate::services::outbound::OutboundPolicy;
use crate::store::MemoryStore;
use crate::testkit::upstream::{FakeClient, FakeClientAuth, FakePerson, FakeProvider};
use crate::testkit::{Answer, Browser};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "seven grey parrots";

struct App {
    auth: Auth,
    clock: SharedClock,
    there: FakeProvider,
}

fn ada() -> FakePerson {
    FakePerson::new("ada-there").email(EMAIL, true)
}

/// Both halves beside a provider; an account with a password.
async fn app(change: impl FnOnce(Upstream) -> Upstream) -> App {
    let start = Timestamp::from_seconds(1_800_000_000);
    let clock = SharedClock(Arc::new(ManualClock::at(start)));
    let there = FakeProvider::start(Arc::new(clock.clone())).await;
    let secret = FakeClientAuth::Post("a secret".to_owned());
    there.register(FakeClient::new("app", secret));
    let corp = Upstream::openid("corp", there.issuer(), "app").secret_in_body("a secret");
    let cost = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };
    let login = Login::default().dangerous_weak_argon2(cost);
    let auth = Auth::builder("https://app.example.com")
        .secret([7; 32])
        .store(MemoryStore::new())
        .clock(clock.clone())
        .prune_every(None)
        .login(login.sign_in_with([change(corp.trust_email())]))
        .provider(Provider::default())
        .outbound(OutboundPolicy::default().dangerous_allow_loopback())
        .build()
        .await
        .expect("app");
    let login = auth.login().expect("login");
    let new = NewUser {
        email: Some(EMAIL.to_owned()),
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let user = login.create_user(new).await.expect("user");
    let proof = EmailProof::SignedInUser;
    let verified = login.verify_email(&user.id, EMAIL, proof).await;
    assert!(verified.expect("store"));
    let client = json!({
        "client_id": "rp", "client_secret": "the secret of the client, long enough",
        "redirect_uris": ["https://rp.example/callback"], "client_name": "The third party",
        "token_endpoint_auth_method": "client_secret_post", "scope": "openid",
    });
    let Value::Object(client) = client else {
        panic!("an object")
    };
    let provider = auth.provider().expect("provider");
    let client = NewClient::from_metadata(client);
    provider.register_client(client).await.expect("client");
    App { auth, clock, there }
}

impl App {
    /// From the app's request to the provider: where it is asked.
    async fn asked_there(&self, browser: &mut Browser, more: &[(&str, &str)]) -> String {
        let page = browser.visit(&authorize(more)).await;
        assert!(page.text.contains("id=\"with_corp\""), "{}", page.text);
        let link = link_to(&page, "/auth/login/with/corp");
        let answer = browser.get(&link).await;
        let url = answer.location().expect("away");
        assert!(url.starts_with(self.there.issuer()), "{url}");
        url
    }

    /// Back from there; where that leads.
    async fn come_back(&self, browser: &mut Browser, url: &str, person: &FakePerson) -> Answer {
        let response = self.there.authorize(url, person).expect("request");
        browser.get(&response.path_and_query()).await
    }
}

fn bob() -> FakePerson {
    FakePerson::new("bob").email("bob@example.com", true)
}

const ESSENTIAL: &str = r#"{"id_token":{"acr":{"essential":true,"value":"2"}}}"#;

/// The app is told that nobody signed in as it asked, and the request is over.
async fn is_told_so(browser: &mut Browser, resume: &str) {
    let answer = browser.get(resume).await;
    let location = answer.location().expect("on");
    assert!(location.starts_with("https://rp.example/"), "{location}");
    let error = answer.location_param("error");
    assert_eq!(error.as_deref(), Some("login_required"));
    assert_eq!(browser.get(resume).await.status, 400, "spent");
}

/// The address of a link of a page that begins like this.
fn link_to(page: &Answer, start: &str) -> String {
    let text = page.text.replace("&#x2f;", "/").replace("&amp;", "&");
    let at = text.find(&format!("href=\"{start}")).expect("link") + "href=\"".len();
    text[at..].split('"').next().expect("end").to_owned()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).expect("URL");
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(own, _)| own == name);
    found.map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn what_an_app_asks_of_the_sign_in_is_asked_of_the_provider_too() {
    let app = app(Upstream::trust_authentication).await;
    let asked = [
        ("max_age", "60"),
        ("acr_values", "urn:example:gold 2"),
        ("login_hint", EMAIL),
    ];
    let mut browser = Browser::new(&app.auth);
    let url = app.asked_there(&mut browser, &asked).await;
    assert_eq!(parameter(&url, "max_age").as_deref(), Some("60"));
    assert_eq!(parameter(&url, "login_hint").as_deref(), Some(EMAIL));
    // The words of this house mean nothing there.
    let acr = parameter(&url, "acr_values");
    assert_eq!(acr.as_deref(), Some("urn:example:gold"));
    assert_eq!(parameter(&url, "prompt"), None);
    // A sign-in there that is older than what was asked is none.
    let now = app.clock.now().seconds();
    let answer = app
        .come_back(&mut browser, &url, &ada().signed_in_at(now - 600))
        .await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    // One that is not goes on to the app, with the time and the strength that the provider says.
    let url = app.asked_there(&mut browser, &asked).await;
    let answer = app
        .come_back(&mut browser, &url, &ada().signed_in_at(now - 30))
        .await;
    let answer = allow(&mut browser, answer).await;
    let claims = exchange_code(&app.auth, &answer).await;
    assert_eq!(claims["auth_time"], now - 30);
    assert_eq!(claims["acr"], "urn:example:gold");
}

#[tokio::test]
async fn prompt_login_of_an_app_asks_the_person_at_the_provider() {
    for (prompt, change) in [
        ("login", Upstream::trust_authentication as fn(_) -> _),
        ("login", |corp| corp),
    ] {
        let app = app(change).await;
        let mut browser = Browser::new(&app.auth);
        let url = app.asked_there(&mut browser, &[("prompt", prompt)]).await;
        assert_eq!(parameter(&url, "prompt").as_deref(), Some("login"));
        let url = app.asked_there(&mut browser, &[]).await;
        assert_eq!(parameter(&url, "prompt"), None);
    }
}

#[tokio::test]
async fn the_request_of_another_browser_asks_nothing() {
    let app = app(Upstream::trust_authentication).await;
    let mut browser = Browser::new(&app.auth);
    let page = browser.visit(&authorize(&[("max_age", "60")])).await;
    let link = link_to(&page, "/auth/login/with/corp");
    let answer = Browser::new(&app.auth).get(&link).await;
    let url = answer.location().expect("away");
    assert_eq!(parameter(&url, "max_age"), None);
}

#[tokio::test]
async fn who_comes_by_a_provider_that_proves_no_time_confirms_here_and_goes_on() {
    for asked in [
        vec![("max_age", "60")],
        vec![("max_age", "0")],
        vec![("prompt", "login")],
        vec![("prompt", "login select_account")],
    ] {
        let app = app(|corp| corp).await;
        app.clock.0.advance(Duration::from_mins(20));
        let mut browser = Browser::new(&app.auth);
        let url = app.asked_there(&mut browser, &asked).await;
        let answer = app.come_back(&mut browser, &url, &ada()).await;
        // Signed in, and not recently: the password of here is what proves it.
        let step_up = answer.location().expect("on");
        assert!(step_up.starts_with("/auth/step-up?"), "{asked:?} {step_up}");
        let page = browser.get(&step_up).await;
        assert!(page.text.contains("id=\"password\""), "{}", page.text);
        // Who goes on without is led to confirm, and not round.
        let resume = answer.location_param("return_to").expect("way back");
        let without = browser.get(&resume).await;
        let location = without.location().expect("on");
        assert!(location.starts_with("/auth/"), "no code: {location}");
        let answer = browser.submit(&page, &[("password", PASSWORD)]).await;
        let answer = allow(&mut browser, answer).await;
        let claims = exchange_code(&app.auth, &answer).await;
        let now = app.clock.now().seconds();
        assert_eq!(claims["auth_time"], now, "{asked:?}");
    }
}

#[tokio::test]
async fn an_app_that_asks_no_time_asks_for_nothing_more() {
    let app = app(|corp| corp).await;
    app.clock.0.advance(Duration::from_mins(20));
    let mut browser = Browser::new(&app.auth);
    let url = app.asked_there(&mut browser, &[]).await;
    let answer = app.come_back(&mut browser, &url, &ada()).await;
    let answer = allow(&mut browser, answer).await;
    let claims = exchange_code(&app.auth, &answer).await;
    let before = app.clock.now().seconds() - 1_200;
    assert_eq!(claims["auth_time"], before, "as old as the account");
}

#[tokio::test]
async fn who_has_nothing_here_is_not_asked_twice() {
    let app = app(|corp| corp).await;
    let mut browser = Browser::new(&app.auth);
    for _ in 0..2 {
        app.clock.0.advance(Duration::from_mins(20));
        let url = app
            .asked_there(&mut browser, &[("prompt", "login select_account")])
            .await;
        let answer = app.come_back(&mut browser, &url, &bob()).await;
        let answer = allow(&mut browser, answer).await;
        let claims = exchange_code(&app.auth, &answer).await;
        assert_eq!(claims["auth_time"], app.clock.now().seconds());
    }
}

#[tokio::test]
async fn a_wish_that_a_provider_does_not_meet_bounces_nobody() {
    for acr in ["2", "urn:example:gold"] {
        let app = app(|corp| corp).await;
        app.clock.0.advance(Duration::from_mins(20));
        let mut browser = Browser::new(&app.auth);
        let asked = [("acr_values", acr)];
        let url = app.asked_there(&mut browser, &asked).await;
        let answer = app.come_back(&mut browser, &url, &ada()).await;
        let resume = answer.location().expect("on");
        assert!(resume.starts_with("/oauth/authorize/resume?"), "{resume}");
        let page = browser.get(&resume).await;
        assert_eq!(page.location(), None, "the password may be forgotten");
        let answer = allow(&mut browser, page).await;
        let claims = exchange_code(&app.auth, &answer).await;
        assert_eq!(claims["acr"], "1");
        // Nor where the session of before goes on.
        app.clock.0.advance(Duration::from_mins(20));
        let answer = browser.get(&authorize(&asked)).await;
        let resume = answer.location_param("return_to").expect("asked once");
        let back = [
            ("return_to", Some(resume.as_str())),
            ("remember", Some("1")),
        ];
        let link = crate::web::with_query("/auth/login/with/corp", &back);
        let url = browser.get(&link).await.location().expect("away");
        let answer = app.come_back(&mut browser, &url, &ada()).await;
        let answer = browser.get(&answer.location().expect("on")).await;
        assert!(answer.location_param("code").is_some(), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_essential_and_not_met_is_asked_for_here_once_and_then_told_the_app() {
    let app = app(|corp| corp).await;
    app.clock.0.advance(Duration::from_mins(20));
    let mut browser = Browser::new(&app.auth);
    let asked = [("claims", ESSENTIAL)];
    let url = app.asked_there(&mut browser, &asked).await;
    let answer = app.come_back(&mut browser, &url, &ada()).await;
    let answer = browser.get(&answer.location().expect("on")).await;
    let step_up = answer.location().expect("on");
    assert!(step_up.starts_with("/auth/step-up?"), "{step_up}");
    assert_eq!(
        answer.location_param("factor").as_deref(),
        Some("second"),
        "{step_up}"
    );
    let resume = answer.location_param("return_to").expect("way back");
    is_told_so(&mut browser, &resume).await;
}

#[tokio::test]
async fn whoever_comes_as_another_than_hinted_ends_at_the_app() {
    let app = app(|corp| corp).await;
    let mut browser = Browser::new(&app.auth);
    let url = app.asked_there(&mut browser, &[]).await;
    let answer = app.come_back(&mut browser, &url, &bob()).await;
    let answer = allow(&mut browser, answer).await;
    let hint = exchange_for_id_token(&app.auth, &answer).await;
    app.clock.0.advance(Duration::from_mins(20));
    let mut browser = Browser::new(&app.auth);
    let asked = [("id_token_hint", hint.as_str())];
    let url = app.asked_there(&mut browser, &asked).await;
    let answer = app.come_back(&mut browser, &url, &ada()).await;
    is_told_so(&mut browser, &answer.location().expect("on")).await;
    // And the one who is meant goes on.
    let mut browser = Browser::new(&app.auth);
    let url = app.asked_there(&mut browser, &asked).await;
    let answer = app.come_back(&mut browser, &url, &bob()).await;
    allow(&mut browser, answer).await;
}

#[tokio::test]
async fn an_old_time_that_nothing_here_can_renew_is_asked_for_anew_once() {
    for asked in [
        vec![("prompt", "login")],
        vec![("prompt", "login select_account")],
        vec![("prompt", "create")],
        vec![("max_age", "0")],
        vec![("max_age", "60")],
    ] {
        for is_asked_at_last in [false, true] {
            let app = app(|corp| corp).await;
            let mut browser = Browser::new(&app.auth);
            app.clock.0.advance(Duration::from_hours(2));
            let old = app.clock.now().seconds() - 3_600;
            let stale = || bob().signed_in_at(old);
            let url = app.asked_there(&mut browser, &asked).await;
            let answer = app.come_back(&mut browser, &url, &stale()).await;
            let resume = answer.location().expect("on");
            assert!(resume.starts_with("/oauth/authorize/resume?"), "{resume}");
            // Led on to confirm, where there is nothing but to sign in once more.
            let page = browser.visit(&resume).await;
            let again = link_to(&page, "/auth/login?");
            let page = browser.visit(&again).await;
            let link = link_to(&page, "/auth/login/with/corp");
            let url = browser.get(&link).await.location().expect("away");
            assert_eq!(parameter(&url, "prompt").as_deref(), Some("login"));
            let person = if is_asked_at_last { bob() } else { stale() };
            let answer = app.come_back(&mut browser, &url, &person).await;
            let resume = answer.location().expect("on");
            if is_asked_at_last {
                let answer = allow(&mut browser, answer).await;
                let claims = exchange_code(&app.auth, &answer).await;
                assert_eq!(claims["auth_time"], app.clock.now().seconds());
            } else {
                is_told_so(&mut browser, &resume).await;
            }
        }
    }
}

#[tokio::test]
async fn who_does_not_confirm_what_is_asked_ends_at_the_app_and_not_in_a_round() {
    for asked in [("max_age", "60"), ("prompt", "login")] {
        let app = app(|corp| corp).await;
        app.clock.0.advance(Duration::from_mins(20));
        let mut browser = Browser::new(&app.auth);
        let url = app.asked_there(&mut browser, &[asked]).await;
        let answer = app.come_back(&mut browser, &url, &ada()).await;
        let resume = answer.location_param("return_to").expect("way back");
        let answer = browser.get(&resume).await;
        let resume = answer.location_param("return_to").expect("asked once more");
        is_told_so(&mut browser, &resume).await;
        // To say so without having signed in helps nobody, and harms nobody.
        app.clock.0.advance(Duration::from_secs(5));
        let answer = browser.get(&authorize(&[("prompt", "login")])).await;
        let resume = answer.location_param("return_to").expect("way back");
        let answer = browser.get(&format!("{resume}&confirm=1")).await;
        let location = answer.location().expect("on");
        assert!(location.starts_with("/auth/"), "{location}");
    }
}
