//! The certificate a client showed when the connection was made.

use std::fmt;

use bytes::Bytes;

/// The certificate of the TLS peer, in DER, as the host's acceptor verified that the peer holds its key. It belongs in
/// the request's extensions, beside [`ClientAddr`](super::ClientAddr); only who ends the TLS connection can know it, and
/// a header that claims one is never read.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(pub Bytes);

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerCertificate({} bytes)", self.0.len())
    }
}
