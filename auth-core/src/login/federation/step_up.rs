//! `GET /auth/step-up/with/<name>`: somebody signed in proves again who they are, at a provider the operator trusts with
//! that. It is asked to ask (`prompt=login`, `max_age=0`), and must say that it just has.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::attempt::{Aim, Attempt};
use super::begin::{ASK_AGAIN, asked};
use super::client::{Ask, Client, Proven};
use super::enter::trusted_methods;
use super::refusal::{Refusal, Stop};
use super::{confirms, link_facts};
use crate::login::{LoginWing, SignedIn, acr};
use crate::store::{SessionId, UserId};
use crate::web::{Exchange, Problem, Response, ReturnTo, with_query};

/// How far its clock may be behind.
const LEEWAY: Duration = Duration::from_mins(1);

impl LoginWing {
    /// `GET`: `return_to`, `acr_values`.
    pub(super) async fn begin_step_up(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let return_to = self.return_to(&query);
        let aim = Aim::StepUp {
            user: signed_in.user.id,
            session: signed_in.session.id,
        };
        let ask = Ask {
            prompt: Some(ASK_AGAIN.to_owned()),
            max_age: Some(0),
            ..asked(&query)
        };
        self.lead_away(exchange, client, ask, aim, return_to, false)
            .await
    }

    /// Raises the session, if the identity is one of the person's and they have just signed in there.
    pub(super) async fn finish_upstream_step_up(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Client,
        proven: &Proven,
        own: (&UserId, &SessionId),
        attempt: &Attempt,
        return_to: Option<ReturnTo>,
    ) -> Result<Response, Stop> {
        let signed_in = self.same_session(exchange, own).await?;
        let identities = &self.core.stores.identities;
        let found = identities.identity(&proven.issuer, &proven.subject).await?;
        let found = found.filter(|found| found.user_id == signed_in.user.id);
        let identity = found.ok_or(Refusal::Another)?;
        let is_fresh = proven
            .auth_time
            .is_some_and(|at| at + LEEWAY >= attempt.started_at);
        if !confirms(client) || !is_fresh {
            self.tell_refused(exchange, client, "not_fresh").await;
            return Err(Refusal::NotFresh.into());
        }
        self.note_use(exchange, client, proven, &identity).await?;
        let factors = self.second_factors(&signed_in.user.id).await?;
        let methods = trusted_methods(client, proven, &factors);
        let amr: Vec<_> = [acr::FEDERATED]
            .into_iter()
            .chain(methods.iter().map(String::as_str))
            .collect();
        let answer = self
            .finish_step_up(exchange, &signed_in, &amr, return_to.as_ref(), json!({}))
            .await?;
        Ok(answer)
    }

    /// The providers that somebody signed in can confirm by.
    pub(in crate::login) async fn confirming_upstreams(
        &self,
        signed_in: &SignedIn,
        return_to: Option<&ReturnTo>,
    ) -> Result<Vec<Value>, Problem> {
        if !self.upstreams.iter().any(|client| confirms(client)) {
            return Ok(Vec::new());
        }
        let identities = &self.core.stores.identities;
        let own = identities.identities_of(&signed_in.user.id).await?;
        let back = [("return_to", return_to.map(ReturnTo::as_str))];
        let linked = self.upstreams.iter().filter(|client| {
            let name = &client.upstream.name;
            confirms(client) && own.iter().any(|identity| identity.upstream == *name)
        });
        let links = linked.map(|client| {
            let path = self.path(&format!("/step-up/with/{}", client.upstream.name));
            link_facts(client, &with_query(&path, &back))
        });
        Ok(links.collect())
    }
}
