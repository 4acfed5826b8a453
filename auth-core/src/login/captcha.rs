//! A CAPTCHA before what robots do in bulk: a hook, as which service to trust is the host's choice.

use std::error::Error;
use std::net::IpAddr;

use async_trait::async_trait;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::LoginWing;
use super::attempt::AddressAttempts;
use crate::services::{Event, SignInFailure};
use crate::web::{Exchange, Problem, Response};

/// What a CAPTCHA may stand before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptchaAction {
    /// Making an account.
    Register,
    /// Signing in with a password.
    SignIn,
    /// Asking for a mail: a link, a code, a reset.
    Mail,
}

/// What the page shows: the service's own script fills an element of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptchaWidget {
    /// The https URL of the script.
    pub script: String,
    /// The class of the element it looks for.
    pub class: String,
    /// The site's public key, given as `data-sitekey`.
    pub site_key: String,
    /// The field in which the answer arrives.
    pub field: String,
}

impl CaptchaWidget {
    /// The script's origin, which the page's policy opens for scripts and frames.
    pub(super) fn origin(&self) -> Option<String> {
        let url = url::Url::parse(&self.script).ok()?;
        let is_https = url.scheme() == "https" && url.has_host();
        is_https.then(|| url.origin().ascii_serialization())
    }
}

/// An answer to be judged.
#[derive(Clone, Copy, Debug)]
pub struct CaptchaAnswer<'a> {
    /// What it stands before.
    pub action: CaptchaAction,
    /// What arrived in the field; a client that reads JSON sends the same member.
    pub response: &'a str,
    /// The client's address.
    pub address: Option<IpAddr>,
}

/// A service that tells people from robots.
#[async_trait]
pub trait Captcha: Send + Sync + 'static {
    /// What pages show.
    fn widget(&self) -> CaptchaWidget;

    /// Whether the answer is right. Each answer counts once: that is the service's to see to.
    ///
    /// # Errors
    /// The service cannot be asked; the person is told to try again. A host that would rather let everybody pass then
    /// answers `Ok(true)` itself.
    async fn verify(&self, answer: CaptchaAnswer<'_>)
    -> Result<bool, Box<dyn Error + Send + Sync>>;
}

impl LoginWing {
    fn captcha_before(&self, action: CaptchaAction) -> Option<&dyn Captcha> {
        let (captcha, actions) = self.settings.defence.captcha.as_ref()?;
        actions.contains(&action).then_some(&**captcha)
    }

    /// Judges the answer of a form, before anything else is looked at or counted: nobody locks another's account without
    /// an answer. Wrong answers are counted by address, as each asks the service.
    pub(super) async fn check_captcha(
        &self,
        exchange: &Exchange<'_>,
        action: CaptchaAction,
    ) -> Result<(), Problem> {
        let Some(captcha) = self.captcha_before(action) else {
            return Ok(());
        };
        let body = Self::body(exchange)?;
        self.count_address(AddressAttempts::Captcha, exchange)
            .await?;
        let answer = CaptchaAnswer {
            action,
            response: body.get(&captcha.widget().field).unwrap_or_default(),
            address: exchange.address,
        };
        let is_right = if answer.response.is_empty() {
            false
        } else {
            captcha.verify(answer).await.map_err(|error| {
                tracing::error!(error = &*error as &dyn Error, "the CAPTCHA service failed");
                Problem::unavailable()
            })?
        };
        if is_right {
            self.take_back_address(AddressAttempts::Captcha, exchange)
                .await?;
            return Ok(());
        }
        let event = Event::SignInFailed {
            user: None,
            reason: SignInFailure::Captcha,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "captcha_required",
            "Show that you are a person: go back, solve the puzzle and try again.",
        ))
    }

    /// What the page shows of it.
    pub(super) fn captcha_context(&self, action: CaptchaAction) -> Value {
        self.captcha_before(action).map_or(Value::Null, |captcha| {
            let widget = captcha.widget();
            json!({
                "script": widget.script,
                "class": widget.class,
                "site_key": widget.site_key,
                "field": widget.field,
            })
        })
    }

    /// Opens the page's policy for the service's script and frame, where the page shows one.
    pub(super) fn allow_captcha(&self, action: CaptchaAction, mut response: Response) -> Response {
        let origin = self
            .captcha_before(action)
            .and_then(|captcha| captcha.widget().origin());
        let headers = response.headers_mut();
        let policy = headers.get(CONTENT_SECURITY_POLICY);
        let policy = policy.and_then(|policy| policy.to_str().ok());
        if let (Some(origin), Some(policy)) = (origin, policy) {
            // Two directives of one name would leave the second unread.
            let own = policy.contains("script-src 'self'");
            let policy = policy.replace("; script-src 'self'", "");
            let own = if own { "'self' " } else { "" };
            let opened = format!("{policy}; script-src {own}{origin}; frame-src {origin}");
            if let Ok(opened) = HeaderValue::from_str(&opened) {
                headers.insert(CONTENT_SECURITY_POLICY, opened);
            }
        }
        response
    }
}
