//! A day of 100 services: metrics, logs and spans together, as they come in, in bodies for
//! `_bulk`. The same seed gives the same bytes, whichever body is made first.

use std::fmt::Write as _;

use super::documents::{BATCH, Documents, rfc3339};
use crate::random::Random;

pub const SERVICES: usize = 100;
/// 2026-11-24T00:00:00Z.
pub const FROM_MS: i64 = 1_795_478_400_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// Documents of a day.
pub const DOCUMENTS: usize = 10_000_000;
/// Changes of a day.
const CHANGES: usize = 500;

/// What ten documents in turn are.
const KINDS: [Kind; 10] = [
    Kind::Metric,
    Kind::Log,
    Kind::Span,
    Kind::Metric,
    Kind::Log,
    Kind::Span,
    Kind::Metric,
    Kind::Log,
    Kind::Span,
    Kind::Log,
];
/// Each of a kind in ten.
const OF_TEN: usize = 3;
/// A request to one service, which calls another: two spans of each side's work, one of the call,
/// one of the callee's database.
const SPANS_OF_TRACE: usize = 4;
/// One service in so many fails, in one hour of four.
const FAILS_EVERY: usize = 20;
const FAILED: f64 = 0.12;
const FAILED_USUALLY: f64 = 0.004;
/// How far from a service in the row of all stand those that it calls.
const CALLEES: [usize; 4] = [1, 7, 13, 29];
const SPANS: [&str; 5] = [
    "GET /orders",
    "POST /orders",
    "GET /items/{id}",
    "POST /payments",
    "GET /stock",
];
const ERRORS: [&str; 4] = [
    "DatabaseConnectionTimeout",
    "UpstreamUnavailable",
    "ValidationError",
    "DeadlockDetected",
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Metric,
    Log,
    Span,
}

