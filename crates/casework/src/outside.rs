//! What other systems' alerts make of incidents: they open one, join the one that the service has
//! already, and end it where nothing else raised it.

use model::evidence::Evidence;
use model::{Actor, Event, Finding, Incident, IncidentId, Relation, Signal, Timestamp, Window};
use store::SummaryFilter;

use crate::case::Casework;
use crate::error::Error;
use crate::open::{Heading, Opened};
use crate::tools::Asked;

/// The tool's name in evidence that reads an alert back.
pub const TOOL: &str = "outside_alert";
/// Where alerts lie that others tell of.
pub const INDEX: &str = "alerts-default";
/// The parameter that names the alert.
const KEY: &str = "key";
/// Open incidents of one service that are looked at.
const MAX_OPEN: usize = 20;

/// Reads an alert's history back: the newest state first.
const QUERY: &str = "FROM alerts-default\n| WHERE alert.key == ?key\n| SORT @timestamp DESC\n| KEEP @timestamp, alert.state, alert.name, alert.severity, service.name, message\n| LIMIT 12";

impl Casework {
    /// What is stored of an alert, the newest first.
    pub async fn alert_history(&self, key: &str, window: Window) -> Result<Asked, Error> {
        let parameters = [(KEY.to_owned(), key.into())].into_iter().collect();
        self.run(TOOL, QUERY.to_owned(), parameters, window).await
    }

    /// Attaches to the incident that the service has, whatever raised it; else opens one.
    pub async fn open_or_join(
        &self,
        actor: Actor,
        finding: Finding,
        heading: Heading,
    ) -> Result<Opened, Error> {
        let open = self.open_on(&finding.subject.service).await?;
        let own = open.iter().any(|incident| incident.rule == finding.rule);
        let Some(incident) = open.first().filter(|_| !own) else {
            return self.open(actor, finding, heading).await;
        };
        let joined = self
            .record_when(&incident.id, actor, |incident| {
                (!incident.holds(&finding) && !incident.status.is_over()).then(|| {
                    Event::FindingAttached {
                        finding: Box::new(finding.clone()),
                        relation: Relation::SameService {},
                        reason: format!(
                            "another system's alert ({}) on the same service",
                            finding.rule
                        ),
                    }
                })
            })
            .await?;
        let incident = match joined {
            Some(incident) => incident,
            None => self.incident(&incident.id).await?,
        };
        Ok(Opened::Known(Box::new(incident)))
    }

    /// Incidents of a service that aren't over, the first opened first.
    pub async fn open_on(&self, service: &str) -> Result<Vec<Incident>, Error> {
        let filter = SummaryFilter {
            service: Some(service.to_owned()),
            sort: Some("-opened_at".to_owned()),
            limit: MAX_OPEN,
            ..SummaryFilter::default()
        };
        let mut open = Vec::new();
        for summary in self.journal().summaries(&filter).await?.items {
            let mine = summary.service == service && !summary.status.is_over();
            if mine && let Some(head) = self.head(&summary.incident_id).await? {
                open.push(head.incident);
            }
        }
        open.retain(|incident| !incident.status.is_over());
        open.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        Ok(open)
    }

    /// An alert is over. Where only other systems' alerts raised the incident and the last of them is
    /// over, it is resolved, by the query that reads them; else it is a note, when it is told `first`.
    pub async fn alert_over(
        &self,
        actor: &Actor,
        rule: &str,
        service: &str,
        first: bool,
        now: Timestamp,
    ) -> Result<Vec<(IncidentId, bool)>, Error> {
        let mut told = Vec::new();
        for incident in self.open_on(service).await? {
            if !incident.findings.iter().any(|finding| finding.rule == rule) {
                continue;
            }
            let evidence = self.all_over(&incident, now).await?;
            let event = |incident: &Incident| match &evidence {
                _ if incident.status.is_over() => None,
                Some(evidence) => Some(Event::Resolved {
                    says: evidence.says.clone(),
                    evidence: Some(Box::new(evidence.clone())),
                }),
                None => first.then(|| Event::NoteAdded {
                    text: format!("{rule}: the system that told of it says that it is over"),
                }),
            };
            if self
                .record_when(&incident.id, actor.clone(), event)
                .await?
                .is_some()
            {
                told.push((incident.id.clone(), evidence.is_some()));
            }
        }
        Ok(told)
    }

    /// Evidence that every alert which raised the incident is over; none where something else raised
    /// it too, or one still fires, or an action is under way.
    async fn all_over(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Option<Evidence>, Error> {
        let under_way = incident.proposals.iter().any(|state| {
            use model::incident::ProposalStage::{Approved, Executed, Executing};
            matches!(state.stage, Approved | Executing | Executed)
        });
        if under_way {
            return Ok(None);
        }
        let mut last = None;
        for finding in &incident.findings {
            let key = finding
                .evidence
                .parameters
                .get(KEY)
                .and_then(|key| key.as_str());
            let (Signal::Declared, Some(key)) = (finding.signal, key) else {
                return Ok(None);
            };
            let window = Window::new(finding.window.from, now);
            let asked = self.alert_history(key, window).await?;
            let state = asked
                .rows
                .first()
                .and_then(|row| asked.text(row, "alert.state"));
            if state != Some("resolved") {
                return Ok(None);
            }
            last = Some(asked);
        }
        let says = "every alert that raised it is over, say the systems that told of them";
        Ok(last.map(|asked| asked.evidence("R1", says)))
    }
}
