//! Sentinel's tick over a thousand services: the processor time of the whole process.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::documents::Documents;
use super::figure::{Figure, Promise};
use super::log_ingest::send;
use super::server::Server;
use super::{Plan, fresh};

const SERVICES: usize = 1_000;
const TICKS: usize = 20;
const INTERVAL_S: usize = 5;
/// Baselines are learned anew every ten ticks, as by default.
const TICKS_OF_BASELINE: usize = 10;
const HISTORY_MIN: usize = 135;
const MINUTE_MS: i64 = 60_000;
const CPU_S: f64 = 0.3;
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let services = plan.size(SERVICES, 50);
    let ticks = plan.size(TICKS, 3);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    // Telemetry goes on while the ticks are taken.
    let ahead_min = (ticks * INTERVAL_S).div_ceil(60) + 4;
    let minutes = HISTORY_MIN + ahead_min;
    let documents = Documents {
        seed: 13,
        services,
        from_ms: now_ms - HISTORY_MIN as i64 * MINUTE_MS,
        to_ms: now_ms + ahead_min as i64 * MINUTE_MS,
        failing: false,
    };
    let data = fresh("tick")?;
    let server = Server::start(plan, &data, "[sentinel]\ninterval_ms = 3600000\n")?;
    send(&server, &documents.metrics(services * minutes), 2)?;
    send(&server, &documents.catalog(), 1)?;
    server.stop()?;
    let configuration = format!(
        "[sentinel]\ninterval_ms = {}\n[sentinel.baseline]\nrefresh_ms = {}\n",
        INTERVAL_S * 1_000,
        INTERVAL_S * 1_000 * TICKS_OF_BASELINE
    );
    let server = Server::start(plan, &data, &configuration)?;
    // The process' start isn't a tick's.
    let (first, cpu_before) = after_tick(&server, 1)?;
    let (last, cpu_after) = after_tick(&server, first + ticks as u64)?;
    let seen = server
        .connect()?
        .get("/api/datapulse/v1/services")?
        .json("services")?;
    let seen = seen["items"].as_array().map_or(0, Vec::len);
    if seen != services {
        bail!("{seen} of {services} services are seen");
    }
    server.stop()?;
    let taken = last - first;
    Ok(vec![Figure {
        name: "sentinel_tick".to_owned(),
        ours: Some((cpu_after - cpu_before) / taken as f64),
        unit: "s of CPU",
        promised: Promise::Under(CPU_S),
        more_is_better: false,
        peer: Err("nothing else does the same".to_owned()),
        work: format!(
            "{services} services, one document a minute each over {HISTORY_MIN} min; all the process' CPU over {taken} ticks, baselines learned anew every {TICKS_OF_BASELINE}"
        ),
    }])
}

/// Waits for a tick's end; gives the number of ticks and the process' CPU then.
fn after_tick(server: &Server, wanted: u64) -> Result<(u64, f64)> {
    let began = Instant::now();
    let limit = Duration::from_secs(60 + 2 * INTERVAL_S as u64 * wanted);
    loop {
        let text = server.connect()?.get("/metrics")?;
        let text = String::from_utf8_lossy(&text.body).into_owned();
        let ticks = counted(&text).unwrap_or_default();
        if ticks >= wanted {
            return Ok((ticks, server.cpu_s()?));
        }
        if began.elapsed() > limit {
            bail!("{ticks} ticks in {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn counted(metrics: &str) -> Option<u64> {
    let line = metrics.lines().find(|line| {
        line.starts_with("agent_run_duration_seconds_count") && line.contains("\"sentinel\"")
    })?;
    line.rsplit(' ').next()?.parse().context("a count").ok()
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn sentinels_ticks_are_read() {
        let text = "agent_run_duration_seconds_sum{agent=\"sentinel\"} 0.5\nagent_run_duration_seconds_count{agent=\"analyst\"} 9\nagent_run_duration_seconds_count{agent=\"sentinel\"} 4\n";
        assert_eq!(counted(text), Some(4));
        assert_eq!(counted(""), None);
    }
}
