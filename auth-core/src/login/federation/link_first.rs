//! An identity that nobody linked, whose address proves nothing: its owner signs in and links it, or makes an account.
//!
//! What came of the provider waits under a secret in a cookie of this browser, for a quarter of an hour, and is spent
//! once. `GET /auth/link-first` says what can be done; `POST` makes an account; `GET` and `POST
//! /auth/account/identities/confirm` link it to whoever has signed in meanwhile. Nothing happens without a button.
//!
//! Whoever makes an account for an address that is to be confirmed is asked in the same way each time they come, until
//! it is: so coming again tells no more than the button did of whether the address was free. Where accounts work without
//! a confirmation (`Confirmation::Optional`), it does tell: one that was made signs in, as everything else does there.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::attempt::{Aim, LIFE};
use super::client::{Client, Proven, Tokens, issued_at};
use super::enter::Recognized;
use super::front_channel::Ended;
use super::identity::display;
use super::profile::Profile;
use super::refusal::{Refusal, Stop};
use super::{PAGE, link_facts, page};
use crate::ground::{Digest32, Purpose, Timestamp};
use crate::login::attempt::AddressAttempts;
use crate::login::email::Registered;
use crate::login::first_factor::Basis;
use crate::login::reply::{account_name, done};
use crate::login::{Confirmation, LoginWing, SignedIn, parse_email};
use crate::services::pages::PageName;
use crate::store::{Consumed, OneTimeKind, OneTimeValue, StoreError};
use crate::web::{CookieLife, CookieName, Exchange, PagePolicy, Problem, Response, ReturnTo};

const FORM: &str = "link_first";
const LANDING: &str = "/link-first";
const CONFIRM: &str = "/account/identities/confirm";
const KIND: OneTimeKind = OneTimeKind::UpstreamAttempt;

/// A document past this size is not kept for the host's hook.
const MOST_CLAIMS: usize = 16 * 1024;

/// Who came, on hold. No `Debug`: it holds tokens.
#[derive(Serialize, Deserialize)]
struct Waiting {
    upstream: String,
    issuer: String,
    subject: String,
    profile: Profile,
    claims: Value,
    sid: Option<String>,
    auth_time: Option<Timestamp>,
    acr: Option<String>,
    amr: Vec<String>,
    id_token: Option<Zeroizing<String>>,
    tokens: Tokens,
    remember: bool,
    return_to: Option<String>,
}

impl Waiting {
    fn into_proven(self) -> Proven {
        Proven {
            issued_at: self.id_token.as_deref().and_then(|token| issued_at(token)),
            issuer: self.issuer,
            subject: self.subject,
            profile: self.profile,
            claims: self.claims,
            sid: self.sid,
            auth_time: self.auth_time,
            acr: self.acr,
            amr: self.amr,
            id_token: self.id_token,
            tokens: self.tokens,
        }
    }
}

/// One that waits, read and not spent.
struct Opened {
    key: Digest32,
    client: std::sync::Arc<Client>,
    waiting: Waiting,
}

fn confirm_form(signed_in: &SignedIn) -> String {
    format!("confirm_identity:{}", signed_in.session.id)
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("waiting identity", error)
}

impl LoginWing {
    /// Lays aside who came and leads to the page that asks; to the page that links, for somebody signed in.
    pub(super) async fn ask_first(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Client,
        proven: Proven,
        remember: bool,
        return_to: Option<ReturnTo>,
    ) -> Result<Response, Stop> {
        let is_large = proven.claims.to_string().len() > MOST_CLAIMS;
        let waiting = Waiting {
            upstream: client.upstream.name.clone(),
            issuer: proven.issuer,
            subject: proven.subject,
            profile: proven.profile,
            claims: if is_large { Value::Null } else { proven.claims },
            sid: proven.sid,
            auth_time: proven.auth_time,
            acr: proven.acr,
            amr: proven.amr,
            id_token: proven.id_token,
            tokens: proven.tokens,
            remember,
            return_to: return_to.map(|path| path.as_str().to_owned()),
        };
        let secret = self.core.random.secret();
        self.keep_waiting(exchange, &secret, &waiting).await?;
        let life = CookieLife::MaxAge(LIFE);
        let name = CookieName::PendingIdentity;
        exchange.cookies.set(name, &secret, life);
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let next = if signed_in.is_some() {
            CONFIRM
        } else {
            LANDING
        };
        Ok(done(exchange, &self.path(next)))
    }

