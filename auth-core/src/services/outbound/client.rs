//! The guarded client.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use tokio::sync::OnceCell;

use super::credentials::ClientCredentials;
use super::error::OutboundError;
use super::policy::{Lane, OutboundPolicy, Rules};
use super::resolve::{Guarded, LookUp, system};

/// Gets documents from addresses that strangers choose, and posts forms. Cheap to clone.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    rules: Arc<Rules>,
    look_up: LookUp,
    public: OnceCell<Client>,
    loopback: OnceCell<Client>,
    named: OnceCell<Client>,
}

impl Outbound {
    /// A client with this policy. Nothing is loaded before the first request.
    ///
    /// # Errors
    /// [`OutboundError::Policy`], naming the setting.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a policy has no use after its client"
    )]
    pub fn new(policy: OutboundPolicy) -> Result<Self, OutboundError> {
        Self::with_look_up(&policy, system())
    }

    pub(super) fn with_look_up(
        policy: &OutboundPolicy,
        look_up: LookUp,
    ) -> Result<Self, OutboundError> {
        Ok(Self(Arc::new(Inner {
            rules: Arc::new(policy.check()?),
            look_up,
            public: OnceCell::new(),
            loopback: OnceCell::new(),
            named: OnceCell::new(),
        })))
    }

    /// The longest a request takes.
    #[cfg(feature = "federation")]
    pub(crate) fn timeout(&self) -> std::time::Duration {
        self.0.rules.timeout
    }

    /// Whether a request to this URL would be tried: for settings, so that a URL which can never work is refused at the
    /// start. What a name resolves to is only known when it is asked for.
    ///
    /// # Errors
    /// [`OutboundError::InvalidUrl`], [`OutboundError::UserInfo`], [`OutboundError::NotHttps`],
    /// [`OutboundError::AddressRefused`].
    pub fn admits(&self, url: &str) -> Result<(), OutboundError> {
        self.0.rules.admit(url).map(|_| ())
    }

    /// The bytes of the JSON document at `url`: `application/json` or `application/…+json`, status 200, no longer than
    /// the policy's bound. Whether they are JSON is for the reader to find out.
    ///
    /// To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn get_json_bytes(&self, url: &str) -> Result<Bytes, OutboundError> {
        let (url, lane) = self.0.rules.admit(url)?;
        let request = self.client(lane).await?.get(url);
        self.exchange(request).await
    }

    /// Fetches a document of whatever media type, within the same bounds; `accept` says what is hoped for.
    ///
    /// To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn get_bytes(&self, url: &str, accept: &str) -> Result<Bytes, OutboundError> {
        let (url, lane) = self.0.rules.admit(url)?;
        let request = self.client(lane).await?.get(url).header(ACCEPT, accept);
        let exchange = async {
            let response = self.ask(request).await?;
            self.read(response).await
        };
        tokio::time::timeout(self.0.rules.timeout, exchange)
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }

    /// Posts a form and returns the bytes of the JSON document that answers it, as [`Outbound::get_json_bytes`] does,
    /// within the same bounds.
    ///
    /// The credentials go to this URL and nowhere else: over https unless the policy excepts its host, and since no
    /// redirect is followed, to nobody it refers to. So it must be a URL the operator named.
    ///
    /// To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`OutboundError`]. Credentials that are not accepted are an [`OutboundError::Status`], mostly of 401.
    pub async fn post_form(
        &self,
        url: &str,
        credentials: Option<&ClientCredentials>,
        form: &[(&str, &str)],
    ) -> Result<Bytes, OutboundError> {
        let mut request = self.form(url, form).await?;
        if let Some(credentials) = credentials {
            request = credentials.authenticate(request);
        }
        self.exchange(request).await
    }

    /// Posts a form and returns the status that answers it, whichever it is; what comes after it is not read. Within
    /// the bounds of [`Outbound::get_json_bytes`].
    ///
    /// To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`OutboundError`], when there is no answer.
    pub async fn post_form_for_status(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<u16, OutboundError> {
        let request = self.form(url, form).await?;
        let answer = tokio::time::timeout(self.0.rules.timeout, self.ask(request)).await;
        let answer = answer.unwrap_or(Err(OutboundError::Timeout))?;
        Ok(answer.status().as_u16())
    }

    /// Sends a request as it is and returns the answer, whichever its status and media type, within the bounds of
    /// [`Outbound::get_json_bytes`]. A redirect is an answer, too: it is not followed.
    ///
    /// What [`Outbound::post_form`] says of credentials goes for those in the headers and the body of this request.
    /// `Authorization` is marked as sensitive, so the `Debug` of the request hides it.
    ///
    /// To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`OutboundError`], when there is no whole answer.
    pub async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<http::Response<Bytes>, OutboundError> {
        let (parts, body) = request.into_parts();
        let (url, lane) = self.0.rules.admit(&parts.uri.to_string())?;
        let mut headers = parts.headers;
        if let Some(value) = headers.get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
        let client = self.client(lane).await?;
        let request = client
            .request(parts.method, url)
            .headers(headers)
            .body(body);
        let exchange = async {
            let mut response = self.ask(request).await?;
            let mut answer = http::Response::new(self.body(&mut response).await?);
            *answer.status_mut() = response.status();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            Ok(answer)
        };
        tokio::time::timeout(self.0.rules.timeout, exchange)
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }

    async fn form(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<RequestBuilder, OutboundError> {
        let (url, lane) = self.0.rules.admit(url)?;
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self.client(lane).await?.post(url);
        Ok(request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Bytes, OutboundError> {
        let exchange = async {
            let request = request.header(ACCEPT, "application/json");
            let response = self.ask(request).await?;
            if !is_json(response.headers()) && response.status() == 200 {
                return Err(OutboundError::ContentType);
            }
            self.read(response).await
        };
        tokio::time::timeout(self.0.rules.timeout, exchange)
            .await
            .unwrap_or(Err(OutboundError::Timeout))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, OutboundError> {
        #[cfg(feature = "testkit")]
        if let Some(in_place) = &self.0.rules.in_place {
            return in_place.answer(request);
        }
        request.send().await.map_err(OutboundError::from_request)
    }

    async fn read(&self, mut response: Response) -> Result<Bytes, OutboundError> {
        let status = response.status().as_u16();
        if status != 200 {
            return Err(OutboundError::Status(status));
        }
        self.body(&mut response).await
    }

    async fn body(&self, response: &mut Response) -> Result<Bytes, OutboundError> {
        let limit = self.0.rules.body_limit;
        // What is announced is refused early; what is not, or falsely, is counted.
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |length| length > limit) {
            return Err(OutboundError::TooLarge { limit });
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(OutboundError::from_request)?
        {
            if chunk.len() > limit - body.len() {
                return Err(OutboundError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The client of a lane, made when first wanted: reading the system's CA certificates takes time and memory that
    /// a host without outbound requests does not owe.
    async fn client(&self, lane: Lane) -> Result<&Client, OutboundError> {
        let cell = match lane {
            Lane::Public => &self.0.public,
            Lane::Loopback => &self.0.loopback,
            Lane::Named => &self.0.named,
        };
        cell.get_or_try_init(|| async {
            let resolver = Guarded {
                look_up: self.0.look_up.clone(),
                rules: self.0.rules.clone(),
                lane,
            };
            let connect_timeout = self.0.rules.connect_timeout;
            // It reads files.
            tokio::task::spawn_blocking(move || build(resolver, connect_timeout))
                .await
                .map_err(|error| OutboundError::Client(error.into()))?
                .map_err(|error| OutboundError::Client(error.into()))
        })
        .await
    }
}

fn build(resolver: Guarded, connect_timeout: std::time::Duration) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(concat!("auth-core/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(resolver))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        // A proxy would resolve the name itself.
        .no_proxy()
        .referer(false)
        .connect_timeout(connect_timeout)
        // Documents are fetched rarely; every fetch resolves and checks anew.
        .pool_max_idle_per_host(0)
        .build()
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(media) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = media.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}
