//! Spellings, lists and decisions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::address::{Reach, reach};
use super::*;

mod properties;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn to(url: &str) -> Destination {
    Destination::parse(url).expect("a destination")
}

fn listing(entries: &[&str]) -> Rules {
    let entries = entries
        .iter()
        .map(|entry| entry.parse().expect("an entry"))
        .collect();
    Rules::new(entries, false)
}

/// "yes", or the reason of the refusal.
fn decided(url: &str, resolved: &[&str], rules: &Rules) -> &'static str {
    let destination = match Destination::parse(url) {
        Ok(destination) => destination,
        Err(refusal) => return refusal.reason(),
    };
    let resolved: Vec<IpAddr> = resolved.iter().map(|text| ip(text)).collect();
    match decide(&destination, &resolved, rules) {
        Ok(_) => "yes",
        Err(refusal) => refusal.reason(),
    }
}

#[test]
fn what_is_not_globally_routable_is_told_from_what_is() {
    for (text, expected) in [
        ("0.0.0.0", Reach::Nobody),
        ("0.255.255.255", Reach::Nobody),
        ("1.0.0.0", Reach::Public),
        ("9.255.255.255", Reach::Public),
        ("10.0.0.0", Reach::Private),
        ("10.255.255.255", Reach::Private),
        ("11.0.0.0", Reach::Public),
        ("100.63.255.255", Reach::Public),
        ("100.64.0.0", Reach::Private),
        ("100.127.255.255", Reach::Private),
        ("100.128.0.0", Reach::Public),
        ("100.100.100.200", Reach::Metadata),
        ("127.0.0.1", Reach::Loopback),
        ("127.255.255.255", Reach::Loopback),
        ("168.63.129.16", Reach::Metadata),
        ("169.253.255.255", Reach::Public),
        ("169.254.0.1", Reach::LinkLocal),
        ("169.254.169.254", Reach::Metadata),
        ("169.254.170.2", Reach::Metadata),
        ("172.15.255.255", Reach::Public),
        ("172.16.0.0", Reach::Private),
        ("172.31.255.255", Reach::Private),
        ("172.32.0.0", Reach::Public),
        ("192.0.0.8", Reach::Reserved),
        ("192.0.2.1", Reach::Reserved),
        ("192.88.99.1", Reach::Reserved),
        ("192.168.1.1", Reach::Private),
        ("198.18.0.1", Reach::Reserved),
        ("198.19.255.255", Reach::Reserved),
        ("198.20.0.0", Reach::Public),
        ("198.51.100.7", Reach::Reserved),
        ("203.0.113.7", Reach::Reserved),
        ("223.255.255.255", Reach::Public),
        ("224.0.0.1", Reach::Nobody),
        ("239.255.255.255", Reach::Nobody),
        ("240.0.0.1", Reach::Reserved),
        ("255.255.255.255", Reach::Nobody),
        ("::", Reach::Nobody),
        ("::1", Reach::Loopback),
        ("::7f00:1", Reach::Reserved),
        ("::808:808", Reach::Reserved),
        ("::a9fe:a9fe", Reach::Metadata),
        ("::ffff:10.0.0.1", Reach::Private),
        ("::ffff:127.0.0.1", Reach::Loopback),
        ("::ffff:169.254.169.254", Reach::Metadata),
        ("::ffff:8.8.8.8", Reach::Public),
        ("64:ff9b::8.8.8.8", Reach::Public),
        ("64:ff9b::10.0.0.1", Reach::Private),
        ("64:ff9b::169.254.169.254", Reach::Metadata),
        ("64:ff9b:1::8.8.8.8", Reach::Reserved),
        ("100::1", Reach::Reserved),
        ("2001:0:808:808::f7f7:f7f7", Reach::Public),
        ("2001:0:808:808::80ff:fffe", Reach::Loopback),
        ("2001:0:a00:1::f7f7:f7f7", Reach::Private),
        ("2001:2::1", Reach::Reserved),
        ("2001:db8::1", Reach::Reserved),
        ("2002:808:808::1", Reach::Public),
        ("2002:7f00:1::1", Reach::Loopback),
        ("2002:a9fe:a9fe::1", Reach::Metadata),
        ("2606:4700:4700::1111", Reach::Public),
        ("3fff::1", Reach::Reserved),
        ("5f00::1", Reach::Reserved),
        ("fc00::1", Reach::Private),
        ("fd00:ec2::254", Reach::Metadata),
        ("fdff::1", Reach::Private),
        ("fe80::1", Reach::LinkLocal),
        ("fec0::1", Reach::Reserved),
        ("ff02::1", Reach::Nobody),
    ] {
        assert_eq!(reach(ip(text)), expected, "{text}");
    }
}

