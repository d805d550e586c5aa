//! What belongs together: one failure, one incident. Pure.

use std::collections::BTreeSet;

use model::{Incident, Relation, Timestamp};

pub use model::topology::{MAX_HOPS, Near, Topology};

/// A finding joins an incident whose last finding is at most this old.
pub const JOINS_WITHIN_MS: i64 = 30 * 60 * 1000;

/// And one that is near on the call graph, but neither calls nor is called, if it is at most this
/// old: what began at the same time has the same cause more often than not.
pub const SAME_TIME_MS: i64 = 10 * 60 * 1000;
/// What a way against the direction of calls counts for, in hops: all others go before it.
const SIDEWAYS: usize = 4 * MAX_HOPS;

/// Where a finding goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    New,
    /// Index into the incidents, why, and in words.
    Joins {
        incident: usize,
        relation: Relation,
        reason: String,
    },
}

/// Looks for the incident that a finding of `service` at `tick` belongs to. Findings of the same
/// rule and subject are not asked about here: they are found by their derived id.
pub fn place(
    service: &str,
    tick: Timestamp,
    incidents: &[Incident],
    topology: &Topology,
) -> Placement {
    let fresh = |incident: &Incident| {
        let last = incident.findings.iter().map(|finding| finding.tick).max();
        !incident.status.is_over()
            && last.is_some_and(|last| (tick.ms() - last.ms()).abs() <= JOINS_WITHIN_MS)
    };
    let mut best: Option<(usize, Placement)> = None;
    for (index, incident) in incidents.iter().enumerate().filter(|(_, i)| fresh(i)) {
        let subjects: BTreeSet<&str> = incident
            .findings
            .iter()
            .map(|finding| finding.subject.service.as_str())
            .collect();
        let newest = incident.findings.iter().map(|finding| finding.tick).max();
        let same_time = newest.is_some_and(|at| (tick.ms() - at.ms()).abs() <= SAME_TIME_MS);
        for subject in subjects {
            let near = || same_time.then(|| sideways(service, subject, topology))?;
            let Some((hops, relation, reason)) = related(service, subject, topology).or_else(near)
            else {
                continue;
            };
            if best.as_ref().is_none_or(|(known, _)| hops < *known) {
                let joins = Placement::Joins {
                    incident: index,
                    relation,
                    reason,
                };
                best = Some((hops, joins));
            }
        }
    }
    best.map_or(Placement::New, |(_, placement)| placement)
}

fn related(service: &str, subject: &str, topology: &Topology) -> Option<(usize, Relation, String)> {
    if service == subject {
        let reason = format!("another signal of {service}, which the incident is about");
        return Some((0, Relation::SameService {}, reason));
    }
    let down = topology.path(service, subject);
    let up = || {
        topology.path(subject, service).map(|mut path| {
            path.reverse();
            path
        })
    };
    if let Some(path) = down.or_else(up) {
        let reason = format!("on one path of calls: {}", path.join(" – "));
        return Some((path.len() - 1, Relation::CallGraph { path }, reason));
    }
    let path = topology.meets(service, subject)?;
    let reason = format!("both call the same service: {}", path.join(" – "));
    // Weaker than a direct path of the same length.
    Some((path.len() + MAX_HOPS, Relation::CallGraph { path }, reason))
}

fn sideways(
    service: &str,
    subject: &str,
    topology: &Topology,
) -> Option<(usize, Relation, String)> {
    let path = topology.way(service, subject)?;
    let reason = format!(
        "near on the call graph and at the same time: {}",
        path.join(" – ")
    );
    Some((path.len() + SIDEWAYS, Relation::CallGraph { path }, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Topology {
        let mut topology = Topology::default();
        for (caller, callee) in [
            ("web", "cart"),
            ("web", "pay"),
            ("cart", "db"),
            ("pay", "bank"),
            ("lone", "disk"),
        ] {
            topology.add(caller, callee);
        }
        topology
    }

    #[test]
    fn paths_follow_calls() {
        let shop = shop();
        assert_eq!(
            shop.path("web", "db"),
            Some(vec!["web".into(), "cart".into(), "db".into()])
        );
        assert_eq!(shop.path("db", "web"), None);
        assert_eq!(shop.path("web", "disk"), None);
    }

    #[test]
    fn siblings_are_near_each_other() {
        let shop = shop();
        let way = ["db", "cart", "web", "pay", "bank"].map(str::to_owned);
        assert_eq!(shop.way("db", "bank"), Some(way.to_vec()));
        assert_eq!(shop.way("db", "disk"), None);
        assert!(related("db", "bank", &shop).is_none());
        assert!(sideways("db", "bank", &shop).is_some_and(|near| near.0 > SIDEWAYS));
        assert!(shop.around("db", 2).holds("web") && !shop.around("db", 2).holds("pay"));
        assert!(Topology::default().around("db", 1).holds("anything"));
    }

    #[test]
    fn a_callers_trouble_joins_and_a_strangers_does_not() {
        let shop = shop();
        assert!(related("web", "db", &shop).is_some());
        assert!(related("db", "web", &shop).is_some());
        assert!(related("lone", "db", &shop).is_none());
        assert_eq!(related("pay", "pay", &shop).map(|found| found.0), Some(0));
    }
}
