//! Many incidents of few services at once, with an Executor that looks at them in any order and at
//! any time: no service gets more by itself than its budget, and nothing within its cool-down.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use crate::action::{ActionKind, TargetState};
use crate::actor::{Actor, Agent};
use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::incident::fixtures::{finding, hypothesis, person, proposed, report};
use crate::incident::{Incident, ProposalStage};
use crate::policy::Policy;
use crate::policy::automation::{
    Answers, Automation, AutomationMode, AutomationRule, Band, History, SafeAction, decide,
    still_holds,
};
use crate::record::{Event, ExecutionResult, Record};
use crate::severity::Severity;
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Incidents of one history: more than the budgets allow, on all services.
const INCIDENTS: usize = 12;
const SERVICES: usize = 2;
/// Looks of the Executor: each incident needs four to an end.
const LOOKS: usize = 120;

fn policy(budget: u32, cool_down_minutes: u32) -> Policy {
    Policy {
        approval_expires_s: crate::policy::MAX_EXPIRY_S,
        automation: vec![AutomationRule {
            name: "caches".to_owned(),
            mode: AutomationMode::On,
            action: SafeAction::CacheClear {
                ends_by_itself: "it fills again".to_owned(),
            },
            services: Vec::new(),
            confidence_at_least: 0.8,
            confirmed_answers: 20,
            per_service_and_day: budget,
            cool_down_minutes,
        }],
        ..Policy::default()
    }
}

/// All incidents, and a clock that only goes on.
struct World {
    policy: Policy,
    incidents: Vec<Incident>,
    now: Timestamp,
}

impl World {
    fn new(policy: Policy) -> Self {
        let now = Timestamp(1_000_000);
        let mut world = Self {
            policy,
            incidents: Vec::new(),
            now,
        };
        for number in 0..INCIDENTS {
            let service = format!("service-{}", number % SERVICES);
            let opened = Event::Opened {
                title: String::new(),
                severity: Severity::High,
                severity_reason: String::new(),
                finding: Box::new(finding(&service, now)),
                split_from: None,
                others: Vec::new(),
            };
            let id = IncidentId::derive("rule", &number.to_string(), now);
            let record = world.record(id, 1, Actor::agent(Agent::Sentinel), opened);
            let incident = Incident::open(&record).expect("legal");
            world.incidents.push(incident);
            let recorded = Event::ReportRecorded {
                claim: None,
                report: Box::new(report(vec![hypothesis(&["E1"])])),
            };
            world.add(number, Actor::agent(Agent::Analyst), recorded);
            world.offer(number, &service);
        }
        world
    }

    fn record(&self, incident: IncidentId, seq: u64, actor: Actor, event: Event) -> Record {
        Record {
            incident,
            seq,
            at: self.now,
            actor,
            previous: Digest::ZERO,
            event,
        }
    }

    fn add(&mut self, number: usize, actor: Actor, event: Event) {
        let incident = &self.incidents[number];
        let record = self.record(incident.id.clone(), incident.last_seq + 1, actor, event);
        self.incidents[number].apply(&record).expect("legal");
    }

    fn offer(&mut self, number: usize, service: &str) {
        let id = self.incidents[number].next_proposal_id();
        let mut proposal = proposed(&id, self.now, 1);
        proposal.action.kind = ActionKind::CacheClear;
        proposal.action.target = service.to_owned();
        proposal.hypothesis = Some("H1".to_owned());
        proposal.evidence = vec!["E1".to_owned()];
        proposal.observed = TargetState::new(service.to_owned(), json!({}), self.now);
        let terms = self.policy.terms(&proposal.action, None, self.now);
        let proposal = proposal.on(terms);
        let seal = proposal.seal(&self.incidents[number].id);
        let proposal = Box::new(proposal);
        let event = Event::Proposed { proposal, seal };
        self.add(number, Actor::agent(Agent::Resolver), event);
    }

    fn history(&self, number: usize) -> History {
        let incident = &self.incidents[number];
        let proposal = &incident.proposals[0].proposal;
        let mut history = History::of(incident, proposal);
        for other in &self.incidents {
            history.add(&incident.id, other);
        }
        history.runs_since = Some(Timestamp(i64::MIN));
        history.answers = Some(Answers {
            band: Band::of(0.8),
            right: 20,
            wrong: 0,
        });
        history.revision = Some(proposal.observed.revision);
        history
    }

