//! A WorkOS that says what a test wants said: authenticate, key set, users, organizations, memberships.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};

use crate::ground::ManualClock;
use crate::ground::jose::{Algorithm, JwkSet, SigningKey};
use crate::ground::{Clock as _, Digest32};
use crate::services::outbound::testing::{Loopback, Reply};

pub(super) const CLIENT: &str = "client_01TEST";
pub(super) const API_KEY: &str = "sk_test_key";
pub(super) const USER: &str = "user_01ADA";
pub(super) const EMAIL: &str = "ada@example.com";
/// How long its access tokens live.
pub(super) const LIFE: i64 = 300;

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// 500 to everything.
    Down,
    /// No answer at all.
    Slow,
    /// The connection ends without an answer.
    Cut,
    /// A page in place of JSON.
    Markup,
    /// A redirect elsewhere.
    Redirect,
    /// Tokens signed by a key nobody published, under a name that is.
    ForeignKey,
    /// Answers for somebody of the operator's in the person's place.
    Impersonated,
    /// 500 where its keys lie, all else well.
    KeysDown,
}

/// Where a request waits until the test lets it go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// On the way there.
    Before,
    /// On the way back.
    After,
}

type Bend = Arc<dyn Fn(&mut Map<String, Value>) + Send + Sync>;

#[derive(Clone)]
struct Grant {
    sid: String,
    organization: Option<String>,
}

pub(super) struct State {
    keys: Vec<Arc<SigningKey>>,
    published: usize,
    foreign: Arc<SigningKey>,
    codes: HashMap<String, String>,
    refresh_tokens: HashMap<String, Grant>,
    drawn: u64,
    pub(super) fault: Option<Fault>,
    pub(super) bend: Option<Bend>,
    /// Organizations the person is a member of, and as what.
    pub(super) memberships: HashMap<String, String>,
    /// Organizations by external id.
    pub(super) made: HashMap<String, String>,
    pub(super) refreshes: usize,
    /// No organization can be made.
    pub(super) makes_none: bool,
    /// What it answers a refresh with in place of tokens.
    pub(super) demand: Option<&'static str>,
    pub(super) first_name: &'static str,
    hold: Option<(&'static str, Hold, Receiver<()>)>,
}

pub(super) struct FakeWorkOs {
    state: Arc<Mutex<State>>,
    server: Loopback,
    clock: Arc<ManualClock>,
    base: Arc<Mutex<String>>,
}

fn key(kid: &str) -> Arc<SigningKey> {
    let made = SigningKey::generate(Algorithm::Es256).unwrap();
    Arc::new(SigningKey::from_pkcs8(Algorithm::Es256, Some(kid), &made.pkcs8).unwrap())
}

impl FakeWorkOs {
    pub(super) async fn start(clock: Arc<ManualClock>) -> Self {
        let state = Arc::new(Mutex::new(State {
            keys: vec![key("key-1")],
            published: 0,
            foreign: key("key-1"),
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
            drawn: 0,
            fault: None,
            bend: None,
            memberships: HashMap::from([("org_1".to_owned(), "admin".to_owned())]),
            made: HashMap::new(),
            refreshes: 0,
            makes_none: false,
            demand: None,
            first_name: "Ada",
            hold: None,
        }));
        let base = Arc::new(Mutex::new(String::new()));
        let (serving, time, own) = (state.clone(), clock.clone(), base.clone());
        let server = Loopback::serving(move |request| {
            let now = time.now().seconds();
            let base = own.lock().unwrap().clone();
            let held = serving.lock().unwrap().take_hold(request);
            let wait = |here: Hold| {
                if let Some((_, at, gate)) = &held
                    && *at == here
                {
                    // An error is the other end dropped: that lets it go on too.
                    let _ = gate.recv();
                }
            };
            wait(Hold::Before);
            let reply = serving.lock().unwrap().answer(request, &base, now);
            wait(Hold::After);
            reply
        })
        .await;
        *base.lock().unwrap() = server.url("");
        Self {
            state,
            server,
            clock,
            base,
        }
    }

