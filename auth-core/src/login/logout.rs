//! `GET` and `POST /auth/logout`, `GET /auth/signed-out`.

use http::StatusCode;
use serde_json::json;

use super::reply::{account_name, done};
use super::{LoginWing, SessionEnd, SignedIn};
use crate::services::pages::PageName;
use crate::web::{
    CookieName, Exchange, FormTarget, PagePolicy, Params, Problem, Response, ReturnTo,
};

/// The form is this session's: one kept from an earlier sign-in ends nothing.
pub(super) fn form(signed_in: &SignedIn) -> String {
    format!("logout:{}", signed_in.session.id)
}

impl LoginWing {
    /// `GET`: asks. It never acts, whoever made the browser come here (threat 55).
    pub(super) async fn logout_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let Some(signed_in) = self.resolve(exchange.headers(), exchange.now).await? else {
            return Ok(done(exchange, &self.after_logout(&query)));
        };
        let return_to = self.return_to(&query);
        let context = json!({
            "action": self.path("/logout"),
            "form_token": self.core.form_token(exchange, &form(&signed_in)),
            "return_to": return_to.as_ref().map(ReturnTo::as_str),
            "email": account_name(&signed_in.user),
        });
        let policy = self.way_out_policy();
        Ok(self
            .core
            .page(exchange, StatusCode::OK, PageName::Logout, context, policy))
    }

    /// `POST`: ends the session.
    pub(super) async fn logout(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let next = self.after_logout(&body);
        let Some(signed_in) = self.resolve(exchange.headers(), exchange.now).await? else {
            // Nothing is changed, not even a cookie: a browser sends ours with no cross-site POST, so to clear it here
            // would let another site sign people out of it.
            return Ok(done(exchange, &next));
        };
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let why = SessionEnd::SignedOut;
        self.end_by_sign_out(&signed_in.session, why, exchange.address, exchange.now)
            .await?;
        exchange.cookies.remove(CookieName::Session);
        #[cfg(feature = "federation")]
        if let Some(elsewhere) = self.way_out(exchange, &signed_in.session).await? {
            return Ok(done(exchange, &elsewhere));
        }
        Ok(done(exchange, &next))
    }

    /// Of a page with the form that signs out: it may lead on to another provider.
    #[cfg_attr(
        not(feature = "federation"),
        expect(
            clippy::unused_self,
            reason = "without other providers there is nothing to look at"
        )
    )]
    pub(super) fn way_out_policy(&self) -> PagePolicy {
        #[cfg(feature = "federation")]
        let leads_on = self.signs_out_elsewhere();
        #[cfg(not(feature = "federation"))]
        let leads_on = false;
        PagePolicy {
            forms: if leads_on {
                FormTarget::Client
            } else {
                FormTarget::Here
            },
            script: false,
        }
    }

    fn after_logout(&self, params: &Params) -> String {
        self.return_to(params)
            .map_or_else(|| self.path("/signed-out"), |path| path.as_str().to_owned())
    }

    /// `GET`: says so.
    pub(super) fn signed_out_page(&self, exchange: &mut Exchange<'_>) -> Response {
        let context = json!({ "login_url": self.login_url(None), "home_url": self.home() });
        let policy = PagePolicy::default();
        self.core.page(
            exchange,
            StatusCode::OK,
            PageName::SignedOut,
            context,
            policy,
        )
    }
}
