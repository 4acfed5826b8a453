//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2).

mod choose_account;
mod evaluate;
mod issue;
mod prompt;
mod request;
mod request_object;
mod response;
#[cfg(feature = "login")]
mod wanted;

#[cfg(test)]
mod evaluate_tests;
#[cfg(test)]
#[cfg(feature = "testkit")]
#[path = "../front_tests/mod.rs"]
mod front_tests;

use http::Method;

use super::ProviderWing;
use super::account::{SignInRequest, SignedInAccount};
use super::code::ConsentedScopes;
use super::interaction::{CONFIRMATION_FIELD, INTERACTION_FIELD, Interaction};
use crate::web::{Exchange, Params, ParamsError, Problem, Response};
use evaluate::{Next, SignIn, evaluate};

pub(super) use evaluate::{Progress, authentication};
pub(super) use request::{AuthorizationRequest, Checked, check_resource, plain_client_id};
pub(super) use response::{AuthorizationError, problem_of, send_to, with_parameters};
#[cfg(feature = "login")]
pub(crate) use wanted::WantedSignIn;

impl ProviderWing {
    /// `/authorize`, GET and POST: read, evaluate, then answer, or lay the request aside for its user.
    pub(super) async fn authorize(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.begin(exchange).await {
            Ok(response) => response,
            Err(error) => self.answer_error(exchange, error).await,
        }
    }

    /// `/authorize/resume`: goes on where the request was left, after a sign-in, a choice, a reload.
    pub(super) async fn resume(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.go_on(exchange).await {
            Ok(response) => response,
            Err(error) => self.answer_error(exchange, error).await,
        }
    }

    async fn begin(&self, exchange: &mut Exchange<'_>) -> Result<Response, AuthorizationError> {
        let params = read_params(exchange).map_err(Problem::from)?;
        let checked = self.read_request(&params, exchange.now).await?;
        if lacks_cookies(exchange) {
            return self.come_back_with_cookies(exchange, checked).await;
        }
        self.step(exchange, checked, None).await
    }

    async fn go_on(&self, exchange: &mut Exchange<'_>) -> Result<Response, AuthorizationError> {
        let params = exchange.query().map_err(Problem::from)?;
        let interaction = self.open_interaction(exchange, &params).await?;
        let checked = self.check_again(interaction.request().clone()).await?;
        if interaction.is_bound() {
            return self.step(exchange, checked, Some(interaction)).await;
        }
        self.finish_interaction(&interaction, exchange.now).await?;
        self.step(exchange, checked, None).await
    }

    /// A form posted by another site comes without our `SameSite=Lax` cookies: as it stands nobody is signed in. Laid
    /// aside and asked for again with GET, it comes with them.
    async fn come_back_with_cookies(
        &self,
        exchange: &Exchange<'_>,
        checked: Checked,
    ) -> Result<Response, AuthorizationError> {
        let Checked {
            target, request, ..
        } = checked;
        let interaction = self
            .begin_unbound_interaction(request, exchange.now)
            .await
            .map_err(|error| target.refuse(error))?;
        Ok(send_to(exchange, &self.resume_path(&interaction)))
    }

    /// Does the next step. A request that needs no page leaves no trace but its code.
    async fn step(
        &self,
        exchange: &mut Exchange<'_>,
        checked: Checked,
        mut interaction: Option<Interaction>,
    ) -> Result<Response, AuthorizationError> {
        let account = self.signed_in_for(exchange, &checked).await?;
        let progress = interaction.as_ref().map(Interaction::progress);
        let progress = progress.unwrap_or_default();
        let next = self
            .next_step(exchange, &checked, account.as_ref(), &progress)
            .await?;
        match (next, account) {
            (Next::Issue, Some(account)) => {
                if let Some(interaction) = &interaction {
                    self.finish_interaction(interaction, exchange.now).await?;
                }
                let scopes = ConsentedScopes(checked.request.scopes.clone());
                self.issue(exchange, checked, account, scopes).await
            }
            (Next::SignIn(sign_in), account) => {
                if let (Some(interaction), Some(account)) = (&mut interaction, &account) {
                    interaction.confirmation_asked = progress.saw_sign_in(account);
                }
                self.send_to_sign_in(exchange, &checked, interaction, sign_in)
                    .await
            }
            (Next::Refuse(error), _) => {
                // Spent: the answer went out, and what comes after it is another request.
                if let Some(interaction) = &interaction {
                    self.finish_interaction(interaction, exchange.now).await?;
                }
                Err(checked.target.refuse(error))
            }
            (next, Some(account)) => match interaction {
                Some(interaction) => {
                    Ok(self.show(exchange, &checked, &account, &interaction, &next))
                }
                None => self.send_to_page(exchange, checked).await,
            },
            // Without an account the step is always to sign in or to refuse.
            (_, None) => Err(Problem::internal().into()),
        }
    }

