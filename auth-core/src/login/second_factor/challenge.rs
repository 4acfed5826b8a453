//! `GET` and `POST /auth/second-factor`: the second factor of a sign-in.

use http::StatusCode;
use serde_json::{Value, json};

use super::SecondFactors;
use super::pending::{PendingSignIn, SecondFactorGiven};
use crate::login::reply::{account_name, done};
use crate::login::{LoginWing, acr};
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::User;
use crate::web::{
    Exchange, FormTarget, PagePolicy, Params, Problem, Response, ReturnTo, with_query,
};

/// Which of the methods a page asks for: one at a time, with links to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Prompted {
    Password,
    Totp,
    BackupCode,
    Passkey,
    EmailCode,
}

impl Prompted {
    pub(in crate::login) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Passkey => "passkey",
            Self::EmailCode => "email_code",
        }
    }

    /// The one asked for by name if the person has it, else the first they have.
    pub(in crate::login) fn choose(asked: Option<&str>, available: &[Self]) -> Option<Self> {
        let named = available
            .iter()
            .find(|method| Some(method.as_str()) == asked);
        named.or(available.first()).copied()
    }
}

/// A second factor that was right, by a code.
pub(in crate::login) struct ProvenCode {
    /// Members for the JSON answer.
    pub(in crate::login) members: Value,
}

/// The form is that user's: one kept from another's sign-in does not pass for it. Two tabs of the same may both be sent.
fn form(user: &User) -> String {
    format!("second_factor:{}", user.id)
}

impl SecondFactors {
    /// The methods a page can ask for, the usual one first.
    pub(in crate::login) fn prompts(&self) -> Vec<Prompted> {
        let all = [
            (Prompted::Totp, self.totp.is_some()),
            (Prompted::Passkey, self.has_passkey),
            (Prompted::BackupCode, self.has_backup_codes()),
        ];
        let there = all.into_iter().filter(|(_, there)| *there);
        there.map(|(method, _)| method).collect()
    }
}

