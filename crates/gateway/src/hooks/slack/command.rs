//! `/datapulse`: what is open, and what can be done with an incident in a line. Only who asked sees
//! the answer.

use integrations::slack::Message;
use integrations::slack::Reply;
use integrations::slack::blocks::limits::MAX_LISTED;
use integrations::slack::incoming::{Command, Taker, Wish};
use model::incident::MAX_NAME_CHARS;
use model::{Act, Assignee, ClosedAs, Event, IncidentId, Scope, Status};
use store::SummaryFilter;

use super::SlackDoor;
use super::decision::{refused, says, take_on};
use super::who::{identify, team};
use crate::api::incidents::text;
use crate::auth::Principal;
use crate::hooks::people::may;
use crate::problem::Problem;
use crate::state::Gateway;

/// Open incidents that are counted.
const MAX_OPEN: usize = 200;
/// Why somebody has an incident, where nobody was asked for a reason.
const IN_SLACK: &str = "assigned in Slack";

pub(super) async fn asked(gateway: &Gateway, door: &SlackDoor, command: &Command) -> Reply {
    let wish = command.wish();
    // What the command can do is no secret of a listed workspace, and asks nobody anything.
    if wish == Wish::Help {
        return Reply::Ephemeral(door.composer.help());
    }
    let answer = match identify(gateway, door, &command.sender).await {
        Ok(principal) => fulfil(gateway, door, command, &principal, wish).await,
        Err(why) => Err(why),
    };
    Reply::Ephemeral(answer.unwrap_or_else(|why| door.composer.says(&why)))
}

async fn fulfil(
    gateway: &Gateway,
    door: &SlackDoor,
    command: &Command,
    principal: &Principal,
    wish: Wish,
) -> Result<Message, String> {
    let composer = &door.composer;
    let scope = match &wish {
        Wish::List | Wish::Show(_) | Wish::Help => Scope::IncidentsRead,
        _ => Scope::IncidentsWrite,
    };
    may(principal, scope).map_err(refused)?;
    match wish {
        Wish::Help => Ok(composer.help()),
        Wish::List => list(gateway, door).await,
        Wish::Show(id) => {
            let incident = gateway.casework.incident(&id).await;
            let incident = incident.map_err(Problem::from).map_err(says)?;
            Ok(composer.shown(&incident))
        }
        Wish::Acknowledge(id) => {
            let incident = take_on(gateway, principal, &id).await?;
            Ok(composer.shown(&incident))
        }
        Wish::Note { incident, text: of } => {
            text("the note", &of).map_err(says)?;
            let event = Event::NoteAdded { text: of };
            write(gateway, principal, &incident, event).await?;
            Ok(composer.says(&format!("{incident} has your note")))
        }
        Wish::Assign { incident, to } => {
            let to = assignee(gateway, door, command, principal, to).await?;
            let says = format!("{incident} is {}'s now", to.name());
            let reason = IN_SLACK.to_owned();
            write(
                gateway,
                principal,
                &incident,
                Event::Assigned { to, reason },
            )
            .await?;
            Ok(composer.says(&says))
        }
        Wish::Close {
            incident,
            double_of,
            reason,
        } => {
            close(gateway, principal, &incident, double_of, reason).await?;
            Ok(composer.says(&format!("{incident} is closed")))
        }
        Wish::Stop(reason) => {
            stop(gateway, principal, reason).await?;
            Ok(composer.says("nothing is executed until a responder lifts it in DataPulse"))
        }
    }
}

async fn list(gateway: &Gateway, door: &SlackDoor) -> Result<Message, String> {
    let statuses = Status::LISTED
        .into_iter()
        .filter(|status| !status.is_over());
    let open = SummaryFilter {
        statuses: statuses.collect(),
        sort: Some("-severity".to_owned()),
        limit: MAX_OPEN.max(MAX_LISTED),
        ..SummaryFilter::default()
    };
    let page = gateway.casework.journal().summaries(&open).await;
    let page = page.map_err(Problem::from).map_err(says)?;
    Ok(door.composer.list(&page.items))
}

async fn write(
    gateway: &Gateway,
    principal: &Principal,
    id: &IncidentId,
    event: Event,
) -> Result<(), String> {
    let written = gateway.casework.record(id, principal.actor(), event).await;
    written.map(drop).map_err(Problem::from).map_err(says)
}

async fn close(
    gateway: &Gateway,
    principal: &Principal,
    id: &IncidentId,
    double_of: Option<IncidentId>,
    reason: String,
) -> Result<(), String> {
    text("the reason", &reason).map_err(says)?;
    let r#as = match double_of {
        None => ClosedAs::FalseAlarm {},
        Some(of) if of == *id => return Err(format!("{id} can't be a duplicate of itself")),
        Some(of) => {
            let other = gateway.casework.incident(&of).await;
            other.map_err(Problem::from).map_err(says)?;
            ClosedAs::Duplicate { of }
        }
    };
    write(gateway, principal, id, Event::Closed { r#as, reason }).await
}

async fn stop(gateway: &Gateway, principal: &Principal, reason: String) -> Result<(), String> {
    text("the reason", &reason).map_err(says)?;
    let act = Act::AutomationStopped { reason };
    let stopped = gateway.casework.record_act(principal.actor(), act).await;
    stopped.map_err(Problem::from).map_err(says)?;
    metrics::counter!("automation_stops_total").increment(1);
    Ok(())
}

/// Somebody else only by the list: who isn't on it can't be told from a stranger of the same name.
async fn assignee(
    gateway: &Gateway,
    door: &SlackDoor,
    command: &Command,
    principal: &Principal,
    to: Taker,
) -> Result<Assignee, String> {
    let (subject, name) = match to {
        Taker::Me => (principal.subject.clone(), principal.name.clone()),
        Taker::Team(name) if name.chars().count() > MAX_NAME_CHARS => {
            return Err(format!(
                "a team's name has at most {MAX_NAME_CHARS} characters"
            ));
        }
        Taker::Team(name) => return Ok(Assignee::Team { name }),
        Taker::User(user) => {
            let workspace = door.mapping.workspaces.get(team(&command.sender));
            let subject = workspace.and_then(|workspace| workspace.people.get(&user));
            let subject = subject.ok_or("this account isn't listed in DataPulse")?;
            let standing = gateway.casework.standing(subject).await;
            let standing = standing.map_err(Problem::from).map_err(says)?;
            let standing = standing.ok_or("this person may do nothing in DataPulse")?;
            (subject.clone(), standing.name)
        }
    };
    Ok(Assignee::Person {
        subject: Some(subject),
        name,
    })
}
