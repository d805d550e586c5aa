//! What a policy lets run without a person, under the real agents: only once answers were borne out
//! here, once, and never past a stop.

use model::incident::ProposalStage;
use model::{Action, ActionKind, Agent, Event, Finding, Policy, Recovery, Report, Severity};
use simulator::{Fault, Naming};

use super::super::responders::RESPONDERS;
use super::*;

/// A surge wants more instances: the one action of the shop that a rule may let run.
const FAULT: Fault = Fault::TrafficSurge;

fn policy(mode: &str) -> Policy {
    let text = format!(
        "[[automation]]\nname = \"more instances\"\nmode = \"{mode}\"\naction = {{ kind = \"scale\", at_most_more = 20, at_most = 40 }}\n\
         confidence_at_least = 0.5\nconfirmed_answers = 20\nper_service_and_day = 1\ncool_down_minutes = 60\n"
    );
    toml::from_str(&text).expect("a policy")
}

impl Bench {
    async fn under(mode: &str) -> Self {
        let configuration = Configuration {
            policy: policy(mode),
            ..Configuration::default()
        };
        Self::set_under(SEED, Some(FAULT), Naming::default(), configuration).await
    }

    /// Earlier incidents whose answer was as sure as this one, and which a person called right.
    async fn borne_out(&self, finding: &Finding, report: &Report, numbers: std::ops::Range<usize>) {
        let casework = &self.parts.casework;
        for number in numbers {
            let mut earlier = finding.clone();
            earlier.rule = format!("earlier-{number}");
            let heading = casework::open::Heading {
                title: "an earlier one".to_owned(),
                severity: Severity::Low,
                severity_reason: "it is over".to_owned(),
            };
            let agent = |agent| model::Actor::agent(agent);
            let opened = casework
                .open(agent(Agent::Sentinel), earlier, heading)
                .await;
            let id = opened.expect("opened").incident().id.clone();
            let recorded = Event::ReportRecorded {
                claim: None,
                report: Box::new(report.clone()),
            };
            let done = casework.record(&id, agent(Agent::Analyst), recorded).await;
            done.expect("recorded");
            let person = model::Actor::Person {
                subject: format!("local:{}", RESPONDERS[0]),
                name: RESPONDERS[0].to_owned(),
                via: "local".to_owned(),
            };
            let right = Event::FeedbackGiven {
                right: true,
                cause: None,
                note: None,
            };
            casework
                .record(&id, person.clone(), right)
                .await
                .expect("said");
            let over = Event::Resolved {
                says: "it went by".to_owned(),
                evidence: None,
            };
            casework.record(&id, person, over).await.expect("resolved");
        }
    }

    async fn shops(&self) -> Incident {
        let all = self.incidents().await;
        let mine = |incident: &Incident| !incident.rule.starts_with("earlier-");
        all.into_iter().find(mine).expect("the shop's incident")
    }

    /// Resolver offers, Executor looks.
    async fn agents_look(&self) -> Incident {
        let runner = self.parts.runner.clone().expect("a runner");
        let casework = &self.parts.casework;
        let resolver = resolver::Resolver::new(casework.clone(), Some(runner.clone()));
        resolver.look(self.shops().await).await.expect("looked");
        let executor =
            executor::Executor::new(casework.clone(), runner, self.parts.executor.clone());
        executor.look(self.shops().await).await.expect("looked");
        self.shops().await
    }
}

fn scaled(incident: &Incident) -> &model::incident::ProposalState {
    let is_scale = |state: &&model::incident::ProposalState| {
        let Action { kind, .. } = &state.proposal.action;
        *kind == ActionKind::Scale
    };
    let all: Vec<&str> = incident
        .proposals
        .iter()
        .map(|state| state.proposal.action.kind.name())
        .collect();
    let found = incident.proposals.iter().find(is_scale);
    found.unwrap_or_else(|| panic!("no scale-up among {all:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_borne_out_here_runs_without_a_person_once() {
    let mut bench = Bench::under("on").await;
    let incident = bench.explained().await;
    let report = incident.report.clone().expect("a report");
    // Nineteen are too few.
    bench.borne_out(&incident.findings[0], &report, 0..19).await;
    let incident = bench.agents_look().await;
    assert_eq!(scaled(&incident).stage, ProposalStage::Pending);
    bench
        .borne_out(&incident.findings[0], &report, 19..20)
        .await;
    // A stop holds it, too.
    let casework = bench.parts.casework.clone();
    let person = model::Actor::Person {
        subject: "local:ada".to_owned(),
        name: "ada".to_owned(),
        via: "local".to_owned(),
    };
    let reason = "not now".to_owned();
    let act = model::Act::AutomationStopped { reason };
    casework
        .record_act(person.clone(), act)
        .await
        .expect("stopped");
    bench.clock.set(bench.clock.now().plus_ms(61_000));
    let incident = bench.agents_look().await;
    assert_eq!(scaled(&incident).stage, ProposalStage::Pending);
    let reason = "go on".to_owned();
    let act = model::Act::AutomationResumed { reason };
    casework.record_act(person, act).await.expect("resumed");
    bench.clock.set(bench.clock.now().plus_ms(61_000));
    let mut incident = bench.agents_look().await;
    let id = scaled(&incident).proposal.id.clone();
    let until = bench.clock.now().ms() + PATIENCE_MS;
    while scaled(&incident).recovery.is_none() {
        assert!(bench.clock.now().ms() < until, "it was never judged");
        bench.tick().await;
        incident = bench.agents_look().await;
    }
    let state = incident.proposal(&id).expect("offered");
    assert!(state.decisions.is_empty(), "nobody was asked");
    let made = state.automation.as_ref().expect("a rule's word");
    assert_eq!(made.rule, "more instances");
    assert_eq!(state.recovery, Some(Recovery::Recovered));
    // Once for an incident: what else is offered waits for people.
    let others = incident
        .proposals
        .iter()
        .filter(|one| one.proposal.id != id);
    assert!(others.into_iter().all(|one| one.automation.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_shadow_it_is_only_said() {
    let mut bench = Bench::under("shadow").await;
    let incident = bench.explained().await;
    let report = incident.report.clone().expect("a report");
    bench.borne_out(&incident.findings[0], &report, 0..20).await;
    let incident = bench.agents_look().await;
    let state = scaled(&incident);
    assert_eq!(state.stage, ProposalStage::Pending);
    let made = state.automation.as_ref().expect("what it would have done");
    assert!(made.shadow, "{made:?}");
    assert!(!state.is_automatic());
}
