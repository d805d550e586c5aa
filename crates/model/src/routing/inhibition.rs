//! A caller suffers from what it calls: while people know of that, they needn't hear of the caller
//! as well.

use std::collections::{BTreeSet, HashMap};

use crate::identity::IncidentId;
use crate::topology::Topology;

/// Open incidents that are remembered; of others callers are told.
pub const MAX_OPEN: usize = 100_000;

/// The incident that a caller's waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    pub incident: IncidentId,
    /// From the caller to the callee.
    pub path: Vec<String>,
}

/// Which incidents are open, by service: so that one status change asks a few services, never all
/// incidents.
#[derive(Debug, Clone, Default)]
pub struct OpenIncidents {
    of_service: HashMap<String, BTreeSet<IncidentId>>,
    service_of: HashMap<IncidentId, String>,
}

impl OpenIncidents {
    /// What a look at an incident showed.
    pub fn note(&mut self, id: &IncidentId, service: &str, is_open: bool) {
        if let Some(before) = self.service_of.get(id) {
            if is_open && before == service {
                return;
            }
            if let Some(ids) = self.of_service.get_mut(before) {
                ids.remove(id);
                if ids.is_empty() {
                    let before = before.clone();
                    self.of_service.remove(&before);
                }
            }
            self.service_of.remove(id);
        }
        if is_open && self.service_of.len() < MAX_OPEN {
            let ids = self.of_service.entry(service.to_owned()).or_default();
            ids.insert(id.clone());
            self.service_of.insert(id.clone(), service.to_owned());
        }
    }

    pub fn len(&self) -> usize {
        self.service_of.len()
    }

    pub fn is_empty(&self) -> bool {
        self.service_of.is_empty()
    }

    /// Open incidents of what a service calls, the nearest first. Whether people know of one is for
    /// its own records to say.
    pub fn below<'o>(
        &'o self,
        service: &str,
        topology: &'o Topology,
    ) -> impl Iterator<Item = Callee> + 'o {
        topology.below(service).into_iter().flat_map(|path| {
            let ids = path.last().and_then(|callee| self.of_service.get(callee));
            let ids: Vec<IncidentId> = ids.into_iter().flatten().cloned().collect();
            ids.into_iter().map(move |incident| Callee {
                incident,
                path: path.clone(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn open_incidents_of_what_is_called_are_found_the_nearest_first() {
        let mut topology = Topology::default();
        for (caller, callee) in [("web", "cart"), ("cart", "db"), ("cart", "mail")] {
            topology.add(caller, callee);
        }
        let id = |service: &str| IncidentId::derive("error-rate", service, Timestamp(0));
        let mut open = OpenIncidents::default();
        for service in ["web", "db", "cart", "other"] {
            open.note(&id(service), service, true);
        }
        let below = |open: &OpenIncidents, service: &str| -> Vec<IncidentId> {
            open.below(service, &topology)
                .map(|callee| callee.incident)
                .collect()
        };
        assert_eq!(below(&open, "web"), [id("cart"), id("db")]);
        assert_eq!(below(&open, "db"), []);
        open.note(&id("cart"), "cart", false);
        open.note(&id("cart"), "cart", false);
        assert_eq!(below(&open, "web"), [id("db")]);
        let found = open.below("web", &topology).next().expect("one");
        assert_eq!(found.path, ["web", "cart", "db"]);
        assert_eq!(open.len(), 3);
    }
}
