//! Where the script is played: anything that answers requests.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};

use super::{Host, host_routes};
use crate::auth::Auth;
use crate::web::ClientAddr;

/// The peer's address in every run: a socket on loopback has no other.
pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An answer on its way.
pub type Answering<'s> = Pin<Box<dyn Future<Output = Response<Bytes>> + 's>>;

/// Answers requests as a host does: the product's routes, the [host's own](host_routes), 404 for the rest.
///
/// A closure from a request to a future is one; [`Socket`](super::Socket) is one for a server that listens.
pub trait Site {
    /// Sends a request and waits for the answer. Must add and hide nothing: no cookie, no redirect, no decompression.
    fn send(&self, request: Request<Bytes>) -> Answering<'_>;
}

impl<F, A> Site for F
where
    F: Fn(Request<Bytes>) -> A,
    A: Future<Output = Response<Bytes>> + 'static,
{
    fn send(&self, request: Request<Bytes>) -> Answering<'_> {
        Box::pin(self(request))
    }
}

/// The core without a framework: what every adapter must be equal to.
#[derive(Clone, Debug)]
pub struct Bare {
    auth: Auth,
    mount: &'static str,
}

impl Bare {
    /// The core of a host.
    pub fn new(host: &Host) -> Self {
        Self {
            auth: host.auth.clone(),
            mount: host.setting.mount(),
        }
    }
}

impl Site for Bare {
    fn send(&self, mut request: Request<Bytes>) -> Answering<'_> {
        request.extensions_mut().insert(ClientAddr(PEER));
        Box::pin(async move {
            let path = request.uri().path();
            if self.auth.routes().any(|route| route.path == path) {
                self.auth.handle(request).await
            } else {
                host_routes::answer(&self.auth, self.mount, request).await
            }
        })
    }
}
