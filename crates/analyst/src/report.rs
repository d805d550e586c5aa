//! From a ranking to a report: hypotheses with their evidence, a timeline, a conclusion.

use casework::Casework;
use indexmap::IndexMap;
use model::tuning::Tuning;
use model::{Cause, Hypothesis, Report, TimelineEntry, Timestamp, Window};

use crate::gather::{Inquiry, Matter, gather};
use crate::observations::Observations;
use crate::weigh::{KNOWN_FROM, Ranking, Reason, Suspect, Suspected, weigh};
use crate::witness::{Witness, number_text};

/// Hypotheses that a report holds at most.
const MAX_HYPOTHESES: usize = 4;
/// Changes that the timeline shows at most.
const MAX_CHANGES: usize = 8;
/// Changes older than this before the onset are no part of the timeline, in microseconds.
const CHANGES_BACK_US: i64 = 3 * 3_600_000_000;
const BASIS: &str = "a logistic curve over the weight of the evidence, the first cause's lead over \
                     the second and the share of signals that agree on it";

/// A report, with the ranking that it was made from.
#[derive(Debug, Clone)]
pub struct Investigation {
    pub report: Report,
    pub ranking: Ranking,
}

/// What there is to weigh about a matter.
pub async fn observe(casework: &Casework, matter: &Matter) -> Observations {
    gather(&mut Inquiry::new(casework, matter.budget), matter).await
}

/// Explains: asks, weighs, asks for evidence, tells. Never fails: what couldn't be asked is in
/// the ledger.
pub async fn investigate(casework: &Casework, matter: &Matter, tuning: &Tuning) -> Investigation {
    let mut inquiry = Inquiry::new(casework, matter.budget);
    let observations = gather(&mut inquiry, matter).await;
    let ranking = weigh(&observations, tuning);
    let onset = Timestamp(ranking.onset_us / 1000);
    let first = first_seen(&observations).unwrap_or(onset);
    let mut witness = Witness::new(first, onset, matter.until);
    let hypotheses = hypotheses(&mut inquiry, &mut witness, &observations, &ranking).await;
    let mut timeline = timeline(&observations, &ranking, onset);
    errors(&mut inquiry, onset, matter.until, &mut timeline).await;
    timeline.sort_by(|a, b| (a.at, &a.says).cmp(&(b.at, &b.says)));
    let known = hypotheses
        .first()
        .is_some_and(|first| first.confidence >= KNOWN_FROM);
    let conclusion = match hypotheses.first() {
        Some(first) if known => first.says.clone(),
        Some(first) => format!("I don't know. What stands out most: {}", first.says),
        None => "I don't know: nothing in the telemetry stands out".to_owned(),
    };
    let ask = (!known).then(|| match hypotheses.first() {
        Some(first) => format!("look at {} first, then at the ledger", first.cause.place()),
        None => "look at the ledger: which telemetry is missing?".to_owned(),
    });
    let report = Report {
        window: Window::new(first, matter.until),
        timeline,
        hypotheses,
        evidence: witness.evidence,
        known,
        conclusion,
        ask,
        confidence_basis: format!("{BASIS}; fitted on {}", tuning.made.suites.join(", ")),
        elapsed_ms: inquiry.elapsed_ms(),
        out_of_time: inquiry.out_of_time,
        ledger: inquiry.ledger,
    };
    Investigation { report, ranking }
}

fn first_seen(o: &Observations) -> Option<Timestamp> {
    let series = o.series.iter().filter_map(|series| series.points.first());
    series
        .map(|point| point.0)
        .chain(o.spans.first().map(|span| span.at_us))
        .chain(o.logs.first().map(|line| line.at_us))
        .min()
        .map(|us| Timestamp(us.div_euclid(1000)))
}

async fn hypotheses(
    inquiry: &mut Inquiry<'_>,
    witness: &mut Witness,
    o: &Observations,
    ranking: &Ranking,
) -> Vec<Hypothesis> {
    let mut hypotheses: Vec<Hypothesis> = Vec::new();
    for suspect in &ranking.suspects {
        if hypotheses.len() == MAX_HYPOTHESES {
            break;
        }
        let mut supports = Vec::new();
        for reason in &suspect.reasons {
            for id in witness.testify(inquiry, reason).await {
                if !supports.contains(&id) {
                    supports.push(id);
                }
            }
        }
        let place = suspect.cause.place();
        let mut contradicts = Vec::new();
        let blames_metrics_alone = suspect
            .reasons
            .iter()
            .all(|reason| matches!(reason, Reason::Metric(_)));
        if blames_metrics_alone && o.spans.iter().any(|span| span.service == place) {
            contradicts.extend(witness.spans_of(inquiry, place).await);
        }
        contradicts.retain(|id| !supports.contains(id));
        // Without evidence it would be a guess.
        if supports.is_empty() {
            continue;
        }
        hypotheses.push(Hypothesis {
            id: format!("H{}", hypotheses.len() + 1),
            cause: cause(&suspect.cause),
            says: says(suspect),
            confidence: suspect.confidence,
            supports,
            contradicts,
            blamed_change: match &suspect.cause {
                Suspected::Change { guilt, .. } => Some(guilt.id.clone()),
                _ => None,
            },
        });
    }
    // A hypothesis that lost its evidence may have left a gap; the order stays by confidence.
    hypotheses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    for (index, hypothesis) in hypotheses.iter_mut().enumerate() {
        hypothesis.id = format!("H{}", index + 1);
    }
    hypotheses
}

