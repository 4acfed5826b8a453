//! This app's own door: the home page, the sign-in form, the way out.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adapter_axum::Auth;
use adapter_axum::ground::{Clock as _, KeyRing, SystemClock, SystemRandom};
use adapter_axum::http::header::{LOCATION, SET_COOKIE};
use adapter_axum::http::request::Parts;
use adapter_axum::http::{HeaderValue, StatusCode};
use adapter_axum::services::Throttles;
use adapter_axum::store::ThrottlePolicy;
use adapter_axum::web::{
    BODY_TIMEOUT, BaseUrl, ClientAddr, Exchange, FORM_TOKEN_FIELD, FormTarget, FormTokens,
    PagePolicy, Params, Problem, ReturnTo, Side, TrustedProxies, finish_headers, page_headers,
    throttle_bucket, with_query,
};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::response::{Html, IntoResponse as _, Response};
use bytes::Bytes;
use example_setup::{Setup, SetupError, escape, page};

use crate::accounts::{Account, Accounts, Fault, canonical};
use crate::sessions::{Session, SessionCookie};

/// What a form token is good for.
const SIGN_IN: &str = "example sign-in";
const SIGN_OUT: &str = "example sign-out";
/// No form here is longer.
const LONGEST_FORM: usize = 16 * 1024;

/// Failed sign-ins to one account, then locked.
const TO_ACCOUNT: ThrottlePolicy = ThrottlePolicy {
    limit: 5,
    window: Duration::from_mins(15),
    lock: Duration::from_mins(15),
    max_lock: Duration::from_hours(24),
};
/// Failed sign-ins from one address, then locked.
const FROM_ADDRESS: ThrottlePolicy = ThrottlePolicy {
    limit: 10,
    window: Duration::from_mins(1),
    lock: Duration::from_mins(1),
    max_lock: Duration::from_hours(1),
};

/// What the door needs: the accounts, and the product's own tools against forgery and guessing.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    auth: Auth,
    base: BaseUrl,
    cookie: SessionCookie,
    forms: FormTokens,
    throttles: Throttles,
    proxies: TrustedProxies,
}

type Answer = Result<Response, Response>;

impl Door {
    pub(crate) fn new(setup: &Setup, accounts: Accounts, auth: Auth) -> Result<Self, SetupError> {
        let base = BaseUrl::parse(&setup.server.base_url)?;
        let keys = KeyRing::new(setup.secrets())?;
        Ok(Self(Arc::new(Inner {
            accounts,
            auth,
            cookie: SessionCookie {
                loopback_http: base.is_loopback_http(),
            },
            forms: FormTokens::new(keys.clone(), &base),
            throttles: Throttles::new(setup.stores.throttles.clone(), keys),
            proxies: TrustedProxies::parse(setup.server.trusted_proxies())?,
            base,
        })))
    }
}

/// Who is signed in; whoever is not is sent to the form and back.
pub(crate) struct SignedIn(pub(crate) Account);

impl FromRequestParts<Door> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, Door(door): &Door) -> Result<Self, Response> {
        if let Some((account, _)) = door.visitor(parts).await? {
            return Ok(Self(account));
        }
        let here = parts.uri.path_and_query().map(ToString::to_string);
        let form = door.base.path("/sign-in");
        Err(door.lead(&with_query(&form, &[("return_to", here.as_deref())])))
    }
}

pub(crate) async fn home(State(Door(door)): State<Door>, request: Request) -> Answer {
    let (parts, body) = door.read(request).await?;
    let mut exchange = door.exchange(&parts, &body);
    let body = match door.visitor(&parts).await? {
        Some((account, _)) => format!(
            "<p id=\"who\">Signed in as <strong>{}</strong>.</p>\
             <p><a href=\"/dashboard\">Dashboard</a> · <a href=\"/oauth/grants\">Connected apps</a></p>\
             <form method=\"post\" action=\"/sign-out\">{}<button id=\"sign-out\">Sign out</button></form>",
            escape(account.display_name()),
            door.token(&mut exchange, SIGN_OUT),
        ),
        None => "<p id=\"who\">Nobody is signed in.</p><p><a href=\"/sign-in\">Sign in</a></p>"
            .to_owned(),
    };
    let html = page("Example app", &body);
    Ok(door.page(exchange, StatusCode::OK, html, FormTarget::Here))
}

pub(crate) async fn form(State(Door(door)): State<Door>, request: Request) -> Answer {
    let (parts, body) = door.read(request).await?;
    let exchange = door.exchange(&parts, &body);
    let query = exchange
        .query()
        .map_err(|error| door.problem(&parts, error))?;
    let hint = query.get("login_hint").unwrap_or_default().to_owned();
    let return_to = door.return_to(&query);
    Ok(door.draw(exchange, StatusCode::OK, &hint, return_to.as_ref(), None))
}

