//! Servers on loopback that count, and a resolver that answers from a table.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use axum::serve::ListenerExt as _;
use integrations::outbound::Resolver;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An HTTP server that says what it got, and answers by path as it is told; else 200 and `{}`.
#[derive(Clone, Default)]
pub struct Http {
    port: u16,
    connections: Arc<AtomicUsize>,
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    got: Arc<Mutex<Vec<Got>>>,
    told: Arc<Mutex<HashMap<String, Told>>>,
}

/// A request.
pub struct Got {
    pub what: String,
    pub headers: HeaderMap,
}

#[derive(Clone)]
struct Told {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Http {
    pub async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, 0).await
    }

    pub async fn start_at(address: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).await.expect("a port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            ..Self::default()
        };
        let connections = server.connections.clone();
        let listener = listener.tap_io(move |_| {
            connections.fetch_add(1, Ordering::SeqCst);
        });
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it answers at a path. A header `x-slow` makes it wait so many milliseconds.
    pub fn answers(&self, path: &str, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let body = body.to_owned();
        locked(&self.told).insert(
            path.to_owned(),
            Told {
                status,
                headers,
                body,
            },
        );
    }

    pub fn last(&self) -> Got {
        locked(&self.got).pop().expect("was asked")
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests under way at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(server): State<Http>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    _body: Bytes,
) -> Response<Body> {
    let inside = server.inside.fetch_add(1, Ordering::SeqCst) + 1;
    server.most.fetch_max(inside, Ordering::SeqCst);
    let what = format!("{method} {uri}");
    locked(&server.got).push(Got { what, headers });
    let told = locked(&server.told).get(uri.path()).cloned();
    let told = told.unwrap_or(Told {
        status: 200,
        headers: Vec::new(),
        body: "{}".to_owned(),
    });
    let mut response = Response::builder().status(told.status);
    for (name, value) in told.headers {
        if name == "x-slow" {
            let ms = value.parse().expect("milliseconds");
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        response = response.header(name, value);
    }
    server.inside.fetch_sub(1, Ordering::SeqCst);
    let body = if uri.path() == "/endless" {
        let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 4096]));
        Body::from_stream(futures::stream::repeat_with(chunk))
    } else {
        Body::from(told.body)
    };
    response.body(body).expect("a response")
}

/// A server that reads once, writes these bytes, and closes or stays silent.
pub struct Raw {
    port: u16,
    connections: Arc<AtomicUsize>,
    got: Arc<Mutex<Vec<u8>>>,
}

impl Raw {
    pub async fn start(wire: &[u8], stays: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            connections: Arc::default(),
            got: Arc::default(),
        };
        let (wire, connections, got) = (
            wire.to_vec(),
            server.connections.clone(),
            server.got.clone(),
        );
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (wire, got) = (wire.clone(), got.clone());
                tokio::spawn(async move {
                    let mut buffer = vec![0; 16 << 10];
                    let read = stream.read(&mut buffer).await.unwrap_or(0);
                    locked(&got).extend_from_slice(&buffer[..read]);
                    // The other side may have hung up.
                    let _ = stream.write_all(&wire).await;
                    if stays {
                        pending::<()>().await;
                    }
                });
            }
        });
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What it read.
    pub fn got(&self) -> Vec<u8> {
        locked(&self.got).clone()
    }
}

/// A test double of a resolver: answers from a table, a name's answers one after the other, the
/// last one for ever.
#[derive(Clone, Default)]
pub struct TableResolver {
    table: Arc<Mutex<HashMap<String, Vec<Vec<IpAddr>>>>>,
    asked: Arc<AtomicUsize>,
    never: bool,
}

impl TableResolver {
    /// One that never answers.
    pub fn never() -> Self {
        Self {
            never: true,
            ..Self::default()
        }
    }

    pub fn answers<const N: usize>(self, name: &str, addresses: [impl Into<IpAddr>; N]) -> Self {
        let addresses = addresses.into_iter().map(Into::into).collect();
        locked(&self.table)
            .entry(name.to_owned())
            .or_default()
            .push(addresses);
        self
    }

    pub fn handle(&self) -> Arc<dyn Resolver> {
        Arc::new(self.clone())
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl Resolver for TableResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.never {
            pending::<()>().await;
        }
        let mut table = locked(&self.table);
        let answers = table
            .get_mut(name)
            .ok_or_else(|| io::Error::other(format!("the table has no {name}")))?;
        Ok(if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        })
    }
}
