//! One case, played: its documents into a fresh store, Sentinel and Analyst on its clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use analyst::observations::{Alarm, Observations};
use analyst::{Analyst, Matter};
use anyhow::{Context, Result, bail};
use casework::{Casework, Clock};
use model::tuning::Tuning;
use model::{IncidentId, Timestamp};
use sentinel::Sentinel;
use store::{Document, ItemResult, Telemetry};

use super::answer::Answer;
use super::cases::Case;
use super::feed::Feed;
use super::variant::{Variant, Words};
use crate::arguments::Mode;
use crate::backend::Backend;
use crate::configuration::Configuration;
use crate::import::{self, Imported};
use crate::wire;

/// An answer in given mode may use what came so long after the alert, in milliseconds.
pub const AFTER_ALERT_MS: i64 = 5 * 60 * 1000;
/// Documents that are stored at once.
const BATCH: usize = 10_000;
/// Time that one investigation may take here: a slow machine must not change an answer.
const BUDGET: Duration = Duration::from_secs(600);

/// What all cases are played with.
#[derive(Debug, Clone)]
pub struct Options {
    configuration: Configuration,
    tuning: Arc<Tuning>,
}

impl Options {
    pub fn new(configuration: &Configuration, tuning: Arc<Tuning>) -> Self {
        Self {
            configuration: configuration.clone(),
            tuning,
        }
    }
}

/// What came of one case in one mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Position in the list of cases.
    pub case: usize,
    pub mode: Mode,
    pub answers: Vec<Answer>,
    /// Services and changes that a guess could name.
    pub candidates: Candidates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Candidates {
    pub services: usize,
    pub deployments: usize,
}

pub async fn play(case: &Case, index: usize, mode: Mode, options: &Options) -> Result<Played> {
    let mut scene = Scene::new(case, options).await?;
    let answers = match mode {
        Mode::Given => vec![scene.given().await?],
        Mode::Found => scene.found(options).await?,
    };
    Ok(Played {
        case: index,
        mode,
        answers,
        candidates: scene.candidates().await?,
    })
}

/// What the Analyst sees at a case's alert, and what it would have seen had somebody asked at another
/// moment.
pub struct Seen {
    pub alert: Observations,
    pub calm: Option<Observations>,
}

/// What there is to weigh. `calm`: a moment before anything failed.
pub async fn seen(case: &Case, calm: Option<Timestamp>, options: &Options) -> Result<Seen> {
    let mut scene = Scene::new(case, options).await?;
    scene.reach(case.alert.at.plus_ms(AFTER_ALERT_MS)).await?;
    let alert = &case.alert;
    let matter = scene.matter(alert.at, alert.service.clone(), alert.summary.clone());
    let at_alert = analyst::observe(&scene.casework, &matter).await;
    let calm = match calm {
        Some(at) => {
            let matter = scene.matter(at, alert.service.clone(), String::new());
            Some(analyst::observe(&scene.casework, &matter).await)
        }
        None => None,
    };
    Ok(Seen {
        alert: at_alert,
        calm,
    })
}

/// The answer to the case's alert where the case is told in another way, by the names as recorded.
pub async fn told(case: &Case, variant: Variant, seed: u64, options: &Options) -> Result<Answer> {
    let mut feed = Feed::open(&case.docs())?;
    let alert = variant.case(case, &Words::default()).alert.at;
    let until = variant.recorded(alert.plus_ms(AFTER_ALERT_MS));
    let mut documents = Vec::new();
    loop {
        let more = feed.before(until, BATCH)?;
        if more.is_empty() {
            break;
        }
        documents.extend(more);
    }
    let words = match variant {
        Variant::Renamed => Words::of(&documents, seed),
        _ => Words::default(),
    };
    let other = variant.case(case, &words);
    let mut scene = Scene::new(&other, options).await?;
    let documents = variant.documents(documents, &words, seed);
    for part in documents.chunks(BATCH) {
        scene.ingest(part.to_vec()).await?;
    }
    scene
        .casework
        .clock()
        .set(other.alert.at.plus_ms(AFTER_ALERT_MS));
    let mut answer = scene.asked().await?;
    for service in &mut answer.services {
        service.name = words.recorded(&service.name);
    }
    Ok(answer)
}

/// A fresh store with what of the case was loaded so far, and the case's clock.
struct Scene<'a> {
    case: &'a Case,
    feed: Feed,
    imported: Imported,
    casework: Casework,
    tuning: Arc<Tuning>,
}

