//! The answer to an authorization request that lacks nothing (OpenID Connect Core §3.1.2.5, §3.2.2.5, §3.3.2.5).

use super::super::ProviderWing;
use super::super::account::SignedInAccount;
use super::super::code::{CodeRequest, ConsentedScopes, GrantDetails};
use super::super::error::OAuthError;
use super::super::response_type::ResponseType;
use super::super::scope;
use super::super::tokens::{AccessTokenRequest, IdTokenRequest, Target};
use super::request::Checked;
use super::response::AuthorizationError;
use crate::ground::Timestamp;
use crate::services::Event;
use crate::store::{Client, Grant};
use crate::web::{Exchange, Response};

/// What goes back to the client. No `Debug`: it is all credentials.
#[derive(Default)]
struct Answer {
    code: Option<String>,
    access_token: Option<String>,
    id_token: Option<String>,
}

impl ProviderWing {
    /// Issues what the response type names, and sends it.
    pub(in crate::provider) async fn issue(
        &self,
        exchange: &Exchange<'_>,
        checked: Checked,
        account: SignedInAccount,
        scopes: ConsentedScopes,
    ) -> Result<Response, AuthorizationError> {
        let Checked {
            client,
            target,
            request,
            ..
        } = checked;
        let response_type = request.response_type;
        let request = CodeRequest {
            client,
            redirect_uri: target.redirect_uri().clone(),
            redirect_uri_given: request.redirect_uri_given,
            claims: request.claims(),
            code_challenge: request.code_challenge,
            account,
            scopes,
            nonce: request.nonce,
        };
        let granted = scope::join(&request.scopes.0);
        let session_state = self.session_state(
            exchange,
            &request.client.client_id,
            request.redirect_uri.as_str(),
            &request.account,
            &request.scopes.0,
        );
        let answer = self
            .make_answer(exchange, response_type, request)
            .await
            .map_err(|error| target.refuse(error))?;
        let life = self.settings.access_token_life.as_secs().to_string();
        let token = answer.access_token.as_deref();
        let about_token = |value| token.map(|_| value);
        let parameters: Vec<_> = [
            ("code", answer.code.as_deref()),
            ("access_token", token),
            ("token_type", about_token("Bearer")),
            ("expires_in", about_token(&*life)),
            ("scope", about_token(&*granted)),
            ("id_token", answer.id_token.as_deref()),
            (
                "session_state",
                session_state.as_ref().map(|(state, _)| &**state),
            ),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let mut response = self.answer(exchange, &target, &parameters);
        if let Some((_, cookies)) = session_state {
            for (name, value) in &cookies {
                response.headers_mut().append(name, value.clone());
            }
        }
        Ok(response)
    }

    async fn make_answer(
        &self,
        exchange: &Exchange<'_>,
        response_type: ResponseType,
        request: CodeRequest,
    ) -> Result<Answer, OAuthError> {
        let now = exchange.now;
        let grant = self.write_grant(&request, now).await?;
        let client = response_type
            .is_front_channel()
            .then(|| request.client.clone());
        let mut answer = Answer::default();
        if response_type.has_code() {
            answer.code = Some(self.issue_code(request, &grant, now).await?);
        }
        if let Some(client) = client {
            self.sign_front_channel(response_type, &client, &grant, &mut answer, now)
                .await?;
            let event = Event::TokensIssued {
                client: grant.client_id,
                subject: Some(grant.subject),
                grant: Some(grant.id),
                grant_type: "implicit",
            };
            self.core.emit(now, exchange.address, event).await;
        }
        Ok(answer)
    }

    /// The access token first, then the ID token that binds it and the code (OpenID Connect Core §3.3.2.11).
    async fn sign_front_channel(
        &self,
        response_type: ResponseType,
        client: &Client,
        grant: &Grant,
        answer: &mut Answer,
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        let details = GrantDetails::of(grant);
        if response_type.has_token() {
            let request = AccessTokenRequest {
                client,
                scope: &scope::join(&grant.scopes),
                grant: Some((grant, &details)),
            };
            answer.access_token = Some(self.sign_access_token(&request, now).await?);
        }
        if response_type.has_id_token() {
            let target = match response_type {
                ResponseType::IdToken => Target::IdTokenAlone,
                _ => Target::IdToken,
            };
            let request = IdTokenRequest {
                client,
                grant,
                details: &details,
                access_token: answer.access_token.as_deref(),
                code: answer.code.as_deref(),
                target,
                with_nonce: true,
            };
            answer.id_token = Some(self.sign_id_token(&request, now).await?);
        }
        Ok(())
    }
}
