//! Who calls whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::service::Service;

/// Calls between two services for their troubles to be one failure.
pub const MAX_HOPS: usize = 4;
/// Services below one that are looked at for what it suffers from.
pub const MAX_BELOW: usize = 200;

/// Who calls whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topology {
    calls: BTreeMap<String, BTreeSet<String>>,
    callers: BTreeMap<String, BTreeSet<String>>,
}

/// The services that are few calls away from one.
#[derive(Debug, Clone, PartialEq)]
pub enum Near {
    These(BTreeSet<String>),
    /// Nobody said who calls whom.
    Unknown,
}

impl Near {
    pub fn holds(&self, service: &str) -> bool {
        match self {
            Self::These(services) => services.contains(service),
            Self::Unknown => true,
        }
    }
}

impl Topology {
    /// As `lookup-services` says.
    pub fn of(services: &[Service]) -> Self {
        let mut topology = Self::default();
        for service in services {
            for callee in &service.depends_on {
                topology.add(&service.name, callee);
            }
        }
        topology
    }

    pub fn add(&mut self, caller: &str, callee: &str) {
        if caller != callee {
            self.calls
                .entry(caller.to_owned())
                .or_default()
                .insert(callee.to_owned());
            self.callers
                .entry(callee.to_owned())
                .or_default()
                .insert(caller.to_owned());
        }
    }

    pub fn callees(&self, service: &str) -> impl Iterator<Item = &String> {
        self.calls.get(service).into_iter().flatten()
    }

    /// Nobody said who calls whom.
    pub fn is_unknown(&self) -> bool {
        self.calls.is_empty()
    }

    /// The services within `hops` calls of one, up or down, itself included.
    pub fn around(&self, service: &str, hops: usize) -> Near {
        if self.is_unknown() {
            return Near::Unknown;
        }
        let mut near = BTreeSet::from([service.to_owned()]);
        let mut edge = vec![service.to_owned()];
        for _ in 0..hops {
            let mut next = Vec::new();
            for at in edge {
                let beside = [self.calls.get(&at), self.callers.get(&at)];
                for other in beside.into_iter().flatten().flatten() {
                    if near.insert(other.clone()) {
                        next.push(other.clone());
                    }
                }
            }
            edge = next;
        }
        Near::These(near)
    }

    /// The shortest way between two services along calls in either direction.
    pub fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut ways: Vec<Vec<String>> = vec![vec![from.to_owned()]];
        let mut seen = BTreeSet::from([from.to_owned()]);
        for _ in 0..MAX_HOPS {
            let mut next = Vec::new();
            for way in ways {
                let at = way.last()?;
                let beside = [self.calls.get(at), self.callers.get(at)];
                for other in beside.into_iter().flatten().flatten() {
                    if !seen.insert(other.clone()) {
                        continue;
                    }
                    let longer: Vec<String> = way.iter().chain([other]).cloned().collect();
                    if other == to {
                        return Some(longer);
                    }
                    next.push(longer);
                }
            }
            ways = next;
        }
        None
    }

    /// The shortest way from `from` to `to` along calls in one direction, both ends included.
    pub fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([(from, 0)]);
        while let Some((at, hops)) = queue.pop_front() {
            if at == to {
                let mut path = vec![at.to_owned()];
                let mut step = at;
                while let Some(before) = came_from.get(step) {
                    path.push((*before).to_owned());
                    step = before;
                }
                path.reverse();
                return Some(path);
            }
            if hops == MAX_HOPS {
                continue;
            }
            for next in self.callees(at) {
                if next != from && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, at);
                    queue.push_back((next, hops + 1));
                }
            }
        }
        None
    }

    /// The services that one calls, and those that they call, the nearest first: each with the way
    /// to it, both ends included.
    pub fn below(&self, service: &str) -> Vec<Vec<String>> {
        let mut seen = BTreeSet::from([service.to_owned()]);
        let mut queue = VecDeque::from([vec![service.to_owned()]]);
        let mut ways = Vec::new();
        while let Some(way) = queue.pop_front() {
            if way.len() > MAX_HOPS {
                break;
            }
            for next in way.last().into_iter().flat_map(|at| self.callees(at)) {
                if ways.len() < MAX_BELOW && seen.insert(next.clone()) {
                    let longer: Vec<String> = way.iter().chain([next]).cloned().collect();
                    queue.push_back(longer.clone());
                    ways.push(longer);
                }
            }
        }
        ways
    }

    /// A service that both call, or that calls both: two symptoms of one cause often have no
    /// path between them.
    pub fn meets(&self, a: &str, b: &str) -> Option<Vec<String>> {
        let nodes: BTreeSet<&String> = self
            .calls
            .iter()
            .flat_map(|(caller, callees)| std::iter::once(caller).chain(callees))
            .collect();
        let below = nodes.iter().filter_map(|node| {
            let left = self.path(a, node)?;
            let mut right = self.path(b, node)?;
            right.reverse();
            Some(left.into_iter().chain(right.into_iter().skip(1)).collect())
        });
        below.min_by_key(|path: &Vec<String>| (path.len(), path.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_given_with_the_shortest_way_to_it_and_a_circle_ends() {
        let mut topology = Topology::default();
        for (caller, callee) in [
            ("web", "cart"),
            ("cart", "db"),
            ("web", "db"),
            ("db", "web"),
        ] {
            topology.add(caller, callee);
        }
        let way = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            topology.below("web"),
            [way(&["web", "cart"]), way(&["web", "db"])]
        );
        assert_eq!(topology.below("nobody"), Vec::<Vec<String>>::new());
        let services = [Service {
            name: "cart".to_owned(),
            depends_on: vec!["db".to_owned()],
            ..Service::default()
        }];
        assert_eq!(
            Topology::of(&services).below("cart"),
            [way(&["cart", "db"])]
        );
    }
}
