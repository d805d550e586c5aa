//! TLS on our own sockets: the certificate that we show, whom we ask for one, and new files taken up
//! without a restart.
//!
//! Handshakes are made beside the loop that accepts, many at once and each within a time limit: a
//! caller that says nothing holds up nobody else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::serve::{IncomingStream, Listener};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::identity::machine::Machine;

pub mod certificate;

/// Time for one handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes under way at once; further connections wait in the kernel's queue.
const MAX_HANDSHAKES: usize = 512;
/// Connections that are ready and wait to be taken.
const MAX_READY: usize = 64;
/// After a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// The files are looked at so often.
const READ_EVERY: Duration = Duration::from_secs(5);
/// Bytes of one file: a chain or a bundle of authorities with room to spare.
const MAX_FILE: u64 = 4 << 20;

/// Where certificates and keys lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Our certificate and what leads from it to the authority, in PEM.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Authorities whose certificates callers may show; `None`: nobody is asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whoever shows none isn't let in at all.
    pub require_client_cert: bool,
}

/// What handshakes are made with now.
pub struct Tls {
    files: Files,
    now: RwLock<Now>,
}

#[derive(Clone)]
struct Now {
    config: Arc<ServerConfig>,
    /// Of the files' bytes.
    digest: [u8; 32],
}

impl Tls {
    /// Reads the files; an error says which of them is wrong, and how.
    pub fn open(files: Files) -> Result<Arc<Self>, String> {
        let now = read(&files)?;
        Ok(Arc::new(Self {
            files,
            now: RwLock::new(now),
        }))
    }

    fn now(&self) -> Now {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    /// Takes up files that changed; whether any had. On an error what was there goes on to count.
    /// Connections that stand go on with what they were made with.
    pub fn reload(&self) -> Result<bool, String> {
        let read = read(&self.files)?;
        if read.digest == self.now().digest {
            return Ok(false);
        }
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(true)
    }

    /// Never ends. A fault is said once, however often it is found.
    pub async fn follow(self: Arc<Self>) {
        let mut said = String::new();
        loop {
            tokio::time::sleep(READ_EVERY).await;
            match self.reload() {
                Ok(changed) => {
                    if changed {
                        tracing::warn!(
                            cert = %self.files.cert.display(),
                            "new certificates are taken up"
                        );
                    }
                    said.clear();
                }
                Err(error) if error == said => {}
                Err(error) => {
                    metrics::counter!("tls_reload_failures_total").increment(1);
                    tracing::error!(%error, "new certificates can't be used: the old ones go on to count");
                    said = error;
                }
            }
        }
    }
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(fault)?.len();
    if size > MAX_FILE {
        return Err(format!(
            "{}: {size} bytes are over {MAX_FILE}",
            path.display()
        ));
    }
    std::fs::read(path).map_err(fault)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(format!("{}: holds no certificate in PEM", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn read(files: &Files) -> Result<Now, String> {
    let (cert, key) = (file(&files.cert)?, file(&files.key)?);
    let authority = match &files.client_ca {
        Some(path) => Some((path, file(path)?)),
        None => None,
    };
    let mut hash = Sha256::new();
    let parts = [
        Some(&cert),
        Some(&key),
        authority.as_ref().map(|(_, pem)| pem),
    ];
    for part in parts.into_iter().flatten() {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let chain = certificates(&files.cert, &cert)?;
    let private = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| format!("{}: {error}", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some((path, pem)) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path, &pem)? {
                roots
                    .add(root)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match files.require_client_cert {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            let verifier = verifier
                .build()
                .map_err(|error| format!("{}: {error}", path.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, private).map_err(|error| {
        let (cert, key) = (files.cert.display(), files.key.display());
        format!("{cert} and {key}: {error}")
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Now {
        config: Arc::new(config),
        digest: hash.finalize().into(),
    })
}

/// Where a request came from, and who the connection says it is.
#[derive(Debug, Clone)]
pub struct Connection {
    pub address: SocketAddr,
    pub tls: bool,
    /// A role of ours, by its certificate.
    pub machine: Option<Machine>,
}

impl Connected<IncomingStream<'_, TcpListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self {
            address: *stream.remote_addr(),
            tls: false,
            machine: None,
        }
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Whether a request came by TLS to this process itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByTls(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for ByTls {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let connection = parts.extensions.get::<ConnectInfo<Connection>>();
        Ok(Self(connection.is_some_and(|of| of.0.tls)))
    }
}

type Ready = (TlsStream<TcpStream>, Connection);

/// Gives connections whose handshake is done.
pub struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<Ready>,
    accepting: JoinHandle<()>,
}

impl TlsListener {
    pub fn new(listener: TcpListener, tls: Arc<Tls>) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (send, ready) = mpsc::channel(MAX_READY);
        let accepting = tokio::spawn(accept(listener, tls, send));
        Ok(Self {
            address,
            ready,
            accepting,
        })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = Connection;

    async fn accept(&mut self) -> Ready {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The loop ends with this listener alone.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Connection> {
        Ok(Connection {
            address: self.address,
            tls: true,
            machine: None,
        })
    }
}

async fn accept(listener: TcpListener, tls: Arc<Tls>, send: mpsc::Sender<Ready>) {
    let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (config, send) = (tls.now().config, send.clone());
        tokio::spawn(async move {
            let handshake = TlsAcceptor::from(config).accept(stream);
            let made = tokio::time::timeout(HANDSHAKE_TIME, handshake).await;
            drop(place);
            let failure = match made {
                Ok(Ok(stream)) => {
                    let connection = Connection {
                        address,
                        tls: true,
                        machine: machine(&stream),
                    };
                    // Nobody takes it any more when the server stops.
                    let _ = send.send((stream, connection)).await;
                    return;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it took too long".to_owned(),
            };
            metrics::counter!("tls_handshakes_failed_total").increment(1);
            tracing::debug!(%address, %failure, "a handshake failed");
        });
    }
}

/// The role that a caller's certificate names; the authority was checked in the handshake.
fn machine(stream: &TlsStream<TcpStream>) -> Option<Machine> {
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates()?.first()?;
    match certificate::read(leaf) {
        Ok(facts) => Machine::of_certificate(&facts.uris),
        Err(error) => {
            tracing::warn!(%error, "a caller's certificate can't be read: it says nothing of who they are");
            None
        }
    }
}

#[cfg(test)]
mod tests;
