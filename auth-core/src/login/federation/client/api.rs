//! Requests with an access token (RFC 6750 §2.1).

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use zeroize::Zeroizing;

use super::error::of_outbound;
use super::{Client, ClientError};

/// What an API answered.
pub(super) struct ApiAnswer {
    pub(super) status: StatusCode,
    /// Without parameters, in lower case.
    pub(super) media_type: String,
    pub(super) body: Bytes,
}

impl ApiAnswer {
    pub(super) fn is_json(&self) -> bool {
        let media = &self.media_type;
        media == "application/json"
            || (media.starts_with("application/") && media.ends_with("+json"))
    }
}

impl Client {
    /// The answer of an API in working order: `place` is what it is called where it is not.
    pub(super) async fn ask_api(
        &self,
        place: &'static str,
        method: &Method,
        url: &str,
        headers: &[(&'static str, &'static str)],
        access_token: &str,
    ) -> Result<ApiAnswer, ClientError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.parse().map_err(|_| ClientError::Down(place, None))?;
        let sent = request.headers_mut();
        sent.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            let (Ok(name), Ok(value)) =
                (HeaderName::try_from(*name), HeaderValue::try_from(*value))
            else {
                return Err(ClientError::Refused("configuration"));
            };
            sent.insert(name, value);
        }
        sent.insert(AUTHORIZATION, bearer(access_token)?);
        let answer = self.outbound.send(request).await;
        let answer = answer.map_err(|error| of_outbound(place, error))?;
        let status = answer.status();
        // A redirect goes nowhere: the token is for this place alone.
        if !(status.is_success() || status.is_client_error())
            || status == StatusCode::TOO_MANY_REQUESTS
        {
            return Err(ClientError::Down(place, None));
        }
        Ok(ApiAnswer {
            status,
            media_type: media_type(answer.headers()),
            body: answer.into_body(),
        })
    }
}

fn bearer(access_token: &str) -> Result<HeaderValue, ClientError> {
    let text = Zeroizing::new(format!("Bearer {access_token}"));
    let mut value =
        HeaderValue::from_str(&text).map_err(|_| ClientError::Refused("token_answer"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE);
    let media = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}
