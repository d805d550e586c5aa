//! One failure with what was true of it, and what a ranking of it is worth.

use analyst::observations::Observations;
use analyst::weigh::confidence::{ChangeSigns, Signs};
use analyst::weigh::{Ranking, Suspected};

use crate::commands::eval::score::worst_rank;

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
            True::Services(right) => {
                let scores: Vec<f64> = ranking.services.iter().map(|one| one.1).collect();
                let is = |name: &String| right.contains(name);
                let place = ranking.services.iter().position(|one| is(&one.0));
                of_place(&scores, place)
            }
            True::Change(right) => of_changes(ranking, right.as_deref()),
            True::Cause(cause) => of_cause(ranking, cause),
        }
    }

    /// The change that is to blame, where somebody asked for one; within: none, if none is.
    fn guilty(&self) -> Option<Option<&str>> {
        match &self.truth {
            True::Services(_) => None,
            True::Change(right) => Some(right.as_deref()),
            True::Cause(cause) => Some(cause.change()),
        }
    }
}

impl Cause {
    fn change(&self) -> Option<&str> {
        match self {
            Self::Change(id) => Some(id),
            Self::Outside(_) | Self::Load(_) => None,
        }
    }

    fn is(&self, suspected: &Suspected) -> bool {
        match (self, suspected) {
            (Self::Change(id), Suspected::Change { guilt, .. }) => guilt.id == *id,
            (Self::Outside(provider), Suspected::Outside { dependency }) => provider == dependency,
            (Self::Load(loaded), Suspected::Load { service }) => loaded == service,
            _ => false,
        }
    }
}

/// `place`: where the right one stands among the scores.
fn of_place(scores: &[f64], place: Option<usize>) -> Worth {
    let all: f64 = scores.iter().map(|one| one.max(0.0)).sum();
    let own = place.map_or(0.0, |place| scores[place].max(0.0));
    let rank = place.and_then(|place| worst_rank(scores.iter().copied(), place));
    worth(rank, own / all.max(f64::MIN_POSITIVE))
}

fn worth(rank: Option<usize>, share: f64) -> Worth {
    let within = |k: usize| f64::from(u8::from(rank.is_some_and(|rank| rank <= k)));
    Worth {
        right: rank == Some(1),
        value: FIRST * within(1) + AMONG_THREE * within(3) + SHARE * share,
    }
}

fn of_changes(ranking: &Ranking, right: Option<&str>) -> Worth {
    let Some(right) = right else {
        let most = ranking.changes.first().map_or(0.0, |first| first.score);
        let rank = ranking.changes.is_empty().then_some(1);
        return worth(rank, 1.0 - most.clamp(0.0, 1.0));
    };
    let scores: Vec<f64> = ranking.changes.iter().map(|guilt| guilt.score).collect();
    let place = ranking.changes.iter().position(|guilt| guilt.id == right);
    of_place(&scores, place)
}

fn of_cause(ranking: &Ranking, cause: &Cause) -> Worth {
    let suspects = &ranking.suspects;
    let scores: Vec<f64> = suspects.iter().map(|suspect| suspect.score).collect();
    let place = suspects.iter().position(|suspect| cause.is(&suspect.cause));
    let of_suspects = of_place(&scores, place);
    let changes = of_changes(ranking, cause.change());
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

/// What a change's confidence is made from, and whether it was right.
pub fn change_signs(item: &Item, ranking: &Ranking) -> Option<(ChangeSigns, bool)> {
    let right = of_changes(ranking, item.guilty()?).right;
    Some((ranking.change_signs?, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearer_is_worth_more_and_a_tie_is_no_first_place() {
        let of = |pairs: &[(&str, f64)]| {
            let scores: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
            of_place(&scores, pairs.iter().position(|pair| pair.0 == "a"))
        };
        assert!(of(&[("a", 2.0), ("b", 1.0)]).right);
        assert!(!of(&[("a", 1.0), ("b", 1.0)]).right);
        let second = of(&[("b", 2.0), ("a", 1.0), ("c", 0.5)]);
        let nearer = of(&[("b", 2.0), ("a", 1.9), ("c", 0.5)]);
        assert!(nearer.value > second.value && !nearer.right);
        assert_eq!(of(&[("b", 1.0)]).value, 0.0);
    }
}
