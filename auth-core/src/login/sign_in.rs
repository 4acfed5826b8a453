//! `GET` and `POST /auth/login`: signing in, and confirming who one is.

use http::StatusCode;
use serde_json::json;

use super::attempt::{AddressAttempts, ProvenPassword, Refused};
use super::first_factor::{AfterFirstFactor, Basis, FirstFactor};
use super::password::{Begun, Password};
use super::reply::{account_name, done};
use super::second_factor::asks_for_several;
use super::{CaptchaAction, LoginWing, SignedIn, acr};
use crate::services::pages::PageName;
use crate::services::{Event, SignInFailure};
use crate::web::{
    Exchange, FormTarget, PagePolicy, Params, Problem, Response, ReturnTo, with_query,
};

const FORM: &str = "login";
const MAX_HINT_CHARACTERS: usize = 254;

/// All that can be said at sign-in: a closed set (threat 11).
struct SignInForm {
    identifier: String,
    password: Password,
    remember: bool,
    return_to: Option<ReturnTo>,
    reauthenticate: bool,
}

/// What the page shows.
#[derive(Default)]
struct LoginPage<'p> {
    identifier: Option<&'p str>,
    remember: bool,
    return_to: Option<&'p ReturnTo>,
    error: Option<&'static str>,
    notice: Option<&'static str>,
    signed_in: Option<&'p SignedIn>,
    confirming: bool,
    /// Other providers are to ask the person also where they know them.
    asks_again: bool,
}