    /// One step of the Executor with one incident, or a person's no.
    fn look(&mut self, number: usize, no: bool) {
        let incident = &self.incidents[number];
        let state = incident.proposals[0].clone();
        let (proposal, seal) = (state.proposal.id.clone(), state.seal);
        let report = incident.report.clone();
        let history = self.history(number);
        if no && (state.stage == ProposalStage::Pending || state.can_be_stopped()) {
            if state.proposal.expires > self.now && state.decisions.is_empty() {
                let event = Event::Decided {
                    proposal,
                    seal,
                    approve: false,
                    reason: "no".to_owned(),
                    break_glass: false,
                };
                self.add(number, person("ada"), event);
            }
            return;
        }
        let event = match state.stage {
            ProposalStage::Pending if state.is_automatic() => Event::VerdictReached {
                proposal,
                seal,
                sufficient: true,
                reason: String::new(),
            },
            ProposalStage::Pending => {
                let answer = decide(&self.policy, &state, report.as_ref(), &history, self.now);
                let Automation::Run { rule, reasons } = answer else {
                    return;
                };
                Event::AutomationDecided {
                    proposal,
                    seal,
                    rule,
                    shadow: false,
                    reasons,
                }
            }
            ProposalStage::Approved => {
                let held = still_holds(&self.policy, &state, report.as_ref(), &history, self.now);
                match held {
                    Ok(()) => Event::ExecutionStarted {
                        idempotency_key: proposal.clone(),
                        proposal,
                        seal,
                    },
                    Err(reasons) => Event::ApprovalVoided {
                        proposal,
                        reason: reasons[0].says.clone(),
                        changed: None,
                    },
                }
            }
            ProposalStage::Executing => Event::ExecutionFinished {
                proposal,
                result: ExecutionResult::Failed,
                says: String::new(),
                target: None,
            },
            _ => return,
        };
        self.add(number, Actor::agent(Agent::Executor), event);
    }

    /// When something began by itself, by service, in order.
    fn starts(&self) -> BTreeMap<String, Vec<i64>> {
        let mut starts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for state in self.incidents.iter().flat_map(|one| &one.proposals) {
            if let Some(at) = state.started_at {
                let service = state.proposal.action.target.clone();
                starts.entry(service).or_default().push(at.ms());
            }
        }
        starts.values_mut().for_each(|all| all.sort_unstable());
        starts
    }
}

fn run(budget: u32, cool_down: u32, looks: &[(usize, i64, bool)]) -> BTreeMap<String, Vec<i64>> {
    let mut world = World::new(policy(budget, cool_down));
    for (number, minutes, no) in looks {
        world.now = world.now.plus_ms(minutes * MINUTE_MS);
        world.look(*number, *no);
    }
    world.starts()
}

/// How long until the next look: mostly at once, sometimes hours.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0_i64), 3 => 1_i64..30, 2 => 30_i64..120, 1 => 120_i64..600]
}

proptest! {
    #[test]
    fn no_service_gets_more_by_itself_than_its_budget_or_within_its_cool_down(
        budget in 1_u32..4,
        cool_down in 1_u32..300,
        looks in prop::collection::vec((0..INCIDENTS, pause(), prop::bool::weighted(0.03)), 1..LOOKS),
    ) {
        for (service, starts) in run(budget, cool_down, &looks) {
            for (index, at) in starts.iter().enumerate() {
                let today = starts[..=index].iter().filter(|began| at - **began < DAY_MS).count();
                prop_assert!(today <= budget as usize, "{service}: {starts:?}");
            }
            for pair in starts.windows(2) {
                let between = pair[1] - pair[0];
                prop_assert!(between >= i64::from(cool_down) * MINUTE_MS, "{service}: {starts:?}");
            }
        }
    }
}

#[test]
fn up_to_its_budget_each_service_gets_what_it_may() {
    // One incident after the other, each to its end, two hours apart.
    let looks: Vec<(usize, i64, bool)> = (0..INCIDENTS)
        .flat_map(|number| (0..4).map(move |step| (number, if step == 0 { 120 } else { 0 }, false)))
        .collect();
    let starts = run(3, 60, &looks);
    assert_eq!(starts.len(), SERVICES);
    assert!(starts.values().all(|all| all.len() == 3), "{starts:?}");
}
