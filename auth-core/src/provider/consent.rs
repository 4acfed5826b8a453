//! Asking the user, and the user's answer (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.4).

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::ProviderWing;
use super::account::SignedInAccount;
use super::authorize::{AuthorizationError, Checked, authentication, send_to};
use super::client::Presentation;
use super::code::ConsentedScopes;
use super::error::OAuthError;
use super::interaction::Interaction;
use crate::services::Event;
use crate::services::pages::PageName;
use crate::store::StoreResult;
use crate::web::{Exchange, FormTarget, PagePolicy, Params, Problem, Response};

const FORM: &str = "consent";

/// What the person pressed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Allow,
    Deny,
}

impl Decision {
    fn of(params: &Params) -> Option<Self> {
        match params.get("decision")? {
            "allow" => Some(Self::Allow),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

impl ProviderWing {
    /// Draws the page: who asks, for what, where the answer goes. `missing` are the scopes not allowed before.
    pub(super) fn consent_page(
        &self,
        exchange: &mut Exchange<'_>,
        checked: &Checked,
        account: &SignedInAccount,
        interaction: &Interaction,
        missing: &BTreeSet<String>,
    ) -> Response {
        let Checked {
            client,
            target,
            request,
            ..
        } = checked;
        let purpose = interaction.purpose(FORM, &account.subject);
        let asked = request.asked();
        let scopes: Vec<_> = asked
            .iter()
            // Said by `offline`, in words of its own.
            .filter(|scope| *scope != "offline_access")
            .map(|scope| {
                json!({
                    "name": scope,
                    "description": self.settings.scopes.description(scope),
                    "already_granted": !missing.contains(scope),
                })
            })
            .collect();
        let context = json!({
            "action": self.path("/authorize/consent"),
            "form_token": self.core.form_token(exchange, &purpose),
            "interaction": interaction.secret(),
            "client": Presentation::of(client),
            "account": { "name": account.display_name },
            "scopes": scopes,
            "redirect_host": target.redirect_uri().display_host(),
            "offline": request.scopes.contains("offline_access"),
        });
        // The form ends at the client: browsers apply `form-action` to redirects too.
        let policy = PagePolicy {
            forms: FormTarget::Client,
            script: false,
        };
        self.core
            .page(exchange, StatusCode::OK, PageName::Consent, context, policy)
    }

    /// `/authorize/consent`: the user allows or refuses.
    pub(super) async fn decide_consent(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.decide(exchange).await {
            Ok(response) => response,
            Err(error) => self.answer_error(exchange, error).await,
        }
    }

    /// Everything is checked before the interaction is spent, so that a form sent too early or by somebody else costs
    /// its owner nothing; then it is spent before anything is given, so that one decision counts.
    async fn decide(&self, exchange: &mut Exchange<'_>) -> Result<Response, AuthorizationError> {
        let params = exchange.form_or_json().map_err(Problem::from)?;
        let (interaction, checked) = self.open_for_decision(exchange, &params).await?;
        let account = self.signed_in_for(exchange, &checked).await?;
        // The page may have been skipped: whoever posts this form still owes the sign-in the request asked for.
        let progress = interaction.progress();
        let owed = authentication(&checked, account.as_ref(), &progress, exchange.now);
        let (Some(account), None) = (account, owed) else {
            return Ok(send_to(exchange, &self.resume_path(&interaction)));
        };
        let purpose = interaction.purpose(FORM, &account.subject);
        let form = self.core.forms.check(exchange, &params, &purpose);
        form.map_err(Problem::from)?;
        let decision = Decision::of(&params)
            .ok_or_else(|| Problem::bad_request("The form has no decision."))?;
        self.finish_interaction(&interaction, exchange.now).await?;
        match decision {
            Decision::Deny => {
                self.note_denial(exchange, &checked, account).await;
                let error = OAuthError::access_denied("the user refused");
                Err(checked.target.refuse(error))
            }
            Decision::Allow => {
                let scopes = self
                    .note_consent(exchange, &checked, &account)
                    .await
                    .map_err(|error| checked.target.refuse(error))?;
                self.issue(exchange, checked, account, scopes).await
            }
        }
    }

    async fn note_consent(
        &self,
        exchange: &Exchange<'_>,
        checked: &Checked,
        account: &SignedInAccount,
    ) -> StoreResult<ConsentedScopes> {
        let client = &checked.client.client_id;
        let scopes = checked.request.asked();
        let grants = &self.core.stores.grants;
        grants
            .remember_consent(&account.subject, client, &scopes, exchange.now)
            .await?;
        let event = Event::ConsentGranted {
            subject: account.subject.clone(),
            client: client.clone(),
            scopes,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(ConsentedScopes(checked.request.scopes.clone()))
    }

    async fn note_denial(
        &self,
        exchange: &Exchange<'_>,
        checked: &Checked,
        account: SignedInAccount,
    ) {
        let event = Event::ConsentDenied {
            subject: account.subject,
            client: checked.client.client_id.clone(),
        };
        self.core.emit(exchange.now, exchange.address, event).await;
    }

    /// Scopes as pages list them.
    pub(super) fn described(&self, scopes: &BTreeSet<String>) -> Vec<Value> {
        scopes
            .iter()
            .map(|scope| json!({ "name": scope, "description": self.settings.scopes.description(scope) }))
            .collect()
    }
}
