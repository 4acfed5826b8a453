//! What every example host shares, so that each shows only what a user of its framework would write.
//!
//! Environment, all optional: `HOST` (127.0.0.1), `PORT` (3000), `BASE_URL` (`http://localhost:$PORT`, also the
//! issuer), `DATABASE_URL` (`sqlite://`, `postgres://` or `mysql://`; a SQLite file in the data folder; `memory:` for
//! none), `REDIS_URL`, `CLUSTERED` (`true` when other nodes serve the same base URL), `AUTH_SECRET` (created once in the
//! data folder), `DATA_DIR` (`data`), `TRUSTED_PROXIES` (CIDR ranges, comma separated), `SEED` (a JSON file of users
//! and clients), `RUST_LOG`.

mod environment;
mod home;
mod secret;
mod seed;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use auth_core::store::{MemoryStore, Stores};
use auth_store_redis::RedisStore;
use auth_store_seaorm::SeaOrmStore;

pub use home::home_page;

/// Any failure at start-up, told as it is.
pub type SetupError = Box<dyn std::error::Error + Send + Sync>;

/// An example host's environment, read and checked.
pub struct Setup {
    /// Where to listen.
    pub address: SocketAddr,
    /// Where the host is reached from outside; also the issuer.
    pub base_url: String,
    /// The master secret, or several, comma separated, the newest first.
    pub secret: String,
    /// The stores the URLs name.
    pub stores: Stores,
    /// Whether other nodes serve the same base URL.
    pub clustered: bool,
    /// Address ranges of proxies to trust.
    pub trusted_proxies: Vec<String>,
    seed: Option<PathBuf>,
}

impl Setup {
    /// Reads the environment, prepares the data folder, connects the stores and starts the log.
    ///
    /// # Errors
    /// The first thing that does not work, naming the variable.
    pub async fn from_env() -> Result<Self, SetupError> {
        environment::start_log();
        let port: u16 = environment::parsed("PORT", 3000)?;
        let host: std::net::IpAddr = environment::parsed("HOST", [127, 0, 0, 1].into())?;
        let base_url =
            environment::text("BASE_URL").unwrap_or_else(|| format!("http://localhost:{port}"));
        let data = PathBuf::from(environment::text("DATA_DIR").unwrap_or_else(|| "data".into()));
        let database = environment::text("DATABASE_URL");
        let in_memory = database.as_deref() == Some("memory:");
        let clustered = environment::parsed("CLUSTERED", false)?;
        let secret = match environment::text("AUTH_SECRET") {
            Some(secret) => secret,
            None if clustered => {
                return Err(
                    "AUTH_SECRET: nodes of a cluster must share one, so it has to be set".into(),
                );
            }
            None if in_memory => secret::ephemeral(),
            None => secret::kept_in(&data)?,
        };
        let stores = match database {
            Some(_) if in_memory => MemoryStore::default().into(),
            Some(url) => {
                let store = SeaOrmStore::open(&url).await;
                let store = store.map_err(|error| format!("DATABASE_URL: {}", in_words(&error)))?;
                store.into()
            }
            None => {
                environment::create_folder(&data)?;
                let file = data.join("app.db");
                SeaOrmStore::open(&format!("sqlite://{}", file.display()))
                    .await?
                    .into()
            }
        };
        let stores: Stores = stores;
        let stores = match environment::text("REDIS_URL") {
            Some(url) => {
                let store = RedisStore::open(&url).await;
                let store = store.map_err(|error| format!("REDIS_URL: {}", in_words(&error)))?;
                stores.with_short_lived(store)
            }
            None => stores,
        };
        let proxies = environment::text("TRUSTED_PROXIES").unwrap_or_default();
        Ok(Self {
            address: SocketAddr::new(host, port),
            base_url,
            secret,
            stores,
            clustered,
            trusted_proxies: proxies.split(',').map(str::to_owned).collect(),
            seed: environment::text("SEED").map(PathBuf::from),
        })
    }

    /// Applies the seed file; without one, and on loopback only, registers the third-party example.
    ///
    /// # Errors
    /// An unreadable file, or an entry that the product refuses.
    pub async fn seed(&self, auth: &auth_core::auth::Auth) -> Result<(), SetupError> {
        match &self.seed {
            Some(file) => seed::apply_file(auth, file).await,
            None if self.base_url.starts_with("http://") => seed::apply_demo(auth).await,
            None => Ok(()),
        }
    }

    /// Opens the port and says where the host listens.
    ///
    /// # Errors
    /// The port cannot be had.
    #[expect(clippy::print_stdout, reason = "the one line a person waits for")]
    pub async fn listen(&self) -> Result<tokio::net::TcpListener, SetupError> {
        let listener = tokio::net::TcpListener::bind(self.address).await;
        let listener = listener.map_err(|error| {
            format!("HOST and PORT: cannot listen on {}: {error}", self.address)
        })?;
        let bound = listener.local_addr()?;
        println!("Listening on http://{bound} as {}", self.base_url);
        Ok(listener)
    }
}

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

/// How long requests under way may take once the process is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a server that stops gracefully by [`stop_signal`], and stops waiting for slow connections after ten seconds.
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
