//! What a link or a code in a mail proves: one single-use value, kept under the digest of a random flow id.
//!
//! The link carries the flow and a 256-bit secret; the six digits are typed into the page that asked, whose form carries
//! the flow alone and whose browser is known by its cookie. Either spends the same value, so of a link and a code, or of
//! any number of them at once, one wins (threats 06, 12). A flow without the link's secret is only good in the browser
//! that began it: who knows a flow id has nothing.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::ground::{Digest32, KeyRing, Purpose, Random, Timestamp};
use crate::login::LoginWing;
use crate::store::{Consumed, OneTimeKind, OneTimeValue, StoreError, User, UserId};
use crate::web::{Exchange, Params, Problem};

const KIND: OneTimeKind = OneTimeKind::MailProof;
const CODES: u32 = 1_000_000;

/// The parameter that carries a link's flow and secret.
pub(super) const TOKEN_FIELD: &str = "t";
/// The parameter that carries a flow alone.
pub(super) const FLOW_FIELD: &str = "f";

/// What a mail is a proof for. A proof for one thing is none for another (threat 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum About {
    Confirmation,
    SignIn,
    Reset,
    Change,
    StopChange,
    Unlock,
    StepUp,
}

impl About {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::SignIn => "sign_in",
            Self::Reset => "password_reset",
            Self::Change => "email_change",
            Self::StopChange => "stop_email_change",
            Self::Unlock => "unlock",
            Self::StepUp => "step_up",
        }
    }
}

/// What is to be proven, and what for.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) about: About,
    /// The address the mail goes to, normalized: what is proven to be read.
    pub(super) email: String,
    /// Whose it is about; `None` where no account has the address, and nothing will come of it.
    pub(super) user: Option<UserId>,
    /// The address that is to be replaced (threat 15).
    pub(super) from: Option<String>,
    /// The password that stood when it was asked for, so that a change of it leaves no older link behind.
    pub(super) password: Option<Digest32>,
    /// When the address that is to be replaced was proven: taken back and given anew, it is not the one meant.
    pub(super) since: Option<Timestamp>,
    /// The change that this proof calls off.
    pub(super) stops: Option<Digest32>,
    pub(super) return_to: Option<String>,
    pub(super) remember: bool,
}

impl Claim {
    pub(super) fn new(about: About, email: String, user: Option<UserId>) -> Self {
        Self {
            about,
            email,
            user,
            from: None,
            password: None,
            since: None,
            stops: None,
            return_to: None,
            remember: false,
        }
    }

    /// Whether the user still has the address that is meant.
    fn is_of(&self, user: &User) -> bool {
        let email = user.email.as_deref();
        match self.about {
            About::Change => email == self.from.as_deref() && user.email_verified_at == self.since,
            // It may be replaced by now: see `undo`.
            About::StopChange => true,
            _ => email == Some(&self.email),
        }
    }
}

/// What is stored, sealed.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    claim: Claim,
    link: Digest32,
    /// Keyed digest of flow and code.
    code: String,
    code_until: Timestamp,
    /// Digest of the cookie of the browser that asked, or of what holds the flow in its place.
    browser: Option<Digest32>,
}

/// A proof just made: what the mail says. Has no `Debug`: it is all secret but the flow.
pub(super) struct Made {
    pub(super) flow: String,
    pub(super) token: Zeroizing<String>,
    pub(super) code: Zeroizing<String>,
    pub(super) expires_at: Timestamp,
}

/// A proof that is not spent yet, opened by its link or by the browser that asked.
pub(super) struct Opened {
    flow: String,
    token: Option<Zeroizing<String>>,
    stored: Stored,
    /// The link's secret was given, and is right.
    pub(super) by_link: bool,
    /// This is the browser that asked.
    pub(super) same_browser: bool,
}

impl Opened {
    pub(super) fn claim(&self) -> &Claim {
        &self.stored.claim
    }

    pub(super) fn flow(&self) -> &str {
        &self.flow
    }

