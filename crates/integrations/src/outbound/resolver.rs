//! Names to addresses, once for each request; and what answers for a name while connecting.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;

/// Resolves names. One call's name is resolved once, and what comes back is decided on and
/// connected to.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of `name`; none where it has none.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver: its hosts file, its name servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The port is of no interest; lookup_host asks for one.
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// What the connector asks: it answers for one name, with the addresses that were decided on. It
/// asks nobody, so nothing can change between the decision and the connection.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    pub name: Option<String>,
    pub addresses: Arc<[SocketAddr]>,
}

impl reqwest::dns::Resolve for Pinned {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        if self.name.as_deref() != Some(name.as_str()) {
            return Box::pin(std::future::ready(Err(
                "this connection was decided on for another name".into(),
            )));
        }
        let addresses = self.addresses.clone();
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = addresses.to_vec();
            let found: reqwest::dns::Addrs = Box::new(addresses.into_iter());
            Ok(found)
        })
    }
}
