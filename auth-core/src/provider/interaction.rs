//! An authorization request laid aside while its user signs in, chooses or decides.
//!
//! Its secret travels in the URL and the forms; the store has its digest, and the request sealed. Every request has its
//! own, so any number of tabs and clients go on at once in one browser. Reading leaves it; whatever decides spends it,
//! so one of any number of decisions counts.

use serde::{Deserialize, Serialize};

use super::ProviderWing;
#[cfg(feature = "login")]
use super::authorize::WantedSignIn;
use super::authorize::{AuthorizationRequest, Checked, Progress};
#[cfg(feature = "login")]
use super::client::Presentation;
use super::error::OAuthError;
use crate::ground::{Digest32, Timestamp};
use crate::store::{Consumed, OneTimeKind, OneTimeValue};
use crate::web::{Exchange, Params, Problem};

const KIND: OneTimeKind = OneTimeKind::Interaction;

/// The name of the parameter that carries the secret.
pub(super) const INTERACTION_FIELD: &str = "interaction";

/// The name of the parameter that says that the person was led on to confirm. It only brings a refusal nearer.
pub(super) const CONFIRMATION_FIELD: &str = "confirm";

/// What is stored.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    request: AuthorizationRequest,
    began_at: Timestamp,
    expires_at: Timestamp,
    /// Digest of the cookie that names the browser. `None` for a request that came without our cookies.
    browser: Option<Digest32>,
    account_chosen: Option<String>,
}

/// A request that waits, opened by the browser it belongs to.
pub(super) struct Interaction {
    secret: String,
    stored: Stored,
    /// Somebody signed in for it, and was led on to confirm what that did not show.
    pub(super) confirmation_asked: bool,
}

impl Interaction {
    /// The secret, for URLs and forms.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What forms of this interaction are bound to: their `purpose`. A form drawn for one person is no other's.
    pub(super) fn purpose(&self, form: &str, subject: &str) -> String {
        format!("{form}:{}:{subject}", Digest32::of(&self.secret).to_text())
    }

    pub(super) fn request(&self) -> &AuthorizationRequest {
        &self.stored.request
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            began_at: self.is_bound().then_some(self.stored.began_at),
            account_chosen: self.stored.account_chosen.clone(),
            confirmation_asked: self.confirmation_asked,
        }
    }

    /// Whether it belongs to a browser. One that does not is as good as the request itself, no further.
    pub(super) fn is_bound(&self) -> bool {
        self.stored.browser.is_some()
    }
}

impl ProviderWing {
    /// Lays a request aside for this browser.
    pub(super) async fn begin_interaction(
        &self,
        exchange: &mut Exchange<'_>,
        request: AuthorizationRequest,
    ) -> Result<Interaction, OAuthError> {
        let browser = Digest32::of(exchange.browser(&*self.core.random));
        self.lay_aside(request, Some(browser), exchange.now).await
    }

    /// Lays a request aside that no browser can be told of yet.
    pub(super) async fn begin_unbound_interaction(
        &self,
        request: AuthorizationRequest,
        now: Timestamp,
    ) -> Result<Interaction, OAuthError> {
        self.lay_aside(request, None, now).await
    }

    async fn lay_aside(
        &self,
        request: AuthorizationRequest,
        browser: Option<Digest32>,
        now: Timestamp,
    ) -> Result<Interaction, OAuthError> {
        self.put_interaction(Stored {
            request,
            began_at: now,
            expires_at: now + self.settings.interaction_life,
            browser,
            account_chosen: None,
        })
        .await
    }

    /// Reads the interaction a request names, without spending it.
    pub(super) async fn open_interaction(
        &self,
        exchange: &Exchange<'_>,
        params: &Params,
    ) -> Result<Interaction, Problem> {
        let secret = params.get(INTERACTION_FIELD).ok_or_else(gone)?;
        let key = Digest32::of(secret);
        let value = self
            .core
            .stores
            .one_time
            .peek(KIND, &key, exchange.now)
            .await?;
        // What was sealed under a secret since taken out of the ring is as lost as what expired.
        let stored: Stored = value
            .and_then(|value| self.open_payload(KIND, &value.payload).ok())
            .ok_or_else(gone)?;
        if stored.browser.is_some() && stored.browser != exchange.known_browser().map(Digest32::of)
        {
            return Err(another_browser());
        }
        Ok(Interaction {
            secret: secret.to_owned(),
            stored,
            confirmation_asked: params.is_on(CONFIRMATION_FIELD),
        })
    }