pub(crate) async fn sign_in(State(Door(door)): State<Door>, request: Request) -> Answer {
    let (parts, body) = door.read(request).await?;
    let exchange = door.exchange(&parts, &body);
    let refuse = |problem: Problem| door.problem(&parts, problem);
    let form = exchange.form().map_err(|error| refuse(error.into()))?;
    door.forms
        .check(&exchange, &form, SIGN_IN)
        .map_err(|error| refuse(error.into()))?;
    let email = form.get("email").unwrap_or_default();
    let password = form.get("password").unwrap_or_default();

    let now = exchange.now;
    let address = throttle_bucket(exchange.address);
    // The address first: from one that is locked nobody can lock an account.
    let attempts = [
        ("example sign-in from", address, FROM_ADDRESS),
        ("example sign-in to", canonical(email), TO_ACCOUNT),
    ];
    // Counted before the outcome is known: guesses made at once gain nothing.
    for (what, whom, policy) in &attempts {
        let locked = door.throttles.attempt(what, whom, policy, now).await;
        if let Some(locked) = locked.map_err(|error| refuse(error.into()))? {
            return Err(refuse(Problem::too_many_attempts(locked.seconds_left(now))));
        }
    }
    let verified = door.accounts.verify(email, password).await;
    if let Ok(None) = verified {
        tracing::info!(address = ?exchange.address, "a sign-in failed");
        // The same words whether there is such an account or not.
        let error = Some("E-mail or password is not right.");
        let return_to = door.return_to(&form);
        let status = StatusCode::UNAUTHORIZED;
        return Ok(door.draw(exchange, status, email, return_to.as_ref(), error));
    }
    // It succeeded, or was never judged: only failures add up.
    for (what, whom, _) in &attempts {
        let taken_back = door.throttles.take_back(what, whom).await;
        taken_back.map_err(|error| refuse(error.into()))?;
    }
    let Some(account) = verified.map_err(|fault| door.fault(&parts, &fault))? else {
        return Err(refuse(Problem::internal()));
    };
    let [_, (to, whom, _)] = &attempts;
    let cleared = door.throttles.clear(to, whom).await;
    cleared.map_err(|error| refuse(error.into()))?;
    let return_to = door.return_to(&form);
    let return_to = return_to.unwrap_or_else(|| ReturnTo::home(&door.base));
    door.let_in(&parts, &account, return_to.as_str()).await
}

pub(crate) async fn sign_out(State(Door(door)): State<Door>, request: Request) -> Answer {
    let (parts, body) = door.read(request).await?;
    let exchange = door.exchange(&parts, &body);
    let form = exchange
        .form()
        .map_err(|error| door.problem(&parts, error))?;
    let checked = door.forms.check(&exchange, &form, SIGN_OUT);
    checked.map_err(|error| door.problem(&parts, error))?;
    if let Some((_, session)) = door.visitor(&parts).await? {
        door.end(&parts, &session).await?;
    }
    let mut response = door.lead(&door.base.path("/"));
    append(&mut response, door.cookie.remove());
    Ok(response)
}