/// Mixed telemetry, evenly over its time.
#[derive(Debug, Clone, Copy)]
pub struct Telemetry {
    pub seed: u64,
    pub documents: usize,
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Telemetry {
    pub fn day(documents: usize) -> Self {
        Self {
            seed: 17,
            documents,
            from_ms: FROM_MS,
            to_ms: FROM_MS + DAY_MS,
        }
    }

    /// Requests' bodies that it takes.
    pub fn bodies(&self) -> usize {
        self.documents.div_ceil(BATCH)
    }

    /// One of them: an action line and a document line in turn.
    pub fn body(&self, number: usize) -> Vec<u8> {
        let mut random = Random::new(self.seed + 7_919 * (number as u64 + 1));
        let mut body = String::with_capacity(BATCH * 400);
        let span = (self.to_ms - self.from_ms) as f64;
        let first = number * BATCH;
        for index in first..(first + BATCH).min(self.documents) {
            let at_ms = self.from_ms + (span * index as f64 / self.documents as f64) as i64;
            let at = rfc3339(at_ms);
            match KINDS[index % KINDS.len()] {
                Kind::Metric => metric(&mut random, of_kind(index), at_ms, &at, &mut body),
                Kind::Log => self.log(&mut random, index, at_ms, &at, &mut body),
                Kind::Span => self.span(of_kind(index), at_ms, &at, &mut body),
            }
        }
        body.into_bytes()
    }

    /// Changes and the catalog of services.
    pub fn rest(&self) -> Vec<u8> {
        let documents = Documents {
            seed: self.seed,
            services: SERVICES,
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            failing: true,
        };
        let mut bodies = documents.changes(CHANGES);
        bodies.extend(documents.catalog());
        bodies.concat()
    }

    fn log(&self, random: &mut Random, index: usize, at_ms: i64, at: &str, body: &mut String) {
        let traced = random.share() < 0.5;
        let trace = self.trace(of_kind(index) / SPANS_OF_TRACE, at_ms);
        let service = if traced {
            trace.callee
        } else {
            random.below(SERVICES)
        };
        let _ = write!(
            body,
            "{{\"create\":{{\"_index\":\"logs-application\"}}}}\n{{\"@timestamp\":\"{at}\",\"service.name\":\"service-{service:04}\",\"service.node.name\":\"service-{service:04}-{}\",",
            random.below(3)
        );
        if traced {
            let _ = write!(body, "\"trace.id\":\"{:032x}\",", trace.id);
        }
        let failed = random.share() < 4.0 * failed_share(service, at_ms);
        let _ = if failed {
            let error = ERRORS[random.below(ERRORS.len())];
            writeln!(
                body,
                "\"log.level\":\"ERROR\",\"error.type\":\"{error}\",\"message\":\"{error} after {} ms while answering order {}\"}}",
                random.below(30_000),
                random.below(1_000_000)
            )
        } else if random.share() < 0.05 {
            writeln!(
                body,
                "\"log.level\":\"WARN\",\"message\":\"retry {} of the call to service-{:04}, it took {} ms\"}}",
                1 + random.below(3),
                random.below(SERVICES),
                random.below(2_000)
            )
        } else {
            writeln!(
                body,
                "\"log.level\":\"INFO\",\"message\":\"answered order {} in {} ms with {} lines from 10.0.{}.{}\"}}",
                random.below(1_000_000),
                random.below(400),
                random.below(40),
                random.below(256),
                random.below(256)
            )
        };
    }

    /// One span of a trace: the caller's request, its call, the callee's request, its query.
    fn span(&self, number: usize, at_ms: i64, at: &str, body: &mut String) {
        let (trace, place) = (number / SPANS_OF_TRACE, number % SPANS_OF_TRACE);
        let trace = self.trace(trace, at_ms);
        let service = if place < 2 {
            trace.caller
        } else {
            trace.callee
        };
        let (kind, name) = match place {
            0 => ("server", SPANS[trace.request]),
            1 => ("client", "call"),
            2 => ("server", SPANS[(trace.request + 2) % SPANS.len()]),
            _ => ("internal", "query"),
        };
        let _ = write!(
            body,
            "{{\"create\":{{\"_index\":\"traces-application\"}}}}\n{{\"@timestamp\":\"{at}\",\"trace.id\":\"{:032x}\",\"span.id\":\"{:016x}\",",
            trace.id, trace.spans[place]
        );
        if place > 0 {
            let parent = trace.spans[place - 1];
            let _ = write!(body, "\"parent.id\":\"{parent:016x}\",");
        }
        if place == 1 {
            let callee = trace.callee;
            let _ = write!(
                body,
                "\"destination.service.name\":\"service-{callee:04}\","
            );
        }
        let _ = writeln!(
            body,
            "\"service.name\":\"service-{service:04}\",\"service.node.name\":\"service-{service:04}-{}\",\"span.kind\":\"{kind}\",\"span.name\":\"{name}\",\"span.duration.us\":{},\"event.outcome\":\"{}\"}}",
            trace.node,
            trace.us * (10 - 2 * place as u64) / 10,
            if trace.failed { "failure" } else { "success" }
        );
    }

    fn trace(&self, number: usize, at_ms: i64) -> Trace {
        let mut random = Random::new(self.seed + 104_729 * (number as u64 + 1));
        // The first of a small seed's numbers are alike.
        random.bits();
        let caller = random.below(SERVICES);
        let callee = (caller + CALLEES[random.below(CALLEES.len())]) % SERVICES;
        let usual = 20.0 + 300.0 * random.share() * random.share() + (callee % 7) as f64 * 3.0;
        // Drawn whether it counts or not: a trace that goes on over the hour stays the same.
        let (chance, how_slow) = (random.share(), random.share());
        let ms = if is_slow(callee, at_ms) && chance < 0.05 {
            4_000.0 + 5_000.0 * how_slow
        } else {
            usual
        };
        Trace {
            caller,
            callee,
            request: random.below(SPANS.len()),
            node: random.below(3),
            us: (ms * 1_000.0) as u64,
            failed: random.share() < failed_share(callee, at_ms),
            id: (u128::from(random.bits()) << 64) | u128::from(random.bits()),
            spans: std::array::from_fn(|_| random.bits()),
        }
    }
}

struct Trace {
    caller: usize,
    callee: usize,
    request: usize,
    node: usize,
    us: u64,
    failed: bool,
    id: u128,
    spans: [u64; SPANS_OF_TRACE],
}

/// The document's number among those of its kind.
fn of_kind(index: usize) -> usize {
    let (tens, place) = (index / KINDS.len(), index % KINDS.len());
    tens * OF_TEN + place / OF_TEN
}

/// What one instance did since it last told; each tenth is about one service's calls of another.
fn metric(random: &mut Random, number: usize, at_ms: i64, at: &str, body: &mut String) {
    let service = number % SERVICES;
    let requests = 40 + random.below(160);
    let share = failed_share(service, at_ms);
    let errors = (requests as f64 * share * (0.5 + random.share())).round() as usize;
    let latency = 20.0 + 60.0 * random.share() * random.share() + (service % 7) as f64;
    let _ = write!(
        body,
        "{{\"create\":{{\"_index\":\"metrics-system\"}}}}\n{{\"@timestamp\":\"{at}\",\"service.name\":\"service-{service:04}\",\"request_count\":{requests},\"error_count\":{errors},\"latency\":{latency:.2},"
    );
    let round = number / SERVICES;
    let _ = if round % 10 == 9 {
        let callee = (service + CALLEES[round / 10 % CALLEES.len()]) % SERVICES;
        writeln!(
            body,
            "\"destination.service.name\":\"service-{callee:04}\"}}"
        )
    } else {
        writeln!(
            body,
            "\"service.node.name\":\"service-{service:04}-{}\",\"service.version\":\"v1.{}.0\",\"metrics.cpu_utilization\":{:.4},\"metrics.memory_utilization\":{:.4},\"metrics.queue_length\":{}}}",
            round % 3,
            service % 5,
            0.1 + 0.6 * random.share(),
            0.4 + 0.01 * random.share(),
            random.below(20)
        )
    };
}

fn hour(at_ms: i64) -> usize {
    at_ms.div_euclid(HOUR_MS) as usize
}

fn failed_share(service: usize, at_ms: i64) -> f64 {
    let fails = service.is_multiple_of(FAILS_EVERY)
        && (hour(at_ms) + service / FAILS_EVERY).is_multiple_of(4);
    if fails { FAILED } else { FAILED_USUALLY }
}

fn is_slow(service: usize, at_ms: i64) -> bool {
    service % FAILS_EVERY == 7 && (hour(at_ms) + service / FAILS_EVERY) % 4 == 1
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{DAY_MS, FROM_MS, Telemetry};

    #[test]
    fn a_body_is_the_same_whenever_it_is_made_and_every_line_is_json() {
        let day = Telemetry::day(12_000);
        assert_eq!(day.bodies(), 3);
        assert_eq!(day.body(1), day.body(1));
        assert_ne!(day.body(0), day.body(1));
        let text = String::from_utf8([day.body(2), day.rest()].concat()).expect("UTF-8");
        assert_eq!(day.body(2).split(|byte| *byte == b'\n').count(), 4_001);
        for line in text.lines() {
            let parsed: Result<Value, _> = serde_json::from_str(line);
            assert!(parsed.is_ok_and(|value| value.is_object()), "{line}");
        }
    }

    #[test]
    fn a_trace_has_one_root_and_parents_that_are_there() {
        let day = Telemetry {
            seed: 3,
            documents: 4_000,
            from_ms: FROM_MS,
            to_ms: FROM_MS + DAY_MS,
        };
        let text = String::from_utf8(day.body(0)).expect("UTF-8");
        let spans: Vec<Value> = text
            .lines()
            .filter(|line| line.contains("span.id"))
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(spans.len(), 1_200);
        for trace in spans.chunks(4) {
            assert!(trace[0]["parent.id"].is_null());
            for pair in trace.windows(2) {
                assert_eq!(pair[0]["trace.id"], pair[1]["trace.id"]);
                assert_eq!(pair[0]["span.id"], pair[1]["parent.id"]);
            }
        }
    }
}
