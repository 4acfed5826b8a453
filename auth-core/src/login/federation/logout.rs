//! Signing out there too (OpenID Connect RP-Initiated Logout 1.0).

use crate::login::LoginWing;
use crate::store::Session;
use crate::web::{Exchange, Problem};

impl LoginWing {
    /// Where a browser goes whose session has just ended, if that session came from a provider that is to be signed out
    /// of. For one caller: what is behind the session is taken.
    pub(in crate::login) async fn way_out(
        &self,
        exchange: &Exchange<'_>,
        session: &Session,
    ) -> Result<Option<String>, Problem> {
        if self.upstreams.is_empty() {
            return Ok(None);
        }
        let origins = &self.core.stores.upstream_sessions;
        let Some(origin) = origins.take_upstream_session(&session.id).await? else {
            return Ok(None);
        };
        let client = self.upstream_named(&origin.upstream);
        let Some(client) = client.filter(|client| client.upstream.signs_out) else {
            return Ok(None);
        };
        #[cfg(feature = "workos")]
        if let Some(hosted) = client.hosted() {
            return Ok(hosted.way_out(&self.core, &origin, &self.url("/signed-out")));
        }
        // Without the hint the provider asks the person, which is no reason to stay signed in here.
        let id_token = self.id_token_of(&origin).unwrap_or_default();
        let hint = id_token.as_ref().map(|token| token.as_str());
        let (back, state) = (self.url("/signed-out"), self.core.random.id());
        Ok(client
            .end_session_url(hint, &back, &state, exchange.now)
            .await)
    }
}
