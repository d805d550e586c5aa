//! One entry of the allow-list.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Host;

use super::address::{Reach, is_metadata_name, reach, within};

/// One entry of the allow-list: `hooks.example.com`, `*.example.com` (below it, not itself),
/// `10.1.2.3`, `[fd00::1]`, each also with `:port`, or a network such as `10.0.0.0/8`.
///
/// Without a port, any. A metadata service can't be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AllowedDestination {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    /// This name.
    Name(String),
    /// Every name below this one.
    Below(String),
    Address(IpAddr),
    Network(IpAddr, u8),
}

/// How an entry names a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// By its domain: whoever runs a host somewhere below chooses the address.
    Below,
    /// By its very name.
    Exactly,
}

impl AllowedDestination {
    /// This host, by name or address, at this port alone: how the server's own configuration
    /// lists what it names.
    pub fn exactly(host: &Host<String>, port: u16) -> Self {
        let whom = match host {
            Host::Domain(name) => Whom::Name(name.trim_end_matches('.').to_owned()),
            Host::Ipv4(address) => Whom::Address(IpAddr::V4(*address)),
            Host::Ipv6(address) => Whom::Address(IpAddr::V6(*address).to_canonical()),
        };
        let port = Some(port);
        Self { whom, port }
    }

    /// Whether and how the entry names the host `name`, which is in lower case and without a dot
    /// at its end.
    pub fn names(&self, name: &str, port: u16) -> Option<Named> {
        if !self.has_port(port) {
            return None;
        }
        match &self.whom {
            Whom::Name(listed) => (listed == name).then_some(Named::Exactly),
            Whom::Below(domain) => name
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
                .then_some(Named::Below),
            Whom::Address(_) | Whom::Network(..) => None,
        }
    }

    /// Whether the entry is an address or network that `address` is or lies in. What carries an
    /// IPv4 address in an IPv6 one is that address.
    pub fn covers(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.has_port(port)
            && match self.whom {
                Whom::Address(listed) => listed == address,
                Whom::Network(first, bits) => within(address, first, bits),
                Whom::Name(_) | Whom::Below(_) => false,
            }
    }

    /// Whether the entry lists addresses at this port, so that a name must be resolved to tell.
    pub fn is_by_address(&self, port: u16) -> bool {
        self.has_port(port) && matches!(self.whom, Whom::Address(_) | Whom::Network(..))
    }

    fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|listed| listed == port)
    }
}

impl fmt::Display for AllowedDestination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whom {
            Whom::Name(name) => out.write_str(name)?,
            Whom::Below(domain) => write!(out, "*.{domain}")?,
            Whom::Address(IpAddr::V6(address)) => write!(out, "[{address}]")?,
            Whom::Address(address) => write!(out, "{address}")?,
            Whom::Network(first, bits) => write!(out, "{first}/{bits}")?,
        }
        match self.port {
            Some(port) => write!(out, ":{port}"),
            None => Ok(()),
        }
    }
}

impl From<AllowedDestination> for String {
    fn from(listed: AllowedDestination) -> Self {
        listed.to_string()
    }
}

impl TryFrom<String> for AllowedDestination {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for AllowedDestination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).map_err(|why| {
            format!(
                "outbound.allow: {text:?}: {why}; expected a host such as hooks.example.com, *.example.com or 10.1.2.3, with or without :port, or a network such as 10.0.0.0/8"
            )
        })
    }
}

fn read(text: &str) -> Result<AllowedDestination, String> {
    if text.contains("://") {
        return Err("an URL: its host is enough".to_owned());
    }
    if let Some((first, bits)) = text.split_once('/') {
        let whom = network(first, bits)?;
        return Ok(AllowedDestination { whom, port: None });
    }
    let (host, port) = parted(text)?;
    let whom = match host.strip_prefix("*.") {
        Some(domain) => match named(domain)? {
            Whom::Name(domain) => Whom::Below(domain),
            _ => return Err("*. stands before a name only".to_owned()),
        },
        None => named(host)?,
    };
    Ok(AllowedDestination { whom, port })
}

fn network(first: &str, bits: &str) -> Result<Whom, String> {
    let first: IpAddr = first
        .parse()
        .map_err(|_| format!("{first:?} is no address"))?;
    let longest = if first.is_ipv4() { 32 } else { 128 };
    let bits = bits
        .parse()
        .ok()
        .filter(|bits| (1..=longest).contains(bits))
        .ok_or_else(|| format!("expected 1 to {longest} bits after the slash"))?;
    if first != first.to_canonical() {
        return Err("write IPv4 networks as IPv4".to_owned());
    }
    let lowest = match first {
        IpAddr::V4(first) => first.to_bits().trailing_zeros() >= 32 - u32::from(bits),
        IpAddr::V6(first) => first.to_bits().trailing_zeros() >= 128 - u32::from(bits),
    };
    if !lowest {
        return Err("the address has bits behind the network's prefix".to_owned());
    }
    Ok(Whom::Network(first, bits))
}

/// The host, and the port where one is given.
fn parted(text: &str) -> Result<(&str, Option<u16>), String> {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port.map(str::parse) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => return Err("the port is no number from 1 to 65535".to_owned()),
    };
    Ok((host, port))
}

fn named(host: &str) -> Result<Whom, String> {
    let plain = match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        Err(_) => Host::parse(host).map_err(|error| error.to_string())?,
    };
    let address = match plain {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            if name.is_empty() || name.contains(['*', '@']) || name.split('.').any(str::is_empty) {
                return Err("not a host's name".to_owned());
            }
            if is_metadata_name(name) {
                return Err("a cloud's metadata service can't be listed".to_owned());
            }
            return Ok(Whom::Name(name.to_owned()));
        }
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address).to_canonical(),
    };
    match reach(address) {
        Reach::Metadata => Err("a cloud's metadata service can't be listed".to_owned()),
        Reach::Nobody => Err(format!("it is {}", Reach::Nobody.describe())),
        _ => Ok(Whom::Address(address)),
    }
}
