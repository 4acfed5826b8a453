//! `GET /auth/frontchannel-logout/<name>`: a page of another provider tells this browser to forget its session (OpenID
//! Connect Front-Channel Logout 1.0 §3). It is loaded in a frame, which is why it is a `GET` that acts.
//!
//! Only the session of this browser ends, with the sign-in that waits in it for a second factor or for a button, and only
//! if both `iss` and `sid` are those it came from: `sid` is known to the provider and its clients alone, so no other page
//! signs anybody out (threat 55). Browsers send our cookies into a frame only where the provider is of the same site; where
//! it is not, this does nothing and the back channel is to be used.

use http::StatusCode;

use super::client::Client;
use crate::ground::Digest32;
use crate::login::LoginWing;
use crate::web::{CookieName, Exchange, Problem, Response, empty};

/// The session there that ends.
pub(super) struct Ended<'a> {
    upstream: &'a str,
    issuer: &'a str,
    sid: &'a str,
}

impl Ended<'_> {
    /// Whether what came from here, with this `sid`, is of it.
    pub(super) fn is(&self, upstream: &str, issuer: &str, sid: Option<&str>) -> bool {
        upstream == self.upstream
            && issuer == self.issuer
            && sid.is_some_and(|sid| Digest32::of(sid) == Digest32::of(self.sid))
    }
}

impl LoginWing {
    /// `GET`: `iss`, `sid`. Says nothing of what it did.
    pub(super) async fn front_channel_logout(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Client,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        query.refuse_repeated(&[])?;
        if let (Some(issuer), Some(sid)) = (query.get("iss"), query.get("sid")) {
            let upstream = &client.upstream.name;
            let ended = Ended {
                upstream,
                issuer,
                sid,
            };
            // What waits first: it could become a session meanwhile.
            self.forget_waiting(exchange, &ended).await?;
            self.forget_pending(exchange, &ended).await?;
            self.end_here(exchange, client, &ended).await?;
        }
        Ok(empty(StatusCode::OK))
    }

    /// A sign-in of this browser that waits for its second factor.
    async fn forget_pending(
        &self,
        exchange: &mut Exchange<'_>,
        ended: &Ended<'_>,
    ) -> Result<(), Problem> {
        let pending = self.pending_sign_in(exchange, None).await?;
        let pending = pending.filter(|pending| {
            let from = pending.came_from();
            from.is_some_and(|from| ended.is(&from.upstream, &from.issuer, from.sid.as_deref()))
        });
        if let Some(pending) = pending {
            self.spend_pending(exchange, &pending).await?;
        }
        Ok(())
    }

    async fn end_here(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Client,
        ended: &Ended<'_>,
    ) -> Result<(), Problem> {
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let Some(signed_in) = signed_in else {
            return Ok(());
        };
        let origins = &self.core.stores.upstream_sessions;
        let origin = origins.upstream_session(&signed_in.session.id).await?;
        let origin = origin
            .filter(|origin| ended.is(&origin.upstream, &origin.issuer, origin.sid.as_deref()));
        if let Some(origin) = origin {
            self.end_upstream_session(exchange, client, origin).await?;
            exchange.cookies.remove(CookieName::Session);
        }
        Ok(())
    }
}
