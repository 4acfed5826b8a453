//! Somebody with a browser: cookies, forms, redirects within the site.

use std::collections::BTreeMap;

use http::header::SET_COOKIE;

use super::ask::{Ask, FORM, encoded};
use super::host::{ALICE, PASSWORD};
use super::reply::{PageForm, Reply};
use super::stage::Stage;

/// A browser's profile.
#[derive(Clone, Default)]
pub(super) struct Person {
    pub(super) cookies: BTreeMap<String, String>,
}

impl Person {
    /// Somebody new here.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Alice, signed in.
    pub(super) async fn alice(stage: &mut Stage<'_>) -> Self {
        let mut alice = Self::new();
        let fields = [("email", ALICE), ("password", PASSWORD)];
        let page = alice.get(stage, "~/auth/login").await;
        let answer = alice.submit(stage, &page, "~/auth/login", &fields).await;
        answer.leads_to(&stage.path("~/"));
        alice
    }

    /// The cookie that signs in.
    pub(super) fn session(&self) -> Option<&str> {
        let mut cookies = self.cookies.iter();
        let found = cookies.find(|(name, _)| name.ends_with("auth_session"));
        found.map(|(_, value)| value.as_str())
    }

    pub(super) async fn get(&mut self, stage: &mut Stage<'_>, target: &str) -> Reply {
        let ask = Ask::get(target).header("sec-fetch-site", "none");
        self.ask(stage, ask.wants_html()).await
    }

    /// Opens a page and follows redirects within the site, ten at most.
    pub(super) async fn visit(&mut self, stage: &mut Stage<'_>, target: &str) -> Reply {
        let mut reply = self.get(stage, target).await;
        for _ in 0..10 {
            match reply.redirect().map(str::to_owned) {
                Some(target) if target.starts_with('/') => {
                    reply = self.get(stage, &target).await;
                }
                _ => break,
            }
        }
        reply
    }

    /// Submits the page's form that leads to this path.
    pub(super) async fn submit(
        &mut self,
        stage: &mut Stage<'_>,
        page: &Reply,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Reply {
        let form = page.form(&stage.path(action));
        self.submit_form(stage, &form, fields).await
    }

    /// Submits a form: its hidden fields, with `fields` in their place.
    pub(super) async fn submit_form(
        &mut self,
        stage: &mut Stage<'_>,
        form: &PageForm,
        fields: &[(&str, &str)],
    ) -> Reply {
        let ask = Ask::post(form.action.clone()).same_origin().wants_html();
        self.ask(stage, ask.body(FORM, filled(form, fields))).await
    }

    /// Any request, with this browser's cookies.
    pub(super) async fn ask(&mut self, stage: &mut Stage<'_>, mut ask: Ask) -> Reply {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        if !cookies.is_empty() {
            ask = ask.header("cookie", cookies.join("; "));
        }
        let reply = stage.ask(ask).await;
        self.keep_cookies(&reply);
        reply
    }

    fn keep_cookies(&mut self, reply: &Reply) {
        for value in reply.headers.get_all(SET_COOKIE) {
            let mut parts = value.to_str().unwrap().split(';').map(str::trim);
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            if parts.any(|part| part == "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The body of a form that was filled in.
pub(super) fn filled(form: &PageForm, fields: &[(&str, &str)]) -> String {
    let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let kept = hidden.filter(|(name, _)| fields.iter().all(|(other, _)| other != name));
    let all: Vec<_> = kept.chain(fields.iter().copied()).collect();
    encoded(&all)
}
