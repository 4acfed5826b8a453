//! Apps that register themselves, for the tests of registration.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::{Value, json};

use super::harness::{Answer, House, ISSUER, REDIRECT_URI, house_with, object};
use crate::provider::{JwksFetcher, Provider, Registration};

/// A fixed initial access token.
pub(super) const LEAVE: &str = "fixed-initial-access-token";

/// What is at addresses of clients, and which were asked for.
#[derive(Clone, Default)]
pub(super) struct Sites {
    documents: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Sites {
    pub(super) fn put(&self, url: &str, body: &str) {
        let body = body.as_bytes().to_vec();
        self.documents.lock().unwrap().insert(url.to_owned(), body);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl JwksFetcher for Sites {
    async fn fetch_request_object(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        self.fetch(url).await
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        self.asked.lock().unwrap().push(url.to_owned());
        let documents = self.documents.lock().unwrap();
        let body = documents.get(url).cloned().ok_or("nothing is there")?;
        Ok(body.into())
    }
}

pub(super) async fn house_where(registration: Registration) -> House {
    house_with(Provider::default().registration(registration)).await
}

pub(super) async fn open_house() -> House {
    house_where(Registration::open()).await
}

/// A house that finds documents at addresses.
pub(super) async fn open_house_with_sites() -> (House, Sites) {
    let mut house = open_house().await;
    let sites = Sites::default();
    let wing = Arc::into_inner(house.wing).unwrap();
    house.wing = Arc::new(wing.with_jwks_fetcher(Arc::new(sites.clone())));
    (house, sites)
}

/// The least an app says, and changes to it; `null` takes a member out.
pub(super) fn app(changes: Value) -> Value {
    let mut metadata = object(json!({ "redirect_uris": [REDIRECT_URI] }));
    metadata.extend(object(changes));
    Value::Object(metadata)
}

impl House {
    pub(super) async fn registration(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send(request.body(Bytes::from(body.to_owned())).unwrap())
            .await
    }

    pub(super) async fn register(&self, token: Option<&str>, metadata: &Value) -> Answer {
        let body = metadata.to_string();
        self.registration(Method::POST, "/oauth/register", token, &body)
            .await
    }

    /// An app that registered itself.
    pub(super) async fn registered(&self, changes: Value) -> Answer {
        let answer = self.register(None, &app(changes)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer
    }

    /// Asks about a registration, as its answer said.
    pub(super) async fn managed(&self, method: Method, app: &Answer, body: &Value) -> Answer {
        let token = app.text("registration_access_token");
        let path = path_of(app);
        let body = body.to_string();
        self.registration(method, &path, Some(token), &body).await
    }
}

pub(super) fn path_of(app: &Answer) -> String {
    let uri = app.text("registration_client_uri");
    uri.strip_prefix(ISSUER).unwrap().to_owned()
}

/// The error and what it says.
#[track_caller]
pub(super) fn refusal(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 400, "{answer:?}");
    (
        answer.text("error").to_owned(),
        answer.text("error_description").to_owned(),
    )
}