    pub(super) fn base_url(&self) -> String {
        self.base.lock().unwrap().clone()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Requests so far, to whatever path.
    pub(super) fn requests(&self) -> usize {
        self.server.heads().len()
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.server.heads()
    }

    /// Keeps the next request to this path waiting until what is returned is dropped.
    pub(super) fn hold_next(&self, path: &'static str, at: Hold) -> Sender<()> {
        let (release, gate) = mpsc::channel();
        self.state().hold = Some((path, at, gate));
        release
    }

    /// Waits until a request is held.
    pub(super) async fn holds(&self) {
        while self.state().hold.is_some() {
            tokio::task::yield_now().await;
        }
    }

    /// A code for somebody who signed in by a request with this challenge.
    pub(super) fn code(&self, challenge: &str) -> String {
        let mut state = self.state();
        let code = state.draw("code");
        state.codes.insert(code.clone(), challenge.to_owned());
        code
    }

    /// Tokens of a session there: access token, refresh token, its id.
    pub(super) fn session(&self, organization: Option<&str>) -> (String, String, String) {
        let (base, now) = (self.base_url(), self.clock.now().seconds());
        let mut state = self.state();
        let sid = state.draw("session");
        let grant = Grant {
            sid: sid.clone(),
            organization: organization.map(str::to_owned),
        };
        let answer = state.tokens(grant, &base, now);
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"), sid)
    }

    /// Ends every session there: no refresh token counts any more.
    pub(super) fn revoke_all(&self) {
        self.state().refresh_tokens.clear();
    }

    /// Signs with a new key from now on; the old one is withdrawn.
    pub(super) fn rotate_keys(&self) {
        let mut state = self.state();
        let kid = format!("key-{}", state.keys.len() + 1);
        state.keys.push(key(&kid));
        state.published = state.keys.len() - 1;
    }

    /// Claims of an access token, bent.
    pub(super) fn bend(&self, bend: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static) {
        self.state().bend = Some(Arc::new(bend));
    }
}

impl State {
    fn draw(&mut self, start: &str) -> String {
        self.drawn += 1;
        format!("{start}_{}", self.drawn)
    }

    fn take_hold(&mut self, request: &str) -> Option<(&'static str, Hold, Receiver<()>)> {
        let target = request.split(' ').nth(1)?;
        self.hold.take_if(|(path, ..)| target.starts_with(*path))
    }

    fn answer(&mut self, request: &str, base: &str, now: i64) -> Reply {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        let mut line = head.lines().next().unwrap_or_default().split(' ');
        let (method, target) = (line.next().unwrap_or(""), line.next().unwrap_or(""));
        let path = target.split('?').next().unwrap_or_default();
        if path.starts_with("/sso/jwks/") {
            return self.key_set(path);
        }
        match self.fault {
            Some(Fault::Down) => return Reply::status(500),
            Some(Fault::Slow) => return Reply::Stall(Vec::new()),
            Some(Fault::Cut) => return Reply::raw(""),
            Some(Fault::Markup) => return Reply::ok("text/html", "<h1>Sign in</h1>"),
            Some(Fault::Redirect) => {
                return Reply::raw(
                    "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                );
            }
            Some(Fault::ForeignKey | Fault::Impersonated | Fault::KeysDown) | None => {}
        }
        let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["user_management", "authenticate"]) => self.authenticate(&body, base, now),
            ("GET", ["user_management", "users", id]) if *id == USER => reply(200, &self.user()),
            ("GET", ["user_management", "organization_memberships"]) => self.listed(),
            ("POST", ["user_management", "organization_memberships"]) => self.join(&body),
            ("GET", ["organizations", "external_id", id]) => match self.made.get(*id) {
                Some(made) => reply(200, &organization(made)),
                None => refused(404, "not_found"),
            },
            ("GET", ["organizations", id]) if self.memberships.contains_key(*id) => {
                reply(200, &organization(id))
            }
            ("POST", ["organizations"]) => self.make(&body),
            _ => refused(404, "not_found"),
        }
    }

    fn key_set(&self, path: &str) -> Reply {
        if self.fault == Some(Fault::KeysDown) {
            return Reply::status(500);
        }
        if path != format!("/sso/jwks/{CLIENT}") {
            return refused(404, "not_found");
        }
        let keys = self.keys[self.published..].iter();
        let set = JwkSet::new(keys.map(|key| key.public_jwk().clone()).collect());
        Reply::json(&serde_json::to_string(&set).unwrap())
    }

