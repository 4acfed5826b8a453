//! Answers the endpoints share.

use http::StatusCode;
use serde_json::{Value, json};

use super::LoginWing;
use crate::services::pages::PageName;
use crate::store::User;
use crate::web::{
    Exchange, PagePolicy, Params, Problem, Response, ReturnTo, allow_fetches,
    json as json_response, see_other, wants_json, with_query,
};

/// Where to go next: 303 for a browser, 200 with `next` for a client that reads JSON.
pub(super) fn done(exchange: &Exchange<'_>, next: &str) -> Response {
    done_with(exchange, next, json!({}))
}

/// As [`done`], with more members in the JSON.
pub(super) fn done_with(exchange: &Exchange<'_>, next: &str, mut more: Value) -> Response {
    if !wants_json(exchange.headers()) {
        return see_other(next);
    }
    more["next"] = Value::from(next);
    json_response(StatusCode::OK, &more)
}

/// What a person calls their account: what they sign in with.
pub(super) fn account_name(user: &User) -> &str {
    user.email
        .as_deref()
        .or(user.username.as_deref())
        .unwrap_or_else(|| user.display_name())
}

impl LoginWing {
    /// The parameters of a form or a JSON body, each at most once.
    pub(super) fn body(exchange: &Exchange<'_>) -> Result<Params, Problem> {
        let params = exchange.form_or_json()?;
        params.refuse_repeated(&[])?;
        Ok(params)
    }

    /// Where to go back to, if that is asked for and safe. What is not safe is forgotten, not complained about.
    pub(super) fn return_to(&self, params: &Params) -> Option<ReturnTo> {
        ReturnTo::parse(&self.core.base, params.get("return_to")?)
    }

    /// Draws a page; with a script, the script may ask this site.
    pub(super) fn scripted_page(
        &self,
        exchange: &Exchange<'_>,
        status: StatusCode,
        name: PageName,
        context: Value,
        policy: PagePolicy,
    ) -> Response {
        let mut response = self.core.page(exchange, status, name, context, policy);
        if policy.script {
            allow_fetches(response.headers_mut());
        }
        response
    }

    /// The root of the site.
    pub(super) fn home(&self) -> String {
        self.core.base.path("/")
    }

    /// The sign-in page, coming back to `return_to`.
    pub(super) fn login_url(&self, return_to: Option<&ReturnTo>) -> String {
        let return_to = return_to.map(ReturnTo::as_str);
        with_query(&self.path("/login"), &[("return_to", return_to)])
    }
}
