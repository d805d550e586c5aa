//! Requests served, from the semantic conventions' histograms: the plain profile's
//! `request_count`, `error_count`, `latency` (the mean) and `latency_values`, in milliseconds.
//!
//! `latency_values` are the interval's requests as its buckets place them, at most
//! [`MAX_VALUES`]: percentiles over many intervals are taken over all of theirs, never over the
//! intervals' percentiles. Beyond that many requests each value stands for several, so that a busy
//! interval weighs no more than one with [`MAX_VALUES`].

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, DataPointFlags};
use serde_json::Value;

use super::exponential::Exponential;
use super::points::Origin;
use super::temporality::{Batch, Counts, Point, series};

/// Values of one point of a histogram.
const MAX_VALUES: u64 = 100;

/// Milliseconds of one unit of a histogram that counts requests; `None` for other metrics.
fn to_ms(metric: &str) -> Option<f64> {
    match metric {
        "http.server.request.duration" => Some(1_000.0),
        "http.server.duration" | "rpc.server.duration" => Some(1.0),
        _ => None,
    }
}

/// A point of a histogram of either kind.
struct Observed<'a> {
    point: Point,
    of: &'a [KeyValue],
    /// Empty for exponential histograms, whose buckets say their bounds themselves.
    bounds: &'a [f64],
    flags: u32,
}

/// Moments, count and sum: what points of both kinds have.
fn point(times: (u64, u64), count: u64, sum: Option<f64>, buckets: &[u64]) -> Point {
    Point {
        start_ns: times.0,
        time_ns: times.1,
        counts: Counts {
            count,
            sum,
            buckets: buckets.to_vec(),
            exponential: None,
        },
    }
}

pub(super) fn is_delta(temporality: i32) -> bool {
    temporality == AggregationTemporality::Delta as i32
}

/// The points, and whether they say what came since the point before.
fn observed(data: &Data) -> (Vec<Observed<'_>>, bool) {
    match data {
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter().map(|of| Observed {
                point: point(
                    (of.start_time_unix_nano, of.time_unix_nano),
                    of.count,
                    of.sum,
                    &of.bucket_counts,
                ),
                of: &of.attributes,
                bounds: &of.explicit_bounds,
                flags: of.flags,
            });
            let delta = is_delta(histogram.aggregation_temporality);
            (points.collect(), delta)
        }
        Data::ExponentialHistogram(histogram) => {
            let points = histogram.data_points.iter().map(|of| {
                let times = (of.start_time_unix_nano, of.time_unix_nano);
                let mut point = point(times, of.count, of.sum, &[]);
                point.counts.exponential = Exponential::of(of);
                Observed {
                    point,
                    of: &of.attributes,
                    bounds: &[],
                    flags: of.flags,
                }
            });
            let delta = is_delta(histogram.aggregation_temporality);
            (points.collect(), delta)
        }
        _ => (Vec::new(), true),
    }
}

/// Whether a point of the batch must be held against those before it.
pub(super) fn need_deltas(request: &ExportMetricsServiceRequest) -> bool {
    let groups = request.resource_metrics.iter();
    let scopes = groups.flat_map(|group| &group.scope_metrics);
    let mut metrics = scopes.flat_map(|scope| &scope.metrics);
    metrics.any(|metric| {
        let data = metric.data.as_ref();
        data.is_some_and(|data| match data {
            Data::Sum(sum) => sum.is_monotonic && !is_delta(sum.aggregation_temporality),
            data => to_ms(&metric.name).is_some() && !observed(data).1,
        })
    })
}

/// Adds the request fields of a metric's points: moment, attributes, name and value of each.
pub(super) fn of(
    origin: &Origin<'_>,
    data: &Data,
    batch: &mut Batch<'_>,
    mut add: impl FnMut(u64, &[KeyValue], &str, Value),
) {
    let Some(to_ms) = to_ms(origin.metric) else {
        return;
    };
    let (points, are_deltas) = observed(data);
    for Observed {
        point,
        of,
        bounds,
        flags,
    } in points
    {
        // The mark of a series that ended has a count of 0, which is no count.
        if flags & DataPointFlags::NoRecordedValueMask as u32 != 0 {
            continue;
        }
        let at = point.time_ns;
        let counts = if are_deltas {
            Some(point.counts)
        } else {
            let series = series(origin.resource, origin.scope, origin.metric, of);
            batch.interval(series, point)
        };
        let Some(counts) = counts else { continue };
        let count = counts.count;
        add(at, of, "request_count", Value::from(count));
        let failed = if is_server_error(of) { count } else { 0 };
        add(at, of, "error_count", Value::from(failed));
        let sum = counts.sum.filter(|sum| *sum >= 0.0 && count > 0);
        if let Some(sum) = sum {
            add(at, of, "latency", Value::from(sum / count as f64 * to_ms));
        }
        let values = match &counts.exponential {
            Some(exponential) => {
                let (bounds, buckets) = exponential.explicit();
                spread(&bounds, &buckets)
            }
            None => spread(bounds, &counts.buckets),
        };
        if !values.is_empty() {
            let values = values.into_iter().map(|value| value * to_ms);
            add(at, of, "latency_values", values.collect());
        }
    }
}

/// A 5xx status is the server's error.
fn is_server_error(of: &[KeyValue]) -> bool {
    let status = of.iter().find(|kv| {
        matches!(
            kv.key.as_str(),
            "http.response.status_code" | "http.status_code"
        )
    });
    let code = status.map(|kv| super::ecs::plain(kv.value.as_ref(), 0));
    code.and_then(|code| code.as_i64())
        .is_some_and(|code| code >= 500)
}

/// One value a request, or [`MAX_VALUES`]: the quantiles at the middles of as many equal shares.
/// Empty where the buckets say nothing.
fn spread(bounds: &[f64], buckets: &[u64]) -> Vec<f64> {
    let total = buckets.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
    let count = total.min(MAX_VALUES);
    (0..count)
        .map_while(|number| quantile((number as f64 + 0.5) / count as f64, bounds, buckets))
        .collect()
}

/// As Prometheus' `histogram_quantile` has it: linear within the bucket that holds the rank, the
/// first bucket from 0 (its bound where that isn't above 0), the last one, which has no end, its
/// lower bound. `None` without values, or where counts and bounds don't fit together.
fn quantile(share: f64, bounds: &[f64], buckets: &[u64]) -> Option<f64> {
    let total: u64 = buckets
        .iter()
        .try_fold(0, |sum: u64, n| sum.checked_add(*n))?;
    if total == 0 || buckets.len() != bounds.len() + 1 {
        return None;
    }
    let rank = share * total as f64;
    let mut before = 0;
    let holds = buckets.iter().position(|count| {
        before += count;
        before as f64 >= rank
    })?;
    let Some(upper) = bounds.get(holds).copied() else {
        return bounds.last().copied();
    };
    let lower = match holds {
        0 if upper <= 0.0 => return Some(upper),
        0 => 0.0,
        _ => bounds[holds - 1],
    };
    let count = buckets[holds];
    let within = rank - (before - count) as f64;
    Some(lower + (upper - lower) * within / count as f64)
}

#[cfg(test)]
mod tests;
