//! `POST /auth/password-strength`: how early a password would be guessed, and what would make it better.
//!
//! For a page's own meter, before anything is sent off. Nothing is kept, and nobody is asked whether there is an account.
//! It costs what judging a password at registration does, so it is counted by address and waits for the same permits.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::LoginWing;
use super::attempt::refusal;
use super::password::{Password, Personal};
use crate::store::ThrottlePolicy;
use crate::web::{Exchange, Problem, Response, json as json_response, throttle_bucket};

const FORM: &str = "password_strength";
const ASKED: &str = "password_strength_address";

/// A meter asks while somebody types.
const PER_ADDRESS: ThrottlePolicy = ThrottlePolicy {
    limit: 60,
    window: Duration::from_mins(1),
    lock: Duration::from_mins(1),
    max_lock: Duration::from_mins(10),
};

impl LoginWing {
    /// `POST`: `password`, and what is known of the person: `email`, `username`, `name`.
    pub(super) async fn password_strength(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        let (throttles, bucket) = (&self.core.throttles, throttle_bucket(exchange.address));
        let locked = throttles
            .attempt(ASKED, &bucket, &PER_ADDRESS, exchange.now)
            .await?;
        if let Some(locked) = locked {
            return Err(refusal(locked, exchange.now));
        }
        let password = Password::from(body.get("password").unwrap_or_default());
        let personal = || Personal::new(body.get("email"), body.get("username"), body.get("name"));
        let refused = self.hashers.judge(&password, personal()).await?.err();
        let strength = self.hashers.strength(&password, personal()).await?;
        let advice = strength.advice.into_iter();
        let advice: Vec<_> = advice
            .map(|(code, text)| json!({ "code": code, "text": text }))
            .collect();
        let refused = refused.map_or(
            Value::Null,
            |refused| json!({ "code": refused.code(), "text": refused.to_string() }),
        );
        let answer = json!({
            "score": strength.score,
            "acceptable": refused.is_null(),
            "refused": refused,
            "advice": advice,
        });
        Ok(json_response(StatusCode::OK, &answer))
    }
}
