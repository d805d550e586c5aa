use super::super::describe::tests::{seen, template};
use super::*;

fn action(kind: ActionKind, parameters: Value) -> Action {
    let parameters = parameters.as_object().cloned().unwrap_or_default();
    Action {
        kind,
        target: "web".to_owned(),
        parameters: parameters.into_iter().collect(),
    }
}

fn planned(kind: ActionKind, parameters: Value) -> Result<Plan, Refusal> {
    plan(&action(kind, parameters), &seen(), "2026-01-02T03:04:05Z")
}

/// A merge patch as the API server applies it.
fn merged(mut object: Value, patch: &Value) -> Value {
    let Some(fields) = patch.as_object() else {
        return patch.clone();
    };
    if !object.is_object() {
        object = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            object.as_object_mut().expect("an object").remove(key);
        } else {
            object[key] = merged(object.get(key).cloned().unwrap_or_default(), value);
        }
    }
    object
}

#[test]
fn a_difference_makes_the_one_of_the_other() {
    let from = json!({ "a": 1, "b": { "c": 1, "d": 2 }, "e": [1, 2], "gone": { "x": 1 } });
    let to = json!({ "a": 1, "b": { "c": 3, "n": { "o": 1 } }, "e": [2] });
    assert_eq!(merged(from.clone(), &difference(&from, &to)), to);
    assert_eq!(difference(&to, &to), json!({}));
}

#[test]
fn a_rollback_puts_the_old_template_back_whole() {
    for parameters in [
        json!({}),
        json!({ "to_version": "v1" }),
        json!({ "to_version": "app:v1" }),
        json!({ "to_revision": 1 }),
        json!({ "to_revision": "1" }),
    ] {
        let plan = planned(ActionKind::Rollback, parameters).expect("a plan");
        let after = merged(seen().deployment, &plan.workload);
        assert_eq!(after["spec"]["template"], template("app:v1", json!([])));
        assert!(!plan.does.contains("\"p\""), "no secret: {}", plan.does);
    }
}

#[test]
fn a_version_that_is_not_kept_is_refused_with_what_is() {
    for parameters in [
        json!({ "to_version": "v9" }),
        json!({ "to_revision": 7 }),
        json!({ "to_version": "" }),
    ] {
        let says = planned(ActionKind::Rollback, parameters).expect_err("refused");
        assert!(says.contains("its ReplicaSets keep 1 (v1)"), "{says}");
    }
    let both = json!({ "to_version": "v1", "to_revision": 1 });
    assert!(planned(ActionKind::Rollback, both).is_err());
}

#[test]
fn an_image_replaces_only_its_own() {
    let wanted = json!({ "to_image": "registry:5000/app:v3@sha256:ab" });
    let plan = planned(ActionKind::Rollback, wanted).expect("a plan");
    let after = merged(seen().deployment, &plan.workload);
    let container = &after["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry:5000/app:v3@sha256:ab");
    assert_eq!(container["env"][0]["value"], "info", "the rest stays");
    for wrong in ["", "app v3", "app:v2", "a\nb"] {
        assert!(planned(ActionKind::Rollback, json!({ "to_image": wrong })).is_err());
    }
    let nowhere = json!({ "to_image": "app:v3", "container": "sidecar" });
    let says = planned(ActionKind::Rollback, nowhere).expect_err("refused");
    assert!(says.contains("no container \"sidecar\""), "{says}");
}

#[test]
fn a_scale_has_limits() {
    let plan = planned(ActionKind::Scale, json!({ "replicas": 5 })).expect("a plan");
    assert_eq!(plan.workload, json!({ "spec": { "replicas": 5 } }));
    assert_eq!(plan.does, "replicas of web: 3 is now 5");
    for wrong in [
        json!(0),
        json!(3),
        json!(501),
        json!("5"),
        json!(-1),
        Value::Null,
    ] {
        assert!(planned(ActionKind::Scale, json!({ "replicas": wrong })).is_err());
    }
}