#[test]
fn odd_spellings_of_a_host_are_one() {
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        "http://127。0。0。1/",
        "http://1\t27.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http:127.0.0.1",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
    ] {
        assert_eq!(decided(url, &[], &Rules::default()), "address", "{url}");
    }
    for (url, expected) in [
        (
            "HTTP://Hooks.Example.COM./x#y",
            "http://hooks.example.com/x",
        ),
        (
            "https://hooks.example.com:443/",
            "https://hooks.example.com/",
        ),
        (
            "http://hooks.example.com:443/",
            "http://hooks.example.com:443/",
        ),
        (
            "http://b\u{fc}cher.example/",
            "http://xn--bcher-kva.example/",
        ),
        ("http://hooks%2eexample%2ecom/", "http://hooks.example.com/"),
    ] {
        assert_eq!(to(url).url().as_str(), expected, "{url}");
    }
    for url in [
        "http://",
        "http://./",
        "http://a..b/",
        "http://example.com../",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "http://a%00b/",
        "http://a b/",
        "hooks.example.com",
        "/path",
    ] {
        assert_eq!(
            decided(url, &["8.8.8.8"], &Rules::default()),
            "url",
            "{url}"
        );
    }
    let long = format!("http://hooks.example.com/{}", "x".repeat(MAX_URL));
    assert_eq!(decided(&long, &["8.8.8.8"], &Rules::default()), "url");
}

#[test]
fn other_schemes_and_credentials_in_the_url_are_refused() {
    for url in [
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://x/",
        "data:,x",
        "unix:/x",
    ] {
        assert_eq!(
            decided(url, &["8.8.8.8"], &Rules::default()),
            "scheme",
            "{url}"
        );
    }
    for url in [
        "http://user@hooks.example.com/",
        "http://user:word@hooks.example.com/",
        "http://:word@hooks.example.com/",
        "http://hooks.example.com@127.0.0.1/",
    ] {
        assert_eq!(
            decided(url, &["8.8.8.8"], &Rules::default()),
            "user_info",
            "{url}"
        );
    }
}

#[test]
fn one_bad_address_refuses_the_name_and_none_is_no_refusal() {
    let rules = Rules::default();
    let url = "https://hooks.example.com/";
    assert_eq!(decided(url, &["8.8.8.8", "2606:4700::1"], &rules), "yes");
    assert_eq!(decided(url, &["8.8.8.8", "10.0.0.1"], &rules), "address");
    assert_eq!(decided(url, &["10.0.0.1", "8.8.8.8"], &rules), "address");
    assert_eq!(decided(url, &[], &rules), "no_address");
    let many = vec!["8.8.8.8"; MAX_ADDRESSES + 1];
    assert_eq!(decided(url, &many, &rules), "too_many_addresses");
    let refusal = decide(&to(url), &[ip("8.8.8.8"), ip("10.0.0.1")], &rules).expect_err("no");
    assert_eq!(
        refusal.to_string(),
        "hooks.example.com:443 is 10.0.0.1, a private address: add it to outbound.allow if it is meant"
    );
}

