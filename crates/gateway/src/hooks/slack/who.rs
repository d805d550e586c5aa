//! Which person of ours a user of Slack is, and what they may do from there.

use integrations::slack::Sender;
use integrations::slack::incoming::{Denied, PersonRef, who};

use super::{SYSTEM, SlackDoor};
use crate::auth::Principal;
use crate::hooks::people::{FROM_SLACK, denied, person};
use crate::state::Gateway;

/// Said to whom the configuration names, and nothing else knows.
const NO_RIGHTS: &str = "you may do nothing in DataPulse: log in there once, or ask an admin whether your account was disabled";
const NOT_ASKED: &str = "Slack doesn't say who you are just now: try it again";
const NOT_READ: &str = "DataPulse can't read what you may do just now: try it again";

/// The person, or why it is nobody: a text for who asked. Slack is asked anew each time: a guest of
/// today was a member yesterday.
pub(super) async fn identify(
    gateway: &Gateway,
    door: &SlackDoor,
    sender: &Sender,
) -> Result<Principal, String> {
    let profile = door.client.user(&sender.user).await.map_err(|error| {
        tracing::warn!(%error, "who clicked in Slack can't be asked for");
        denied(SYSTEM, "not_asked");
        NOT_ASKED.to_owned()
    })?;
    let found = who(&door.mapping, sender, &profile).and_then(|found| match found {
        PersonRef::Subject(subject) => Ok(subject),
        PersonRef::Email(email) => door.emails.get(&email).cloned().ok_or(Denied::Unknown),
    });
    let subject = found.map_err(|why| {
        denied(SYSTEM, why.reason());
        why.to_string()
    })?;
    let via = format!("{SYSTEM}:{}:{}", team(sender), sender.user);
    let person = person(gateway, &subject, &FROM_SLACK, via).await;
    let person = person.map_err(|problem| {
        tracing::error!(detail = problem.detail, "a person can't be read");
        NOT_READ.to_owned()
    })?;
    person.ok_or_else(|| {
        denied(SYSTEM, "no_rights");
        NO_RIGHTS.to_owned()
    })
}

/// The workspace, as it is kept in a modal and in records.
pub(super) fn team(sender: &Sender) -> &str {
    let team = sender.team.as_ref().or(sender.user_team.as_ref());
    team.map_or("", String::as_str)
}
