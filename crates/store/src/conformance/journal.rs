//! Records are created once; the projection is what it was last made.

use model::{
    Actor, Agent, Digest, Event, IncidentId, Measured, Projection, Record, Severity, Status,
    StoredRecord, Summary, Timestamp,
};
use serde_json::json;

use crate::{Error, Journal, SummaryFilter, Telemetry};

const DAY: i64 = 1_790_000_000_000;

/// A record and its incident's projection: enough for a store, which knows no legality.
pub fn note(
    incident: &IncidentId,
    seq: u64,
    previous: Digest,
    text: &str,
) -> (StoredRecord, Summary) {
    let at = Timestamp(DAY + seq as i64);
    let record = Record {
        incident: incident.clone(),
        seq,
        at,
        actor: Actor::agent(Agent::Sentinel),
        previous,
        event: Event::NoteAdded {
            text: text.to_owned(),
        },
    };
    let stored = StoredRecord::new(&record).expect("a record is JSON");
    (stored, summary(incident, "checkout", at, seq))
}

fn summary(incident: &IncidentId, service: &str, at: Timestamp, last_seq: u64) -> Summary {
    Summary {
        incident_id: incident.clone(),
        title: format!("{service} fails"),
        status: Status::Open,
        severity: Severity::High,
        service: service.to_owned(),
        rule: "error-rate".to_owned(),
        owner: None,
        team: None,
        impact: None,
        merged_into: None,
        opened_at: at,
        updated_at: at,
        resolved_at: None,
        findings: 1,
        cause: None,
        confidence: None,
        proposals_pending: 0,
        person_needed: None,
        signature: vec!["error-rate of checkout".to_owned()],
        helped: Some("rollback checkout (P1)".to_owned()),
        feedback_right: Some(true),
        feedback_confidence: Some(0.9),
        feedback_cause: None,
        last_seq,
    }
}

pub async fn created_never_overwritten(store: &impl Journal) {
    let id = IncidentId::derive("error-rate", "checkout", Timestamp(DAY));
    assert!(store.records(&id).await.expect("reads").is_empty());
    let (first, shown) = note(&id, 1, Digest::ZERO, "one");
    store
        .append(&first, Some(&shown.into()))
        .await
        .expect("is created");
    let (other, other_shown) = note(&id, 1, Digest::ZERO, "another one");
    let refused = store.append(&other, Some(&other_shown.into())).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let (second, shown) = note(&id, 2, first.digest, "two");
    store
        .append(&second, Some(&shown.clone().into()))
        .await
        .expect("is created");
    let stored = store.records(&id).await.expect("reads");
    assert_eq!(stored, vec![first, second], "the very bytes, by seq");
    assert_eq!(store.incidents().await.expect("reads"), vec![id]);
    let page = store
        .summaries(&SummaryFilter::default())
        .await
        .expect("reads");
    assert_eq!(
        (page.total, page.items),
        (1, vec![shown]),
        "a refused record changes no projection"
    );
}

/// What a projection holds beside its summary can be asked for by ES|QL.
pub async fn projections_are_shown_whole(store: &(impl Journal + Telemetry)) {
    let id = IncidentId::derive("error-rate", "cart", Timestamp(DAY));
    let shown = Projection {
        metrics: Some(Measured {
            signal: "error_rate".to_owned(),
            observed: 0.25,
            threshold: 0.05,
            unit: "share".to_owned(),
            requests: None,
        }),
        timeline: vec!["first".to_owned(), "then".to_owned()],
        report: Some("The pool ran out".to_owned()),
        proposals: vec!["P1 restart cart: pending".to_owned()],
        ..summary(&id, "cart", Timestamp(DAY), 1).into()
    };
    store.project(&shown).await.expect("is projected");
    let request = esql::Request {
        query:
            "FROM incidents | KEEP incident_id, service.name, metrics.signal, metrics.observed, \
                metrics.requests, timeline, report, proposals, opened_at, last_seq"
                .to_owned(),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await.expect("is answered");
    assert_eq!(
        esql::answer::rows(&answer),
        [vec![
            json!(id),
            json!("cart"),
            json!("error_rate"),
            json!(0.25),
            json!(null),
            json!(["first", "then"]),
            json!("The pool ran out"),
            json!("P1 restart cart: pending"),
            json!(Timestamp(DAY).to_string()),
            json!(1)
        ]]
    );
}

pub async fn summaries_are_filtered_sorted_and_paged(store: &impl Journal) {
    for (place, service) in ["cart", "payment", "search"].into_iter().enumerate() {
        let at = Timestamp(DAY + place as i64 * 60_000);
        let id = IncidentId::derive("latency", service, at);
        let mut shown = summary(&id, service, at, 1);
        if service == "payment" {
            shown.severity = Severity::Critical;
            shown.cause = Some("Connections ran out".to_owned());
        }
        let shown = shown.into();
        store.project(&shown).await.expect("is projected");
        store.project(&shown).await.expect("is replaced");
    }
    let services = |filter: SummaryFilter| async move {
        let page = store.summaries(&filter).await.expect("reads");
        let names: Vec<String> = page.items.into_iter().map(|item| item.service).collect();
        (page.total, names.join(" "))
    };
    let all = SummaryFilter::default();
    assert_eq!(
        services(all.clone()).await,
        (3, "search payment cart".to_owned()),
        "newest first"
    );
    let sorted = |sort: &str| SummaryFilter {
        sort: Some(sort.to_owned()),
        ..SummaryFilter::default()
    };
    assert_eq!(services(sorted("opened_at")).await.1, "cart payment search");
    assert_eq!(
        services(sorted("-service.name")).await.1,
        "search payment cart"
    );
    assert!(services(sorted("-severity")).await.1.starts_with("payment"));
    let page = SummaryFilter {
        offset: 1,
        limit: 1,
        ..all.clone()
    };
    assert_eq!(services(page).await, (3, "payment".to_owned()));
    let text = SummaryFilter {
        text: Some("connections RAN".to_owned()),
        ..all.clone()
    };
    assert_eq!(services(text).await, (1, "payment".to_owned()));
    let severities = vec![Severity::Critical, Severity::Low];
    assert_eq!(
        services(SummaryFilter {
            severities,
            ..all.clone()
        })
        .await
        .0,
        1
    );
    let statuses = vec![Status::Closed];
    assert_eq!(
        services(SummaryFilter {
            statuses,
            ..all.clone()
        })
        .await
        .0,
        0
    );
    let service = Some("cart".to_owned());
    assert_eq!(
        services(SummaryFilter {
            service,
            ..all.clone()
        })
        .await
        .0,
        1
    );
    let unknown = store.summaries(&sorted("mood")).await;
    assert!(matches!(unknown, Err(Error::Refused(_))), "{unknown:?}");
}
