//! What holds for every address, every list and every URL.

use super::*;

/// What isn't globally routable in IPv4, by first and last address: worked out apart from the code.
const NOT_GLOBAL: [(&str, &str); 16] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

fn is_global(address: Ipv4Addr) -> bool {
    !NOT_GLOBAL.iter().any(|(first, last)| {
        let first: Ipv4Addr = first.parse().expect("an address");
        let last: Ipv4Addr = last.parse().expect("an address");
        (first..=last).contains(&address)
    })
}

/// Any address, those at the edges of blocks often.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let edges = (0..NOT_GLOBAL.len(), any::<bool>(), -1_i64..=1).prop_map(|(index, last, by)| {
        let (first, end) = NOT_GLOBAL[index];
        let edge: Ipv4Addr = if last { end } else { first }.parse().expect("an address");
        let moved = i64::from(edge.to_bits()) + by;
        Ipv4Addr::from_bits(u32::try_from(moved).unwrap_or(edge.to_bits()))
    });
    let metadata = prop_oneof![
        Just(Ipv4Addr::new(169, 254, 169, 254)),
        Just(Ipv4Addr::new(100, 100, 100, 200)),
    ];
    prop_oneof![
        4 => any::<u32>().prop_map(Ipv4Addr::from_bits),
        4 => edges,
        1 => metadata,
    ]
}

/// The IPv6 forms that carry an IPv4 address, without the one that IPv4 calls compatible.
fn carriers(carried: Ipv4Addr) -> [Ipv6Addr; 5] {
    let bits = u128::from(carried.to_bits());
    let turned = u128::from(!carried.to_bits());
    let public = u128::from(Ipv4Addr::new(8, 8, 8, 8).to_bits());
    let public_turned = u128::from(!Ipv4Addr::new(8, 8, 8, 8).to_bits());
    [
        (0xffff << 32) | bits,
        (0x0064_ff9b << 96) | bits,
        (0x2002 << 112) | (bits << 80),
        (0x2001_0000 << 96) | (public << 64) | turned,
        (0x2001_0000 << 96) | (bits << 64) | public_turned,
    ]
    .map(Ipv6Addr::from_bits)
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        v4().prop_map(IpAddr::V4),
        (v4(), 0..5_usize).prop_map(|(carried, form)| IpAddr::V6(carriers(carried)[form])),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        any::<u64>().prop_map(|low| IpAddr::V6(Ipv6Addr::from_bits(u128::from(low)))),
        Just(ip("fd00:ec2::254")),
        Just(ip("2606:4700:4700::1111")),
    ]
}

fn entry() -> impl Strategy<Value = AllowedDestination> {
    let network = (any_ip(), 1_u8..=128).prop_filter_map("an entry", |(address, bits)| {
        let text = match address.to_canonical() {
            IpAddr::V4(address) => {
                let bits = bits.min(32);
                let first = address.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits))?;
                format!("{}/{bits}", Ipv4Addr::from_bits(first))
            }
            IpAddr::V6(address) => {
                let first = address.to_bits() & u128::MAX.checked_shl(128 - u32::from(bits))?;
                format!("{}/{bits}", Ipv6Addr::from_bits(first))
            }
        };
        text.parse().ok()
    });
    let address =
        (any_ip(), prop::option::of(1_u16..)).prop_filter_map("an entry", |(address, port)| {
            let host = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            format!("{host}{port}").parse().ok()
        });
    let name = (
        "(\\*\\.)?[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        prop::option::of(1_u16..),
    )
        .prop_filter_map("an entry", |(name, port)| {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            format!("{name}{port}").parse().ok()
        });
    let corp = Just("hooks.corp".parse().expect("an entry"));
    prop_oneof![network, address, name, corp]
}