    /// Whether `code` is the one of the mail, and still good.
    pub(super) fn is_code(&self, keys: &KeyRing, code: &str, now: Timestamp) -> bool {
        let right = keys.verify_mac(
            Purpose::MailCode,
            code_input(&self.flow, code).as_bytes(),
            &self.stored.code,
        );
        right && now < self.stored.code_until
    }

    /// What forms of this proof are bound to.
    pub(super) fn form(&self) -> String {
        let about = self.stored.claim.about.as_str();
        format!("mail:{about}:{}", Digest32::of(&self.flow).to_text())
    }

    /// The field that brings a form back to this proof.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match &self.token {
            Some(token) => (TOKEN_FIELD, token),
            None => (FLOW_FIELD, &self.flow),
        }
    }
}

/// A mailbox that was read, by the one who spent the proof, and the account it is about: enabled, and still with the
/// address that was proven, save where the proof is about a change of it. Made by [`LoginWing::spend`] alone.
pub(super) struct Proven {
    pub(super) claim: Claim,
    pub(super) user: User,
    _spent: (),
}

/// The digits as people type them, without the spaces that make them readable.
fn typed(code: &str) -> String {
    let is_filling = |c: &char| !matches!(c, ' ' | '-' | '\u{a0}');
    code.chars().filter(is_filling).take(16).collect()
}

fn code_input(flow: &str, code: &str) -> Digest32 {
    Digest32::of_parts(&[flow.as_bytes(), typed(code).as_bytes()])
}

/// Six digits, each as likely as any other.
fn draw_code(random: &dyn Random) -> Zeroizing<String> {
    loop {
        let drawn = u32::from_be_bytes(random.bytes::<4>());
        if drawn < u32::MAX - u32::MAX % CODES {
            return Zeroizing::new(format!("{:06}", drawn % CODES));
        }
    }
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("mail proof", error.to_string())
}

impl LoginWing {
    /// Keeps a proof; the same work whoever it is about, and if it is about nobody.
    pub(super) async fn make_proof(
        &self,
        claim: Claim,
        browser: Option<&str>,
        now: Timestamp,
    ) -> Result<Made, Problem> {
        let (random, keys) = (&*self.core.random, &self.core.keys);
        let (flow, secret) = (random.id(), Zeroizing::new(random.secret()));
        let code = draw_code(random);
        let (expires_at, code_until) = self.lives(claim.about, now);
        let stored = Stored {
            link: Digest32::of(secret.as_bytes()),
            code: keys.mac(Purpose::MailCode, code_input(&flow, &code).as_bytes()),
            code_until,
            browser: browser.map(Digest32::of),
            claim,
        };
        let text = Zeroizing::new(serde_json::to_vec(&stored).map_err(corrupt)?);
        let purpose = Purpose::OneTimePayload;
        let value = OneTimeValue {
            kind: KIND,
            key: Digest32::of(&flow),
            payload: keys
                .seal(random, purpose, flow.as_bytes(), &text)
                .map_err(corrupt)?,
            expires_at,
            keep_until: expires_at,
        };
        self.core.stores.one_time.put(&value).await?;
        Ok(Made {
            token: Zeroizing::new(format!("{flow}.{}", *secret)),
            flow,
            code,
            expires_at,
        })
    }

    /// When a proof ends, and when its code does.
    fn lives(&self, about: About, now: Timestamp) -> (Timestamp, Timestamp) {
        let email = &self.settings.email;
        let life = match about {
            About::Confirmation => email.confirmation_life,
            About::SignIn | About::StepUp => email.sign_in_life,
            About::Reset => email.reset_life,
            About::Change => email.change_life,
            // From its asking on, and as long again once it is done.
            About::StopChange => email.change_life + self.undo_life(),
            // As long as a lock lasts at most.
            About::Unlock => self.settings.account_throttle.max_lock,
        };
        let code = match about {
            About::Confirmation => email.confirmation_code_life,
            _ => life,
        };
        (now + life, now + code)
    }

