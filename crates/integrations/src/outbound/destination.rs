//! Where a URL leads: scheme, host and port, each in one spelling.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::rules::Refusal;

/// Bytes of an URL that are looked at: what browsers and proxies take at most.
pub const MAX_URL: usize = 8 << 10;
/// Bytes of a host's name, as DNS allows.
const MAX_NAME: usize = 253;

/// Where a URL leads. The URL is kept with its host in one spelling: numbers as dotted IPv4, names
/// in lower case, in ASCII and without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    url: Url,
    host: Host<String>,
    port: u16,
}

impl Destination {
    /// Reads an absolute URL.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_URL {
            return Err(Refusal::Url(format!("the URL is over {MAX_URL} bytes")));
        }
        let url = Url::parse(text).map_err(|error| Refusal::Url(format!("the URL: {error}")))?;
        Self::of(url)
    }

    /// Where `location`, from an answer to this destination's URL, leads.
    pub fn join(&self, location: &str) -> Result<Self, Refusal> {
        if location.len() > MAX_URL {
            return Err(Refusal::Url(format!("the URL is over {MAX_URL} bytes")));
        }
        let url = self
            .url
            .join(location)
            .map_err(|error| Refusal::Url(format!("the URL: {error}")))?;
        Self::of(url)
    }

    fn of(mut url: Url) -> Result<Self, Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let host = match url.host() {
            None => return Err(Refusal::Url("the URL has no host".to_owned())),
            Some(host) => host.to_owned(),
        };
        let host = match host {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
                if name.len() > MAX_NAME || name.split('.').any(str::is_empty) {
                    return Err(Refusal::Url("the URL's host is no name".to_owned()));
                }
                url.set_host(Some(&name))
                    .map_err(|error| Refusal::Url(format!("the URL's host: {error}")))?;
                Host::Domain(name)
            }
            address => address,
        };
        let port = match url.port_or_known_default() {
            None | Some(0) => return Err(Refusal::Url("the URL's port is 0".to_owned())),
            Some(port) => port,
        };
        url.set_fragment(None);
        Ok(Self { url, host, port })
    }

    /// The URL in its one spelling.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// As given, else the scheme's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name to resolve, unless the host is an address.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// The address, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        }
    }

    /// Whether scheme, host and port are the same.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.scheme() == other.scheme() && self.host == other.host && self.port == other.port
    }
}

/// `host:port`: never the path, which may hold a secret.
impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}
