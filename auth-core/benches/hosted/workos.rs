//! As much of WorkOS as a sign-in asks of it.

use std::sync::Arc;

use auth_core::ground::jose::{Algorithm, SigningKey};
use auth_core::ground::{Clock as _, ManualClock};
use auth_core::login::WorkOs;
use auth_core::testkit::upstream::{FakeProvider, FakeReply};
use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Value, json};

use crate::raw;

/// How long its access tokens live, in seconds.
pub(crate) const LIFE: u64 = 300;

const CLIENT: &str = "client_01K2Q7ZP4N3V8R5T6W9X0Y1A2B";
const USER: &str = "user_01K2Q7ZR1C4D5E6F7G8H9J0K1M";
const THEN: &str = "2025-11-01T00:00:00.000Z";

pub(crate) struct FakeWorkOs {
    server: FakeProvider,
    token: String,
    public: ParsedPublicKey,
}

impl FakeWorkOs {
    pub(crate) async fn start(clock: Arc<ManualClock>, algorithm: Algorithm) -> Self {
        let now = clock.now().seconds();
        let server = FakeProvider::start(clock).await;
        let made = SigningKey::generate(algorithm).unwrap();
        let token = made.key.sign_compact(None, &claims(server.issuer(), now));
        let token = token.unwrap();
        let answer = json!({
            "user": user(),
            "organization_id": "org_01K2Q7ZS8N7P6Q5R4S3T2V1W0X",
            "access_token": token,
            "refresh_token": "rTq8mZ2kLx5vBn7cWe4yUi1oP",
            "authentication_method": "Password",
        });
        let keys = json!({ "keys": [made.key.public_jwk()] });
        server.bend(|faults| {
            let json = |document| FakeReply::json(200, document);
            faults.reply(&format!("/sso/jwks/{CLIENT}"), json(&keys));
            faults.reply("/user_management/authenticate", json(&answer));
        });
        Self {
            server,
            token,
            public: raw::public_key(algorithm, &made.pkcs8),
        }
    }

    pub(crate) fn settings(&self) -> WorkOs {
        WorkOs::new(CLIENT, "sk_test_key").base_url(self.server.issuer())
    }

    /// Requests so far, for whatever.
    pub(crate) fn calls(&self) -> usize {
        self.server.all_hits()
    }

    /// One raw verification of the access token.
    pub(crate) fn raw_verification(&self) -> impl Fn() + use<> {
        raw::verification(&self.public, &self.token)
    }
}

fn claims(issuer: &str, now: i64) -> Value {
    json!({
        "iss": format!("{issuer}/user_management/{CLIENT}"),
        "sub": USER,
        "sid": "session_01K2Q7ZT3X4Y5Z6A7B8C9D0E1F",
        "jti": "01K2Q7ZV9A8B7C6D5E4F3G2H1J",
        "org_id": "org_01K2Q7ZS8N7P6Q5R4S3T2V1W0X",
        "role": "admin",
        "roles": ["admin"],
        "permissions": ["reports:read", "reports:write", "members:manage"],
        "entitlements": ["audit-logs"],
        "client_id": CLIENT,
        "iat": now,
        "exp": now + LIFE.cast_signed(),
    })
}

fn user() -> Value {
    json!({
        "object": "user", "id": USER, "email": "ada@example.com", "email_verified": true,
        "first_name": "Ada", "last_name": "Lovelace", "metadata": {},
        "created_at": THEN, "updated_at": THEN,
    })
}
