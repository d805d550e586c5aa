//! Which of a route's children may take a notice: those that ask for its service, and those that ask
//! for none. So many thousands of routes cost as much as the few that are asked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use super::Route;
use crate::matcher::service_of;

/// Made at the first question. It follows from the children, so that it says nothing of its own:
/// all are equal, and a copy begins anew.
#[derive(Debug, Default)]
pub(super) struct Children(OnceLock<Index>);

#[derive(Debug, Default)]
struct Index {
    by_service: HashMap<String, Vec<usize>>,
    others: Vec<usize>,
}

impl Children {
    /// Places in `routes`, ascending: a superset of those that take a notice of these services.
    pub fn asked(&self, routes: &[Route], services: &[Cow<'_, str>]) -> Vec<usize> {
        let index = self.0.get_or_init(|| Index::of(routes));
        let of_service = services
            .iter()
            .filter_map(|one| index.by_service.get(one.as_ref()));
        let mut asked: Vec<usize> = of_service.flatten().chain(&index.others).copied().collect();
        asked.sort_unstable();
        asked
    }
}

impl Index {
    fn of(routes: &[Route]) -> Self {
        let mut index = Self::default();
        for (place, route) in routes.iter().enumerate() {
            match service_of(&route.matchers) {
                Some(service) => {
                    let places = index.by_service.entry(service.to_owned()).or_default();
                    places.push(place);
                }
                None => index.others.push(place),
            }
        }
        index
    }
}

impl Clone for Children {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Children {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Children {}
