//! The story unattended: each stage is told when the journal shows it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use model::incident::ProposalStage;
use model::{Cause, ExecutionResult, Incident, Recovery, Report, Status};
use serde_json::{Value, json};
use simulator::{Fault, Truth};

use super::incidents;
use super::responders::RESPONDERS;
use crate::client::API;
use crate::commands::audit;
use crate::keys;
use crate::print;
use crate::wire::Parts;

/// The stages in their order.
const STAGES: [&str; 7] = [
    "found",
    "explained",
    "proposed",
    "approved",
    "executed",
    "recovered",
    "resolved",
];
/// How often the journal is looked at, in the wall's time.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The story has to end within this, in the wall's time: with `--approve`, and with a person. Half a
/// minute is usual; a machine that does many other things may take many times that.
const LIMIT: Duration = Duration::from_secs(600);
const LIMIT_PERSON: Duration = Duration::from_secs(1_800);
/// Shares of a long step are told at most this often.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Tells people; where a program reads stdout, on stderr.
pub struct Teller {
    json: bool,
    began: Instant,
    told: std::sync::Mutex<Option<Instant>>,
}

impl Teller {
    pub fn new(json: bool, began: Instant) -> Self {
        Self {
            json,
            began,
            told: std::sync::Mutex::default(),
        }
    }

    fn elapsed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub fn progress(&self, text: &str) {
        eprintln!("{:>6.1} s  {}", self.elapsed(), print::plain(text));
    }

    pub fn share(&self, what: &str, done: i64, all: i64) {
        let mut told = self
            .told
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if done < all && told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        self.progress(&format!("{what}: {} %", done * 100 / all.max(1)));
    }

    fn stage(&self, stage: &str, says: &str) {
        let line = format!(
            "{:>6.1} s  {stage:<10} {}",
            self.elapsed(),
            print::plain(says)
        );
        if self.json {
            eprintln!("{line}")
        } else {
            println!("{line}")
        }
    }
}

pub struct Story<'a> {
    pub parts: &'a Parts,
    pub url: &'a str,
    /// The responders' tokens, where decisions are made unattended; else none.
    pub approvers: Vec<String>,
    pub fault: Fault,
    pub seed: u64,
    pub truth: Option<Truth>,
    pub folder: PathBuf,
}

impl Story<'_> {
    /// Exit code 0 only when every stage was reached and the audit is intact.
    pub async fn tell(&self, teller: &Teller) -> Result<u8> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        let limit = if self.approvers.is_empty() {
            LIMIT_PERSON
        } else {
            LIMIT
        };
        let mut reached: BTreeMap<&str, f64> = BTreeMap::new();
        let began = Instant::now();
        let incident = loop {
            let all = incidents(&self.parts.casework).await?;
            if let Some(main) = all.first() {
                self.note(main, &mut reached, teller);
                if main.status == Status::Resolved
                    && all.iter().all(|incident| incident.status.is_over())
                {
                    break Some(main.clone());
                }
            }
            if !self.approvers.is_empty() {
                for incident in &all {
                    self.approve(&http, incident).await?;
                }
            }
            if began.elapsed() > limit {
                break all.into_iter().next();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let intact = self.verify(&mut reached, teller).await?;
        self.end(incident.as_ref(), &reached, intact, teller)
    }

    /// Tells stages that were reached since the last look, in their order.
    fn note(
        &self,
        incident: &Incident,
        reached: &mut BTreeMap<&'static str, f64>,
        teller: &Teller,
    ) {
        for stage in STAGES {
            if reached.contains_key(stage) {
                continue;
            }
            let Some(says) = says(incident, stage) else {
                return;
            };
            reached.insert(stage, teller.elapsed());
            teller.stage(stage, &says);
        }
    }

    /// One proposal at a time, in the order offered; where two must agree, both do.
    async fn approve(&self, http: &reqwest::Client, incident: &Incident) -> Result<()> {
        let busy = incident.proposals.iter().any(|state| {
            matches!(
                state.stage,
                ProposalStage::Approved | ProposalStage::Executing | ProposalStage::Executed
            )
        });
        // Between the check's record and that of the mitigation, too, nothing more is to be done.
        let helped = incident
            .proposals
            .iter()
            .any(|state| state.recovery == Some(Recovery::Recovered));
        if busy || helped || incident.status.is_over() || incident.status == Status::Mitigated {
            return Ok(());
        }
        let Some(next) = incident.proposals.iter().find(|state| {
            let yes = state.decisions.len();
            state.stage == ProposalStage::Pending
                && yes < (state.proposal.quorum as usize).min(RESPONDERS.len())
        }) else {
            return Ok(());
        };
        let turn = next.decisions.len();
        let (Some(token), Some(name)) = (self.approvers.get(turn), RESPONDERS.get(turn)) else {
            return Ok(());
        };
        let path = format!(
            "{}{API}/incidents/{}/proposals/{}/decisions",
            self.url, incident.id, next.proposal.id
        );
        let body = json!({ "seal": next.seal, "approve": true, "reason": format!("decided unattended as {name}") });
        let answer = http
            .post(path)
            .bearer_auth(token)
            .json(&body)
            .send()
            .await?;
        if !answer.status().is_success() {
            // Decided, expired or drifted meanwhile: the next look sees what is pending now.
            tracing::info!(status = %answer.status(), proposal = next.proposal.id, "a decision wasn't taken");
        }
        Ok(())
    }

    async fn verify(
        &self,
        reached: &mut BTreeMap<&'static str, f64>,
        teller: &Teller,
    ) -> Result<bool> {
        let verification = self.parts.store.verify().await?;
        let forged = keys::faults(&self.parts.store, &self.parts.casework.ring()).await?;
        let signed = forged.iter().map(ToString::to_string);
        for fault in audit::faults(&verification).into_iter().chain(signed) {
            teller.progress(&format!("FAULT {fault}"));
        }
        let covered = verification.uncovered().next().is_none();
        let intact = verification.is_intact() && forged.is_empty() && covered;
        if intact {
            reached.insert("audited", teller.elapsed());
            let records: u64 = verification
                .incidents
                .iter()
                .map(|check| check.records)
                .sum();
            teller.stage(
                "audited",
                &format!(
                    "{records} records, held against {} anchors: intact",
                    verification.anchor_lines
                ),
            );
        }
        Ok(intact)
    }

    fn end(
        &self,
        incident: Option<&Incident>,
        reached: &BTreeMap<&'static str, f64>,
        intact: bool,
        teller: &Teller,
    ) -> Result<u8> {
        let missing: Vec<&str> = STAGES
            .into_iter()
            .filter(|stage| !reached.contains_key(stage))
            .collect();
        let first = incident
            .and_then(|incident| incident.report.as_ref())
            .and_then(Report::first);
        let right = first.is_some_and(|first| is_right(self.truth.as_ref(), &first.cause));
        if teller.json {
            let stages: Vec<Value> = STAGES
                .into_iter()
                .chain(["audited"])
                .filter_map(|stage| Some(json!({ "stage": stage, "at_s": (reached.get(stage)? * 100.0).round() / 100.0 })))
                .collect();
            print::json(&json!({
                "fault": self.fault.name(),
                "seed": self.seed,
                "cause_right": right,
                "blamed_change": first.and_then(|first| first.blamed_change.clone()),
                "confidence": first.map(|first| first.confidence),
                "stages": stages,
            }))?;
        } else {
            println!(
                "the first cause is {}",
                if right {
                    "the right one"
                } else {
                    "not the right one"
                }
            );
            println!(
                "verify it again: datapulse audit verify --data {}",
                self.folder.display()
            );
        }
        if missing.is_empty() && intact {
            return Ok(0);
        }
        let status = incident.map_or("no incident was opened".to_owned(), |incident| {
            format!("{} is {}", incident.id, incident.status.name())
        });
        eprintln!(
            "datapulse: the story has no end: {status}; missing: {}",
            missing.join(", ")
        );
        Ok(1)
    }
}

