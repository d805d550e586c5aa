//! Documents out of a seed, as bodies for `_bulk`: the same seed gives the same bytes.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::page::civil;
use crate::random::Random;

/// Documents of one request.
pub const BATCH: usize = 5_000;
/// One service in so many fails: a share of its requests, and all at once.
const FAILS_EVERY: usize = 20;
const FAILED: f64 = 0.12;

const METRICS: &str = "metrics-system";
const LOGS: &str = "logs-application";
const CHANGES: &str = "deployments-default";
const SERVICES: &str = "lookup-services";

/// What documents are about.
pub struct Documents {
    pub seed: u64,
    pub services: usize,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Whether some services fail.
    pub failing: bool,
}

/// Requests' bodies: an action line and a document line in turn.
pub type Bodies = Vec<Vec<u8>>;

impl Documents {
    /// Plain metric documents, evenly over the time, the services in turn.
    pub fn metrics(&self, count: usize) -> Bodies {
        let mut random = Random::new(self.seed);
        self.bodies(METRICS, count, |index, at, line| {
            let service = index % self.services;
            let requests = 40 + random.below(160);
            let share = if self.fails(service) { FAILED } else { 0.002 };
            let errors = (requests as f64 * share * (0.5 + random.share())) as usize;
            let latency = 20.0 + 60.0 * random.share() * random.share() + service as f64 % 7.0;
            let cpu = 0.1 + 0.6 * random.share();
            let _ = write!(
                line,
                "{{\"@timestamp\":\"{at}\",\"service.name\":\"service-{service:04}\",\"service.node.name\":\"service-{service:04}-{}\",\"request_count\":{requests},\"error_count\":{errors},\"latency\":{latency:.2},\"metrics.cpu\":{cpu:.3}}}",
                random.below(3)
            );
        })
    }

    /// Log lines; one in fifty is an error, more where a service fails.
    pub fn logs(&self, count: usize) -> Bodies {
        let mut random = Random::new(self.seed + 1);
        let errors = [
            "DatabaseConnectionTimeout",
            "UpstreamUnavailable",
            "ValidationError",
        ];
        self.bodies(LOGS, count, |index, at, line| {
            let service = random.below(self.services);
            let trace = self.seed * 1_000_000_007 + (index / 4) as u64;
            let _ = write!(
                line,
                "{{\"@timestamp\":\"{at}\",\"service.name\":\"service-{service:04}\",\"trace.id\":\"{trace:032x}\",\"span.id\":\"{index:016x}\","
            );
            let share = if self.fails(service) { FAILED } else { 0.02 };
            let _ = if random.share() < share {
                let error = errors[random.below(errors.len())];
                write!(
                    line,
                    "\"log.level\":\"ERROR\",\"error.type\":\"{error}\",\"message\":\"{error} after {} ms while answering order {}\"}}",
                    random.below(30_000),
                    random.below(1_000_000)
                )
            } else {
                write!(
                    line,
                    "\"log.level\":\"INFO\",\"message\":\"answered order {} in {} ms with {} lines from 10.0.{}.{}\"}}",
                    random.below(1_000_000),
                    random.below(400),
                    random.below(40),
                    random.below(256),
                    random.below(256)
                )
            };
        })
    }

    /// Changes of services.
    pub fn changes(&self, count: usize) -> Bodies {
        let mut random = Random::new(self.seed + 2);
        let kinds = ["deploy", "config", "flag", "scale"];
        self.bodies(CHANGES, count, |index, at, line| {
            let service = random.below(self.services);
            let _ = write!(
                line,
                "{{\"@timestamp\":\"{at}\",\"deployment.id\":\"chg-{index:08}\",\"deployment.kind\":\"{}\",\"service.name\":\"service-{service:04}\",\"service.version\":\"v{}.{}.0\",\"author\":\"person-{}\",\"description\":\"change {index} of the weekly release\",\"commit.id\":\"{:010x}\"}}",
                kinds[random.below(kinds.len())],
                1 + random.below(4),
                random.below(30),
                random.below(40),
                random.below(1 << 40)
            );
        })
    }

    /// One row a service.
    pub fn catalog(&self) -> Bodies {
        let mut body = String::new();
        for service in 0..self.services {
            let name = format!("service-{service:04}");
            let _ = write!(
                body,
                "{{\"index\":{{\"_index\":\"{SERVICES}\",\"_id\":\"{name}\"}}}}\n{{\"service.name\":\"{name}\",\"team\":\"team-{}\",\"criticality\":{},\"on_call\":\"person-{}\"}}\n",
                service % 12,
                1 + service % 3,
                service % 40
            );
        }
        vec![body.into_bytes()]
    }

    fn fails(&self, service: usize) -> bool {
        self.failing && service.is_multiple_of(FAILS_EVERY)
    }

    fn bodies(
        &self,
        index: &str,
        count: usize,
        mut document: impl FnMut(usize, &str, &mut String),
    ) -> Bodies {
        let action = format!("{{\"create\":{{\"_index\":\"{index}\"}}}}\n");
        let mut bodies = Vec::with_capacity(count.div_ceil(BATCH));
        let mut body = String::new();
        for number in 0..count {
            let span = (self.to_ms - self.from_ms) as f64;
            let at = self.from_ms + (span * number as f64 / count as f64) as i64;
            body.push_str(&action);
            document(number, &rfc3339(at), &mut body);
            body.push('\n');
            if (number + 1) % BATCH == 0 || number + 1 == count {
                bodies.push(std::mem::take(&mut body).into_bytes());
            }
        }
        bodies
    }
}

/// The documents alone, for a peer.
pub fn write_documents(bodies: &Bodies, path: &Path) -> Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for body in bodies {
        for line in body
            .split_inclusive(|byte| *byte == b'\n')
            .skip(1)
            .step_by(2)
        {
            file.write_all(line)?;
        }
    }
    Ok(file.flush()?)
}

/// Milliseconds since 1970 in UTC.
pub fn rfc3339(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1_000 % 60,
    );
    format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        in_day % 1_000
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{BATCH, Documents, rfc3339};

    fn documents() -> Documents {
        Documents {
            seed: 7,
            services: 40,
            from_ms: 0,
            to_ms: 60_000,
            failing: true,
        }
    }

    #[test]
    fn every_line_is_json_and_a_seed_gives_the_same() {
        for bodies in [
            documents().metrics(200),
            documents().logs(200),
            documents().changes(200),
        ] {
            let lines: Vec<&[u8]> = bodies[0].split(|byte| *byte == b'\n').collect();
            assert_eq!(lines.len(), 401);
            for line in &lines[..400] {
                let parsed: Result<Value, _> = serde_json::from_slice(line);
                assert!(parsed.is_ok_and(|value| value.is_object()), "{line:?}");
            }
        }
        assert_eq!(documents().logs(50), documents().logs(50));
        assert_eq!(documents().metrics(BATCH + 1).len(), 2);
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_782_864_000_123), "2026-07-01T00:00:00.123Z");
    }
}
