//! What an order does, and what is said of it.

use std::time::Duration;

use integrations::{Error, Known, Runner};
use model::{ActionKind, ExecutionResult};
use serde_json::{Value, json};

use crate::cluster::{Cluster, image_of, order};
use crate::{limit, succeeds, with_config_map};

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_rollback_and_its_undo() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let runner = cluster.runner().await;
    runner.check().await.expect("may read what it has to");
    let before = runner.observe("web").await.expect("a state");
    assert_eq!(
        (&before["version"], &before["previous_version"]),
        (&json!("v2"), &json!("v1"))
    );
    assert_eq!(before["revisions"].as_array().map(Vec::len), Some(2));
    let back = order(
        1,
        ActionKind::Rollback,
        "web",
        json!({ "to_version": "v1" }),
    );
    let receipt = succeeds(&runner, &back).await;
    assert!(
        receipt.says.contains("from revision 2 back to 1, v1"),
        "{}",
        receipt.says
    );
    let after = runner.observe("web").await.expect("a state");
    assert_eq!(
        (&after["version"], &after["previous_version"]),
        (&json!("v1"), &json!("v2"))
    );
    // The undo is what was there before.
    let undo = json!({ "to_version": before["version"] });
    succeeds(&runner, &order(2, ActionKind::Rollback, "web", undo)).await;
    let undone = runner.observe("web").await.expect("a state");
    assert_eq!(undone["template"], before["template"], "to the last field");
    // By number, and by default: the one before.
    let number = json!({ "to_revision": undone["revisions"][1]["revision"] });
    succeeds(&runner, &order(3, ActionKind::Rollback, "web", number)).await;
    assert_eq!(image_of(&cluster.deployment("web").await), "app:v1");
    succeeds(&runner, &order(4, ActionKind::Rollback, "web", json!({}))).await;
    assert_eq!(image_of(&cluster.deployment("web").await), "app:v2");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn restart_scale_image_and_variable() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let runner = cluster.runner().await;
    let before = runner.observe("web").await.expect("a state");
    succeeds(&runner, &order(1, ActionKind::Restart, "web", json!({}))).await;
    let restarted = runner.observe("web").await.expect("a state");
    assert_ne!(restarted["revision"], before["revision"]);
    assert_eq!(restarted["images"], before["images"]);
    let says = succeeds(
        &runner,
        &order(2, ActionKind::Scale, "web", json!({ "replicas": 4 })),
    )
    .await
    .says;
    assert_eq!(
        says,
        "replicas of web: 2 is now 4; 4 of 4 pods available, all of them new"
    );
    let fewer = json!({ "replicas": before["replicas"] });
    succeeds(&runner, &order(3, ActionKind::Scale, "web", fewer)).await;
    assert_eq!(cluster.deployment("web").await["spec"]["replicas"], 2);
    let image = json!({ "to_image": "registry:5000/app:v3" });
    succeeds(&runner, &order(4, ActionKind::Rollback, "web", image)).await;
    assert_eq!(
        runner.observe("web").await.expect("a state")["version"],
        "v3"
    );
    let variable = |value: Value| json!({ "key": "LEVEL", "value": value });
    succeeds(
        &runner,
        &order(5, ActionKind::ConfigChange, "web", variable(json!("debug"))),
    )
    .await;
    assert_eq!(
        runner.observe("web").await.expect("a state")["config"]["app/LEVEL"],
        "debug"
    );
    let undo = variable(before["config"]["app/LEVEL"].clone());
    succeeds(&runner, &order(6, ActionKind::ConfigChange, "web", undo)).await;
    assert_eq!(
        runner.observe("web").await.expect("a state")["config"]["app/LEVEL"],
        "info"
    );
    for number in 1..=6 {
        let key = order(number, ActionKind::Restart, "web", json!({})).key;
        let known = runner.known(&key).await.expect("an answer");
        assert!(
            matches!(&known, Known::Done(receipt) if receipt.result == ExecutionResult::Succeeded),
            "{key}: {known:?}"
        );
    }
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_config_maps_key_is_changed_and_pods_are_replaced() {
    let cluster = Cluster::start().await;
    with_config_map(&cluster, json!({})).await;
    let runner = cluster.runner().await;
    let before = runner.observe("shop").await.expect("a state");
    assert_eq!(before["config"]["configmap shop-config/LIMIT"], "10");
    let dry = runner.dry_run(&limit(1, "20")).await.expect("a dry run");
    assert_eq!(
        dry.changes[0],
        "ConfigMap shop-config: LIMIT: \"10\" is now \"20\""
    );
    assert_eq!(runner.observe("shop").await.expect("a state"), before);
    let says = succeeds(&runner, &limit(1, "20")).await.says;
    assert!(
        says.starts_with("LIMIT of ConfigMap shop-config: \"10\" is now \"20\""),
        "{says}"
    );
    let after = runner.observe("shop").await.expect("a state");
    assert_eq!(after["config"]["configmap shop-config/LIMIT"], "20");
    assert_ne!(
        after["revision"], before["revision"],
        "pods have read it anew"
    );
    // Again with the same key: nothing is done.
    assert_eq!(succeeds(&runner, &limit(1, "20")).await.says, says);
    assert_eq!(runner.observe("shop").await.expect("a state"), after);
    succeeds(&runner, &limit(2, "10")).await;
    assert_eq!(
        runner.observe("shop").await.expect("a state")["config"],
        before["config"]
    );
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_crashing_image_fails_and_is_rolled_back() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    // So short that the controller gives up, and its verdict still stands at the rollback.
    cluster
        .patch("web", json!({ "spec": { "progressDeadlineSeconds": 2 } }))
        .await;
    cluster.settled("web").await;
    let runner = cluster.runner().await;
    let bad = order(
        1,
        ActionKind::Rollback,
        "web",
        json!({ "to_image": "app:bad" }),
    );
    let receipt = runner.execute(&bad).await.expect("a receipt");
    assert_eq!(receipt.result, ExecutionResult::Failed);
    assert!(
        receipt
            .says
            .contains("CrashLoopBackOff: container app of pod web-"),
        "{}",
        receipt.says
    );
    assert!(
        receipt.says.contains("was not taken back"),
        "{}",
        receipt.says
    );
    assert_eq!(runner.known(&bad.key).await, Ok(Known::Done(receipt)));
    let given_up = async || {
        let now = cluster.deployment("web").await;
        now["status"]["conditions"]
            .to_string()
            .contains("ProgressDeadlineExceeded")
    };
    while !given_up().await {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let back = order(
        2,
        ActionKind::Rollback,
        "web",
        json!({ "to_version": "v2" }),
    );
    succeeds(&runner, &back).await;
    cluster.settled("web").await;
    assert_eq!(image_of(&cluster.deployment("web").await), "app:v2");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn pods_that_can_never_be_placed_are_a_deadline() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    cluster
        .patch(
            "web",
            json!({ "spec": { "progressDeadlineSeconds": 2, "template": { "spec": {
        "nodeSelector": { "is": "nowhere" } } } } }),
        )
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let runner = cluster.runner().await;
    let image = order(
        1,
        ActionKind::Rollback,
        "web",
        json!({ "to_image": "app:v3" }),
    );
    let receipt = runner.execute(&image).await.expect("a receipt");
    assert_eq!(receipt.result, ExecutionResult::Failed);
    assert!(
        receipt.says.contains("ProgressDeadlineExceeded"),
        "{}",
        receipt.says
    );
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let runner = cluster.runner().await;
    let before = cluster.deployment("web").await;
    let dry = runner
        .dry_run(&order(1, ActionKind::Rollback, "web", json!({})))
        .await
        .expect("a dry run");
    assert!(
        dry.does
            .starts_with("web goes from revision 2 back to 1, v1"),
        "{dry:?}"
    );
    assert_eq!(
        dry.changes,
        ["Deployment web: template.spec.containers.app.image: \"app:v2\" is now \"app:v1\""]
    );
    let dry = runner
        .dry_run(&order(
            1,
            ActionKind::Scale,
            "web",
            json!({ "replicas": 5 }),
        ))
        .await
        .expect("a dry run");
    assert_eq!(dry.changes, ["Deployment web: replicas: 2 is now 5"]);
    assert_eq!(
        cluster.deployment("web").await,
        before,
        "down to its version"
    );
    let key = order(1, ActionKind::Scale, "web", json!({})).key;
    assert_eq!(runner.known(&key).await, Ok(Known::NotBegun));
    let too_many = order(1, ActionKind::Scale, "web", json!({ "replicas": 5000 }));
    assert!(matches!(
        runner.dry_run(&too_many).await,
        Err(Error::Refused(_))
    ));
    cluster.end().await;
}
