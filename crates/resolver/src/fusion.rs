//! Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): ranks add up, scores of
//! different kinds never meet.

use std::collections::BTreeMap;

/// The constant of the paper.
const K: f64 = 60.0;

/// Ids of several rankings, best first, to one ranking with scores; ties by id.
pub fn fuse(rankings: &[Vec<String>]) -> Vec<(String, f64)> {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for ranking in rankings {
        for (rank, id) in ranking.iter().enumerate() {
            *scores.entry(id).or_insert(0.0) += 1.0 / (K + rank as f64 + 1.0);
        }
    }
    let mut fused: Vec<(String, f64)> = scores
        .into_iter()
        .map(|(id, score)| (id.to_owned(), score))
        .collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    fused
}

#[cfg(test)]
mod tests {
    use super::fuse;

    #[test]
    fn agreement_beats_one_first_place() {
        let list = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let fused = fuse(&[list(&["a", "b"]), list(&["c", "b"])]);
        assert_eq!(fused[0].0, "b");
        assert_eq!(fused.len(), 3);
    }
}
