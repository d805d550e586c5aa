//! Payloads as their senders document them, shortened to what is read and some around it.

use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_768_050_000_000);

fn source(sender: Sender<'_>, body: &Value) -> Value {
    match read(sender, body, NOW) {
        Ok(Told::Deployment(deployment)) => Value::Object(deployment.source()),
        Ok(Told::Nothing(why)) => json!({ "nothing": why }),
        Err(wrong) => json!({ "wrong": wrong }),
    }
}

#[test]
fn githubs_deployments_and_their_states_are_one() {
    let mut body = json!({
        "deployment": { "id": 42, "sha": "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d", "ref": "v1.2.3", "task": "deploy", "payload": {},
            "environment": "production", "description": "", "creator": { "login": "octocat" },
            "created_at": "2026-01-10T12:00:00Z", "url": "https://api.github.example/repos/octo/cart/deployments/42" },
        "repository": { "name": "cart", "full_name": "octo/cart" },
    });
    let begun = source(Sender::GitHub("deployment"), &body);
    assert_eq!(begun["deployment.id"], "github-42");
    assert_eq!(begun["@timestamp"], "2026-01-10T12:00:00.000Z");
    assert_eq!(begun["event.outcome"], Value::Null);
    body["deployment_status"] = json!({ "state": "success", "created_at": "2026-01-10T12:03:00Z", "description": "rolled out", "target_url": "https://ci.example/7" });
    assert_eq!(
        source(Sender::GitHub("deployment_status"), &body),
        json!({
            "@timestamp": "2026-01-10T12:03:00.000Z", "deployment.id": "github-42", "deployment.kind": "deploy",
            "service.name": "cart", "service.version": "v1.2.3", "service.environment": "production", "author": "octocat",
            "description": "rolled out", "commit.id": "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d", "event.outcome": "success",
            "url.full": "https://ci.example/7",
        })
    );
    body["deployment"]["payload"] = json!({ "service": "cart-api" });
    let named = source(Sender::GitHub("deployment_status"), &body);
    assert_eq!(named["service.name"], "cart-api");
    body["deployment_status"]["state"] = json!("inactive");
    let replaced = source(Sender::GitHub("deployment_status"), &body);
    assert!(replaced["nothing"].is_string());
    assert!(source(Sender::GitHub("ping"), &json!({ "zen": "…" }))["nothing"].is_string());
    let release = json!({ "action": "published", "repository": { "name": "cart" }, "release": {
        "id": 7, "tag_name": "v2", "name": "Two", "author": { "login": "octocat" }, "published_at": "2026-01-10T12:00:00Z" } });
    let release = source(Sender::GitHub("release"), &release);
    assert_eq!(release["deployment.id"], "github-release-7");
    assert_eq!(
        source(Sender::GitHub("deployment"), &json!({})),
        json!({ "wrong": "deployment.created_at is missing" })
    );
}

#[test]
fn gitlabs_deployments_and_pipelines() {
    let deployment = json!({
        "object_kind": "deployment", "status": "success", "status_changed_at": "2026-01-10 13:00:00 +0100", "deployment_id": 15,
        "deployable_url": "https://gitlab.example/shop/cart/-/jobs/796", "environment": "staging",
        "project": { "id": 30, "name": "cart", "path_with_namespace": "shop/cart" }, "short_sha": "279484c0",
        "user": { "username": "root" }, "commit_url": "https://gitlab.example/shop/cart/-/commit/279484c09fbe69ededfced8c1bb6e6d24616b468", "commit_title": "Add new file", "ref": "1.0.0",
    });
    let told = source(Sender::GitLab("Deployment Hook"), &deployment);
    assert_eq!(told["@timestamp"], "2026-01-10T12:00:00.000Z");
    assert_eq!(told["deployment.id"], "gitlab-15");
    assert_eq!(
        told["commit.id"],
        "279484c09fbe69ededfced8c1bb6e6d24616b468"
    );
    let mut pipeline = json!({
        "object_kind": "pipeline", "object_attributes": { "id": 31, "ref": "main", "sha": "bcbb5ec396a2c0f828686f14fac9b80b780504f2", "status": "success", "finished_at": "2026-01-10 12:00:00 UTC" },
        "user": { "username": "root" }, "project": { "name": "cart" }, "commit": { "message": "fix\n\nmore" },
        "builds": [{ "status": "success", "environment": null }, { "status": "success", "environment": { "name": "production", "action": "start" } }],
    });
    let told = source(Sender::GitLab("Pipeline Hook"), &pipeline);
    assert_eq!(told["deployment.id"], "gitlab-pipeline-31");
    assert_eq!(
        (&told["description"], &told["service.environment"]),
        (&json!("fix"), &json!("production"))
    );
    pipeline["builds"] = json!([]);
    assert!(source(Sender::GitLab("Pipeline Hook"), &pipeline)["nothing"].is_string());
    assert!(
        source(
            Sender::GitLab("Push Hook"),
            &json!({ "object_kind": "push" })
        )["nothing"]
            .is_string()
    );
}

#[test]
fn argo_cds_operations() {
    let app = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": { "name": "cart" },
        "spec": { "source": { "repoURL": "https://git.example/deploy" }, "destination": { "namespace": "shop" } },
        "status": { "summary": { "images": ["registry:5000/shop/cart:1.2.3"] }, "operationState": {
            "phase": "Succeeded", "message": "successfully synced", "startedAt": "2026-01-10T12:00:00Z", "finishedAt": "2026-01-10T12:00:09Z",
            "operation": { "initiatedBy": { "username": "ann" } }, "syncResult": { "revision": "4f3ebc87" } } },
    });
    let told = source(Sender::Other, &json!({ "app": app }));
    assert_eq!(told, source(Sender::Other, &app));
    assert_eq!(told["deployment.id"], "argocd-cart-2026-01-10T12:00:00Z");
    assert_eq!(
        (&told["service.version"], &told["commit.id"]),
        (&json!("1.2.3"), &json!("4f3ebc87"))
    );
    assert_eq!(told["@timestamp"], "2026-01-10T12:00:09.000Z");
}

#[test]
fn our_own_form() {
    let body = json!({ "service": "cart", "version": "1.2.3", "commit": "4f3ebc87", "files": ["a.go"], "diff": "+x", "author": "ann", "outcome": "success" });
    let told = source(Sender::Other, &body);
    assert_eq!(told["@timestamp"], "2026-01-10T13:00:00.000Z");
    assert_eq!(
        (&told["commit.files"], &told["commit.diff"]),
        (&json!(["a.go"]), &json!("+x"))
    );
    let again = source(Sender::Other, &body);
    assert_eq!(
        told["deployment.id"], again["deployment.id"],
        "told twice, it is one"
    );
    let wrong = |body: Value| source(Sender::Other, &body)["wrong"].clone();
    assert_eq!(wrong(json!({})), "service is missing");
    assert_eq!(
        wrong(json!({ "service": "a", "kind": "magic" })),
        "kind: expected one of deploy, config, flag, scale, got \"magic\""
    );
    assert_eq!(
        wrong(json!({ "service": "a", "at": "noon" })),
        "at: expected a time such as 2026-01-10T13:00:00Z, got \"noon\""
    );
    assert!(
        wrong(json!({ "service": "a", "sevice": 1 }))
            .as_str()
            .is_some_and(|text| text.starts_with("sevice isn't known"))
    );
    let long = "x".repeat(MAX_DIFF + 1);
    assert_eq!(
        wrong(json!({ "service": "a", "diff": long })),
        format!("diff: over {MAX_DIFF} bytes")
    );
}