proptest! {
    #[test]
    fn an_ipv4_address_is_public_where_the_ranges_say_so(address in v4()) {
        prop_assert_eq!(reach(IpAddr::V4(address)) == Reach::Public, is_global(address));
    }

    #[test]
    fn what_carries_an_ipv4_address_reaches_as_far_as_that(carried in v4()) {
        for carrier in carriers(carried) {
            prop_assert_eq!(reach(IpAddr::V6(carrier)), reach(IpAddr::V4(carried)), "{}", carrier);
        }
        let compatible = Ipv6Addr::from_bits(u128::from(carried.to_bits()));
        prop_assert!(reach(IpAddr::V6(compatible)) != Reach::Public);
    }

    #[test]
    fn without_a_list_all_addresses_must_be_public(resolved in prop::collection::vec(any_ip(), 1..6)) {
        let public = resolved.iter().all(|address| reach(*address) == Reach::Public);
        let decision = decide(&to("https://hooks.corp/"), &resolved, &Rules::default());
        prop_assert_eq!(decision.is_ok(), public);
    }

    #[test]
    fn a_yes_is_for_exactly_what_was_resolved_and_never_for_metadata(
        resolved in prop::collection::vec(any_ip(), 1..6),
        entries in prop::collection::vec(entry(), 0..6),
        only_listed: bool,
        port in 1_u16..,
    ) {
        let rules = Rules::new(entries, only_listed);
        let destination = to(&format!("http://hooks.corp:{port}/"));
        if let Ok(addresses) = decide(&destination, &resolved, &rules) {
            prop_assert!(addresses.iter().all(|one| one.port() == port));
            prop_assert!(resolved.iter().all(|one| addresses.iter().any(|other| other.ip() == *one)));
            prop_assert!(addresses.iter().all(|one| resolved.contains(&one.ip())));
            for address in resolved {
                prop_assert!(!matches!(reach(address), Reach::Metadata | Reach::Nobody), "{}", address);
            }
        }
    }

    #[test]
    fn only_listed_never_allows_more(
        resolved in prop::collection::vec(any_ip(), 1..4),
        entries in prop::collection::vec(entry(), 0..6),
    ) {
        let destination = to("http://hooks.corp/");
        let narrow = decide(&destination, &resolved, &Rules::new(entries.clone(), true));
        let wide = decide(&destination, &resolved, &Rules::new(entries, false));
        prop_assert!(narrow.is_err() || wide.is_ok());
    }

    #[test]
    fn an_address_as_host_is_decided_as_one_that_a_name_has(address in any_ip()) {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let literal = decide(&to(&format!("http://{host}/")), &[ip("8.8.8.8")], &Rules::default());
        let named = decide(&to("http://hooks.corp/"), &[address], &Rules::default());
        prop_assert_eq!(literal.is_ok(), named.is_ok());
    }

    #[test]
    fn every_number_of_an_ipv4_address_is_that_address(address in v4()) {
        let bits = address.to_bits();
        let [a, b, c, d] = address.octets();
        for host in [
            format!("{bits}"),
            format!("{bits:#x}"),
            format!("{bits:#o}").replace("0o", "0"),
            format!("{a:#x}.{b}.{}", (u32::from(c) << 8) | u32::from(d)),
            format!("{a}.{b}.{c}.{d}."),
        ] {
            let read = to(&format!("http://{host}/"));
            prop_assert_eq!(read.address(), Some(IpAddr::V4(address)), "{}", host);
        }
    }

    #[test]
    fn an_entry_is_written_as_it_is_read(entry in entry()) {
        prop_assert_eq!(entry.to_string().parse::<AllowedDestination>(), Ok(entry));
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_read_is_read_again(text in "\\PC{0,40}", host in "[-a-zA-Z0-9.%:\\[\\]@*]{1,24}") {
        for text in [text.clone(), format!("http://{text}/"), format!("http://{host}/x")] {
            if let Ok(read) = Destination::parse(&text) {
                let again = Destination::parse(read.url().as_str());
                prop_assert_eq!(again, Ok(read));
            }
        }
        let _ = text.parse::<AllowedDestination>();
        if let Ok(entry) = host.parse::<AllowedDestination>() {
            prop_assert_eq!(entry.to_string().parse::<AllowedDestination>(), Ok(entry));
        }
    }
}
