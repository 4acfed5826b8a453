//! What a URL names: one server, a cluster, or a primary that sentinels know.

use redis::{
    ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, ProtocolVersion,
    RedisConnectionInfo, RedisResult,
};

use crate::builder::RedisStoreBuilder;

const SENTINEL_PORT: u16 = 26379;

pub(crate) enum Address {
    Server(ConnectionInfo),
    /// Nodes to ask for the others.
    Cluster(Vec<ConnectionInfo>),
    Sentinel(SentinelAddress),
}

pub(crate) struct SentinelAddress {
    pub(crate) sentinels: Vec<ConnectionInfo>,
    /// What the sentinels call the primary.
    pub(crate) name: String,
    /// How to talk to it, wherever it is.
    pub(crate) primary: ConnectionInfo,
}

impl Address {
    pub(crate) fn parse(url: &str, settings: &RedisStoreBuilder) -> RedisResult<Self> {
        let plain = |url: &str| settings.certificates.apply(connection(url)?);
        let Some((scheme, kind, rest)) = split_scheme(url) else {
            return Ok(Self::Server(plain(url)?));
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (format!("{login}@"), hosts),
            None => (String::new(), authority),
        };
        if kind == "cluster" {
            if !path.is_empty() {
                return Err(invalid("a cluster has one database, and no name"));
            }
            let nodes = hosts
                .split(',')
                .map(|host| plain(&format!("{scheme}://{login}{host}")));
            return Ok(Self::Cluster(nodes.collect::<RedisResult<_>>()?));
        }
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(invalid("the URL of sentinels ends in the primary's name"));
        }
        let sentinels = hosts
            .split(',')
            .map(|host| {
                let info = plain(&format!("{scheme}://{}", with_port(host, SENTINEL_PORT)))?;
                // A sentinel speaks no more than it must.
                Ok(info.set_redis_settings(settings.sentinel_login.clone()))
            })
            .collect::<RedisResult<_>>()?;
        Ok(Self::Sentinel(SentinelAddress {
            sentinels,
            name: name.to_owned(),
            primary: plain(&format!("{scheme}://{login}primary/{database}"))?,
        }))
    }
}

/// `rediss+cluster://rest` in its three parts.
fn split_scheme(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, kind) = scheme.split_once('+')?;
    ["cluster", "sentinel"]
        .contains(&kind)
        .then_some((scheme, kind, rest))
}

fn with_port(host: &str, port: u16) -> String {
    // The colons of an IPv6 address stand in brackets.
    let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    if after_address.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    }
}

fn connection(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    // RESP3 tells at once when a connection ends, not at its next use.
    let redis: RedisConnectionInfo = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
}

/// The same server, elsewhere.
pub(crate) fn moved(info: &ConnectionInfo, to: &HostPort) -> ConnectionInfo {
    let (host, port) = (to.host.clone(), to.port);
    let addr = match info.addr() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostPort {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl HostPort {
    pub(crate) fn of(info: &ConnectionInfo) -> RedisResult<Self> {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Ok(Self {
                    host: host.clone(),
                    port: *port,
                })
            }
            _ => Err(invalid("a cluster is reached over TCP")),
        }
    }

    /// Reads what a server says of another; without a host it means its own.
    pub(crate) fn said_by(asked: &Self, text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self {
            host: if host.is_empty() { &asked.host } else { host }.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

pub(crate) fn invalid(why: &'static str) -> redis::RedisError {
    (ErrorKind::InvalidClientConfig, why).into()
}
