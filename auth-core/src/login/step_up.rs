//! `GET` and `POST /auth/step-up`: somebody signed in proves again who they are, or by one more method. The session's
//! `auth_time`, `amr` and `acr` say so from then on, to guards here and to other apps alike; its secret changes, its id
//! stays.
//!
//! Where a second factor is asked for, and to renew what several factors began, the password alone does not count: it
//! would pass for a second factor that nobody gave again.

use http::StatusCode;
use serde_json::{Value, json};

use super::attempt::identifiers_of;
use super::reply::{account_name, done_with};
use super::second_factor::{Prompted, SecondFactors, asks_for_several, several, way_on};
use super::{LoginWing, SignedIn, acr};
use crate::services::Event;
use crate::services::pages::PageName;
use crate::store::Session;
use crate::web::{Exchange, PagePolicy, Params, Problem, Response, ReturnTo, with_query};

pub(super) fn form(signed_in: &SignedIn) -> String {
    format!("step_up:{}", signed_in.session.id)
}

/// What a person can prove themselves by here.
struct Ways {
    has_password: bool,
    factors: SecondFactors,
    /// The verified address can be written to.
    has_mailbox: bool,
    /// One factor is not enough.
    needs_second: bool,
}

/// What a request asks the page for.
pub(super) struct Asked<'r> {
    /// The method, by name.
    pub(super) method: Option<&'r str>,
    /// What was wrong with the last attempt.
    pub(super) error: Option<&'static str>,
    /// Where a mail that is under way is named.
    pub(super) params: &'r Params,
}

impl Ways {
    /// The usual one first.
    fn prompts(&self) -> Vec<Prompted> {
        let mut prompts = self.factors.prompts();
        if self.takes_password() {
            prompts.insert(0, Prompted::Password);
        }
        // For those who have nothing else: elsewhere it would be one way more to guess at.
        if prompts.is_empty() && self.has_mailbox {
            prompts.push(Prompted::EmailCode);
        }
        prompts
    }

    fn takes_password(&self) -> bool {
        self.has_password && !self.insists()
    }

    /// Nothing less than a second factor will do. Whoever has none cannot be asked for one; the page leads to where it
    /// is set up.
    fn insists(&self) -> bool {
        self.needs_second && self.factors.any()
    }
}

impl LoginWing {
    /// The way to the page and back.
    pub(crate) fn step_up_url(&self, return_to: Option<&ReturnTo>, second: bool) -> String {
        let query = [
            ("return_to", return_to.map(ReturnTo::as_str)),
            ("factor", second.then_some("second")),
        ];
        with_query(&self.path("/step-up"), &query)
    }

    /// Whether there is more to confirm by than the password alone, or not even that.
    pub(super) async fn has_ways_beside_password(
        &self,
        signed_in: &SignedIn,
    ) -> Result<bool, Problem> {
        let ways = self.ways(signed_in, false).await?;
        if ways.prompts() != [Prompted::Password] {
            return Ok(true);
        }
        Ok(!self.upstreams_to_confirm(signed_in, None).await?.is_empty())
    }

    /// The providers that somebody can confirm by.
    async fn upstreams_to_confirm(
        &self,
        signed_in: &SignedIn,
        return_to: Option<&ReturnTo>,
    ) -> Result<Vec<Value>, Problem> {
        #[cfg(feature = "federation")]
        let links = self.confirming_upstreams(signed_in, return_to).await?;
        #[cfg(not(feature = "federation"))]
        let links = {
            let _ = (self, signed_in, return_to);
            std::future::ready(Vec::new()).await
        };
        Ok(links)
    }

    async fn ways(&self, signed_in: &SignedIn, asks_second: bool) -> Result<Ways, Problem> {
        let user = &signed_in.user.id;
        let needs_second = asks_second || acr::is_several(&signed_in.session.amr);
        let password = self.core.stores.users.password_hash(user).await?;
        Ok(Ways {
            has_password: password.is_some(),
            factors: self.second_factors(user).await?,
            has_mailbox: self.reaches(&signed_in.user),
            needs_second,
        })
    }

    /// Whether the code of a mail is what the person confirms by.
    pub(super) async fn steps_up_by_mail(&self, signed_in: &SignedIn) -> Result<bool, Problem> {
        let ways = self.ways(signed_in, false).await?;
        Ok(ways.prompts() == [Prompted::EmailCode])
    }

