//! GitLab CI/CD: a pipeline with variables, of which one holds the execution id that
//! `.gitlab-ci.yml` makes the pipeline's name of.

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

const LABEL: &str = "GitLab";
const API: &str = "https://gitlab.com";

/// A project and what its pipelines may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GitLabSettings {
    pub url: String,
    /// `group/name`, or the project's number.
    pub project: String,
    /// The environment variable that holds the token.
    pub secret_env: String,
    /// The variable that holds the execution id.
    pub execution_variable: String,
    pub action: Vec<PipelineAction>,
    /// Seconds that a pipeline is waited for, 1 to 1800.
    pub wait_s: u64,
}

impl Default for GitLabSettings {
    fn default() -> Self {
        Self {
            url: API.to_owned(),
            project: String::new(),
            secret_env: String::new(),
            execution_variable: INPUT.to_uppercase(),
            action: Vec::new(),
            wait_s: WAIT_S,
        }
    }
}

impl GitLabSettings {
    /// What is wrong with the settings by themselves.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |why: String| Error::Configuration(format!("{LABEL} runner: {why}"));
        Outbound::default()
            .listed_url(&self.url)
            .map_err(|error| wrong(format!("url: {error}")))?;
        if self.project.trim().is_empty() {
            return Err(wrong("project: expected group/name or a number".to_owned()));
        }
        check_actions(&self.action).map_err(wrong)?;
        let runs = || self.action.iter().flat_map(PipelineAction::runs);
        if runs().any(|run| !run.workflow.is_empty()) {
            return Err(wrong("workflow: GitLab has one pipeline file; tell what is to be done by variables (inputs)".to_owned()));
        }
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !is_name(&self.execution_variable)
            || runs().any(|run| run.inputs.contains_key(&self.execution_variable))
        {
            return Err(wrong("execution_variable: expected the name of a variable that is not among the fixed ones".to_owned()));
        }
        if let Some(name) = runs()
            .flat_map(|run| run.inputs.keys())
            .find(|name| !is_name(name))
        {
            return Err(wrong(format!(
                "inputs: {name:?} can't be a variable's name"
            )));
        }
        check_wait(self.wait_s).map_err(wrong)
    }
}

/// Starts pipelines of one project.
pub struct GitLab(Once<Pipelines<Api>>);

impl GitLab {
    /// `outbound` is what others share: the host of the settings is listed by being there.
    pub fn new(
        settings: GitLabSettings,
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

    /// Whether the project's pipelines can be read: for `doctor`.
    pub async fn check(&self) -> Result<(), Error> {
        self.0.look_at_all().await
    }
}

runs_once!(GitLab);

pub(super) struct Api {
    settings: GitLabSettings,
    token: Secret,
    rest: Rest,
}

impl Api {
    fn project(&self) -> String {
        let base = self.settings.url.trim_end_matches('/');
        format!(
            "{base}/api/v4/projects/{}",
            path_segment(&self.settings.project)
        )
    }
}

impl Host for Api {
    fn name(&self) -> &'static str {
        "gitlab"
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

    fn listing(&self, _: &PipelineRun) -> String {
        format!(
            "{}/pipelines?source=api&order_by=id&sort=desc&per_page={LOOKED_AT}",
            self.project()
        )
    }

    fn get(&self, url: &str) -> Call {
        let call = Call::get(&format!("{LABEL}: list of pipelines"), url);
        call.header("private-token", self.token.reveal())
            .within(TIMEOUT)
    }

    fn runs(&self, answer: &Value) -> Option<Vec<RunSeen>> {
        let pipeline = |one: &Value| {
            Some(RunSeen {
                id: one.get("id")?.as_u64()?,
                title: text(one, "/name").to_owned(),
                progress: progress(one),
            })
        };
        answer.as_array()?.iter().map(pipeline).collect()
    }

    fn is_shared_with_others(&self) -> bool {
        // All pipelines of the project are listed together.
        false
    }

    fn start(&self, run: &PipelineRun, execution: &str) -> (String, Value) {
        let fixed = run
            .inputs
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }));
        let ours = json!({ "key": self.settings.execution_variable, "value": execution });
        let variables: Vec<Value> = fixed.chain([ours]).collect();
        (
            format!("{}/pipeline", self.project()),
            json!({ "ref": run.git_ref, "variables": variables }),
        )
    }

    fn post(&self, url: &str, body: &Value) -> Call {
        let call = Call::post(
            &format!("{LABEL}: start of a pipeline"),
            url,
            body.to_string().into_bytes(),
        );
        call.header("content-type", "application/json")
            .header("private-token", self.token.reveal())
            .within(TIMEOUT)
    }
}

fn progress(pipeline: &Value) -> Progress {
    let status = text(pipeline, "/status");
    let at = format!("{}: {status}", text(pipeline, "/web_url"));
    match status {
        "success" => Progress::Done(at),
        "failed" | "skipped" => Progress::Failed(at),
        // It may have done part of its work, or waits for a person's click.
        "canceled" | "manual" => Progress::CannotTell(at),
        _ => Progress::Running(at),
    }
}
