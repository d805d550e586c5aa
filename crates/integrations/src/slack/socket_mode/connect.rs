//! A WebSocket to an address that Slack gave: judged, resolved once, pinned, and over TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use crate::error::Error;
use crate::outbound::{Destination, Resolver as _, Rules, SystemResolver, decide};
use crate::secret::Secret;

/// To be connected: name, TCP, TLS and the upgrade together.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Bytes of one message through the socket: a click brings the message with it.
pub const MAX_MESSAGE: usize = 1 << 20;

const WHAT: &str = "slack socket mode";

/// What the WebSocket runs over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

/// Connects. The errors don't hold the address, which holds a ticket.
pub(super) async fn connect(base: &str, url: &Secret, rules: &Rules) -> Result<Socket, Error> {
    let connected = timeout(CONNECT_TIME, connect_now(base, url, rules)).await;
    let late = |_| Error::NotDone(format!("{WHAT}: not connected within {CONNECT_TIME:?}"));
    connected.map_err(late)?
}

async fn connect_now(base: &str, url: &Secret, rules: &Rules) -> Result<Socket, Error> {
    let not_done = |why: &str| Error::NotDone(format!("{WHAT}: {why}"));
    let (destination, secure) = judge(base, url.reveal())?;
    let wire = tcp(&destination, rules).await?;
    let wire: Box<dyn Wire> = match secure {
        true => Box::new(over_tls(&destination, wire).await?),
        false => Box::new(wire),
    };
    let request = url
        .reveal()
        .into_client_request()
        .map_err(|_| not_done("the address can't be asked for"))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let upgraded = client_async_with_config(request, wire, Some(config)).await;
    let (socket, _) = upgraded.map_err(|error| not_done(&format!("the upgrade: {error}")))?;
    Ok(socket)
}

/// Whether Slack's address is one that Slack may give: `wss`, at the Web API's host or below it.
/// Where the Web API is this machine, without TLS, so may the socket be.
fn judge(base: &str, url: &str) -> Result<(Destination, bool), Error> {
    let refused = |why: &str| Error::Refused(format!("{WHAT}: the address that Slack gave: {why}"));
    let base = Url::parse(base).map_err(|_| refused("the Web API's is none"))?;
    let url = Url::parse(url).map_err(|_| refused("it is no URL"))?;
    let secure = base.scheme() == "https";
    let (expected, http) = match secure {
        true => ("wss", "https"),
        false => ("ws", "http"),
    };
    if url.scheme() != expected {
        return Err(refused(&format!("expected {expected}")));
    }
    let (Some(home), Some(host)) = (base.host_str(), url.host_str()) else {
        return Err(refused("it has no host"));
    };
    let below = host
        .strip_suffix(home)
        .is_some_and(|rest| rest.ends_with('.'));
    if host != home && !below {
        return Err(refused("its host isn't Slack's"));
    }
    // Rules are of http and https; the host and the port are the same.
    let same = url.as_str().replacen(expected, http, 1);
    let destination = Destination::parse(&same).map_err(|refusal| refused(&refusal.to_string()))?;
    Ok((destination, secure))
}

async fn tcp(destination: &Destination, rules: &Rules) -> Result<TcpStream, Error> {
    let refused = |refusal: crate::outbound::Refusal| {
        Error::Configuration(format!("{WHAT}: {refusal}: nothing was sent"))
    };
    let not_done = |why: std::io::Error| Error::NotDone(format!("{WHAT}: {destination}: {why}"));
    rules.before_resolving(destination).map_err(refused)?;
    let resolved: Vec<IpAddr> = match destination.name() {
        Some(name) => SystemResolver.resolve(name).await.map_err(not_done)?,
        None => destination.address().into_iter().collect(),
    };
    if resolved.is_empty() {
        return Err(Error::NotDone(format!(
            "{WHAT}: {destination} has no address"
        )));
    }
    let addresses: Vec<SocketAddr> = decide(destination, &resolved, rules).map_err(refused)?;
    let stream = TcpStream::connect(addresses.as_slice()).await;
    stream.map_err(not_done)
}

/// With the same provider and the same verifier as all our calls.
async fn over_tls(
    destination: &Destination,
    wire: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Error> {
    let not_done = |why: &str| Error::NotDone(format!("{WHAT}: {destination}: TLS: {why}"));
    let name = ServerName::try_from(destination.host().to_string())
        .map_err(|error| not_done(&error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| not_done(&error.to_string()))?
        .with_no_client_auth();
    let connected = TlsConnector::from(Arc::new(config))
        .connect(name, wire)
        .await;
    connected.map_err(|error| not_done(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(base: &str, url: &str) -> String {
        match judge(base, url) {
            Ok((destination, secure)) => format!("{destination} {secure}"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn without_tls_or_against_the_rules_nothing_is_said() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // It hangs up on everybody.
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let base = "https://127.0.0.1/api";
        let url = Secret::new(format!("wss://127.0.0.1:{port}/link/?ticket=between-us"));
        let rules = Rules::new(vec!["127.0.0.1/32".parse().expect("an entry")], false);
        let says = |result: Result<Socket, Error>| match result {
            Ok(_) => panic!("expected no connection"),
            Err(error) => error,
        };
        let plain = says(connect(base, &url, &rules).await);
        assert!(
            matches!(&plain, Error::NotDone(text) if text.contains("TLS")),
            "{plain}"
        );
        let refused = says(connect(base, &url, &Rules::default()).await);
        assert!(matches!(refused, Error::Configuration(_)), "{refused}");
        for error in [plain, refused] {
            assert!(!error.to_string().contains("between-us"), "{error}");
        }
    }

    #[test]
    fn only_addresses_below_slacks_own_host() {
        const SLACK: &str = "https://slack.com/api";
        assert_eq!(
            says(SLACK, "wss://wss-primary.slack.com/link/?ticket=1"),
            "wss-primary.slack.com:443 true"
        );
        let wrong = |url: &str| {
            says(SLACK, url)
                .rsplit_once(": ")
                .map(|(_, why)| why.to_owned())
                .expect("a reason")
        };
        for url in [
            "wss://evil.example/",
            "wss://evilslack.com/",
            "wss://slack.com.evil.example/",
            "wss://169.254.169.254/",
        ] {
            assert_eq!(wrong(url), "its host isn't Slack's", "{url}");
        }
        assert_eq!(wrong("ws://wss-primary.slack.com/"), "expected wss");
        assert_eq!(wrong("https://slack.com/"), "expected wss");
        assert!(judge(SLACK, "wss://user@wss-primary.slack.com/").is_err());
        assert_eq!(
            says("http://127.0.0.1:1/api", "ws://127.0.0.1:2/?ticket=1"),
            "127.0.0.1:2 false"
        );
    }
}
