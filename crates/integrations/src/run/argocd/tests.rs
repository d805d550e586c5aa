//! Against a stand-in of Argo CD's API server: an Application that takes syncs, as its
//! documentation says, and answers badly where the test wants it.

use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use model::{Action, ActionKind, ExecutionResult};
use serde_json::{Value, json};

use super::*;
use crate::run::{Known, Order, Runner};
use crate::stand_in::{Asked, Does, StandIn};

const V1: &str = "1111111111111111111111111111111111111111";
const V2: &str = "2222222222222222222222222222222222222222";

fn application() -> Value {
    let source = json!({ "repoURL": "https://git.example.com/shop.git", "path": "checkout", "targetRevision": "main" });
    json!({
        "metadata": { "name": "checkout-prod", "namespace": "argocd", "uid": "a-1", "resourceVersion": "10" },
        "spec": { "project": "shop", "source": source, "destination": { "namespace": "shop" } },
        "status": {
            "history": [
                { "revision": V1, "deployedAt": "2026-11-01T10:00:00Z", "source": source },
                { "id": 1, "revision": V2, "deployedAt": "2026-11-02T10:00:00Z", "source": source },
            ],
            "resources": [{ "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "checkout" },
                { "version": "v1", "kind": "Service", "namespace": "shop", "name": "checkout" }],
            "health": { "status": "Degraded", "lastTransitionTime": "2026-11-02T10:01:00Z" },
            "sync": { "status": "Synced", "revision": V2 },
            "operationState": { "phase": "Succeeded", "startedAt": "2026-11-02T10:00:00Z", "finishedAt": "2026-11-02T10:00:05Z", "operation": {} },
        },
    })
}

/// What a sync does: the operation is noted and, when `ends`, over with a new history entry.
fn take_sync(app: &mut Value, body: &Value, ends: &str) {
    app["status"]["operationState"] = json!({ "phase": ends, "message": "successfully synced",
        "startedAt": "2026-11-03T10:00:00Z", "finishedAt": "2026-11-03T10:00:05Z",
        "operation": { "info": body["infos"], "sync": { "revision": body["revision"] } } });
    if ends == "Succeeded" {
        let source = app["spec"]["source"].clone();
        let history = app["status"]["history"].as_array_mut().expect("a history");
        let id = history.len();
        history.push(json!({ "id": id, "revision": body["revision"], "deployedAt": "2026-11-03T10:00:05Z", "source": source }));
        app["status"]["health"] =
            json!({ "status": "Healthy", "lastTransitionTime": "2026-11-03T10:00:06Z" });
    }
}

type App = Arc<Mutex<Value>>;

/// `badly` says what happens with the n-th request that acts, after it took effect or not.
async fn argo(
    app: &App,
    ends: &'static str,
    badly: impl Fn(usize) -> Option<(bool, Does)> + Send + Sync + 'static,
) -> StandIn {
    let app = app.clone();
    let acts = Mutex::new(0);
    StandIn::start(move |asked: &Asked, _| {
        let mut app = app.lock().expect("the application");
        assert_eq!(asked.header("authorization"), Some("Bearer a token"));
        if asked.method == "GET" {
            return match asked.path.starts_with("/api/v1/applications/checkout-prod") {
                true => Does::Answer(200, app.clone()),
                false => Does::Answer(
                    404,
                    json!({ "error": "not found", "code": 5, "message": "not found" }),
                ),
            };
        }
        let number = {
            let mut acts = acts.lock().expect("a number");
            *acts += 1;
            *acts - 1
        };
        let (takes, answer) =
            badly(number).map_or((true, None), |(takes, does)| (takes, Some(does)));
        if takes && asked.what().ends_with("/sync") {
            take_sync(&mut app, &asked.body, ends);
        }
        answer.unwrap_or_else(|| Does::Answer(200, app.clone()))
    })
    .await
}

fn runner(server: &StandIn, wait_s: u64) -> ArgoCd {
    let settings = ArgoCdSettings {
        url: server.url(),
        applications: BTreeMap::from([("checkout".to_owned(), "checkout-prod".to_owned())]),
        project: Some("shop".to_owned()),
        wait_s,
        ..ArgoCdSettings::default()
    };
    ArgoCd::new(settings, Secret::new("a token"), &Outbound::default())
        .expect("settings that are right")
}

fn order(key: &str, kind: ActionKind, parameters: Value) -> Order {
    let parameters: IndexMap<String, Value> =
        serde_json::from_value(parameters).expect("parameters");
    Order {
        key: key.to_owned(),
        action: Action {
            kind,
            target: "checkout".to_owned(),
            parameters,
        },
    }
}

fn back(key: &str) -> Order {
    order(key, ActionKind::Rollback, json!({ "to_version": V1 }))
}

fn app() -> App {
    Arc::new(Mutex::new(application()))
}

fn acts(server: &StandIn) -> Vec<String> {
    server
        .order()
        .into_iter()
        .filter(|what| what.starts_with("POST"))
        .collect()
}

#[tokio::test]
async fn a_rollback_and_its_undo_and_what_is_sent_is_in_the_guide() {
    let app = app();
    let server = argo(&app, "Succeeded", |_| None).await;
    let runner = runner(&server, 5);
    let state = runner.observe("checkout").await.expect("observed");
    assert_eq!(
        (
            &state["version"],
            &state["previous_version"],
            &state["revision"]
        ),
        (&json!(V2), &json!(V1), &json!(1))
    );
    let dry = runner.dry_run(&back("INC-1:p1")).await.expect("a dry run");
    assert!(
        dry.does.contains("history id 0") && acts(&server).is_empty(),
        "{dry:?}"
    );
    let done = runner.execute(&back("INC-1:p1")).await.expect("done");
    assert_eq!(done.result, ExecutionResult::Succeeded, "{done:?}");
    // The same key again is the same order.
    assert_eq!(runner.execute(&back("INC-1:p1")).await, Ok(done.clone()));
    assert_eq!(runner.known("INC-1:p1").await, Ok(Known::Done(done)));
    assert_eq!(acts(&server).len(), 1);
    let now = runner.observe("checkout").await.expect("observed");
    assert_eq!(
        (&now["version"], &now["previous_version"]),
        (&json!(V1), &json!(V2))
    );
    let undo = order(
        "INC-1:p2",
        ActionKind::Rollback,
        json!({ "to_revision": 1 }),
    );
    let undone = runner.execute(&undo).await.expect("undone");
    assert_eq!(undone.result, ExecutionResult::Succeeded);
    let after = runner.observe("checkout").await.expect("observed");
    assert_eq!(after["version"], json!(V2));

    let restart = runner
        .execute(&order("INC-1:p3", ActionKind::Restart, json!({})))
        .await
        .expect("restarted");
    assert_eq!(restart.result, ExecutionResult::Succeeded);
    let guide = include_str!("../../../../../docs/integrations/argocd.md");
    for asked in server.asked().iter().filter(|asked| asked.method == "POST") {
        let sent = asked.shown();
        assert!(
            guide.contains(&sent) || sent.contains("p2"),
            "docs/integrations/argocd.md doesn't show:\n{sent}"
        );
    }
}

#[tokio::test]
async fn auto_sync_other_sources_and_running_operations_are_refused_with_what_is_right() {
    let cases: [(fn(&mut Value), &str); 5] = [
        (
            |app| app["spec"]["syncPolicy"] = json!({ "automated": { "selfHeal": true } }),
            "revert the commit on main",
        ),
        (|app| app["operation"] = json!({ "sync": {} }), "under way"),
        (
            |app| app["spec"]["source"]["path"] = json!("other"),
            "argocd app rollback checkout-prod 0",
        ),
        (|app| app["spec"]["sources"] = json!([]), "several sources"),
        (
            |app| app["metadata"]["deletionTimestamp"] = json!("2026-11-03T10:00:00Z"),
            "being deleted",
        ),
    ];
    for (change, says) in cases {
        let app = app();
        change(&mut app.lock().expect("the application"));
        let server = argo(&app, "Succeeded", |_| None).await;
        let runner = runner(&server, 5);
        let refused = runner
            .execute(&back("INC-1:p1"))
            .await
            .expect_err("is refused");
        assert!(
            matches!(&refused, Error::Refused(why) if why.contains(says) && why.ends_with("nothing was done")),
            "{refused}"
        );
        assert!(acts(&server).is_empty());
        assert_eq!(runner.known("INC-1:p1").await, Ok(Known::NotBegun));
    }
    // `enabled: false` is no auto-sync.
    let app = app();
    app.lock().expect("it")["spec"]["syncPolicy"] = json!({ "automated": { "enabled": false } });
    let server = argo(&app, "Succeeded", |_| None).await;
    assert!(runner(&server, 5).execute(&back("INC-1:p1")).await.is_ok());
}

#[tokio::test]
async fn what_changed_since_the_look_is_not_acted_on_and_noise_is() {
    let app = app();
    let server = argo(&app, "Succeeded", |_| None).await;
    let runner = runner(&server, 5);
    runner.observe("checkout").await.expect("observed");
    let sync = json!({ "revision": "3333", "infos": [] });
    take_sync(&mut app.lock().expect("it"), &sync, "Succeeded");
    let refused = runner
        .execute(&back("INC-1:p1"))
        .await
        .expect_err("is refused");
    assert!(
        refused
            .to_string()
            .contains("changed since it was looked at"),
        "{refused}"
    );
    runner.observe("checkout").await.expect("observed");
    {
        let mut app = app.lock().expect("it");
        app["metadata"]["resourceVersion"] = json!("99");
        app["status"]["health"]["status"] = json!("Healthy");
        app["status"]["reconciledAt"] = json!("2026-11-03T11:00:00Z");
    }
    assert!(runner.execute(&back("INC-1:p1")).await.is_ok());
    assert_eq!(acts(&server).len(), 1);
}

#[tokio::test]
async fn a_busy_server_is_waited_for_and_not_for_ever() {
    let app = app();
    let busy = |after| {
        move |number| (number < 2).then(|| (false, Does::AnswerWith(429, after, Value::Null)))
    };
    let server = argo(&app, "Succeeded", busy(&["retry-after: 0"])).await;
    assert!(runner(&server, 5).execute(&back("INC-1:p1")).await.is_ok());
    assert_eq!(acts(&server).len(), 3);
    let app = self::app();
    let server = argo(&app, "Succeeded", busy(&["retry-after: 60"])).await;
    let runner = runner(&server, 5);
    let later = runner
        .execute(&back("INC-1:p1"))
        .await
        .expect_err("is busy");
    assert!(
        matches!(&later, Error::Later { after, .. } if after.as_secs() == 60),
        "{later}"
    );
    assert_eq!(
        (acts(&server).len(), runner.known("INC-1:p1").await),
        (1, Ok(Known::NotBegun))
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_up_and_never_sent_again() {
    let lost: [fn() -> Does; 3] = [
        || Does::Answer(502, Value::Null),
        || Does::Half,
        || Does::HangUp,
    ];
    for answer in lost {
        // It took effect: the mark tells.
        let app = app();
        let server = argo(&app, "Succeeded", move |_| Some((true, answer()))).await;
        let first = runner(&server, 5);
        let unsure = first
            .execute(&back("INC-1:p1"))
            .await
            .expect_err("can't tell");
        assert!(matches!(unsure, Error::CannotTell(_)), "{unsure}");
        assert!(matches!(first.known("INC-1:p1").await, Ok(Known::Done(_))));
        // Another process, such as after a kill, finds it too.
        let second = runner(&server, 5);
        assert!(matches!(second.known("INC-1:p1").await, Ok(Known::Done(_))));
        let again = second
            .execute(&back("INC-1:p1"))
            .await
            .expect("is the same");
        assert_eq!(again.result, ExecutionResult::Succeeded);
        let other = order(
            "INC-1:p1",
            ActionKind::Rollback,
            json!({ "to_revision": 0 }),
        );
        let refused = runner(&server, 5)
            .execute(&other)
            .await
            .expect_err("another action");
        assert!(
            refused.to_string().contains("stands for another action"),
            "{refused}"
        );
        assert_eq!(acts(&server).len(), 1);
        // It took none: nobody can tell, and it isn't sent again.
        let app = self::app();
        let server = argo(&app, "Succeeded", move |_| Some((false, answer()))).await;
        let runner = runner(&server, 5);
        assert!(runner.execute(&back("INC-1:p1")).await.is_err());
        assert!(matches!(
            runner.known("INC-1:p1").await,
            Ok(Known::CannotTell(_))
        ));
        assert!(matches!(
            runner.execute(&back("INC-1:p1")).await,
            Err(Error::CannotTell(_))
        ));
        assert_eq!(acts(&server).len(), 1);
    }
}

#[tokio::test]
async fn a_later_operation_hides_the_mark_and_then_nobody_can_tell() {
    let app = app();
    let server = argo(&app, "Succeeded", |_| {
        Some((true, Does::Answer(502, Value::Null)))
    })
    .await;
    assert!(runner(&server, 5).execute(&back("INC-1:p1")).await.is_err());
    take_sync(
        &mut app.lock().expect("it"),
        &json!({ "revision": "3333", "infos": [] }),
        "Succeeded",
    );
    assert!(matches!(
        runner(&server, 5).known("INC-1:p1").await,
        Ok(Known::CannotTell(_))
    ));
}

#[tokio::test]
async fn a_sync_that_fails_or_never_ends_is_told() {
    let server = argo(&app(), "Failed", |_| None).await;
    let failed = runner(&server, 5)
        .execute(&back("INC-1:p1"))
        .await
        .expect("an end");
    assert_eq!(failed.result, ExecutionResult::Failed);
    assert!(failed.says.contains("was not taken back"), "{failed:?}");
    let server = argo(&app(), "Running", |_| None).await;
    let unsure = runner(&server, 1)
        .execute(&back("INC-1:p1"))
        .await
        .expect_err("no end");
    assert!(
        matches!(&unsure, Error::CannotTell(why) if why.contains("not over after 1 s")),
        "{unsure}"
    );
}

#[tokio::test]
async fn a_missing_permission_and_an_unknown_target_are_errors_that_name_what_is_missing() {
    for (status, says) in [(401, "not known or ran out"), (403, "may not do that")] {
        let server = StandIn::start(move |_, _| {
            Does::Answer(
                status,
                json!({ "message": "permission denied: applications, get" }),
            )
        })
        .await;
        let error = runner(&server, 5)
            .observe("checkout")
            .await
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains(says) && error.contains("applications, get"),
            "{error}"
        );
    }
    let server = argo(&app(), "Succeeded", |_| None).await;
    let error = runner(&server, 5)
        .observe("cart")
        .await
        .expect_err("refused")
        .to_string();
    assert!(error.contains("add it to applications"), "{error}");
    let settings = ArgoCdSettings {
        url: server.url(),
        ..ArgoCdSettings::default()
    };
    assert!(
        settings
            .check()
            .expect_err("no target")
            .to_string()
            .contains("applications")
    );
}

#[tokio::test]
async fn an_older_server_has_the_older_form_of_a_restart() {
    let app = app();
    let server = argo(&app, "Succeeded", |number| {
        (number == 0).then(|| (false, Does::Answer(404, json!({ "message": "Not Found" }))))
    })
    .await;
    let done = runner(&server, 5)
        .execute(&order("INC-1:p3", ActionKind::Restart, json!({})))
        .await;
    assert!(done.is_ok(), "{done:?}");
    let last = server.asked().pop().expect("a request");
    assert_eq!(
        (last.what().as_str(), &last.body),
        (
            "POST /api/v1/applications/checkout-prod/resource/actions",
            &json!("restart")
        )
    );
    assert_eq!(
        (
            last.parameter("kind").as_deref(),
            last.parameter("resourceName").as_deref()
        ),
        (Some("Deployment"), Some("checkout"))
    );
}
