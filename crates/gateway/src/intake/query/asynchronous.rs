//! `/_query/async`: queries that go on when nobody waits for them, few and not for long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use esql::Answer;
use esql::body::time_ms;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;

use super::form::Form;
use super::turns::Turns;
use super::{Came, Shown, Wanted, answer_bytes, evaluate, inflate};
use crate::api::Asked;
use crate::auth::Principal;
use crate::elastic::Refusal;
use crate::problem::random_id;
use crate::routes::MAX_BODY;
use crate::state::Gateway;

/// Queries that run or whose answers are kept.
pub const MAX_JOBS: usize = 16;
/// Bytes of the values of an answer that is kept.
pub const MAX_KEPT: usize = 16 << 20;
/// How long an answer is kept at most.
pub const MAX_KEEP_ALIVE: Duration = Duration::from_secs(5 * 24 * 3_600);
/// How long a request waits for an answer at most.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

const ID: HeaderName = HeaderName::from_static("x-elasticsearch-async-id");
const IS_RUNNING: HeaderName = HeaderName::from_static("x-elasticsearch-async-is-running");

/// Every query that comes by HTTP.
#[derive(Default)]
pub struct Queries {
    pub turns: Turns,
    jobs: Jobs,
}

struct Jobs {
    kept: Mutex<HashMap<String, Job>>,
    places: Arc<Semaphore>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_JOBS)),
        }
    }
}

/// One query. Where it is dropped, it ends.
struct Job {
    /// Only who asked may see the answer.
    owner: String,
    columnar: bool,
    expires: Instant,
    outcome: watch::Sender<Option<Arc<Outcome>>>,
    task: AbortHandle,
    _place: OwnedSemaphorePermit,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.task.abort();
    }
}

enum Outcome {
    Answered { answer: Answer, took_ms: u64 },
    Refused(Refusal),
    Stopped { took_ms: u64 },
}

type Told = watch::Receiver<Option<Arc<Outcome>>>;

impl Queries {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Job>) -> T) -> T {
        let mut kept = self
            .jobs
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.retain(|_, job| job.expires > now);
        act(&mut kept)
    }

    /// Acts on a query of this caller.
    fn of<T>(
        &self,
        id: &str,
        caller: &Principal,
        act: impl FnOnce(&mut Job) -> T,
    ) -> Result<T, Refusal> {
        self.with(|kept| {
            let job = kept.get_mut(id).filter(|job| job.owner == caller.subject);
            job.map(act).ok_or_else(|| missing(id))
        })
    }

    /// Lets go of it when its time has come, even where nobody asks.
    async fn expire(queries: Weak<Self>, id: String) {
        loop {
            let Some(queries) = queries.upgrade() else {
                return;
            };
            let expires = queries.with(|kept| kept.get(&id).map(|job| job.expires));
            drop(queries);
            match expires {
                Some(expires) => tokio::time::sleep_until(expires.into()).await,
                None => return,
            }
        }
    }
}

fn missing(id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "resource_not_found_exception", id)
}

fn keep_alive(ms: u64) -> Result<Instant, Refusal> {
    let keep = Duration::from_millis(ms);
    if keep > MAX_KEEP_ALIVE {
        let days = MAX_KEEP_ALIVE.as_secs() / 86_400;
        return Err(Refusal::illegal(format!(
            "[keep_alive] must be at most [{days}d]"
        )));
    }
    Ok(Instant::now() + keep)
}

/// Starts the query on a task of its own.
fn start(
    gateway: &Gateway,
    body: esql::body::Body,
    caller: &Principal,
) -> Result<(Job, Told), Refusal> {
    let place = gateway.queries.jobs.places.clone().try_acquire_owned();
    let place = place.map_err(|_| {
        Refusal::rejected(format!(
            "{MAX_JOBS} asynchronous queries run or are kept already: delete one, or ask again later"
        ))
    })?;
    let expires = keep_alive(body.asynchronous.keep_alive_ms)?;
    let columnar = body.columnar;
    let (outcome, told) = watch::channel(None);
    let (gateway, tell) = (gateway.clone(), outcome.clone());
    let task = tokio::spawn(async move {
        let began = Instant::now();
        let evaluated = evaluate(&gateway, &body).await;
        let took_ms = began.elapsed().as_millis() as u64;
        let outcome = match evaluated {
            Ok(answer) if answer_bytes(&answer) > MAX_KEPT => {
                let text = format!(
                    "[esql] Data too large, the answer is larger than the limit of [{MAX_KEPT}] bytes of an asynchronous query: ask for fewer rows or columns"
                );
                Outcome::Refused(esql::Error::Limit(text).into())
            }
            Ok(answer) => Outcome::Answered { answer, took_ms },
            Err(refusal) => Outcome::Refused(refusal),
        };
        tell.send_replace(Some(Arc::new(outcome)));
    });
    let job = Job {
        owner: caller.subject.clone(),
        columnar,
        expires,
        outcome,
        task: task.abort_handle(),
        _place: place,
    };
    Ok((job, told))
}

/// The outcome, where there is one in time.
async fn awaited(mut told: Told, wait_ms: u64) -> Option<Arc<Outcome>> {
    let wait = Duration::from_millis(wait_ms).min(MAX_WAIT);
    let ended = tokio::time::timeout(wait, told.wait_for(Option::is_some)).await;
    match ended {
        Ok(Ok(outcome)) => outcome.clone(),
        _ => None,
    }
}

