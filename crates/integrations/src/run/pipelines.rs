//! Runbook actions that a CI system carries out: each is mapped by configuration to one workflow or
//! pipeline with fixed inputs, and to another one that undoes it, or none.
//!
//! A run is told apart by its title, into which the repository puts the execution id that it is
//! given. Guides: `docs/integrations/github-actions.md`, `docs/integrations/gitlab.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use model::{Action, ActionKind, Digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::once::{MAX_TARGETS, Mark, Plan, Platform, Progress, Sent, check_targets};
use super::rest::Rest;
use super::shortened;
use crate::error::Error;
use crate::outbound::Call;

mod github;
mod gitlab;
mod words;

pub use github::{GitHub, GitHubSettings};
pub use gitlab::{GitLab, GitLabSettings};

/// The input or variable that holds the execution id, where the settings don't say: as each system
/// lets names be.
const INPUT: &str = "datapulse_execution";
/// One request's time limit, in wall time.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Runs that are looked at, newest first: an order that more have followed can't be found.
pub(super) const LOOKED_AT: usize = 20;
/// Inputs of one run, as GitHub has it, but for the one that holds the execution id.
const MAX_INPUTS: usize = 24;
/// Hexadecimal digits of a mapping's tag.
const TAG_DIGITS: usize = 8;
/// Characters of a title that is told on.
const MAX_TITLE: usize = 120;

/// One run to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineRun {
    /// The workflow's file, such as `rollback.yml`; of GitHub only.
    pub workflow: String,
    /// The branch or tag that it runs on.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Fixed inputs (GitHub) or variables (GitLab).
    pub inputs: BTreeMap<String, String>,
}

/// What one kind of action on one target is mapped to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineAction {
    /// A service's name from telemetry.
    pub target: String,
    pub kind: ActionKind,
    /// What carries it out.
    #[serde(rename = "do")]
    pub forth: PipelineRun,
    /// What undoes it; none: it has no undo.
    #[serde(default)]
    pub undo: Option<PipelineRun>,
    /// What stands there before, in the action's own word: a version, a revision, a provider; for
    /// `flag_off` the flag's name. Not of `restart` and `cache_clear`.
    #[serde(default)]
    pub now: String,
    /// What stands there after.
    #[serde(default)]
    pub after: String,
}

/// Forth or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Do,
    Undo,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Do => "do",
            Self::Undo => "undo",
        }
    }
}

impl PipelineAction {
    fn side(&self, side: Side) -> Option<&PipelineRun> {
        match side {
            Side::Do => Some(&self.forth),
            Side::Undo => self.undo.as_ref(),
        }
    }

    fn runs(&self) -> impl Iterator<Item = &PipelineRun> {
        std::iter::once(&self.forth).chain(&self.undo)
    }

    /// What is wrong with it, wherever it runs.
    fn check(&self) -> Result<(), String> {
        if self.target.trim().is_empty() {
            return Err("target: expected a service's name".to_owned());
        }
        for run in self.runs() {
            if run.git_ref.trim().is_empty() {
                return Err("ref: expected a branch or a tag".to_owned());
            }
            if run.inputs.len() > MAX_INPUTS {
                return Err(format!(
                    "inputs: {} are over {MAX_INPUTS}",
                    run.inputs.len()
                ));
            }
        }
        words::check(self)
    }
}

/// The settings that all have, checked: one mapping for each target and kind.
fn check_actions(actions: &[PipelineAction]) -> Result<(), String> {
    let targets: BTreeSet<&str> = actions.iter().map(|one| one.target.as_str()).collect();
    check_targets(targets.len())?;
    for (at, one) in actions.iter().enumerate() {
        let named = |why: String| {
            format!(
                "action {} ({} on {}): {why}",
                at + 1,
                one.kind.name(),
                one.target
            )
        };
        one.check().map_err(named)?;
        let before = &actions[..at];
        let claims = |other: &&PipelineAction| {
            other.target == one.target && words::family(other.kind) == words::family(one.kind)
        };
        if before.iter().any(|other| claims(&other)) {
            return Err(named("is mapped twice: keep one".to_owned()));
        }
    }
    Ok(())
}

/// How a run ended, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunSeen {
    pub id: u64,
    /// Its title, which holds the execution id where DataPulse started it.
    pub title: String,
    pub progress: Progress,
}

