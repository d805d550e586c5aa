//! Moving an issue through the project's workflow, by the workflow's own names.

use model::Status;
use model::render::one_line;
use serde_json::{Value, json};

use super::{IssueKey, Jira};
use crate::error::Error;

/// Transitions of an issue that are looked at: workflows have a dozen.
pub const MAX_TRANSITIONS: usize = 200;
/// Transitions that a message names.
const MAX_NAMED: usize = 10;
/// Characters of a name of a status or transition, as Jira allows.
const MAX_NAME: usize = 255;

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Jira moved it.
    Moved,
    /// It was in that status before: nothing was sent.
    WasThere,
    /// The settings name no status for this state: nothing was sent.
    NotMapped,
    /// The workflow has no way there from where the issue is. Nothing was sent; the text says what
    /// there is and what to do, for people: put it into the comment of the same record, so that the
    /// state is told in words.
    NoWay(String),
}

struct Transition<'a> {
    id: &'a str,
    name: &'a str,
    to: &'a str,
}

impl Jira {
    /// Moves an issue to where the settings send it in this state.
    ///
    /// # Errors
    /// `CannotTell`: it may have been moved; calling again looks where it is first. `Refused`: Jira
    /// says no, such as for a field that the transition's screen demands.
    pub async fn move_to(&self, issue: &IssueKey, status: Status) -> Result<Moved, Error> {
        let Some(wanted) = self.settings.states.get(&status) else {
            return Ok(Moved::NotMapped);
        };
        let path = format!("/issue/{issue}?fields=status");
        let answer = self.read("GET issue", &path).await?;
        let here = answer
            .pointer("/fields/status/name")
            .and_then(Value::as_str);
        let here = here.ok_or_else(|| {
            Error::NotDone("jira: GET issue: the answer has no status".to_owned())
        })?;
        if same(here, &wanted.status) {
            return Ok(Moved::WasThere);
        }
        let path = format!("/issue/{issue}/transitions");
        let answer = self.read("GET transitions", &path).await?;
        let offered = transitions(&answer);
        let fits = |one: &&Transition<'_>| {
            let named = wanted.transition.as_ref();
            same(one.to, &wanted.status) && named.is_none_or(|name| same(one.name, name))
        };
        let Some(found) = offered.iter().find(fits) else {
            return Ok(Moved::NoWay(no_way(issue, status, here, wanted, &offered)));
        };
        let body = json!({ "transition": { "id": found.id } });
        self.write("POST transitions", &path, &body).await?;
        Ok(Moved::Moved)
    }
}

fn transitions(answer: &Value) -> Vec<Transition<'_>> {
    let listed = answer.get("transitions").and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .take(MAX_TRANSITIONS)
        .filter_map(|one| {
            Some(Transition {
                id: one.get("id")?.as_str()?,
                name: one.get("name")?.as_str()?,
                to: one.pointer("/to/name")?.as_str()?,
            })
        })
        .collect()
}

/// Names are compared without case and the spaces around.
fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn no_way(
    issue: &IssueKey,
    status: Status,
    here: &str,
    wanted: &super::Move,
    offered: &[Transition<'_>],
) -> String {
    let name = |text: &str| one_line(text, MAX_NAME);
    let ways: Vec<String> = offered
        .iter()
        .take(MAX_NAMED)
        .map(|one| format!("{} (to {})", name(one.name), name(one.to)))
        .collect();
    let ways = if ways.is_empty() {
        "no transition".to_owned()
    } else {
        ways.join(", ")
    };
    let by = match &wanted.transition {
        Some(transition) => format!(" by {}", name(transition)),
        None => String::new(),
    };
    format!(
        "the incident is {}, but {issue} stays in {}: its workflow offers {ways}, and no way to {}{by}. Add one to the workflow, or change jira.states.{}",
        status.name(),
        name(here),
        name(&wanted.status),
        status.name()
    )
}
