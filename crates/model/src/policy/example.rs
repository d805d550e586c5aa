//! Examples that a policy is held against: what people agreed to, and what should come of it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Policy;
use super::automation::{Automation, ReasonKey};
use crate::action::{Action, ActionKind, TargetState};
use crate::actor::Actor;
use crate::approval;
use crate::identity::IncidentId;
use crate::incident::{BreakGlass, DecisionMade, ProposalStage, ProposalState};
use crate::proposal::{Check, Proposal, Requester};
use crate::time::Timestamp;

mod automatic;

pub use automatic::Alone;

/// What comes of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It is executed.
    Go,
    /// More people, or others, must agree.
    Wait,
    /// Enough agreed, and a freeze holds it back.
    Frozen,
    /// It runs without a person.
    Run,
    /// It would have run without a person, which is only recorded.
    Shadow,
    /// It doesn't run without a person.
    No,
}

impl Expected {
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Wait => "wait",
            Self::Frozen => "frozen",
            Self::Run => "run",
            Self::Shadow => "shadow",
            Self::No => "no",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub name: String,
    pub kind: ActionKind,
    pub target: String,
    pub at: Timestamp,
    /// Who asked for it; none: Resolver offered it.
    #[serde(default)]
    pub requested_by: Option<String>,
    /// Who is on call for the target, as `lookup-services` would say.
    #[serde(default)]
    pub on_call: Option<String>,
    /// Who said yes.
    #[serde(default)]
    pub approved_by: Vec<String>,
    /// Who decided alone.
    #[serde(default)]
    pub break_glass_by: Option<String>,
    /// Of the action, such as `replicas`.
    #[serde(default)]
    pub parameters: IndexMap<String, Value>,
    /// What was before, where the example asks whether it runs without a person: then `expect` is
    /// `run`, `shadow` or `no`.
    #[serde(default)]
    pub automation: Option<Alone>,
    pub expect: Expected,
    /// With `expect = "no"`: reasons that must be among those that are given.
    #[serde(default)]
    pub because: Vec<ReasonKey>,
}

fn person(name: &str) -> Actor {
    Actor::Person {
        subject: format!("person:{name}"),
        name: name.to_owned(),
        via: "example".to_owned(),
    }
}

impl Example {
    /// What comes of it under this policy, and why.
    pub fn comes_to(&self, policy: &Policy) -> (Expected, String) {
        if let Some(alone) = &self.automation {
            return match alone.decide(self, policy) {
                Automation::Run { rule, reasons } => {
                    (Expected::Run, format!("{rule}: {}", reasons.join("; ")))
                }
                Automation::Shadow { rule, reasons } => {
                    (Expected::Shadow, format!("{rule}: {}", reasons.join("; ")))
                }
                Automation::No { reasons } => {
                    let said = reasons
                        .iter()
                        .map(|reason| format!("{}: {}", reason.key.name(), reason.says));
                    (Expected::No, said.collect::<Vec<_>>().join("; "))
                }
            };
        }
        let state = self.state(policy);
        let counted = approval::counted(&state, &|_| true);
        if let Err(missing) = approval::suffices(&state.proposal, &counted) {
            return (Expected::Wait, missing);
        }
        match approval::held_back(&state, policy, self.at) {
            Some(why) => (Expected::Frozen, why),
            None => (Expected::Go, "enough agreed".to_owned()),
        }
    }

    /// What it expects, with the reasons that it names: `no (budget, cool_down)`.
    pub fn expected(&self) -> String {
        let names: Vec<&str> = self.because.iter().map(|key| key.name()).collect();
        match names.is_empty() {
            true => self.expect.name().to_owned(),
            false => format!("{} ({})", self.expect.name(), names.join(", ")),
        }
    }

    /// Whether it comes out as it says, for the reasons that it names.
    pub fn is_as_expected(&self, policy: &Policy) -> bool {
        let given = self
            .automation
            .as_ref()
            .map(|alone| alone.decide(self, policy));
        let keys: Vec<ReasonKey> = match given {
            Some(Automation::No { reasons }) => reasons.iter().map(|one| one.key).collect(),
            _ => Vec::new(),
        };
        self.comes_to(policy).0 == self.expect && self.because.iter().all(|key| keys.contains(key))
    }

