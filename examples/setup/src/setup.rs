//! A host that keeps something: its stores, its secret, its seed.

use std::path::PathBuf;

use auth_core::store::{MemoryStore, Stores};
use auth_store_redis::RedisStore;
use auth_store_seaorm::SeaOrmStore;

use crate::seed::Seed;
use crate::{Server, SetupError, environment, in_words, secret};

/// An example host's environment, read and checked.
pub struct Setup {
    /// Where to listen.
    pub server: Server,
    /// The data folder; `None` when nothing is to be kept (`DATABASE_URL=memory:`).
    pub data: Option<PathBuf>,
    /// The stores the URLs name.
    pub stores: Stores,
    /// Whether other nodes serve the same base URL.
    pub clustered: bool,
    /// Users and clients to begin with.
    pub seed: Seed,
    secret: String,
}

impl Setup {
    /// Reads the environment, prepares the data folder, connects the stores and starts the log.
    ///
    /// # Errors
    /// The first thing that does not work, naming the variable.
    pub async fn from_env() -> Result<Self, SetupError> {
        let server = Server::from_env(3000)?;
        let data = PathBuf::from(environment::text("DATA_DIR").unwrap_or_else(|| "data".into()));
        let database = environment::text("DATABASE_URL");
        let in_memory = database.as_deref() == Some("memory:");
        let data = (!in_memory).then_some(data);
        let clustered = environment::parsed("CLUSTERED", false)?;
        let secret = match (environment::text("AUTH_SECRET"), &data) {
            (Some(secret), _) => secret,
            (None, _) if clustered => {
                return Err(
                    "AUTH_SECRET: nodes of a cluster must share one, so it has to be set".into(),
                );
            }
            (None, None) => secret::ephemeral(),
            (None, Some(data)) => secret::kept_in(data)?,
        };
        let mut stores: Stores = match (&database, &data) {
            (_, None) => MemoryStore::default().into(),
            (Some(url), _) => {
                let store = SeaOrmStore::open(url).await;
                let store = store.map_err(|error| format!("DATABASE_URL: {}", in_words(&error)))?;
                store.into()
            }
            (None, Some(data)) => {
                environment::create_folder(data)?;
                let file = data.join("app.db");
                let url = format!("sqlite://{}", file.display());
                SeaOrmStore::open(&url).await?.into()
            }
        };
        if let Some(url) = environment::text("REDIS_URL") {
            let store = RedisStore::open(&url).await;
            let store = store.map_err(|error| format!("REDIS_URL: {}", in_words(&error)))?;
            stores = stores.with_short_lived(store);
        }
        let seed = Seed::from_env(&server.base_url)?;
        Ok(Self {
            server,
            data,
            stores,
            clustered,
            seed,
            secret,
        })
    }

    /// The master secrets, the newest first.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secret.split(',')
    }

    /// The data folder, made if it is not there; `None` when nothing is to be kept.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn data_folder(&self) -> Result<Option<&std::path::Path>, SetupError> {
        if let Some(data) = &self.data {
            environment::create_folder(data)?;
        }
        Ok(self.data.as_deref())
    }
}
