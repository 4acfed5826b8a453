//! The page that asks whether the account signed in is the one meant (`prompt=select_account`).

use http::StatusCode;
use serde_json::json;

use super::super::ProviderWing;
use super::super::account::SignedInAccount;
use super::super::client::ClientMetadata as _;
use super::super::interaction::Interaction;
use super::evaluate::SignIn;
use super::request::Checked;
use super::response::{AuthorizationError, send_to};
use crate::services::pages::PageName;
use crate::web::{Exchange, PagePolicy, Problem, Response};

const FORM: &str = "choose_account";

impl ProviderWing {
    /// Draws the page.
    pub(super) fn choose_account_page(
        &self,
        exchange: &mut Exchange<'_>,
        checked: &Checked,
        account: &SignedInAccount,
        interaction: &Interaction,
    ) -> Response {
        let purpose = interaction.purpose(FORM, &account.subject);
        let other = SignIn {
            select_account: true,
            reauthenticate: true,
            create: false,
        };
        let context = json!({
            "action": self.path("/authorize/account"),
            "form_token": self.core.form_token(exchange, &purpose),
            "interaction": interaction.secret(),
            "client": { "name": checked.client.display_name() },
            "account": { "name": account.display_name },
            "other_url": self.sign_in_url(&checked.request, interaction, other),
        });
        let policy = PagePolicy::default();
        self.core.page(
            exchange,
            StatusCode::OK,
            PageName::ChooseAccount,
            context,
            policy,
        )
    }

    /// `/authorize/account`: the person goes on with the account signed in.
    pub(in crate::provider) async fn choose_account(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Response {
        match self.choose(exchange).await {
            Ok(response) => response,
            Err(error) => self.answer_error(exchange, error).await,
        }
    }

    async fn choose(&self, exchange: &mut Exchange<'_>) -> Result<Response, AuthorizationError> {
        let params = exchange.form_or_json().map_err(Problem::from)?;
        let (interaction, checked) = self.open_for_decision(exchange, &params).await?;
        let Some(account) = self.signed_in_for(exchange, &checked).await? else {
            let sign_in = SignIn::default();
            return self
                .send_to_sign_in(exchange, &checked, Some(interaction), sign_in)
                .await;
        };
        let purpose = interaction.purpose(FORM, &account.subject);
        let form = self.core.forms.check(exchange, &params, &purpose);
        form.map_err(Problem::from)?;
        if params.get("decision") != Some("continue") {
            return Err(Problem::bad_request("The form has no decision.").into());
        }
        let chosen = self
            .choose_in_interaction(interaction, account.subject, exchange.now)
            .await?;
        Ok(send_to(exchange, &self.resume_path(&chosen)))
    }
}
