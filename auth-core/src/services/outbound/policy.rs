//! What an operator lets through, and the bounds.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::is_public;
use super::error::OutboundError;
#[cfg(feature = "testkit")]
use super::in_place::InPlace;

/// Longer URLs are refused: no real one is.
const MAX_URL_BYTES: usize = 2048;

/// Which addresses outbound requests may go to beyond the public ones, and their bounds.
///
/// The default excepts nothing: public addresses, https, 3 s to connect, 5 s in all, bodies to 64 KiB.
#[derive(Clone, Debug)]
#[must_use]
pub struct OutboundPolicy {
    hosts: Vec<String>,
    networks: Vec<String>,
    loopback: bool,
    connect_timeout: Duration,
    timeout: Duration,
    body_limit: usize,
    #[cfg(feature = "testkit")]
    in_place: Option<InPlace>,
}

impl Default for OutboundPolicy {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            networks: Vec::new(),
            loopback: false,
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(5),
            body_limit: 64 * 1024,
            #[cfg(feature = "testkit")]
            in_place: None,
        }
    }
}

impl OutboundPolicy {
    /// Lets requests through to this host and port (`"keys.internal:8443"`, `"10.0.0.5:80"`, `"[::1]:3000"`), by http
    /// too, whatever it resolves to. Whoever may name a URL can then reach it: name only what serves public documents.
    pub fn dangerous_allow_host(mut self, host_and_port: impl Into<String>) -> Self {
        self.hosts.push(host_and_port.into());
        self
    }

    /// Lets https requests through to addresses of this network (`"10.1.0.0/16"`, or a single address).
    pub fn dangerous_allow_network(mut self, network: impl Into<String>) -> Self {
        self.networks.push(network.into());
        self
    }

    /// Lets requests through to `localhost` and loopback addresses at any port, by http too. For development.
    pub fn dangerous_allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// How long connecting may take, name resolution and TLS included. Default 3 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the whole exchange may take, to the last byte. Default 5 s; at most 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest body, in bytes. Default 64 KiB; at most 1 MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Answers every request that is let through in place of the network, for tests: nothing is resolved and nothing
    /// connected to, and all else is as it is.
    #[cfg(feature = "testkit")]
    pub fn answered_by(
        mut self,
        answer: impl Fn(&http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.in_place = Some(InPlace::new(answer));
        self
    }

    pub(super) fn check(&self) -> Result<Rules, OutboundError> {
        let fail = |setting, problem: String| Err(OutboundError::Policy { setting, problem });
        let mut rules = Rules {
            hosts: Vec::new(),
            networks: Vec::new(),
            loopback: self.loopback,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            body_limit: self.body_limit,
            #[cfg(feature = "testkit")]
            in_place: self.in_place.clone(),
        };
        for text in &self.hosts {
            let Some(host) = host_and_port(text) else {
                let problem =
                    format!("{text:?} is not a host with a port, such as \"localhost:8080\"");
                return fail("dangerous_allow_host", problem);
            };
            rules.hosts.push(host);
        }
        for text in &self.networks {
            let network = text
                .parse()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let Ok(network) = network else {
                let problem = format!("{text:?} is neither an address nor a CIDR range");
                return fail("dangerous_allow_network", problem);
            };
            rules.networks.push(network);
        }
        if self.connect_timeout.is_zero()
            || self.timeout.is_zero()
            || self.timeout > Duration::from_mins(1)
        {
            let problem = "times must be above zero, and 60 s at most in all".to_owned();
            return fail("timeout", problem);
        }
        if !(1..=1024 * 1024).contains(&self.body_limit) {
            return fail("body_limit", "must be between 1 byte and 1 MiB".to_owned());
        }
        Ok(rules)
    }
}

fn host_and_port(text: &str) -> Option<(Host, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((Host::parse(host).ok()?, port))
}

/// A checked policy.
#[derive(Debug)]
pub(super) struct Rules {
    hosts: Vec<(Host, u16)>,
    networks: Vec<IpNet>,
    loopback: bool,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) body_limit: usize,
    #[cfg(feature = "testkit")]
    pub(super) in_place: Option<InPlace>,
}

/// What a request may connect to. Each lane has a client of its own, so that an exception made for one URL is never
/// there for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Public addresses and excepted networks.
    Public,
    /// Loopback addresses.
    Loopback,
    /// Anything: the operator named the host.
    Named,
}

impl Rules {
    /// Reads a URL and says what it may connect to. An address in the URL is checked here, because no resolver is asked
    /// about it; the URL parser has by now made `0x7f.1`, `2130706433` and `0177.0.0.1` the address they are.
    pub(super) fn admit(&self, url: &str) -> Result<(Url, Lane), OutboundError> {
        if url.len() > MAX_URL_BYTES {
            return Err(OutboundError::InvalidUrl);
        }
        let url = Url::parse(url).map_err(|_| OutboundError::InvalidUrl)?;
        let (Some(host), Some(port), "http" | "https") =
            (url.host(), url.port_or_known_default(), url.scheme())
        else {
            return Err(OutboundError::InvalidUrl);
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::UserInfo);
        }
        let host = host.to_owned();
        let lane = if self.hosts.contains(&(host.clone(), port)) {
            Lane::Named
        } else if self.loopback && is_loopback(&host) {
            Lane::Loopback
        } else if url.scheme() == "https" {
            Lane::Public
        } else {
            return Err(OutboundError::NotHttps);
        };
        let address = match host {
            Host::Domain(_) => return Ok((url, lane)),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if self.permits(lane, address) {
            Ok((url, lane))
        } else {
            Err(OutboundError::AddressRefused)
        }
    }

    /// Whether a connection in this lane may go to this address.
    pub(super) fn permits(&self, lane: Lane, address: IpAddr) -> bool {
        match lane {
            Lane::Public => {
                is_public(address)
                    || self
                        .networks
                        .iter()
                        .any(|network| network.contains(&address))
            }
            Lane::Loopback => address.is_loopback(),
            Lane::Named => true,
        }
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
