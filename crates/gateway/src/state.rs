//! What every handler shares.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use casework::Casework;
use integrations::Secret;
use serde_json::Value;
use store::{Care, Embedded};
use tokio::sync::{Mutex, Semaphore};

use crate::api::stream::MAX_STREAMS;
use crate::auth::Sessions;
use crate::identity::Identity;
use crate::identity::kubernetes::Workloads;
use crate::intake::otlp::temporality::Deltas;
use crate::intake::query::asynchronous::Queries;
use crate::intake::{MAX_AT_ONCE, MAX_WAITING};

/// Verifies the journal; made by the binary, because how that is done is the store's.
pub type Audit = Arc<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Value, store::Error>> + Send>> + Send + Sync,
>;

/// Prints the metrics in Prometheus' form.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// How it is served.
#[derive(Clone)]
pub struct Options {
    /// Every caller is one local person; only on loopback.
    pub no_auth: bool,
    /// Host names that requests may name: against DNS rebinding. Empty: any.
    pub hosts: Vec<String>,
    /// Origins whose pages may call; empty: none.
    pub cors_origins: Vec<String>,
    pub audit: Audit,
    /// The store, as its operator sees it.
    pub care: Arc<dyn Care>,
    pub metrics: Metrics,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    pub casework: Casework,
    pub options: Options,
    pub sessions: Arc<Sessions>,
    /// One permit a stream of events.
    pub streams: Arc<Semaphore>,
    /// One permit a request with telemetry.
    pub intake: Arc<Semaphore>,
    /// One permit a request that waits for one of those.
    pub intake_queue: Arc<Semaphore>,
    /// Queries that came by HTTP.
    pub queries: Arc<Queries>,
    /// The store whose indices clients of Elasticsearch describe, where it is the embedded one.
    pub store: Option<Embedded>,
    /// What senders of deployments sign with; `None`: they need a token.
    pub deployments_secret: Option<Secret>,
    /// The OpenID provider; `None`: only tokens and login links let people in.
    pub identity: Option<Arc<Identity>>,
    /// A cluster whose service accounts come by its tokens; `None`: none do.
    pub workloads: Option<Arc<Workloads>>,
    /// Held while a document is read, changed and stored.
    pub updates: Arc<Mutex<()>>,
    /// The last points of cumulative metrics; locked while a batch of them is stored.
    pub deltas: Arc<Mutex<Deltas>>,
}

impl Gateway {
    pub fn new(casework: Casework, options: Options) -> Self {
        Self {
            casework,
            options,
            sessions: Arc::new(Sessions::default()),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            intake: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            intake_queue: Arc::new(Semaphore::new(MAX_WAITING)),
            queries: Arc::default(),
            store: None,
            deployments_secret: None,
            identity: None,
            workloads: None,
            updates: Arc::default(),
            deltas: Arc::new(Mutex::new(Deltas::default())),
        }
    }

    /// With what senders of deployments sign with.
    pub fn with_deployments_secret(mut self, secret: Option<Secret>) -> Self {
        self.deployments_secret = secret;
        self
    }

    /// With an OpenID provider.
    pub fn with_identity(mut self, identity: Option<Identity>) -> Self {
        self.identity = identity.map(Arc::new);
        self
    }

    /// With a cluster whose tokens say who its workloads are.
    pub fn with_workloads(mut self, workloads: Option<Workloads>) -> Self {
        self.workloads = workloads.map(Arc::new);
        self
    }

    /// With the index API of Elasticsearch over this store.
    pub fn with_store(mut self, store: Embedded) -> Self {
        self.store = Some(store);
        self
    }
}
