//! Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0) and its management (RFC 7592).
//!
//! One address: POST registers; GET, PUT and DELETE, with the client's id in the query and its registration access
//! token, read, replace and remove. Off unless an operator turns it on.

mod answer;
mod initial_token;
mod manage;
mod policy;
mod refused;
mod settings;
mod statement;

use http::{Method, StatusCode};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

pub use policy::{RegistrationPolicy, RegistrationReview, StandardRegistrationPolicy};
pub use settings::Registration;

pub(super) use settings::RegistrationMode;

use self::answer::Information;
use self::initial_token::Authority;
use self::refused::Refused;
use super::ProviderWing;
use super::error::OAuthError;
use super::registry::{ByItself, NewClient};
use crate::ground::Digest32;
use crate::ground::jose::parse_unique_object;
use crate::store::Client;
use crate::web::{Exchange, Response, throttle_bucket};

/// The counter of registrations and changes, by address.
const ATTEMPTS: &str = "client_registration";

/// Metadata after statement and policy.
struct Reviewed {
    metadata: Map<String, Value>,
    first_party: bool,
}

impl ProviderWing {
    /// `/register`.
    pub(super) async fn register(&self, exchange: &mut Exchange<'_>) -> Response {
        let answer = match exchange.parts.method {
            Method::POST => self.create_registration(exchange).await,
            Method::PUT => self.replace_registration(exchange).await,
            Method::DELETE => self.delete_registration(exchange).await,
            _ => self.read_registration(exchange).await,
        };
        answer.unwrap_or_else(Refused::respond)
    }

    /// RFC 7591 §3.1. A use of the initial access token is spent when nothing is left that could refuse.
    async fn create_registration(&self, exchange: &Exchange<'_>) -> Result<Response, Refused> {
        self.count_registration(exchange).await?;
        let authority = self.registration_authority(exchange).await?;
        let open = matches!(authority, Authority::Nobody);
        let metadata = read_metadata(exchange)?;
        let reviewed = self.review(exchange, metadata, open, None).await?;
        let token = Zeroizing::new(self.core.random.secret());
        let by_itself = ByItself {
            digest: Digest32::of(&*token),
            open,
        };
        let new = NewClient::by_itself(reviewed.metadata, reviewed.first_party, by_itself);
        let prepared = self.prepare_client(new).await?;
        self.spend_authority(&authority, exchange.now).await?;
        self.insert_client(&prepared.client, "registered by itself")
            .await?;
        if !open {
            // Whoever was vouched for is not what the counter is for.
            let bucket = throttle_bucket(exchange.address);
            self.core.throttles.take_back(ATTEMPTS, &bucket).await?;
        }
        let information = Information {
            client: &prepared.client,
            client_secret: prepared
                .client_secret
                .as_ref()
                .map(|secret| secret.as_str()),
            registration_access_token: &token,
        };
        Ok(self.respond_with_information(StatusCode::CREATED, &information))
    }

    async fn count_registration(&self, exchange: &Exchange<'_>) -> Result<(), Refused> {
        let bucket = throttle_bucket(exchange.address);
        let policy = &self.settings.registration.throttle;
        let throttles = &self.core.throttles;
        match throttles
            .attempt(ATTEMPTS, &bucket, policy, exchange.now)
            .await?
        {
            None => Ok(()),
            Some(locked) => Err(Refused::too_many(locked.seconds_left(exchange.now))),
        }
    }

    /// The software statement, then the operator's policy: what it decides is checked like what the client wrote.
    async fn review(
        &self,
        exchange: &Exchange<'_>,
        mut metadata: Map<String, Value>,
        open: bool,
        client: Option<&Client>,
    ) -> Result<Reviewed, OAuthError> {
        let statement = self.apply_statement(&mut metadata, exchange.now)?;
        let mut review = RegistrationReview {
            metadata: &mut metadata,
            statement: statement.as_ref(),
            open,
            client,
            first_party: client.is_some_and(|client| client.first_party),
        };
        self.settings
            .registration
            .policy
            .review(&mut review)
            .await?;
        let first_party = review.first_party;
        Ok(Reviewed {
            metadata,
            first_party,
        })
    }
}

/// RFC 7591 §3.1: a JSON object at the top level. A member twice is refused: two readers of one request must see the
/// same.
fn read_metadata(exchange: &Exchange<'_>) -> Result<Map<String, Value>, OAuthError> {
    if !exchange.has_json_body() {
        return Err(OAuthError::invalid_client_metadata(
            "the body must be application/json",
        ));
    }
    parse_unique_object(exchange.body).map_err(|_| {
        OAuthError::invalid_client_metadata(
            "the body must be a JSON object with each member named once",
        )
    })
}
