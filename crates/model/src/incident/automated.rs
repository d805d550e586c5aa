//! The rules about what runs without a person.

use serde::{Deserialize, Serialize};

use super::apply::{Ruling, illegal};
use super::proposals::{pending, same_seal};
use super::{Incident, ProposalStage, ProposalState};
use crate::actor::Actor;
use crate::policy::RiskTier;
use crate::policy::automation;
use crate::record::{Event, Record};
use crate::time::Timestamp;

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod simulation;

/// What a rule of the policy decided on a proposal, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AutomationMade {
    /// The rule's name.
    pub rule: String,
    pub at: Timestamp,
    /// It only says what would have been done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// A person's no since then, in words: it counts for nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

impl ProposalState {
    /// Whether a rule lets it run without a person, and no person has said no since: what a verdict
    /// may rest on, and what the Executor holds against the policy anew before it begins.
    pub fn is_automatic(&self) -> bool {
        let made = self.automation.as_ref();
        made.is_some_and(|made| !made.shadow && made.void.is_none())
    }

    /// Whether it would run without a person, has not begun, and a person's no still stops it.
    pub fn can_be_stopped(&self) -> bool {
        self.stage == ProposalStage::Approved && self.is_automatic()
    }
}

/// A rule's word on a proposal: only as its seal allows, never past a person, once an incident.
pub(super) fn decided(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::AutomationDecided {
        proposal: id,
        seal,
        rule,
        shadow,
        reasons,
    } = event
    else {
        return Ok(());
    };
    if reasons.iter().all(|reason| reason.trim().is_empty()) {
        return Err(illegal(event, "it needs its reasons"));
    }
    // Shadow's records hold back shadow only: nothing ran.
    let made = incident.proposals.iter().find(|state| {
        let made = state.automation.as_ref();
        made.is_some_and(|made| *shadow || !made.shadow)
    });
    if let Some(made) = made {
        let earlier = &made.proposal.id;
        let text =
            format!("{earlier} was decided on without a person: never twice for one incident");
        return Err(illegal(event, text));
    }
    let state = pending(incident, event, id)?;
    same_seal(event, state, *seal)?;
    let proposal = state.proposal.clone();
    let no = |text: String| Err(illegal(event, text));
    if record.at >= proposal.expires {
        return no(format!("{id} expired at {}", proposal.expires));
    }
    if !shadow && !proposal.automation.contains(rule) {
        return no(format!(
            "the policy that {id} is sealed with has no rule {rule:?} that is on for it"
        ));
    }
    if proposal.risk == RiskTier::High {
        return no(format!("{id} is of high risk: people decide on it"));
    }
    if proposal.is_asked_for() {
        return no(format!("a person asked for {id}: people decide on it"));
    }
    if let Some(refused) = automation::refused(incident, &proposal) {
        return no(format!("a person didn't want it: {refused}"));
    }
    pending(incident, event, id)?.automation = Some(AutomationMade {
        rule: rule.clone(),
        at: record.at,
        shadow: *shadow,
        reasons: reasons.clone(),
        void: None,
    });
    Ok(())
}

/// A person's no, before it began: what was decided without a person counts for nothing.
pub(super) fn stop(state: &mut ProposalState, no: &str) {
    if let Some(made) = &mut state.automation {
        made.void.get_or_insert_with(|| no.to_owned());
    }
}

