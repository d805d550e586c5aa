//! Who may depend on whom, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step::cargo;

/// A crate and those of ours that it may depend on, tests included. The direction of the design:
/// doors and agents over casework over store, bus and integrations over model; the binary over
/// all, and alone over the simulator.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("esql", &[]),
    ("store", &["model", "esql"]),
    ("bus", &["model"]),
    ("integrations", &["model"]),
    ("mcp", &["model"]),
    ("casework", &["model", "esql", "store", "bus"]),
    ("sentinel", AGENT),
    ("analyst", AGENT),
    ("resolver", AGENT),
    ("executor", AGENT),
    ("notifier", AGENT),
    ("gateway", DOOR),
    ("simulator", &["model"]),
    ("datapulse", EVERYTHING),
    // It builds in seconds because it links no engine.
    ("xtask", &[]),
];

/// Agents and the gateway: none knows another.
const AGENT: &[&str] = &["model", "esql", "store", "bus", "integrations", "casework"];

/// The gateway, which serves the Model Context Protocol too.
const DOOR: &[&str] = &["model", "esql", "store", "bus", "integrations", "casework", "mcp"];

const EVERYTHING: &[&str] = &[
    "model",
    "esql",
    "store",
    "bus",
    "integrations",
    "mcp",
    "casework",
    "sentinel",
    "analyst",
    "resolver",
    "executor",
    "notifier",
    "gateway",
    "simulator",
];

pub fn check() -> Result<Vec<String>> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    Ok(against(&metadata))
}

fn against(metadata: &Value) -> Vec<String> {
    let rules: BTreeMap<&str, BTreeSet<&str>> = MAY_DEPEND
        .iter()
        .map(|(name, allowed)| (*name, allowed.iter().copied().collect()))
        .collect();
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(allowed) = rules.get(name) else {
            faults.push(format!(
                "crate {name}: the house has no rule for it; add one to MAY_DEPEND in xtask/src/house/directions.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            if dependency["path"].is_string() && !allowed.contains(on) {
                faults.push(format!("crate {name} may not depend on {on}"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::against;

    fn package(name: &str, on: &[&str]) -> Value {
        let dependencies: Vec<Value> = on
            .iter()
            .map(|on| json!({ "name": on, "path": format!("/crates/{on}"), "kind": "dev" }))
            .chain([json!({ "name": "serde", "path": null })])
            .collect();
        json!({ "name": name, "dependencies": dependencies })
    }

    fn faults(packages: &[Value]) -> Vec<String> {
        against(&json!({ "packages": packages }))
    }

    #[test]
    fn the_designs_direction_passes() {
        let packages = [
            package("store", &["model", "esql"]),
            package("analyst", &["casework", "store"]),
            package("datapulse", &["simulator", "analyst", "gateway"]),
        ];
        assert!(faults(&packages).is_empty());
    }

    #[test]
    fn only_the_binary_may_depend_on_the_simulator() {
        assert_eq!(
            faults(&[
                package("analyst", &["simulator"]),
                package("gateway", &["simulator"])
            ]),
            [
                "crate analyst may not depend on simulator",
                "crate gateway may not depend on simulator"
            ]
        );
    }

    #[test]
    fn agents_do_not_know_each_other_and_nobody_looks_up() {
        assert_eq!(
            faults(&[
                package("sentinel", &["analyst"]),
                package("model", &["store"])
            ]),
            [
                "crate sentinel may not depend on analyst",
                "crate model may not depend on store"
            ]
        );
    }

    #[test]
    fn a_new_crate_needs_a_rule() {
        assert!(
            faults(&[package("cache", &[])])[0].starts_with("crate cache: the house has no rule")
        );
    }
}
