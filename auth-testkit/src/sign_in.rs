//! Signing in, by the endpoints people use.

use auth_core::testkit::Answer;
use serde_json::{Value, json};

use crate::Visitor;
use crate::fail::{Outcome as _, fail};
use crate::person::{Enrolled, Person};

/// What is asked for besides.
#[derive(Clone, Copy, Default)]
pub(crate) struct How {
    /// Stay signed in.
    pub(crate) remember: bool,
    /// A token in place of a cookie.
    pub(crate) bearer: bool,
}

impl How {
    fn ask(self, mut body: Value) -> Value {
        if self.remember {
            body["remember"] = true.into();
        }
        if self.bearer {
            body["session"] = "bearer".into();
        }
        body
    }
}

impl Person {
    /// Gives the person's password at the sign-in endpoint, and returns whatever it answers.
    pub async fn give_password(&self, visitor: &mut Visitor) -> Answer {
        let body = self.credentials(self.password());
        visitor.post(&self.wing().path("/login"), &body).await
    }

    /// Signs in with the passkey, from an empty form, and returns whatever the endpoint answers.
    #[cfg(feature = "passkeys")]
    pub async fn give_passkey(&self, visitor: &mut Visitor) -> Answer {
        let (path, body) = self.passkey_answer(visitor, How::default()).await;
        visitor.post(&path, &body).await
    }

    /// Proves again who the person is, by the strongest they have: app, passkey or password. The session of `visitor` is
    /// recent from then on.
    pub async fn step_up(&self, visitor: &mut Visitor) {
        let what = format!("step-up of {}", self.identifier());
        let path = self.wing().path("/step-up");
        if self.app().is_some() {
            let body = json!({ "code": self.totp_code() });
            visitor.must_post(&path, &body, &what).await;
        } else if self.has_passkey() {
            #[cfg(feature = "passkeys")]
            self.answer_ceremony(visitor, &format!("{path}/passkey"), &what)
                .await;
        } else {
            let body = json!({ "password": self.password() });
            visitor.must_post(&path, &body, &what).await;
        }
    }

    pub(crate) fn credentials(&self, password: &str) -> Value {
        let field = if self.is_by_email() {
            "email"
        } else {
            "username"
        };
        json!({ field: self.identifier(), "password": password })
    }

    /// From nothing to a session, by whatever the person has.
    pub(crate) async fn enter(&self, how: How) -> Visitor {
        let mut visitor = self.device();
        #[cfg(feature = "passkeys")]
        if self.app().is_none() && self.has_passkey() {
            let what = format!("signing {} in with the passkey", self.identifier());
            let (path, body) = self.passkey_answer(&mut visitor, how).await;
            visitor.must_post(&path, &body, &what).await;
            return visitor;
        }
        self.enter_by_password(&mut visitor, how).await;
        visitor
    }

    pub(crate) async fn enter_by_password(&self, visitor: &mut Visitor, how: How) {
        let what = format!("signing {} in", self.identifier());
        let body = how.ask(self.credentials(self.password()));
        let path = self.wing().path("/login");
        let answer = visitor.must_post(&path, &body, &what).await;
        if answer["confirmation_required"] == true {
            fail(format_args!(
                "{what}: the address must be confirmed first; register the person .confirmed()"
            ));
        }
        let (second, pending) = (&answer["second_factor"], &answer["pending"]);
        if second.is_null() {
            return;
        }
        let path = self.wing().path("/second-factor");
        if second["enrol"] == true {
            let begin = format!("{path}/enrol");
            let confirm = format!("{begin}/confirm");
            self.enrol(visitor, &begin, &confirm, pending).await;
        } else {
            let body = with_pending(json!({ "code": self.totp_code() }), pending);
            visitor.must_post(&path, &body, &what).await;
        }
    }

    #[cfg(feature = "passkeys")]
    async fn passkey_answer(&self, visitor: &mut Visitor, how: How) -> (String, Value) {
        if !self.passkey().has_passkey() {
            fail("no passkey: register the person .with_passkey()");
        }
        let path = self.wing().path("/login/passkey");
        let begin = format!("{path}/begin");
        let begun = visitor.must_post(&begin, &json!({}), "a passkey").await;
        let body = how.ask(self.passkey().answer(&begun).await);
        (format!("{path}/finish"), body)
    }

    /// Sets an authenticator app up, on the account page.
    pub(crate) async fn enrol_on_account_page(&self, visitor: &mut Visitor) {
        let path = self.wing().path("/account/two-factor");
        let (begin, confirm) = (format!("{path}/begin"), format!("{path}/confirm"));
        self.enrol(visitor, &begin, &confirm, &Value::Null).await;
    }

    async fn enrol(&self, visitor: &mut Visitor, begin: &str, confirm: &str, pending: &Value) {
        let what = format!("setting up the authenticator app of {}", self.identifier());
        let body = with_pending(json!({}), pending);
        let begun = visitor.must_post(begin, &body, &what).await;
        let shown = &begun["context"]["enrolment"];
        let secret = shown["secret"].as_str().or_fail("no secret was shown");
        let app = self.kit().authenticator_app(secret);
        let body = json!({ "factor": shown["factor"], "code": app.code() });
        let body = with_pending(body, pending);
        let done = visitor.must_post(confirm, &body, &what).await;
        let codes = done["backup_codes"].as_array().into_iter().flatten();
        let codes = codes.filter_map(|code| code.as_str().map(str::to_owned));
        self.has_enrolled(Enrolled {
            app,
            backup_codes: codes.collect(),
        });
    }

    #[cfg(feature = "passkeys")]
    pub(crate) async fn add_passkey(&self, visitor: &mut Visitor) {
        let what = format!("adding a passkey for {}", self.identifier());
        let path = self.wing().path("/account/passkeys");
        self.answer_ceremony(visitor, &path, &what).await;
    }

    #[cfg(feature = "passkeys")]
    async fn answer_ceremony(&self, visitor: &mut Visitor, path: &str, what: &str) {
        let begin = format!("{path}/begin");
        let begun = visitor.must_post(&begin, &json!({}), what).await;
        let body = self.passkey().answer(&begun).await;
        let finish = format!("{path}/finish");
        visitor.must_post(&finish, &body, what).await;
    }
}

/// What a client without cookies sends along.
fn with_pending(mut body: Value, pending: &Value) -> Value {
    if !pending.is_null() {
        body["pending"] = pending.clone();
    }
    body
}
