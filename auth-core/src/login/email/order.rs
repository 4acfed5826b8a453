//! Mails, ordered: asked for by somebody unknown, or to tell an account's owner what happened.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::proof::{Claim, Made};
use crate::ground::Timestamp;
use crate::login::LoginWing;
use crate::login::attempt::{AddressAttempts, refusal};
use crate::services::mail::{MailKind, MailOrder};
use crate::services::{Event, Locked};
use crate::store::{StoreResult, ThrottlePolicy, User};
use crate::web::{Exchange, Problem, network_of, throttle_bucket};

const RECIPIENT: &str = "mail_to";
const RECIPIENT_AND_ASKER: &str = "mail_to_from";

/// How long a mail that tells something is worth delivering.
const NEWS_LIFE: Duration = Duration::from_hours(72);

const NEWS: &str = "mail_news";

/// So many mails of one kind that tell something: whoever makes it happen over and over floods no mailbox, and a mail of
/// one kind keeps back none of another.
const NEWS_LIMIT: ThrottlePolicy = ThrottlePolicy {
    limit: 10,
    window: Duration::from_hours(1),
    lock: Duration::from_hours(1),
    max_lock: Duration::from_hours(1),
};

/// A mail that somebody asks for.
pub(super) struct Ask<'a> {
    pub(super) claim: Claim,
    pub(super) kind: MailKind,
    /// `None`: nobody gets it, and the work is the same.
    pub(super) to: Option<String>,
    /// The endpoint its link leads to.
    pub(super) landing: &'a str,
    /// The browser whose pages may take its code.
    pub(super) browser: Option<&'a str>,
}

fn order(
    locale: &str,
    kind: MailKind,
    to: Option<String>,
    facts: Value,
    expires_at: Timestamp,
) -> MailOrder {
    MailOrder {
        kind: kind.as_str().to_owned(),
        to,
        locale: locale.to_owned(),
        facts,
        expires_at,
    }
}

/// Who asks: an IPv4 address, or an IPv6 /48, as whoever has one of its /64 easily has the others and would use up by them
/// the room of all together.
fn asker(exchange: &Exchange<'_>) -> String {
    match exchange.address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(_)) => network_of(exchange.address),
        _ => throttle_bucket(exchange.address),
    }
}

impl LoginWing {
    /// The absolute URL of one of the wing's endpoints, for mails.
    pub(super) fn mail_url(&self, endpoint: &str) -> String {
        let path = format!("{}{endpoint}", self.settings.path);
        self.core.base.absolute(&path)
    }

    /// Counts an asking: by network address, then by e-mail address and what the mail is for, whether or not an account
    /// has it.
    pub(super) async fn count_asking(
        &self,
        exchange: &Exchange<'_>,
        claim: &Claim,
    ) -> Result<(), Problem> {
        self.count_address(AddressAttempts::Mail, exchange).await?;
        match self.count_recipient(exchange, claim).await? {
            Some(locked) => Err(refusal(locked, exchange.now)),
            None => Ok(()),
        }
    }

    /// Counts a mail by e-mail address and what it is for: nobody's mailbox is flooded from here. Counted for each network
    /// that asks, and then for all together, where there is more room: whoever asks for another's mails takes
    /// none from the owner, who asks from elsewhere.
    pub(super) async fn count_recipient(
        &self,
        exchange: &Exchange<'_>,
        claim: &Claim,
    ) -> Result<Option<Locked>, Problem> {
        let email = &self.settings.email;
        let whom = format!("{}:{}", claim.about.as_str(), claim.email);
        let asked_from = format!("{}:{whom}", asker(exchange));
        let throttles = &self.core.throttles;
        for (what, whom, policy) in [
            (RECIPIENT_AND_ASKER, &asked_from, &email.mail_throttle),
            (RECIPIENT, &whom, &email.mails_in_all()),
        ] {
            let locked = throttles.attempt(what, whom, policy, exchange.now).await?;
            if locked.is_some() {
                return Ok(locked);
            }
        }
        Ok(None)
    }

