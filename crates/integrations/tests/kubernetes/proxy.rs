//! A real HTTP proxy before the API server, that spoils the answers to patches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::cluster::Cluster;

/// What becomes of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    No,
    /// Not handed on, answered with 429 and `Retry-After: 1`, so many times.
    Busy(usize),
    /// Handed on, and where the server takes it, answered with 500.
    Lost,
    /// Handed on, and where the server takes it, never answered.
    Silent,
    /// Once: somebody else's merge patch comes first.
    Overtaken(&'static str),
}

#[derive(Clone)]
pub struct Proxy {
    server: String,
    client: reqwest::Client,
    spoil: Arc<Mutex<Spoil>>,
    /// Patches that came.
    patches: Arc<AtomicUsize>,
}

impl Proxy {
    /// The proxy with its address.
    pub async fn start(cluster: &Cluster) -> (Self, String) {
        let pem = std::fs::read(&cluster.authority).expect("a certificate");
        let roots = reqwest::Certificate::from_pem_bundle(&pem).expect("certificates");
        let client = reqwest::Client::builder().tls_certs_only(roots);
        let proxy = Self {
            server: cluster.server.clone(),
            client: client.build().expect("a client"),
            spoil: Arc::new(Mutex::new(Spoil::No)),
            patches: Arc::default(),
        };
        let router = Router::new().fallback(hand_on).with_state(proxy.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (proxy, url)
    }

    pub fn spoils(&self, spoil: Spoil) {
        *self.spoil.lock().unwrap_or_else(PoisonError::into_inner) = spoil;
    }

    pub fn patches(&self) -> usize {
        self.patches.load(Ordering::Relaxed)
    }

    /// What happens to this patch; a busy server becomes less busy.
    fn now(&self) -> Spoil {
        let mut spoil = self.spoil.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *spoil;
        *spoil = match now {
            Spoil::Busy(1) | Spoil::Overtaken(_) => Spoil::No,
            Spoil::Busy(more) => Spoil::Busy(more - 1),
            other => other,
        };
        now
    }
}

async fn hand_on(
    State(proxy): State<Proxy>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut spoil = Spoil::No;
    if method == Method::PATCH {
        proxy.patches.fetch_add(1, Ordering::Relaxed);
        spoil = proxy.now();
    }
    if let Spoil::Busy(_) = spoil {
        let headers = [("retry-after", "1")];
        return (StatusCode::TOO_MANY_REQUESTS, headers, "{}").into_response();
    }
    headers.remove("host");
    headers.remove("content-length");
    let url = format!("{}{uri}", proxy.server);
    if let Spoil::Overtaken(patch) = spoil {
        let first = proxy
            .client
            .patch(url.replace("&dryRun=All", ""))
            .headers(headers.clone());
        let first = first.body(patch).send().await.expect("an answer");
        assert!(first.status().is_success());
    }
    let request = proxy
        .client
        .request(method, url)
        .headers(headers)
        .body(body);
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let body = answer.bytes().await.expect("a body");
    if spoil == Spoil::Lost && status.is_success() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    if spoil == Spoil::Silent && status.is_success() {
        std::future::pending::<()>().await;
    }
    (status, body).into_response()
}