    fn authenticate(&mut self, body: &Value, base: &str, now: i64) -> Reply {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        if text("client_id") != CLIENT || text("client_secret") != API_KEY {
            return refused(401, "invalid_client");
        }
        let grant = match text("grant_type") {
            "authorization_code" => {
                let Some(challenge) = self.codes.remove(text("code")) else {
                    return refused(400, "invalid_grant");
                };
                let verifier = Digest32::of(text("code_verifier")).to_text();
                if verifier != challenge {
                    return refused(400, "invalid_code_verifier");
                }
                Grant {
                    sid: self.draw("session"),
                    organization: None,
                }
            }
            "refresh_token" => {
                self.refreshes += 1;
                if let Some(code) = self.demand {
                    return refused(403, code);
                }
                let asked = body["organization_id"].as_str();
                if asked.is_some_and(|asked| !self.memberships.contains_key(asked)) {
                    return refused(403, "organization_not_authorized");
                }
                // Spent by its first use.
                let Some(mut grant) = self.refresh_tokens.remove(text("refresh_token")) else {
                    return refused(400, "invalid_grant");
                };
                if let Some(asked) = asked {
                    grant.organization = Some(asked.to_owned());
                }
                grant
            }
            _ => return refused(400, "unsupported_grant_type"),
        };
        let answer = self.tokens(grant, base, now);
        reply(200, &answer)
    }

    fn tokens(&mut self, grant: Grant, base: &str, now: i64) -> Value {
        let refresh_token = self.draw("refresh");
        let mut claims = json!({
            "iss": base, "sub": USER, "sid": grant.sid, "iat": now, "exp": now + LIFE,
            "jti": self.draw("jti"),
        });
        if let Some(organization) = &grant.organization {
            let role = self.memberships.get(organization);
            claims["org_id"] = json!(organization);
            claims["role"] = json!(role);
            claims["permissions"] = json!(["reports:read"]);
        }
        if let (Some(bend), Value::Object(claims)) = (&self.bend, &mut claims) {
            bend(claims);
        }
        let key = match self.fault {
            Some(Fault::ForeignKey) => self.foreign.clone(),
            _ => self.keys[self.keys.len() - 1].clone(),
        };
        let access_token = key.sign_compact(None, &claims).unwrap();
        let organization = grant.organization.clone();
        self.refresh_tokens.insert(refresh_token.clone(), grant);
        let impersonator = json!({ "email": "support@workos.test", "reason": "a ticket" });
        let is_impersonated = matches!(self.fault, Some(Fault::Impersonated));
        json!({
            "user": self.user(), "organization_id": organization,
            "access_token": access_token, "refresh_token": refresh_token,
            "authentication_method": "Password",
            "impersonator": is_impersonated.then_some(impersonator),
        })
    }

    fn user(&self) -> Value {
        json!({
            "object": "user", "id": USER, "email": EMAIL, "email_verified": true,
            "first_name": self.first_name, "last_name": "Lovelace", "metadata": {},
            "created_at": THEN, "updated_at": THEN,
        })
    }

    fn listed(&self) -> Reply {
        let ids = self.memberships.keys();
        let data: Vec<_> = ids.map(|id| self.membership(id)).collect();
        reply(
            200,
            &json!({ "object": "list", "data": data, "list_metadata": {} }),
        )
    }

    fn join(&mut self, body: &Value) -> Reply {
        let id = body["organization_id"].as_str().unwrap_or_default();
        if self.memberships.contains_key(id) {
            return refused(409, "conflict");
        }
        self.memberships.insert(id.to_owned(), "member".to_owned());
        reply(201, &self.membership(id))
    }

    fn membership(&self, organization: &str) -> Value {
        json!({
            "object": "organization_membership", "id": format!("om_{organization}"),
            "user_id": USER, "organization_id": organization, "organization_name": "Engines",
            "role": { "slug": "member" }, "roles": [{ "slug": "member" }], "user": self.user(),
            "status": "active", "directory_managed": false, "created_at": THEN, "updated_at": THEN,
        })
    }

    fn make(&mut self, body: &Value) -> Reply {
        let external_id = body["external_id"].as_str().unwrap_or_default().to_owned();
        if self.makes_none || self.made.contains_key(&external_id) {
            return refused(422, "external_id_taken");
        }
        let id = self.draw("org_made");
        self.made.insert(external_id, id.clone());
        reply(201, &organization(&id))
    }
}

const THEN: &str = "2025-11-01T00:00:00.000Z";

fn organization(id: &str) -> Value {
    json!({
        "object": "organization", "id": id, "name": "Engines", "domains": [], "metadata": {},
        "created_at": THEN, "updated_at": THEN,
    })
}

fn refused(status: u16, code: &str) -> Reply {
    let markup = "<script>alert(1)</script>";
    reply(
        status,
        &json!({ "error": code, "error_description": markup }),
    )
}

fn reply(status: u16, body: &Value) -> Reply {
    let body = body.to_string();
    let length = body.len();
    Reply::raw(&format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}
