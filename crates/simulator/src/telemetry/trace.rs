//! One traced request: a tree of spans along the calls.

use serde_json::json;

use super::{Document, TRACE_MS, micros, node, own_error, provider_of};
use crate::catalog::{CALLS_OUTSIDE, ErrorKind, FRONTEND, SERVICES, SHOP};
use crate::condition::{Conditions, DEADLINE_MS, conditions};
use crate::random::Random;
use crate::world::World;

/// Spans of one trace at most.
const MAX_SPANS: usize = 60;

struct Tracer<'a> {
    world: &'a World,
    now: Conditions,
    random: Random,
    trace: String,
    /// Milliseconds: when its documents become known.
    at_ms: i64,
    spans: usize,
    out: &'a mut Vec<Document>,
}

/// The request of the interval that begins at `at_ms`.
pub fn trace(world: &World, at_ms: i64, out: &mut Vec<Document>) {
    let number = at_ms.div_euclid(TRACE_MS) as u64;
    let mut random = Random::of(world.seed, &[20, number]);
    let trace = format!("{:016x}{:016x}", random.bits(), random.bits());
    let start_us = at_ms * 1000 + random.below(TRACE_MS as u64 * 1000) as i64;
    let now = conditions(world, at_ms);
    let mut tracer = Tracer {
        world,
        now,
        random,
        trace,
        at_ms: at_ms + TRACE_MS,
        spans: 0,
        out,
    };
    tracer.serve(FRONTEND, None, start_us);
}

impl Tracer<'_> {
    /// The span of a service that got a request; gives its duration in microseconds and whether
    /// it failed.
    fn serve(&mut self, service: usize, parent: Option<&str>, start_us: i64) -> (i64, bool) {
        let id = format!("{:016x}", self.random.bits());
        self.spans += 1;
        let condition = self.now.services[service].clone();
        let own_us = (self.random.skewed(condition.own_ms, 0.35) * 1000.0) as i64;
        let own_failed = self.random.chance(condition.own_errors);
        let mut at_us = start_us + own_us / 2;
        let mut failed = own_failed;
        // Who fails by itself often does so before it calls anybody.
        if !own_failed || self.random.chance(0.3) {
            for (callee, calls) in SHOP[service].calls {
                if self.spans < MAX_SPANS && self.random.chance(*calls) {
                    let (took, bad) = self.serve(*callee, Some(&id), at_us);
                    let late = took as f64 > DEADLINE_MS * 1000.0;
                    at_us += took.min((DEADLINE_MS * 1000.0) as i64);
                    failed |= (bad || late) && self.random.chance(0.85);
                }
            }
            if CALLS_OUTSIDE.0 == service {
                let (took, bad) = self.outside(service, &id, at_us);
                at_us += took;
                failed |= bad && self.random.chance(0.85);
            }
        }
        let duration_us = at_us + own_us / 2 - start_us;
        let instance = self.random.below(2);
        let mut source = self.span(service, &id, parent, start_us, duration_us, failed);
        source["service.node.name"] = json!(node(self.world, service, instance));
        source["span.kind"] = json!("server");
        source["span.name"] = json!(format!("{} request", self.world.naming.services[service]));
        if own_failed {
            let kind = match self.random.share() < 0.002 / condition.own_errors.max(0.002) {
                true => ErrorKind::Usual,
                false => own_error(self.world, service),
            };
            let (error, message) = self.world.naming.error(kind, self.random.bits());
            source["error.type"] = json!(error);
            source["error.message"] = json!(message);
        }
        self.push(id, source);
        (duration_us, failed)
    }

    /// The span of a call to the provider, which sends none itself.
    fn outside(&mut self, service: usize, parent: &str, start_us: i64) -> (i64, bool) {
        let id = format!("{:016x}", self.random.bits());
        let Some(edge) = self.now.edge(service, SERVICES).cloned() else {
            return (0, false);
        };
        let duration_us = (self.random.skewed(edge.ms, 0.3) * 1000.0) as i64;
        let failed = self.random.chance(edge.errors);
        let provider = provider_of(self.world, service, start_us / 1000);
        let mut source = self.span(service, &id, Some(parent), start_us, duration_us, failed);
        source["span.kind"] = json!("client");
        source["span.name"] = json!(format!("call {provider}"));
        source["destination.service.name"] = json!(provider);
        self.push(id, source);
        (duration_us, failed)
    }

    fn span(
        &self,
        service: usize,
        id: &str,
        parent: Option<&str>,
        start_us: i64,
        duration_us: i64,
        failed: bool,
    ) -> serde_json::Value {
        let mut source = json!({
            "@timestamp": micros(start_us),
            "service.name": self.world.naming.services[service],
            "trace.id": self.trace,
            "span.id": id,
            "span.duration.us": duration_us,
            "event.outcome": if failed { "failure" } else { "success" },
        });
        if let Some(parent) = parent {
            source["parent.id"] = json!(parent);
        }
        source
    }

    fn push(&mut self, id: String, source: serde_json::Value) {
        self.out.push(Document {
            index: "traces-application",
            id: format!("s-{id}"),
            at_ms: self.at_ms,
            source,
        });
    }
}
