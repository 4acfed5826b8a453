//! HTTP for the `openidconnect` crate, through reqwest.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpClientError, HttpRequest, HttpResponse, http};
use reqwest::redirect::Policy;

/// Far more than any honest answer of an issuer.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A reqwest client that follows no redirect (one could lead anywhere, credentials included) and never waits for ever.
pub(crate) struct HttpClient(pub(crate) reqwest::Client);

impl HttpClient {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map(Self)
    }

    async fn send(
        &self,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpClientError<reqwest::Error>> {
        let response = self.0.execute(request.try_into().map_err(Box::new)?).await;
        let mut response = response.map_err(Box::new)?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        Ok(answer.body(read(&mut response).await?)?)
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpClientError<reqwest::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Reads a body, up to a bound.
pub(crate) async fn read(
    response: &mut reqwest::Response,
) -> Result<Vec<u8>, HttpClientError<reqwest::Error>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Box::new)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(HttpClientError::Other("the answer is too large".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
