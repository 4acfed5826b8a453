//! Where an example listens, and how it stops.

use std::net::SocketAddr;
use std::time::Duration;

#[cfg(any(feature = "federation", feature = "provider"))]
use auth_core::services::outbound::OutboundPolicy;
use tokio::net::TcpListener;

use crate::{SetupError, environment};

/// How long requests under way may take once the process is asked to stop: with what follows, it is gone within ten
/// seconds.
pub const GRACE: Duration = Duration::from_secs(8);

/// Where an example listens and how it is reached.
pub struct Server {
    /// Where to listen.
    pub address: SocketAddr,
    /// Where it is reached from outside; a provider's issuer.
    pub base_url: String,
    /// Address ranges of proxies to trust.
    pub trusted_proxies: Vec<String>,
}

impl Server {
    /// Starts the log and reads `HOST`, `PORT`, `BASE_URL` and `TRUSTED_PROXIES`.
    ///
    /// # Errors
    /// A variable that cannot be read, named.
    pub fn from_env(default_port: u16) -> Result<Self, SetupError> {
        environment::start_log();
        let port: u16 = environment::parsed("PORT", default_port)?;
        let host: std::net::IpAddr = environment::parsed("HOST", [127, 0, 0, 1].into())?;
        let base_url =
            environment::text("BASE_URL").unwrap_or_else(|| format!("http://localhost:{port}"));
        let proxies = environment::text("TRUSTED_PROXIES").unwrap_or_default();
        Ok(Self {
            address: SocketAddr::new(host, port),
            base_url,
            trusted_proxies: proxies.split(',').map(str::to_owned).collect(),
        })
    }

    /// The proxies to trust, as the builder of `Auth` takes them.
    pub fn trusted_proxies(&self) -> impl Iterator<Item = &str> {
        self.trusted_proxies.iter().map(String::as_str)
    }

    /// Whether everything is on this machine: without TLS, nothing else is a base URL.
    #[cfg(any(feature = "login", feature = "provider"))]
    pub(crate) fn is_loopback(&self) -> bool {
        self.base_url.starts_with("http://")
    }

    /// On loopback, where everything is, the server may call there too: other providers that people sign in with, and
    /// the `jwks_uri` and logout of clients.
    #[cfg(any(feature = "federation", feature = "provider"))]
    pub fn outbound(&self) -> OutboundPolicy {
        let policy = OutboundPolicy::default();
        if self.is_loopback() {
            policy.dangerous_allow_loopback()
        } else {
            policy
        }
    }

    /// Opens the port and says where the example listens.
    ///
    /// # Errors
    /// The port cannot be had.
    #[expect(clippy::print_stdout, reason = "the one line a person waits for")]
    pub async fn listen(&self) -> Result<TcpListener, SetupError> {
        let listener = TcpListener::bind(self.address).await;
        let listener = listener.map_err(|error| {
            format!("HOST and PORT: cannot listen on {}: {error}", self.address)
        })?;
        let bound = listener.local_addr()?;
        println!("Listening on http://{bound} as {}", self.base_url);
        Ok(listener)
    }
}

/// Runs a server that stops gracefully by [`stop_signal`], and stops waiting for slow connections after [`GRACE`].
///
/// # Errors
/// The server's.
pub async fn until_stopped<E>(server: impl Future<Output = Result<(), E>>) -> Result<(), SetupError>
where
    SetupError: From<E>,
{
    let patience = async {
        stop_signal().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = server => Ok(result?),
        () = patience => {
            tracing::warn!("some connections were still open and were cut");
            Ok(())
        }
    }
}

/// Keeps what happened last, before the process ends.
pub async fn flush_audit(auth: &auth_core::auth::Auth) {
    if let Err(error) = auth.flush_audit().await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "the last events are not in the audit");
    }
}

/// Resolves when the process is asked to stop (SIGTERM, Ctrl-C).
pub async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
