//! Mails read back, and links followed.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::harness::*;
use crate::login::{EmailProof, Login};
use crate::services::mail::MailKind;
use crate::store::{OutboxKind, ThrottlePolicy, User};

pub(super) const EVE: &str = "eve@example.com";

pub(super) fn mail_settings() -> Login {
    settings().mail_flows(true)
}

/// So many requests from one address that its own counter is out of the way.
pub(super) fn unlimited(login: Login) -> Login {
    login.address_throttle(ThrottlePolicy {
        limit: 1_000_000,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    })
}

pub(super) struct Mail {
    pub(super) kind: MailKind,
    pub(super) to: Option<String>,
    /// The link's path and query.
    pub(super) path: String,
    pub(super) code: String,
    pub(super) facts: Value,
}

impl Mail {
    /// The link's flow and secret.
    pub(super) fn token(&self) -> &str {
        self.path.split_once("?t=").expect("token").1
    }

    /// Another code than the mail's.
    pub(super) fn wrong_code(&self) -> &'static str {
        if self.code == "111111" {
            "222222"
        } else {
            "111111"
        }
    }
}

impl House {
    /// What was ordered since the last call, mails to nobody included.
    pub(super) async fn mails(&self) -> Vec<Mail> {
        let now = self.core.clock.now();
        let outbox = &self.core.stores.outbox;
        let until = now + Duration::from_mins(1);
        let taken = outbox
            .take_due(OutboxKind::Mail, now, until, 100)
            .await
            .expect("taken");
        let mut mails = Vec::new();
        for message in taken {
            let order = self.core.mails.open(&message).expect("order");
            outbox.finish_message(&message.id).await.expect("finished");
            let text = |name: &str| order.facts[name].as_str().unwrap_or_default().to_owned();
            let path = text("url").replace("https://app.example.com", "");
            mails.push(Mail {
                kind: order.mail_kind().expect("kind"),
                path,
                code: text("code"),
                to: order.to,
                facts: order.facts,
            });
        }
        mails
    }

    /// The one mail that was ordered.
    pub(super) async fn mail(&self) -> Mail {
        let mut mails = self.mails().await;
        assert_eq!(
            mails.len(),
            1,
            "{:?}",
            mails.iter().map(|m| m.kind).collect::<Vec<_>>()
        );
        mails.remove(0)
    }

    /// An account whose address is verified.
    pub(super) async fn verified(&self, email: &str) -> User {
        let user = self.account(email).await;
        let proof = EmailProof::SignedInUser;
        assert!(
            self.wing
                .verify_email(&user.id, email, proof)
                .await
                .expect("store")
        );
        self.user(&user).await
    }

    pub(super) async fn user(&self, user: &User) -> User {
        let users = &self.core.stores.users;
        users.user(&user.id).await.expect("store").expect("user")
    }

    pub(super) async fn has_password(&self, user: &User) -> bool {
        let users = &self.core.stores.users;
        users
            .password_hash(&user.id)
            .await
            .expect("store")
            .is_some()
    }
}

impl Browser<'_> {
    /// Submits the first form of a page: its hidden fields and these.
    pub(super) async fn submit(&mut self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let form = page.body.split("<form ").nth(1).expect("form");
        let form = form.split("</form>").next().expect("end");
        let action = attribute(form, "action").expect("action");
        let mut all: Vec<(String, String)> = Vec::new();
        for input in form.split("<input type=\"hidden\"").skip(1) {
            let input = input.split('>').next().expect("end");
            let value = attribute(input, "value").expect("value");
            all.push((attribute(input, "name").expect("name"), value));
        }
        all.retain(|(name, _)| fields.iter().all(|(own, _)| own != name));
        let own = fields
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        all.extend(own);
        let pairs: Vec<_> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.post(&action, &pairs).await
    }

    /// Opens a page and submits its first form.
    pub(super) async fn follow(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(path).await;
        self.submit(&page, fields).await
    }

    /// Asks for a mail to sign in by; the page it leads to.
    pub(super) async fn ask_sign_in(&mut self, email: &str) -> String {
        let answer = self.follow("/auth/email", &[("email", email)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.location().to_owned()
    }

    pub(super) async fn forgot(&mut self, email: &str) -> Answer {
        self.follow("/auth/forgot", &[("email", email)]).await
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let value = rest.split('"').next()?;
    Some(value.replace("&#x2f;", "/").replace("&amp;", "&"))
}
