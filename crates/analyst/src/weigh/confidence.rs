//! How sure an answer is, from its evidence: how far the first leads, how many signals agree, how
//! much was there to see.

use std::collections::BTreeMap;

use model::tuning::ConfidenceCurve;

use super::changes::Guilt;
use super::fuse::Suspect;

/// Fills in each suspect's confidence: the first's from the evidence, the others' by their scores.
pub fn settle(
    suspects: &mut [Suspect],
    said: &[(&'static str, BTreeMap<String, f64>)],
    curve: &ConfidenceCurve,
) {
    let Some(signs) = Signs::of(suspects, said, curve.half_weight) else {
        return;
    };
    let sure = logistic(
        curve.base
            + signs.weight
                * (curve.weight + curve.lead * signs.lead + curve.agreement * signs.agreement),
    );
    let others: f64 = suspects.iter().skip(1).map(|suspect| suspect.score).sum();
    for (index, suspect) in suspects.iter_mut().enumerate() {
        suspect.confidence = match index {
            0 => sure,
            _ => (1.0 - sure) * curve.rest * suspect.score / others.max(f64::MIN_POSITIVE),
        };
    }
}

/// What tells how sure the first cause is: each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signs {
    /// Of the evidence for it.
    pub weight: f64,
    /// Over the second.
    pub lead: f64,
    /// The share of the signals that say anything whose first it is.
    pub agreement: f64,
}

impl Signs {
    /// None where there is no suspect.
    pub fn of(
        suspects: &[Suspect],
        said: &[(&'static str, BTreeMap<String, f64>)],
        half_weight: f64,
    ) -> Option<Self> {
        let first = suspects.first()?;
        let lead = match suspects.get(1) {
            Some(second) => (first.score - second.score) / first.score.max(f64::MIN_POSITIVE),
            None => 1.0,
        };
        let place = first.cause.place();
        let (mut speak, mut agree) = (0.0f64, 0.0);
        for (_, scores) in said {
            let top = scores.iter().max_by(|a, b| a.1.total_cmp(b.1));
            if let Some((service, _)) = top {
                speak += 1.0;
                agree += f64::from(u8::from(service == place));
            }
        }
        Some(Self {
            weight: first.score / (first.score + half_weight),
            lead,
            agreement: agree / speak.max(1.0),
        })
    }
}

/// What tells how sure the first change, or "none", is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChangeSigns {
    /// No change is to blame. `told`: the share of failures that tell of a cause that is no change.
    None { told: f64 },
    /// One change looks guilty.
    Only { score: f64 },
    /// The first of several, and its lead over the second.
    First { score: f64, lead: f64 },
}

impl ChangeSigns {
    pub fn of(changes: &[Guilt], told: f64) -> Self {
        match changes {
            [] => Self::None { told },
            [only] => Self::Only { score: only.score },
            [first, second, ..] => Self::First {
                score: first.score,
                lead: (first.score - second.score) / first.score.max(f64::MIN_POSITIVE),
            },
        }
    }
}

/// The probability that the first change, or "none", is right. `beyond`: the confidence of a cause
/// that is no service and no change, where it outweighs all services.
pub fn of_change(signs: ChangeSigns, beyond: Option<f64>, curve: &ConfidenceCurve) -> f64 {
    if let (ChangeSigns::None { .. }, Some(sure)) = (signs, beyond) {
        return sure;
    }
    logistic(match signs {
        ChangeSigns::None { told } => curve.none_base + curve.none_told * told,
        ChangeSigns::Only { score } => curve.only_base + curve.only_score * score,
        ChangeSigns::First { score, lead } => {
            curve.first_base + curve.first_score * score + curve.first_lead * lead
        }
    })
}

pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::fuse::Suspected;
    use crate::weigh::scene::tuning;

    fn suspects(scores: &[f64]) -> Vec<Suspect> {
        let names = ["a", "b", "c", "d"];
        let suspect = |(score, name): (&f64, &str)| Suspect {
            cause: Suspected::Service {
                name: name.to_owned(),
                node: None,
            },
            score: *score,
            confidence: 0.0,
            reasons: Vec::new(),
        };
        scores.iter().zip(names).map(suspect).collect()
    }

    fn said(tops: &[&str]) -> Vec<(&'static str, BTreeMap<String, f64>)> {
        let signal = |top: &&str| ("signal", BTreeMap::from([((*top).to_owned(), 1.0)]));
        tops.iter().map(signal).collect()
    }

    fn settled(scores: &[f64], tops: &[&str]) -> Vec<f64> {
        let mut suspects = suspects(scores);
        settle(&mut suspects, &said(tops), &tuning().confidence);
        suspects.iter().map(|suspect| suspect.confidence).collect()
    }

    #[test]
    fn the_first_s_confidence_by_hand() {
        // Half weight, half the lead, one of two signals agrees:
        // -3.0 + 0.5 (5.1 + 2.5 * 0.5 + 0.9 * 0.5) = 0.4.
        let sure = 1.0 / (1.0 + (-0.4f64).exp());
        let got = settled(&[1.0, 0.5], &["a", "b"]);
        assert!((got[0] - sure).abs() < 1e-12, "{got:?}");
        assert!((got[1] - (1.0 - sure) * 0.8).abs() < 1e-12, "{got:?}");
    }

    #[test]
    fn more_evidence_makes_surer() {
        let first = |scores: &[f64], tops: &[&str]| settled(scores, tops)[0];
        let usual = first(&[2.0, 1.0], &["a", "b"]);
        assert!(first(&[2.0, 0.5], &["a", "b"]) > usual, "a wider lead");
        assert!(first(&[2.0, 1.0], &["a", "a"]) > usual, "more agreement");
        assert!(first(&[4.0, 2.0], &["a", "b"]) > usual, "more weight");
    }

    #[test]
    fn weak_evidence_is_not_knowledge_however_wide_its_lead() {
        let got = settled(&[0.2], &["a"]);
        assert!(got[0] < crate::weigh::KNOWN_FROM, "{got:?}");
    }

    #[test]
    fn probabilities_of_causes_that_exclude_each_other_sum_to_one_at_most() {
        for scores in [&[3.0, 2.9, 2.8, 0.1][..], &[0.5, 0.5][..], &[1.0][..]] {
            let sum: f64 = settled(scores, &["a"]).iter().sum();
            assert!(sum <= 1.0, "{sum}");
        }
    }

    #[test]
    fn that_no_change_is_to_blame_is_as_sure_as_what_clears_them() {
        let none =
            |told, beyond| of_change(ChangeSigns::of(&[], told), beyond, &tuning().confidence);
        assert_eq!(none(0.0, Some(0.83)), 0.83);
        assert!(none(0.9, None) > none(0.2, None));
    }

    #[test]
    fn nobody_is_no_confidence() {
        let mut none: Vec<Suspect> = Vec::new();
        settle(&mut none, &[], &tuning().confidence);
        assert!(none.is_empty());
    }
}