/// Whom a run was started for, as its title says.
struct Started {
    mark: Mark,
    /// Of target and kind.
    tag: String,
    side: Side,
}

impl RunSeen {
    fn started(&self) -> Option<Started> {
        self.title.split_whitespace().find_map(|word| {
            let (mark, rest) = word.rsplit_once('.')?;
            let (tag, side) = rest.split_once('-')?;
            let side = [Side::Do, Side::Undo]
                .into_iter()
                .find(|one| one.word() == side)?;
            let mark = Mark(mark.contains('/').then(|| mark.to_owned())?);
            Some(Started {
                mark,
                tag: tag.to_owned(),
                side,
            })
        })
    }
}

/// Tells mappings apart that share a workflow or a project.
fn tag(target: &str, kind: ActionKind) -> String {
    let kind = words::family(kind).name();
    Digest::of_pieces(&[target.as_bytes(), kind.as_bytes()]).short(TAG_DIGITS)
}

/// The part that differs from one CI system to the other.
#[async_trait]
pub(super) trait Host: Send + Sync {
    fn name(&self) -> &'static str;
    fn label(&self) -> &'static str;
    fn wait(&self) -> Duration;
    fn actions(&self) -> &[PipelineAction];
    fn rest(&self) -> &Rest;
    /// Where runs of this one are listed; equal ones are asked for once.
    fn listing(&self, run: &PipelineRun) -> String;
    fn get(&self, url: &str) -> Call;
    /// The newest [`LOOKED_AT`] runs of an answer; nothing where it is no list of runs.
    fn runs(&self, answer: &Value) -> Option<Vec<RunSeen>>;
    /// Whether what others started where this one's runs are listed is about the same thing.
    fn is_shared_with_others(&self) -> bool;
    /// Where a run is started, and with what.
    fn start(&self, run: &PipelineRun, execution: &str) -> (String, Value);
    fn post(&self, url: &str, body: &Value) -> Call;
}

/// A target's mappings and the newest runs of each.
pub(super) struct Seen {
    target: String,
    mapped: Vec<Mapped>,
}

pub(super) struct Mapped {
    action: PipelineAction,
    /// Newest first.
    runs: Vec<RunSeen>,
}

impl Mapped {
    /// The side that stands: of the newest run of ours that succeeded.
    fn stands(&self) -> Side {
        let done = |run: &&RunSeen| matches!(run.progress, Progress::Done(_));
        let newest = self.runs.iter().filter(done).find_map(RunSeen::started);
        newest.map_or(Side::Undo, |started| started.side)
    }
}

pub(super) struct Pipelines<H>(pub H);

/// The run to start, and which of both it is.
#[derive(Debug)]
pub(super) struct Start {
    run: PipelineRun,
    /// The mapping's tag and the side.
    of: String,
}

impl<H: Host> Pipelines<H> {
    fn planned(&self, action: &Action, seen: &Seen) -> Result<(String, Start), String> {
        let family = words::family(action.kind);
        let mapped = seen
            .mapped
            .iter()
            .find(|one| words::family(one.action.kind) == family);
        let mapped = mapped.ok_or_else(|| {
            format!(
                "{} on {} is mapped to nothing: add it to the runner's actions",
                action.kind.name(),
                action.target
            )
        })?;
        let side = words::side(&mapped.action, action)?;
        let has_undo = mapped.action.undo.is_some();
        if words::has_sides(action.kind) && has_undo && mapped.stands() == side {
            return Err(format!(
                "{} on {} is so already",
                action.kind.name(),
                action.target
            ));
        }
        if let Some(run) = mapped
            .runs
            .iter()
            .find(|run| matches!(run.progress, Progress::Running(_)))
        {
            return Err(format!(
                "run {} ({}) is under way: wait for its end",
                run.id,
                shortened(&run.title, MAX_TITLE)
            ));
        }
        let run = mapped.action.side(side).ok_or_else(|| {
            format!(
                "no undo is mapped for {} on {}",
                action.kind.name(),
                action.target
            )
        })?;
        let what = if run.workflow.is_empty() {
            "a pipeline"
        } else {
            &run.workflow
        };
        let inputs: Vec<String> = run
            .inputs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let does = format!(
            "{} of {} runs on {} with {}",
            what,
            action.target,
            run.git_ref,
            match inputs.as_slice() {
                [] => "no inputs".to_owned(),
                inputs => inputs.join(", "),
            }
        );
        Ok((
            does,
            Start {
                run: run.clone(),
                of: format!("{}-{}", tag(&action.target, action.kind), side.word()),
            },
        ))
    }
}

