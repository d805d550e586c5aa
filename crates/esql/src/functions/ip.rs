//! IP addresses as 16 bytes, IPv4 mapped into IPv6: reading, printing, and the functions on them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, BooleanArray};

use super::arrays::{bytes, texts, to_ints};
use super::entry::{Entry, Failures, Kernel};
use super::signature::{ADDRESS, Count, INTEGER, STRING, fixed, without_null};
use super::{Call, Column};
use crate::datatype::DataType;

/// What parts of an IPv4 address that begin with zero mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadingZeros {
    Reject,
    Octal,
    Decimal,
}

const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// An address as text; `None`: it isn't one.
pub fn parse(text: &str, zeros: LeadingZeros) -> Option<[u8; 16]> {
    if text.contains(':') {
        return text
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| address.octets());
    }
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = part(parts.next()?, zeros)?;
    }
    parts.next().is_none().then(|| mapped(octets))
}

fn part(text: &str, zeros: LeadingZeros) -> Option<u8> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = text.len() > 1 && text.starts_with('0');
    match zeros {
        LeadingZeros::Reject if padded => None,
        LeadingZeros::Octal if padded => u8::from_str_radix(text, 8).ok(),
        _ => text.parse().ok(),
    }
}

fn mapped(octets: [u8; 4]) -> [u8; 16] {
    let mut address = [0; 16];
    address[..12].copy_from_slice(&MAPPED);
    address[12..].copy_from_slice(&octets);
    address
}

/// The address as Elasticsearch prints it: IPv4 where it is one, else IPv6 in its short form.
pub fn print(address: &[u8], to: &mut String) {
    use std::fmt::Write;
    let Ok(octets) = <[u8; 16]>::try_from(address) else {
        return;
    };
    if octets.starts_with(&MAPPED) {
        let v4 = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
        let _ = write!(to, "{v4}");
        return;
    }
    // Rust prints old "compatible" addresses with dots; Elasticsearch prints groups only.
    let groups = Ipv6Addr::from(octets).segments();
    let (start, length) = longest_zeros(&groups);
    let mut index = 0;
    while index < groups.len() {
        if length > 1 && index == start {
            to.push_str("::");
            index += length;
            continue;
        }
        if index > 0 && !to.ends_with(':') {
            to.push(':');
        }
        let _ = write!(to, "{:x}", groups[index]);
        index += 1;
    }
}

/// Where the longest run of zero groups begins, the first of equals.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let mut best = (0, 0);
    let mut start = 0;
    for (index, group) in groups.iter().enumerate() {
        if *group != 0 {
            start = index + 1;
        } else if index + 1 - start > best.1 {
            best = (start, index + 1 - start);
        }
    }
    best
}

/// A block of addresses: the first, and how many leading bits (of 128) count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: u128,
    bits: u32,
}

impl Block {
    /// `10.0.0.0/8`, `fe80::/10`; a single address is a block of itself.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address = parse(address, LeadingZeros::Reject)?;
        let v4 = address.starts_with(&MAPPED) && !text.contains(':');
        let bits = match bits {
            Some(bits) if v4 && bits <= 32 => bits + 96,
            Some(bits) if !v4 && bits <= 128 => bits,
            Some(_) => return None,
            None => 128,
        };
        Some(Self {
            address: u128::from_be_bytes(address),
            bits,
        })
    }

    pub fn contains(&self, address: &[u8]) -> bool {
        let Ok(octets) = <[u8; 16]>::try_from(address) else {
            return false;
        };
        let differs = u128::from_be_bytes(octets) ^ self.address;
        differs.checked_shr(128 - self.bits).unwrap_or(0) == 0
    }
}

pub(super) static ENTRIES: [Entry; 2] = [
    Entry {
        name: "CIDR_MATCH",
        aliases: &[],
        summary: "Whether an address lies in any of the blocks.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::TwoOrMore,
                &[ADDRESS, STRING],
                DataType::Boolean,
            )
        },
        kernel: Kernel::Single(cidr_match),
    },
    Entry {
        name: "IP_PREFIX",
        aliases: &[],
        summary: "The address cut to a number of leading bits.",
        resolve: |text, arguments| {
            let accepts = [ADDRESS, INTEGER, INTEGER];
            without_null(text, arguments, Count::TwoOrThree, 3)?;
            fixed(text, arguments, Count::Three, &accepts, DataType::Ip)
        },
        kernel: Kernel::Single(ip_prefix),
    },
];

