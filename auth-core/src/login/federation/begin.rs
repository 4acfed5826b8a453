//! `GET /auth/login/with/<name>`: off to another provider. Begins an attempt and changes nothing else.

use std::sync::Arc;

use super::attempt::{Aim, Attempt};
use super::client::{Ask, Client};
use super::plain;
use crate::login::LoginWing;
use crate::login::reply::done;
use crate::web::{Exchange, Params, Problem, Response, ReturnTo};

const MAX_HINT: usize = 254;
const MAX_ACR_VALUES: usize = 256;

/// What is asked for in the words of OpenID Connect Core §3.1.2.1.
pub(super) fn asked(query: &Params) -> Ask {
    let text = |name, most| {
        let text = query.get(name).and_then(|text| plain(text, most));
        text.map(str::to_owned)
    };
    Ask {
        login_hint: text("login_hint", MAX_HINT),
        acr_values: text("acr_values", MAX_ACR_VALUES),
        max_age: None,
        prompt: query.is_on("select").then(|| "select_account".to_owned()),
        screen_hint: text("screen_hint", MAX_HINT).filter(|hint| hint == "sign-up"),
        organization_id: text("organization_id", MAX_HINT),
    }
}

impl LoginWing {
    /// `GET`: `return_to`, `remember`, `login_hint`, `acr_values`, `select`; for a hosted sign-in page `screen_hint` (`sign-up`) and
    /// `organization_id`.
    pub(super) async fn begin_sign_in(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let (return_to, remember) = (self.return_to(&query), query.is_on("remember"));
        self.lead_away(
            exchange,
            client,
            asked(&query),
            Aim::SignIn,
            return_to,
            remember,
        )
        .await
    }

    /// Begins an attempt and leads to the provider.
    pub(super) async fn lead_away(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
        ask: Ask,
        aim: Aim,
        return_to: Option<ReturnTo>,
        remember: bool,
    ) -> Result<Response, Problem> {
        let secrets = client.draw(&*self.core.random);
        let url = client.authorization_url(&secrets, &ask, exchange.now).await;
        let url = match url {
            Ok(url) => url,
            Err(error) => {
                let refusal = self.note_client_error(exchange, client, &error).await;
                return self.draw_refusal(exchange, client, refusal, &aim, return_to.as_ref());
            }
        };
        let attempt = Attempt::new(client, secrets, ask, aim, exchange.now)
            .back_to(return_to)
            .remember(remember);
        self.keep_attempt(exchange, attempt)?;
        Ok(done(exchange, &url))
    }
}
