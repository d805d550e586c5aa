//! The outbound client against real servers on loopback: what reaches them, and what an error says.
//!
//! Tests send nothing to the internet. Where the rules ask for a public address, an address of
//! loopback that is listed stands for it.

#[path = "outbound/servers.rs"]
mod servers;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use integrations::outbound::{
    Call, LONGEST_COME_BACK, MAX_ANSWER, MAX_CONCURRENT, MAX_REDIRECTS, OutboundSettings, breaker,
};
use integrations::run::{ControlApi, SignedWebhook};
use integrations::{Error, Known, Notice, Order, Outbound, Runner, Secret, Webhook};
use model::{Action, ActionKind, IncidentId, Timestamp, Topic};
use serde_json::{Value, json};

use servers::{Http, Raw, TableResolver};

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const SOON: Duration = Duration::from_millis(400);

fn allowing(entries: &[&str]) -> Outbound {
    let settings = OutboundSettings {
        allow: entries
            .iter()
            .map(|entry| entry.parse().expect("an entry"))
            .collect(),
        only_listed: false,
    };
    Outbound::new(&settings).expect("a client")
}

fn allowing_port(port: u16) -> Outbound {
    allowing(&[&format!("127.0.0.1:{port}")])
}

fn get(url: &str) -> Call {
    Call::get("GET it", url).within(Duration::from_secs(5))
}

fn notice() -> Notice {
    Notice {
        key: "INC-200101-0123456789ab:3".to_owned(),
        topic: Topic::Report,
        incident_id: IncidentId::derive("r", "s", Timestamp(0)),
        text: "[HIGH] …".to_owned(),
        at: "2001-01-10T13:00:00Z".to_owned(),
        details: json!({}),
    }
}

fn order() -> Order {
    Order {
        key: "INC-200101-0123456789ab:P1".to_owned(),
        action: Action {
            kind: ActionKind::Rollback,
            target: "checkout".to_owned(),
            parameters: [("to_version".to_owned(), Value::from("2.0.0"))].into(),
        },
    }
}

/// The text of an error of our own configuration: surely nothing was sent.
fn not_allowed<T>(called: Result<T, Error>) -> String {
    match called {
        Err(Error::Configuration(text)) => text,
        Err(other) => panic!("expected a refusal, got {other:?}"),
        Ok(_) => panic!("expected a refusal, got an answer"),
    }
}

fn cannot_tell<T>(called: Result<T, Error>) -> String {
    match called {
        Err(Error::CannotTell(text)) => text,
        Err(other) => panic!("expected that nobody can tell, got {other:?}"),
        Ok(_) => panic!("expected that nobody can tell, got an answer"),
    }
}

#[tokio::test]
async fn what_is_listed_is_called_and_told_nothing_of_us() {
    let server = Http::start().await;
    let outbound = allowing_port(server.port());
    let answer = outbound.call(&get(&server.url("/x?y#z"))).await;
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (StatusCode::OK, b"{}".as_slice())
    );
    let got = server.last();
    assert_eq!(got.what, "GET /x?y");
    let mut names: Vec<&str> = got.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["accept", "host"],
        "no cookie, no referer, no agent, no encoding"
    );
}

