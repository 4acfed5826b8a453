//! Names to addresses, of which only permitted ones come out: the client connects to what is returned here.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{Lane, Rules};

/// None of a name's addresses may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("none of the addresses is permitted")]
pub(super) struct AddressRefused;

type Found = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Asks for the addresses of a name. A function, so that tests answer for the DNS.
pub(super) type LookUp = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// The system's resolver.
pub(super) fn system() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// The resolver of one client.
pub(super) struct Guarded {
    pub(super) look_up: LookUp,
    pub(super) rules: Arc<Rules>,
    pub(super) lane: Lane,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.look_up)(name.as_str().to_owned());
        let (rules, lane) = (self.rules.clone(), self.lane);
        Box::pin(async move {
            let permitted: Vec<_> = found
                .await?
                .into_iter()
                .filter(|address| rules.permits(lane, *address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if permitted.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}
