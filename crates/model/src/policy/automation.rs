//! Safe automation: the few actions that a policy lets run without a person, and within what.
//!
//! Off by default. [`decide`] says what is to become of an offer, with all reasons; it is pure, and
//! the Executor asks it again right before it acts ([`still_holds`]).

use serde::{Deserialize, Serialize};

use super::{Policy, RiskTier};
use crate::action::ActionKind;

mod decide;
mod history;
mod reason;
#[cfg(test)]
mod tests;

pub use decide::{Automation, decide, is_worth_looking, looks_back_ms, still_holds};
pub(crate) use history::refused;
pub use history::{Answers, AutomaticRun, Band, Here, History};
pub use reason::{Reason, ReasonKey};

/// Rules that one policy may hold.
pub const MAX_RULES: usize = 100;
/// The least confidence that a rule may ask for: under it an answer is rather wrong than right.
pub const MIN_CONFIDENCE: f64 = 0.5;
/// The fewest answers that people have confirmed on this installation before anything runs.
pub const MIN_CONFIRMED_ANSWERS: u32 = 20;
/// The most that a rule may ask for: as many as are scored (`casework::feedback::MAX_SCORED`).
pub const MAX_CONFIRMED_ANSWERS: u32 = 10_000;
/// Automatic runs on one service in a day: more is no repair but a control loop.
pub const MAX_PER_SERVICE_AND_DAY: u32 = 24;
/// The longest cool-down, a week: as long as an approval may be waited for.
pub const MAX_COOL_DOWN_MINUTES: u32 = 7 * 24 * 60;
/// Instances of one service in all: what Resolver offers at most.
pub const MAX_INSTANCES: u32 = 64;
/// Bytes of a rule's name: it is repeated in every record that names it.
pub const MAX_NAME_BYTES: usize = 80;
/// Bytes of the sentence on how an action ends by itself.
pub const MAX_ENDS_BYTES: usize = 500;

/// Whether a rule acts.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AutomationMode {
    /// As if it weren't there.
    #[default]
    Off,
    /// Records what it would have done, and does nothing.
    Shadow,
    /// Runs without a person.
    On,
}

/// What may run without a person: nothing but these three, each within its bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SafeAction {
    /// More instances, never fewer. Its undo is needed: the number that was there before.
    Scale {
        /// So many more than there are, at most.
        at_most_more: u32,
        /// So many in all, at most.
        at_most: u32,
    },
    /// An emptied cache has no undo: it fills by itself.
    CacheClear {
        /// How what it costs ends without anybody, in words for people; without it nothing runs.
        ends_by_itself: String,
    },
    /// One instance of a service that keeps no state. A restart has no undo.
    Restart {
        /// Services that keep no state: no other is restarted.
        stateless: Vec<String>,
        /// How what it costs ends without anybody, in words for people; without it nothing runs.
        ends_by_itself: String,
    },
}

impl SafeAction {
    /// The kind of action that it bounds.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::Scale { .. } => ActionKind::Scale,
            Self::CacheClear { .. } => ActionKind::CacheClear,
            Self::Restart { .. } => ActionKind::Restart,
        }
    }

    /// How it ends by itself, for kinds that have no undo.
    pub fn ends_by_itself(&self) -> Option<&str> {
        match self {
            Self::Scale { .. } => None,
            Self::CacheClear { ends_by_itself } | Self::Restart { ends_by_itself, .. } => {
                Some(ends_by_itself)
            }
        }
    }
}

/// One action that may run without a person, and within what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomationRule {
    /// Records and people name the rule by it.
    pub name: String,
    /// `off`, where it isn't named.
    #[serde(default)]
    pub mode: AutomationMode,
    /// What may be done, with its bound.
    pub action: SafeAction,
    /// Empty: all targets.
    #[serde(default)]
    pub services: Vec<String>,
    /// The report's first answer must be at least so sure, 0.5 to 1.
    pub confidence_at_least: f64,
    /// Answers that people must have called right on this installation, in the fifth of confidence
    /// that the answer lies in: 20 at least.
    pub confirmed_answers: u32,
    /// Automatic runs on one service in any 24 hours, 1 to 24; runs of other rules count too.
    pub per_service_and_day: u32,
    /// After an automatic run on a service nothing runs on it by itself for so long, a week at most.
    pub cool_down_minutes: u32,
}

