//! `GET /auth/frontchannel-logout/<name>`: a page of another provider tells this browser to forget its session (OpenID
//! Connect Front-Channel Logout 1.0 §3). It is loaded in a frame, which is why it is a `GET` that acts.
//!
//! Only the session of this browser ends, and only if both `iss` and `sid` are those it came from: `sid` is known to the
//! provider and its clients alone, so no other page signs anybody out (threat 55). Browsers send our cookies into a frame
//! only where the provider is of the same site; where it is not, this does nothing and the back channel is to be used.

use http::StatusCode;

use super::client::Client;
use crate::ground::Digest32;
use crate::login::LoginWing;
use crate::web::{CookieName, Exchange, Problem, Response, empty};

impl LoginWing {
    /// `GET`: `iss`, `sid`. Says nothing of what it did.
    pub(super) async fn front_channel_logout(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Client,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        query.refuse_repeated(&[])?;
        let answer = || Ok(empty(StatusCode::OK));
        let (Some(iss), Some(sid)) = (query.get("iss"), query.get("sid")) else {
            return answer();
        };
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let Some(signed_in) = signed_in else {
            return answer();
        };
        let origins = &self.core.stores.upstream_sessions;
        let origin = origins.upstream_session(&signed_in.session.id).await?;
        let origin = origin.filter(|origin| {
            let own = origin.sid.as_deref();
            origin.upstream == client.upstream.name
                && origin.issuer == iss
                && own.is_some_and(|own| Digest32::of(own) == Digest32::of(sid))
        });
        if let Some(origin) = origin {
            self.end_upstream_session(exchange, client, origin).await?;
            exchange.cookies.remove(CookieName::Session);
        }
        answer()
    }
}
