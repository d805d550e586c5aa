//! An order is done once, and never to what changed since.

use std::time::{Duration, Instant};

use integrations::{Error, Known, Runner};
use model::{ActionKind, ExecutionResult};
use serde_json::json;

use crate::cluster::{Cluster, image_of, order};
use crate::proxy::{Proxy, Spoil};
use crate::{limit, refused, succeeds, version, with_config_map};

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_config_maps_change_that_was_cut_off_is_told_and_taken_up() {
    let cluster = Cluster::start().await;
    with_config_map(&cluster, json!({})).await;
    let (proxy, url) = Proxy::start(&cluster).await;
    let runner = cluster.runner_at(&url, &cluster.token).await;
    // The first patch notes the key and its answer is lost: nothing is changed yet.
    proxy.spoils(Spoil::Lost);
    let sent = runner.execute(&limit(1, "20")).await;
    assert!(matches!(sent, Err(Error::CannotTell(_))), "{sent:?}");
    assert_eq!(runner.known(&limit(1, "20").key).await, Ok(Known::NotBegun));
    // Taken up: now the ConfigMap is changed, and that answer is lost.
    let sent = runner.execute(&limit(1, "20")).await;
    assert!(matches!(sent, Err(Error::CannotTell(_))), "{sent:?}");
    let known = runner.known(&limit(1, "20").key).await;
    assert!(
        matches!(&known, Ok(Known::CannotTell(why)) if why.contains("were not replaced: restart it")),
        "{known:?}"
    );
    // Sent again with the key all the same: only what is missing is done.
    proxy.spoils(Spoil::No);
    let before = cluster.config_map("shop-config").await;
    succeeds(&runner, &limit(1, "20")).await;
    assert_eq!(
        cluster.config_map("shop-config").await,
        before,
        "changed once"
    );
    assert_eq!(before["data"]["LIMIT"], "20");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn what_changed_since_the_look_is_not_acted_on_and_noise_is() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let runner = cluster.runner().await;
    let before = runner.observe("web").await.expect("a state");
    // Somebody else's note and a status are no drift.
    cluster
        .patch(
            "web",
            json!({ "metadata": { "annotations": { "note": "x" } } }),
        )
        .await;
    assert_eq!(runner.observe("web").await.expect("a state"), before);
    // A new image is.
    cluster.image("web", "app:v3").await;
    cluster.settled("web").await;
    let more = order(1, ActionKind::Scale, "web", json!({ "replicas": 4 }));
    let says = refused(&runner, &more).await;
    assert!(
        says.contains("changed since it was looked at; nothing was done"),
        "{says}"
    );
    assert_eq!(cluster.deployment("web").await["spec"]["replicas"], 2);
    assert_eq!(runner.known(&more.key).await, Ok(Known::NotBegun));
    assert_ne!(runner.observe("web").await.expect("a state"), before);
    succeeds(&runner, &more).await;
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_patch_that_was_overtaken_is_refused_by_the_server_and_made_anew_only_for_noise() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let (proxy, url) = Proxy::start(&cluster).await;
    let runner = cluster.runner_at(&url, &cluster.token).await;
    runner.observe("web").await.expect("a state");
    proxy.spoils(Spoil::Overtaken(r#"{"spec":{"replicas":3}}"#));
    let says = refused(
        &runner,
        &order(1, ActionKind::Scale, "web", json!({ "replicas": 4 })),
    )
    .await;
    assert!(
        says.contains("changed") && says.contains("nothing was done"),
        "{says}"
    );
    assert_eq!(proxy.patches(), 1, "409, and then the look said why");
    assert_eq!(cluster.deployment("web").await["spec"]["replicas"], 3);
    runner.observe("web").await.expect("a state");
    proxy.spoils(Spoil::Overtaken(
        r#"{"metadata":{"annotations":{"note":"x"}}}"#,
    ));
    succeeds(
        &runner,
        &order(2, ActionKind::Scale, "web", json!({ "replicas": 4 })),
    )
    .await;
    // A dry run is of what is there now.
    proxy.spoils(Spoil::Overtaken(r#"{"spec":{"replicas":3}}"#));
    let five = order(3, ActionKind::Scale, "web", json!({ "replicas": 5 }));
    let dry = runner.dry_run(&five).await.expect("a dry run");
    assert_eq!(dry.changes, ["Deployment web: replicas: 3 is now 5"]);
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn an_order_is_done_once_and_its_key_outlives_later_ones() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let runner = cluster.runner().await;
    let first = order(1, ActionKind::Restart, "web", json!({}));
    let receipt = succeeds(&runner, &first).await;
    let before = version(&cluster.deployment("web").await);
    assert_eq!(runner.execute(&first).await, Ok(receipt.clone()));
    // Another process, which knows nothing but the cluster.
    let other = cluster.runner().await;
    assert_eq!(other.execute(&first).await, Ok(receipt.clone()));
    assert_eq!(
        version(&cluster.deployment("web").await),
        before,
        "done once"
    );
    let mut another = order(1, ActionKind::Scale, "web", json!({ "replicas": 5 }));
    assert!(
        refused(&runner, &another)
            .await
            .contains("stands for another action")
    );
    another.key.push('9');
    succeeds(&runner, &another).await;
    succeeds(&runner, &order(3, ActionKind::Restart, "web", json!({}))).await;
    assert_eq!(
        other.known(&first.key).await,
        Ok(Known::Done(receipt.clone()))
    );
    // Somebody takes all annotations of the runner away: the ReplicaSets still tell.
    cluster
        .patch(
            "web",
            json!({ "metadata": { "annotations": { "datapulse.dev/execution": null } } }),
        )
        .await;
    assert_eq!(other.known(&first.key).await, Ok(Known::Done(receipt)));
    assert_eq!(
        other.known("INC-260102-0123456789ab:P77").await,
        Ok(Known::NotBegun)
    );
    // Or puts nonsense there: then nobody can say.
    cluster
        .patch(
            "web",
            json!({ "metadata": { "annotations": { "datapulse.dev/execution": "?" } } }),
        )
        .await;
    assert!(matches!(
        other.known("INC-260102-0123456789ab:P77").await,
        Ok(Known::CannotTell(_))
    ));
    let sent = other
        .execute(&order(7, ActionKind::Restart, "web", json!({})))
        .await;
    assert!(matches!(sent, Err(Error::CannotTell(_))), "{sent:?}");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn whoever_began_it_was_killed_before_the_rollout_ended() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let (proxy, url) = Proxy::start(&cluster).await;
    let first = cluster.runner_at(&url, &cluster.token).await;
    let back = order(
        1,
        ActionKind::Rollback,
        "web",
        json!({ "to_version": "v1" }),
    );
    let sent = back.clone();
    let began = tokio::spawn(async move { first.execute(&sent).await });
    while proxy.patches() == 0 || image_of(&cluster.deployment("web").await) != "app:v1" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.abort();
    let second = cluster.runner().await;
    let known = second.known(&back.key).await;
    assert!(
        matches!(&known, Ok(Known::Done(receipt)) if receipt.result == ExecutionResult::Succeeded),
        "{known:?}"
    );
    let before = version(&cluster.deployment("web").await);
    succeeds(&second, &back).await;
    assert_eq!(
        version(&cluster.deployment("web").await),
        before,
        "done once"
    );
    // The same where only the answer was lost.
    proxy.spoils(Spoil::Lost);
    let third = cluster.runner_at(&url, &cluster.token).await;
    let again = order(2, ActionKind::Restart, "web", json!({}));
    let sent = third.execute(&again).await;
    assert!(
        matches!(&sent, Err(Error::CannotTell(says)) if says.contains("may have acted")),
        "{sent:?}"
    );
    let known = second.known(&again.key).await;
    assert!(matches!(known, Ok(Known::Done(_))), "{known:?}");
    // And where none came at all.
    proxy.spoils(Spoil::Silent);
    let silent = order(3, ActionKind::Restart, "web", json!({}));
    let sent = third.execute(&silent).await;
    assert!(
        matches!(&sent, Err(Error::CannotTell(says)) if says.contains("no answer in 10 s; it may have acted")),
        "{sent:?}"
    );
    let known = second.known(&silent.key).await;
    assert!(matches!(known, Ok(Known::Done(_))), "{known:?}");
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn a_busy_server_is_waited_for_and_not_for_ever() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let (proxy, url) = Proxy::start(&cluster).await;
    let runner = cluster.runner_at(&url, &cluster.token).await;
    proxy.spoils(Spoil::Busy(1));
    let start = Instant::now();
    succeeds(
        &runner,
        &order(1, ActionKind::Scale, "web", json!({ "replicas": 3 })),
    )
    .await;
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "as long as it said"
    );
    let before = proxy.patches();
    proxy.spoils(Spoil::Busy(1000));
    let more = order(2, ActionKind::Scale, "web", json!({ "replicas": 4 }));
    let sent = runner.execute(&more).await;
    assert!(
        matches!(&sent, Err(Error::NotDone(says)) if says.contains("too busy")),
        "{sent:?}"
    );
    assert_eq!(proxy.patches(), before + 4, "once, and after three waits");
    assert_eq!(runner.known(&more.key).await, Ok(Known::NotBegun));
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: DATAPULSE_TEST_KUBERNETES names its kubeconfig"]
async fn several_processes_with_the_same_order_do_it_once() {
    let cluster = Cluster::start().await;
    cluster.web().await;
    let one = order(1, ActionKind::Restart, "web", json!({}));
    let runners = [
        cluster.runner().await,
        cluster.runner().await,
        cluster.runner().await,
    ];
    let [a, b, c] = &runners;
    let (a, b, c) = tokio::join!(a.execute(&one), b.execute(&one), c.execute(&one));
    let after = runners[0].observe("web").await.expect("a state");
    let told = cluster.deployment("web").await.to_string();
    assert_eq!(after["revision"], 3, "changed once: {told}");
    for sent in [a, b, c] {
        let receipt = sent.unwrap_or_else(|error| panic!("{error}: {told}"));
        assert_eq!(receipt.result, ExecutionResult::Succeeded, "{receipt:?}");
    }
    cluster.end().await;
}
