//! Attacks on links and codes.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::ground::Digest32;
use crate::login::NewUser;
use crate::services::{Event, SignInFailure};
use crate::store::{OneTimeKind, ThrottlePolicy};

#[tokio::test]
async fn threat_06_a_code_is_guessed_five_times_and_then_dead() {
    let generous = ThrottlePolicy {
        limit: 1000,
        window: Duration::from_mins(15),
        lock: Duration::from_mins(15),
        max_lock: Duration::from_mins(15),
    };
    // The account's counter out of the way: the flow has its own.
    let house = House::with(unlimited(mail_settings()).account_throttle(generous));
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    for _ in 0..5 {
        let answer = browser
            .follow(&waiting, &[("code", mail.wrong_code())])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = browser.follow(&waiting, &[("code", &mail.code)]).await;
    assert_eq!(
        answer.status,
        StatusCode::GONE,
        "the right one came too late"
    );
    assert!(house.events().contains(&Event::SignInFailed {
        user: Some(house.account_id(ADA).await),
        reason: SignInFailure::WrongCode,
    }));
    // The link was never guessed at.
    assert_eq!(
        browser.follow(&mail.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_06_brute_force_across_flows_purposes_and_addresses_has_one_counter() {
    let house = House::with(mail_settings());
    let user = house.account(ADA).await;
    let mut statuses = Vec::new();
    for attempt in 0..6_u8 {
        let mut browser = house.browser();
        browser.address = std::net::IpAddr::from([203, 0, 113, attempt]);
        let page = if attempt % 2 == 0 {
            browser.ask_sign_in(ADA).await
        } else {
            browser.sign_in(ADA, PASSWORD).await.location().to_owned()
        };
        let mail = house.mail().await;
        let code = if attempt == 5 {
            mail.code.as_str()
        } else {
            mail.wrong_code()
        };
        let answer = browser.follow(&page, &[("code", code)]).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 422, 429]);
    let is_lock =
        |event: &&Event| matches!(event, Event::LockedOut { user: Some(id), .. } if *id == user.id);
    assert_eq!(house.events().iter().filter(is_lock).count(), 1);
    // For 15 min, then the counter begins anew.
    house.clock.advance(Duration::from_mins(15));
    let mut browser = house.browser();
    let page = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    assert_eq!(
        browser.follow(&page, &[("code", &mail.code)]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_13_a_password_clears_no_codes_and_a_code_no_passwords() {
    let house = House::with(unlimited(mail_settings()));
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    for _ in 0..4 {
        browser
            .follow(&waiting, &[("code", mail.wrong_code())])
            .await;
        house.browser().sign_in(ADA, OTHER_PASSWORD).await;
    }
    // A right password: the codes stay counted.
    house.signed_in(ADA).await;
    house.mails().await;
    let again = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    assert_eq!(
        browser
            .follow(&again, &[("code", mail.wrong_code())])
            .await
            .status
            .as_u16(),
        422
    );
    assert_eq!(
        browser
            .follow(&again, &[("code", &mail.code)])
            .await
            .status
            .as_u16(),
        429
    );
    // A right code: the passwords stay counted.
    house.clock.advance(Duration::from_mins(15));
    for _ in 0..4 {
        house.browser().sign_in(ADA, OTHER_PASSWORD).await;
    }
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    assert_eq!(
        browser
            .follow(&waiting, &[("code", &mail.code)])
            .await
            .status
            .as_u16(),
        303
    );
    assert_eq!(
        house
            .browser()
            .sign_in(ADA, OTHER_PASSWORD)
            .await
            .status
            .as_u16(),
        401
    );
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status.as_u16(),
        429
    );
}

#[tokio::test]
async fn threat_06_guesses_count_by_network_address() {
    let house = House::with(mail_settings());
    let mut statuses = Vec::new();
    for attempt in 0..11 {
        let email = format!("nobody{attempt}@example.com");
        let mut browser = house.browser();
        browser.address = "203.0.113.9".parse().expect("address");
        let page = browser.ask_sign_in(&email).await;
        // The same address guesses; asking is counted apart.
        browser.address = "192.0.2.7".parse().expect("address");
        if attempt == 9 {
            house.clock.advance(Duration::from_secs(1));
        }
        statuses.push(
            browser
                .follow(&page, &[("code", "000000")])
                .await
                .status
                .as_u16(),
        );
        if attempt == 8 {
            house.mails().await;
        }
        if attempt == 9 {
            // Asking has been counted ten times too.
            let mut other = house.browser();
            other.address = "203.0.113.9".parse().expect("address");
            let answer = other.follow("/auth/email", &[("email", ADA)]).await;
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
            break;
        }
    }
    assert_eq!(statuses, [422; 10]);
    let mut browser = house.browser();
    browser.address = "198.51.100.1".parse().expect("address");
    let page = browser.ask_sign_in(BOB).await;
    browser.address = "192.0.2.7".parse().expect("address");
    assert_eq!(
        browser
            .follow(&page, &[("code", "000000")])
            .await
            .status
            .as_u16(),
        429
    );
}

#[tokio::test]
async fn threat_19_a_proof_is_good_for_one_thing() {
    let house = House::with(unlimited(mail_settings()));
    house.verified(ADA).await;
    house.account(BOB).await;
    let mut browser = house.browser();
    browser.ask_sign_in(ADA).await;
    let sign_in = house.mail().await;
    browser.forgot(ADA).await;
    let reset = house.mail().await;
    browser.sign_in(BOB, PASSWORD).await;
    let confirm = house.mail().await;
    let mut ada = house.signed_in(ADA).await;
    house.mails().await;
    let pages = [
        ("/auth/email/code", &sign_in),
        ("/auth/reset", &reset),
        ("/auth/confirm", &confirm),
    ];
    for (own, mail) in pages {
        for path in [
            "/auth/email/code",
            "/auth/reset",
            "/auth/confirm",
            "/auth/unlock",
            "/auth/account/email/confirm",
            "/auth/account/email/stop",
        ] {
            if path == own {
                continue;
            }
            let body =
                json!({ "t": mail.token(), "code": mail.code, "new_password": OTHER_PASSWORD });
            let answer = ada.post_json(path, &body).await;
            assert_eq!(answer.status, StatusCode::GONE, "{own} at {path}");
        }
    }
    // And all are good for their own still.
    assert_eq!(
        browser.follow(&sign_in.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        browser.follow(&confirm.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let set = [("new_password", OTHER_PASSWORD)];
    assert_eq!(
        browser.follow(&reset.path, &set).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_46_unknown_addresses_are_answered_alike_by_every_mail() {
    let house = House::with(unlimited(mail_settings()));
    house.verified(ADA).await;
    let mut seen = Vec::new();
    // The same length, so that pages can be compared as they are.
    for email in [ADA, "odo@example.com"] {
        let mut browser = house.browser();
        browser.get("/auth/login").await;
        let mut statuses = Vec::new();
        let mut bodies = Vec::new();
        for _ in 0..4 {
            let answer = browser.follow("/auth/email", &[("email", email)]).await;
            statuses.push((answer.status.as_u16(), answer.location().len()));
            if let Some((_, flow)) = answer.location().split_once("f=") {
                let shown = browser.get(answer.location()).await;
                let token = form_token(&shown.body);
                bodies.push(
                    shown
                        .body
                        .replace(&token, "T")
                        .replace(flow, "F")
                        .replace(email, "E"),
                );
                let tried = browser.submit(&shown, &[("code", "000000")]).await;
                statuses.push((tried.status.as_u16(), tried.body.len()));
            }
            let answer = browser.forgot(email).await;
            statuses.push((answer.status.as_u16(), answer.location().len()));
        }
        let mails = house.mails().await;
        assert_eq!(mails.len(), 6, "an order each, to somebody or nobody");
        assert!(mails.iter().all(|mail| mail.to.is_some() == (email == ADA)));
        let kinds: Vec<_> = mails.iter().map(|mail| mail.kind).collect();
        seen.push((statuses, bodies, kinds.len()));
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].0.contains(&(303, 45)) || seen[0].0[0].0 == 303);
    assert_eq!(
        seen[0].0.last().expect("statuses").0,
        429,
        "limits are alike too"
    );
}

#[tokio::test]
async fn threat_24_case_is_one_address_and_look_alikes_are_others() {
    let house = House::with(unlimited(mail_settings()));
    house.verified(ADA).await;
    for same in ["ADA@EXAMPLE.COM", " ada@example.com ", "ada@ｅxample.com"] {
        house.browser().ask_sign_in(same).await;
        assert_eq!(house.mail().await.to.as_deref(), Some(ADA), "{same}");
    }
    // One counter for all of them.
    let answer = house
        .browser()
        .follow("/auth/email", &[("email", "Ada@Example.com")])
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    // Cyrillic: another domain, whose owner gets nothing of Ada's; or no address.
    house.browser().ask_sign_in("ada@еxample.com").await;
    assert_eq!(house.mail().await.to, None);
    for none in [
        "аda@example.com",
        "\u{212a}ate@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com,eve@example.com",
    ] {
        let answer = house
            .browser()
            .follow("/auth/email", &[("email", none)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{none:?}");
        let answer = house.browser().forgot(none).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{none:?}");
    }
    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn threat_18_names_and_devices_put_nothing_into_mails() {
    let house = House::with(unlimited(mail_settings()));
    let markup = "<a href='https://evil.example'>You won</a>";
    let mut browser = house.browser();
    let fields = [("email", ADA), ("password", PASSWORD), ("name", markup)];
    let page = browser
        .fill_in("/auth/register", &fields)
        .await
        .location()
        .to_owned();
    let mail = house.mail().await;
    assert!(!mail.facts.to_string().contains("evil"), "{}", mail.facts);
    browser.follow(&page, &[("code", &mail.code)]).await;
    browser.sign_in(ADA, PASSWORD).await;
    let mut other = house.browser();
    other.get("/auth/login").await;
    let token = form_token(&other.get("/auth/login").await.body);
    other.extra = vec![("user-agent", "<b>evil</b> Firefox/1".to_owned())];
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("form_token", &token),
    ];
    other.post("/auth/login", &fields).await;
    let mail = house.mail().await;
    assert_eq!(mail.facts["device"], "Firefox");
    assert!(!mail.facts.to_string().contains("evil"), "{}", mail.facts);
    // Nor does the host that a request names decide where links lead.
    let mut asked = house.browser();
    let token = form_token(&asked.get("/auth/forgot").await.body);
    asked.extra = vec![
        ("host", "evil.example".to_owned()),
        ("x-forwarded-host", "evil.example".to_owned()),
    ];
    asked
        .post("/auth/forgot", &[("email", ADA), ("form_token", &token)])
        .await;
    let url = house.mail().await.facts["url"].to_string();
    assert!(
        url.starts_with("\"https://app.example.com/auth/reset?t="),
        "{url}"
    );
}

#[tokio::test]
async fn threat_50_the_store_holds_neither_link_nor_code() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    house.browser().ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let (flow, secret) = mail.token().split_once('.').expect("token");
    let store = &house.core.stores.one_time;
    let now = house.core.clock.now();
    let key = Digest32::of(flow);
    let value = store
        .peek(OneTimeKind::MailProof, &key, now)
        .await
        .expect("store")
        .expect("kept");
    let holds = |text: &str| {
        value
            .payload
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    for text in [flow, secret, &mail.code, ADA, "sign_in"] {
        assert!(!holds(text), "{text}");
    }
}

#[tokio::test]
async fn threat_36_forms_of_other_sites_and_garbage_do_nothing() {
    let house = House::with(unlimited(mail_settings()));
    let user = house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let paths = [
        "/auth/confirm",
        "/auth/email",
        "/auth/email/code",
        "/auth/forgot",
        "/auth/reset",
        "/auth/account/email",
        "/auth/account/email/confirm",
        "/auth/account/email/stop",
        "/auth/unlock",
    ];
    let long = "A".repeat(100_000);
    for path in paths {
        for (name, value) in [
            ("t", mail.token()),
            ("t", long.as_str()),
            ("t", "."),
            ("t", "\u{0}.\u{0}"),
            ("f", "%"),
            ("f", long.as_str()),
            ("code", "١٢٣٤٥٦"),
            ("email", ADA),
        ] {
            // No token of a form; then from another site, as JSON.
            let answer = browser.post(path, &[(name, value)]).await;
            assert!(matches!(answer.status.as_u16(), 403 | 410), "{path} {name}");
            browser.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
            let answer = browser.post_json(path, &json!({ (name): value })).await;
            assert!(matches!(answer.status.as_u16(), 403 | 410), "{path} {name}");
            let query = [(name, value)];
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(query)
                .finish();
            if query.len() < 60_000 {
                let answer = browser.get(&format!("{path}?{query}")).await;
                assert!(answer.status.as_u16() < 500, "{path} {query}");
            }
        }
        if path == "/auth/account/email" {
            continue;
        }
        let answer = browser.get(&format!("{path}?t=%ff")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert!(house.mails().await.is_empty());
    assert_eq!(house.user(&user).await, user);
    let answer = browser.follow(&mail.path, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "nothing was spent");
}

impl House {
    async fn account_id(&self, email: &str) -> crate::store::UserId {
        let new = NewUser {
            email: Some(email.to_owned()),
            email_verified: true,
            password: Some(PASSWORD.into()),
            ..NewUser::default()
        };
        self.wing.ensure_user(new).await.expect("account").id
    }
}