#[test]
fn a_variable_is_set_added_or_taken_away() {
    let env = |parameters| {
        let plan = planned(ActionKind::ConfigChange, parameters).expect("a plan");
        let after = merged(seen().deployment, &plan.workload);
        after["spec"]["template"]["spec"]["containers"][0]["env"].clone()
    };
    assert_eq!(
        env(json!({ "key": "LEVEL", "value": "debug" }))[0]["value"],
        "debug"
    );
    assert_eq!(env(json!({ "key": "NEW", "value": "1" }))[2]["value"], "1");
    assert_eq!(
        env(json!({ "key": "LEVEL", "value": null }))[0]["name"],
        "DB_PASSWORD"
    );
    for wrong in [
        json!({ "key": "LEVEL" }),
        json!({ "key": "LEVEL", "value": "info" }),
        json!({ "key": "DB_PASSWORD", "value": "q" }),
        json!({ "key": "URL", "value": "http://u:p@db" }),
        json!({ "value": "x" }),
        json!({ "key": "LEVEL", "value": "x", "command": "rm" }),
    ] {
        assert!(planned(ActionKind::ConfigChange, wrong).is_err());
    }
}

fn with_config_map(map: Value) -> Seen {
    let mut seen = seen();
    seen.deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{ "configMapRef": { "name": "web-config" } }]);
    seen.config_maps.insert("web-config".to_owned(), map);
    seen
}

#[test]
fn a_config_maps_key_is_changed_and_the_pods_are_replaced() {
    let wanted = json!({ "key": "LIMIT", "value": "20", "config_map": "web-config" });
    let wanted = action(ActionKind::ConfigChange, wanted);
    let plan = |map: Value| plan(&wanted, &with_config_map(map), "now");
    let made = plan(json!({ "data": { "LIMIT": "10" } })).expect("a plan");
    let patch = json!({ "data": { "LIMIT": "20" } });
    assert_eq!(made.config_map, Some(("web-config".to_owned(), patch)));
    assert!(
        made.workload
            .pointer("/spec/template/metadata/annotations")
            .is_some()
    );
    let helm = json!({ "metadata": { "annotations": { "meta.helm.sh/release-name": "r" } } });
    assert!(
        plan(helm)
            .expect_err("refused")
            .contains("owned by Helm (r)")
    );
    assert!(
        plan(json!({ "immutable": true }))
            .expect_err("refused")
            .contains("immutable")
    );
    let other = json!({ "key": "LIMIT", "value": "20", "config_map": "kube-root-ca.crt" });
    let says = planned(ActionKind::ConfigChange, other).expect_err("refused");
    assert!(says.contains("read no ConfigMap"), "{says}");
}

#[test]
fn what_somebody_else_owns_or_holds_is_refused() {
    let refused = |change: &dyn Fn(&mut Value), kind, parameters| {
        let mut seen = seen();
        change(&mut seen.deployment);
        plan(&action(kind, parameters), &seen, "now").expect_err("refused")
    };
    let argo = |one: &mut Value| {
        one["metadata"]["labels"] = json!({ "argocd.argoproj.io/instance": "shop" });
    };
    let says = refused(&argo, ActionKind::Rollback, json!({}));
    assert!(says.contains("owned by Argo CD (shop)"), "{says}");
    let paused = |one: &mut Value| one["spec"]["paused"] = json!(true);
    assert!(refused(&paused, ActionKind::Restart, json!({})).contains("paused"));
    let going = |one: &mut Value| one["metadata"]["deletionTimestamp"] = json!("now");
    assert!(refused(&going, ActionKind::Restart, json!({})).contains("being deleted"));
    let says = planned(ActionKind::CacheClear, json!({})).expect_err("refused");
    assert!(says.contains("cache_clear isn't something"), "{says}");
}

#[test]
fn changes_are_told_by_place_and_secrets_are_not() {
    let env = |level: &str, password: &str| {
        template(
            "app:v1",
            json!([{ "name": "LEVEL", "value": level }, { "name": "PASSWORD", "value": password }]),
        )
    };
    let found = changes(&env("info", "old"), &env("debug", "new"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        "spec.containers.app.env.LEVEL.value: \"info\" is now \"debug\""
    );
    assert!(found[1].ends_with("*** is now ***"), "{found:?}");
    let gone = changes(&env("info", "old"), &template("app:v1", json!([])));
    assert!(!gone.join(" ").contains("old"), "{gone:?}");
}