    /// `GET`: asks by one of the methods the person has.
    pub(super) async fn step_up_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let return_to = self.return_to(&query);
        let asked = Asked {
            method: query.get("use"),
            error: None,
            params: &query,
        };
        let status = StatusCode::OK;
        self.draw_step_up(exchange, status, &signed_in, return_to.as_ref(), asked)
            .await
    }

    /// `POST`: `password`, `code`, `backup_code`, or `f` and `email_code`. Counted before it is looked at, like the sign-in.
    pub(super) async fn step_up(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let query = exchange.query()?;
        let return_to = self.return_to(&body).or_else(|| self.return_to(&query));
        let back = return_to.as_ref();
        if body.get("email_code").is_some() {
            return self
                .step_up_by_mail(exchange, &signed_in, &body, back)
                .await;
        }
        if let Some(refused) = self
            .refuse_password(exchange, &signed_in, &body, back)
            .await?
        {
            return Ok(refused);
        }
        let (amr, members, method) = if body.get("password").is_some() {
            let right = self.confirm_password(exchange, &signed_in, &body).await?;
            let amr = right.then(|| vec![acr::PASSWORD]);
            (amr, json!({}), Prompted::Password)
        } else {
            let factors = self.second_factors(&signed_in.user.id).await?;
            let user = &signed_in.user;
            let proven = self.prove_code(exchange, user, &factors, &body).await?;
            let method = match body.get("backup_code") {
                Some(_) => Prompted::BackupCode,
                None => Prompted::Totp,
            };
            // No session begins with such a code, so there was another factor before it.
            let amr = [acr::ONE_TIME_PASSWORD, acr::MULTIPLE_FACTORS];
            let amr = proven.is_some().then(|| amr.to_vec());
            let members = proven.map_or_else(|| json!({}), |proven| proven.members);
            (amr, members, method)
        };
        let Some(amr) = amr else {
            let error = match method {
                Prompted::Password => "That is not your password.",
                _ => "That code is not right, or it has been used already.",
            };
            let status = StatusCode::UNAUTHORIZED;
            let asked = Asked {
                method: Some(method.as_str()),
                error: Some(error),
                params: &body,
            };
            return self
                .draw_step_up(exchange, status, &signed_in, back, asked)
                .await;
        };
        self.finish_step_up(exchange, &signed_in, &amr, back, members)
            .await
    }

    /// The answer to a password where nothing less than a second factor will do. It is not looked at.
    async fn refuse_password(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        body: &Params,
        return_to: Option<&ReturnTo>,
    ) -> Result<Option<Response>, Problem> {
        let asks_second = asks_for_several(exchange)?;
        let is_given = body.get("password").is_some();
        if !is_given || !self.ways(signed_in, asks_second).await?.insists() {
            return Ok(None);
        }
        let asked = Asked {
            method: None,
            error: Some("Your password alone is not enough here."),
            params: body,
        };
        let status = StatusCode::FORBIDDEN;
        let page = self.draw_step_up(exchange, status, signed_in, return_to, asked);
        page.await.map(Some)
    }

    /// Raises the session by what was just proven, whichever method that was, and goes back. `amr` has `mfa` where the
    /// method is a factor beside the one the session began with.
    pub(in crate::login) async fn finish_step_up(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        amr: &[&str],
        return_to: Option<&ReturnTo>,
        mut members: Value,
    ) -> Result<Response, Problem> {
        let raised = raised(&signed_in.session, amr, exchange);
        if let Some(renewed) = self.renew_session(exchange, &raised).await? {
            let event = Event::SteppedUp {
                user: raised.user_id.clone(),
                session: raised.id.clone(),
                amr: amr.iter().map(ToString::to_string).collect(),
            };
            self.core.emit(exchange.now, exchange.address, event).await;
            if let (Value::Object(members), Value::Object(renewed)) = (&mut members, renewed) {
                members.extend(renewed);
            }
        }
        // Where it was not raised, another request has changed or ended the session: what comes next finds out.
        let home = self.home();
        let next = return_to.map_or(&*home, ReturnTo::as_str);
        Ok(done_with(exchange, next, members))
    }

    /// Counted by the same counter as a sign-in: a browser left open is no place to guess at will.
    async fn confirm_password(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        body: &Params,
    ) -> Result<bool, Problem> {
        let user = &signed_in.user;
        let Some(identifier) = identifiers_of(user).next() else {
            return Ok(false);
        };
        let account = self.find_account(Some(&identifier)).await?;
        let counted = self
            .count_confirmation(exchange, &identifier, &account)
            .await?;
        let password = body.get("password").unwrap_or_default().into();
        let proven = self
            .prove_password(account, &password, Some(signed_in), counted.begun())
            .await;
        if proven.is_err() {
            // Nothing was compared: being too busy is not held against anybody.
            counted.take_back().await?;
        } else {
            counted.stand();
        }
        if let Err(refused) = proven? {
            let reason = refused.reason;
            let event = Event::SignInFailed {
                user: Some(user.id.clone()),
                reason,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
            return Ok(false);
        }
        self.clear_account_count(&user.id).await?;
        Ok(true)
    }

    pub(super) async fn draw_step_up(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        signed_in: &SignedIn,
        return_to: Option<&ReturnTo>,
        asked: Asked<'_>,
    ) -> Result<Response, Problem> {
        let needs_second = asks_for_several(exchange)?;
        let ways = self.ways(signed_in, needs_second).await?;
        let prompts = ways.prompts();
        let prompted = Prompted::choose(asked.method, &prompts);
        let back = return_to.map(ReturnTo::as_str);
        let page = self.path("/step-up");
        let factor = needs_second.then_some("second");
        let other = |method: Prompted| {
            let is_other = prompts.contains(&method) && prompted != Some(method);
            let query = [
                ("return_to", back),
                ("factor", factor),
                ("use", Some(method.as_str())),
            ];
            is_other.then(|| with_query(&page, &query))
        };
        #[cfg(feature = "passkeys")]
        let passkey = ways
            .factors
            .has_passkey
            .then(|| self.passkey_step_up_facts(exchange, signed_in));
        #[cfg(not(feature = "passkeys"))]
        let passkey: Option<Value> = None;
        let email_code = if prompted == Some(Prompted::EmailCode) {
            let facts = self.mail_code_facts(exchange, signed_in, asked.params);
            Some(facts.await?)
        } else {
            None
        };
        let insists = ways.insists();
        let factors = ways.factors.beside_session(&signed_in.session);
        let lacks_second = needs_second && !factors.any();
        let again = [
            ("return_to", back),
            ("select", Some("1")),
            // A provider that let them through as they were would only lead here again.
            ("prompt", self.offers_upstreams().then_some("login")),
        ];
        let again = with_query(&self.path("/login"), &again);
        // They are one factor, whatever was asked there.
        let upstreams = if insists {
            Vec::new()
        } else {
            self.upstreams_to_confirm(signed_in, return_to).await?
        };
        let has_none = prompted.is_none() && upstreams.is_empty();
        let context = json!({
            "action": with_query(&page, &[("factor", factor)]),
            "form_token": self.core.form_token(exchange, &form(signed_in)),
            "return_to": back,
            "account": account_name(&signed_in.user),
            "method": prompted.map(Prompted::as_str),
            "password_url": other(Prompted::Password),
            "totp_url": other(Prompted::Totp),
            "passkey_url": other(Prompted::Passkey),
            "backup_code_url": other(Prompted::BackupCode),
            "passkey": passkey,
            "email_code": email_code,
            "set_up_url": lacks_second.then(|| self.path("/account/two-factor")),
            // Who has none of the methods signs in anew, as they did before.
            "sign_in_url": has_none.then_some(again),
            "upstreams": upstreams,
            "error": asked.error,
        });
        let policy = PagePolicy {
            script: passkey.is_some(),
            ..way_on(return_to)
        };
        Ok(self.scripted_page(exchange, status, PageName::StepUp, context, policy))
    }
}

/// The session as it is once this was proven. One factor says nothing anew of the several that the session may have had:
/// they are as old as they are, and the time that is told is that of this one.
fn raised(session: &Session, amr: &[&str], exchange: &Exchange<'_>) -> Session {
    let is_several = amr.contains(&acr::MULTIPLE_FACTORS);
    let mut methods = if is_several || !acr::is_several(&session.amr) {
        session.amr.clone()
    } else {
        let lasting = session.amr.iter().filter(|method| acr::is_lasting(method));
        lasting.cloned().collect()
    };
    for method in amr {
        if *method != acr::MULTIPLE_FACTORS && !methods.iter().any(|known| known == method) {
            methods.push((*method).to_owned());
        }
    }
    if is_several {
        methods = several(methods, &[]);
    }
    Session {
        auth_time: exchange.now,
        acr: Some(acr::of(&methods).to_owned()),
        amr: methods,
        ..session.clone()
    }
}