impl<'a> Scene<'a> {
    async fn new(case: &'a Case, options: &Options) -> Result<Self> {
        let imported = import::empty().await?;
        let clock = Clock::manual(case.from);
        let store = Backend::from(imported.store.clone());
        let casework = wire::casework(&store, &options.configuration, clock)?;
        Ok(Self {
            case,
            feed: Feed::open(&case.docs())?,
            imported,
            casework,
            tuning: options.tuning.clone(),
        })
    }

    /// Loads what came before `moment`, and sets the clock to it: what comes at `moment` or
    /// later is not there yet.
    async fn reach(&mut self, moment: Timestamp) -> Result<()> {
        loop {
            let documents = self.feed.before(moment, BATCH)?;
            if documents.is_empty() {
                break;
            }
            self.ingest(documents).await?;
        }
        self.casework.clock().set(moment);
        Ok(())
    }

    async fn ingest(&mut self, documents: Vec<Document>) -> Result<()> {
        for result in self.imported.store.ingest(documents).await? {
            if let ItemResult::Refused { reason, .. } = result {
                bail!("{}: {reason}", self.case.docs().display());
            }
        }
        Ok(())
    }

    /// The alert is given; why?
    async fn given(&mut self) -> Result<Answer> {
        self.reach(self.case.alert.at.plus_ms(AFTER_ALERT_MS))
            .await?;
        self.asked().await
    }

    /// Asks the Analyst about the alert, with what is loaded.
    async fn asked(&self) -> Result<Answer> {
        let alert = &self.case.alert;
        let matter = self.matter(alert.at, alert.service.clone(), alert.summary.clone());
        let told = analyst::investigate(&self.casework, &matter, &self.tuning).await;
        Ok(Answer::new(self.case, Mode::Given, alert.at, &told))
    }

    fn matter(&self, at: Timestamp, service: Option<String>, summary: String) -> Matter {
        Matter {
            alarm: Alarm {
                at_us: at.ms() * 1000,
                service,
                summary,
            },
            until: at.plus_ms(AFTER_ALERT_MS),
            budget: BUDGET,
        }
    }

    /// The alert is not looked at: Sentinel ticks from the first document to the last, and the
    /// Analyst explains each incident at the tick that opened it.
    async fn found(&mut self, options: &Options) -> Result<Vec<Answer>> {
        let settings = options.configuration.sentinel.clone();
        let step = settings.interval_ms;
        let sentinel = Sentinel::new(self.casework.clone(), settings);
        let analyst =
            Analyst::with_budget(self.casework.clone(), BUDGET).tuned(self.tuning.clone());
        let mut known: BTreeSet<IncidentId> = BTreeSet::new();
        let mut answers = Vec::new();
        let mut tick = sentinel::detect::scheduled(self.case.from, step);
        while tick < self.case.to {
            tick = tick.plus_ms(step);
            self.reach(tick).await?;
            let ticked = sentinel
                .look()
                .await
                .with_context(|| format!("Sentinel's tick at {tick}"))?;
            for id in ticked.opened {
                if !known.insert(id.clone()) {
                    continue;
                }
                let incident = self.casework.incident(&id).await?;
                let told = analyst.explain(&incident).await?;
                let told = told.with_context(|| format!("{id} is not the Analyst's to explain"))?;
                answers.push(Answer::new(self.case, Mode::Found, tick, &told));
            }
        }
        if answers.is_empty() {
            answers.push(Answer::unnoticed(self.case));
        }
        Ok(answers)
    }

    /// How many services and changes the loaded documents name.
    async fn candidates(&self) -> Result<Candidates> {
        let services = self
            .distinct("metrics-*,logs-*,traces-*", "service.name")
            .await?;
        let deployments = self.distinct("deployments-*", "deployment.id").await?;
        Ok(Candidates {
            services,
            deployments,
        })
    }

    /// Distinct values of a field, 0 where nothing has it. Both names are ours.
    async fn distinct(&self, indices: &str, field: &str) -> Result<usize> {
        let telemetry = self.casework.telemetry();
        let fields = telemetry.fields(indices).await?;
        if !fields.iter().any(|known| known.name == field) {
            return Ok(0);
        }
        let request = esql::Request {
            query: format!(
                "FROM {indices} | WHERE {field} IS NOT NULL | STATS BY {field} | STATS names = COUNT(*)"
            ),
            now_ms: self.casework.clock().now().ms(),
            ..esql::Request::default()
        };
        let answer = telemetry.query(&request).await?;
        let rows = esql::answer::rows(&answer);
        let names = rows.first().and_then(|row| row.first()?.as_u64());
        Ok(names.unwrap_or(0) as usize)
    }
}