impl LoginWing {
    /// `GET`: asks. Without a sign-in that waits, to where it begins.
    pub(super) async fn challenge_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let return_to = self.return_to(&query);
        let Some(mut pending) = self.pending_sign_in(exchange, None).await? else {
            return self.sign_in_again(exchange, return_to.as_ref());
        };
        let factors = self.second_factors(&pending.user.id).await?;
        let factors = factors.beside(pending.basis());
        if !factors.any() {
            return self.without_second_factor(exchange, &pending).await;
        }
        pending.return_to = return_to.or(pending.return_to);
        let asked = query.get("use");
        Ok(self.draw_challenge(exchange, StatusCode::OK, &pending, &factors, asked, None))
    }

    /// `POST`: `code` or `backup_code`, and `trust_device`. Counted before it is looked at.
    pub(super) async fn challenge(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let return_to = self.return_to(&body);
        let Some(mut pending) = self.pending_sign_in(exchange, Some(&body)).await? else {
            return self.sign_in_again(exchange, return_to.as_ref());
        };
        self.core
            .forms
            .check(exchange, &body, &form(&pending.user))?;
        // The tab that was answered says where it was going; another may have begun the sign-in that waits.
        pending.return_to = return_to.or(pending.return_to);
        let factors = self.second_factors(&pending.user.id).await?;
        let factors = factors.beside(pending.basis());
        if !factors.any() {
            return self.without_second_factor(exchange, &pending).await;
        }
        let proven = self
            .prove_code(exchange, &pending.user, &factors, &body)
            .await?;
        let Some(proven) = proven else {
            let asked = body.get("backup_code").map(|_| "backup_code");
            let error = Some("That code is not right, or it has been used already.");
            let status = StatusCode::UNAUTHORIZED;
            return Ok(self.draw_challenge(exchange, status, &pending, &factors, asked, error));
        };
        let given = SecondFactorGiven {
            amr: vec![acr::ONE_TIME_PASSWORD],
            is_new: false,
            trust_device: body.is_on("trust_device"),
            members: proven.members,
        };
        self.finish_second_factor(exchange, pending, given).await
    }

    /// There is none to ask for: it is set up, or was removed meanwhile and the sign-in begins anew.
    async fn without_second_factor(
        &self,
        exchange: &Exchange<'_>,
        pending: &PendingSignIn,
    ) -> Result<Response, Problem> {
        if self.must_have_mfa(&pending.user).await? {
            return Ok(done(exchange, &self.path("/second-factor/enrol")));
        }
        self.sign_in_again(exchange, pending.return_to.as_ref())
    }

    /// Counts an attempt, then compares a code with what the user has, and spends it.
    pub(in crate::login) async fn prove_code(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        factors: &SecondFactors,
        body: &Params,
    ) -> Result<Option<ProvenCode>, Problem> {
        self.count_second_factor(exchange, user).await?;
        let spent = match self.spend_code(exchange, user, factors, body).await {
            Ok(spent) => spent,
            Err(problem) => {
                self.take_back_second_factor(exchange, user).await?;
                return Err(problem);
            }
        };
        if spent.is_some() {
            self.second_factor_was_right(exchange, user).await?;
        } else {
            self.second_factor_was_wrong(exchange, user).await;
        }
        Ok(spent)
    }

    async fn spend_code(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        factors: &SecondFactors,
        body: &Params,
    ) -> Result<Option<ProvenCode>, Problem> {
        let members = json!({});
        if let (Some(totp), Some(code)) = (&factors.totp, body.get("code")) {
            let right = self.spend_totp(totp, code, exchange.now).await?;
            return Ok(right.then_some(ProvenCode { members }));
        }
        let Some(code) = body.get("backup_code").filter(|_| factors.any()) else {
            return Ok(None);
        };
        let Some(left) = self.spend_backup_code(&user.id, code, exchange).await? else {
            return Ok(None);
        };
        let members = json!({ "backup_codes_left": left });
        let facts = json!({ "left": left });
        self.tell_owner(exchange, user, MailKind::BackupCodeUsed, facts)
            .await;
        Ok(Some(ProvenCode { members }))
    }

    fn draw_challenge(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        pending: &PendingSignIn,
        factors: &SecondFactors,
        asked: Option<&str>,
        error: Option<&str>,
    ) -> Response {
        let return_to = pending.return_to.as_ref().map(ReturnTo::as_str);
        let prompts = factors.prompts();
        let prompted = Prompted::choose(asked, &prompts);
        let page = self.path("/second-factor");
        let other = |method: Prompted| {
            let is_other = prompts.contains(&method) && prompted != Some(method);
            let query = [("use", Some(method.as_str())), ("return_to", return_to)];
            is_other.then(|| with_query(&page, &query))
        };
        let life = self.settings.factors.trusted_devices;
        #[cfg(feature = "passkeys")]
        let passkey = factors
            .has_passkey
            .then(|| self.passkey_second_factor_facts(exchange, &pending.user));
        #[cfg(not(feature = "passkeys"))]
        let passkey: Option<Value> = None;
        let context = json!({
            "action": page,
            "form_token": self.core.form_token(exchange, &form(&pending.user)),
            "return_to": return_to,
            "account": account_name(&pending.user),
            "method": prompted.map(Prompted::as_str),
            "totp_url": other(Prompted::Totp),
            "passkey_url": other(Prompted::Passkey),
            "backup_code_url": other(Prompted::BackupCode),
            "passkey": passkey,
            "trust_days": life.map(|life| life.as_secs().div_ceil(86_400)),
            "restart_url": self.login_url(pending.return_to.as_ref()),
            "error": error,
        });
        let policy = PagePolicy {
            script: passkey.is_some(),
            ..way_on(pending.return_to.as_ref())
        };
        self.scripted_page(exchange, status, PageName::SecondFactor, context, policy)
    }
}

/// Whoever signs in on the way to another app is led on to it: `form-action` counts the whole chain.
pub(in crate::login) fn way_on(return_to: Option<&ReturnTo>) -> PagePolicy {
    PagePolicy {
        forms: match return_to {
            Some(_) => FormTarget::Client,
            None => FormTarget::Here,
        },
        script: false,
    }
}
