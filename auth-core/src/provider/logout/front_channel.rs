//! OpenID Connect Front-Channel Logout 1.0: clients are told of the end of a session by the browser, in frames of the
//! page that says so. Browsers that keep cookies from frames of other sites defeat it; the back channel is surer.

use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use serde_json::json;
use url::{Origin, Url};

use super::super::ProviderWing;
use super::super::authorize::with_parameters;
use super::super::client::ClientMetadata as _;
use super::Participant;
use crate::services::pages::PageName;
use crate::store::{Client, SessionId};
use crate::web::{Exchange, PagePolicy, Response, allow_frames};

/// More frames than a browser would load in time, and than a header can name.
const MOST_FRAMES: usize = 100;

/// Where the browser goes when the frames have loaded.
pub(in crate::provider) struct Onward<'a> {
    pub(in crate::provider) url: Option<&'a str>,
    pub(in crate::provider) client_name: Option<&'a str>,
}

impl ProviderWing {
    /// What is to be loaded so that clients hear of the session's end.
    pub(in crate::provider) fn frames(
        &self,
        session: &SessionId,
        participants: &[Participant],
    ) -> Vec<Url> {
        let clients = participants.iter().filter_map(|one| one.client.as_ref());
        let mut frames: Vec<_> = clients
            .filter_map(|client| self.frame(client, session))
            .collect();
        if frames.len() > MOST_FRAMES {
            tracing::warn!(
                clients = frames.len(),
                "too many clients of one session to tell by frames"
            );
            frames.truncate(MOST_FRAMES);
        }
        frames
    }

    /// §2: a URI on the origin of one of the client's redirect URIs; with `iss` and `sid` when the client asks for
    /// them, added to whatever query it has.
    fn frame(&self, client: &Client, session: &SessionId) -> Option<Url> {
        let url = Url::parse(client.text("frontchannel_logout_uri")?).ok()?;
        let is_web = matches!(url.scheme(), "https" | "http");
        let mut redirects = client.texts("redirect_uris");
        let is_own =
            redirects.any(|own| Url::parse(own).is_ok_and(|own| own.origin() == url.origin()));
        if !is_web || !is_own {
            return None;
        }
        let wants = client.metadata.get("frontchannel_logout_session_required");
        if wants != Some(&true.into()) {
            return Some(url);
        }
        let parameters = [("iss", self.core.base.issuer()), ("sid", session.as_str())];
        Url::parse(&with_parameters(&url, &parameters)).ok()
    }

    /// The page with the frames. It goes on by itself where there is script, else by a link.
    pub(in crate::provider) fn front_channel_page(
        &self,
        exchange: &Exchange<'_>,
        frames: &[Url],
        onward: &Onward<'_>,
        cookies: Vec<HeaderValue>,
    ) -> Response {
        let urls: Vec<_> = frames.iter().map(Url::as_str).collect();
        let context = json!({
            "client_name": onward.client_name,
            "frames": urls,
            "continue_url": onward.url,
            "home_url": self.core.base.path("/"),
        });
        let policy = PagePolicy {
            script: true,
            ..PagePolicy::default()
        };
        let mut response = self.core.page(
            exchange,
            StatusCode::OK,
            PageName::FrontChannelLogout,
            context,
            policy,
        );
        let headers = response.headers_mut();
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie);
        }
        let origins = frames.iter().map(Url::origin);
        allow_frames(
            headers,
            origins.map(|origin: Origin| origin.ascii_serialization()),
        );
        response
    }
}
