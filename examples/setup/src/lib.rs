//! What the examples share, so that each shows only what a user of its framework would write.
//!
//! Environment, all optional. [`Server`] reads `HOST` (127.0.0.1), `PORT` (3000), `BASE_URL` (`http://localhost:$PORT`,
//! also the issuer), `TRUSTED_PROXIES` (CIDR ranges, comma separated) and `RUST_LOG`. `Setup`, of hosts that keep
//! something, reads `DATABASE_URL` (`sqlite://`, `postgres://` or `mysql://`; a SQLite file in the data folder; `memory:`
//! for none), `REDIS_URL`, `CLUSTERED` (`true` when other nodes serve the same base URL), `AUTH_SECRET` (created once in
//! the data folder), `DATA_DIR` (`data`) and `SEED` (a JSON file of users and clients). Hosts with login read `SMTP_URL`
//! and `MAIL_FROM` (who takes mails, and whom they come from) and `BREACHED_FILTER` (a file), and whom people may sign in
//! with: `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET` (a second one with `SECOND_` in front), those of each
//! preset (`GITHUB_CLIENT_ID`, `GITHUB_CLIENT_SECRET` …), `OAUTH_…` of one that speaks OAuth 2 alone, and `WORKOS_…`; hosts
//! with a provider `FLOWS` (`code`, or `all` for the hybrid and implicit ones too), `REGISTRATION` (`closed`, `token`,
//! `open`) and `REGISTRATION_TOKEN` (made and told at the start).

mod environment;
#[cfg(feature = "workos")]
mod hosted;
#[cfg(feature = "login")]
mod login;
mod page;
#[cfg(feature = "provider")]
mod provider;
mod secret;
#[cfg(feature = "stores")]
mod seed;
mod server;
#[cfg(feature = "stores")]
mod setup;
#[cfg(feature = "federation")]
mod upstreams;

use std::process::ExitCode;

pub use environment::text as variable;
#[cfg(feature = "workos")]
pub use hosted::invite;
pub use page::{escape, home_page, page};
pub use secret::ephemeral as ephemeral_secret;
#[cfg(feature = "stores")]
pub use seed::{Seed, SeedUser};
pub use server::{GRACE, Server, flush_audit, stop_signal, until_stopped};
#[cfg(feature = "stores")]
pub use setup::Setup;

/// Any failure at start-up, told as it is.
pub type SetupError = Box<dyn std::error::Error + Send + Sync>;

/// How the process ends: an error is told with all its causes, in words.
#[expect(
    clippy::print_stderr,
    reason = "the last word of a process that could not start"
)]
pub fn report(result: Result<(), SetupError>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let text = in_words(&*error);
    eprintln!("error: {text}");
    ExitCode::FAILURE
}

/// An error with all its causes.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // Some errors repeat their cause in their own words.
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}
