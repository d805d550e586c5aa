//! `POST /webhook/integrations/jira`: what people comment on an incident's issue, and where they
//! move it. A comment is a note; a move is what the settings say that it means. Never an approval.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use casework::Clock;
use integrations::jira::incoming::{Door, MAX_BODY, OutsideComment, OutsideStatus, Said};
use integrations::jira::{IssueKey, Jira, JiraSettings, Proof};
use model::render::one_line;
use model::{ClosedAs, Event, Incident, IncidentId, Status};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::doors::{shut, taken as count};
use super::links::{Links, lies_at};
use super::outside::{Act, Became, reopened, resolved, taken};
use crate::auth::Principal;
use crate::intake::{Came, whole};
use crate::problem::Problem;
use crate::state::Gateway;
use crate::wrongs::Peer;

/// The system's name in routes, metrics and records, and its channel's in the journal.
pub const SYSTEM: &str = "jira";
/// Characters of a status in a sentence.
const MAX_STATUS: usize = 100;

/// One Jira.
pub struct JiraDoor {
    client: Jira,
    settings: JiraSettings,
    proof: Proof,
    /// Subjects of ours by Jira's id of an account.
    people: BTreeMap<String, String>,
    door: OnceCell<Door>,
    links: Links,
}

impl JiraDoor {
    pub fn new(
        client: Jira,
        settings: JiraSettings,
        proof: Proof,
        people: BTreeMap<String, String>,
    ) -> Self {
        Self {
            client,
            settings,
            proof,
            people,
            door: OnceCell::new(),
            links: Links::default(),
        }
    }

    /// Whose token ours is says Jira, once: what that account does is our own echo. Until it has
    /// said so nothing can be taken.
    async fn door(&self) -> Result<&Door, Problem> {
        let door = self.door.get_or_try_init(|| async {
            let account = self.client.account().await?;
            Ok(Door::new(&self.settings, account, self.proof.clone()))
        });
        door.await.map_err(|error: integrations::Error| {
            let text = format!("whose doing is an echo isn't known yet: {error}: send it again");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, text)
        })
    }
}

pub async fn post(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    peer: Peer,
    body: Came,
) -> Result<Json<Value>, Problem> {
    let jira = gateway.doors.jira.as_ref().ok_or_else(|| shut(SYSTEM))?;
    let body = whole(body, MAX_BODY)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let refused = |unheard| gateway.doors.unheard(SYSTEM, &unheard, peer);
    // A stranger doesn't make us ask Jira anything.
    jira.proof.check(header, &body).map_err(refused)?;
    let door = jira.door().await?;
    // Jira's time is the wall's.
    let arrived = door
        .read(header, &body, Clock::wall().now())
        .map_err(refused)?;
    let became = match &arrived.said {
        Said::Nothing { why } => Ok(*why),
        Said::Comment(comment) => commented(&gateway, jira, comment).await,
        Said::Status(status) => moved(&gateway, jira, status).await,
    };
    // What couldn't be kept is taken as new when Jira tries again.
    let became = became.inspect_err(|_| door.give_back(&arrived))?;
    count(SYSTEM, became);
    Ok(Json(json!({ "became": became })))
}

/// The incident whose issue it is, by the record that its channel left.
async fn incident(
    gateway: &Gateway,
    jira: &JiraDoor,
    issue: &IssueKey,
) -> Result<Option<IncidentId>, Problem> {
    let place = issue.as_str();
    let ties = |record: &model::Record| lies_at(record, SYSTEM, place);
    jira.links.find(&gateway.casework, place, ties).await
}

const NOT_OURS: &str = "no issue of an incident";

async fn commented(
    gateway: &Gateway,
    jira: &JiraDoor,
    comment: &OutsideComment,
) -> Result<&'static str, Problem> {
    let Some(id) = incident(gateway, jira, &comment.issue).await? else {
        return Ok(NOT_OURS);
    };
    let act = Act {
        system: SYSTEM,
        account: &comment.account,
        subject: jira.people.get(&comment.account).map(String::as_str),
        mark: format!("Jira {}, comment {}", comment.issue, comment.comment),
        says: comment.text.clone(),
    };
    let became = act.record(gateway, &id, |_, _| None).await;
    became.map(Became::name)
}

async fn moved(
    gateway: &Gateway,
    jira: &JiraDoor,
    status: &OutsideStatus,
) -> Result<&'static str, Problem> {
    let Some(id) = incident(gateway, jira, &status.issue).await? else {
        return Ok(NOT_OURS);
    };
    let name = |of: &str| one_line(of, MAX_STATUS);
    let says = format!(
        "moved {} from {} to {} in Jira",
        status.issue,
        name(&status.from),
        name(&status.to)
    );
    let act = Act {
        system: SYSTEM,
        account: &status.account,
        subject: jira.people.get(&status.account).map(String::as_str),
        mark: format!("Jira {}, moved at {}", status.issue, status.at),
        says: says.clone(),
    };
    let means = |who: &Principal, incident: &Incident| meaning(status.means, who, incident, &says);
    let became = act.record(gateway, &id, means).await;
    became.map(Became::name)
}

/// What a person asks for who moves the issue to a status that means this.
fn meaning(
    means: Option<Status>,
    who: &Principal,
    incident: &Incident,
    says: &str,
) -> Option<Event> {
    match means? {
        Status::Open => reopened(incident, says),
        Status::Resolved => resolved(incident, says),
        Status::Closed => (!incident.status.is_over()).then(|| Event::Closed {
            r#as: ClosedAs::FalseAlarm {},
            reason: says.to_owned(),
        }),
        Status::Investigating => taken(who, incident, says),
        // What only agents and decisions bring about, nobody says by moving an issue.
        Status::Explained
        | Status::AwaitingApproval
        | Status::Approved
        | Status::Executing
        | Status::Verifying
        | Status::Mitigated
        | Status::Voided => None,
    }
}