    /// Counts a mail that nobody asked for by name: past the limit what it was to confirm goes on without it.
    pub(super) async fn may_mail(
        &self,
        exchange: &Exchange<'_>,
        claim: &Claim,
    ) -> Result<bool, Problem> {
        Ok(self.count_recipient(exchange, claim).await?.is_none())
    }

    /// Keeps a proof and orders its mail: two writes, whoever it is for.
    pub(super) async fn ask(&self, exchange: &Exchange<'_>, ask: Ask<'_>) -> Result<Made, Problem> {
        let (user, purpose) = (ask.claim.user.clone(), ask.claim.about.as_str());
        let made = self
            .make_proof(ask.claim, ask.browser, exchange.now)
            .await?;
        let facts = match ask.kind {
            // To somebody else than who asked: it leads to what is theirs, and holds no proof.
            MailKind::AlreadyRegistered => json!({ "url": self.way_in() }),
            // Where people sign in by a code alone, a link would be one way more.
            // So would it be where somebody is to be in the session that asked.
            MailKind::SignInCode | MailKind::StepUpCode => json!({ "code": *made.code }),
            // Nobody types a code to stop something.
            MailKind::EmailChangeNotice | MailKind::EmailChangeDone => {
                json!({ "url": format!("{}?t={}", self.mail_url(ask.landing), *made.token) })
            }
            _ => {
                let url = self.mail_url(ask.landing);
                json!({ "url": format!("{url}?t={}", *made.token), "code": *made.code })
            }
        };
        let locale = self.core.locale(exchange);
        let order = order(locale, ask.kind, ask.to, facts, made.expires_at);
        self.core
            .mails
            .order(&order, &*self.core.random, exchange.now)
            .await?;
        let event = Event::MailProofRequested { user, purpose };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(made)
    }

    /// Where somebody who has an account finds a way into it.
    fn way_in(&self) -> String {
        self.mail_url(if self.settings.email.password_reset {
            "/forgot"
        } else {
            "/login"
        })
    }

    /// Tells the owner of an account what happened to it, at an address that was shown to be theirs. Never fails what
    /// it tells of.
    pub(in crate::login) async fn tell_owner(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        kind: MailKind,
        facts: Value,
    ) {
        let locale = self.core.locale(exchange);
        self.tell_owner_in(locale, exchange.now, user, (kind, facts))
            .await;
    }

    /// As [`tell_owner`](Self::tell_owner), in a given language.
    pub(in crate::login) async fn tell_owner_in(
        &self,
        locale: &str,
        now: Timestamp,
        user: &User,
        (kind, facts): (MailKind, Value),
    ) {
        let verified = user.email_verified_at.and(user.email.clone());
        let is_off = self.settings.email.flows == Some(false);
        let Some(email) = verified.filter(|_| !is_off) else {
            return;
        };
        let whom = format!("{}:{email}", kind.as_str());
        let order = order(locale, kind, Some(email), facts, now + NEWS_LIFE);
        if let Err(error) = self.order_news(&order, &whom, now).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, mail = kind.as_str(), "a mail could not be ordered");
        }
    }

    async fn order_news(&self, order: &MailOrder, whom: &str, now: Timestamp) -> StoreResult<()> {
        let throttles = &self.core.throttles;
        let locked = throttles.attempt(NEWS, whom, &NEWS_LIMIT, now).await?;
        if locked.is_some() {
            tracing::info!(mail = order.kind, "one mail too many is not ordered");
            return Ok(());
        }
        self.core.mails.order(order, &*self.core.random, now).await
    }

    /// Tells the owner that the password is another.
    pub(in crate::login) async fn tell_password_changed(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
    ) {
        let facts = json!({ "url": self.way_in() });
        self.tell_owner(exchange, user, MailKind::PasswordChanged, facts)
            .await;
    }
}
