//! The provider wing, as far as the environment decides about it.

use std::time::Duration;

use auth_core::provider::{Pkce, Provider, Registration};
use auth_core::store::ThrottlePolicy;

use crate::{Server, SetupError, environment, secret};

impl Server {
    /// The provider's settings: `FLOWS` and `REGISTRATION`.
    ///
    /// # Errors
    /// A variable that cannot be read, named.
    pub fn provider(&self) -> Result<Provider, SetupError> {
        let all_flows = match environment::text("FLOWS").as_deref() {
            None | Some("code") => false,
            Some("all") => true,
            Some(other) => return Err(format!("FLOWS={other:?} must be code or all").into()),
        };
        let registration = self.registration()?;
        let is_open = environment::text("REGISTRATION").as_deref() == Some("open");
        // Clients of OpenID Connect's certification never heard of PKCE.
        let pkce = if all_flows || is_open {
            Pkce::PublicClients
        } else {
            Pkce::Always
        };
        Ok(Provider::default()
            .dangerous_front_channel_tokens(all_flows)
            .session_management(all_flows)
            .pkce(pkce)
            .registration(registration))
    }

    #[expect(
        clippy::print_stdout,
        reason = "a token that was made now is told once"
    )]
    fn registration(&self) -> Result<Registration, SetupError> {
        let registration = match environment::text("REGISTRATION").as_deref() {
            None | Some("closed") => return Ok(Registration::closed()),
            Some("open") => Registration::open(),
            Some("token") => {
                let token = environment::text("REGISTRATION_TOKEN").unwrap_or_else(|| {
                    let token = secret::ephemeral();
                    println!("Apps register with the token {token}");
                    token
                });
                Registration::by_token().initial_access_tokens([token])
            }
            Some(other) => {
                return Err(format!("REGISTRATION={other:?} must be closed, token or open").into());
            }
        };
        // Test suites on this machine register by the hundred.
        let limit = if self.is_loopback() { 10_000 } else { 60 };
        Ok(registration.throttle(ThrottlePolicy {
            limit,
            window: Duration::from_mins(10),
            lock: Duration::from_mins(10),
            max_lock: Duration::from_hours(24),
        }))
    }
}