impl LoginWing {
    /// `GET`: the form. `login_hint` fills it in, `reauthenticate` asks the person signed in to confirm, `select` leaves
    /// out who is signed in, `prompt=login` goes on to other providers.
    pub(super) async fn login_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let return_to = self.return_to(&query);
        let confirming = signed_in.is_some() && query.is_on("reauthenticate");
        if let Some(signed_in) = signed_in.as_ref().filter(|_| confirming)
            && self.has_ways_beside_password(signed_in).await?
        {
            let second = asks_for_several(exchange)?;
            return Ok(done(
                exchange,
                &self.step_up_url(return_to.as_ref(), second),
            ));
        }
        let shown = signed_in
            .as_ref()
            .filter(|_| confirming || !query.is_on("select"));
        let page = LoginPage {
            identifier: query.get("login_hint").filter(|hint| is_plain(hint)),
            remember: confirming && shown.is_some_and(|shown| shown.session.remember),
            return_to: return_to.as_ref(),
            notice: notice(&query),
            signed_in: shown,
            confirming,
            asks_again: query.get("prompt") == Some("login"),
            ..LoginPage::default()
        };
        Ok(self.draw_login(exchange, StatusCode::OK, &page).await)
    }

    /// `POST`: counted by address, then by account, only then is the password looked at.
    pub(super) async fn login(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let form = self.read_sign_in(exchange)?;
        let confirming = self.confirming(&form, exchange).await?;
        if confirming.is_none() {
            self.check_captcha(exchange, CaptchaAction::SignIn).await?;
        }
        let identifier = self.settings.identifiers.parse(&form.identifier);
        let account = self.find_account(identifier.as_ref()).await?;
        let counted = self
            .count_sign_in(exchange, identifier.as_ref(), &account)
            .await?;
        let proven = self
            .prove_password(
                account,
                &form.password,
                confirming.as_ref(),
                counted.begun(),
            )
            .await;
        if proven.is_err() {
            // Nothing was compared: being too busy is not held against anybody.
            counted.take_back().await?;
        } else {
            counted.stand();
        }
        let proven = match proven? {
            Ok(proven) => proven,
            Err(refused) => return self.refuse(exchange, &form, confirming, refused).await,
        };
        self.clear_account_count(&proven.user.id).await?;
        self.take_back_address(AddressAttempts::SignIn, exchange)
            .await?;
        let user = proven.user.id.clone();
        if let Some(answer) = self.enter(exchange, &form, proven).await? {
            return Ok(answer);
        }
        // Perhaps only hashed anew by a sign-in beside this one.
        let account = self.find_account(identifier.as_ref()).await?;
        let again = self
            .prove_password(
                account,
                &form.password,
                confirming.as_ref(),
                &Begun::default(),
            )
            .await?;
        if let Ok(proven) = again
            && let Some(answer) = self.enter(exchange, &form, proven).await?
        {
            return Ok(answer);
        }
        let refused = Refused {
            user: Some(user),
            reason: SignInFailure::WrongPassword,
        };
        self.refuse(exchange, &form, confirming, refused).await
    }

    /// On from the password; `None` when it was changed under our hands.
    async fn enter(
        &self,
        exchange: &mut Exchange<'_>,
        form: &SignInForm,
        proven: ProvenPassword,
    ) -> Result<Option<Response>, Problem> {
        let return_to = form.return_to.as_ref();
        if let Some(elsewhere) = self
            .confirm_first(exchange, &proven.user, return_to)
            .await?
        {
            return Ok(Some(elsewhere));
        }
        let proven = FirstFactor {
            basis: Basis::of_password(proven.hash()),
            user: proven.user,
            amr: vec![acr::PASSWORD],
            is_multi_factor: false,
            remember: form.remember,
            return_to: form.return_to.clone(),
            came_from: None,
        };
        Ok(match self.after_first_factor(exchange, proven).await? {
            AfterFirstFactor::Answer(answer) => Some(answer),
            AfterFirstFactor::Gone => None,
        })
    }

    fn read_sign_in(&self, exchange: &Exchange<'_>) -> Result<SignInForm, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        // The page's form leads back here with the query it was shown under.
        let query = exchange.query()?;
        let identifier = body.get("email").or_else(|| body.get("username"));
        Ok(SignInForm {
            identifier: identifier.unwrap_or_default().to_owned(),
            password: body.get("password").unwrap_or_default().into(),
            remember: body.is_on("remember"),
            return_to: self.return_to(&body).or_else(|| self.return_to(&query)),
            reauthenticate: query.is_on("reauthenticate") || body.is_on("reauthenticate"),
        })
    }

    /// The person who alone may confirm, if that is what is asked for and somebody is signed in.
    async fn confirming(
        &self,
        form: &SignInForm,
        exchange: &Exchange<'_>,
    ) -> Result<Option<SignedIn>, Problem> {
        if !form.reauthenticate {
            return Ok(None);
        }
        self.resolve(exchange.headers(), exchange.now).await
    }

    /// One and the same answer to everything that is not right (threat 46); the event says what it was.
    async fn refuse(
        &self,
        exchange: &mut Exchange<'_>,
        form: &SignInForm,
        confirming: Option<SignedIn>,
        refused: Refused,
    ) -> Result<Response, Problem> {
        let Refused { user, reason } = refused;
        let event = Event::SignInFailed { user, reason };
        self.core.emit(exchange.now, exchange.address, event).await;
        let page = LoginPage {
            identifier: Some(form.identifier.as_str()).filter(|text| is_plain(text)),
            remember: form.remember,
            return_to: form.return_to.as_ref(),
            error: Some(self.wrong_credentials()),
            signed_in: confirming.as_ref(),
            confirming: confirming.is_some(),
            ..LoginPage::default()
        };
        Ok(self
            .draw_login(exchange, StatusCode::UNAUTHORIZED, &page)
            .await)
    }

    fn wrong_credentials(&self) -> &'static str {
        use super::IdentifierKind::{Either, Email, Username};
        match self.settings.identifiers {
            Email => "E-mail or password is not right.",
            Username => "Username or password is not right.",
            Either => "E-mail, username or password is not right.",
        }
    }

    async fn draw_login(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        page: &LoginPage<'_>,
    ) -> Response {
        let return_to = page.return_to.map(ReturnTo::as_str);
        let confirm = page.confirming.then_some("1");
        let several = asks_for_several(exchange).unwrap_or_default();
        let factor = several.then_some("second");
        let name = page
            .signed_in
            .map(|signed_in| account_name(&signed_in.user));
        // Whoever confirms cannot name somebody else.
        let identifier = if page.confirming {
            name
        } else {
            page.identifier
        };
        let register = self.path("/register");
        let register = with_query(&register, &[("return_to", return_to)]);
        let app = self.requesters.behind(exchange, page.return_to).await;
        let passkey = self.passkey_facts(exchange, page).await;
        let captcha = if page.confirming {
            serde_json::Value::Null
        } else {
            self.captcha_context(CaptchaAction::SignIn)
        };
        let upstreams = if page.confirming {
            Vec::new()
        } else {
            self.offered_upstreams(page.return_to, page.asks_again)
        };
        let context = json!({
            "action": with_query(
                &self.path("/login"),
                &[("reauthenticate", confirm), ("factor", factor)],
            ),
            "form_token": self.core.form_token(exchange, FORM),
            "form": {
                "identifier": identifier,
                "remember": page.remember,
                "return_to": return_to,
            },
            "identifier_kind": self.settings.identifiers.as_str(),
            "error": page.error,
            "notice": page.notice,
            "signed_in_as": if page.confirming { None } else { name },
            "continue_url": return_to.map_or_else(|| self.home(), str::to_owned),
            "reauthenticate": page.confirming,
            "client": app,
            "register_url": self.settings.registration.then_some(register),
            "passkey": passkey,
            "captcha": captcha,
            "mail_links": self.sign_in_links(return_to),
            "upstreams": upstreams,
        });
        // Whoever signs in on the way to another app is led on to it: `form-action` counts the whole chain.
        let forms = match page.return_to {
            Some(_) => FormTarget::Client,
            None => FormTarget::Here,
        };
        let policy = PagePolicy {
            forms,
            script: passkey.is_some(),
        };
        let drawn = self.scripted_page(exchange, status, PageName::Login, context, policy);
        if page.confirming {
            return drawn;
        }
        self.allow_captcha(CaptchaAction::SignIn, drawn)
    }
}

