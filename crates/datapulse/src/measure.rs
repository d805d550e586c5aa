//! Metrics in Prometheus' form: the agents' own, and what is usually told of a process.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context as _, Result};
use casework::Casework;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds of one look or tick.
const RUN_BUCKETS_S: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Seconds from a proposal to its verdict.
const APPROVAL_BUCKETS_S: [f64; 8] = [10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0];
/// Confidence of a report's first cause.
const CONFIDENCE_BUCKETS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// One recorder a process: a second door shows what the first one does.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
/// Held while it is made: two doors may open at once.
static MAKING: Mutex<()> = Mutex::new(());

/// How the gateway prints them.
pub fn recorder(casework: &Casework) -> Result<gateway::Metrics> {
    let making = MAKING.lock();
    let handle = match RECORDER.get() {
        Some(handle) => handle.clone(),
        None => install()?,
    };
    drop(making);
    let casework = casework.clone();
    Ok(Arc::new(move || {
        let reading = casework.pulse().read(casework.clock().now());
        metrics::gauge!("sentinel_late").set(f64::from(u8::from(reading.late)));
        metrics::gauge!("telemetry_stopped").set(f64::from(u8::from(reading.telemetry_stopped)));
        handle.run_upkeep();
        let mut text = handle.render();
        text.push_str(&process());
        text
    }))
}

fn install() -> Result<PrometheusHandle> {
    let buckets: [(&str, &[f64]); 3] = [
        ("agent_run_duration_seconds", &RUN_BUCKETS_S),
        ("action_approval_time_seconds", &APPROVAL_BUCKETS_S),
        ("rca_confidence_score", &CONFIDENCE_BUCKETS),
    ];
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in buckets {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
            .with_context(|| format!("the buckets of {name}"))?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // Only fails where there is one, and then this process has begun to record twice.
    metrics::set_global_recorder(recorder).context("metrics have a recorder already")?;
    describe();
    Ok(RECORDER.get_or_init(|| handle).clone())
}

fn describe() {
    integrations::outbound::describe_metrics();
    notifier::describe_routing_metrics();
    metrics::describe_counter!(
        "incidents_created_total",
        "Incidents opened, by severity and service."
    );
    metrics::describe_histogram!(
        "agent_run_duration_seconds",
        "Seconds of one look of an agent at an incident, or of one tick."
    );
    metrics::describe_histogram!(
        "action_approval_time_seconds",
        "Seconds from a proposal to the verdict on it."
    );
    metrics::describe_histogram!(
        "rca_confidence_score",
        "Confidence of the first cause of each report, 0 to 1."
    );
    metrics::describe_counter!(
        "integration_call_failures_total",
        "Calls to other systems that failed, by adapter."
    );
    metrics::describe_counter!(
        "otlp_series_over_limit_total",
        "Cumulative request points stored without request fields, because too many series are remembered."
    );
    metrics::describe_counter!(
        gateway::intake::tally::ACCEPTED,
        "Documents that were stored, by intake."
    );
    metrics::describe_counter!(
        gateway::intake::tally::REJECTED,
        "Documents, samples or requests that were refused, by intake and reason."
    );
    metrics::describe_gauge!(
        "sentinel_late",
        "1 where Sentinel hasn't looked for several intervals."
    );
    metrics::describe_gauge!("telemetry_stopped", "1 where no new telemetry comes in.");
}

/// The process' metrics under the names that Prometheus' own clients give them; those that the
/// system doesn't tell are absent.
fn process() -> String {
    let mut text = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a string doesn't fail.
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
            );
        }
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
    };
    let kibibytes = |name: &str| Some(field(name)? * 1024.0);
    let descriptors = std::fs::read_dir("/proc/self/fd")
        .ok()
        .map(|open| open.count() as f64);
    tell(
        "process_cpu_seconds_total",
        "counter",
        "Seconds on the processor.",
        cpu_seconds(),
    );
    tell(
        "process_resident_memory_bytes",
        "gauge",
        "Bytes of memory in use.",
        kibibytes("VmRSS"),
    );
    tell(
        "process_virtual_memory_bytes",
        "gauge",
        "Bytes of address space.",
        kibibytes("VmSize"),
    );
    tell(
        "process_open_fds",
        "gauge",
        "Open file descriptors.",
        descriptors,
    );
    tell(
        "process_max_fds",
        "gauge",
        "File descriptors that may be open.",
        max_descriptors(),
    );
    tell("process_threads", "gauge", "Threads.", field("Threads"));
    tell(
        "process_start_time_seconds",
        "gauge",
        "When it started, seconds since 1970.",
        start_seconds(),
    );
    text
}

/// USER_HZ is 100 on every Linux that is built today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Field `number` of proc(5)'s stat, counted from 1 as there; only those after the name.
fn stat(number: usize) -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(number - 3)?.parse().ok()
}

/// Time in user and kernel mode.
fn cpu_seconds() -> Option<f64> {
    Some((stat(14)? + stat(15)?) / TICKS_PER_SECOND)
}

fn start_seconds() -> Option<f64> {
    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let booted = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    Some(booted.trim().parse::<f64>().ok()? + stat(22)? / TICKS_PER_SECOND)
}

fn max_descriptors() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