#[test]
fn what_is_listed_is_opened_and_no_more() {
    let inside = &["10.1.2.3"];
    for (entry, url, resolved, expected) in [
        ("hooks.corp", "http://hooks.corp:99/", inside, "yes"),
        ("hooks.corp", "http://HOOKS.corp./", inside, "yes"),
        ("hooks.corp", "http://a.hooks.corp/", inside, "address"),
        ("hooks.corp", "http://xhooks.corp/", inside, "address"),
        ("hooks.corp", "http://hooks.corp/", &["127.0.0.1"], "yes"),
        ("hooks.corp:8080", "http://hooks.corp:8080/", inside, "yes"),
        ("hooks.corp:8080", "http://hooks.corp/", inside, "address"),
        ("*.corp", "http://hooks.corp/", inside, "yes"),
        ("*.corp", "http://a.b.corp/", inside, "yes"),
        ("*.corp", "http://corp/", inside, "address"),
        ("*.corp", "http://xcorp/", inside, "address"),
        ("*.corp", "http://hooks.corp/", &["127.0.0.1"], "address"),
        ("*.corp", "http://hooks.corp/", &["169.254.1.1"], "address"),
        ("*.corp:443", "https://hooks.corp/", inside, "yes"),
        ("*.corp:443", "http://hooks.corp/", inside, "address"),
        ("10.1.2.3", "http://hooks.corp/", inside, "yes"),
        ("10.1.2.3:80", "http://10.1.2.3/", &[], "yes"),
        ("10.1.2.3:80", "http://10.1.2.3:81/", &[], "address"),
        ("10.0.0.0/8", "http://hooks.corp/", inside, "yes"),
        ("10.0.0.0/8", "http://[::ffff:10.9.9.9]/", &[], "yes"),
        ("10.0.0.0/8", "http://[64:ff9b::10.9.9.9]/", &[], "address"),
        ("10.0.0.0/8", "http://11.0.0.1/", &[], "yes"),
        ("10.0.0.0/8", "http://192.168.0.1/", &[], "address"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/", &[], "yes"),
        (
            "127.0.0.1:8080",
            "http://localhost:8080/",
            &["127.0.0.1"],
            "yes",
        ),
        (
            "127.0.0.1:8080",
            "http://localhost:8080/",
            &["127.0.0.1", "::1"],
            "address",
        ),
        ("[fd00::1]:8080", "http://[fd00::1]:8080/", &[], "yes"),
        ("fd00::/8", "http://[fd12::1]/", &[], "yes"),
        ("0.0.0.0/1", "http://0.0.0.0/", &[], "address"),
        ("ff00::/8", "http://[ff02::1]/", &[], "address"),
    ] as [(&str, &str, &[&str], &str); 30]
    {
        let decision = decided(url, resolved, &listing(&[entry]));
        assert_eq!(decision, expected, "{entry} and {url} at {resolved:?}");
    }
}

#[test]
fn only_what_is_listed_where_an_operator_says_so() {
    let entries = ["hooks.example.com", "*.example.org:443", "8.8.0.0/16"];
    let entries = entries.map(|entry| entry.parse().expect("an entry"));
    let rules = Rules::new(entries.to_vec(), true);
    assert_eq!(
        decided("http://hooks.example.com/", &["1.1.1.1"], &rules),
        "yes"
    );
    assert_eq!(
        decided("https://a.example.org/", &["1.1.1.1"], &rules),
        "yes"
    );
    assert_eq!(
        decided("http://a.example.org/", &["1.1.1.1"], &rules),
        "not_listed"
    );
    assert_eq!(
        decided("http://b.example.net/", &["8.8.4.4"], &rules),
        "yes"
    );
    assert_eq!(
        decided("http://b.example.net/", &["8.8.4.4", "1.1.1.1"], &rules),
        "not_listed"
    );
    let names_alone = Rules::new(entries[..1].to_vec(), true);
    let refusal = names_alone.before_resolving(&to("http://b.example.net/"));
    assert_eq!(
        refusal,
        Err(Refusal::NotListed("b.example.net:80".to_owned()))
    );
    assert_eq!(rules.before_resolving(&to("http://b.example.net/")), Ok(()));
}

#[test]
fn no_list_opens_a_metadata_service() {
    let rules = listing(&[
        "0.0.0.0/1",
        "128.0.0.0/1",
        "8000::/1",
        "::/1",
        "hooks.corp",
        "*.internal",
    ]);
    let mut asked = 0;
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
    ] {
        for rules in [&Rules::default(), &rules] {
            assert_eq!(
                decided("http://hooks.corp/", &[address], rules),
                "metadata",
                "{address}"
            );
            let host = Host::parse(&format!("[{address}]")).or_else(|_| Host::parse(address));
            let host = host.expect("a host");
            let url = format!("http://{host}/");
            let listed = rules.and(AllowedDestination::exactly(&host, 80));
            assert_eq!(decided(&url, &[], &listed), "metadata", "{url}");
            asked += 1;
        }
    }
    assert_eq!(asked, 12);
    for url in [
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
        "http://metadata/",
    ] {
        assert_eq!(decided(url, &["8.8.8.8"], &rules), "metadata", "{url}");
        assert!(rules.before_resolving(&to(url)).is_err(), "{url}");
    }
    for entry in [
        "169.254.169.254",
        "169.254.169.254:80",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "::ffff:169.254.169.254",
        "0xa9fea9fe",
    ] {
        let refused = entry.parse::<AllowedDestination>().expect_err("is refused");
        assert!(refused.contains("metadata"), "{refused}");
    }
}

