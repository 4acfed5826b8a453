//! Certificates for `rediss://`.

#[cfg(feature = "tls")]
use redis::{ClientTlsConfig, ConnectionAddr, TlsCertificates};
use redis::{ConnectionInfo, RedisResult};

/// Those that replace or add to what the system has. None where the feature `tls` is off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certificates {
    #[cfg(feature = "tls")]
    pub(crate) roots: Option<Vec<u8>>,
    #[cfg(feature = "tls")]
    pub(crate) client: Option<ClientTlsConfig>,
}

impl Certificates {
    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as with the feature"
    )]
    pub(crate) fn apply(&self, info: ConnectionInfo) -> RedisResult<ConnectionInfo> {
        Ok(info)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn apply(&self, info: ConnectionInfo) -> RedisResult<ConnectionInfo> {
        let given = self.roots.is_some() || self.client.is_some();
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // Somebody who names certificates does not expect plain text.
            return if given {
                Err(crate::address::invalid(
                    "certificates are for a rediss:// URL",
                ))
            } else {
                Ok(info)
            };
        }
        choose_provider();
        if !given {
            return Ok(info);
        }
        let certificates = TlsCertificates {
            client_tls: self.client.clone(),
            root_cert: self.roots.clone(),
        };
        let client = redis::Client::build_with_tls(info, certificates)?;
        Ok(client.get_connection_info().clone())
    }
}

/// The driver asks rustls for the process' provider, and rustls panics when two are compiled in and none was chosen.
/// So one is chosen here, unless the host did.
#[cfg(feature = "tls")]
fn choose_provider() {
    use rustls::crypto::{CryptoProvider, aws_lc_rs};

    if CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}