impl LoginWing {
    /// The providers that the pages offer to sign in with.
    #[cfg_attr(
        not(feature = "federation"),
        expect(
            clippy::unused_self,
            reason = "without other providers there is nothing to look at"
        )
    )]
    pub(super) fn offered_upstreams(
        &self,
        return_to: Option<&ReturnTo>,
        asks_again: bool,
    ) -> Vec<serde_json::Value> {
        #[cfg(feature = "federation")]
        let links = self.upstream_links(return_to, asks_again);
        #[cfg(not(feature = "federation"))]
        let links = {
            let _ = (return_to, asks_again);
            Vec::new()
        };
        links
    }

    /// Whether there are any providers to sign in with.
    pub(super) fn offers_upstreams(&self) -> bool {
        !self.offered_upstreams(None, false).is_empty()
    }
}

#[cfg(feature = "passkeys")]
impl LoginWing {
    /// What the page's script needs to offer a passkey: any, or one of the person who confirms.
    async fn passkey_facts(
        &self,
        exchange: &mut Exchange<'_>,
        page: &LoginPage<'_>,
    ) -> Option<serde_json::Value> {
        match page.signed_in.filter(|_| page.confirming) {
            // Without it the password is left.
            Some(signed_in) => {
                let factors = self.second_factors(&signed_in.user.id).await.ok()?;
                let has = factors.has_passkey;
                has.then(|| self.passkey_step_up_facts(exchange, signed_in))
            }
            None => self.passkey_sign_in_facts(exchange),
        }
    }
}

#[cfg(not(feature = "passkeys"))]
impl LoginWing {
    #[expect(clippy::unused_async, reason = "as where there are passkeys")]
    async fn passkey_facts(&self, _: &mut Exchange<'_>, _: &LoginPage<'_>) -> Option<()> {
        None
    }
}

/// What was done before. A closed set, so that no link can make the page say anything else.
fn notice(query: &Params) -> Option<&'static str> {
    let notices = [
        ("registered", "You can sign in now."),
        (
            "confirmed",
            "Your e-mail address is confirmed. You can sign in now.",
        ),
        (
            "reset",
            "Your password has been set. You can sign in with it now.",
        ),
        ("unlocked", "Your account is open again."),
    ];
    let said = notices.into_iter().find(|(name, _)| query.is_on(name));
    said.map(|(_, text)| text)
}

/// Whether a text may be shown again in a field.
fn is_plain(text: &str) -> bool {
    text.chars().nth(MAX_HINT_CHARACTERS).is_none() && !text.chars().any(char::is_control)
}
