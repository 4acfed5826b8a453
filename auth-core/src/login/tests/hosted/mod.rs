//! Hosted sign-in against a scripted WorkOS, over the memory store and a clock that stands still.

mod fake;
mod flow;
mod management;
mod refresh;
mod renewal;
mod standing;
mod webhook;

use std::time::Duration;

use http::HeaderMap;
use http::header::COOKIE;
use zeroize::Zeroizing;

use self::fake::{API_KEY, CLIENT, FakeWorkOs, USER};
use super::harness::{Browser, House, SESSION_COOKIE, settings};
use crate::login::federation::client::Tokens;
use crate::login::hosted::{NAME, secrets};
use crate::login::{Login, SignInRequest, SignedIn, WorkOs, acr};
use crate::store::{MemoryStore, Session, Stores, UpstreamSession, User};

/// A house whose people sign in at WorkOS.
struct Stage {
    house: House,
    fake: FakeWorkOs,
}

/// A session that came from there, as its browser has it.
struct Came {
    session: Session,
    cookie: String,
    sid: String,
}

impl Came {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("{SESSION_COOKIE}={}", self.cookie);
        headers.insert(COOKIE, value.parse().unwrap());
        headers
    }
}

fn workos(fake: &FakeWorkOs) -> WorkOs {
    WorkOs::new(CLIENT, API_KEY)
        .base_url(fake.base_url())
        .webhook_secret("whsec_0123456789abcdef")
}

impl Stage {
    async fn new() -> Self {
        Self::with(|login| login).await
    }

    async fn with(change: impl FnOnce(Login) -> Login) -> Self {
        let stores = Stores::from(MemoryStore::new());
        Self::on(stores, change, |settings| settings).await
    }

    async fn on(
        stores: Stores,
        change: impl FnOnce(Login) -> Login,
        workos_change: impl FnOnce(WorkOs) -> WorkOs,
    ) -> Self {
        let clock = House::midday();
        let fake = FakeWorkOs::start(clock.clone()).await;
        let login = settings().hosted(workos_change(workos(&fake)));
        let house = House::build_at(clock, change(login), stores);
        Self { house, fake }
    }

    /// Time passes, here and there.
    fn advance(&self, by: Duration) {
        self.house.clock.advance(by);
    }

    /// Another node with the same stores, the same time and the same WorkOS.
    fn second_node(&self) -> House {
        self.second_node_with(|settings| settings)
    }

    fn second_node_with(&self, change: impl FnOnce(WorkOs) -> WorkOs) -> House {
        let login = settings().hosted(change(workos(&self.fake)));
        let clock = self.house.clock.clone();
        House::build_at(clock, login, self.house.core.stores.clone())
    }

    async fn user(&self) -> User {
        self.house.account(fake::EMAIL).await
    }

    /// Somebody signed in there, acting for an organization.
    async fn came(&self, user: &User, organization: Option<&str>) -> Came {
        let headers = HeaderMap::new();
        let request = SignInRequest {
            headers: &headers,
            address: None,
            remember: false,
        };
        let amr = [acr::HOSTED];
        let new = self.house.wing.sign_in(&user.id, &amr, request).await;
        let new = new.unwrap();
        let set = new.cookies();
        let pair = set[0].to_str().unwrap().split(';').next().unwrap();
        let cookie = pair.split_once('=').unwrap().1.to_owned();
        let (access_token, refresh_token, sid) = self.fake.session(organization);
        let tokens = Tokens {
            access_token: Zeroizing::new(access_token),
            refresh_token: Some(Zeroizing::new(refresh_token)),
            expires_at: None,
            scope: None,
        };
        let hosted = self.house.wing.hosted.as_ref().unwrap();
        let core = &self.house.core;
        let row = UpstreamSession {
            session_id: new.session.id.clone(),
            user_id: user.id.clone(),
            upstream: NAME.to_owned(),
            issuer: hosted.issuer.clone(),
            subject: USER.to_owned(),
            sid: Some(sid.clone()),
            secrets: secrets::seal(core, &new.session.id, &tokens).unwrap(),
            version: 0,
            expires_at: new.session.expires_at,
        };
        let store = &core.stores.upstream_sessions;
        store.put_upstream_session(&row).await.unwrap();
        Came {
            session: new.session,
            cookie,
            sid,
        }
    }

    fn browser(&self, came: &Came) -> Browser<'_> {
        let mut browser = self.house.browser();
        let cookies = &mut browser.cookies;
        cookies.insert(SESSION_COOKIE.to_owned(), came.cookie.clone());
        browser
    }

    /// Who the host's routes see.
    async fn seen(&self, came: &Came) -> Option<SignedIn> {
        self.house.wing.session(&came.headers()).await.unwrap()
    }

    async fn row(&self, came: &Came) -> Option<UpstreamSession> {
        let store = &self.house.core.stores.upstream_sessions;
        store.upstream_session(&came.session.id).await.unwrap()
    }
}
