//! One failure with what was true of it, and what a ranking of it is worth.

use analyst::observations::Observations;
use analyst::weigh::confidence::Signs;
use analyst::weigh::{Ranking, Suspected};

/// What was true.
#[derive(Debug, Clone, PartialEq)]
pub enum True {
    /// One of these services.
    Services(Vec<String>),
    /// This change; none: no change is to blame.
    Change(Option<String>),
    /// A run of the simulator: this cause first, and its change, if one is to blame.
    Cause(Cause),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    Change(String),
    Outside(String),
    Load(String),
}

pub struct Item {
    pub suite: String,
    pub truth: True,
    pub seen: Observations,
    /// Seen at a moment when nothing had failed.
    pub calm: Option<Observations>,
}

/// What a ranking is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// The first answer is right; ties count as the worst rank.
    pub right: bool,
    /// 0 to 1: so that a search sees how near it is.
    pub value: f64,
}

/// What a right first answer counts, being among the first three, and the right one's share of all.
const FIRST: f64 = 0.7;
const AMONG_THREE: f64 = 0.15;
const SHARE: f64 = 0.15;

impl Item {
    pub fn worth(&self, ranking: &Ranking) -> Worth {
        match &self.truth {
            True::Services(right) => of_list(&ranking.services, |name| {
                right.iter().any(|one| one == name)
            }),
            True::Change(right) => of_changes(ranking, right.as_deref()),
            True::Cause(cause) => of_cause(ranking, cause),
        }
    }
}

fn of_list(list: &[(String, f64)], right: impl Fn(&str) -> bool) -> Worth {
    let all: f64 = list.iter().map(|one| one.1.max(0.0)).sum();
    let score = list.iter().find(|one| right(&one.0)).map(|one| one.1);
    let rank = score.map(|score| list.iter().filter(|one| one.1 >= score).count());
    let share = score.map_or(0.0, |score| score.max(0.0) / all.max(f64::MIN_POSITIVE));
    worth(rank, share)
}

fn worth(rank: Option<usize>, share: f64) -> Worth {
    let within = |k: usize| f64::from(u8::from(rank.is_some_and(|rank| rank <= k)));
    Worth {
        right: rank == Some(1),
        value: FIRST * within(1) + AMONG_THREE * within(3) + SHARE * share,
    }
}

fn of_changes(ranking: &Ranking, right: Option<&str>) -> Worth {
    let listed = |guilts: &[analyst::weigh::changes::Guilt]| -> Vec<(String, f64)> {
        let of = |guilt: &analyst::weigh::changes::Guilt| (guilt.id.clone(), guilt.score);
        guilts.iter().map(of).collect()
    };
    let Some(right) = right else {
        let most = ranking.changes.first().map_or(0.0, |first| first.score);
        let rank = ranking.changes.is_empty().then_some(1);
        return worth(rank, 1.0 - most.clamp(0.0, 1.0));
    };
    of_list(&listed(&ranking.changes), |id| id == right)
}

fn of_cause(ranking: &Ranking, cause: &Cause) -> Worth {
    let is = |suspected: &Suspected| match (cause, suspected) {
        (Cause::Change(id), Suspected::Change { guilt, .. }) => guilt.id == *id,
        (Cause::Outside(provider), Suspected::Outside { dependency }) => provider == dependency,
        (Cause::Load(loaded), Suspected::Load { service }) => loaded == service,
        _ => false,
    };
    let list = ranking.suspects.iter().enumerate();
    let list: Vec<(String, f64)> = list
        .map(|(place, suspect)| (place.to_string(), suspect.score))
        .collect();
    let place = ranking
        .suspects
        .iter()
        .position(|suspect| is(&suspect.cause));
    let of_suspects = of_list(&list, |name| {
        place.is_some_and(|place| name == place.to_string())
    });
    let right = match cause {
        Cause::Change(id) => Some(id.as_str()),
        _ => None,
    };
    let changes = of_changes(ranking, right);
    Worth {
        right: of_suspects.right && changes.right,
        value: (of_suspects.value + changes.value) / 2.0,
    }
}

/// What the confidence of a service, or of a cause, is made from, and whether it was right.
pub fn signs(item: &Item, ranking: &Ranking, half_weight: f64) -> Option<(Signs, bool)> {
    let signs = Signs::of(&ranking.suspects, &ranking.said, half_weight)?;
    match &item.truth {
        True::Services(_) | True::Cause(_) => Some((signs, item.worth(ranking).right)),
        True::Change(_) => None,
    }
}

/// What a change's confidence is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChangeSigns {
    None { told: f64 },
    Only { score: f64 },
    First { score: f64, lead: f64 },
}

/// None: where a dependency or load outweighs all services, that cause's own confidence counts.
pub fn change_signs(item: &Item, ranking: &Ranking) -> Option<(ChangeSigns, bool)> {
    let right = match &item.truth {
        True::Services(_) => return None,
        True::Change(right) => of_changes(ranking, right.as_deref()).right,
        True::Cause(Cause::Change(id)) => of_changes(ranking, Some(id)).right,
        True::Cause(_) => of_changes(ranking, None).right,
    };
    let signs = match ranking.changes.as_slice() {
        [] if ranking.beyond => return None,
        [] => ChangeSigns::None {
            told: ranking.told.0.max(ranking.told.1),
        },
        [only] => ChangeSigns::Only { score: only.score },
        [first, second, ..] => ChangeSigns::First {
            score: first.score,
            lead: (first.score - second.score) / first.score.max(f64::MIN_POSITIVE),
        },
    };
    Some((signs, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
        let of = |pair: &(&str, f64)| (pair.0.to_owned(), pair.1);
        pairs.iter().map(of).collect()
    }

    #[test]
    fn nearer_is_worth_more_and_a_tie_is_no_first_place() {
        let of = |pairs: &[(&str, f64)]| of_list(&list(pairs), |name| name == "a");
        assert!(of(&[("a", 2.0), ("b", 1.0)]).right);
        assert!(!of(&[("a", 1.0), ("b", 1.0)]).right);
        let second = of(&[("b", 2.0), ("a", 1.0), ("c", 0.5)]);
        let nearer = of(&[("b", 2.0), ("a", 1.9), ("c", 0.5)]);
        assert!(nearer.value > second.value && !nearer.right);
        assert_eq!(of(&[("b", 1.0)]).value, 0.0);
    }
}