    /// Who is signed in. A resolver that fails is the client's to know (`server_error`), and the log's.
    pub(super) async fn signed_in_for(
        &self,
        exchange: &Exchange<'_>,
        checked: &Checked,
    ) -> Result<Option<SignedInAccount>, AuthorizationError> {
        let account = self.accounts.signed_in(exchange.parts).await;
        account.map_err(|error| checked.target.refuse(error))
    }

    async fn next_step(
        &self,
        exchange: &Exchange<'_>,
        checked: &Checked,
        account: Option<&SignedInAccount>,
        progress: &Progress,
    ) -> Result<Next, AuthorizationError> {
        let remembered = match account {
            Some(account) => {
                let grants = &self.core.stores.grants;
                grants
                    .consent(&account.subject, &checked.client.client_id)
                    .await
                    .map_err(|error| checked.target.refuse(error))?
            }
            None => None,
        };
        Ok(evaluate(
            checked,
            account,
            remembered.as_ref(),
            progress,
            exchange.now,
        ))
    }

    /// Sends the browser to sign in and back here.
    pub(super) async fn send_to_sign_in(
        &self,
        exchange: &mut Exchange<'_>,
        checked: &Checked,
        interaction: Option<Interaction>,
        sign_in: SignIn,
    ) -> Result<Response, AuthorizationError> {
        let interaction = match interaction {
            Some(interaction) => interaction,
            None => self
                .begin_interaction(exchange, checked.request.clone())
                .await
                .map_err(|error| checked.target.refuse(error))?,
        };
        let url = self.sign_in_url(&checked.request, &interaction, sign_in);
        Ok(send_to(exchange, &url))
    }

    /// Pages are drawn at `resume`, so that reloading one starts nothing new.
    async fn send_to_page(
        &self,
        exchange: &mut Exchange<'_>,
        checked: Checked,
    ) -> Result<Response, AuthorizationError> {
        let Checked {
            target, request, ..
        } = checked;
        let interaction = self
            .begin_interaction(exchange, request)
            .await
            .map_err(|error| target.refuse(error))?;
        Ok(send_to(exchange, &self.resume_path(&interaction)))
    }

    fn show(
        &self,
        exchange: &mut Exchange<'_>,
        checked: &Checked,
        account: &SignedInAccount,
        interaction: &Interaction,
        next: &Next,
    ) -> Response {
        match next {
            Next::Consent(missing) => {
                self.consent_page(exchange, checked, account, interaction, missing)
            }
            _ => self.choose_account_page(exchange, checked, account, interaction),
        }
    }

    fn sign_in_url(
        &self,
        request: &AuthorizationRequest,
        interaction: &Interaction,
        sign_in: SignIn,
    ) -> String {
        self.accounts.sign_in_url(&SignInRequest {
            return_to: self.resume_path(interaction),
            reauthenticate: sign_in.reauthenticate,
            select_account: sign_in.select_account,
            create: sign_in.create,
            login_hint: request.login_hint.clone(),
            acr_values: request.wanted_acr(),
        })
    }

    /// Where an interaction goes on.
    pub(super) fn resume_path(&self, interaction: &Interaction) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(INTERACTION_FIELD, interaction.secret());
        if interaction.confirmation_asked {
            query.append_pair(CONFIRMATION_FIELD, "1");
        }
        // Pages read their language from the query they are asked with.
        if let Some(locales) = &interaction.request().ui_locales {
            query.append_pair("ui_locales", locales);
        }
        format!("{}?{}", self.path("/authorize/resume"), query.finish())
    }
}

/// GET and POST carry the same parameters (OpenID Connect Core §3.1.2.1).
pub(super) fn read_params(exchange: &Exchange<'_>) -> Result<Params, ParamsError> {
    if exchange.parts.method == Method::POST {
        exchange.form()
    } else {
        exchange.query()
    }
}

/// Whether cookies may have been held back because another site posts.
pub(super) fn lacks_cookies(exchange: &Exchange<'_>) -> bool {
    exchange.parts.method == Method::POST && exchange.known_browser().is_none()
}
