//! OpenID Connect Session Management 1.0: a client's page asks a frame of ours, without a request, whether the state of
//! the sign-in has changed. Browsers that keep cookies from frames of other sites answer "changed" every time.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use url::Url;

use super::super::ProviderWing;
use super::super::account::SignedInAccount;
use super::OPENID;
use crate::ground::{Digest32, Purpose};
use crate::store::ClientId;
use crate::web::{CookieJar, CookieLife, CookieName, Exchange, Response, frame_headers, html};

const SCRIPT: &str = "check-session.js";

impl ProviderWing {
    /// `GET /session`: the `check_session_iframe` (§3.2). It holds nothing but a script, which reads a cookie.
    pub(in crate::provider) fn check_session_frame(&self) -> Response {
        let script = self.core.pages.asset_url(SCRIPT).unwrap_or_default();
        let cookie = CookieName::OpState.name(self.core.base.is_loopback_http());
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Session</title>\
             <script src=\"{script}\" data-cookie=\"{cookie}\" defer></script></head>\n<body></body>\n</html>\n"
        );
        let mut response = html(StatusCode::OK, page);
        let headers = response.headers_mut();
        frame_headers(headers);
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        );
        response
    }

    /// The `session_state` of an answer (§2), and the cookie it was made of put into the browser. `None` where it would
    /// mean nothing: without `openid`, without the setting, or for an app without an origin.
    pub(in crate::provider) fn session_state(
        &self,
        exchange: &Exchange<'_>,
        client: &ClientId,
        redirect_uri: &str,
        account: &SignedInAccount,
        scopes: &std::collections::BTreeSet<String>,
    ) -> Option<(String, HeaderMap)> {
        if !self.settings.session_management || !scopes.contains(OPENID) {
            return None;
        }
        let origin = Url::parse(redirect_uri).ok()?.origin();
        if !origin.is_tuple() {
            return None;
        }
        let state = self.op_browser_state(account);
        let salt = self.core.random.id();
        let text = format!("{client} {} {state} {salt}", origin.ascii_serialization());
        let mut cookies = HeaderMap::new();
        if exchange.cookie(CookieName::OpState) != Some(&state) {
            let mut jar = CookieJar::new(self.core.base.is_loopback_http());
            jar.set(CookieName::OpState, &state, CookieLife::BrowserSession);
            jar.apply(&mut cookies);
        }
        Some((format!("{}.{salt}", Digest32::of(text).to_text()), cookies))
    }

    /// The OP browser state: one for each sign-in, from which nobody learns anything about it.
    fn op_browser_state(&self, account: &SignedInAccount) -> String {
        let session = account.session_id.as_ref().map_or("", |id| id.as_str());
        let time = account.auth_time.millis();
        let sign_in = format!("{session}\0{}\0{time}", account.subject);
        let keys = &self.core.keys;
        let state = keys.keyed_digest(Purpose::OpBrowserState, sign_in.as_bytes());
        state.to_text()
    }

    /// Takes the OP browser state out of the browser: its sign-in is over.
    pub(in crate::provider) fn forget_op_browser_state(
        &self,
        exchange: &Exchange<'_>,
        headers: &mut HeaderMap,
    ) {
        if exchange.cookie(CookieName::OpState).is_some() {
            let mut jar = CookieJar::new(self.core.base.is_loopback_http());
            jar.remove(CookieName::OpState);
            jar.apply(headers);
        }
    }
}