    async fn keep_waiting(
        &self,
        exchange: &mut Exchange<'_>,
        secret: &str,
        waiting: &Waiting,
    ) -> Result<(), Problem> {
        let key = self.waiting_key(exchange, secret);
        let text = Zeroizing::new(serde_json::to_vec(waiting).map_err(corrupt)?);
        let (core, purpose) = (&self.core, Purpose::OneTimePayload);
        let payload = core
            .keys
            .seal(&*core.random, purpose, key.as_bytes(), &text);
        let expires_at = exchange.now + LIFE;
        let value = OneTimeValue {
            kind: KIND,
            key,
            payload: payload.map_err(corrupt)?,
            expires_at,
            keep_until: expires_at,
        };
        Ok(core.stores.one_time.put(&value).await?)
    }

    /// Bound to the browser beside the cookie of its own.
    fn waiting_key(&self, exchange: &mut Exchange<'_>, secret: &str) -> Digest32 {
        let browser = exchange.browser(&*self.core.random);
        Digest32::of_parts(&[b"waiting identity", secret.as_bytes(), browser.as_bytes()])
    }

    /// What waits in this browser.
    async fn waiting(&self, exchange: &mut Exchange<'_>) -> Result<Option<Opened>, Problem> {
        let Some(secret) = exchange.cookie(CookieName::PendingIdentity) else {
            return Ok(None);
        };
        let key = self.waiting_key(exchange, secret);
        let store = &self.core.stores.one_time;
        let Some(value) = store.peek(KIND, &key, exchange.now).await? else {
            return Ok(None);
        };
        let (keys, purpose) = (&self.core.keys, Purpose::OneTimePayload);
        let text = keys.open(purpose, key.as_bytes(), &value.payload);
        let text = Zeroizing::new(text.map_err(corrupt)?);
        let waiting: Waiting = serde_json::from_slice(&text).map_err(corrupt)?;
        let client = self.upstream_named(&waiting.upstream).cloned();
        Ok(client.map(|client| Opened {
            key,
            client,
            waiting,
        }))
    }

    /// Spends what waits: `true` for one caller.
    async fn spend_waiting(
        &self,
        exchange: &mut Exchange<'_>,
        key: &Digest32,
    ) -> Result<bool, Problem> {
        exchange.cookies.remove(CookieName::PendingIdentity);
        let store = &self.core.stores.one_time;
        let spent = store.consume(KIND, key, exchange.now).await?;
        Ok(matches!(spent, Consumed::First(_)))
    }

    /// Forgets what waits in this browser, if the provider has ended it.
    pub(super) async fn forget_waiting(
        &self,
        exchange: &mut Exchange<'_>,
        ended: &Ended<'_>,
    ) -> Result<(), Problem> {
        let opened = self.waiting(exchange).await?;
        let opened = opened.filter(|opened| {
            let from = &opened.waiting;
            ended.is(&from.upstream, &from.issuer, from.sid.as_deref())
        });
        if let Some(opened) = opened {
            self.spend_waiting(exchange, &opened.key).await?;
        }
        Ok(())
    }