pub async fn begin(
    State(gateway): State<Gateway>,
    caller: Principal,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Refusal> {
    let form = Form::of(&wanted, &headers)?;
    let body = inflate(&headers, body, MAX_BODY)?;
    let text = String::from_utf8_lossy(&body);
    let body = esql::body::parse_asynchronous(&text, gateway.casework.clock().now().ms())?;
    form.check(body.columnar)?;
    let asked = body.asynchronous;
    let view = View {
        form,
        drop_nulls: wanted.drops_nulls(),
        columnar: body.columnar,
    };
    let (job, told) = start(&gateway, body, &caller)?;
    let outcome = awaited(told, asked.wait_ms).await;
    if let Some(outcome) = &outcome
        && !asked.keep_on_completion
    {
        return view.tell(None, Some(outcome)).await;
    }
    let id = format!("{}{}", random_id(), random_id());
    gateway.queries.with(|kept| kept.insert(id.clone(), job));
    tokio::spawn(Queries::expire(
        Arc::downgrade(&gateway.queries),
        id.clone(),
    ));
    view.tell(Some(&id), outcome.as_ref()).await
}

/// Behind the question mark of a kept query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Again {
    #[serde(flatten)]
    wanted: Wanted,
    wait_for_completion_timeout: Option<String>,
    keep_alive: Option<String>,
}

pub async fn get(
    State(gateway): State<Gateway>,
    caller: Principal,
    Path(id): Path<String>,
    Asked(again): Asked<Again>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = Form::of(&again.wanted, &headers)?;
    let span = |name: &str, given: Option<&String>| given.map(|text| time_ms(name, text));
    let wait = span(
        "wait_for_completion_timeout",
        again.wait_for_completion_timeout.as_ref(),
    );
    let keep = span("keep_alive", again.keep_alive.as_ref()).transpose()?;
    let keep = keep.map(keep_alive).transpose()?;
    let (told, columnar) = gateway.queries.of(&id, &caller, |job| {
        job.expires = keep.unwrap_or(job.expires);
        (job.outcome.subscribe(), job.columnar)
    })?;
    form.check(columnar)?;
    let outcome = awaited(told, wait.transpose()?.unwrap_or(0)).await;
    let drop_nulls = again.wanted.drops_nulls();
    let view = View {
        form,
        drop_nulls,
        columnar,
    };
    view.tell(Some(&id), outcome.as_ref()).await
}

pub async fn delete(
    State(gateway): State<Gateway>,
    caller: Principal,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    gateway.queries.of(&id, &caller, |_| ())?;
    gateway.queries.with(|kept| kept.remove(&id));
    Ok(Json(json!({ "acknowledged": true })).into_response())
}

/// Ends the query. What it would have answered isn't known before its end: the answer is empty
/// and says that it is partial.
pub async fn stop(
    State(gateway): State<Gateway>,
    caller: Principal,
    Path(id): Path<String>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let form = Form::of(&wanted, &headers)?;
    let (outcome, columnar) = gateway.queries.of(&id, &caller, |job| {
        job.task.abort();
        job.outcome.send_if_modified(|outcome| {
            let stops = outcome.is_none();
            if stops {
                *outcome = Some(Arc::new(Outcome::Stopped { took_ms: 0 }));
            }
            stops
        });
        (job.outcome.borrow().clone(), job.columnar)
    })?;
    form.check(columnar)?;
    let view = View {
        form,
        drop_nulls: wanted.drops_nulls(),
        columnar,
    };
    view.tell(Some(&id), outcome.as_ref()).await
}

/// How one request wants to see it.
struct View {
    form: Form,
    drop_nulls: bool,
    columnar: bool,
}

impl View {
    async fn tell(
        &self,
        id: Option<&str>,
        outcome: Option<&Arc<Outcome>>,
    ) -> Result<Response, Refusal> {
        let mut head = Map::new();
        if let Some(id) = id {
            head.insert("id".to_owned(), Value::from(id));
        }
        head.insert("is_running".to_owned(), Value::from(outcome.is_none()));
        let shown = |took_ms| Shown {
            form: self.form,
            columnar: self.columnar,
            drop_nulls: self.drop_nulls,
            took_ms,
        };
        let mut response = match outcome.map(AsRef::as_ref) {
            None => Json(Value::Object(head)).into_response(),
            Some(Outcome::Refused(refusal)) => return Err(refusal.clone()),
            Some(Outcome::Answered { answer, took_ms }) => {
                shown(*took_ms).print(answer.clone(), head).await?
            }
            Some(Outcome::Stopped { took_ms }) => {
                shown(*took_ms).print(nothing_yet(), head).await?
            }
        };
        let headers = response.headers_mut();
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(ID, id);
        }
        let is_running = if outcome.is_none() { "?1" } else { "?0" };
        headers.insert(IS_RUNNING, HeaderValue::from_static(is_running));
        Ok(response)
    }
}

fn nothing_yet() -> Answer {
    Answer {
        columns: Vec::new(),
        batches: Vec::new(),
        warnings: Vec::new(),
        documents_found: 0,
        values_loaded: 0,
        is_partial: true,
    }
}
