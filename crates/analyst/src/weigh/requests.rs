//! Requests, indexed once: who called whom in which trace, for how long, and what was logged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::words::{is_error, literal_start, template};
use crate::observations::Observations;

/// Names as small numbers: (service, span name) or (service, log template).
#[derive(Default)]
pub struct Names {
    ids: HashMap<(String, String), u32>,
    pub list: Vec<(String, String)>,
}

impl Names {
    fn id(&mut self, service: &str, name: &str) -> u32 {
        let key = (service.to_owned(), name.to_owned());
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        let id = self.list.len() as u32;
        self.list.push(key.clone());
        self.ids.insert(key, id);
        id
    }

    pub fn service(&self, id: u32) -> &str {
        &self.list[id as usize].0
    }

    pub fn name(&self, id: u32) -> &str {
        &self.list[id as usize].1
    }
}

/// What follows a span of one kind within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A child span of this kind.
    Span(u32),
    /// A log line of this template.
    Log(u32),
    /// The span failed.
    Failed,
}

/// A time spent, in microseconds, in a request.
pub struct Spent {
    pub trace: u32,
    pub us: f64,
}

#[derive(Default)]
pub struct Requests {
    pub kinds: Names,
    pub templates: Names,
    /// By template: whether its lines tell of a failure.
    pub template_fails: Vec<bool>,
    /// By template: how its lines start, to the letter.
    pub template_starts: Vec<String>,
    /// By trace: its first moment, and whether anything in it failed.
    pub start_us: Vec<i64>,
    pub failed: Vec<bool>,
    /// (trace, kind), each once.
    pub occurs: Vec<(u32, u32)>,
    /// (trace, kind, what follows), each once.
    pub follows: Vec<(u32, u32, Event)>,
    /// Time of spans less their children's, by kind.
    pub own: BTreeMap<u32, Vec<Spent>>,
    /// Time between a caller's span and its callee's, by (caller's kind, callee's kind).
    pub gaps: BTreeMap<(u32, u32), Vec<Spent>>,
    /// (caller, callee) services.
    pub calls: BTreeSet<(String, String)>,
    /// Log lines: (time, template).
    pub lines: Vec<(i64, u32)>,
}

impl Requests {
    pub fn index(o: &Observations) -> Self {
        let mut requests = Self::default();
        let mut traces: HashMap<&str, u32> = HashMap::new();
        let mut by_id: HashMap<&str, usize> = HashMap::with_capacity(o.spans.len());
        let mut kind = Vec::with_capacity(o.spans.len());
        let mut trace = Vec::with_capacity(o.spans.len());
        for (index, span) in o.spans.iter().enumerate() {
            by_id.insert(&span.id, index);
            kind.push(requests.kinds.id(&span.service, &span.name));
            let fresh = traces.len() as u32;
            let id = *traces.entry(&span.trace).or_insert(fresh);
            trace.push(id);
            if id == fresh {
                requests.start_us.push(span.at_us);
                requests.failed.push(false);
            }
            let start = &mut requests.start_us[id as usize];
            *start = (*start).min(span.at_us);
            requests.failed[id as usize] |= span.failed;
        }
        let mut occurs: HashSet<(u32, u32)> = HashSet::new();
        let mut follows: HashSet<(u32, u32, Event)> = HashSet::new();
        let mut children_us = vec![0i64; o.spans.len()];
        let mut remote: Vec<Option<usize>> = vec![None; o.spans.len()];
        for (index, span) in o.spans.iter().enumerate() {
            occurs.insert((trace[index], kind[index]));
            if span.failed {
                follows.insert((trace[index], kind[index], Event::Failed));
            }
            let parent = span.parent.as_deref().and_then(|id| by_id.get(id).copied());
            let Some(parent) = parent.filter(|parent| *parent != index) else {
                continue;
            };
            children_us[parent] += span.duration_us;
            follows.insert((trace[index], kind[parent], Event::Span(kind[index])));
            if o.spans[parent].service != span.service {
                remote[parent] = Some(index);
                requests
                    .calls
                    .insert((o.spans[parent].service.clone(), span.service.clone()));
            }
        }
        for (index, span) in o.spans.iter().enumerate() {
            let us = (span.duration_us - children_us[index]).max(0) as f64;
            let spent = Spent {
                trace: trace[index],
                us,
            };
            match remote[index] {
                Some(callee) => requests
                    .gaps
                    .entry((kind[index], kind[callee]))
                    .or_default()
                    .push(spent),
                None => requests.own.entry(kind[index]).or_default().push(spent),
            }
        }
        for line in &o.logs {
            let Some(service) = line.service.as_deref() else {
                continue;
            };
            let id = requests.templates.id(service, &template(&line.message));
            if id as usize == requests.template_fails.len() {
                requests.template_fails.push(is_error(line));
                let start = literal_start(&line.message);
                requests.template_starts.push(start.to_owned());
            }
            requests.lines.push((line.at_us, id));
            if is_error(line)
                && let Some(&trace) = line.trace.as_deref().and_then(|id| traces.get(id))
            {
                requests.failed[trace as usize] = true;
            }
            if let Some(&span) = line.span.as_deref().and_then(|id| by_id.get(id)) {
                follows.insert((trace[span], kind[span], Event::Log(id)));
            }
        }
        requests.occurs = occurs.into_iter().collect();
        requests.follows = follows.into_iter().collect();
        requests.occurs.sort_unstable();
        requests.follows.sort_unstable();
        requests
    }

    /// By trace: whether it began at `onset_us` or later.
    pub fn late(&self, onset_us: i64) -> Vec<bool> {
        self.start_us
            .iter()
            .map(|start| *start >= onset_us)
            .collect()
    }
}