impl AutomationRule {
    /// Whether it speaks of this kind of action on this target, whatever its mode.
    pub fn covers(&self, kind: ActionKind, target: &str) -> bool {
        let service = self.services.is_empty() || self.services.iter().any(|name| name == target);
        service && self.action.kind() == kind
    }

    /// What is wrong with it, as text that names the place.
    fn check(&self, tier: RiskTier) -> Result<(), String> {
        let name = self.name.trim();
        if name.is_empty() || name != self.name || name.len() > MAX_NAME_BYTES {
            return Err(format!(
                "it needs a name of at most {MAX_NAME_BYTES} bytes, without spaces around it, for people who are told of it; got {:?}",
                self.name
            ));
        }
        let said = |fault: String| Err(format!("{name:?}: {fault}"));
        let line = self.confidence_at_least;
        if !(MIN_CONFIDENCE..=1.0).contains(&line) {
            return said(format!(
                "confidence_at_least: expected {MIN_CONFIDENCE} to 1, got {line}"
            ));
        }
        let within =
            |key: &str, given: u32, least: u32, most: u32| match (least..=most).contains(&given) {
                true => Ok(()),
                false => Err(format!(
                    "{name:?}: {key}: expected {least} to {most}, got {given}"
                )),
            };
        within(
            "confirmed_answers",
            self.confirmed_answers,
            MIN_CONFIRMED_ANSWERS,
            MAX_CONFIRMED_ANSWERS,
        )?;
        within(
            "per_service_and_day",
            self.per_service_and_day,
            1,
            MAX_PER_SERVICE_AND_DAY,
        )?;
        within(
            "cool_down_minutes",
            self.cool_down_minutes,
            1,
            MAX_COOL_DOWN_MINUTES,
        )?;
        if self
            .services
            .iter()
            .any(|service| service.trim().is_empty())
        {
            return said("services: one of them has no name".to_owned());
        }
        if tier == RiskTier::High {
            let kind = self.action.kind().name();
            return said(format!(
                "{kind} is of high risk in this policy: that never runs without a person"
            ));
        }
        self.check_action()
            .or_else(|fault| said(format!("action.{fault}")))
    }

    fn check_action(&self) -> Result<(), String> {
        match &self.action {
            SafeAction::Scale {
                at_most_more,
                at_most,
            } => {
                for (key, given) in [("at_most_more", at_most_more), ("at_most", at_most)] {
                    if !(1..=MAX_INSTANCES).contains(given) {
                        return Err(format!(
                            "{key}: expected 1 to {MAX_INSTANCES} instances, got {given}"
                        ));
                    }
                }
            }
            SafeAction::CacheClear { .. } => {}
            SafeAction::Restart { stateless, .. } => {
                if stateless.is_empty() || stateless.iter().any(|name| name.trim().is_empty()) {
                    return Err(
                        "stateless: name the services that keep no state: no other is restarted"
                            .to_owned(),
                    );
                }
            }
        }
        match self.action.ends_by_itself() {
            Some(ends) if ends.trim().is_empty() || ends.len() > MAX_ENDS_BYTES => Err(format!(
                "ends_by_itself: a {} has no undo: say in 1 to {MAX_ENDS_BYTES} bytes how what it costs ends without anybody",
                self.action.kind().name()
            )),
            _ => Ok(()),
        }
    }
}

/// What is wrong with a policy's rules, as text that names the place.
pub(super) fn check(policy: &Policy) -> Result<(), String> {
    let rules = &policy.automation;
    if rules.len() > MAX_RULES {
        let given = rules.len();
        return Err(format!(
            "automation: at most {MAX_RULES} rules, got {given}"
        ));
    }
    for (index, rule) in rules.iter().enumerate() {
        let at = |fault: String| format!("automation[{index}]: {fault}");
        rule.check(policy.tier_of(rule.action.kind())).map_err(at)?;
        let twice = rules[..index].iter().any(|other| other.name == rule.name);
        if twice {
            return Err(at(format!("there are two rules named {:?}", rule.name)));
        }
    }
    Ok(())
}