    /// The proof that a request names by a link (`t`) or, in the browser that asked, by its flow (`f`). Spends nothing.
    pub(super) async fn open_proof(
        &self,
        exchange: &Exchange<'_>,
        about: About,
        params: &Params,
    ) -> Result<Option<Opened>, Problem> {
        self.open_proof_of(exchange, about, params, exchange.known_browser())
            .await
    }

    /// As [`open_proof`](Self::open_proof), where something else than the browser holds the flow.
    pub(super) async fn open_proof_of(
        &self,
        exchange: &Exchange<'_>,
        about: About,
        params: &Params,
        holder: Option<&str>,
    ) -> Result<Option<Opened>, Problem> {
        let token = params.get(TOKEN_FIELD);
        let (flow, secret) = match token.map(|token| token.split_once('.')) {
            Some(Some((flow, secret))) => (flow, Some(secret)),
            Some(None) => return Ok(None),
            None => (params.get(FLOW_FIELD).unwrap_or_default(), None),
        };
        let key = Digest32::of(flow);
        let store = &self.core.stores.one_time;
        let Some(value) = store.peek(KIND, &key, exchange.now).await? else {
            return Ok(None);
        };
        let purpose = Purpose::OneTimePayload;
        let opened = self
            .core
            .keys
            .open(purpose, flow.as_bytes(), &value.payload);
        let text = Zeroizing::new(opened.map_err(corrupt)?);
        let stored: Stored = serde_json::from_slice(&text).map_err(corrupt)?;
        let by_link = secret.is_some_and(|secret| Digest32::of(secret) == stored.link);
        let browser = holder.map(Digest32::of);
        let same_browser = browser.is_some() && browser == stored.browser;
        let may = match secret {
            Some(_) => by_link,
            None => same_browser,
        };
        Ok((may && stored.claim.about == about).then(|| Opened {
            flow: flow.to_owned(),
            token: token.map(|token| Zeroizing::new(token.to_owned())),
            stored,
            by_link,
            same_browser,
        }))
    }

    /// Spends a proof whose link was given; `None` when another was faster, or what it is about changed meanwhile.
    pub(super) async fn spend_link(
        &self,
        opened: &Opened,
        now: Timestamp,
    ) -> Result<Option<Proven>, Problem> {
        if !opened.by_link {
            return Ok(None);
        }
        self.spend(opened, now).await
    }

    /// Spends a proof: one winner. Whoever calls has compared the link or the code.
    pub(super) async fn spend(
        &self,
        opened: &Opened,
        now: Timestamp,
    ) -> Result<Option<Proven>, Problem> {
        let key = Digest32::of(&opened.flow);
        let store = &self.core.stores.one_time;
        let Consumed::First(_) = store.consume(KIND, &key, now).await? else {
            return Ok(None);
        };
        let claim = opened.stored.claim.clone();
        let Some(id) = &claim.user else {
            return Ok(None);
        };
        // Of the account as it is now: the address may be another's by now, or the account disabled (threat 15).
        let user = self.core.stores.users.user(id).await?;
        let user = user.filter(|user| user.is_usable(now) && claim.is_of(user));
        Ok(user.map(|user| Proven {
            claim,
            user,
            _spent: (),
        }))
    }

    /// Makes a proof worthless.
    pub(super) async fn call_off(&self, key: &Digest32, now: Timestamp) -> Result<bool, Problem> {
        let store = &self.core.stores.one_time;
        let consumed = store.consume(KIND, key, now).await?;
        Ok(matches!(consumed, Consumed::First(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::SystemRandom;

    #[test]
    fn codes_have_six_digits_and_spaces_do_not_count() {
        for _ in 0..200 {
            let code = draw_code(&SystemRandom);
            assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
        }
        assert_eq!(code_input("f", " 123 456 "), code_input("f", "123456"));
        assert_eq!(code_input("f", "123-456"), code_input("f", "123456"));
        assert_ne!(code_input("g", "123456"), code_input("f", "123456"));
    }
}