    /// `GET /auth/link-first`: says what can be done.
    pub(super) async fn link_first_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let Some(opened) = self.waiting(exchange).await? else {
            return Ok(done(exchange, &self.login_url(None)));
        };
        let confirm = ReturnTo::parse(&self.core.base, &self.path(CONFIRM));
        let create = self.settings.registration.then(|| {
            json!({
                "action": self.path(LANDING),
                "form_token": self.core.form_token(exchange, FORM),
            })
        });
        let context = json!({
            "upstream": link_facts(&opened.client, &self.path(LANDING)),
            "display": opened.waiting.profile.email,
            "sign_in_url": self.login_url(confirm.as_ref()),
            "create": create,
            "confirms": self.confirmation() != Confirmation::Off,
        });
        let (status, policy) = (StatusCode::OK, PagePolicy::default());
        Ok(self
            .core
            .page(exchange, status, PageName::LinkFirst, context, policy))
    }

    /// `POST /auth/link-first`: makes an account. The same answer whether or not somebody has the address (threat 46):
    /// on to its confirmation where addresses are confirmed; elsewhere it is left out.
    pub(super) async fn make_account(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        let Some(opened) = self.waiting(exchange).await? else {
            return Ok(done(exchange, &self.login_url(None)));
        };
        self.count_address(AddressAttempts::Registration, exchange)
            .await?;
        let client = opened.client.clone();
        match self.account_of(exchange, opened).await {
            Ok(answer) => Ok(answer),
            Err(Stop::Problem(problem)) => Err(problem),
            Err(Stop::Refused(refusal)) => {
                self.draw_refusal(exchange, &client, refusal, &Aim::SignIn, None)
            }
        }
    }

    async fn account_of(
        &self,
        exchange: &mut Exchange<'_>,
        opened: Opened,
    ) -> Result<Response, Stop> {
        if !self.settings.registration {
            return Err(Refusal::Closed.into());
        }
        if !self.spend_waiting(exchange, &opened.key).await? {
            return Err(Refusal::Used.into());
        }
        let (client, waiting) = (opened.client, opened.waiting);
        let return_to = waiting.return_to.as_deref();
        let return_to = return_to.and_then(|path| ReturnTo::parse(&self.core.base, path));
        let remember = waiting.remember;
        let proven = waiting.into_proven();
        let _turn = self.arrivals.take(&proven.identity()).await;
        let email = proven.profile.email.as_deref();
        let email = email.and_then(|email| parse_email(email).ok());
        let asked = email.filter(|_| self.confirmation() != Confirmation::Off);
        let user = self
            .user_from(exchange, &client, &proven, asked.clone(), false)
            .await?;
        if let Some(who) = self.account_known(exchange, &proven).await? {
            if !self.is_asked_again(&proven, &who.user) {
                return self
                    .enter_by_identity(exchange, &client, proven, who, (remember, return_to))
                    .await;
            }
            let (email, known) = (who.user.email, Registered::Created(who.user.id));
            let next = self
                .after_registration(exchange, email, known, return_to.as_ref())
                .await?;
            return Ok(done(exchange, &next));
        }
        let (registered, linked) = self.write_linked(exchange, &client, &proven, &user).await?;
        if asked.is_some() {
            self.tell_registered(&registered, &user);
            let next = self
                .after_registration(exchange, asked, registered, return_to.as_ref())
                .await?;
            return Ok(done(exchange, &next));
        }
        let identity = linked.ok_or(Refusal::Busy)?;
        let hooks = &self.settings.lifecycle.hooks;
        hooks.after_registration(&user).await;
        let basis = Basis::Identity(identity);
        let who = Recognized { user, basis };
        self.enter_by_identity(exchange, &client, proven, who, (remember, return_to))
            .await
    }

    /// The account that this identity has already.
    async fn account_known(
        &self,
        exchange: &Exchange<'_>,
        proven: &Proven,
    ) -> Result<Option<Recognized>, Stop> {
        let stores = &self.core.stores;
        let found = stores.identities.identity(&proven.issuer, &proven.subject);
        let Some(identity) = found.await? else {
            return Ok(None);
        };
        let user = stores.users.user(&identity.user_id).await?;
        let user = user.filter(|user| user.is_usable(exchange.now));
        let user = user.ok_or(Refusal::Refused)?;
        let basis = Basis::Identity(identity.id);
        Ok(Some(Recognized { user, basis }))
    }

    /// `GET …/confirm`: asks whoever has signed in whether what waits is to be linked.
    pub(super) async fn confirm_link_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let Some(opened) = self.waiting(exchange).await? else {
            return Ok(done(exchange, &self.path(PAGE)));
        };
        let confirm_url = self.unconfirmed(exchange, &signed_in, CONFIRM).await?;
        let proven = opened.waiting.into_proven();
        let context = json!({
            "action": self.path(CONFIRM),
            "form_token": self.core.form_token(exchange, &confirm_form(&signed_in)),
            "upstream": link_facts(&opened.client, &self.path(PAGE)),
            "display": display(&proven),
            "account": account_name(&signed_in.user),
            "confirm_url": confirm_url,
            "account_url": self.path("/account"),
        });
        let (status, policy) = (StatusCode::OK, PagePolicy::default());
        Ok(self
            .core
            .page(exchange, status, PageName::ConfirmIdentity, context, policy))
    }

    /// `POST …/confirm`: links it.
    pub(super) async fn confirm_link(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, CONFIRM).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = confirm_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let Some(opened) = self.waiting(exchange).await? else {
            return Ok(done(exchange, &self.path(PAGE)));
        };
        if !self.spend_waiting(exchange, &opened.key).await? {
            return Ok(done(exchange, &self.path(PAGE)));
        }
        let (client, waiting) = (opened.client, opened.waiting);
        let return_to = waiting.return_to.as_deref();
        let return_to = return_to.and_then(|path| ReturnTo::parse(&self.core.base, path));
        let proven = waiting.into_proven();
        let linked = self.link_own(exchange, &client, &proven, &signed_in).await;
        match linked {
            Ok(()) => {
                let page = self.identities_url(page::Notice::Linked);
                let next = return_to.map_or(page, |path| path.as_str().to_owned());
                Ok(done(exchange, &next))
            }
            Err(Stop::Problem(problem)) => Err(problem),
            Err(Stop::Refused(refusal)) => {
                let aim = Aim::Link {
                    user: signed_in.user.id,
                    session: signed_in.session.id,
                };
                self.draw_refusal(exchange, &client, refusal, &aim, None)
            }
        }
    }
}
