//! People who come through another system: who of ours they are, and what they may do from there.
//!
//! The configuration says which account is which person. What that person may do is what they may
//! do by every way, as things are at that moment, and less: no way in allows more than it is for.

use model::Scope;

use super::doors::DENIED;
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

/// What can be done from Slack: nobody decides alone there, and nothing is administered.
pub const FROM_SLACK: [Scope; 3] = [
    Scope::IncidentsRead,
    Scope::IncidentsWrite,
    Scope::ActionsApprove,
];
/// What can be done from a tracker or a pager: never a decision.
pub const FROM_TRACKERS: [Scope; 1] = [Scope::IncidentsWrite];

/// The person of a subject; `None`: they were never here, were disabled, or have no way in any more.
pub async fn person(
    gateway: &Gateway,
    subject: &str,
    allows: &[Scope],
    via: String,
) -> Result<Option<Principal>, Problem> {
    let standing = gateway.casework.standing(subject).await?;
    Ok(standing.map(|standing| Principal::mapped(subject, standing, allows, via)))
}

/// 403, in words for who asked, where the scope isn't theirs.
pub fn may(principal: &Principal, scope: Scope) -> Result<(), Problem> {
    if principal.may(scope) {
        return Ok(());
    }
    Err(Problem::forbidden(format!(
        "this needs the scope {}, which {} ({}) has not",
        scope.name(),
        principal.name,
        principal.role.name()
    )))
}

/// Counts somebody who may not.
pub fn denied(system: &'static str, reason: &'static str) {
    metrics::counter!(DENIED, "system" => system, "reason" => reason).increment(1);
}
