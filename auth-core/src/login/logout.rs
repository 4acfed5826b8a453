//! `GET` and `POST /auth/logout`, `GET /auth/signed-out`.

#[cfg(feature = "federation")]
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::reply::{account_name, done};
use super::{LoginWing, SessionEnd, SignedIn};
#[cfg(feature = "federation")]
use crate::ground::{Purpose, Timestamp, base64url, from_base64url};
use crate::services::pages::PageName;
#[cfg(feature = "federation")]
use crate::web::{CookieLife, MAX_SEALED};
use crate::web::{
    CookieName, Exchange, FormTarget, PagePolicy, Params, Problem, Response, ReturnTo,
};

/// How long somebody may be at the provider that they are signed out of.
#[cfg(feature = "federation")]
const WAY_BACK_LIFE: Duration = Duration::from_mins(10);

/// What a way back is sealed under.
#[cfg(feature = "federation")]
const WAY_BACK: &[u8] = b"signed out";

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
        {
            let elsewhere = self.way_out(exchange, &signed_in.session).await?;
            let return_to = self.return_to(&body);
            let return_to = return_to.filter(|_| elsewhere.is_some());
            self.keep_way_back(exchange, return_to.as_ref())?;
            if let Some(elsewhere) = elsewhere {
                return Ok(done(exchange, &elsewhere));
            }
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

    /// `GET`: says so, or goes on to where the person was going when they were led to another provider.
    pub(super) fn signed_out_page(&self, exchange: &mut Exchange<'_>) -> Response {
        #[cfg(feature = "federation")]
        if let Some(return_to) = self.way_back(exchange) {
            return done(exchange, return_to.as_str());
        }
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

#[cfg(feature = "federation")]
impl LoginWing {
    /// Keeps where somebody goes once they come back from a provider that they are signed out of. Sealed, so that nobody
    /// plants one; read back, it is a path of this site or nothing. One of an earlier sign-out goes.
    fn keep_way_back(
        &self,
        exchange: &mut Exchange<'_>,
        return_to: Option<&ReturnTo>,
    ) -> Result<(), Problem> {
        let Some(return_to) = return_to else {
            if exchange.cookie(CookieName::SignedOut).is_some() {
                exchange.cookies.remove(CookieName::SignedOut);
            }
            return Ok(());
        };
        let until = exchange.now + WAY_BACK_LIFE;
        let text = serde_json::to_vec(&(return_to.as_str(), until));
        let text = text.map_err(|_| Problem::internal())?;
        let (core, purpose) = (&self.core, Purpose::UpstreamAttempt);
        let sealed = core.keys.seal(&*core.random, purpose, WAY_BACK, &text);
        let sealed = base64url(&sealed.map_err(|_| Problem::internal())?);
        // Rather nowhere than a cookie that a browser would not take.
        if sealed.len() <= MAX_SEALED {
            let life = CookieLife::MaxAge(WAY_BACK_LIFE);
            exchange.cookies.set(CookieName::SignedOut, &sealed, life);
        }
        Ok(())
    }

    /// That, once.
    fn way_back(&self, exchange: &mut Exchange<'_>) -> Option<ReturnTo> {
        let sealed = from_base64url(exchange.cookie(CookieName::SignedOut)?);
        exchange.cookies.remove(CookieName::SignedOut);
        let (keys, purpose) = (&self.core.keys, Purpose::UpstreamAttempt);
        let text = keys.open(purpose, WAY_BACK, &sealed?).ok()?;
        let (path, until): (String, Timestamp) = serde_json::from_slice(&text).ok()?;
        let return_to = ReturnTo::parse(&self.core.base, &path);
        return_to.filter(|_| exchange.now < until)
    }
}
