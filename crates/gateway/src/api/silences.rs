//! Silences and maintenance windows: what people don't want to hear of, and what that hid.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use casework::silences::Hidden;
use model::hours::Weekly;
use model::matcher::Matcher;
use model::silence::{Phase, Wanted};
use model::{Silence, Timestamp};
use serde::{Deserialize, Serialize};
use store::journal::MAX_PAGE;

use super::automation::Reason;
use super::incidents::{parsed, text};
use super::{Asked, Body};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

/// Rows of a page where the caller named no limit.
const DEFAULT_PAGE: usize = 50;
/// The largest length in seconds that is read; what is too long is said by its own rule.
const MAX_FOR_S: u64 = 400 * 24 * 60 * 60;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct SilenceQuery {
    /// Of these phases, separated by commas; without any, of all.
    #[param(pattern = "^(active|waiting|over)(,(active|waiting|over))*$")]
    phase: Option<String>,
    /// Words in the matchers, the reason, the owner or the id.
    text: Option<String>,
    /// A field, with `-` before it for the last first; without it, the newest first.
    #[param(pattern = "^-?(made_at|from|until|owner|phase)$")]
    sort: Option<String>,
    offset: u32,
    limit: Option<u32>,
}

/// A silence, and how it stands now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SilenceLine {
    #[serde(flatten)]
    pub silence: Silence,
    pub phase: Phase,
    /// Where it hides now: until then.
    pub hides_until: Option<Timestamp>,
}

impl SilenceLine {
    fn at(silence: Silence, now: Timestamp) -> Self {
        Self {
            phase: silence.phase(now),
            hides_until: silence.hides_until(now),
            silence,
        }
    }

    fn holds(&self, words: &str) -> bool {
        let matchers = self.silence.wanted.matchers.iter();
        let mut texts: Vec<String> = matchers.map(ToString::to_string).collect();
        texts.push(self.silence.wanted.reason.clone());
        texts.push(self.silence.owner.label().to_owned());
        texts.push(self.silence.id.clone());
        texts.iter().any(|text| text.to_lowercase().contains(words))
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SilencePage {
    pub total: u64,
    pub items: Vec<SilenceLine>,
}

pub async fn list(
    State(gateway): State<Gateway>,
    Asked(query): Asked<SilenceQuery>,
) -> Result<Json<SilencePage>, Problem> {
    let phases = parsed("phase", query.phase.as_deref(), &Phase::ALL, Phase::name)?;
    let now = gateway.casework.clock().now();
    let system = gateway.casework.system().await?;
    let words = query.text.unwrap_or_default().to_lowercase();
    let silences = system.silences.iter().cloned();
    let mut lines: Vec<SilenceLine> = silences
        .map(|silence| SilenceLine::at(silence, now))
        .filter(|line| phases.is_empty() || phases.contains(&line.phase))
        .filter(|line| line.holds(&words))
        .collect();
    sort(&mut lines, query.sort.as_deref().unwrap_or("-made_at"))?;
    let total = lines.len() as u64;
    let limit = query.limit.map_or(DEFAULT_PAGE, |limit| limit as usize);
    let items = lines.into_iter().skip(query.offset as usize);
    let items = items.take(limit.min(MAX_PAGE)).collect();
    Ok(Json(SilencePage { total, items }))
}

/// Those that are equal stay in the order in which they were made.
fn sort(lines: &mut [SilenceLine], by: &str) -> Result<(), Problem> {
    let (name, descending) = match by.strip_prefix('-') {
        Some(name) => (name, true),
        None => (by, false),
    };
    match name {
        "made_at" => lines.sort_by_key(|line| line.silence.made_at),
        "from" => lines.sort_by_key(|line| line.silence.wanted.from),
        "until" => lines.sort_by_key(|line| line.silence.over_at()),
        "owner" => lines.sort_by_key(|line| line.silence.owner.label().to_owned()),
        "phase" => lines.sort_by_key(|line| line.phase),
        _ => {
            return Err(Problem::bad(format!(
                "sort: expected one of made_at, from, until, owner, phase, got {name:?}"
            )));
        }
    }
    if descending {
        lines.reverse();
    }
    Ok(())
}

/// Until when: a moment, or a length.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// All of them must hold: `service = "cart"`.
    #[schema(min_items = 1, max_items = 10)]
    pub matchers: Vec<Matcher>,
    /// Without it, from now on.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// This, or `for_s`.
    #[serde(default)]
    pub until: Option<Timestamp>,
    #[serde(default)]
    #[schema(minimum = 1, maximum = 34560000)]
    pub for_s: Option<u64>,
    /// A maintenance window: only in these hours of every week.
    #[serde(default)]
    pub weekly: Option<Weekly>,
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
}

/// The one of two ways to say when something ends that was taken.
pub(super) fn until(
    from: Timestamp,
    until: Option<Timestamp>,
    for_s: Option<u64>,
) -> Result<Timestamp, Problem> {
    match (until, for_s) {
        (Some(until), None) => Ok(until),
        (None, Some(seconds)) => Ok(from.plus_ms(seconds.min(MAX_FOR_S) as i64 * 1000)),
        _ => Err(Problem::bad("expected either until or for_s")),
    }
}

pub async fn add(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(body): Body<SilenceRequest>,
) -> Result<(StatusCode, Json<SilenceLine>), Problem> {
    let now = gateway.casework.clock().now();
    let from = body.from.unwrap_or(now);
    let wanted = Wanted {
        matchers: body.matchers,
        from,
        until: until(from, body.until, body.for_s)?,
        weekly: body.weekly,
        reason: body.reason,
    };
    wanted.check(now).map_err(Problem::bad)?;
    let actor = principal.actor();
    let silence = gateway.casework.add_silence(actor, wanted).await?;
    metrics::counter!("silences_added_total").increment(1);
    Ok((StatusCode::CREATED, Json(SilenceLine::at(silence, now))))
}

/// The silence of a path, or 404.
async fn named(gateway: &Gateway, id: &str) -> Result<Silence, Problem> {
    let system = gateway.casework.system().await?;
    let silence = system.silences.get(id).cloned();
    silence.ok_or_else(|| Problem::not_found(format!("there is no silence {id:?}")))
}

pub async fn show(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<SilenceLine>, Problem> {
    let now = gateway.casework.clock().now();
    Ok(Json(SilenceLine::at(named(&gateway, &id).await?, now)))
}

/// 409 where it is over already.
pub async fn end(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Reason>,
) -> Result<Json<SilenceLine>, Problem> {
    text("reason", &body.reason)?;
    named(&gateway, &id).await?;
    let actor = principal.actor();
    let silence = gateway
        .casework
        .end_silence(actor, &id, &body.reason)
        .await?;
    let now = gateway.casework.clock().now();
    Ok(Json(SilenceLine::at(silence, now)))
}

pub async fn hidden(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<Hidden>, Problem> {
    let silence = named(&gateway, &id).await?;
    Ok(Json(gateway.casework.hidden_by(&silence).await?))
}
