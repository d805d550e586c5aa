//! The Kubernetes runner against a real control plane, with a service account that holds nothing
//! but the Role of `docs/integrations/kubernetes-role.yaml`.
//!
//! `DATAPULSE_TEST_KUBERNETES` names the kubeconfig of an administrator of a cluster in which
//! pods of the image `app:bad` crash and all others run: `xtask/servers/kubernetes/up.sh` starts
//! one. Then `cargo test -p integrations --test kubernetes -- --ignored`.

use integrations::run::Kubernetes;
use integrations::{Error, Order, Receipt, Runner};
use model::{ActionKind, ExecutionResult};
use serde_json::{Value, json};

#[path = "kubernetes/acts.rs"]
mod acts;
#[path = "kubernetes/cluster.rs"]
mod cluster;
#[path = "kubernetes/once.rs"]
mod once;
#[path = "kubernetes/proxy.rs"]
mod proxy;
#[path = "kubernetes/refusals.rs"]
mod refusals;

use cluster::{Cluster, container, order};

async fn succeeds(runner: &Kubernetes, order: &Order) -> Receipt {
    let receipt = runner.execute(order).await.expect("a receipt");
    assert_eq!(
        receipt.result,
        ExecutionResult::Succeeded,
        "{}",
        receipt.says
    );
    receipt
}

async fn refused(runner: &Kubernetes, order: &Order) -> String {
    match runner.execute(order).await {
        Err(Error::Refused(says)) => says,
        other => panic!("expected to be refused, got {other:?}"),
    }
}

/// Counts the changes of what is wanted, whoever makes them.
fn version(deployment: &Value) -> String {
    deployment["metadata"]["generation"].to_string()
}

/// `shop` reads `shop-config`, in which LIMIT is 10.
async fn with_config_map(cluster: &Cluster, meta: Value) {
    let mut map = json!({ "metadata": meta, "data": { "LIMIT": "10" } });
    map["metadata"]["name"] = json!("shop-config");
    cluster.make("/api/v1", "configmaps", map).await;
    let mut container = container("app:v1");
    container["envFrom"] = json!([{ "configMapRef": { "name": "shop-config" } }]);
    cluster.deploy("shop", json!({}), container).await;
}

fn limit(number: usize, value: &str) -> Order {
    let wanted = json!({ "key": "LIMIT", "value": value, "config_map": "shop-config" });
    order(number, ActionKind::ConfigChange, "shop", wanted)
}
