//! Four eyes, drift, stops and roles under the real agents: what was not agreed to by enough
//! people, as they stand when it counts, is not done.

use casework::Stage as _;
use executor::Executor;
use model::incident::ProposalStage;
use model::{Act, ActionKind, Actor, Event, Incident, Role};
use resolver::Resolver;
use serde_json::json;
use simulator::{Fault, Naming};
use store::SavedPerson;

use super::{Bench, SEED};

fn actor(name: &str) -> Actor {
    Actor::Person {
        subject: format!("oidc:{name}"),
        name: name.to_owned(),
        via: "session".to_owned(),
    }
}

impl Bench {
    /// Resolver and Executor look once.
    async fn look(&self) {
        let runner = self.parts.runner.clone().expect("a runner");
        let casework = &self.parts.casework;
        let resolver = Resolver::new(casework.clone(), Some(runner.clone()));
        let settings = self.parts.executor.clone();
        let executor = Executor::new(casework.clone(), runner, settings);
        resolver.look(self.incident().await).await.expect("looked");
        executor.look(self.incident().await).await.expect("looked");
    }

    /// Somebody with what a role may do.
    async fn person(&self, name: &str, role: Role) {
        let person = SavedPerson {
            subject: format!("oidc:{name}"),
            name: name.to_owned(),
            role,
            scopes: role.scopes().to_vec(),
            source: "oidc".to_owned(),
            seen_at: self.clock.now(),
            disabled_at: None,
        };
        let knowledge = self.parts.casework.knowledge();
        knowledge.put_person(&person).await.expect("is kept");
    }

    async fn say(&self, incident: &Incident, name: &str, event: Event) -> Result<Incident, String> {
        let casework = &self.parts.casework;
        let said = casework.record(&incident.id, actor(name), event).await;
        said.map_err(|error| error.to_string())
    }

    async fn yes(
        &self,
        incident: &Incident,
        proposal: &str,
        name: &str,
    ) -> Result<Incident, String> {
        let decided = Event::Decided {
            proposal: proposal.to_owned(),
            seal: incident.proposal(proposal).expect("offered").seal,
            approve: true,
            reason: "do it".to_owned(),
            break_glass: false,
        };
        self.say(incident, name, decided).await
    }

    async fn stage_of(&self, proposal: &str) -> ProposalStage {
        self.look().await;
        let incident = self.incident().await;
        incident.proposal(proposal).expect("offered").stage
    }
}

/// An offered incident with an action that Ada asks for; gives the proposal's id.
async fn asked_for(bench: &mut Bench) -> (Incident, String) {
    bench.explained().await;
    bench.look().await;
    let incident = bench.incident().await;
    for (name, role) in [
        ("ada", Role::Responder),
        ("bob", Role::Responder),
        ("eve", Role::Viewer),
    ] {
        bench.person(name, role).await;
    }
    let target = incident.proposals[0].proposal.action.target.clone();
    let request = Event::ActionRequested {
        action: model::Action {
            kind: ActionKind::Restart,
            target,
            parameters: Default::default(),
        },
        why: "it leaks".to_owned(),
        edits: None,
    };
    bench
        .say(&incident, "ada", request)
        .await
        .expect("is asked");
    bench.look().await;
    let incident = bench.incident().await;
    let offered = incident.requests[0].proposal.clone();
    (incident, offered.expect("is offered"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_is_not_the_one_who_agrees() {
    let mut bench = Bench::set(SEED, Some(Fault::DbConnections), Naming::default()).await;
    let (incident, id) = asked_for(&mut bench).await;
    let proposal = &incident.proposal(&id).expect("offered").proposal;
    assert_eq!(proposal.requesters[0].name, "ada");
    assert!(proposal.not_the_requester, "restart is of medium risk");
    let refused = bench.yes(&incident, &id, "ada").await.expect_err("refused");
    assert!(refused.contains("ada asked for"), "{refused}");
    // Whoever has not the role when it counts, counts for nothing.
    bench.yes(&incident, &id, "eve").await.expect("is recorded");
    assert_eq!(bench.stage_of(&id).await, ProposalStage::Pending);
    bench.yes(&incident, &id, "bob").await.expect("is recorded");
    bench.person("bob", Role::Viewer).await;
    assert_eq!(
        bench.stage_of(&id).await,
        ProposalStage::Pending,
        "bob was demoted"
    );
    bench.person("bob", Role::Responder).await;
    assert_ne!(bench.stage_of(&id).await, ProposalStage::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_holds_what_is_approved_until_it_is_lifted() {
    let mut bench = Bench::set(SEED, Some(Fault::DbConnections), Naming::default()).await;
    let (incident, id) = asked_for(&mut bench).await;
    let casework = bench.parts.casework.clone();
    let act = |stop: bool| {
        let reason = "the platform is being repaired".to_owned();
        match stop {
            true => Act::AutomationStopped { reason },
            false => Act::AutomationResumed { reason },
        }
    };
    casework
        .record_act(actor("ada"), act(true))
        .await
        .expect("stops");
    bench.yes(&incident, &id, "bob").await.expect("is recorded");
    for _ in 0..3 {
        assert_eq!(
            bench.stage_of(&id).await,
            ProposalStage::Approved,
            "it waits"
        );
    }
    casework
        .record_act(actor("ada"), act(false))
        .await
        .expect("is lifted");
    bench.look().await;
    let incident = bench.incident().await;
    assert!(
        incident
            .proposal(&id)
            .expect("offered")
            .started_at
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_voids_and_asks_again_with_what_changed() {
    let mut bench = Bench::set(SEED, Some(Fault::DbConnections), Naming::default()).await;
    let (incident, id) = asked_for(&mut bench).await;
    let target = incident
        .proposal(&id)
        .expect("offered")
        .proposal
        .action
        .target
        .clone();
    // Somebody else scales it, past us.
    let order = integrations::run::Order {
        key: "by hand".to_owned(),
        action: model::Action {
            kind: ActionKind::Scale,
            target,
            parameters: [("replicas".to_owned(), json!(7))].into_iter().collect(),
        },
    };
    let runner = bench.parts.runner.clone().expect("a runner");
    let done = runner.execute(&order).await.expect("is scaled");
    assert_eq!(done.result, model::ExecutionResult::Succeeded, "{done:?}");
    bench.yes(&incident, &id, "bob").await.expect("is recorded");
    bench.look().await;
    let incident = bench.incident().await;
    assert_eq!(
        incident.proposal(&id).expect("offered").stage,
        ProposalStage::Voided
    );
    let again = &incident.proposals.last().expect("offered again").proposal;
    let replaced = again.replaces.as_ref().expect("it says in whose place");
    assert_eq!(replaced.proposal, id);
    assert!(
        replaced.changed.contains("replicas"),
        "{}",
        replaced.changed
    );
    assert_eq!(
        again.requesters[0].name, "ada",
        "the one who asked is still the one who asked"
    );
    assert!(incident.proposals.last().expect("one").decisions.is_empty());
}
