//! Which routes take a notice, and which channels they lead to.

use std::collections::BTreeSet;

use super::{
    Asked, EVERY, Escalation, GROUP_INTERVAL_S, GROUP_WAIT_S, NAME, ON_CALL, QuietHours, Route,
    Routing, TEAM,
};
use crate::matcher::{Fields, all_match};

/// One route that takes a notice, with all that it has from those above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hearing<'r> {
    /// The names from the first route down: `all > payments`.
    pub path: String,
    /// The matchers that led here, in words; empty: everything does.
    pub because: String,
    /// Names of channels, none twice.
    pub channels: Vec<String>,
    /// What is said of the channels: of a team that has none.
    pub notes: Vec<String>,
    pub group_by: Option<&'r [String]>,
    pub group_wait_ms: i64,
    pub group_interval_ms: i64,
    /// 0: never.
    pub repeat_ms: i64,
    /// After how many minutes which channels.
    pub escalation: Vec<(u64, Vec<String>)>,
    pub quiet: Vec<&'r QuietHours>,
}

/// What a route says, else what it has from above.
#[derive(Clone, Copy)]
struct Terms<'r> {
    channels: Option<&'r [String]>,
    group_by: Option<&'r [String]>,
    group_wait_s: u64,
    group_interval_s: u64,
    repeat_s: u64,
    escalation: &'r [Escalation],
    quiet: &'r [String],
}

impl<'r> Terms<'r> {
    fn below(self, route: &'r Route) -> Self {
        Self {
            channels: route.channels.as_deref().or(self.channels),
            group_by: route.group_by.as_deref().or(self.group_by),
            group_wait_s: route.group_wait_s.unwrap_or(self.group_wait_s),
            group_interval_s: route.group_interval_s.unwrap_or(self.group_interval_s),
            repeat_s: route.repeat_interval_s.unwrap_or(self.repeat_s),
            escalation: route.escalation.as_deref().unwrap_or(self.escalation),
            quiet: route.quiet_hours.as_deref().unwrap_or(self.quiet),
        }
    }
}

/// A walk down the tree.
struct Walk<'r, 'a> {
    routing: &'r Routing,
    channels: &'a [String],
    asked: Asked<'a>,
    found: Vec<Hearing<'r>>,
}

impl Routing {
    /// The routes that take a notice; at least one. `channels`: all that there are.
    pub fn hearings(&self, channels: &[String], asked: Asked<'_>) -> Vec<Hearing<'_>> {
        let mut walk = Walk {
            routing: self,
            channels,
            asked,
            found: Vec::new(),
        };
        let terms = Terms {
            channels: None,
            group_by: None,
            group_wait_s: GROUP_WAIT_S,
            group_interval_s: GROUP_INTERVAL_S,
            repeat_s: 0,
            escalation: &[],
            quiet: &[],
        };
        walk.down(&self.route, terms, &mut Vec::new());
        walk.found
    }

    /// Channels of `team:NAME`, else of `team:*`; none where nobody said any.
    fn recipients(&self, kind: &str, name: &str) -> Vec<String> {
        let own = self.recipients.get(&format!("{kind}:{name}"));
        if let Some(own) = own {
            return own.clone();
        }
        let all = self.recipients.get(&format!("{kind}:*"));
        let all = all.into_iter().flatten();
        all.map(|channel| channel.replace(NAME, name)).collect()
    }
}

impl<'r> Walk<'r, '_> {
    /// Whether the route, or one below it, took the notice.
    fn down(&mut self, route: &'r Route, above: Terms<'r>, path: &mut Vec<&'r Route>) -> bool {
        if !all_match(&route.matchers, &self.asked) {
            return false;
        }
        let terms = above.below(route);
        path.push(route);
        let mut taken = false;
        let services = self.asked.texts("service");
        let asked = route.children.asked(&route.routes, &services);
        for child in asked
            .into_iter()
            .filter_map(|place| route.routes.get(place))
        {
            if self.down(child, terms, path) {
                taken = true;
                if !child.goes_on {
                    break;
                }
            }
        }
        if !taken {
            let hearing = self.hearing(terms, path);
            self.found.push(hearing);
        }
        path.pop();
        true
    }

    fn hearing(&self, terms: Terms<'r>, path: &[&'r Route]) -> Hearing<'r> {
        let mut notes = Vec::new();
        let channels = match terms.channels {
            None => self.channels.to_vec(),
            Some(named) => self.named(named, &mut notes),
        };
        let steps = terms.escalation.iter();
        let escalation = steps
            .map(|step| (step.after_minutes, self.named(&step.channels, &mut notes)))
            .collect();
        let quiet = self.routing.quiet_hours.iter();
        let quiet = quiet.filter(|quiet| terms.quiet.contains(&quiet.name));
        let matchers = path.iter().flat_map(|route| &route.matchers);
        let matchers: Vec<String> = matchers.map(ToString::to_string).collect();
        Hearing {
            path: shown(path),
            because: matchers.join(", "),
            channels,
            notes,
            group_by: terms.group_by,
            group_wait_ms: seconds(terms.group_wait_s),
            group_interval_ms: seconds(terms.group_interval_s),
            repeat_ms: seconds(terms.repeat_s),
            escalation,
            quiet: quiet.collect(),
        }
    }

    /// The channels that names lead to. Where none does, all hear: a notice for nobody is lost.
    fn named(&self, named: &[String], notes: &mut Vec<String>) -> Vec<String> {
        let mut wanted: Vec<String> = Vec::new();
        for name in named {
            match name.as_str() {
                EVERY => wanted.extend(self.channels.iter().cloned()),
                TEAM | ON_CALL => wanted.extend(self.people(name, notes)),
                _ => wanted.push(name.clone()),
            }
        }
        let mut seen = BTreeSet::new();
        wanted.retain(|name| self.channels.contains(name) && seen.insert(name.clone()));
        if wanted.is_empty() {
            notes.push("it leads to no channel, so that all hear it".to_owned());
            return self.channels.to_vec();
        }
        wanted
    }

    fn people(&self, placeholder: &str, notes: &mut Vec<String>) -> Vec<String> {
        let kind = placeholder.trim_matches(['{', '}']);
        let names = self.asked.texts(kind);
        if names.is_empty() {
            notes.push(format!("lookup-services names no {kind}"));
        }
        let mut found = Vec::new();
        for name in names {
            let channels = self.routing.recipients(kind, &name);
            if !channels
                .iter()
                .any(|channel| self.channels.contains(channel))
            {
                notes.push(format!("{kind}:{name} has no channel"));
            }
            found.extend(channels);
        }
        found
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000)
}

fn shown(path: &[&Route]) -> String {
    let name = |(depth, route): (usize, &&Route)| match (route.name.is_empty(), depth) {
        (false, _) => route.name.clone(),
        (true, 0) => "all".to_owned(),
        (true, _) => {
            let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
            format!("{{{}}}", matchers.join(", "))
        }
    };
    let names: Vec<String> = path.iter().enumerate().map(name).collect();
    names.join(" > ")
}
