//! `GET /auth/login/with/<name>`: off to another provider. Begins an attempt and changes nothing else.

use std::sync::Arc;

use super::attempt::{Aim, Attempt};
use super::client::{Ask, Client};
use super::{confirms, is_openid, plain};
use crate::login::reply::done;
use crate::login::{LoginWing, RequestedSignIn, acr};
use crate::web::{Exchange, Params, Problem, Response, ReturnTo};

/// The `prompt` that has the person asked also where the provider knows them.
pub(super) const ASK_AGAIN: &str = "login";

const MAX_HINT: usize = 254;
const MAX_ACR_VALUES: usize = 256;
/// Digits of `max_age`: three centuries of seconds.
const MAX_AGE_DIGITS: usize = 10;

/// What is asked for in the words of OpenID Connect Core §3.1.2.1.
pub(super) fn asked(query: &Params) -> Ask {
    let text = |name, most| {
        let text = query.get(name).and_then(|text| plain(text, most));
        text.map(str::to_owned)
    };
    let is_age = |text: &&str| text.len() <= MAX_AGE_DIGITS && text.bytes().all(is_digit);
    let asks_again = query.get("prompt") == Some(ASK_AGAIN);
    let prompt = if asks_again {
        Some(ASK_AGAIN)
    } else {
        query.is_on("select").then_some("select_account")
    };
    Ask {
        login_hint: text("login_hint", MAX_HINT),
        acr_values: text("acr_values", MAX_ACR_VALUES),
        max_age: query
            .get("max_age")
            .filter(is_age)
            .and_then(|text| text.parse().ok()),
        prompt: prompt.map(str::to_owned),
        screen_hint: text("screen_hint", MAX_HINT).filter(|hint| hint == "sign-up"),
        organization_id: text("organization_id", MAX_HINT),
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// With what the app asks that sends the person here. The words of this house mean nothing at another.
fn with_app(ask: Ask, app: &RequestedSignIn) -> Ask {
    let own = [acr::SINGLE_FACTOR_ACR, acr::MULTI_FACTOR_ACR];
    let theirs = app.acr_values.iter().map(String::as_str);
    let theirs: Vec<_> = theirs.filter(|acr| !own.contains(acr)).collect();
    let acr_values = theirs.join(" ");
    let acr_values = plain(&acr_values, MAX_ACR_VALUES).filter(|text| !text.is_empty());
    let hint = app.login_hint.as_deref();
    let hint = hint.and_then(|hint| plain(hint, MAX_HINT));
    let max_age = ask.max_age.into_iter().chain(app.max_age).min();
    Ask {
        login_hint: ask.login_hint.or(hint.map(str::to_owned)),
        acr_values: ask.acr_values.or(acr_values.map(str::to_owned)),
        max_age,
        prompt: app.asks_again.then(|| ASK_AGAIN.to_owned()).or(ask.prompt),
        ..ask
    }
}

/// As far as the provider knows the words. Only one that is trusted with authentication is asked for an age: of others it
/// would not be believed, and many cannot tell it.
fn for_client(ask: Ask, client: &Client) -> Ask {
    let knows_again = is_openid(client) || ask.prompt.as_deref() != Some(ASK_AGAIN);
    Ask {
        max_age: ask.max_age.filter(|_| confirms(client)),
        prompt: ask.prompt.filter(|_| knows_again),
        ..ask
    }
}

impl LoginWing {
    /// `GET`: `return_to`, `remember`, `login_hint`, `acr_values`, `max_age`, `prompt` (`login`), `select`; for a hosted
    /// sign-in page `screen_hint` (`sign-up`) and `organization_id`.
    pub(super) async fn begin_sign_in(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let (return_to, remember) = (self.return_to(&query), query.is_on("remember"));
        let app = self.requesters.asks(exchange, return_to.as_ref()).await;
        let ask = with_app(asked(&query), &app.unwrap_or_default());
        let ask = for_client(ask, client);
        self.lead_away(exchange, client, ask, Aim::SignIn, return_to, remember)
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