#[tokio::test]
async fn what_is_not_listed_sees_no_connection() {
    let server = Http::start().await;
    let port = server.port();
    let table = TableResolver::default()
        .answers("inside.example.com", [Ipv4Addr::LOCALHOST])
        .answers("mapped.example.com", [Ipv4Addr::LOCALHOST.to_ipv6_mapped()])
        .answers("six.example.com", [Ipv6Addr::LOCALHOST])
        .answers("any.example.com", [Ipv4Addr::UNSPECIFIED]);
    let outbound =
        allowing(&["127.0.0.1:1", "10.0.0.0/8", "*.example.com"]).with_resolver(table.handle());
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "inside.example.com",
        "INSIDE.example.com.",
        "mapped.example.com",
        "six.example.com",
        "any.example.com",
    ] {
        let text = not_allowed(outbound.call(&get(&format!("http://{host}:{port}/"))).await);
        assert!(text.ends_with(": nothing was sent"), "{host}: {text}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_where_the_decision_went() {
    let inside = Http::start().await;
    let port = inside.port();
    // 127.0.0.2 stands for a public address. Nobody listens there yet.
    let public = Ipv4Addr::new(127, 0, 0, 2);
    let table = TableResolver::default()
        .answers("rebinds.example.com", [public])
        .answers("rebinds.example.com", [Ipv4Addr::LOCALHOST]);
    let outbound = allowing(&["127.0.0.2"]).with_resolver(table.handle());
    let url = format!("http://rebinds.example.com:{port}/");
    let refused = outbound.call(&get(&url)).await.expect_err("nobody there");
    assert!(matches!(refused, Error::NotDone(_)), "{refused:?}");
    assert_eq!((table.asked(), inside.connections()), (1, 0));
    // The second call asks anew, gets the inner address, and that is refused.
    let text = not_allowed(outbound.call(&get(&url)).await);
    assert!(text.contains("127.0.0.1, a loopback address"), "{text}");
    assert_eq!((table.asked(), inside.connections()), (2, 0));

    // With somebody at the address that was decided on, they are called, under the name.
    let outside = Http::start_at(public, port).await;
    let table = TableResolver::default()
        .answers("rebinds.example.com", [public])
        .answers("rebinds.example.com", [Ipv4Addr::LOCALHOST]);
    let outbound = allowing(&["127.0.0.2"]).with_resolver(table.handle());
    outbound.call(&get(&url)).await.expect("an answer");
    let host = outside.last().headers["host"].clone();
    assert_eq!(host, format!("rebinds.example.com:{port}"));
    assert_eq!((table.asked(), inside.connections()), (1, 0));
    // The client that was kept for that address isn't used for another decision.
    not_allowed(outbound.call(&get(&url)).await);
    assert_eq!(outside.connections(), 1);

    // One inner address among several refuses the name.
    let table = TableResolver::default().answers("both.example.com", [public, Ipv4Addr::LOCALHOST]);
    let outbound = allowing(&["127.0.0.2"]).with_resolver(table.handle());
    not_allowed(
        outbound
            .call(&get(&format!("http://both.example.com:{port}/")))
            .await,
    );
    assert_eq!((outside.connections(), inside.connections()), (1, 0));
}

#[tokio::test]
async fn nothing_that_the_configuration_names_is_a_metadata_service() {
    let secret = || Secret::new("between us");
    for host in [
        "169.254.169.254",
        "0xa9fea9fe",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
    ] {
        let url = format!("http://{host}/latest/meta-data/");
        for text in [
            not_allowed(Webhook::new("chat", &url, secret())),
            not_allowed(SignedWebhook::new(&url, secret())),
            not_allowed(ControlApi::new(&url, secret())),
        ] {
            assert!(text.contains("metadata service"), "{host}: {text}");
        }
    }
    // Nor does a name reach it that is listed by being there.
    let table = TableResolver::default().answers("runner.corp", [METADATA]);
    let outbound = allowing(&["*.corp", "169.0.0.0/8"]).with_resolver(table.handle());
    let url = "http://runner.corp/latest/";
    let through = outbound.listed_url(url).expect("a client");
    let chat = Webhook::through("chat", url, secret(), through.clone()).expect("a webhook");
    let own = SignedWebhook::through(url, secret(), through.clone()).expect("a runner");
    let api = ControlApi::through(url, secret(), through).expect("a runner");
    for text in [
        not_allowed(chat.send(&notice()).await),
        not_allowed(own.execute(&order()).await),
        not_allowed(own.observe("checkout").await),
        not_allowed(api.execute(&order()).await),
        not_allowed(api.known("k").await),
    ] {
        assert!(
            text.ends_with("runner.corp:80 is a cloud's metadata service: never called, listed or not: nothing was sent"),
            "{text}"
        );
    }
    assert_eq!(table.asked(), 5);
}

#[tokio::test]
async fn a_credential_chains_client_reaches_nothing_else() {
    let server = Http::start().await;
    let chain = Outbound::for_credential_chain();
    let listed = chain.listed("127.0.0.1", server.port()).expect("a client");
    for outbound in [&chain, &listed] {
        let text = not_allowed(outbound.call(&get(&server.url("/"))).await);
        assert!(text.contains("isn't a cloud's metadata service"), "{text}");
    }
    let table = TableResolver::default().answers("metadata.google.internal", [Ipv4Addr::LOCALHOST]);
    let chain = chain.with_resolver(table.handle());
    not_allowed(chain.call(&get("http://metadata.google.internal/")).await);
    assert_eq!((table.asked(), server.connections()), (1, 0));
}

#[tokio::test]
async fn redirects_stay_at_one_host_and_end() {
    let server = Http::start().await;
    let other = Http::start().await;
    let outbound = allowing(&["127.0.0.1", "localhost"]);
    let secret = Secret::new("between us");
    server.answers("/old", 307, &[("location", "/new?x=1")], "");
    let answer = outbound
        .call(&get(&server.url("/old")).bearer(&secret))
        .await;
    assert_eq!(answer.expect("an answer").status, 200);
    let got = server.last();
    assert_eq!(got.what, "GET /new?x=1");
    assert_eq!(got.headers["authorization"], "Bearer between us");
    assert!(!got.headers.contains_key("referer"));

    let port = server.port();
    for elsewhere in [
        other.url("/"),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("//127.0.0.1:{}/", other.port()),
        "http://169.254.169.254/latest/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        server.answers("/away", 302, &[("location", &elsewhere)], "");
        let before = server.connections();
        let refused = outbound
            .call(&get(&server.url("/away")).bearer(&secret))
            .await;
        match refused {
            Err(Error::Refused(text)) => assert!(
                text.contains("within the same scheme, host and port only"),
                "{text}"
            ),
            other => panic!("{elsewhere}: {other:?}"),
        }
        assert_eq!(server.connections(), before + 1);
    }
    assert_eq!(other.connections(), 0);

    server.answers("/loop", 301, &[("location", "/loop")], "");
    let before = server.connections();
    let endless = outbound.call(&get(&server.url("/loop"))).await;
    assert!(
        matches!(&endless, Err(Error::Refused(text)) if text.contains("more than 5 times")),
        "{endless:?}"
    );
    assert_eq!(server.connections(), before + MAX_REDIRECTS + 1);

    let post = Call::post("POST it", &server.url("/old"), b"{}".to_vec());
    for _ in 0..2 * breaker::FAILURES_IN_A_ROW {
        let before = server.connections();
        let text = cannot_tell(outbound.call(&post).await);
        assert!(text.contains("a POST is sent once"), "{text}");
        assert_eq!(server.connections(), before + 1, "and it isn't left alone");
    }
}

#[tokio::test]
async fn each_hop_of_a_redirect_is_decided_on() {
    let server = Http::start().await;
    let port = server.port();
    let table = TableResolver::default()
        .answers("hops.example.com", [Ipv4Addr::LOCALHOST])
        .answers("hops.example.com", [METADATA]);
    let outbound = allowing(&["127.0.0.1"]).with_resolver(table.handle());
    server.answers("/old", 302, &[("location", "/latest/meta-data/")], "");
    let url = format!("http://hops.example.com:{port}/old");
    let text = not_allowed(outbound.call(&get(&url)).await);
    assert!(text.contains("metadata service"), "{text}");
    assert_eq!((table.asked(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_time_limit() {
    let silent = Raw::start(b"", true).await;
    let slow_body = Raw::start(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx", true).await;
    for server in [silent, slow_body] {
        let outbound = allowing_port(server.port());
        let began = Instant::now();
        let text = cannot_tell(outbound.call(&get(&server.url("/")).within(SOON)).await);
        assert!(text.contains("no whole answer within 0.4 s"), "{text}");
        assert!(began.elapsed() < Duration::from_secs(3));
        assert_eq!(server.connections(), 1, "asked once");
    }
    let table = TableResolver::never();
    let outbound = Outbound::default().with_resolver(table.handle());
    let call = get("http://hooks.example.com/").within(SOON);
    let late = outbound.call(&call).await.expect_err("no answer");
    assert!(
        matches!(&late, Error::NotDone(text) if text.contains("can't be resolved: it took too long")),
        "{late:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_broken_off_is_no_answer() {
    let endless = Http::start().await;
    let outbound = allowing_port(endless.port());
    let text = cannot_tell(outbound.call(&get(&endless.url("/endless"))).await);
    assert!(
        text.ends_with(&format!("is over {MAX_ANSWER} bytes")),
        "{text}"
    );
    let few = get(&endless.url("/")).at_most(1);
    let text = cannot_tell(outbound.call(&few).await);
    assert!(text.ends_with("is over 1 bytes"), "{text}");
    let unread = get(&endless.url("/endless")).unread();
    let answer = outbound.call(&unread).await.expect("a status");
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));

    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    let long_header = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(65 << 10));
    let long_line = "HTTP/1.1 200 OK\r\nx: ".to_owned() + &"y".repeat(1 << 20);
    for (wire, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n",
            "is over 1048576 bytes",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", ""),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha",
            "",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-le", ""),
        ("SSH-2.0-x\r\n", ""),
        ("", ""),
        (&many_headers, ""),
        (&long_header, "header is over 65536 bytes"),
        (&long_line, ""),
    ] {
        let server = Raw::start(wire.as_bytes(), false).await;
        let outbound = allowing_port(server.port());
        let text = cannot_tell(outbound.call(&get(&server.url("/secret"))).await);
        assert!(text.contains(expected), "{wire:.60}: {text}");
        assert!(!text.contains("secret"), "no path in it: {text}");
        assert_eq!(server.connections(), 1, "asked once: {text}");
    }
}

#[tokio::test]
async fn the_breaker_opens_lets_one_probe_in_and_closes() {
    let server = Http::start().await;
    let outbound = allowing_port(server.port());
    server.answers("/", 500, &[], "");
    for _ in 0..breaker::FAILURES_IN_A_ROW {
        let answer = outbound.call(&get(&server.url("/"))).await;
        assert_eq!(answer.expect("an answer").status, 500);
    }
    let asked = server.connections();
    let Err(Error::Later { says, after }) = outbound.call(&get(&server.url("/"))).await else {
        panic!("it is shut");
    };
    assert!(
        says.contains("is left alone until 20") && says.ends_with("Z: nothing was sent"),
        "{says}"
    );
    assert!(after <= breaker::FIRST_SHUT && after > breaker::FIRST_SHUT / 2);
    assert_eq!(server.connections(), asked, "nothing reached it");
    let other = Http::start().await;
    let own = outbound
        .listed("127.0.0.1", other.port())
        .expect("a client");
    own.call(&get(&other.url("/")))
        .await
        .expect("others are not shut");
    let shared = own.call(&get(&server.url("/"))).await;
    assert!(
        matches!(shared, Err(Error::Later { .. })),
        "clones share it"
    );

    tokio::time::sleep(after).await;
    server.answers("/", 200, &[("x-slow", "300")], "");
    let call = get(&server.url("/"));
    let (first, second) = tokio::join!(outbound.call(&call), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        outbound.call(&call).await
    });
    assert_eq!(first.expect("the probe's answer").status, 200);
    assert!(matches!(second, Err(Error::Later { after, .. }) if after <= breaker::PROBE_PAUSE));
    assert_eq!(server.connections(), asked + 1, "one probe");
    for _ in 0..3 {
        outbound.call(&call).await.expect("it is closed");
    }
}

#[tokio::test]
async fn who_is_away_is_soon_left_alone_and_what_is_refused_says_nothing_of_them() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}/");
    let outbound = allowing_port(port);
    for _ in 0..breaker::FAILURES_IN_A_ROW {
        let away = outbound.call(&get(&url)).await;
        assert!(matches!(away, Err(Error::NotDone(_))), "{away:?}");
    }
    let shut = outbound.call(&get(&url)).await;
    assert!(matches!(shut, Err(Error::Later { .. })), "{shut:?}");

    let table = TableResolver::default()
        .answers("inside.example.com", [Ipv4Addr::LOCALHOST])
        .answers("unknown.example.com", [METADATA; 0]);
    let outbound = Outbound::default().with_resolver(table.handle());
    for _ in 0..2 * breaker::FAILURES_IN_A_ROW {
        not_allowed(outbound.call(&get("http://inside.example.com/")).await);
    }
    let none = outbound.call(&get("http://unknown.example.com/")).await;
    assert!(
        matches!(&none, Err(Error::NotDone(text)) if text.contains("has no address")),
        "{none:?}"
    );
}

#[tokio::test]
async fn who_asks_to_be_asked_later_is_passed_on() {
    let server = Http::start().await;
    let secret = || Secret::new("between us");
    let chat = Webhook::new("chat", &server.url("/chat"), secret()).expect("a webhook");
    let own = SignedWebhook::new(&server.url("/own"), secret()).expect("a runner");
    let api = ControlApi::new(&server.url(""), secret()).expect("a runner");
    let began = Instant::now();
    for (status, text, expected) in [
        (429, "30", Duration::from_secs(30)),
        (503, "86400", LONGEST_COME_BACK),
    ] {
        for path in [
            "/chat",
            "/own",
            "/actions",
            "/actions/k",
            "/targets/checkout",
        ] {
            server.answers(path, status, &[("retry-after", text)], "");
        }
        for error in [
            chat.send(&notice()).await.err(),
            own.execute(&order()).await.err(),
            api.execute(&order()).await.err(),
            api.known("k").await.err(),
            api.observe("checkout").await.err(),
        ] {
            match error {
                Some(Error::Later { says, after }) => {
                    assert_eq!(after, expected);
                    let seconds = expected.as_secs();
                    let end = format!("it asks to come back in {seconds} s");
                    assert!(says.ends_with(&end), "{says}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(5), "nothing sleeps");
    server.answers("/actions/k", 404, &[], "");
    assert_eq!(api.known("k").await, Ok(Known::NotBegun));
}

#[tokio::test]
async fn one_destination_gets_so_many_calls_at_once() {
    let server = Http::start().await;
    server.answers("/", 200, &[("x-slow", "200")], "");
    let outbound = allowing_port(server.port());
    let calls: Vec<_> = (0..2 * MAX_CONCURRENT)
        .map(|_| {
            let (outbound, call) = (outbound.clone(), get(&server.url("/")));
            tokio::spawn(async move { outbound.call(&call).await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("an answer");
    }
    assert_eq!(server.most_at_once(), MAX_CONCURRENT);
}

#[tokio::test]
async fn tls_asks_for_the_name_at_the_address_that_was_decided_on() {
    let server = Raw::start(b"no TLS here", false).await;
    let table = TableResolver::default().answers("hooks.example.com", [Ipv4Addr::LOCALHOST]);
    let outbound = allowing(&["127.0.0.1"]).with_resolver(table.handle());
    let url = format!("https://hooks.example.com:{}/secret", server.port());
    let failed = outbound.call(&get(&url)).await.expect_err("no TLS");
    assert!(matches!(failed, Error::NotDone(_)), "{failed:?}");
    let hello = server.got();
    assert!(
        hello.windows(17).any(|part| part == b"hooks.example.com"),
        "the server is asked for the name"
    );
    assert!(!hello.windows(7).any(|part| part == b"/secret"));
    assert_eq!((table.asked(), server.connections()), (1, 1));
}

/// This very program again, with a proxy in its environment that would have to answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_of_the_environment_is_used() {
    let proxy = Http::start().await;
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program);
    child.args(["--exact", "what_is_listed_is_called_and_told_nothing_of_us"]);
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        child.env(variable, proxy.url("/"));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output());
    let output = output.await.expect("no panic").expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert_eq!(proxy.connections(), 0);
}

/// Nothing in this crate makes an HTTP client but the one place that pins it.
#[test]
fn there_is_one_client() {
    let mut makers = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text");
            let makes = [
                "Client::builder",
                "Client::new",
                "ClientBuilder",
                "reqwest::get",
            ];
            if makes.iter().any(|word| text.contains(word)) {
                let name = path.file_name().expect("a name");
                makers.push(name.to_string_lossy().into_owned());
            }
        }
    }
    assert_eq!(makers, ["destinations.rs"]);
}