/// What the run is given, and its title shows: `incident:proposal/digest.tag-do`.
fn execution(mark: &Mark, start: &Start) -> String {
    format!("{}.{}", mark.0, start.of)
}

#[async_trait]
impl<H: Host> Platform for Pipelines<H> {
    type Seen = Seen;
    type Step = Start;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn label(&self) -> &'static str {
        self.0.label()
    }

    fn wait(&self) -> Duration {
        self.0.wait()
    }

    fn targets(&self) -> Vec<String> {
        let all: BTreeSet<&str> = self
            .0
            .actions()
            .iter()
            .map(|one| one.target.as_str())
            .collect();
        all.into_iter()
            .take(MAX_TARGETS)
            .map(str::to_owned)
            .collect()
    }

    async fn look(&self, target: &str) -> Result<Seen, Error> {
        let label = self.label();
        let actions = self.0.actions().iter().filter(|one| one.target == target);
        let mut listed: BTreeMap<String, Vec<RunSeen>> = BTreeMap::new();
        let mut mapped = Vec::new();
        for action in actions {
            let mut runs: Vec<RunSeen> = Vec::new();
            let places: BTreeSet<String> = action.runs().map(|run| self.0.listing(run)).collect();
            for url in places {
                if !listed.contains_key(&url) {
                    let answer = self
                        .0
                        .rest()
                        .get(
                            || Ok(self.0.get(&url)),
                            &format!("list of runs for {target}"),
                        )
                        .await?;
                    let found = self.0.runs(&answer).ok_or_else(|| {
                        Error::NotDone(format!("{label}: an answer that is no list of runs"))
                    })?;
                    listed.insert(url.clone(), found);
                }
                runs.extend(listed.get(&url).into_iter().flatten().cloned());
            }
            let own = tag(target, action.kind);
            runs.retain(|run| match run.started() {
                Some(started) => started.tag == own,
                None => self.0.is_shared_with_others(),
            });
            runs.sort_by_key(|run| std::cmp::Reverse(run.id));
            mapped.push(Mapped {
                action: action.clone(),
                runs,
            });
        }
        if mapped.is_empty() {
            return Err(Error::Refused(format!(
                "{label}: no action is mapped for {target}: add it to the runner's actions"
            )));
        }
        Ok(Seen {
            target: target.to_owned(),
            mapped,
        })
    }

    fn describe(&self, seen: &Seen) -> Value {
        let mut state = json!({ "target": seen.target, "actions": {} });
        for one in &seen.mapped {
            words::describe(&one.action, one.stands(), &mut state);
            let newest = one.runs.first();
            let ended = newest.map(|run| match &run.progress {
                Progress::Running(_) => "running",
                Progress::Done(_) => "succeeded",
                Progress::Failed(_) => "failed",
                Progress::CannotTell(_) => "unknown",
            });
            state["actions"][one.action.kind.name()] = json!({ "do": one.action.forth, "undo": one.action.undo,
                "newest_run": { "id": newest.map(|run| run.id), "is": ended } });
        }
        state
    }

    fn marks(&self, seen: &Seen) -> Vec<(Mark, Progress)> {
        let runs = seen.mapped.iter().flat_map(|one| &one.runs);
        runs.filter_map(|run| Some((run.started()?.mark, run.progress.clone())))
            .collect()
    }

    fn plan(&self, action: &Action, seen: &Seen, mark: &Mark) -> Result<Plan<Start>, String> {
        let (does, step) = self.planned(action, seen)?;
        let (url, body) = self.0.start(&step.run, &execution(mark, &step));
        Ok(Plan {
            does,
            sends: vec![format!("POST {url} {body}")],
            step,
        })
    }

    async fn send(&self, plan: &Plan<Start>, _: &Seen, mark: &Mark) -> Result<Sent, Error> {
        let (url, body) = self.0.start(&plan.step.run, &execution(mark, &plan.step));
        let label = self.label();
        let taken = self.0.rest().write(|| Ok(self.0.post(&url, &body))).await?;
        taken.ok_or_else(|| {
            Error::Refused(format!("{label}: there is no such workflow or project, or the credential may not start it; nothing was done"))
        })?;
        Ok(Sent::Marked)
    }
}

#[cfg(test)]
mod tests;
