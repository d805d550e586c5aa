//! What each adapter was held against. One counts as proven only where its bytes were accepted by a
//! real server or validated against a published description, and undo (where it acts), drift and a
//! 429 were tested.

use super::{Check, State};

/// Name, whether it is proven, by what; and what isn't.
const ADAPTERS: [(&str, bool, &str); 12] = [
    (
        "kubernetes",
        true,
        "a real control plane of 1.37, with undo, drift, 429 and least rights; pods are kwok's, no container runs",
    ),
    (
        "control-api",
        true,
        "the demo's platform, the one server of this interface",
    ),
    (
        "signed-webhook",
        true,
        "receivers that check the signature, that fail, and that are killed",
    ),
    (
        "alertmanager",
        true,
        "Alertmanager 0.25 and Prometheus 2.42",
    ),
    (
        "anchors in a bucket",
        true,
        "versitygw 1.8; Amazon itself isn't",
    ),
    ("openid", true, "oidc-provider 9.13, in Chromium"),
    (
        "elasticsearch",
        true,
        "Elasticsearch 8.19 without Kibana and machine learning",
    ),
    ("grafana alerts", false, "documented payloads only"),
    ("kibana alerts", false, "documented payloads only"),
    (
        "slack",
        false,
        "Slack's OpenAPI file and a stand-in, with lost answers, deleted messages and 429; Slack itself wasn't called",
    ),
    (
        "jira",
        false,
        "Jira's OpenAPI file by Prism, and a stand-in, with lost answers and a search that is behind; no Jira was called",
    ),
    (
        "pagerduty",
        false,
        "the published description of Events v2 by Prism, and a stand-in, with lost answers; PagerDuty itself wasn't called",
    ),
];

/// A line an adapter.
pub fn checks() -> Vec<Check> {
    let line = |(name, proven, by): &(&'static str, bool, &str)| Check {
        name: "adapter",
        state: if *proven { State::Good } else { State::Note },
        says: match proven {
            true => format!("{name}: proven by {by}"),
            false => format!("{name}: not proven: {by}"),
        },
    };
    ADAPTERS.iter().map(line).collect()
}
