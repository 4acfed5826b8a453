//! `POST /auth/account/profile`: the name people go by.

use http::StatusCode;

use super::{FieldErrors, Notice};
use crate::login::register::parse_name;
use crate::login::reply::done;
use crate::login::{LoginWing, SignedIn};
use crate::services::Event;
use crate::store::UserChange;
use crate::web::{Exchange, Problem, Response};

/// The claims are another each time: somebody writes without end.
const MOST_TRIES: u32 = 8;

pub(super) fn form(signed_in: &SignedIn) -> String {
    format!("profile:{}", signed_in.session.id)
}

impl LoginWing {
    /// `POST`: `name`, empty to have none. Nothing else of a user can be set here (threat 11).
    pub(in crate::login) async fn change_profile(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let name = match parse_name(body.get("name").unwrap_or_default()) {
            Ok(name) => name,
            Err(message) => {
                let errors = FieldErrors::from([("name", message.to_owned())]);
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return self
                    .draw_account(exchange, status, &signed_in, None, &errors)
                    .await;
            }
        };
        self.save_name(exchange, &signed_in, name).await?;
        Ok(done(exchange, &self.account_url(Notice::ProfileSaved)))
    }

    async fn save_name(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        name: Option<String>,
    ) -> Result<(), Problem> {
        let users = &self.core.stores.users;
        let mut user = signed_in.user.clone();
        for _ in 0..MOST_TRIES {
            let were = user.claims;
            let mut claims = were.clone();
            match &name {
                Some(name) => claims.insert("name".to_owned(), name.as_str().into()),
                None => claims.remove("name"),
            };
            if claims == were {
                return Ok(());
            }
            let change = UserChange {
                claims: Some(claims),
                claims_were: Some(were),
                ..UserChange::default()
            };
            if users
                .update_user(&user.id, &change, exchange.now)
                .await?
                .is_some()
            {
                let event = Event::ProfileChanged { user: user.id };
                self.core.emit(exchange.now, exchange.address, event).await;
                return Ok(());
            }
            // The host wrote claims of its own meanwhile: they stay, and the name goes beside them.
            let again = users.user(&user.id).await?;
            user = again.ok_or_else(Problem::unauthenticated)?;
        }
        Err(Problem::unavailable())
    }
}
