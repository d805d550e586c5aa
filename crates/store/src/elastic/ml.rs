//! Anomaly detection jobs of Elastic's machine learning: put there, looked at, taken away.
//!
//! What they are is in [`jobs`]; here is only what a cluster is told and says. All of it can be
//! done again: what is as it should be stays as it is.

use reqwest::Method;
use serde_json::{Value, json};

use super::Elastic;
use super::client::{Call, Reply};
use super::failure::Failure;
use super::setup::{Change, Step};
use crate::error::Error;

pub use jobs::{Job, jobs};

mod jobs;

/// What ids of our jobs begin with; their datafeeds are named after them.
pub const PREFIX: &str = "datapulse-";
const OURS: &str = "datapulse-*";
/// All of their datafeeds.
const OUR_FEEDS: &str = "datafeed-datapulse-*";

const JOBS: [&str; 2] = ["_ml", "anomaly_detectors"];
const FEEDS: [&str; 2] = ["_ml", "datafeeds"];

/// Where a job and a datafeed say which version of ours they are.
pub const DIGEST: &str = "datapulse_digest";

/// How far back a new datafeed begins: enough for a model of days and nights.
const LEARNS_FROM: &str = "now-14d";

/// How a job and its datafeed are.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub job: String,
    /// `opened`, `closed`, `failed` …
    pub state: String,
    /// `started`, `stopped` …; empty: it has none.
    pub datafeed: String,
    /// Documents that the job has seen.
    pub documents: u64,
    /// Of the newest one, as Elasticsearch says it; empty: none yet.
    pub newest: String,
    /// Why it doesn't run, in Elasticsearch's words; empty: nothing to say.
    pub explains: String,
}

impl Elastic {
    /// Makes jobs and datafeeds where they are missing, opens and starts them. A datafeed of
    /// another version is replaced; a job is not, because its model would be lost.
    ///
    /// # Errors
    /// [`Error::Refused`] where the cluster has no machine learning, no licence for it, or we may
    /// not; what is missing is named.
    pub async fn install_ml(&self, jobs: &[Job], dry_run: bool) -> Result<Vec<Step>, Error> {
        let known = self.ml(Call::get(path(&JOBS, OURS))).await?.body;
        let feeds = self.ml(Call::get(path(&FEEDS, OUR_FEEDS))).await?.body;
        let mut steps = Vec::new();
        for job in jobs {
            let step = job_step(job, find(&known["jobs"], "job_id", &job.id));
            let is_new = step.change == Change::Made;
            let kept = step.change == Change::Kept;
            if is_new && !dry_run {
                self.ml(Call::put(path(&JOBS, &job.id), &job.body)).await?;
            }
            steps.push(step);
            if kept {
                continue;
            }
            let step = feed_step(
                job,
                find(&feeds["datafeeds"], "datafeed_id", &job.feed_id()),
            );
            if !dry_run {
                self.feed(job, step.change).await?;
            }
            steps.push(step);
        }
        Ok(steps)
    }

    async fn feed(&self, job: &Job, change: Change) -> Result<(), Error> {
        let id = job.feed_id();
        match change {
            Change::Made => {
                self.ml(Call::put(path(&FEEDS, &id), &job.feed)).await?;
            }
            Change::Replaced => {
                self.ml(act(&FEEDS, &id, "_stop")).await?;
                let mut body = job.feed.clone();
                // Which job it feeds can't be changed, nor need be.
                body.as_object_mut()
                    .map(|fields| fields.shift_remove("job_id"));
                self.ml(act(&FEEDS, &id, "_update").body(&body)).await?;
            }
            Change::Unchanged | Change::Kept | Change::Removed => {}
        }
        self.ml_unless(act(&JOBS, &job.id, "_open"), "already opened")
            .await?;
        let mut start = act(&FEEDS, &id, "_start");
        if change == Change::Made {
            start = start.with("start", LEARNS_FROM);
        }
        self.ml_unless(start, "already started").await
    }

