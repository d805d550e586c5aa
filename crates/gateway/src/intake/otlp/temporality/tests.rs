//! Numbers worked out by hand.

use super::*;

const SERIES: Series = [1; 32];
const OTHER: Series = [2; 32];
/// Starts of a process and of the one after it, in nanoseconds.
const FIRST_NS: u64 = 1_000;
const SECOND_NS: u64 = 1_350;

fn point(start_ns: u64, time_ns: u64, count: u64) -> Point {
    Point {
        start_ns,
        time_ns,
        counts: Counts {
            count,
            sum: Some(count as f64 / 10.0),
            buckets: vec![count - count / 4, count / 4],
            ..Counts::default()
        },
    }
}

/// One batch of one point, stored.
fn stored(deltas: &mut Deltas, series: Series, point: Point) -> Option<u64> {
    let mut batch = deltas.batch(Instant::now());
    let interval = batch.interval(series, point);
    let changes = batch.changes();
    deltas.commit(changes);
    interval.map(|counts| counts.count)
}

#[test]
fn a_count_is_the_difference_to_the_point_before() {
    let mut deltas = Deltas::default();
    let counts = [
        point(FIRST_NS, 1_100, 100),
        point(FIRST_NS, 1_200, 160),
        point(FIRST_NS, 1_200, 160),
        point(FIRST_NS, 1_150, 130),
        point(SECOND_NS, 1_400, 20),
        point(SECOND_NS, 1_500, 25),
    ]
    .map(|point| stored(&mut deltas, SERIES, point));
    assert_eq!(counts, [None, Some(60), None, None, Some(20), Some(5)]);
}

#[test]
fn sums_and_buckets_are_differences_too() {
    let mut deltas = Deltas::default();
    stored(&mut deltas, SERIES, point(FIRST_NS, 1_100, 100));
    let mut batch = deltas.batch(Instant::now());
    let interval = batch.interval(SERIES, point(FIRST_NS, 1_200, 160));
    // 75 and 25 before, 120 and 40 now.
    let expected = Counts {
        count: 60,
        sum: Some(6.0),
        buckets: vec![45, 15],
        ..Counts::default()
    };
    assert_eq!(interval, Some(expected));
    let mut other_buckets = point(FIRST_NS, 1_300, 200);
    other_buckets.counts.buckets = vec![200];
    let interval = batch.interval(SERIES, other_buckets).expect("known");
    assert_eq!((interval.count, interval.buckets), (40, vec![]));
}

#[test]
fn less_from_the_same_start_is_a_restart() {
    let mut deltas = Deltas::default();
    let counts = [point(0, 1_100, 100), point(0, 1_200, 20)];
    let counts = counts.map(|point| stored(&mut deltas, SERIES, point));
    assert_eq!(counts, [None, Some(20)]);
}

/// Two processes that call themselves the same: their points take turns, and each has its own start.
#[test]
fn processes_under_one_name_are_not_restarts_of_each_other() {
    let mut deltas = Deltas::default();
    let counts = [
        point(1_000, 1_100, 500),
        point(1_010, 1_110, 900),
        point(1_000, 1_200, 503),
        point(1_010, 1_210, 907),
    ];
    let counts = counts.map(|point| stored(&mut deltas, SERIES, point));
    assert_eq!(counts, [None, None, Some(3), Some(7)]);
}

#[test]
fn what_isnt_committed_is_counted_when_it_comes_again() {
    let mut deltas = Deltas::default();
    stored(&mut deltas, SERIES, point(FIRST_NS, 1_100, 100));
    let mut refused = deltas.batch(Instant::now());
    let interval = refused.interval(SERIES, point(FIRST_NS, 1_200, 160));
    assert_eq!(interval.map(|counts| counts.count), Some(60));
    let again = stored(&mut deltas, SERIES, point(FIRST_NS, 1_200, 160));
    assert_eq!(again, Some(60));
}

#[test]
fn without_room_new_series_say_nothing_until_others_are_idle() {
    let mut deltas = Deltas::default();
    let now = Instant::now();
    let mut batch = deltas.batch_within(1, now);
    batch.interval(SERIES, point(FIRST_NS, 1_100, 100));
    assert_eq!(batch.interval(OTHER, point(FIRST_NS, 1_100, 100)), None);
    let known = batch.interval(SERIES, point(FIRST_NS, 1_200, 160));
    assert_eq!(known.map(|counts| counts.count), Some(60));
    let changes = batch.changes();
    assert_eq!((changes.over_limit, changes.runs.len()), (1, 1));
    deltas.commit(changes);
    for (later, over_limit) in [(MAX_IDLE / 2, 1), (MAX_IDLE, 0)] {
        let mut batch = deltas.batch_within(1, now + later);
        batch.interval(OTHER, point(FIRST_NS, 1_200, 160));
        assert_eq!(batch.changes().over_limit, over_limit, "{later:?}");
    }
}

#[test]
fn a_series_is_told_by_all_its_parts_in_any_order() {
    let attribute = |key: &str| KeyValue {
        key: key.to_owned(),
        ..KeyValue::default()
    };
    let (a, b) = (attribute("a"), attribute("b"));
    let resource = |of: &[&KeyValue]| Resource {
        attributes: of.iter().map(|kv| (*kv).clone()).collect(),
        ..Resource::default()
    };
    let both = series(
        Some(&resource(&[&a, &b])),
        "s",
        "m",
        &[a.clone(), b.clone()],
    );
    let turned = series(
        Some(&resource(&[&b, &a])),
        "s",
        "m",
        &[b.clone(), a.clone()],
    );
    assert_eq!(both, turned);
    let one = series(Some(&resource(&[&a])), "s", "m", std::slice::from_ref(&b));
    let moved = series(Some(&resource(&[&a, &b])), "s", "m", &[]);
    assert_ne!(one, moved);
    assert_ne!(series(None, "s", "m", &[]), series(None, "", "sm", &[]));
}
