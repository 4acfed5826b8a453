//! A node: an `Auth` over stores that other nodes see too.

use std::time::Duration;

use auth_core::auth::{Auth, AuthBuilder};
use auth_core::login::{Argon2Cost, Login, NewUser};
use auth_core::provider::{NewClient, Provider};
use auth_core::store::{Stores, ThrottlePolicy};
use auth_core::testkit::Browser;
use serde_json::{Value, json};

use crate::{Place, TestClock, relying_party};

/// Where the product is reached, and the issuer.
pub const BASE: &str = "https://app.example.com";

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

const SECRET: [u8; 32] = [7; 32];

/// One of the processes that serve [`BASE`], as far as anybody outside can tell.
#[derive(Clone)]
pub struct Node {
    /// What answers.
    pub auth: Auth,
}

/// A login that throttles as the product does. Hashing is not what fails here.
fn login() -> Login {
    let cheap = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };
    Login::default().dangerous_weak_argon2(cheap)
}

/// What every node here is set up with, but for its stores.
pub fn settings(clock: &TestClock) -> AuthBuilder {
    // Many people sign in again and again.
    let patient = ThrottlePolicy {
        limit: 1_000_000,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let login = login().account_throttle(patient).address_throttle(patient);
    Auth::builder(BASE)
        .secret(SECRET)
        .clock(clock.clone())
        .prune_every(None)
        .login(login)
        .provider(Provider::default())
}

impl Node {
    /// Opens a place and serves from it, by the machine's clock.
    pub async fn at(place: &Place) -> Self {
        Self::with_clock(place, &TestClock::default()).await
    }

    /// Opens a place and serves from it.
    pub async fn with_clock(place: &Place, clock: &TestClock) -> Self {
        let builder = settings(clock).clustered(place.is_shared());
        Self::of(builder.store(place.open().await)).await
    }

    /// Serves from stores that are open already, with the throttles that the product has by itself.
    pub async fn throttled(stores: Stores) -> Self {
        let builder = settings(&TestClock::default()).login(login());
        Self::of(builder.store(stores)).await
    }

    /// Serves from stores that are open already.
    pub async fn over(stores: Stores, clock: &TestClock) -> Self {
        Self::of(settings(clock).store(stores)).await
    }

    /// Serves with these settings.
    pub async fn of(builder: AuthBuilder) -> Self {
        let auth = Box::pin(builder.build()).await.expect("settings that work");
        Self { auth }
    }

    /// Two nodes at a place, each with connections of its own, and the client they both know.
    pub async fn pair(place: &Place) -> [Self; 2] {
        let nodes = [Self::at(place).await, Self::at(place).await];
        nodes[0].register_client().await;
        nodes
    }

    /// Registers the client whose part [`RelyingParty`](crate::RelyingParty) plays.
    pub async fn register_client(&self) {
        let metadata = json!({
            "client_id": relying_party::ID,
            "client_secret": relying_party::SECRET,
            "client_name": "The third party",
            "redirect_uris": [relying_party::REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "openid profile email offline_access",
        });
        self.register(metadata).await;
    }

    /// Registers a client.
    pub async fn register(&self, metadata: Value) {
        let Value::Object(metadata) = metadata else {
            panic!("client metadata is an object")
        };
        let client = NewClient::from_metadata(metadata);
        let provider = self.auth.provider().expect("a provider");
        provider
            .register_client(client)
            .await
            .expect("a new client");
    }

    /// Makes an account with [`PASSWORD`].
    pub async fn create_user(&self, email: &str) {
        let user = NewUser {
            email: Some(email.to_owned()),
            password: Some(PASSWORD.into()),
            ..NewUser::default()
        };
        let login = self.auth.login().expect("a login");
        login.create_user(user).await.expect("a new user");
    }

    /// The ids of the keys it publishes.
    pub async fn kids(&self) -> Vec<String> {
        let set = Browser::new(&self.auth).get("/oauth/jwks").await.json();
        let keys = set["keys"].as_array().expect("keys").iter();
        keys.map(|key| key["kid"].as_str().expect("an id").to_owned())
            .collect()
    }
}
