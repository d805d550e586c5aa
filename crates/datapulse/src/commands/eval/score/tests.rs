use super::super::answer::{Deployed, Named};
use super::*;

fn answer(services: &[(&str, f64)], deployments: &[(&str, f64)]) -> Answer {
    Answer {
        case: "c".into(),
        mode: Mode::Given,
        detected_at: Some(Timestamp(0)),
        services: services
            .iter()
            .map(|(name, score)| Named {
                name: (*name).into(),
                score: *score,
            })
            .collect(),
        deployments: deployments
            .iter()
            .map(|(id, score)| Deployed {
                id: (*id).into(),
                score: *score,
            })
            .collect(),
        confidence: 0.5,
        elapsed_ms: 1,
    }
}

fn truth(services: &[&str], deployment: Option<&str>) -> Truth {
    Truth {
        onset: Timestamp(600_000),
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        fault: "f".into(),
        deployment: deployment.map(str::to_owned),
    }
}

fn case(ask: Ask) -> Case {
    Case {
        suite: "s".into(),
        id: "c".into(),
        folder: "s/c".into(),
        from: Timestamp(0),
        to: Timestamp(1_200_000),
        alert: super::super::cases::Alert {
            at: Timestamp(700_000),
            service: None,
            summary: String::new(),
        },
        ask,
    }
}

fn played(mode: Mode, answers: Vec<Answer>) -> Played {
    Played {
        case: 0,
        mode,
        answers,
        candidates: Candidates {
            services: 4,
            deployments: 3,
        },
    }
}

#[test]
fn ties_take_the_worst_rank() {
    let tied = answer(&[("a", 0.9), ("b", 0.9), ("c", 0.1)], &[]);
    assert_eq!(rank(&tied, &truth(&["a"], None), Ask::Service), Some(2));
    assert_eq!(rank(&tied, &truth(&["c"], None), Ask::Service), Some(3));
    assert_eq!(rank(&tied, &truth(&["x"], None), Ask::Service), None);
    assert_eq!(
        rank(&tied, &truth(&["x", "b"], None), Ask::Service),
        Some(2),
        "any one counts"
    );
}

#[test]
fn an_empty_list_says_that_no_change_is_to_blame() {
    let blames = answer(&[], &[("d-1", 0.8), ("d-2", 0.3)]);
    let clears = answer(&[], &[]);
    assert_eq!(
        rank(&blames, &truth(&[], Some("d-2")), Ask::Deployment),
        Some(2)
    );
    assert_eq!(rank(&blames, &truth(&[], None), Ask::Deployment), None);
    assert_eq!(rank(&clears, &truth(&[], None), Ask::Deployment), Some(1));
    assert_eq!(
        rank(&clears, &truth(&[], Some("d-2")), Ask::Deployment),
        None
    );
}

#[test]
fn chance_is_that_of_a_random_order() {
    let close = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-12, "{got} {wanted}");
    let four = Some(Candidates {
        services: 4,
        deployments: 3,
    });
    let one = chance(&truth(&["a"], None), Ask::Service, four);
    close(one[0], 0.25);
    close(one[2], 0.75);
    close(one[4], 1.0);
    // Two right ones of four: 1 - 2/4 * 1/3 among the first two.
    let two = chance(&truth(&["a", "b"], None), Ask::Service, four);
    close(two[1], 1.0 - 0.5 / 3.0);
    // Three changes and "none".
    close(
        chance(&truth(&[], Some("d")), Ask::Deployment, four)[1],
        0.5,
    );
    close(chance(&truth(&[], None), Ask::Deployment, four)[4], 0.25);
}

#[test]
fn in_found_mode_only_what_opened_in_time_counts() {
    let at = |ms: i64| {
        let mut answer = answer(&[("a", 1.0)], &[]);
        answer.detected_at = Some(Timestamp(ms));
        answer
    };
    let truth = truth(&["a"], None);
    let judge = |answers: Vec<Answer>| {
        judge(
            &case(Ask::Service),
            &truth,
            Mode::Found,
            Some(&played(Mode::Found, answers)),
        )
    };
    let good = judge(vec![at(660_000), at(720_000)]);
    assert_eq!(
        (good.rank, good.detected, good.false_alarms),
        (Some(1), true, 1)
    );
    // The first one opened before anything was wrong: the later one doesn't make up for it.
    let early = judge(vec![at(300_000), at(660_000)]);
    assert_eq!(
        (early.rank, early.detected, early.false_alarms),
        (None, false, 2)
    );
    let late = judge(vec![at(900_001)]);
    assert_eq!((late.detected, late.false_alarms), (false, 1));
    let none = judge(vec![Answer::unnoticed(&case(Ask::Service))]);
    assert_eq!(
        (none.rank, none.detected, none.false_alarms),
        (None, false, 0)
    );
}

#[test]
fn a_case_without_an_answer_is_a_miss() {
    let truth = truth(&["a"], None);
    let right = answer(&[("a", 1.0)], &[]);
    let judged = [
        judge(
            &case(Ask::Service),
            &truth,
            Mode::Given,
            Some(&played(Mode::Given, vec![right])),
        ),
        judge(&case(Ask::Service), &truth, Mode::Given, None),
    ];
    let score = sum_up(Mode::Given, "s", None, &judged);
    assert_eq!(
        (score.cases, score.accuracy.ac_at_1, score.accuracy.avg_at_5),
        (2, 0.5, 0.5)
    );
    // Half sure and right; silent and wrong.
    assert_eq!(score.brier, (0.25 + 0.0) / 2.0);
    assert_eq!((score.detected, score.p95_ms), (None, 1));
}
