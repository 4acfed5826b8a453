//! Who is at the other end, behind the proxies the operator trusts.

use std::net::{IpAddr, Ipv6Addr};

use http::request::Parts;
use ipnet::IpNet;

/// The peer's address as the framework saw it. Adapters put it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Nobody's, unless configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A trusted proxy is not an address or a CIDR range.
#[derive(Debug, thiserror::Error)]
#[error("trusted proxy {0:?} is neither an address nor a CIDR range")]
pub struct TrustedProxiesError(String);

impl TrustedProxies {
    /// Parses addresses and CIDR ranges.
    ///
    /// # Errors
    /// Names the entry that is neither.
    pub fn parse<'a>(
        entries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TrustedProxiesError> {
        entries
            .into_iter()
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                entry
                    .parse::<IpNet>()
                    .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from))
                    .map_err(|_| TrustedProxiesError(entry.to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The client's address: the peer, or behind trusted proxies the right-most hop that is not one of them.
    /// What stands left of it was written by the client and is never believed.
    pub fn client_address(&self, parts: &Parts) -> Option<IpAddr> {
        let ClientAddr(peer) = parts.extensions.get::<ClientAddr>()?;
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return Some(client);
        }
        let hops = parts.headers.get_all("x-forwarded-for");
        let hops = hops.iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
        for hop in hops.into_iter().rev() {
            let Some(address) = parse_hop(hop.trim()) else {
                break;
            };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        Some(client)
    }

    /// Whether a trusted proxy says that the request reached it over plain http.
    pub fn arrived_over_http(&self, parts: &Parts) -> bool {
        parts
            .extensions
            .get::<ClientAddr>()
            .is_some_and(|ClientAddr(peer)| self.trusts(peer.to_canonical()))
            && parts
                .headers
                .get_all("x-forwarded-proto")
                .iter()
                .next_back()
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.rsplit(',').next())
                .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("http"))
    }
}

// Proxies write bare addresses, some with a port: `1.2.3.4:5`, `[::1]:5`, `[::1]`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop
        .parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

/// The text under which attempts from an address are counted: IPv4 as it is, IPv6 by its /64, which is what one
/// subscriber holds. Without an address all share one bucket.
pub fn throttle_bucket(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        None => "unknown".to_owned(),
    }
}

/// The network of an address: the /24 of IPv4, the /48 of IPv6. Who moves within it has not moved, and whoever holds one of
/// its /64 can have the others.
#[cfg(feature = "login")]
pub(crate) fn network_of(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Some(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(peer: &str, forwarded: &[&str]) -> Parts {
        let mut request = http::Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).expect("request").into_parts();
        parts
            .extensions
            .insert(ClientAddr(peer.parse().expect("address")));
        parts
    }

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::parse(["10.0.0.0/8", "::1"]).expect("ranges");
        proxies
            .client_address(&parts(peer, forwarded))
            .expect("address")
            .to_string()
    }

    #[test]
    fn threat_04_forged_forwarded_headers_change_nothing() {
        // An untrusted peer is itself, whatever it claims.
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        // Behind a proxy, what the client wrote stands to the left and is passed over.
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            seen("10.0.0.1", &["1.1.1.1", "203.0.113.9, 10.0.0.2"]),
            "203.0.113.9"
        );
        assert_eq!(seen("10.0.0.1", &["nonsense, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, nonsense"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn threat_04_ipv6_counts_by_64() {
        let bucket = |text: &str| throttle_bucket(text.parse().ok());
        assert_eq!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:2:ffff::9"));
        assert_ne!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:3::1"));
        assert_eq!(bucket("::ffff:192.0.2.1"), bucket("192.0.2.1"));
        assert_ne!(bucket("192.0.2.1"), bucket("192.0.2.2"));
    }

    #[cfg(feature = "login")]
    #[test]
    fn a_network_is_what_people_move_within() {
        for (one, other, is_same) in [
            ("192.0.2.7", "192.0.2.200", true),
            ("192.0.2.7", "::ffff:192.0.2.8", true),
            ("192.0.2.7", "192.0.3.7", false),
            ("2001:db8:1::1", "2001:db8:1:ffff::2", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
        ] {
            let network = |address: &str| network_of(address.parse().ok());
            assert_eq!(network(one) == network(other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn ranges_are_checked() {
        assert!(TrustedProxies::parse(["10.0.0.0/33"]).is_err());
        assert!(TrustedProxies::parse(["proxy.example"]).is_err());
        assert!(TrustedProxies::parse(["", " 10.0.0.1 "]).is_ok());
    }
}
