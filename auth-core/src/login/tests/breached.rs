//! Passwords that others have lost.

use std::error::Error;

use async_trait::async_trait;
use http::StatusCode;

use super::harness::*;
use crate::login::{BreachedFilter, BreachedPasswords, NewUser, PasswordDigest, UserError};

fn lost() -> BreachedFilter {
    BreachedFilter::build(format!("{PASSWORD}\n").as_bytes()).expect("filter")
}

#[tokio::test]
async fn a_breached_password_is_chosen_nowhere() {
    let house = House::with(settings().breached_passwords(lost()));
    let mut browser = house.browser();
    let answer = browser.register(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("list of stolen passwords"));

    let new = NewUser {
        email: Some(ADA.to_owned()),
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let refused = house.wing.create_user(new.clone()).await;
    assert!(matches!(refused, Err(UserError::Password(_))));

    let new = NewUser {
        password: Some(OTHER_PASSWORD.into()),
        ..new
    };
    house.wing.create_user(new).await.expect("account");
    let answer = browser.sign_in(ADA, OTHER_PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let answer = browser.change_password(OTHER_PASSWORD, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("list of stolen passwords"));
}

#[tokio::test]
async fn who_has_one_still_signs_in() {
    let house = House::with(settings().breached_passwords(lost()));
    let new = NewUser {
        email: Some(ADA.to_owned()),
        password: Some(PASSWORD.into()),
        enforce_policy: false,
        ..NewUser::default()
    };
    house.wing.create_user(new).await.expect("account");
    house.signed_in(ADA).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_asked_stops_nobody() {
    struct Down;

    #[async_trait]
    impl BreachedPasswords for Down {
        async fn is_breached(
            &self,
            _: PasswordDigest,
        ) -> Result<bool, Box<dyn Error + Send + Sync>> {
            Err("down".into())
        }
    }

    let house = House::with(settings().breached_passwords(Down));
    let answer = house.browser().register(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    // The next list is asked all the same.
    let house = House::with(
        settings()
            .breached_passwords(Down)
            .breached_passwords(lost()),
    );
    let answer = house.browser().register(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}
