//! Who is told what, when, and what is held back. Pure.
//!
//! A tree of routes, as Alertmanager's, says which channels hear a notice ([`Route`]). The journal
//! says what was told ([`History`]). From both, and from silences, quiet hours, the call graph and
//! the time, [`decide`] says what is due now to which channel, what is held and by what, and when to
//! look again. Each notice has a key that is derived from its record and, of repeats and
//! escalations, the step: however often it is decided, it is the same notice.
//!
//! Read first: [`Routing`], then [`decide`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::hours::Weekly;
use crate::identity::IncidentId;
use crate::matcher::{FIELDS, LABEL, Matcher};
use crate::severity::Severity;

pub mod agenda;
mod children;
mod decide;
pub mod example;
mod facts;
pub mod group;
mod history;
pub mod inhibition;
mod tree;

use children::Children;
pub use decide::{Decision, Due, Grouping, Held, Question, decide};
pub use facts::{Asked, Facts};
pub use history::{History, News, Step};
pub use inhibition::Callee;
pub use tree::Hearing;

/// Routes of one tree, and how deep it goes.
pub const MAX_ROUTES: usize = 10_000;
pub const MAX_DEPTH: usize = 10;
/// Channels that one route, step or recipient names.
pub const MAX_NAMED: usize = 50;
/// Recipients, and named quiet hours.
pub const MAX_RECIPIENTS: usize = 10_000;
pub const MAX_QUIET_HOURS: usize = 100;
/// Steps of one escalation.
pub const MAX_STEPS: usize = 10;
/// A reminder comes at most this often: five minutes.
pub const MIN_REPEAT_S: u64 = 5 * 60;
/// The longest of all times that a route says: a week.
pub const MAX_WAIT_S: u64 = 7 * 24 * 60 * 60;
/// Where a route groups and says no times: those of Alertmanager.
pub const GROUP_WAIT_S: u64 = 30;
pub const GROUP_INTERVAL_S: u64 = 5 * 60;

/// Every channel.
pub const EVERY: &str = "*";
/// The channels of the service's team, and of who is on call for it.
pub const TEAM: &str = "{team}";
pub const ON_CALL: &str = "{on_call}";
/// Stands for the team's or the person's name in the channels of `team:*` and `on_call:*`.
pub const NAME: &str = "{name}";

/// The settings: without any, every channel hears everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    pub route: Route,
    /// Channels of `team:NAME` and `on_call:NAME`; `team:*` and `on_call:*` are for all others.
    pub recipients: BTreeMap<String, Vec<String>>,
    pub quiet_hours: Vec<QuietHours>,
    /// An incident of a caller waits while one of a service that it calls is open and was told.
    pub inhibit_callers: bool,
}

/// One route. What it doesn't say it has from the route above it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// For people.
    pub name: String,
    /// All of them must hold; none: it takes everything.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<Matcher>,
    /// Names, `*`, `{team}` and `{on_call}`. The first route says `*` where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Where it takes a notice, those after it are asked too.
    #[serde(rename = "continue", skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
    /// Fields by which incidents are told together; not said at all: each alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_wait_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_interval_s: Option<u64>,
    /// Told again so often while it is open and nobody has taken it; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_interval_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Vec<Escalation>>,
    /// Names of `quiet_hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<Vec<String>>,
    /// The first of them that takes a notice has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// By which those are found that may take a notice.
    #[serde(skip)]
    children: Children,
}

/// Nobody has taken it for so long: these hear of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    pub after_minutes: u64,
    pub channels: Vec<String>,
}

/// When nobody is to be woken; what is held then is told afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    pub name: String,
    pub hours: Weekly,
    /// Severities that are told all the same.
    #[serde(default = "critical")]
    pub passes: Vec<Severity>,
}

fn critical() -> Vec<Severity> {
    vec![Severity::Critical]
}

/// Why a notice that is due isn't sent.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HeldBy {
    Silence {
        silence: String,
    },
    QuietHours {
        name: String,
    },
    /// A service that it calls has an incident of its own, of which people know.
    Callee {
        incident: IncidentId,
        /// From the caller to the callee.
        path: Vec<String>,
    },
    /// It comes and goes.
    Flapping {
        /// How often it was opened again within the window.
        reopened: u64,
    },
}

impl HeldBy {
    /// In words.
    pub fn says(&self) -> String {
        match self {
            Self::Silence { silence } => format!("the silence {silence}"),
            Self::QuietHours { name } => format!("the quiet hours {name:?}"),
            Self::Callee { incident, path } => {
                format!(
                    "{incident} of a service that it calls ({})",
                    path.join(" – ")
                )
            }
            Self::Flapping { reopened } => format!("it was opened again {reopened} times lately"),
        }
    }

    /// Whether what it held is told afterwards even where the incident is over by then.
    pub fn is_told_afterwards(&self) -> bool {
        !matches!(self, Self::Silence { .. } | Self::Callee { .. })
    }
}

