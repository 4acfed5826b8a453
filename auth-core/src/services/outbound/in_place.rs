//! Answers in place of the network, for tests of what lies around it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::RequestBuilder;

use super::error::OutboundError;

type Answer = dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync;

/// Who answers.
#[derive(Clone)]
pub(super) struct InPlace(Arc<Answer>);

impl InPlace {
    pub(super) fn new(
        answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    /// Asks with the request that would have been sent. Its body is in memory: no other is ever made here.
    pub(super) fn answer(
        &self,
        request: RequestBuilder,
    ) -> Result<reqwest::Response, OutboundError> {
        let request = request.build().and_then(Request::try_from);
        let request = request.map_err(OutboundError::from_request)?;
        let request = request.map(|body| {
            let bytes = body.as_bytes().unwrap_or_default();
            Bytes::copy_from_slice(bytes)
        });
        Ok((self.0)(&request).into())
    }
}

impl fmt::Debug for InPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InPlace").finish_non_exhaustive()
    }
}
