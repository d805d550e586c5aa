//! What is not done, and why.

use integrations::run::{Kubernetes, KubernetesSettings};
use integrations::{Error, Runner};
use model::ActionKind;
use serde_json::json;

use crate::cluster::{Cluster, container, order};
use crate::{limit, refused, succeeds, with_config_map};

/// The words of an error that is a matter of configuration.
fn says(error: Error) -> String {
    match error {
        Error::Configuration(says) => says,
        other => panic!("expected a matter of configuration, got {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn what_somebody_else_owns_is_named_and_left_alone() {
    let cluster = Cluster::start().await;
    let tracking = json!({ "annotations": { "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:prod/cart" },
        "labels": { "app.kubernetes.io/instance": "shop" } });
    let release = json!({ "annotations": { "meta.helm.sh/release-name": "r1" },
        "labels": { "app.kubernetes.io/managed-by": "Helm" } });
    cluster.deploy("cart", tracking, container("app:v1")).await;
    cluster
        .deploy("pay", release.clone(), container("app:v1"))
        .await;
    cluster.web().await;
    cluster.make("/apis/autoscaling/v2", "horizontalpodautoscalers", json!({ "metadata": { "name": "web-hpa" },
        "spec": { "minReplicas": 2, "maxReplicas": 6, "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" } } })).await;
    let runner = cluster.runner().await;
    for (number, kind) in [ActionKind::Rollback, ActionKind::Restart, ActionKind::Scale]
        .into_iter()
        .enumerate()
    {
        let parameters = if kind == ActionKind::Scale {
            json!({ "replicas": 3 })
        } else {
            json!({})
        };
        let says = refused(&runner, &order(number, kind, "cart", parameters.clone())).await;
        assert!(
            says.contains("owned by Argo CD (shop)") && says.contains("in Argo CD"),
            "{says}"
        );
        let says = refused(&runner, &order(number, kind, "pay", parameters)).await;
        assert!(
            says.contains("owned by Helm (r1)") && says.contains("helm rollback r1"),
            "{says}"
        );
    }
    let owner = runner.observe("cart").await.expect("a state")["owner"].clone();
    assert_eq!(owner, json!({ "by": "Argo CD", "name": "shop" }));
    let state = runner.observe("web").await.expect("a state");
    assert_eq!(
        (&state["autoscaler"]["name"], state.get("replicas")),
        (&json!("web-hpa"), None)
    );
    let says = refused(
        &runner,
        &order(7, ActionKind::Scale, "web", json!({ "replicas": 3 })),
    )
    .await;
    assert!(says.contains("raise minReplicas of web-hpa"), "{says}");
    succeeds(&runner, &order(8, ActionKind::Rollback, "web", json!({}))).await;
    with_config_map(&cluster, release).await;
    let says = refused(&runner, &limit(9, "20")).await;
    assert!(
        says.contains("ConfigMap shop-config is owned by Helm"),
        "{says}"
    );
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_missing_permission_is_an_error_that_names_it() {
    const LOOKS_ONLY: &str = "{ apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: { name: looks }, rules: [
        { apiGroups: [apps], resources: [deployments], verbs: [get, list] },
        { apiGroups: [apps], resources: [replicasets], verbs: [list] },
        { apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list] } ] }";
    let cluster = Cluster::with_role(LOOKS_ONLY).await;
    cluster.web().await;
    let runner = cluster.runner().await;
    runner.observe("web").await.expect("may look");
    let namespace = &cluster.namespace;
    let sent = runner
        .execute(&order(1, ActionKind::Restart, "web", json!({})))
        .await;
    let text = says(sent.expect_err("forbidden"));
    assert!(
        text.contains(&format!(
            "permission patch on deployments.apps in namespace {namespace} is missing"
        )),
        "{text}"
    );
    let text = says(runner.check().await.expect_err("forbidden"));
    assert!(
        text.contains(&format!(
            "permission list on pods in namespace {namespace} is missing"
        )),
        "{text}"
    );
    with_config_map(&cluster, json!({})).await;
    let text = says(runner.observe("shop").await.expect_err("forbidden"));
    assert!(text.contains("permission get on configmaps"), "{text}");
    let without = KubernetesSettings {
        config_maps: false,
        ..cluster.settings()
    };
    let without = Kubernetes::new(without).await.expect("a runner");
    without.observe("shop").await.expect("needs no ConfigMap");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn without_a_credential_or_a_server_it_is_an_error_and_nothing_is_done() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let stranger = cluster.runner_at(&cluster.server, "nobody").await;
    let text = says(stranger.observe("web").await.expect_err("let in by nobody"));
    assert!(
        text.contains("doesn't know these credentials (401)"),
        "{text}"
    );
    let nowhere = KubernetesSettings {
        kubeconfig: Some("no/such/file".into()),
        ..cluster.settings()
    };
    says(Kubernetes::new(nowhere).await.err().expect("no file"));
    let outside = KubernetesSettings {
        kubeconfig: None,
        ..cluster.settings()
    };
    let text = says(
        Kubernetes::new(outside)
            .await
            .err()
            .expect("not in a cluster"),
    );
    assert!(
        text.contains("no kubeconfig is set and this is no pod"),
        "{text}"
    );
    let context = KubernetesSettings {
        context: Some("other".to_owned()),
        ..cluster.settings()
    };
    says(
        Kubernetes::new(context)
            .await
            .err()
            .expect("no such context"),
    );
    // Bound and let go of: nobody listens there now.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let away = cluster.runner_at(&url, &cluster.token).await;
    let sent = away
        .execute(&order(2, ActionKind::Restart, "web", json!({})))
        .await;
    assert!(matches!(sent, Err(Error::NotDone(_))), "{sent:?}");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_target_is_one_deployment_or_none() {
    let cluster = Cluster::start().await;
    let labelled = json!({ "labels": { "app.kubernetes.io/name": "search" } });
    cluster
        .deploy("search-blue", labelled.clone(), container("app:v1"))
        .await;
    cluster.deploy("cart", json!({}), container("app:v1")).await;
    let runner = cluster.runner().await;
    assert_eq!(
        runner.observe("search").await.expect("by its label")["name"],
        "search-blue"
    );
    assert_eq!(
        runner.observe("cart").await.expect("by its name")["name"],
        "cart"
    );
    cluster
        .deploy("search-green", labelled, container("app:v1"))
        .await;
    let says = refused(&runner, &order(1, ActionKind::Restart, "search", json!({}))).await;
    assert!(
        says.contains("2 Deployments")
            && says.contains("search-blue, search-green")
            && says.contains("workload_label"),
        "{says}"
    );
    let says = refused(&runner, &order(1, ActionKind::Restart, "pay", json!({}))).await;
    assert!(
        says.contains("no Deployment in namespace") && says.contains("or the name pay"),
        "{says}"
    );
    for wrong in ["Cart", "cart,app!=x", "../secrets", "cart?x"] {
        assert!(
            refused(&runner, &order(1, ActionKind::Restart, wrong, json!({})))
                .await
                .contains("can't be the name")
        );
    }
    cluster.end().await;
}
