//! Throttles and lockout.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;

use super::harness::*;
use crate::login::{IdentifierKind, NewUser};
use crate::services::Event;
use crate::store::ThrottlePolicy;

fn addresses_unlimited() -> crate::login::Login {
    settings().address_throttle(ThrottlePolicy {
        limit: 1_000_000,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    })
}

#[tokio::test]
async fn threat_46_known_and_unknown_accounts_lock_alike() {
    let house = House::with(addresses_unlimited());
    let ada = house.account(ADA).await;
    let mut seen = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            let answer = house.browser().sign_in(email, OTHER_PASSWORD).await;
            statuses.push((answer.status, answer.headers.get("retry-after").cloned()));
        }
        // The right password does not help, nor another spelling.
        let before = house.hashes();
        let answer = house
            .browser()
            .sign_in(&email.to_uppercase(), PASSWORD)
            .await;
        statuses.push((answer.status, answer.headers.get("retry-after").cloned()));
        assert_eq!(
            house.hashes(),
            before,
            "nothing is hashed for a locked account"
        );
        assert_eq!(statuses[4].0, StatusCode::UNAUTHORIZED);
        assert_eq!(statuses[5].0, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(statuses[5].1.as_ref().expect("header"), "900");
        let body = answer.body;
        seen.push((statuses, body));
    }
    assert_eq!(seen[0], seen[1]);
    let locked: Vec<_> = house
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::LockedOut { user, .. } => Some(user),
            _ => None,
        })
        .collect();
    assert_eq!(locked, [Some(ada.id), None], "told once for each");
}