fn cause(suspected: &Suspected) -> Cause {
    match suspected {
        Suspected::Service { name, node } => Cause::Service {
            service: name.clone(),
            node: node.clone(),
        },
        Suspected::Change { guilt, service } => Cause::Change {
            deployment: guilt.id.clone(),
            service: service.clone(),
            change_kind: guilt.kind.clone(),
        },
        Suspected::Outside { dependency } => Cause::Outside {
            dependency: dependency.clone(),
        },
        Suspected::Load { service } => Cause::Load {
            service: service.clone(),
        },
    }
}

fn says(suspect: &Suspect) -> String {
    let mut says = match &suspect.cause {
        Suspected::Service { name, node: None } => format!("The trouble starts in {name}"),
        Suspected::Service {
            name,
            node: Some(node),
        } => format!("The trouble starts in {name}, in its instance {node}"),
        Suspected::Change { guilt, service } => format!(
            "The {} {} to {service} ({}) is to blame",
            guilt.kind, guilt.id, guilt.description
        ),
        Suspected::Outside { dependency } => {
            format!("{dependency}, outside our systems, fails; no change is to blame")
        }
        Suspected::Load { service } => {
            format!("{service} gets more requests than it holds; no change is to blame")
        }
    };
    let reasons: Vec<String> = suspect.reasons.iter().take(3).map(because).collect();
    if !reasons.is_empty() {
        says.push_str(": ");
        says.push_str(&reasons.join("; "));
    }
    says.push('.');
    says
}

fn because(reason: &Reason) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match reason {
        Reason::Metric(deviation) => format!(
            "its {} went from {} to {}",
            deviation.metric,
            number_text(deviation.before),
            number_text(deviation.most)
        ),
        Reason::Succession(shift) if shift.failure => format!(
            "{:?} failed in {} of requests, before in {}",
            shift.what,
            percent(shift.after),
            percent(shift.before)
        ),
        Reason::Succession(shift) => format!(
            "{:?} follows in {:?} in {} of requests, before in {}",
            shift.what,
            shift.within,
            percent(shift.after),
            percent(shift.before)
        ),
        Reason::Slow { slowness, .. } => match &slowness.span {
            Some((span, before, after)) => format!(
                "its own time in {span:?} went from {} ms to {} ms, {} s in all with its neighbours",
                number_text(before / 1000.0),
                number_text(after / 1000.0),
                number_text(slowness.own_s + slowness.edges_s)
            ),
            None => "it takes longer".to_owned(),
        },
        Reason::Impact { share, .. } => format!(
            "it accounts for {} of the alarm, which the services it calls do not",
            percent(*share)
        ),
        Reason::Outside(outside) => format!(
            "{} of its calls from {} fail, before {}; they take {} ms, before {} ms",
            percent(outside.failing.1),
            outside.caller,
            percent(outside.failing.0),
            number_text(outside.latency_ms.1),
            number_text(outside.latency_ms.0)
        ),
        Reason::Surge(surge) => format!(
            "requests to {} went from {} to {} an interval",
            surge.service,
            number_text(surge.before),
            number_text(surge.after)
        ),
        Reason::Change(guilt) => {
            let mut says = "it reached the service before the trouble began there".to_owned();
            if let Some(behaviour) = guilt.behaviour {
                says.push_str(&format!(", its diff {}", behaviour.does));
            }
            if !guilt.shared.is_empty() {
                let shared = guilt.shared.join(", ");
                says.push_str(&format!(", and the failure speaks of {shared}"));
            }
            says
        }
    }
}

fn timeline(o: &Observations, ranking: &Ranking, onset: Timestamp) -> Vec<TimelineEntry> {
    let mut entries = vec![
        TimelineEntry {
            at: onset,
            says: "the deviation begins, as estimated from the data".to_owned(),
            service: None,
            evidence: None,
        },
        TimelineEntry {
            at: Timestamp(o.alarm.at_us.div_euclid(1000)),
            says: format!("alarm: {}", o.alarm.summary),
            service: o.alarm.service.clone(),
            evidence: None,
        },
    ];
    let near = |at_us: i64| at_us >= ranking.onset_us - CHANGES_BACK_US;
    let changes = ranking.changes.iter().chain(&ranking.cleared);
    for guilt in changes
        .filter(|guilt| guilt.service.is_some() && near(guilt.at_us))
        .take(MAX_CHANGES)
    {
        entries.push(TimelineEntry {
            at: Timestamp(guilt.at_us.div_euclid(1000)),
            says: format!("{} {}: {}", guilt.kind, guilt.id, guilt.description),
            service: guilt.service.clone(),
            evidence: None,
        });
    }
    entries
}

/// When errors began, by service and type.
async fn errors(
    inquiry: &mut Inquiry<'_>,
    onset: Timestamp,
    until: Timestamp,
    timeline: &mut Vec<TimelineEntry>,
) {
    let window = Window::new(onset, until);
    let about = "errors since it began";
    let Some(asked) = inquiry
        .ask("correlate_error_logs", about, window, IndexMap::new())
        .await
    else {
        return;
    };
    for row in asked.rows.iter().take(MAX_CHANGES) {
        let Some(at) = asked.time(row, "first_seen") else {
            continue;
        };
        let errors = asked.number(row, "errors").unwrap_or(0.0);
        let kind = asked.text(row, "error.type").unwrap_or("errors");
        timeline.push(TimelineEntry {
            at,
            says: format!("first of {errors} {kind} in the logs"),
            service: asked.text(row, "service.name").map(str::to_owned),
            evidence: None,
        });
    }
}