impl Inner {
    /// The request as the product reads one: bounded in size and time, with the address it came from.
    async fn read(&self, request: Request) -> Result<(Parts, Bytes), Response> {
        let (mut parts, body) = request.into_parts();
        if let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
            let peer = ClientAddr(peer.ip());
            parts.extensions.insert(peer);
        }
        // Nothing that came in clear is looked at.
        if !self.base.is_loopback_http() && self.proxies.arrived_over_http(&parts) {
            return Err(self.lead(self.base.issuer()));
        }
        match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, LONGEST_FORM)).await {
            Ok(Ok(body)) => Ok((parts, body)),
            Ok(Err(_)) => Err(self.problem(&parts, Problem::body_unreadable())),
            Err(_) => Err(self.problem(&parts, Problem::body_too_slow())),
        }
    }

    fn exchange<'r>(&self, parts: &'r Parts, body: &'r Bytes) -> Exchange<'r> {
        let loopback = self.base.is_loopback_http();
        Exchange::new(parts, body, SystemClock.now(), &self.proxies, loopback)
    }

    async fn visitor(&self, parts: &Parts) -> Result<Option<(Account, Session)>, Response> {
        let Some(secret) = self.cookie.read(&parts.headers) else {
            return Ok(None);
        };
        let found = self.accounts.session(secret, SystemClock.now()).await;
        found.map_err(|fault| self.fault(parts, &fault))
    }

    /// Where to go after the sign-in: a path of this site, or nowhere.
    fn return_to(&self, params: &Params) -> Option<ReturnTo> {
        ReturnTo::parse(&self.base, params.get("return_to")?)
    }

    /// Begins the session and leads on. What another person's session in this browser had granted ends with it.
    async fn let_in(&self, parts: &Parts, account: &Account, next: &str) -> Answer {
        let previous = self.visitor(parts).await?;
        if let Some((other, session)) = &previous
            && other.id != account.id
        {
            self.end(parts, session).await?;
        }
        let begun = self
            .accounts
            .begin_session(account, previous.as_ref(), SystemClock.now())
            .await;
        let secret = begun.map_err(|fault| self.fault(parts, &fault))?;
        tracing::info!(account = account.id, "signed in");
        let mut response = self.lead(next);
        append(&mut response, self.cookie.set(&secret));
        Ok(response)
    }

    /// Ends a session, and what other apps were given for its duration.
    async fn end(&self, parts: &Parts, session: &Session) -> Result<(), Response> {
        let ended = self.accounts.end_session(&session.id).await;
        ended.map_err(|fault| self.fault(parts, &fault))?;
        if let Ok(provider) = self.auth.provider() {
            provider.session_ended(&session.id, SystemClock.now()).await;
        }
        Ok(())
    }

    fn token(&self, exchange: &mut Exchange<'_>, purpose: &str) -> String {
        let token = self.forms.issue(exchange, &SystemRandom, purpose);
        format!(
            "<input type=\"hidden\" name=\"{FORM_TOKEN_FIELD}\" value=\"{}\">",
            escape(&token)
        )
    }

    fn draw(
        &self,
        mut exchange: Exchange<'_>,
        status: StatusCode,
        email: &str,
        return_to: Option<&ReturnTo>,
        error: Option<&str>,
    ) -> Response {
        let mut html = String::new();
        // Writing to a String cannot fail.
        if let Some(error) = error {
            let _ = write!(html, "<p id=\"error\" role=\"alert\">{}</p>", escape(error));
        }
        let action = self.base.path("/sign-in");
        let _ = write!(
            html,
            "<form method=\"post\" action=\"{}\">",
            escape(&action)
        );
        html.push_str(&self.token(&mut exchange, SIGN_IN));
        if let Some(return_to) = return_to {
            let path = escape(return_to.as_str());
            let _ = write!(
                html,
                "<input type=\"hidden\" name=\"return_to\" value=\"{path}\">"
            );
        }
        let _ = write!(
            html,
            "<p><label for=\"email\">E-mail</label> <input id=\"email\" name=\"email\" type=\"email\" value=\"{}\" \
             autocomplete=\"username\" required autofocus></p>\
             <p><label for=\"password\">Password</label> <input id=\"password\" name=\"password\" type=\"password\" \
             autocomplete=\"current-password\" required></p>\
             <p><button id=\"submit\">Sign in</button></p></form>",
            escape(email)
        );
        // Browsers hold the whole chain of redirects to `form-action`, and it may end at a client's redirect URI.
        let forms = return_to.map_or(FormTarget::Here, |_| FormTarget::Client);
        self.page(exchange, status, page("Sign in", &html), forms)
    }

    fn page(
        &self,
        exchange: Exchange<'_>,
        status: StatusCode,
        html: String,
        forms: FormTarget,
    ) -> Response {
        let mut response = (status, Html(html)).into_response();
        let policy = PagePolicy {
            forms,
            script: false,
        };
        page_headers(response.headers_mut(), policy);
        exchange.cookies.apply(response.headers_mut());
        finish_headers(response.headers_mut(), self.base.is_loopback_http());
        response
    }

    /// 303: the browser goes on with GET, and the password stays here.
    fn lead(&self, to: &str) -> Response {
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        if let Ok(to) = HeaderValue::from_str(to) {
            headers.insert(LOCATION, to);
        }
        finish_headers(headers, self.base.is_loopback_http());
        response
    }

    /// A page that says what is wrong, in the look of the product's own.
    fn problem(&self, parts: &Parts, problem: impl Into<Problem>) -> Response {
        let response = self.auth.problem(parts, Side::Page, &problem.into());
        response.map(Body::from)
    }

    fn fault(&self, parts: &Parts, fault: &Fault) -> Response {
        tracing::error!(
            error = fault as &dyn std::error::Error,
            "the accounts failed"
        );
        let problem = match fault {
            Fault::Busy | Fault::Table(_) => Problem::unavailable(),
            Fault::Claims(_) | Fault::Hashing => Problem::internal(),
        };
        self.problem(parts, problem)
    }
}

fn append(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
