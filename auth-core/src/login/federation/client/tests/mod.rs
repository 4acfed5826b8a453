//! The client against a scripted provider, over real sockets.

mod answers;
mod encrypted;
mod id_token;
mod keys;
mod logout;
mod oauth2;
mod plan;
mod requests;
mod response;
mod user_info;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Ask, AttemptSecrets, AuthorizationResponse, Client, ClientError, Proven};
use crate::ground::{Clock as _, ManualClock, SystemRandom, Timestamp};
use crate::login::federation::Upstream;
use crate::services::outbound::{Outbound, OutboundPolicy};
use crate::testkit::upstream::{
    FakeClient, FakeClientAuth, FakePerson, FakeProvider, FakeReply, FakeResponse, Faults,
};

const START: i64 = 1_763_700_000;
const CLIENT: &str = "app";
const SECRET: &str = "hush: %+&";
const BACK: &str = "https://app.example.com/auth/callback/corp";

/// A provider and its client.
struct Bench {
    provider: FakeProvider,
    client: Arc<Client>,
    clock: Arc<ManualClock>,
}

impl Bench {
    async fn start() -> Self {
        Self::with(|upstream| upstream).await
    }

    async fn with(change: impl FnOnce(Upstream) -> Upstream) -> Self {
        Self::build(change, OutboundPolicy::default()).await
    }

    async fn build(change: impl FnOnce(Upstream) -> Upstream, policy: OutboundPolicy) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let provider = FakeProvider::start(clock.clone()).await;
        let auth = FakeClientAuth::Basic(SECRET.to_owned());
        provider.register(FakeClient::new(CLIENT, auth));
        let upstream = Upstream::openid("corp", provider.issuer(), CLIENT).secret(SECRET);
        let client = client(change(upstream), policy);
        Self {
            provider,
            client,
            clock,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A request, and what the provider answers to it when this person signs in.
    async fn asked(&self, ask: &Ask, person: &FakePerson) -> (AttemptSecrets, FakeResponse) {
        let secrets = self.client.draw(&SystemRandom);
        let url = self
            .client
            .authorization_url(&secrets, ask, self.now())
            .await;
        let response = self.provider.authorize(&url.unwrap(), person).unwrap();
        (secrets, response)
    }

    async fn redeem(
        &self,
        secrets: &AttemptSecrets,
        response: &FakeResponse,
    ) -> Result<Proven, ClientError> {
        let response = answer(response);
        self.client
            .redeem(
                secrets,
                &Ask::default(),
                &response,
                &SystemRandom,
                (self.now(), self.now()),
            )
            .await
    }

    async fn sign_in(&self) -> Result<Proven, ClientError> {
        let (secrets, response) = self.asked(&Ask::default(), &ada()).await;
        self.redeem(&secrets, &response).await
    }

    async fn sign_in_asking(&self, ask: &Ask, person: &FakePerson) -> Result<Proven, ClientError> {
        self.sign_in_over(ask, person, Duration::ZERO).await
    }

    /// As [`sign_in_asking`](Self::sign_in_asking), with the way back taking so long.
    async fn sign_in_over(
        &self,
        ask: &Ask,
        person: &FakePerson,
        long: Duration,
    ) -> Result<Proven, ClientError> {
        let began_at = self.now();
        let (secrets, response) = self.asked(ask, person).await;
        let response = answer(&response);
        self.clock.advance(long);
        let times = (began_at, self.now());
        self.client
            .redeem(&secrets, ask, &response, &SystemRandom, times)
            .await
    }

    /// What becomes of a sign-in while the provider does this wrong.
    async fn bent(&self, bend: impl FnOnce(&mut Faults)) -> String {
        // The metadata is there already: it is the answers that are bent.
        assert_eq!(outcome(&self.sign_in().await), "proven");
        self.provider.bend(bend);
        let outcome = outcome(&self.sign_in().await);
        self.provider.straighten();
        outcome
    }
}

fn client(upstream: Upstream, policy: OutboundPolicy) -> Arc<Client> {
    let outbound = Outbound::new(policy.dangerous_allow_loopback()).unwrap();
    Client::new(upstream, BACK.to_owned(), outbound).unwrap()
}

/// Short enough to wait for.
fn hasty() -> OutboundPolicy {
    OutboundPolicy::default().timeout(Duration::from_millis(700))
}

fn ada() -> FakePerson {
    FakePerson::new("248289761001")
        .email("ada@example.com", true)
        .claim("name", json!("Ada Lovelace"))
}

fn answer(response: &FakeResponse) -> AuthorizationResponse {
    let parameter = |name| response.parameter(name).map(str::to_owned);
    AuthorizationResponse {
        state: parameter("state"),
        code: parameter("code"),
        iss: parameter("iss"),
        error: parameter("error"),
        user: None,
    }
}

/// `proven`, or why not, in the closed set's words.
fn outcome(result: &Result<Proven, ClientError>) -> String {
    match result {
        Ok(_) => "proven".to_owned(),
        Err(error) => reason(error),
    }
}

fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Denied => "denied".to_owned(),
        ClientError::InteractionRequired => "interaction".to_owned(),
        ClientError::NotFresh => "not_fresh".to_owned(),
        ClientError::Down(place, _) => format!("down: {place}"),
        ClientError::Refused(reason) => (*reason).to_owned(),
    }
}

fn set(name: &str, value: Value) -> (String, Option<Value>) {
    (name.to_owned(), Some(value))
}

fn without(name: &str) -> (String, Option<Value>) {
    (name.to_owned(), None)
}