    /// The client whose request waits behind an address of ours, if that is this browser's own.
    #[cfg(feature = "login")]
    pub(crate) async fn client_behind(
        &self,
        exchange: &Exchange<'_>,
        address: &str,
    ) -> Option<Presentation> {
        let interaction = self.interaction_behind(exchange, address).await?;
        let checked = self.check_again(interaction.request().clone()).await.ok()?;
        Some(Presentation::of(&checked.client))
    }

    /// What the request that waits behind an address of ours wants of a sign-in, if it is this browser's own.
    #[cfg(feature = "login")]
    pub(crate) async fn sign_in_wanted_behind(
        &self,
        exchange: &Exchange<'_>,
        address: &str,
    ) -> Option<WantedSignIn> {
        let interaction = self.interaction_behind(exchange, address).await?;
        let began_at = interaction.stored.began_at;
        Some(interaction.request().wanted_sign_in(began_at, exchange.now))
    }

    #[cfg(feature = "login")]
    async fn interaction_behind(
        &self,
        exchange: &Exchange<'_>,
        address: &str,
    ) -> Option<Interaction> {
        let (path, query) = address.split_once('?')?;
        if path != self.path("/authorize/resume") {
            return None;
        }
        let params = Params::parse_urlencoded(query.as_bytes()).ok()?;
        let interaction = self.open_interaction(exchange, &params).await.ok()?;
        interaction.is_bound().then_some(interaction)
    }

    /// Reads the interaction a form is about, and proves its request again. No form was drawn for one that belongs to
    /// no browser.
    pub(super) async fn open_for_decision(
        &self,
        exchange: &Exchange<'_>,
        params: &Params,
    ) -> Result<(Interaction, Checked), Problem> {
        let interaction = self.open_interaction(exchange, params).await?;
        if !interaction.is_bound() {
            return Err(gone());
        }
        let checked = self.check_again(interaction.request().clone()).await?;
        Ok((interaction, checked))
    }

    /// Spends an interaction: of any number of calls, on any number of nodes, one is `Ok`.
    pub(super) async fn finish_interaction(
        &self,
        interaction: &Interaction,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let key = Digest32::of(&interaction.secret);
        match self.core.stores.one_time.consume(KIND, &key, now).await? {
            Consumed::First(_) => Ok(()),
            Consumed::Again(_) | Consumed::Absent => Err(gone()),
        }
    }

    /// Replaces an interaction by one in which this account was chosen. It lives no longer than the first.
    pub(super) async fn choose_in_interaction(
        &self,
        interaction: Interaction,
        subject: String,
        now: Timestamp,
    ) -> Result<Interaction, Problem> {
        self.finish_interaction(&interaction, now).await?;
        let stored = Stored {
            account_chosen: Some(subject),
            ..interaction.stored
        };
        let replaced = self.put_interaction(stored).await;
        replaced.map_err(|error| super::authorize::problem_of(&error))
    }

    async fn put_interaction(&self, stored: Stored) -> Result<Interaction, OAuthError> {
        let secret = self.core.random.secret();
        let value = OneTimeValue {
            kind: KIND,
            key: Digest32::of(&secret),
            payload: self.seal_payload(KIND, &stored)?,
            expires_at: stored.expires_at,
            keep_until: stored.expires_at,
        };
        self.core.stores.one_time.put(&value).await?;
        Ok(Interaction {
            secret,
            stored,
            confirmation_asked: false,
        })
    }
}

/// One page for all of: decided before, expired, never there. The way on is the same.
pub(super) fn gone() -> Problem {
    Problem {
        code: "interaction_gone",
        ..Problem::bad_request(
            "This request was already completed or has expired. Go back to the app and start again.",
        )
    }
}

/// The page for a link that was carried to another browser.
pub(super) fn another_browser() -> Problem {
    Problem {
        code: "another_browser",
        ..Problem::forbidden(
            "This request was started in another browser. Go back to the app and start again here.",
        )
    }
}