fn cidr_match(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let (addresses, blocks) = arguments.split_first()?;
    let addresses = bytes(&addresses.values)?;
    let blocks = blocks
        .iter()
        .map(|block| texts(&block.values))
        .collect::<Option<Vec<_>>>()?;
    // The last block of each argument: they are nearly always constants.
    let mut known: Vec<(String, Option<Block>)> = vec![(String::new(), None); blocks.len()];
    let mut results = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if addresses.is_null(row) || blocks.iter().any(|block| block.is_null(row)) {
            results.push(None);
            continue;
        }
        let mut found = Some(false);
        for (texts, known) in blocks.iter().zip(&mut known) {
            let text = texts.value(row);
            if known.0 != text || known.1.is_none() {
                *known = (text.to_owned(), Block::parse(text));
            }
            match &known.1 {
                Some(block) if block.contains(addresses.value(row)) => {
                    found = Some(true);
                    break;
                }
                Some(_) => {}
                None => {
                    failures.illegal(&format!("'{text}' is not an IP string literal."));
                    found = None;
                    break;
                }
            }
        }
        results.push(found);
    }
    Some(Arc::new(BooleanArray::from(results)))
}

fn ip_prefix(call: &Call<'_>, arguments: &[Column], failures: &mut Failures) -> Option<ArrayRef> {
    let [address, v4, v6] = arguments else {
        return None;
    };
    let addresses = bytes(&address.values)?;
    let (v4, v6) = (to_ints(&v4.values)?, to_ints(&v6.values)?);
    let mut builder = BinaryBuilder::with_capacity(call.rows, call.rows * 16);
    for row in 0..call.rows {
        if addresses.is_null(row) || v4.is_null(row) || v6.is_null(row) {
            builder.append_null();
            continue;
        }
        let address = addresses.value(row);
        match prefix(address, v4.value(row), v6.value(row)) {
            Ok(prefix) => builder.append_value(prefix),
            Err(message) => {
                failures.illegal(&message);
                builder.append_null();
            }
        }
    }
    Some(Arc::new(builder.finish()))
}

fn prefix(address: &[u8], v4: i32, v6: i32) -> Result<[u8; 16], String> {
    if !(0..=32).contains(&v4) {
        return Err(format!(
            "Prefix length v4 must be in range [0, 32], found {v4}"
        ));
    }
    if !(0..=128).contains(&v6) {
        return Err(format!(
            "Prefix length v6 must be in range [0, 128], found {v6}"
        ));
    }
    let Ok(octets) = <[u8; 16]>::try_from(address) else {
        return Err("not an address".to_owned());
    };
    let bits = if octets.starts_with(&MAPPED) {
        96 + v4
    } else {
        v6
    } as u32;
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Ok((u128::from_be_bytes(octets) & mask).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        let mut to = String::new();
        if let Some(address) = parse(text, LeadingZeros::Reject) {
            print(&address, &mut to);
        }
        to
    }

    #[test]
    fn addresses_there_and_back() {
        let cases = [
            ("127.0.0.1", "127.0.0.1"),
            ("::", "::"),
            ("::1", "::1"),
            ("2001:db8:0:0:0:8a2e:370:7334", "2001:db8::8a2e:370:7334"),
            ("fe80::cae2:65ff:fece:feb9", "fe80::cae2:65ff:fece:feb9"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
            ("10.0.0.256", ""),
            ("1.1.010.1", ""),
            ("foo", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(printed(text), expected, "{text}");
        }
        let octal = parse("1.1.010.1", LeadingZeros::Octal);
        assert_eq!(octal, parse("1.1.8.1", LeadingZeros::Reject));
        let decimal = parse("1.1.010.1", LeadingZeros::Decimal);
        assert_eq!(decimal, parse("1.1.10.1", LeadingZeros::Reject));
    }

    #[test]
    fn blocks_hold_addresses() {
        let cases = [
            ("192.168.1.0/26", false),
            ("192.168.1.64/26", true),
            ("192.168.1.77", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("fe80::/16", false),
        ];
        let address = parse("192.168.1.77", LeadingZeros::Reject).unwrap_or_default();
        for (block, expected) in cases {
            let found = Block::parse(block).map(|block| block.contains(&address));
            assert_eq!(found, Some(expected), "{block}");
        }
        assert_eq!(Block::parse("10.0.0.0/33"), None);
    }
}