/// Held against what is true in the shop: the guilty change, the provider, or the load.
pub fn is_right(truth: Option<&Truth>, cause: &Cause) -> bool {
    match (truth, cause) {
        (
            Some(Truth::Change {
                deployment: guilty, ..
            }),
            Cause::Change { deployment, .. },
        ) => guilty == deployment,
        (Some(Truth::Outside { provider }), Cause::Outside { dependency }) => {
            provider == dependency
        }
        (Some(Truth::Load { service: loaded }), Cause::Load { service }) => loaded == service,
        _ => false,
    }
}

/// What the journal says of a stage; `None`: not reached.
fn says(incident: &Incident, stage: &str) -> Option<String> {
    let with = |wanted: &[ProposalStage]| {
        incident
            .proposals
            .iter()
            .find(|state| wanted.contains(&state.stage))
    };
    let action = |state: &model::incident::ProposalState| {
        format!(
            "{} {} {}",
            state.proposal.id,
            state.proposal.action.kind.name(),
            state.proposal.action.target
        )
    };
    let acted = [
        ProposalStage::Approved,
        ProposalStage::Executing,
        ProposalStage::Executed,
        ProposalStage::Checked,
    ];
    match stage {
        "found" => Some(format!("{}: {}", incident.id, incident.title)),
        "explained" => {
            let report = incident.report.as_ref()?;
            let sure = report.first().map_or(0.0, |first| first.confidence);
            Some(format!("{:.0} %: {}", sure * 100.0, report.conclusion))
        }
        "proposed" => Some(format!(
            "{} proposals, first {}",
            incident.proposals.len(),
            action(incident.proposals.first()?)
        )),
        "approved" => {
            let state = with(&acted)?;
            let by: Vec<&str> = state
                .decisions
                .iter()
                .map(|decision| decision.actor.label())
                .collect();
            Some(format!("{} by {}", action(state), by.join(" and ")))
        }
        "executed" => {
            let done = |state: &&model::incident::ProposalState| {
                state.result == Some(ExecutionResult::Succeeded)
            };
            Some(action(incident.proposals.iter().find(done)?))
        }
        "recovered" => {
            let helped = |state: &&model::incident::ProposalState| {
                state.recovery == Some(Recovery::Recovered)
            };
            let state = incident.proposals.iter().find(helped)?;
            Some(format!(
                "{}, by the query that raised the alarm",
                action(state)
            ))
        }
        _ => incident.resolved_at.map(|at| format!("at {at}")),
    }
}
