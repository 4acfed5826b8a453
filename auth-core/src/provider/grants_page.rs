//! The user's own view: which apps have access, since when, and taking it back.

use http::StatusCode;
use serde_json::{Value, json};

use super::ProviderWing;
use super::account::{SignInRequest, SignedInAccount};
use super::authorize::{plain_client_id, problem_of, send_to};
use super::client::ClientMetadata as _;
use super::error::OAuthError;
use crate::services::Event;
use crate::services::pages::PageName;
use crate::store::Consent;
use crate::web::{Exchange, PagePolicy, Problem, Response, Side};

const NOTICE: &str = "The app can no longer access your account.";

impl ProviderWing {
    /// `/grants`: the consents of whoever is signed in.
    pub(super) async fn grants_page(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.list_grants(exchange).await {
            Ok(response) => response,
            Err(problem) => self.core.problem(exchange, Side::Page, &problem),
        }
    }

    /// `/grants/revoke`: takes one consent back; every token it gave ends with it.
    pub(super) async fn revoke_grant(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.take_back(exchange).await {
            Ok(response) => response,
            Err(problem) => self.core.problem(exchange, Side::Page, &problem),
        }
    }

    async fn list_grants(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let Some(account) = self.signed_in_here(exchange).await? else {
            return Ok(self.sign_in_for_grants(exchange));
        };
        let params = exchange.query()?;
        let consents = self
            .core
            .stores
            .grants
            .consents_of(&account.subject)
            .await?;
        let mut grants = Vec::with_capacity(consents.len());
        for consent in &consents {
            grants.push(self.grant_row(exchange, consent).await?);
        }
        let context = json!({
            "grants": grants,
            "revoke_action": self.path("/grants/revoke"),
            "home_url": self.core.base.path("/"),
            "notice": params.is_on("revoked").then_some(NOTICE),
        });
        let policy = PagePolicy::default();
        Ok(self
            .core
            .page(exchange, StatusCode::OK, PageName::Grants, context, policy))
    }

    async fn take_back(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let params = exchange.form_or_json()?;
        let Some(account) = self.signed_in_here(exchange).await? else {
            return Ok(self.sign_in_for_grants(exchange));
        };
        let client = params.get("client_id").and_then(plain_client_id);
        let client = client.ok_or_else(|| Problem::bad_request("The form names no app."))?;
        let purpose = purpose(&account.subject, client.as_str());
        self.core.forms.check(exchange, &params, &purpose)?;
        let grants = &self.core.stores.grants;
        let there = grants
            .revoke_consent(&account.subject, &client, exchange.now)
            .await?;
        if there {
            let event = Event::ConsentRevoked {
                subject: account.subject,
                client,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        let back = format!("{}?revoked=1", self.path("/grants"));
        Ok(send_to(exchange, &back))
    }

    async fn grant_row(
        &self,
        exchange: &mut Exchange<'_>,
        consent: &Consent,
    ) -> Result<Value, Problem> {
        let id = &consent.client_id;
        let client = self
            .find_client(id)
            .await
            .map_err(|error| problem_of(&error))?;
        let client = client.as_ref();
        let purpose = purpose(&consent.subject, id.as_str());
        Ok(json!({
            "client_id": id,
            // A client deleted since still has a consent to take back.
            "client_name": client.map_or(id.as_str(), |client| client.display_name()),
            "client_uri": client.and_then(|client| client.text("client_uri")),
            "logo_uri": client.and_then(|client| client.text("logo_uri")),
            "scopes": self.described(&consent.scopes),
            "granted_at": consent.granted_at.rfc3339(),
            "form_token": self.core.form_token(exchange, &purpose),
        }))
    }

    /// Who is signed in, where there is no client to tell of a failure.
    pub(super) async fn signed_in_here(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<Option<SignedInAccount>, Problem> {
        let account = self.accounts.signed_in(exchange.parts).await;
        account.map_err(|error| problem_of(&OAuthError::from(error)))
    }

    fn sign_in_for_grants(&self, exchange: &Exchange<'_>) -> Response {
        let url = self.accounts.sign_in_url(&SignInRequest {
            return_to: self.path("/grants"),
            reauthenticate: false,
            select_account: false,
            create: false,
            login_hint: None,
            acr_values: Vec::new(),
        });
        send_to(exchange, &url)
    }
}

/// A form drawn for one person and app is good for no other.
fn purpose(subject: &str, client_id: &str) -> String {
    format!("revoke_grant:{client_id}:{subject}")
}
