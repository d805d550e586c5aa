//! How far an address reaches: what is on the public internet, and what lies within.
//!
//! After IANA's registries of special-purpose addresses. An IPv6 address that carries an IPv4
//! address is judged by what it carries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches, from the widest to what nobody may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Globally routable.
    Public,
    /// A network's own: RFC 1918, shared (100.64.0.0/10), unique local.
    Private,
    /// This machine.
    Loopback,
    /// This link only.
    LinkLocal,
    /// Set aside for documentation, benchmarks, protocols or the future.
    Reserved,
    /// No single machine: unspecified, multicast, broadcast. Listing opens none of these.
    Nobody,
    /// A cloud's metadata service, which hands out credentials. Listing opens none of these.
    Metadata,
}

impl Reach {
    /// As a refusal calls it: "a private address".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Reserved => "a reserved address",
            Self::Nobody => "an address of no single machine",
            Self::Metadata => "the address of a cloud's metadata service",
        }
    }
}

/// Metadata services over IPv4. 168.63.129.16 and 192.0.0.192 belong to Azure and Oracle.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// Metadata services over IPv6: Amazon's two and Google's.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Names by which metadata services are asked; a name that only resolves there is refused by its
/// address.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "metadata"];

/// IPv4 blocks that aren't globally routable: first address, prefix length, what they are.
const BLOCKS_V4: [(Ipv4Addr, u32, Reach); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, Reach::Nobody),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Reach::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Reach::Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Reach::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Reach::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Reach::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Reach::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Reach::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Reach::Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Reach::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Reach::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Reach::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Reach::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Reach::Nobody),
    (Ipv4Addr::BROADCAST, 32, Reach::Nobody),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Reach::Reserved),
];

/// How far `address` reaches.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// Whether a name, in lower case and without a dot at its end, is one of a metadata service.
pub fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES.contains(&name)
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    if METADATA_V4.contains(&address) {
        return Reach::Metadata;
    }
    BLOCKS_V4
        .iter()
        .find(|(first, bits, _)| within_v4(address, *first, *bits))
        .map_or(Reach::Public, |(_, _, reach)| *reach)
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if METADATA_V6.contains(&address) {
        return Reach::Metadata;
    }
    if let Some(carried) = address.to_ipv4_mapped() {
        return reach_v4(carried);
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let carried = |high: u16, low: u16| reach_v4(pair(high, low));
    match (s0, s1) {
        _ if address.is_unspecified() => Reach::Nobody,
        _ if address.is_loopback() => Reach::Loopback,
        // Compatible with IPv4, given up long ago: even what carries a public address is reserved.
        (0, 0) if (s2, s3, s4, s5) == (0, 0, 0, 0) => carried(s6, s7).max(Reach::Reserved),
        // NAT64 with the well-known prefix, as networks without IPv4 use it.
        (0x64, 0xff9b) if (s2, s3, s4, s5) == (0, 0, 0, 0) => carried(s6, s7),
        // Teredo: a server's address, and a client's with all bits turned.
        (0x2001, 0) => carried(s2, s3).max(carried(!s6, !s7)),
        // 6to4.
        (0x2002, _) => carried(s1, s2),
        (0x2001, 0x0db8) | (0x2001, ..=0x01ff) | (0x3fff, ..=0x0fff) => Reach::Reserved,
        (0xfe80..=0xfebf, _) => Reach::LinkLocal,
        (0xfc00..=0xfdff, _) => Reach::Private,
        (0xff00.., _) => Reach::Nobody,
        (0x2000..=0x3fff, _) => Reach::Public,
        _ => Reach::Reserved,
    }
}

fn pair(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

fn within_v4(address: Ipv4Addr, first: Ipv4Addr, bits: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    address.to_bits() & mask == first.to_bits() & mask
}

/// Whether `address` lies in the network of `bits` leading bits that begins with `first`.
pub fn within(address: IpAddr, first: IpAddr, bits: u8) -> bool {
    match (address, first) {
        (IpAddr::V4(address), IpAddr::V4(first)) => within_v4(address, first, bits.into()),
        (IpAddr::V6(address), IpAddr::V6(first)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == first.to_bits() & mask
        }
        _ => false,
    }
}
