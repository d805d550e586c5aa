//! Whole rankings over small worlds whose cause is known.

use super::scene::{MINUTE_US, alarm, change, line, span, step, tuning};
use super::*;

/// Twenty calm minutes, then five in which the store takes 100 ms more for each request, which
/// makes those that wait for it slow too. The alarm is the web's.
fn slow_store() -> Observations {
    let mut o = alarm(23, Some("web"));
    o.alarm.summary = "web: answers are slow".into();
    let pairs = [("web", "cart"), ("cart", "store"), ("web", "pay")];
    o.calls = pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    for (service, before, after) in [
        ("web", 30.0, 130.0),
        ("cart", 20.0, 120.0),
        ("store", 10.0, 110.0),
        ("pay", 10.0, 10.0),
    ] {
        o.series
            .push(step(service, "latency", (20, before), (5, after)));
        o.series
            .push(step(service, "request_count", (20, 100.0), (5, 100.0)));
        o.series
            .push(step(service, "error_count", (20, 0.0), (5, 0.0)));
    }
    for trace in 0..60 {
        let late = trace >= 30;
        let at = if late { 20 * MINUTE_US } else { 15 * MINUTE_US } + trace as i64 * 1000;
        let more = if late { 100 } else { 0 };
        o.spans.push(span(trace, at, "1", None, "web", 30 + more));
        o.spans
            .push(span(trace, at + 1, "2", Some("1"), "cart", 20 + more));
        o.spans
            .push(span(trace, at + 2, "3", Some("2"), "store", 10 + more));
        o.spans.push(span(trace, at + 3, "4", Some("1"), "pay", 5));
    }
    o
}

fn first(ranking: &Ranking) -> &Suspected {
    &ranking.suspects.first().expect("a suspect").cause
}

#[test]
fn the_slow_callee_is_blamed_and_not_its_loud_callers() {
    let ranking = weigh(&slow_store(), &tuning());
    assert_eq!(ranking.onset_us, 20 * MINUTE_US);
    assert_eq!(first(&ranking).place(), "store", "{:#?}", ranking.services);
    let store = &ranking.suspects[0];
    assert!(store.confidence > 0.7, "{}", store.confidence);
    assert!(
        store
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Slow { .. }))
    );
}

#[test]
fn any_one_kind_of_telemetry_may_be_missing() {
    for missing in ["metrics", "spans", "calls"] {
        let mut o = slow_store();
        match missing {
            "metrics" => o.series.clear(),
            "spans" => o.spans.clear(),
            _ => o.calls.clear(),
        }
        let ranking = weigh(&o, &tuning());
        assert_eq!(first(&ranking).place(), "store", "without {missing}");
    }
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let mut o = slow_store();
    for trace in 0..60 {
        let mut said = line(
            15 * MINUTE_US + trace,
            "cart",
            "INFO",
            &format!("kept basket {trace}"),
        );
        said.span = Some(format!("t{trace} 2"));
        o.logs.push(said);
    }
    o.changes.push(change(10, "d-1", "cart", "keep baskets"));
    let once = format!("{:?}", weigh(&o, &tuning()));
    for _ in 0..5 {
        assert_eq!(format!("{:?}", weigh(&o, &tuning())), once);
    }
}

#[test]
fn the_change_that_differs_is_blamed_and_not_the_latest() {
    let mut o = slow_store();
    o.changes.push(change(
        12,
        "d-guilty",
        "store",
        "scan the whole ledger for each read",
    ));
    o.changes.push(change(19, "d-decoy", "web", "new footer"));
    o.logs.push(line(
        21 * MINUTE_US,
        "store",
        "WARN",
        "ledger scan took 104 ms",
    ));
    let ranking = weigh(&o, &tuning());
    assert_eq!(
        ranking.changes.first().map(|guilt| guilt.id.as_str()),
        Some("d-guilty")
    );
    assert!(matches!(first(&ranking), Suspected::Change { guilt, .. } if guilt.id == "d-guilty"));
}

#[test]
fn an_outsider_that_fails_clears_every_change() {
    let mut o = alarm(23, Some("pay"));
    o.series
        .push(step("pay", "error_count", (20, 0.0), (5, 60.0)));
    o.series
        .push(step("pay", "request_count", (20, 100.0), (5, 100.0)));
    for trace in 0..60 {
        let at = if trace >= 30 {
            20 * MINUTE_US
        } else {
            10 * MINUTE_US
        };
        let mut call = span(trace, at, "1", None, "pay", 20);
        call.destination = Some("bank".into());
        call.failed = trace >= 35;
        o.spans.push(call);
    }
    o.changes.push(change(19, "d-decoy", "pay", "new receipts"));
    let ranking = weigh(&o, &tuning());
    assert_eq!(
        first(&ranking),
        &Suspected::Outside {
            dependency: "bank".into()
        }
    );
    assert!(ranking.changes.is_empty(), "no change is to blame");
    assert_eq!(ranking.cleared.len(), 1);
}

#[test]
fn more_load_than_ever_clears_every_change() {
    let mut o = alarm(23, Some("web"));
    o.calls = vec![("web".into(), "db".into())];
    for service in ["web", "db"] {
        o.series
            .push(step(service, "request_count", (20, 100.0), (5, 300.0)));
        o.series
            .push(step(service, "latency", (20, 10.0), (5, 80.0)));
    }
    o.changes.push(change(19, "d-decoy", "web", "new footer"));
    let ranking = weigh(&o, &tuning());
    assert!(
        matches!(first(&ranking), Suspected::Load { .. }),
        "{:?}",
        first(&ranking)
    );
    assert!(ranking.changes.is_empty());
}

#[test]
fn where_nothing_stands_out_nobody_is_blamed() {
    let nothing = weigh(&alarm(23, None), &tuning());
    assert!(nothing.suspects.is_empty() && nothing.changes.is_empty());
    let mut calm = alarm(23, None);
    for service in ["web", "cart", "store"] {
        calm.series
            .push(step(service, "latency", (20, 10.0), (5, 10.0)));
    }
    assert!(weigh(&calm, &tuning()).suspects.is_empty());
}