    /// Our jobs, by id.
    ///
    /// # Errors
    /// As [`Elastic::install_ml`].
    pub async fn ml_status(&self) -> Result<Vec<Status>, Error> {
        let stats = |group: (&[&'static str; 2], &'static str)| {
            let (group, ours) = group;
            let whole: Vec<&str> = group.iter().copied().chain([ours, "_stats"]).collect();
            Call::get(whole)
        };
        let jobs = self.ml(stats((&JOBS, OURS))).await?.body;
        let feeds = self.ml(stats((&FEEDS, OUR_FEEDS))).await?.body;
        let list = jobs["jobs"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(list
            .iter()
            .map(|job| status(job, &feeds["datafeeds"]))
            .collect())
    }

    /// Takes our datafeeds and jobs away, and with a job its model and results: incidents keep the
    /// findings that came of them.
    ///
    /// # Errors
    /// As [`Elastic::install_ml`].
    pub async fn remove_ml(&self, dry_run: bool) -> Result<Vec<Step>, Error> {
        let feeds = self.ml(Call::get(path(&FEEDS, OUR_FEEDS))).await?.body;
        let jobs = self.ml(Call::get(path(&JOBS, OURS))).await?.body;
        let mut steps = Vec::new();
        for (group, list, field) in [
            (&FEEDS, &feeds["datafeeds"], "datafeed_id"),
            (&JOBS, &jobs["jobs"], "job_id"),
        ] {
            for one in list.as_array().map_or(&[][..], Vec::as_slice) {
                let id = text(&one[field]);
                if !dry_run {
                    // `force` stops a datafeed and closes a job that still runs.
                    let gone = Call::new(Method::DELETE, path(group, &id)).with("force", "true");
                    self.ml_unless(gone, "resource_not_found").await?;
                }
                let what = match field {
                    "job_id" => format!("anomaly detection job {id}"),
                    _ => format!("datafeed {id}"),
                };
                steps.push(Step {
                    what,
                    change: Change::Removed,
                    before: one.clone(),
                    after: Value::Null,
                });
            }
        }
        Ok(steps)
    }

    async fn ml(&self, call: Call) -> Result<Reply, Error> {
        self.client().send(&call).await.map_err(told)
    }

    /// A refusal that says `already` is as good as done.
    async fn ml_unless(&self, call: Call, already: &str) -> Result<(), Error> {
        match self.client().send(&call).await {
            Ok(_) => Ok(()),
            Err(Failure::Said { reason, kind, .. })
                if reason.contains(already) || kind.contains(already) =>
            {
                Ok(())
            }
            Err(failure) => Err(told(failure)),
        }
    }
}

fn path<'a>(group: &[&'static str; 2], id: &'a str) -> [&'a str; 3] {
    [group[0], group[1], id]
}

fn act(group: &[&'static str; 2], id: &str, verb: &str) -> Call {
    Call::new(Method::POST, [group[0], group[1], id, verb])
}

/// What is missing, said plainly.
fn told(failure: Failure) -> Error {
    let Failure::Said {
        status,
        kind,
        reason,
    } = &failure
    else {
        return failure.into();
    };
    let says = format!("Elasticsearch says {status} {kind}: {reason}");
    let no_handler =
        reason.contains("no handler found") || reason.contains("Incorrect HTTP method");
    match status {
        400 | 404 | 405 if no_handler => Error::Refused(format!(
            "this cluster has no machine learning: it is switched off there (xpack.ml.enabled), or not part of it; Sentinel's own baselines need none ({says})"
        )),
        403 if reason.contains("non-compliant") => Error::Refused(format!(
            "this cluster's licence doesn't have machine learning: it takes Platinum, Enterprise or a trial; Sentinel's own baselines need none ({says})"
        )),
        403 => Error::Refused(format!(
            "{says}; give our user or API key the cluster privilege manage_ml (status: monitor_ml), and read on the telemetry's indices (docs/elasticsearch.md)"
        )),
        _ => failure.into(),
    }
}

fn find<'a>(list: &'a Value, field: &str, id: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|one| one[field] == id)
}

fn job_step(job: &Job, known: Option<&Value>) -> Step {
    let digest = &job.body["custom_settings"][DIGEST];
    let change = match known {
        None => Change::Made,
        Some(known) if known["custom_settings"][DIGEST] == *digest => Change::Unchanged,
        Some(_) => Change::Kept,
    };
    Step {
        what: format!("anomaly detection job {}", job.id),
        change,
        before: known.map_or(Value::Null, |known| like(&job.body, known)),
        after: job.body.clone(),
    }
}

fn feed_step(job: &Job, known: Option<&Value>) -> Step {
    let before = known.map_or(Value::Null, |known| like(&job.feed, known));
    let change = match known {
        None => Change::Made,
        Some(_) if before == job.feed => Change::Unchanged,
        Some(_) => Change::Replaced,
    };
    Step {
        what: format!("datafeed {}", job.feed_id()),
        change,
        before,
        after: job.feed.clone(),
    }
}

/// The part of what is there that we say something about: Elasticsearch adds its defaults.
fn like(ours: &Value, theirs: &Value) -> Value {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => ours
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), like(value, theirs.get(key)?))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            let both = ours.iter().zip(theirs);
            both.map(|(ours, theirs)| like(ours, theirs)).collect()
        }
        // A number may come back as a text of itself, a whole one as a broken one.
        (ours, theirs) if json!(text_of(ours)) == json!(text_of(theirs)) => ours.clone(),
        _ => theirs.clone(),
    }
}

fn text_of(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn status(job: &Value, feeds: &Value) -> Status {
    let id = text(&job["job_id"]);
    let feed = find(feeds, "datafeed_id", &format!("datafeed-{id}"));
    let explains = [
        text(&job["assignment_explanation"]),
        feed.map_or_else(String::new, |feed| text(&feed["assignment_explanation"])),
    ];
    Status {
        state: text(&job["state"]),
        datafeed: feed.map_or_else(String::new, |feed| text(&feed["state"])),
        documents: job["data_counts"]["processed_record_count"]
            .as_u64()
            .unwrap_or(0),
        newest: newest(&job["data_counts"]["latest_record_timestamp"]),
        explains: explains
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        job: id,
    }
}

fn newest(value: &Value) -> String {
    match value.as_i64() {
        Some(ms) => model::Timestamp(ms).to_string(),
        None => text(value),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
