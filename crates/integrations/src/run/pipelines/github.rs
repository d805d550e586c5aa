//! GitHub Actions: `workflow_dispatch`, with the execution id as an input that the workflow puts
//! into its `run-name`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Host, INPUT, LOOKED_AT, PipelineAction, PipelineRun, Pipelines, RunSeen, TIMEOUT, check_actions,
};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::run::once::{Once, Progress, WAIT_S, check_wait, runs_once};
use crate::run::path_segment;
use crate::run::rest::Rest;
use crate::run::text;
use crate::secret::Secret;

const LABEL: &str = "GitHub Actions";
const API: &str = "https://api.github.com";
/// The version of the REST API whose description the tests hold requests against.
const VERSION: &str = "2022-11-28";

/// A repository and what its workflows may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GitHubSettings {
    /// Of the REST API; GitHub Enterprise Server has it at `https://HOST/api/v3`.
    pub url: String,
    /// `owner/name`.
    pub repository: String,
    /// The environment variable that holds the token.
    pub secret_env: String,
    /// The input that holds the execution id.
    pub execution_input: String,
    pub action: Vec<PipelineAction>,
    /// Seconds that a run is waited for, 1 to 1800.
    pub wait_s: u64,
}

impl Default for GitHubSettings {
    fn default() -> Self {
        Self {
            url: API.to_owned(),
            repository: String::new(),
            secret_env: String::new(),
            execution_input: INPUT.to_owned(),
            action: Vec::new(),
            wait_s: WAIT_S,
        }
    }
}

impl GitHubSettings {
    /// What is wrong with the settings by themselves.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |why: String| Error::Configuration(format!("{LABEL} runner: {why}"));
        Outbound::default()
            .listed_url(&self.url)
            .map_err(|error| wrong(format!("url: {error}")))?;
        let is_name = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        if !self
            .repository
            .split_once('/')
            .is_some_and(|(owner, name)| is_name(owner) && is_name(name))
        {
            return Err(wrong(format!(
                "repository: expected owner/name, got {:?}",
                self.repository
            )));
        }
        check_actions(&self.action).map_err(wrong)?;
        let runs = || self.action.iter().flat_map(PipelineAction::runs);
        if runs().any(|run| run.workflow.trim().is_empty()) {
            return Err(wrong(
                "workflow: expected a workflow's file, such as rollback.yml".to_owned(),
            ));
        }
        if self.execution_input.is_empty()
            || runs().any(|run| run.inputs.contains_key(&self.execution_input))
        {
            return Err(wrong(
                "execution_input: expected the name of an input that is not among the fixed ones"
                    .to_owned(),
            ));
        }
        check_wait(self.wait_s).map_err(wrong)
    }
}

/// Starts workflows of one repository.
pub struct GitHub(Once<Pipelines<Api>>);

impl GitHub {
    /// `outbound` is what others share: the host of the settings is listed by being there.
    pub fn new(
        settings: GitHubSettings,
        token: Secret,
        outbound: &Outbound,
    ) -> Result<Self, Error> {
        settings.check()?;
        let rest = Rest::new(LABEL, outbound.listed_url(&settings.url)?);
        Ok(Self(Once::new(Pipelines(Api {
            settings,
            token,
            rest,
        }))))
    }

    /// Whether the runs of every mapped workflow can be read: for `doctor`.
    pub async fn check(&self) -> Result<(), Error> {
        self.0.look_at_all().await
    }
}

runs_once!(GitHub);

pub(super) struct Api {
    settings: GitHubSettings,
    token: Secret,
    rest: Rest,
}

impl Api {
    fn workflow(&self, run: &PipelineRun) -> String {
        let base = self.settings.url.trim_end_matches('/');
        let (repository, workflow) = (&self.settings.repository, path_segment(&run.workflow));
        format!("{base}/repos/{repository}/actions/workflows/{workflow}")
    }

    fn signed(&self, call: Call) -> Call {
        call.header("accept", "application/vnd.github+json")
            .header("x-github-api-version", VERSION)
            .header("user-agent", "datapulse")
            .bearer(&self.token)
            .within(TIMEOUT)
    }
}

impl Host for Api {
    fn name(&self) -> &'static str {
        "github"
    }

    fn label(&self) -> &'static str {
        LABEL
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(self.settings.wait_s)
    }

    fn actions(&self) -> &[PipelineAction] {
        &self.settings.action
    }

    fn rest(&self) -> &Rest {
        &self.rest
    }

    fn listing(&self, run: &PipelineRun) -> String {
        format!(
            "{}/runs?event=workflow_dispatch&per_page={LOOKED_AT}",
            self.workflow(run)
        )
    }

    fn get(&self, url: &str) -> Call {
        self.signed(Call::get(&format!("{LABEL}: list of runs"), url))
    }

    fn runs(&self, answer: &Value) -> Option<Vec<RunSeen>> {
        let runs = answer.get("workflow_runs")?.as_array()?;
        runs.iter()
            .map(|run| {
                Some(RunSeen {
                    id: run.get("id")?.as_u64()?,
                    title: text(run, "/display_title").to_owned(),
                    progress: progress(run),
                })
            })
            .collect()
    }

    fn is_shared_with_others(&self) -> bool {
        // A run of a mapped workflow changes what it is mapped for, whoever starts it.
        true
    }

    fn start(&self, run: &PipelineRun, execution: &str) -> (String, Value) {
        let mut inputs = run.inputs.clone();
        inputs.insert(self.settings.execution_input.clone(), execution.to_owned());
        (
            format!("{}/dispatches", self.workflow(run)),
            json!({ "ref": run.git_ref, "inputs": inputs }),
        )
    }

    fn post(&self, url: &str, body: &Value) -> Call {
        let call = Call::post(
            &format!("{LABEL}: start of a workflow"),
            url,
            body.to_string().into_bytes(),
        );
        self.signed(call.header("content-type", "application/json"))
    }
}

fn progress(run: &Value) -> Progress {
    let (status, conclusion) = (text(run, "/status"), text(run, "/conclusion"));
    let at = format!("{}: {status} {conclusion}", text(run, "/html_url"));
    match (status, conclusion) {
        ("completed", "success") => Progress::Done(at),
        ("completed", "failure" | "timed_out" | "startup_failure" | "skipped") => {
            Progress::Failed(at)
        }
        // It may have done part of its work; who looks at it can say.
        ("completed", _) => Progress::CannotTell(at),
        _ => Progress::Running(at),
    }
}