/// Keeps who gave the report, and that what was offered rests on an earlier one.
pub(super) fn note_report(incident: &mut Incident, actor: &Actor) {
    incident.report_from = match actor {
        Actor::Agent { .. } => None,
        other => Some(other.label().to_owned()),
    };
    for state in &mut incident.proposals {
        state.older_report = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, sorted};
    use crate::actor::Agent;
    use crate::digest::Digest;
    use crate::incident::Illegal;
    use crate::incident::fixtures::{hypothesis, person, proposed, report};
    use crate::incident::tests::History;
    use crate::policy::automation::{AutomaticRun, History as Before};

    /// An explained incident with one offer that a rule may let run.
    fn offered() -> History {
        let mut history = History::open();
        history.explained().expect("legal");
        offer(&mut history).expect("legal");
        history
    }

    fn offer(history: &mut History) -> Result<(), Illegal> {
        let incident = &history.incident;
        let expires = incident.updated_at.plus_ms(600_000);
        let mut proposal = proposed(&incident.next_proposal_id(), expires, 1);
        proposal.automation = vec!["on".to_owned()];
        let seal = proposal.seal(&incident.id);
        let proposal = Box::new(proposal);
        history.agent(Agent::Resolver, Event::Proposed { proposal, seal })
    }

    fn last(history: &History) -> &ProposalState {
        history.incident.proposals.last().expect("one")
    }

    fn word(history: &mut History, rule: &str, shadow: bool) -> Result<(), Illegal> {
        let state = last(history);
        let event = Event::AutomationDecided {
            proposal: state.proposal.id.clone(),
            seal: state.seal,
            rule: rule.to_owned(),
            shadow,
            reasons: vec!["why".to_owned()],
        };
        history.agent(Agent::Executor, event)
    }

    fn verdict(history: &mut History) -> Result<(), Illegal> {
        let state = last(history);
        let event = Event::VerdictReached {
            proposal: state.proposal.id.clone(),
            seal: state.seal,
            sufficient: true,
            reason: String::new(),
        };
        history.agent(Agent::Executor, event)
    }

    fn start(history: &mut History) -> Result<(), Illegal> {
        let state = last(history);
        let event = Event::ExecutionStarted {
            proposal: state.proposal.id.clone(),
            seal: state.seal,
            idempotency_key: "k".to_owned(),
        };
        history.agent(Agent::Executor, event)
    }

    fn no(history: &mut History) -> Result<(), Illegal> {
        let state = last(history);
        let event = Event::Decided {
            proposal: state.proposal.id.clone(),
            seal: state.seal,
            approve: false,
            reason: "not now".to_owned(),
            break_glass: false,
        };
        history.add(person("ada"), event)
    }

    fn reason(ruling: Result<(), Illegal>) -> String {
        ruling.expect_err("is refused").reason
    }

    #[test]
    fn a_rules_word_carries_a_verdict_and_shadows_doesnt() {
        let mut history = offered();
        assert!(reason(verdict(&mut history)).contains("1 person's yes"));
        word(&mut history, "on", true).expect("legal");
        assert!(reason(verdict(&mut history)).contains("1 person's yes"));
        assert!(AutomaticRun::of(last(&history)).is_some_and(|run| run.shadow));
        let sealed = reason(word(&mut history, "other", false));
        assert!(sealed.contains("no rule \"other\""), "{sealed}");
        word(&mut history, "on", false).expect("legal: shadow ran nothing");
        verdict(&mut history).expect("legal");
        let waiting = AutomaticRun::of(last(&history)).expect("it still may begin");
        start(&mut history).expect("legal");
        let ran = AutomaticRun::of(last(&history)).expect("it began");
        assert!(ran.at > waiting.at, "from its start on");
        assert!(!ran.shadow);
    }

    #[test]
    fn a_persons_no_before_the_start_ends_it_and_after_it_comes_too_late() {
        let mut before = offered();
        word(&mut before, "on", false).expect("legal");
        no(&mut before).expect("legal");
        assert!(reason(verdict(&mut before)).contains("1 person's yes"));
        let mut late = offered();
        word(&mut late, "on", false).expect("legal");
        verdict(&mut late).expect("legal");
        no(&mut late).expect("legal");
        assert_eq!(last(&late).stage, ProposalStage::Rejected);
        assert_eq!(late.incident.status, crate::Status::Explained);
        assert_eq!(AutomaticRun::of(last(&late)), None, "nothing ran");
        assert!(start(&mut late).is_err());
        let mut begun = offered();
        word(&mut begun, "on", false).expect("legal");
        verdict(&mut begun).expect("legal");
        start(&mut begun).expect("legal");
        assert!(no(&mut begun).is_err());
        // What people agreed to is taken back by withdrawing it, as ever.
        let mut agreed = offered();
        let event = Event::Decided {
            proposal: "P1".to_owned(),
            seal: last(&agreed).seal,
            approve: true,
            reason: String::new(),
            break_glass: false,
        };
        agreed.add(person("bob"), event).expect("legal");
        verdict(&mut agreed).expect("legal");
        assert!(reason(no(&mut agreed)).contains("waits for no decision"));
    }

    #[test]
    fn never_twice_for_one_incident_and_never_what_a_person_refused_or_wants_changed() {
        let mut history = offered();
        word(&mut history, "on", false).expect("legal");
        let voided = Event::ApprovalVoided {
            proposal: "P1".to_owned(),
            reason: "drift".to_owned(),
            changed: None,
        };
        history.agent(Agent::Executor, voided).expect("legal");
        offer(&mut history).expect("legal");
        assert!(reason(word(&mut history, "on", false)).contains("never twice"));
        let second = &last(&history).proposal;
        let here = Before::of(&history.incident, second).here;
        assert_eq!(here.decided, Some(("P1".to_owned(), false)));

        let mut refused = offered();
        no(&mut refused).expect("legal");
        offer(&mut refused).expect("legal");
        let why = reason(word(&mut refused, "on", false));
        assert!(why.contains("ada said no to P1"), "{why}");

        let mut edited = offered();
        let asked = Event::ActionRequested {
            action: Action {
                target: "payment".to_owned(),
                ..last(&edited).proposal.action.clone()
            },
            why: "another version".to_owned(),
            edits: Some("P1".to_owned()),
        };
        edited.add(person("ada"), asked).expect("legal");
        let why = reason(word(&mut edited, "on", false));
        assert!(why.contains("ada asked to change P1"), "{why}");
    }

    #[test]
    fn a_later_report_or_another_agents_leaves_it_to_people() {
        let mut history = offered();
        assert!(!last(&history).older_report);
        let outside = Actor::System {
            subject: "token:1".to_owned(),
            name: "their agent".to_owned(),
        };
        let recorded = Event::ReportRecorded {
            claim: None,
            report: Box::new(report(vec![hypothesis(&["E1"])])),
        };
        history.add(outside, recorded).expect("legal");
        assert!(last(&history).older_report);
        let here = Before::of(&history.incident, &last(&history).proposal).here;
        let doubt = here.doubt.expect("doubt");
        assert!(doubt.contains("their agent"), "{doubt}");
    }

    #[test]
    fn what_has_no_rules_is_sealed_and_kept_as_before() {
        let mut history = History::open();
        let mut proposal = proposed("P1", history.incident.updated_at.plus_ms(600_000), 1);
        let incident = history.incident.id.clone();
        // All that a seal covered before there were rules.
        let before = serde_json::json!({
            "incident": incident, "proposal": "P1", "action": proposal.action, "undo": null,
            "check": proposal.check, "observed": proposal.observed.revision, "evidence": [],
            "policy": "policy-1", "quorum": 1, "expires": proposal.expires,
        });
        let seal = proposal.seal(&incident);
        assert_eq!(seal, Digest::of(sorted(&before).to_string().as_bytes()));
        proposal.automation = vec!["on".to_owned()];
        assert_ne!(proposal.seal(&incident), seal);
        proposal.automation.clear();
        let proposal = Box::new(proposal);
        let offered = Event::Proposed { proposal, seal };
        history.agent(Agent::Resolver, offered).expect("legal");
        let kept = serde_json::to_string(&history.incident).expect("writable");
        for key in ["automation", "older_report", "report_from"] {
            assert!(!kept.contains(key), "{key} in {kept}");
        }
    }
}
