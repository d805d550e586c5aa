//! What an example says of what was before, where it asks whether something runs by itself.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Example;
use crate::action::{Action, ActionKind, TargetState};
use crate::digest::Digest;
use crate::incident::ProposalState;
use crate::policy::Policy;
use crate::policy::automation::{self, Answers, AutomaticRun, Automation, Band, History};
use crate::report::{Cause, Hypothesis, Report};
use crate::time::{Timestamp, Window};

/// What was before. What isn't named speaks for running: an example names what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alone {
    /// How sure the report's first answer is, 0 to 1.
    pub confidence: f64,
    /// Answers in the same fifth of confidence that people called right on this installation.
    #[serde(default)]
    pub confirmed: u64,
    /// And those that they called wrong.
    #[serde(default)]
    pub wrong: u64,
    /// The target as observed, such as `{ replicas = 2 }`.
    #[serde(default)]
    pub observed: IndexMap<String, Value>,
    /// When something ran by itself on the target, in other incidents.
    #[serde(default)]
    pub ran: Vec<Timestamp>,
    /// When shadow mode would have run something on it.
    #[serde(default)]
    pub shadowed: Vec<Timestamp>,
    /// Something ran by itself in this incident already.
    #[serde(default)]
    pub ran_in_this_incident: bool,
    /// Who said no to it.
    #[serde(default)]
    pub rejected_by: Vec<String>,
    /// The answer is of an outside agent, or doubtful.
    #[serde(default)]
    pub doubtful: bool,
    /// Everything is stopped.
    #[serde(default)]
    pub stopped: bool,
    /// The target isn't as it was when this was offered.
    #[serde(default)]
    pub drifted: bool,
}

impl Alone {
    pub(super) fn decide(&self, example: &Example, policy: &Policy) -> Automation {
        let (state, report, history) = self.question(example, policy);
        automation::decide(policy, &state, Some(&report), &history, example.at)
    }

    /// The offer, the report and what was before.
    pub(crate) fn question(
        &self,
        example: &Example,
        policy: &Policy,
    ) -> (ProposalState, Report, History) {
        let report = self.report(example.at);
        let mut state = example.state(policy);
        let observed = Value::Object(self.observed.clone().into_iter().collect());
        let proposal = &mut state.proposal;
        proposal.undo = undo(&proposal.action, &observed);
        proposal.observed = TargetState::new(example.target.clone(), observed, example.at);
        proposal.hypothesis = report.first().map(|first| first.id.clone());
        proposal.evidence = report
            .first()
            .map_or_else(Vec::new, |first| first.supports.clone());
        let no = self.rejected_by.iter().map(|name| super::DecisionMade {
            actor: super::person(name),
            at: example.at,
            approve: false,
            reason: "an example".to_owned(),
            break_glass: false,
        });
        state.decisions.extend(no);
        let history = self.history(example, &state);
        (state, report, history)
    }

    fn history(&self, example: &Example, state: &ProposalState) -> History {
        let run = |shadow| {
            move |at: &Timestamp| AutomaticRun {
                service: example.target.clone(),
                at: *at,
                shadow,
            }
        };
        let ran = self.ran.iter().map(run(false));
        let mut history = History {
            runs: ran.chain(self.shadowed.iter().map(run(true))).collect(),
            runs_since: Some(Timestamp(i64::MIN)),
            answers: Some(Answers {
                band: Band::of(self.confidence),
                right: self.confirmed,
                wrong: self.wrong,
            }),
            stopped: self.stopped.then(|| "an example".to_owned()),
            revision: Some(match self.drifted {
                true => Digest::ZERO,
                false => state.proposal.observed.revision,
            }),
            ..History::default()
        };
        history.here.decided = self
            .ran_in_this_incident
            .then(|| ("another proposal".to_owned(), false));
        history.here.doubt = self
            .doubtful
            .then(|| "the answer is doubtful, says the example".to_owned());
        history
    }

    fn report(&self, at: Timestamp) -> Report {
        Report {
            window: Window::new(at, at),
            timeline: Vec::new(),
            hypotheses: vec![Hypothesis {
                id: "H1".to_owned(),
                cause: Cause::Outside {
                    dependency: "an example".to_owned(),
                },
                says: String::new(),
                confidence: self.confidence,
                supports: vec!["E1".to_owned()],
                contradicts: Vec::new(),
                blamed_change: None,
            }],
            evidence: Vec::new(),
            ledger: Vec::new(),
            known: true,
            conclusion: String::new(),
            ask: None,
            confidence_basis: String::new(),
            elapsed_ms: 0,
            out_of_time: false,
        }
    }
}

/// As Resolver fills it: back to the number of instances that there is.
fn undo(action: &Action, observed: &Value) -> Option<Action> {
    let now = observed.get("replicas")?;
    (action.kind == ActionKind::Scale).then(|| Action {
        parameters: [("replicas".to_owned(), now.clone())].into(),
        ..action.clone()
    })
}
