//! The states a host has to know: each reached as people reach it.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::Visitor;
use crate::fail::{Outcome as _, fail};
use crate::person::Person;
use crate::sign_in::How;

/// More wrong passwords than any policy lets pass.
const MOST_ATTEMPTS: usize = 1000;

impl Person {
    /// Gave the right password, and has not confirmed the address: where the host requires that, led to the page that
    /// asks for the code of a mail, and signed in nowhere.
    pub async fn unconfirmed(&self) -> Visitor {
        let user = self.user().await.or_fail("the account is gone");
        if user.email_verified_at.is_some() {
            fail("the address is confirmed: register the person without .confirmed()");
        }
        let mut visitor = self.device();
        let answer = self.give_password(&mut visitor).await;
        self.expect(&answer, StatusCode::OK);
        visitor
    }

    /// Gave the right password, and is asked for a second factor.
    pub async fn mfa_pending(&self) -> Visitor {
        let mut visitor = self.device();
        let answer = self.give_password(&mut visitor).await;
        self.expect(&answer, StatusCode::OK);
        if answer.json()["second_factor"].is_null() {
            fail("nobody asked for a second factor: register the person .with_totp()");
        }
        visitor
    }

    /// Signed in just now, by whatever the person has: password and app, else the passkey, else the password. Where the
    /// host requires a second factor and there is none, an app is set up on the way.
    pub async fn signed_in(&self) -> Visitor {
        self.enter(How::default()).await
    }

    /// Signed in, and stays signed in: without an idle end.
    pub async fn remembered(&self) -> Visitor {
        let how = How {
            remember: true,
            ..How::default()
        };
        self.enter(how).await
    }

    /// Signed in as an app without cookies: the session's token goes into the `Authorization` header.
    pub async fn bearer(&self) -> Visitor {
        let how = How {
            bearer: true,
            ..How::default()
        };
        self.enter(how).await
    }

    /// Signed in, and proved again since who they are.
    pub async fn stepped_up(&self) -> Visitor {
        let mut visitor = self.signed_in().await;
        self.step_up(&mut visitor).await;
        visitor
    }

    /// Signed in, too long ago for what asks for a recent sign-in. Moves the kit's clock on, for everybody.
    pub async fn stale(&self) -> Visitor {
        // A session that is not remembered might be over by then.
        let visitor = self.remembered().await;
        let recency = self.wing().recency();
        self.kit().advance(recency + Duration::from_secs(1));
        visitor
    }

    /// Locked out by somebody who guessed at the password: also the right one opens nothing, for a while.
    pub async fn locked(&self) -> Visitor {
        let wrong = self.credentials("not the password of this person");
        let path = self.wing().path("/login");
        for _ in 0..MOST_ATTEMPTS {
            // From everywhere, so that it is the account that is locked and no address.
            let answer = self.device().post(&path, &wrong).await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                return self.device();
            }
            self.expect(&answer, StatusCode::UNAUTHORIZED);
        }
        fail("the host locks no account, however many passwords are guessed")
    }

    /// Was signed in when the account was disabled.
    pub async fn disabled(&self) -> Visitor {
        let visitor = self.signed_in().await;
        let disabled = self.wing().disable_user(self.id()).await;
        disabled.or_fail("disabling the account");
        visitor
    }

    /// Signed in, and has asked for the end of the account: it comes once the host's time of grace is over. Where the host
    /// has no such page, the operator has.
    pub async fn deletion_scheduled(&self) -> Visitor {
        let mut visitor = self.signed_in().await;
        let path = self.wing().path("/account/delete");
        let answer = visitor.post(&path, &json!({})).await;
        if answer.status == StatusCode::NOT_FOUND {
            let scheduled = self.wing().schedule_deletion(self.id()).await;
            scheduled.or_fail("scheduling the end of the account");
        } else {
            self.expect(&answer, StatusCode::OK);
        }
        visitor
    }

    fn expect(&self, answer: &auth_core::testkit::Answer, status: StatusCode) {
        if answer.status != status {
            fail(format_args!(
                "{}: {} was expected, and the answer was {}: {}",
                self.identifier(),
                status,
                answer.status,
                answer.text
            ));
        }
    }
}
