//! What the tests of signing in with others share: a house beside a scripted provider, and a browser that goes between.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};

use super::email_kit::unlimited;
use super::harness::*;
use crate::ground::ManualClock;
use crate::login::{Login, Upstream};
use crate::services::Event;
use crate::store::{LinkedIdentity, MemoryStore, User, UserId};
use crate::testkit::upstream::{
    FakeClient, FakeClientAuth, FakePerson, FakeProvider, FakeResponse,
};

pub(super) const CLIENT: &str = "app";
pub(super) const SECRET: &str = "a secret for the client";
pub(super) const BACK: &str = "/auth/backchannel-logout/corp";
pub(super) const IDENTITIES: &str = "/auth/account/identities";

/// A provider that knows this app.
pub(super) async fn provider(clock: &Arc<ManualClock>) -> FakeProvider {
    let provider = FakeProvider::start(clock.clone()).await;
    let auth = FakeClientAuth::Basic(SECRET.to_owned());
    provider.register(FakeClient::new(CLIENT, auth));
    provider
}

/// The provider as an operator configures it, believed in nothing.
pub(super) fn upstream(name: &str, provider: &FakeProvider) -> Upstream {
    Upstream::openid(name, provider.issuer(), CLIENT).secret_in_header(SECRET)
}

pub(super) fn house_at(clock: Arc<ManualClock>, login: Login) -> House {
    House::build_at(clock, login, MemoryStore::new().into())
}

/// A house with one provider, `corp`.
pub(super) async fn house_with(change: impl FnOnce(Upstream) -> Upstream) -> (House, FakeProvider) {
    house_of(unlimited(settings()), change).await
}

/// As [`house_with`], with settings of one's own.
pub(super) async fn house_of(
    login: Login,
    change: impl FnOnce(Upstream) -> Upstream,
) -> (House, FakeProvider) {
    let clock = House::midday();
    let provider = provider(&clock).await;
    let corp = change(upstream("corp", &provider));
    (house_at(clock, login.sign_in_with([corp])), provider)
}

/// Somebody with a verified address there.
pub(super) fn ada() -> FakePerson {
    FakePerson::new("ada-there").email(ADA, true)
}

/// Signs in at `corp`; the session there.
pub(super) async fn enter<'h>(
    house: &'h House,
    there: &FakeProvider,
    person: &FakePerson,
) -> (Browser<'h>, String) {
    let mut browser = house.browser();
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, person).expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    (browser, response.sid.expect("sid"))
}

impl House {
    /// Has the provider tell of a logout.
    pub(super) async fn tell_back(&self, token: &str) -> Answer {
        self.browser().post(BACK, &[("logout_token", token)]).await
    }

    pub(super) async fn identity(
        &self,
        provider: &FakeProvider,
        subject: &str,
    ) -> Option<LinkedIdentity> {
        let identities = &self.core.stores.identities;
        let found = identities.identity(provider.issuer(), subject).await;
        found.expect("store")
    }

    pub(super) async fn user_by(&self, id: &UserId) -> User {
        let user = self.core.stores.users.user(id).await.expect("store");
        user.expect("user")
    }

    /// Why the last sign-in at another provider came to nothing.
    pub(super) fn refusals(&self) -> Vec<&'static str> {
        let events = self.events().into_iter();
        let reasons = events.filter_map(|event| match event {
            Event::UpstreamRefused { reason, .. } => Some(reason),
            _ => None,
        });
        reasons.collect()
    }

    pub(super) fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.events().iter().filter(|event| fits(event)).count()
    }
}

impl Browser<'_> {
    /// Begins a sign-in: the URL at the provider.
    pub(super) async fn begin_with(&mut self, name: &str) -> String {
        let path = format!("/auth/login/with/{name}");
        let answer = self.get(&path).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.body);
        answer.location().to_owned()
    }

    /// Comes back as the provider sends it: from another site, and by a form without our cookies.
    pub(super) async fn come_back(&mut self, response: &FakeResponse) -> Answer {
        if !response.is_post {
            self.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
            return self.get(&response.path_and_query()).await;
        }
        let cookies = std::mem::take(&mut self.cookies);
        let path = response.redirect_uri.replace("https://app.example.com", "");
        let request = Request::post(path)
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("origin", "https://provider.example")
            .header("sec-fetch-site", "cross-site");
        let body = Bytes::from(response.form());
        let answer = self.send(request.body(body).expect("request")).await;
        assert!(self.cookies.is_empty(), "a POST across sites sets nothing");
        self.cookies = cookies;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.body);
        let next = answer.location().to_owned();
        self.get(&next).await
    }

    /// The whole way to the provider and back.
    pub(super) async fn sign_in_with(
        &mut self,
        name: &str,
        provider: &FakeProvider,
        person: &FakePerson,
    ) -> Answer {
        let url = self.begin_with(name).await;
        let response = provider.authorize(&url, person).expect("request");
        self.come_back(&response).await
    }

    /// Who is signed in.
    pub(super) async fn user_id(&mut self) -> Option<UserId> {
        let answer = self.get_json("/auth/session").await;
        answer.json()["user"]["id"].as_str().map(UserId::from)
    }

    /// Makes an account from the page that asks first.
    pub(super) async fn make_account(&mut self) -> Answer {
        self.fill_in("/auth/link-first", &[]).await
    }

    /// The names of the sign-ins under way.
    pub(super) fn attempts(&self) -> Vec<String> {
        let names = self.cookies.keys();
        let own = names.filter(|name| name.starts_with("__Host-auth_attempt_"));
        own.cloned().collect()
    }

    /// Links an identity from the account page.
    pub(super) async fn link(
        &mut self,
        name: &str,
        provider: &FakeProvider,
        person: &FakePerson,
    ) -> Answer {
        let answer = self.begin_link(name).await;
        let url = answer.location().to_owned();
        let response = provider.authorize(&url, person).expect("request");
        self.come_back(&response).await
    }

    pub(super) async fn begin_link(&mut self, name: &str) -> Answer {
        let context = self.context(IDENTITIES).await;
        let providers = context["providers"].as_array().expect("providers");
        let found = providers.iter().find(|found| found["name"] == name);
        let token = found.expect("provider")["form_token"].as_str();
        let fields = [("provider", name), ("form_token", token.expect("token"))];
        self.post("/auth/account/identities/link", &fields).await
    }

    pub(super) async fn unlink(&mut self, at: usize) -> Answer {
        let context = self.context(IDENTITIES).await;
        let identity = &context["identities"][at];
        let text = |name: &str| identity[name].as_str().expect("text").to_owned();
        let (id, token) = (text("id"), text("form_token"));
        let fields = [("identity_id", id.as_str()), ("form_token", &token)];
        self.post("/auth/account/identities/unlink", &fields).await
    }
}
