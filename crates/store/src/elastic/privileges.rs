//! What an API key of each role may do, and no more: nobody overwrites or deletes a record of the
//! journal, agents create theirs, and who only reads writes nothing.

use model::Writer;
use serde_json::{Value, json};

use crate::indices::{INCIDENTS, JOURNAL_PREFIX, PEOPLE, RUNBOOKS, SERVICES, TOKENS};

/// To read, and to see that it is there.
const READ: [&str; 3] = ["read", "view_index_metadata", "monitor"];
/// To add documents that nobody may replace.
const ADD: [&str; 6] = [
    "create_doc",
    "read",
    "auto_configure",
    "view_index_metadata",
    "monitor",
    "maintenance",
];
/// To keep documents under ids, the newest of each.
const KEEP: [&str; 7] = [
    "index",
    "read",
    "create_index",
    "auto_configure",
    "view_index_metadata",
    "monitor",
    "maintenance",
];
const TELEMETRY: [&str; 3] = ["metrics-*", "logs-*", "traces-*"];
const DEPLOYMENTS: &str = "deployments-*";

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOf {
    /// One process with all roles.
    All,
    Role(Writer),
    /// Whoever looks, verifies and exports.
    Reader,
}

impl KeyOf {
    pub const ALL: [Self; 8] = [
        Self::All,
        Self::Role(Writer::Gateway),
        Self::Role(Writer::Sentinel),
        Self::Role(Writer::Analyst),
        Self::Role(Writer::Resolver),
        Self::Role(Writer::Executor),
        Self::Role(Writer::Notifier),
        Self::Reader,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Role(writer) => writer.name(),
            Self::Reader => "reader",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.name() == text)
    }

    /// The body of `POST /_security/api_key`.
    pub fn request(self) -> Value {
        let name = format!("datapulse-{}", self.name());
        let mut roles = serde_json::Map::new();
        roles.insert(name.clone(), self.descriptor());
        json!({ "name": name, "role_descriptors": roles })
    }

    /// The role descriptor in it.
    pub fn descriptor(self) -> Value {
        let journal = format!("{JOURNAL_PREFIX}*");
        let journal = [journal.as_str()];
        let (cluster, indices): (&[&str], Vec<Value>) = match self {
            // Templates are looked at and made by whoever sets up.
            Self::All => (&["monitor", "manage_index_templates"], doors(&journal)),
            Self::Role(Writer::Gateway) => (&["monitor"], doors(&journal)),
            Self::Role(agent) => {
                let mut seen = TELEMETRY.to_vec();
                seen.extend([DEPLOYMENTS, SERVICES, RUNBOOKS]);
                // Who may still decide is asked before anything is done.
                if agent == Writer::Executor {
                    seen.push(PEOPLE);
                }
                (
                    &["monitor"],
                    vec![
                        grant(&journal, &ADD),
                        grant(&[INCIDENTS], &KEEP),
                        grant(&seen, &READ),
                    ],
                )
            }
            Self::Reader => {
                let mut seen = journal.to_vec();
                seen.extend(TELEMETRY);
                seen.extend([DEPLOYMENTS, INCIDENTS, SERVICES, RUNBOOKS]);
                (&["monitor"], vec![grant(&seen, &READ)])
            }
        };
        json!({ "cluster": cluster, "indices": indices })
    }
}

/// What comes in through the gateway's doors: records of people, telemetry, and all that is kept.
fn doors(journal: &[&str]) -> Vec<Value> {
    let kept = [DEPLOYMENTS, INCIDENTS, SERVICES, RUNBOOKS, TOKENS, PEOPLE];
    vec![
        grant(journal, &ADD),
        grant(&TELEMETRY, &ADD),
        grant(&kept, &KEEP),
    ]
}

fn grant(names: &[&str], privileges: &[&str]) -> Value {
    json!({ "names": names, "privileges": privileges })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a key may do with an index or pattern, as it is written.
    fn on(of: KeyOf, name: &str) -> Vec<String> {
        let descriptor = of.descriptor();
        let grants = descriptor["indices"].as_array().expect("a list");
        let named = |grant: &&Value| {
            grant["names"]
                .as_array()
                .expect("a list")
                .contains(&json!(name))
        };
        let grants = grants.iter().filter(named);
        grants
            .flat_map(|grant| grant["privileges"].as_array().expect("a list"))
            .map(|privilege| privilege.as_str().expect("a text").to_owned())
            .collect()
    }

    #[test]
    fn nobody_may_replace_or_delete_a_record() {
        for of in KeyOf::ALL {
            let may = on(of, "agent-audit-*");
            for never in [
                "index",
                "write",
                "delete",
                "delete_index",
                "all",
                "manage",
                "create",
            ] {
                assert!(!may.contains(&never.to_owned()), "{of:?}: {never}");
            }
            assert_eq!(may.contains(&"create_doc".to_owned()), of != KeyOf::Reader);
            assert!(may.contains(&"read".to_owned()), "{of:?}");
        }
    }

    #[test]
    fn tokens_are_the_gateways_alone() {
        for of in KeyOf::ALL {
            let gateways = matches!(of, KeyOf::All | KeyOf::Role(Writer::Gateway));
            assert_eq!(!on(of, TOKENS).is_empty(), gateways, "{of:?}");
        }
    }

    #[test]
    fn the_page_says_what_one_process_with_all_roles_needs() {
        let page = include_str!("../../../../docs/elasticsearch.md");
        let block = page.split("```json").nth(1).expect("a block of JSON");
        let block = block.split("```").next().expect("its end");
        let said: Value = serde_json::from_str(block).expect("JSON");
        assert_eq!(said, KeyOf::All.descriptor());
    }
}
