//! `GET` and `POST /auth/hosted/refresh`: the sign-in's facts as WorkOS has them now, for another organization where one
//! is named, and back to the page one came from.

use http::StatusCode;
use serde_json::json;

use super::NAME;
use super::access::is_identifier;
use super::denial::Denial;
use super::renewal::Renewed;
use crate::login::reply::{account_name, done, done_with};
use crate::login::{LoginWing, SignedIn};
use crate::services::pages::PageName;
use crate::web::{
    CookieName, Exchange, PagePolicy, Params, Problem, Response, ReturnTo, wants_json, with_query,
};

/// The form is this session's.
fn form(signed_in: &SignedIn) -> String {
    format!("hosted-refresh:{}", signed_in.session.id)
}

/// The organization to act for, if one is named.
fn organization(params: &Params) -> Result<Option<String>, Problem> {
    match params.get("organization_id") {
        None => Ok(None),
        Some(id) if is_identifier(id) => Ok(Some(id.to_owned())),
        Some(_) => Err(Problem::bad_request(
            "organization_id is no organization's id.",
        )),
    }
}

impl LoginWing {
    /// `GET`: asks. It never acts, whoever made the browser come here (threat 55).
    pub(super) async fn hosted_refresh_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        query.refuse_repeated(&[])?;
        let (return_to, organization) = (self.return_to(&query), organization(&query)?);
        let Some(signed_in) = self.resolve(exchange.headers(), exchange.now).await? else {
            return Ok(done(exchange, &self.login_url(return_to.as_ref())));
        };
        if self.hosted_row(&signed_in.session).await?.is_none() {
            return Err(Problem::not_found());
        }
        let (return_to, organization) = (return_to.as_ref(), organization.as_deref());
        Ok(self.draw_hosted_refresh(exchange, &signed_in, return_to, organization, None))
    }

    /// The page, with why WorkOS said no where it did, and the way to what it wants.
    fn draw_hosted_refresh(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        return_to: Option<&ReturnTo>,
        organization: Option<&str>,
        denial: Option<Denial>,
    ) -> Response {
        let return_to = return_to.map(ReturnTo::as_str);
        let back = [("organization_id", organization), ("return_to", return_to)];
        let way_in = with_query(&self.path(&format!("/login/with/{NAME}")), &back);
        let context = json!({
            "action": self.path("/hosted/refresh"),
            "form_token": self.core.form_token(exchange, &form(signed_in)),
            "return_to": return_to,
            "organization_id": organization,
            "account": account_name(&signed_in.user),
            "error": denial.map(Denial::message),
            "sign_in_url": denial.map(|_| way_in),
            "home_url": self.home(),
        });
        let status = denial.map_or(StatusCode::OK, |_| StatusCode::FORBIDDEN);
        let (name, policy) = (PageName::HostedRefresh, PagePolicy::default());
        self.core.page(exchange, status, name, context, policy)
    }

    /// `POST`: `return_to`, `organization_id`.
    pub(super) async fn hosted_refresh(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let (return_to, organization) = (self.return_to(&body), organization(&body)?);
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let Some(signed_in) = signed_in else {
            return Ok(done(exchange, &self.login_url(return_to.as_ref())));
        };
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let found = self.hosted_row(&signed_in.session).await?;
        let (hosted, row) = found.ok_or_else(Problem::not_found)?;
        let renewed = hosted.renew(&self.core, row, organization.clone()).await?;
        let access = match renewed {
            Renewed::Stands(access) => access,
            Renewed::Denied(why) if wants_json(exchange.headers()) => {
                let (status, code) = (StatusCode::FORBIDDEN, why.code());
                return Err(Problem::new(status, code, why.message()));
            }
            Renewed::Denied(why) => {
                let (back, asked) = (return_to.as_ref(), organization.as_deref());
                return Ok(self.draw_hosted_refresh(exchange, &signed_in, back, asked, Some(why)));
            }
            Renewed::Unknown => return Err(Problem::unavailable()),
            Renewed::Ended(reason) => {
                self.end_hosted(&signed_in.session, reason, exchange.now)
                    .await?;
                exchange.cookies.remove(CookieName::Session);
                return Ok(done(exchange, &self.login_url(return_to.as_ref())));
            }
        };
        // What the person may do has changed, perhaps: so does the secret (threat 26).
        let renewed = self.renew_session(exchange, &signed_in.session).await?;
        let Some(mut members) = renewed else {
            return Ok(done(exchange, &self.login_url(return_to.as_ref())));
        };
        members["organization"] = json!(access.organization);
        members["role"] = json!(access.role);
        let home = self.home();
        let next = return_to
            .as_ref()
            .map_or(home.as_str(), |path| path.as_str());
        Ok(done_with(exchange, next, members))
    }
}
