//! `GET /auth/account`: what a person sees of their own account. Whose it is follows from the session alone: no endpoint
//! here reads a user's id from the request (threat 02).

mod password;
mod profile;
mod sessions;

use std::collections::BTreeMap;

use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{LoginWing, SignedIn, acr, logout};
use crate::services::pages::PageName;
use crate::web::{Exchange, Problem, Response, ReturnTo, see_other, wants_json, with_query};

/// What the page says after something was done. A closed set, so that no link can make it say anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    ProfileSaved,
    PasswordChanged,
    EmailChanged,
    SessionEnded,
    OthersEnded,
}

impl Notice {
    const ALL: [Self; 5] = [
        Self::ProfileSaved,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::SessionEnded,
        Self::OthersEnded,
    ];

    const fn code(self) -> &'static str {
        match self {
            Self::ProfileSaved => "profile_saved",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::SessionEnded => "session_ended",
            Self::OthersEnded => "others_ended",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ProfileSaved => "Your profile has been saved.",
            Self::PasswordChanged => {
                "Your password has been changed. All other devices have been signed out."
            }
            Self::EmailChanged => {
                "Your e-mail address has been changed. All other devices have been signed out."
            }
            Self::SessionEnded => "That device has been signed out.",
            Self::OthersEnded => "All other devices have been signed out.",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }
}

/// What is wrong, by field.
type FieldErrors = BTreeMap<&'static str, String>;

/// Somebody signed in, or the answer to somebody who is not.
pub(super) type OrElsewhere<T> = Result<T, Response>;

impl LoginWing {
    /// `GET`: the page.
    pub(super) async fn account_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let notice = query.get("notice").and_then(Notice::from_code);
        let status = StatusCode::OK;
        self.draw_account(exchange, status, &signed_in, notice, &FieldErrors::new())
            .await
    }

    /// Who is signed in; otherwise the way to the sign-in page and back, or 401 for a client that reads JSON.
    pub(super) async fn person(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<OrElsewhere<SignedIn>, Problem> {
        if let Some(signed_in) = self.resolve(exchange.headers(), exchange.now).await? {
            return Ok(Ok(signed_in));
        }
        if wants_json(exchange.headers()) {
            return Err(Problem::unauthenticated());
        }
        // What was posted is lost; a link is not.
        let here = match exchange.parts.method {
            Method::GET | Method::HEAD => exchange
                .parts
                .uri
                .path_and_query()
                .map(PathAndQuery::as_str),
            _ => None,
        };
        let back = here
            .and_then(|here| ReturnTo::parse(&self.core.base, here))
            .or_else(|| ReturnTo::parse(&self.core.base, &self.path("/account")));
        Ok(Err(see_other(&self.login_url(back.as_ref()))))
    }

    /// As [`person`](Self::person), who proved recently who they are, and with a second factor where they have one: nobody
    /// who knows the password alone changes the others. A session that says it had several factors had them at its
    /// `auth_time`. Otherwise the way to prove it and back to `back`, or 403 for a
    /// client that reads JSON.
    pub(super) async fn confirmed_person(
        &self,
        exchange: &Exchange<'_>,
        back: &str,
    ) -> Result<OrElsewhere<SignedIn>, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(Err(elsewhere)),
        };
        let Some(elsewhere) = self.unconfirmed(exchange, &signed_in, back).await? else {
            return Ok(Ok(signed_in));
        };
        if wants_json(exchange.headers()) {
            return Err(step_up_required());
        }
        Ok(Err(see_other(&elsewhere)))
    }

    /// Where somebody signed in confirms who they are before they change how they sign in, and comes back to `back`;
    /// `None` when they have: recently, and with a second factor where they have one.
    pub(super) async fn unconfirmed(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        back: &str,
    ) -> Result<Option<String>, Problem> {
        let session = &signed_in.session;
        let factors = self.second_factors(&signed_in.user.id).await?;
        let factors = factors.beside_session(session);
        let needs_second = factors.any() && session.acr.as_deref() != Some(acr::MULTI_FACTOR_ACR);
        if self.was_recent(session, exchange.now) && !needs_second {
            return Ok(None);
        }
        let back = ReturnTo::parse(&self.core.base, &self.path(back));
        Ok(Some(self.step_up_url(back.as_ref(), needs_second)))
    }

    pub(super) fn account_url(&self, notice: Notice) -> String {
        with_query(&self.path("/account"), &[("notice", Some(notice.code()))])
    }

    async fn draw_account(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        signed_in: &SignedIn,
        notice: Option<Notice>,
        errors: &FieldErrors,
    ) -> Result<Response, Problem> {
        let stores = &self.core.stores;
        let has_password = stores
            .users
            .password_hash(&signed_in.user.id)
            .await?
            .is_some();
        let sessions = self.list_sessions(exchange, signed_in).await?;
        let passkeys_url = self.passkeys_page_url();
        #[cfg(feature = "federation")]
        let identities_url = self.identities_page_url();
        #[cfg(not(feature = "federation"))]
        let identities_url = None::<String>;
        let context = json!({
            "user": user_facts(signed_in),
            "sessions": sessions,
            "revoke_session_action": self.path("/account/sessions/revoke"),
            "revoke_others": {
                "action": self.path("/account/sessions/revoke-others"),
                "form_token": self.core.form_token(exchange, &sessions::others_form(signed_in)),
            },
            "change_password": {
                "action": self.path("/account/password"),
                "form_token": self.core.form_token(exchange, &password::form(signed_in)),
                "has_password": has_password,
            },
            "update_profile": {
                "action": self.path("/account/profile"),
                "form_token": self.core.form_token(exchange, &profile::form(signed_in)),
            },
            "logout": {
                "action": self.path("/logout"),
                "form_token": self.core.form_token(exchange, &logout::form(signed_in)),
            },
            "passkeys_url": passkeys_url,
            "identities_url": identities_url,
            "email_links": self.email_links(&signed_in.user),
            "two_factor_url": self.path("/account/two-factor"),
            "delete_url": self.delete_page_url(),
            "links": self.account_links(),
            "notice": notice.map(Notice::text),
            "error": null,
            "errors": errors,
        });
        let policy = self.way_out_policy();
        Ok(self
            .core
            .page(exchange, status, PageName::Account, context, policy))
    }

    /// The page of the person's passkeys, where there are any.
    fn passkeys_page_url(&self) -> Option<String> {
        #[cfg(feature = "passkeys")]
        let on = self.relying_party.is_some();
        #[cfg(not(feature = "passkeys"))]
        let on = false;
        on.then(|| self.path("/account/passkeys"))
    }

    fn account_links(&self) -> Vec<Value> {
        let links = self.settings.account_links.iter();
        links
            .map(|link| json!({ "label": link.label, "url": link.url }))
            .collect()
    }
}

pub(super) fn step_up_required() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "step_up_required",
        "Confirm that it is you first.",
    )
}

fn user_facts(SignedIn { user, .. }: &SignedIn) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified_at.is_some(),
        "username": user.username,
        "name": user.claims.get("name").and_then(Value::as_str),
        "created_at": user.created_at.rfc3339(),
    })
}