#[tokio::test]
async fn locks_double_end_by_themselves_and_by_an_operator() {
    let house = House::with(addresses_unlimited());
    house.account(ADA).await;
    for minutes in [15_u64, 30, 60] {
        for _ in 0..5 {
            let answer = house.browser().sign_in(ADA, OTHER_PASSWORD).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers["retry-after"], (minutes * 60).to_string());
        house.clock.advance(Duration::from_secs(minutes * 60));
    }
    for _ in 0..6 {
        house.browser().sign_in(ADA, OTHER_PASSWORD).await;
    }
    house
        .wing
        .unlock("ADA@example.com")
        .await
        .expect("unlocked");
    assert_eq!(
        house.browser().sign_in(ADA, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn success_forgets_the_failures_before_it() {
    let house = House::with(addresses_unlimited());
    house.account(ADA).await;
    for _ in 0..3 {
        for _ in 0..4 {
            house.browser().sign_in(ADA, OTHER_PASSWORD).await;
        }
        house.signed_in(ADA).await;
    }
}

#[tokio::test]
async fn an_account_has_one_counter_whichever_of_its_names_is_typed() {
    let house = House::with(addresses_unlimited().identifiers(IdentifierKind::Either));
    let new = NewUser {
        email: Some(ADA.to_owned()),
        username: Some("ada".to_owned()),
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let ada = house.wing.create_user(new).await.expect("account");
    let guess = async |name: &str| house.browser().sign_in(name, OTHER_PASSWORD).await.status;
    let names = [ADA, "ada", ADA, "ada"];
    // The right one by either name forgets what was guessed by both.
    for name in [ADA, "ada"] {
        for guessed in names {
            assert_eq!(guess(guessed).await, StatusCode::UNAUTHORIZED);
        }
        let answer = house.browser().sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}");
    }
    // So does whoever unlocks by either.
    for unlocked in [ADA, "ada"] {
        for name in names.into_iter().chain([ADA]) {
            assert_eq!(guess(name).await, StatusCode::UNAUTHORIZED, "{name}");
        }
        for name in [ADA, "ada"] {
            let answer = house.browser().sign_in(name, PASSWORD).await;
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{name}");
        }
        house.wing.unlock(unlocked).await.expect("unlocked");
        for name in [ADA, "ada"] {
            let answer = house.browser().sign_in(name, PASSWORD).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}");
        }
    }
    let locked = house.events().into_iter().filter(
        |event| matches!(event, Event::LockedOut { user, .. } if user.as_ref() == Some(&ada.id)),
    );
    assert_eq!(locked.count(), 2, "told once each time");
    // Nobody's name is counted and unlocked like somebody's.
    for _ in 0..5 {
        assert_eq!(guess("nobody").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(guess("nobody").await, StatusCode::TOO_MANY_REQUESTS);
    house.wing.unlock("nobody").await.expect("unlocked");
    assert_eq!(guess("nobody").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn threat_13_success_with_the_password_clears_no_other_counter() {
    let house = House::new();
    house.account(ADA).await;
    let policy = ThrottlePolicy {
        limit: 1,
        window: Duration::from_mins(15),
        lock: Duration::from_mins(15),
        max_lock: Duration::from_mins(15),
    };
    let now = house.core.clock.now();
    let whom = format!("email:{ADA}");
    for what in ["totp", "sign_in_address"] {
        for _ in 0..2 {
            let throttles = &house.core.throttles;
            throttles
                .attempt(what, &whom, &policy, now)
                .await
                .expect("store");
        }
    }
    house.signed_in(ADA).await;
    for what in ["totp", "sign_in_address"] {
        let locked = house
            .core
            .throttles
            .attempt(what, &whom, &policy, now)
            .await;
        assert!(locked.expect("store").is_some(), "{what}");
    }
}

#[tokio::test]
async fn threat_13_success_does_not_clear_the_address() {
    let house = House::new();
    house.account(ADA).await;
    // An attacker with an account of their own resets nothing by signing in to it between guesses.
    for round in 0..10 {
        house.signed_in(ADA).await;
        let email = format!("user{round}@example.com");
        let answer = house.browser().sign_in(&email, OTHER_PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{round}");
    }
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn threat_04_one_address_tries_ten_times_a_minute_and_ipv6_counts_by_64() {
    let house = House::new();
    house.account(ADA).await;
    let at = |address: &str| {
        let mut browser = house.browser();
        browser.address = address.parse().expect("address");
        browser
    };
    for host in 0..10 {
        let mut browser = at(&format!("2001:db8:1:2::{host}"));
        let email = format!("user{host}@example.com");
        let answer = browser.sign_in(&email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let mut browser = at("2001:db8:1:2:ffff::1");
    // Nobody's proxy: what it claims changes nothing.
    let page = browser.get("/auth/login").await;
    browser.extra = vec![("x-forwarded-for", "203.0.113.9".to_owned())];
    let token = form_token(&page.body);
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("form_token", &token),
    ];
    let answer = browser.post("/auth/login", &fields).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(
        at("2001:db8:1:3::1").sign_in(ADA, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    house.clock.advance(Duration::from_mins(1));
    assert_eq!(
        at("2001:db8:1:2::1").sign_in(ADA, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn people_who_sign_in_are_not_held_against_their_address() {
    let house = House::new();
    house.account(ADA).await;
    for _ in 0..25 {
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn threat_47_being_too_busy_is_held_against_nobody() {
    let house = House::new();
    house.account(ADA).await;
    let flood = house.wing.hashers.fill();
    for _ in 0..20 {
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key("retry-after"));
    }
    drop(flood);
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

/// Goes as far with an attempt as it comes without waiting, and hangs up. Whether it waited.
async fn hang_up(house: &House, password: &str) -> bool {
    let mut browser = house.browser();
    let mut attempt = Box::pin(browser.sign_in(ADA, password));
    let polled = poll_fn(|context| Poll::Ready(attempt.as_mut().poll(context))).await;
    drop(attempt);
    // What is taken back is, by now.
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    polled.is_pending()
}

#[tokio::test]
async fn threat_47_a_client_that_goes_before_its_answer_has_nothing_held_against_it() {
    let house = House::with(settings().hashing(1, 64));
    house.account(ADA).await;
    let permit = house.wing.hashers.hold().await.expect("permit");
    for _ in 0..12 {
        assert!(hang_up(&house, PASSWORD).await, "there is a queue");
    }
    drop(permit);
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn threat_47_a_client_that_goes_while_its_password_is_compared_has_had_its_attempt() {
    // Long enough that the answer is not there at once.
    let cost = crate::login::Argon2Cost {
        memory_kib: 4096,
        iterations: 4,
        parallelism: 1,
    };
    for unlimited in [true, false] {
        let settings = if unlimited {
            addresses_unlimited()
        } else {
            settings().account_throttle(ThrottlePolicy {
                limit: 1_000_000,
                window: Duration::from_mins(1),
                lock: Duration::from_mins(1),
                max_lock: Duration::from_mins(1),
            })
        };
        let settings = settings.dangerous_weak_argon2(cost).hashing(1, 64);
        let house = House::with(settings);
        house.account(ADA).await;
        let allowed = if unlimited { 5 } else { 10 };
        for _ in 0..allowed {
            // The one before has done.
            drop(house.wing.hashers.hold().await);
            assert!(hang_up(&house, OTHER_PASSWORD).await, "it takes its time");
        }
        let hashes = house.hashes();
        let answer = house.browser().sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(house.hashes(), hashes);
    }
}

#[tokio::test]
async fn registrations_are_counted_apart_from_sign_ins() {
    let house = House::new();
    for n in 0..10 {
        let answer = house
            .browser()
            .register(&format!("u{n}@example.com"), PASSWORD)
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    let answer = house.browser().register("one@example.com", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        house
            .browser()
            .sign_in("u1@example.com", PASSWORD)
            .await
            .status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn guesses_in_parallel_gain_nothing() {
    let house = House::with(addresses_unlimited());
    house.account(ADA).await;
    let guess = async || {
        let body = serde_json::json!({ "email": ADA, "password": OTHER_PASSWORD });
        let answer = house.browser().post_json("/auth/login", &body).await;
        usize::from(answer.status == StatusCode::UNAUTHORIZED)
    };
    // Polled side by side; each waits for its hash on another thread.
    let first = async { tokio::join!(guess(), guess(), guess(), guess()) };
    let second = async { tokio::join!(guess(), guess(), guess(), guess()) };
    let (first, second) = tokio::join!(first, second);
    let tried = first.0 + first.1 + first.2 + first.3 + second.0 + second.1 + second.2 + second.3;
    assert_eq!(tried, 5);
}
