//! What follows what within requests, before and after: faults inside code show here alone.

use std::collections::BTreeMap;

use model::tuning::CauseWeights;

use super::requests::{Event, Requests};

/// Shares of requests between which both alternatives are usual: a shift from one to the other is
/// as likely what the callers ask for as a fault.
const MIXED: std::ops::RangeInclusive<f64> = 0.05..=0.95;

/// A succession whose frequency changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// The service whose behaviour changed.
    pub service: String,
    /// Span name in which it was seen.
    pub within: String,
    /// Span name or log template that follows.
    pub what: String,
    /// The service that the child span or the log line is of.
    pub of: String,
    /// How the log line starts, to the letter; `None` for spans.
    pub start: Option<String>,
    /// The span itself failed.
    pub failure: bool,
    pub fails: bool,
    /// Shares of requests, before and after.
    pub before: f64,
    pub after: f64,
    /// Wilks' statistic, less what healing explains.
    pub weight: f64,
}

/// Successions whose frequency changed, for traces that began before and after the onset.
pub fn shifts(requests: &Requests, late: &[bool], weights: &CauseWeights) -> Vec<Shift> {
    let kinds = requests.kinds.list.len();
    let mut seen = vec![[0f64; 2]; kinds];
    let mut failed = vec![[0f64; 2]; kinds];
    for (trace, kind) in &requests.occurs {
        let half = usize::from(late[*trace as usize]);
        seen[*kind as usize][half] += 1.0;
        if requests.failed[*trace as usize] {
            failed[*kind as usize][half] += 1.0;
        }
    }
    let mut counts: BTreeMap<(u32, Event), [f64; 2]> = BTreeMap::new();
    for (trace, kind, event) in &requests.follows {
        counts.entry((*kind, *event)).or_default()[usize::from(late[*trace as usize])] += 1.0;
    }
    let mut shifts: Vec<Shift> = Vec::new();
    for ((kind, event), count) in counts {
        let [before, after] = seen[kind as usize];
        if before < 1.0 || after < 1.0 {
            continue;
        }
        let shares = [count[0] / before, count[1] / after];
        let fails = match event {
            Event::Failed => true,
            Event::Log(id) => requests.template_fails[id as usize],
            Event::Span(_) => false,
        };
        // Errors that vanish are no fault, nor is what comes back as they do.
        if fails && shares[1] < shares[0] {
            continue;
        }
        let [bad_before, bad_after] = failed[kind as usize];
        let healed = (bad_before / before - bad_after / after).max(0.0);
        let change = (shares[0] - shares[1]).abs();
        if change <= healed {
            continue;
        }
        let mix = if !fails && shares.iter().all(|share| MIXED.contains(share)) {
            weights.mix
        } else {
            1.0
        };
        let weight = mix * g_test(count[0], before, count[1], after) * (1.0 - healed / change);
        let own = requests.kinds.service(kind);
        let (service, of, what) = match event {
            Event::Log(id) => {
                let service = requests.templates.service(id);
                (service, service, requests.templates.name(id))
            }
            Event::Span(id) => (own, requests.kinds.service(id), requests.kinds.name(id)),
            Event::Failed => (own, own, requests.kinds.name(kind)),
        };
        shifts.push(Shift {
            service: service.to_owned(),
            within: requests.kinds.name(kind).to_owned(),
            what: what.to_owned(),
            of: of.to_owned(),
            start: match event {
                Event::Log(id) => Some(requests.template_starts[id as usize].clone()),
                _ => None,
            },
            failure: event == Event::Failed,
            fails,
            before: shares[0],
            after: shares[1],
            weight,
        });
    }
    shifts.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| (&a.service, &a.within, &a.what).cmp(&(&b.service, &b.within, &b.what)))
    });
    shifts
}

/// Wilks' statistic of two shares being one: about chi-squared with one degree where they are.
fn g_test(k0: f64, n0: f64, k1: f64, n1: f64) -> f64 {
    let share = (k0 + k1) / (n0 + n1);
    let term = |k: f64, expected: f64| {
        if k > 0.0 {
            k * (k / expected).ln()
        } else {
            0.0
        }
    };
    2.0 * (term(k0, n0 * share)
        + term(n0 - k0, n0 * (1.0 - share))
        + term(k1, n1 * share)
        + term(n1 - k1, n1 * (1.0 - share)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observations::Observations;
    use crate::weigh::scene::{line, span, tuning};

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
    }

    #[test]
    fn wilks_statistic_by_hand() {
        // Never in ten before, always in ten after: 2 (10 ln 2 + 10 ln 2).
        close(g_test(0.0, 10.0, 10.0, 10.0), 40.0 * 2.0f64.ln());
        close(g_test(3.0, 10.0, 6.0, 20.0), 0.0);
    }

    /// Ten requests before 100 and ten from there on; `works` says whether the shop still asks
    /// the store in a request.
    fn requests(
        works: impl Fn(usize) -> bool,
        fails: impl Fn(usize) -> bool,
    ) -> (Requests, Vec<bool>) {
        let mut o = Observations::default();
        for trace in 0..20 {
            let at = if trace < 10 {
                trace as i64
            } else {
                100 + trace as i64
            };
            o.spans.push(span(trace, at, "1", None, "shop", 9));
            if works(trace) {
                o.spans.push(span(trace, at, "2", Some("1"), "store", 5));
            }
            if fails(trace) {
                let mut error = line(at, "shop", "ERROR", "no answer");
                error.trace = Some(format!("t{trace}"));
                error.span = Some(format!("t{trace} 1"));
                o.logs.push(error);
            }
        }
        let requests = Requests::index(&o);
        let late = requests.late(100);
        (requests, late)
    }

    #[test]
    fn a_call_that_is_no_longer_made_speaks_against_the_caller() {
        let (requests, late) = requests(|trace| trace < 10, |_| false);
        let shifts = shifts(&requests, &late, &tuning().cause);
        assert_eq!(shifts.len(), 1);
        let shift = &shifts[0];
        assert_eq!(
            (shift.service.as_str(), shift.of.as_str()),
            ("shop", "store")
        );
        assert_eq!((shift.before, shift.after), (1.0, 0.0));
        close(shift.weight, 40.0 * 2.0f64.ln());
    }

    #[test]
    fn a_shift_between_what_is_usual_counts_half() {
        // Asked for in two of ten requests before, in eight since.
        let asked = |trace: usize| if trace < 10 { trace < 2 } else { trace < 18 };
        let (requests, late) = requests(asked, |_| false);
        let found = shifts(&requests, &late, &tuning().cause);
        assert_eq!((found[0].before, found[0].after), (0.2, 0.8));
        close(found[0].weight, 0.5 * g_test(2.0, 10.0, 8.0, 10.0));
    }

    #[test]
    fn a_new_error_speaks_and_a_vanishing_one_does_not() {
        let (new, late) = requests(|_| true, |trace| trace >= 10);
        let found = shifts(&new, &late, &tuning().cause);
        assert_eq!(found[0].service, "shop");
        assert!(found[0].fails);
        assert_eq!(found[0].start.as_deref(), Some("no answer"));
        let (healed, late) = requests(|_| true, |trace| trace < 10);
        assert!(
            shifts(&healed, &late, &tuning().cause)
                .iter()
                .all(|shift| shift.weight < 1.0)
        );
    }

    #[test]
    fn nothing_changed_says_nothing() {
        let (requests, late) = requests(|_| true, |_| false);
        assert!(
            shifts(&requests, &late, &tuning().cause)
                .iter()
                .all(|shift| shift.weight < 1e-9)
        );
    }
}
