//! Who may be called: the rules, the decision, and what a refusal says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::Host;

use super::address::{Reach, is_metadata_name, reach};
use super::allowed::{AllowedDestination, Named};
use super::destination::Destination;

/// Addresses of one name that are looked at: a larger answer is refused, not cut, since what was
/// cut off would not have been judged.
pub const MAX_ADDRESSES: usize = 64;
/// The one port at which metadata services answer.
const METADATA_PORT: u16 = 80;

/// Whom a client may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    listed: Vec<AllowedDestination>,
    only_listed: bool,
    /// For a credential chain: metadata services and nothing else.
    metadata_only: bool,
}

impl Rules {
    /// Where `only_listed`, what isn't listed is refused, public or not.
    pub fn new(listed: Vec<AllowedDestination>, only_listed: bool) -> Self {
        Self {
            listed,
            only_listed,
            metadata_only: false,
        }
    }

    /// Metadata services and nothing else: for the credential chain of a cloud executor.
    pub(super) fn metadata_only() -> Self {
        Self {
            metadata_only: true,
            ..Self::default()
        }
    }

    /// These rules and one more entry.
    #[must_use]
    pub fn and(&self, listed: AllowedDestination) -> Self {
        let mut rules = self.clone();
        if !rules.metadata_only && !rules.listed.contains(&listed) {
            rules.listed.push(listed);
        }
        rules
    }

    /// What can be refused before the name is resolved: then nobody learns that it was asked for.
    pub fn before_resolving(&self, destination: &Destination) -> Result<(), Refusal> {
        if let Some(address) = destination.address() {
            return decide(destination, &[address], self).map(drop);
        }
        let Some(name) = destination.name() else {
            return Ok(());
        };
        let at = || destination.to_string();
        if self.metadata_only {
            return if is_metadata_name(name) {
                Ok(())
            } else {
                Err(Refusal::NotMetadata(at()))
            };
        }
        if is_metadata_name(name) {
            return Err(Refusal::Metadata(at()));
        }
        let may = !self.only_listed
            || self.listed.iter().any(|entry| {
                entry.names(name, destination.port()).is_some()
                    || entry.is_by_address(destination.port())
            });
        if may {
            Ok(())
        } else {
            Err(Refusal::NotListed(at()))
        }
    }

    /// How the list names the destination's host, the closest entry first.
    fn named(&self, destination: &Destination) -> Option<Named> {
        let name = destination.name()?;
        self.listed
            .iter()
            .filter_map(|entry| entry.names(name, destination.port()))
            .max()
    }

    fn judge(
        &self,
        destination: &Destination,
        named: Option<Named>,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let at = destination.to_string();
        let covered = || {
            self.listed
                .iter()
                .any(|entry| entry.covers(address, destination.port()))
        };
        let reach = reach(address);
        let may = match reach {
            Reach::Metadata => return Err(Refusal::Metadata(at)),
            Reach::Nobody => false,
            Reach::Public if !self.only_listed => true,
            Reach::Public if named.is_none() && !covered() => return Err(Refusal::NotListed(at)),
            // Who runs one host of a domain must not choose an address of this very machine.
            Reach::Public | Reach::Private => named.is_some() || covered(),
            Reach::Loopback | Reach::LinkLocal | Reach::Reserved => {
                named == Some(Named::Exactly) || covered()
            }
        };
        if may {
            Ok(())
        } else {
            Err(Refusal::Address { at, address, reach })
        }
    }
}

/// The addresses to connect to, which are all of `resolved`, or why there is no call. One address
/// that is refused among several refuses the whole name.
///
/// Where the host is an address, that one is decided on and `resolved` isn't looked at.
pub fn decide(
    destination: &Destination,
    resolved: &[IpAddr],
    rules: &Rules,
) -> Result<Vec<SocketAddr>, Refusal> {
    let literal = destination.address();
    let resolved = literal.as_ref().map_or(resolved, std::slice::from_ref);
    if destination.name().is_some_and(is_metadata_name) && !rules.metadata_only {
        return Err(Refusal::Metadata(destination.to_string()));
    }
    if resolved.is_empty() {
        return Err(Refusal::NoAddress(destination.to_string()));
    }
    if resolved.len() > MAX_ADDRESSES {
        return Err(Refusal::TooManyAddresses(destination.to_string()));
    }
    let named = rules.named(destination);
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in resolved {
        if rules.metadata_only {
            metadata(destination, *address)?;
        } else {
            rules.judge(destination, named, *address)?;
        }
        let address = SocketAddr::new(*address, destination.port());
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// What a credential chain may call.
fn metadata(destination: &Destination, address: IpAddr) -> Result<(), Refusal> {
    let plain = destination.scheme() == "http" && destination.port() == METADATA_PORT;
    let host = match destination.host() {
        Host::Domain(name) => is_metadata_name(name),
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    };
    if plain && host && reach(address) == Reach::Metadata {
        Ok(())
    } else {
        Err(Refusal::NotMetadata(destination.to_string()))
    }
}

/// Why a destination isn't called. Nothing was sent. Destinations are `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not an URL that leads somewhere: what is wrong with it.
    Url(String),
    /// Neither `http` nor `https`.
    Scheme(String),
    /// The URL has a user or a password.
    UserInfo,
    /// Only what is listed may be called, and this isn't.
    NotListed(String),
    /// An address that isn't public, and not listed.
    Address {
        /// `host:port` as asked for.
        at: String,
        /// What it resolved to.
        address: IpAddr,
        /// Why that isn't called.
        reach: Reach,
    },
    /// A cloud's metadata service, which no list opens.
    Metadata(String),
    /// A credential chain's client asked for something else.
    NotMetadata(String),
    /// The name has no address.
    NoAddress(String),
    /// The name has more than [`MAX_ADDRESSES`].
    TooManyAddresses(String),
}

impl Refusal {
    /// For metrics: one word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Scheme(_) => "scheme",
            Self::UserInfo => "user_info",
            Self::NotListed(_) => "not_listed",
            Self::Address { .. } => "address",
            Self::Metadata(_) => "metadata",
            Self::NotMetadata(_) => "not_metadata",
            Self::NoAddress(_) => "no_address",
            Self::TooManyAddresses(_) => "too_many_addresses",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => out.write_str(why),
            Self::Scheme(scheme) => {
                write!(out, "the URL's scheme is {scheme}: expected http or https")
            }
            Self::UserInfo => out.write_str(
                "the URL has a user or a password in it: credentials have their own settings",
            ),
            Self::NotListed(at) => write!(
                out,
                "{at} isn't listed, and only what is listed may be called: add it to outbound.allow if it is meant"
            ),
            Self::Address { at, address, reach } => {
                write!(out, "{at} is {address}, {}", reach.describe())?;
                match reach {
                    Reach::Nobody => out.write_str(": never called"),
                    _ => out.write_str(": add it to outbound.allow if it is meant"),
                }
            }
            Self::Metadata(at) => write!(
                out,
                "{at} is a cloud's metadata service: never called, listed or not"
            ),
            Self::NotMetadata(at) => write!(
                out,
                "{at} isn't a cloud's metadata service: this client calls nothing else"
            ),
            Self::NoAddress(at) => write!(out, "{at}: the name has no address"),
            Self::TooManyAddresses(at) => {
                write!(out, "{at}: the name has over {MAX_ADDRESSES} addresses")
            }
        }
    }
}