    fn state(&self, policy: &Policy) -> ProposalState {
        let proposal = self.proposal(policy);
        let seal = proposal.seal(&IncidentId::derive("example", &self.name, self.at));
        let made = |name: &String, break_glass| DecisionMade {
            actor: person(name),
            at: self.at,
            approve: true,
            reason: "an example".to_owned(),
            break_glass,
        };
        let alone = self.break_glass_by.iter().filter(|_| policy.break_glass);
        let decisions = self
            .approved_by
            .iter()
            .map(|name| made(name, false))
            .chain(alone.clone().map(|name| made(name, true)))
            .collect();
        ProposalState {
            seal,
            stage: ProposalStage::Pending,
            decisions,
            idempotency_key: None,
            started_at: None,
            finished_at: None,
            result: None,
            recovery: None,
            note: None,
            break_glass: alone.clone().next().map(|name| BreakGlass {
                by: person(name),
                at: self.at,
                reason: "an example".to_owned(),
                review: None,
            }),
            automation: None,
            older_report: false,
            proposal,
        }
    }

    fn proposal(&self, policy: &Policy) -> Proposal {
        let action = Action {
            kind: self.kind,
            target: self.target.clone(),
            parameters: self.parameters.clone(),
        };
        let terms = policy.terms(&action, self.on_call.as_deref(), self.at);
        let requester = self.requested_by.iter().map(|name| Requester {
            subject: format!("person:{name}"),
            name: name.clone(),
        });
        Proposal {
            id: "P1".to_owned(),
            action,
            why: self.name.clone(),
            risk: terms.risk,
            risk_note: String::new(),
            eta_s: 0,
            undo: None,
            check: Check {
                tool: String::new(),
                query: String::new(),
                parameters: IndexMap::new(),
                says: String::new(),
            },
            runbook: None,
            hypothesis: None,
            evidence: Vec::new(),
            observed: TargetState::new(self.target.clone(), serde_json::Value::Null, self.at),
            policy_version: terms.policy_version.clone(),
            quorum: terms.quorum,
            expires: terms.expires,
            requesters: requester.collect(),
            not_the_requester: terms.not_the_requester,
            on_call: terms.on_call,
            request: None,
            replaces: None,
            automation: terms.automation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Freeze, RiskTier};

    fn example(kind: ActionKind, approved_by: &[&str]) -> Example {
        Example {
            name: "example".to_owned(),
            kind,
            target: "payment".to_owned(),
            at: Timestamp::parse("2026-11-27T10:00:00Z").expect("valid"),
            requested_by: Some("ada".to_owned()),
            on_call: Some("Bob, eve".to_owned()),
            approved_by: approved_by.iter().map(|&name| name.to_owned()).collect(),
            break_glass_by: None,
            parameters: IndexMap::new(),
            automation: None,
            expect: Expected::Go,
            because: Vec::new(),
        }
    }

    #[test]
    fn four_eyes_by_tier() {
        let policy = Policy::default();
        let comes = |kind, people: &[&str]| example(kind, people).comes_to(&policy).0;
        use ActionKind::{Rollback, Scale, TrafficShift};
        use Expected::{Go, Wait};
        assert_eq!(comes(Scale, &[]), Wait);
        assert_eq!(comes(Scale, &["ada"]), Go, "low: whoever asked may");
        assert_eq!(comes(Rollback, &["ada"]), Wait, "medium: not whoever asked");
        assert_eq!(comes(Rollback, &["bob"]), Go);
        assert_eq!(comes(TrafficShift, &["bob"]), Wait, "high: two");
        assert_eq!(
            comes(TrafficShift, &["bob", "bob"]),
            Wait,
            "one twice is one"
        );
        assert_eq!(comes(TrafficShift, &["bob", "ada"]), Wait);
        assert_eq!(comes(TrafficShift, &["bob", "cyd"]), Go);
    }

    #[test]
    fn who_is_on_call_must_be_among_them_where_the_policy_says_so() {
        let policy = Policy {
            on_call: [RiskTier::Medium].into(),
            ..Policy::default()
        };
        let comes = |people: &[&str]| example(ActionKind::Rollback, people).comes_to(&policy);
        let (verdict, why) = comes(&["cyd"]);
        assert_eq!(verdict, Expected::Wait);
        assert!(why.ends_with("who is on call: Bob, eve"), "{why}");
        assert_eq!(comes(&["bob"]).0, Expected::Go, "names in any case");
        let unknown = Example {
            on_call: None,
            ..example(ActionKind::Rollback, &["cyd"])
        };
        assert_eq!(unknown.comes_to(&policy).0, Expected::Wait);
    }

    #[test]
    fn a_break_glass_goes_through_a_freeze_unless_the_policy_forbids_it() {
        let freeze = Freeze {
            name: "sale".to_owned(),
            from: "2026-11-27T00:00:00Z".to_owned(),
            to: "2026-11-28T00:00:00Z".to_owned(),
            days: Vec::new(),
            services: Vec::new(),
            kinds: Vec::new(),
        };
        let mut policy = Policy {
            freeze: vec![freeze],
            ..Policy::default()
        };
        let usual = example(ActionKind::Rollback, &["bob"]);
        assert_eq!(usual.comes_to(&policy).0, Expected::Frozen);
        let alone = Example {
            break_glass_by: Some("ada".to_owned()),
            ..example(ActionKind::TrafficShift, &[])
        };
        assert_eq!(alone.comes_to(&policy).0, Expected::Go);
        policy.break_glass = false;
        assert_eq!(alone.comes_to(&policy).0, Expected::Wait);
    }

    #[test]
    fn an_example_asks_whether_something_runs_by_itself_and_for_which_reasons_not() {
        let policy: Policy = serde_json::from_value(serde_json::json!({ "automation": [{
            "name": "more", "mode": "on",
            "action": { "kind": "scale", "at_most_more": 2, "at_most": 6 },
            "confidence_at_least": 0.85, "confirmed_answers": 20, "per_service_and_day": 1,
            "cool_down_minutes": 60,
        }] }))
        .expect("a policy");
        assert_eq!(policy.check(), Ok(()));
        let example = |before: Value, expect: &str, because: &[&str]| -> Example {
            let mut alone = serde_json::json!({
                "confidence": 0.9, "confirmed": 24, "observed": { "replicas": 2 },
            });
            let all = alone.as_object_mut().expect("an object");
            all.extend(before.as_object().cloned().unwrap_or_default());
            let read = serde_json::json!({
                "name": "example", "kind": "scale", "target": "payment",
                "at": "2026-11-27T03:00:00Z", "parameters": { "replicas": 4 },
                "automation": alone, "expect": expect, "because": because,
            });
            serde_json::from_value(read).expect("an example")
        };
        let holds = |before: Value, expect: &str, because: &[&str]| {
            let example = example(before, expect, because);
            assert!(
                example.is_as_expected(&policy),
                "{:?}",
                example.comes_to(&policy)
            );
        };
        use serde_json::json;
        holds(json!({}), "run", &[]);
        holds(json!({ "confirmed": 19 }), "no", &["unconfirmed"]);
        holds(json!({ "drifted": true }), "no", &["drift"]);
        holds(json!({ "doubtful": true }), "no", &["no_answer"]);
        holds(
            json!({ "ran": ["2026-11-27T02:30:00Z"], "ran_in_this_incident": true }),
            "no",
            &["budget", "cool_down", "once_per_incident"],
        );
        holds(json!({ "shadowed": ["2026-11-27T02:30:00Z"] }), "run", &[]);
        let other = example(json!({ "stopped": true }), "no", &["frozen"]);
        assert!(!other.is_as_expected(&policy), "for another reason");
        assert_eq!(other.expected(), "no (frozen)");
        let (_, why) = other.comes_to(&policy);
        assert!(why.starts_with("stopped: everything is stopped"), "{why}");
    }
}