impl Routing {
    /// What is wrong with it, as text that names the place.
    pub fn check(&self) -> Result<(), String> {
        if self.quiet_hours.len() > MAX_QUIET_HOURS {
            return Err(format!("quiet_hours: at most {MAX_QUIET_HOURS}"));
        }
        let mut names = BTreeSet::new();
        for quiet in &self.quiet_hours {
            let name = &quiet.name;
            if name.trim().is_empty() || !names.insert(name.as_str()) {
                return Err(format!(
                    "quiet_hours: expected a name that no others have, got {name:?}"
                ));
            }
            let checked = quiet.hours.check();
            checked.map_err(|why| format!("quiet_hours {name:?}: hours.{why}"))?;
        }
        if self.recipients.len() > MAX_RECIPIENTS {
            return Err(format!("recipients: at most {MAX_RECIPIENTS}"));
        }
        for (key, channels) in &self.recipients {
            let known = ["team:", "on_call:"]
                .iter()
                .any(|kind| key.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
            if !known || channels.is_empty() || channels.len() > MAX_NAMED {
                return Err(format!(
                    "recipients: expected \"team:NAME\" or \"on_call:NAME\" with 1 to {MAX_NAMED} channels, got {key:?}"
                ));
            }
        }
        if !self.route.matchers.is_empty() || self.route.goes_on {
            return Err(
                "route: the first route takes everything: no match, no continue".to_owned(),
            );
        }
        let mut count = 0;
        self.check_route(&self.route, "route", 1, &names, &mut count)
    }

    fn check_route(
        &self,
        route: &Route,
        place: &str,
        depth: usize,
        quiet: &BTreeSet<&str>,
        count: &mut usize,
    ) -> Result<(), String> {
        *count += 1;
        if depth > MAX_DEPTH || *count > MAX_ROUTES {
            return Err(format!(
                "{place}: at most {MAX_ROUTES} routes, {MAX_DEPTH} deep"
            ));
        }
        let wrong = |key: &str, why: String| Err(format!("{place}.{key}: {why}"));
        if let Some(channels) = &route.channels
            && (channels.is_empty() || channels.len() > MAX_NAMED)
        {
            return wrong("channels", format!("expected 1 to {MAX_NAMED} names"));
        }
        for field in route.group_by.iter().flatten() {
            let label = field
                .strip_prefix(LABEL)
                .is_some_and(|name| !name.is_empty());
            if !label && !FIELDS.contains(&field.as_str()) {
                let fields = FIELDS.join(", ");
                return wrong("group_by", format!("there is no field {field:?}: {fields}"));
            }
        }
        for (key, given) in [
            ("group_wait_s", route.group_wait_s),
            ("group_interval_s", route.group_interval_s),
            ("repeat_interval_s", route.repeat_interval_s),
        ] {
            if given.is_some_and(|seconds| seconds > MAX_WAIT_S) {
                return wrong(key, format!("expected at most {MAX_WAIT_S} s"));
            }
        }
        if route
            .repeat_interval_s
            .is_some_and(|s| 0 < s && s < MIN_REPEAT_S)
        {
            let why = format!("expected 0 (never) or at least {MIN_REPEAT_S} s");
            return wrong("repeat_interval_s", why);
        }
        check_escalation(route.escalation.as_deref().unwrap_or_default())
            .or_else(|why| wrong("escalation", why))?;
        for name in route.quiet_hours.iter().flatten() {
            if !quiet.contains(name.as_str()) {
                return wrong(
                    "quiet_hours",
                    format!("there are none of the name {name:?}"),
                );
            }
        }
        for (index, child) in route.routes.iter().enumerate() {
            let place = format!("{place}.routes[{index}]");
            self.check_route(child, &place, depth + 1, quiet, count)?;
        }
        Ok(())
    }

    /// Channels that are named somewhere and that `known` doesn't hold: a notice for them would
    /// reach nobody.
    pub fn unknown_channels(&self, known: &[String]) -> Vec<String> {
        let named = self.named().into_iter();
        named.filter(|name| !known.contains(name)).collect()
    }

    /// Every channel that is named by itself.
    pub fn named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        let mut routes = vec![&self.route];
        while let Some(route) = routes.pop() {
            let steps = route.escalation.iter().flatten();
            let of_steps = steps.flat_map(|step| &step.channels);
            named.extend(route.channels.iter().flatten().chain(of_steps).cloned());
            routes.extend(&route.routes);
        }
        named.extend(self.recipients.values().flatten().cloned());
        named.retain(|name| {
            ![EVERY, TEAM, ON_CALL].contains(&name.as_str()) && !name.contains(NAME)
        });
        named
    }
}

fn check_escalation(steps: &[Escalation]) -> Result<(), String> {
    if steps.len() > MAX_STEPS {
        return Err(format!("at most {MAX_STEPS} steps"));
    }
    let mut before = 0;
    for step in steps {
        let minutes = step.after_minutes;
        if minutes <= before || minutes > MAX_WAIT_S / 60 {
            return Err(format!(
                "after_minutes: each step is later than the one before it, the last within a week, got {minutes}"
            ));
        }
        if step.channels.is_empty() || step.channels.len() > MAX_NAMED {
            return Err(format!("channels: expected 1 to {MAX_NAMED} names"));
        }
        before = minutes;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
