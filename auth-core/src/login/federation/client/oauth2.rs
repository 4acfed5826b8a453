//! Plain OAuth 2: who came is asked of the provider's API.

use http::StatusCode;
use serde_json::{Map, Value};

use super::id_token::is_subject;
use super::{Client, ClientError, Proven, Tokens};
use crate::ground::jose::parse_unique_value;
use crate::login::federation::profile;
use crate::login::federation::upstream::{ApiCall, Protocol};

const PLACE: &str = "API";
const WRONG: ClientError = ClientError::Refused("user_info");

impl Client {
    pub(super) async fn prove_by_api(&self, tokens: Tokens) -> Result<Proven, ClientError> {
        let Protocol::OAuth2 { issuer, calls, .. } = &self.upstream.protocol else {
            return Err(ClientError::Refused("configuration"));
        };
        let mut document = Map::new();
        let mut further = Map::new();
        for call in calls {
            match (self.call(call, &tokens).await?, call.name) {
                (Some(Value::Object(members)), "") => document.extend(members),
                (Some(_), "") => return Err(WRONG),
                (Some(answer), name) => {
                    further.insert(name.to_owned(), answer);
                }
                (None, _) => {}
            }
        }
        // Last: no member of the root stands for a call that brought nothing.
        for call in calls.iter().filter(|call| !call.name.is_empty()) {
            document.remove(call.name);
        }
        document.extend(further);
        let document = Value::Object(document);
        let subject = profile::subject(&self.upstream.profile, &document);
        let subject = subject.filter(|subject| is_subject(subject));
        Ok(Proven {
            issuer: issuer.clone(),
            subject: subject.ok_or(ClientError::Refused("user_info_subject"))?,
            profile: profile::read(&self.upstream.profile, &document),
            claims: document,
            sid: None,
            auth_time: None,
            issued_at: None,
            acr: None,
            amr: Vec::new(),
            id_token: None,
            tokens,
        })
    }

    /// One answer. What the person did not let the app see beside who they are is not there: `None`.
    async fn call(&self, call: &ApiCall, tokens: &Tokens) -> Result<Option<Value>, ClientError> {
        let ApiCall {
            name,
            url,
            method,
            headers,
        } = call;
        let answer = self
            .ask_api(PLACE, method, url, headers, &tokens.access_token)
            .await?;
        let is_withheld = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&answer.status);
        if is_withheld && !name.is_empty() {
            return Ok(None);
        }
        if answer.status.is_client_error() {
            return Err(WRONG);
        }
        if !answer.is_json() {
            return Err(ClientError::Down(PLACE, None));
        }
        parse_unique_value(&answer.body)
            .map(Some)
            .map_err(|_| WRONG)
    }
}