#[test]
fn a_credential_chain_calls_metadata_services_and_nothing_else() {
    let chain = Outbound::for_credential_chain();
    let chain = chain.listed("127.0.0.1", 80).expect("a client");
    let rules = chain.rules.as_ref();
    for (url, resolved, expected) in [
        ("http://169.254.169.254/latest/", &[], "yes"),
        ("http://[fd00:ec2::254]/latest/", &[], "yes"),
        ("http://100.100.100.200/", &[], "yes"),
        (
            "http://metadata.google.internal/",
            &["169.254.169.254"],
            "yes",
        ),
        (
            "http://metadata.google.internal/",
            &["8.8.8.8"],
            "not_metadata",
        ),
        (
            "http://metadata.google.internal/",
            &["169.254.169.254", "10.0.0.1"],
            "not_metadata",
        ),
        (
            "http://hooks.example.com/",
            &["169.254.169.254"],
            "not_metadata",
        ),
        ("http://169.254.169.254:8080/", &[], "not_metadata"),
        ("https://169.254.169.254/", &[], "not_metadata"),
        ("http://169.254.169.253/", &[], "not_metadata"),
        ("http://127.0.0.1/", &[], "not_metadata"),
        ("http://8.8.8.8/", &[], "not_metadata"),
    ] as [(&str, &[&str], &str); 12]
    {
        assert_eq!(decided(url, resolved, rules), expected, "{url}");
    }
    assert!(chain.check("http://hooks.example.com/").is_err());
    assert!(chain.check("http://metadata.google.internal/").is_ok());
}

#[test]
fn the_servers_own_hosts_are_listed_to_the_letter_and_for_one_client_alone() {
    let others = Outbound::default();
    let own = others.listed("Runner.corp.", 8090).expect("a client");
    assert_eq!(
        decided("http://runner.corp:8090/", &["10.0.0.1"], &own.rules),
        "yes"
    );
    assert_eq!(
        decided("http://runner.corp:8090/", &["127.0.0.1"], &own.rules),
        "yes"
    );
    assert_eq!(
        decided("http://runner.corp/", &["10.0.0.1"], &own.rules),
        "address"
    );
    assert_eq!(
        decided("http://a.runner.corp:8090/", &["10.0.0.1"], &own.rules),
        "address"
    );
    assert_eq!(
        decided("http://runner.corp:8090/", &["10.0.0.1"], &others.rules),
        "address"
    );
    let local = others
        .listed_url("http://127.0.0.1:8090/x")
        .expect("a client");
    assert!(local.check("http://127.0.0.1:8090/y").is_ok());
    assert!(local.check("http://127.0.0.1:8091/y").is_err());
    assert!(others.check("http://127.0.0.1:8090/y").is_err());
    for host in ["::1", "[::1]"] {
        let six = others.listed(host, 80).expect("a client");
        assert!(six.check("http://[::1]/").is_ok());
    }
    assert!(others.listed("a b", 80).is_err());
}

#[test]
fn settings_are_read_and_what_is_wrong_in_them_is_said() {
    let text = "allow = [\"hooks.example.com\", \"*.Example.org:8443\", \"10.0.0.0/8\", \"127.0.0.1:8080\", \"[fd00::1]:80\", \"fd00::/8\"]\nonly_listed = true\n";
    let settings: OutboundSettings = toml::from_str(text).expect("settings");
    let shown: Vec<String> = settings.allow.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "hooks.example.com",
            "*.example.org:8443",
            "10.0.0.0/8",
            "127.0.0.1:8080",
            "[fd00::1]:80",
            "fd00::/8"
        ]
    );
    assert!(settings.only_listed);
    let empty: OutboundSettings = toml::from_str("").expect("settings");
    assert_eq!(empty, OutboundSettings::default());
    assert!(toml::from_str::<OutboundSettings>("allowed = []\n").is_err());
    for (entry, why) in [
        ("", "outbound.allow"),
        ("*", "not a host's name"),
        ("*.", "outbound.allow"),
        ("*.*.example.com", "not a host's name"),
        ("a.*.example.com", "not a host's name"),
        ("*.10.0.0.1", "*. stands before a name only"),
        ("https://hooks.example.com", "an URL: its host is enough"),
        ("hooks.example.com:0", "the port is no number"),
        ("hooks.example.com:http", "the port is no number"),
        ("10.0.0.0/33", "expected 1 to 32 bits"),
        ("0.0.0.0/0", "expected 1 to 32 bits"),
        ("10.1.2.3/8", "bits behind the network's prefix"),
        ("hooks.example.com/8", "is no address"),
        ("::ffff:10.0.0.0/104", "write IPv4 networks as IPv4"),
        ("user@hooks.example.com", "outbound.allow"),
        ("0.0.0.0", "an address of no single machine"),
    ] {
        let refused = entry.parse::<AllowedDestination>().expect_err(entry);
        assert!(refused.contains(why), "{entry}: {refused}");
    }
    let allow = vec!["hooks.example.com".parse().expect("an entry"); MAX_ALLOWED + 1];
    let many = OutboundSettings {
        allow,
        only_listed: false,
    };
    assert!(Outbound::new(&many).is_err());
}
