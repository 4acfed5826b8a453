//! The app that sends somebody here to sign in, so that the page can name it.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde::Serialize;

use crate::ground::Timestamp;
use crate::web::{Exchange, ReturnTo};

/// An app as people see it. What it says of itself: shown as text and links, never followed or loaded by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestingApp {
    /// Its name.
    pub name: String,
    /// Its home page.
    pub client_uri: Option<String>,
    /// Its logo.
    pub logo_uri: Option<String>,
    /// How it treats data.
    pub policy_uri: Option<String>,
    /// Its terms of service.
    pub tos_uri: Option<String>,
}

/// What an app asks of the sign-in that it sends somebody here for, in the words of OpenID Connect Core §3.1.2.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedSignIn {
    /// An older proof than this sends the person here again.
    pub not_before: Option<Timestamp>,
    /// `max_age`, in seconds.
    pub max_age: Option<u64>,
    /// The person is to be asked also where they are known (`prompt=login`).
    pub asks_again: bool,
    /// How strong it should be, best first.
    pub acr_values: Vec<String>,
    /// Who it thinks the person is.
    pub login_hint: Option<String>,
}

/// Knows which app stands behind the address a sign-in leads on to.
#[async_trait]
pub trait RequestingApps: Send + Sync + 'static {
    /// The app, if it is one of this browser's own requests. The page is drawn without it when nobody can tell.
    async fn behind(&self, exchange: &Exchange<'_>, return_to: &ReturnTo) -> Option<RequestingApp>;

    /// What that app asks of the sign-in, if the request is one of this browser's own.
    async fn asks(&self, exchange: &Exchange<'_>, return_to: &ReturnTo) -> Option<RequestedSignIn>;
}

/// Whom to ask, once both wings stand.
#[derive(Default)]
pub(super) struct Requesters(OnceLock<Arc<dyn RequestingApps>>);

impl Requesters {
    pub(super) fn set(&self, apps: Arc<dyn RequestingApps>) {
        let _ = self.0.set(apps);
    }

    pub(super) async fn behind(
        &self,
        exchange: &Exchange<'_>,
        return_to: Option<&ReturnTo>,
    ) -> Option<RequestingApp> {
        self.0.get()?.behind(exchange, return_to?).await
    }

    pub(super) async fn asks(
        &self,
        exchange: &Exchange<'_>,
        return_to: Option<&ReturnTo>,
    ) -> Option<RequestedSignIn> {
        self.0.get()?.asks(exchange, return_to?).await
    }
}
