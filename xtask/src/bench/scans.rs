//! Scans and groupings over all rows of the day, beside DuckDB on the very same Parquet files.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::asked::Asked;
use super::asked::{Pair, ask};
use super::figure::{Figure, Peer, Promise};
use super::{Plan, fresh, peer, table};

/// At most 1.5 times DuckDB's time.
const TIMES: f64 = 0.667;
const ASKED: usize = 7;
const WARM: usize = 2;
/// What DuckDB may use, as many as we are measured with.
pub const THREADS: usize = 2;

/// One question in both languages.
struct Scan {
    name: &'static str,
    esql: &'static str,
    sql: &'static str,
    /// What ours is checked against where DuckDB's own estimate is coarser: the exact answer.
    exact: Option<&'static str>,
    estimates: &'static [&'static str],
}

const SCANS: [Scan; 8] = [
    Scan {
        name: "scans_group_services",
        esql: r#"FROM traces-application | STATS n = COUNT(*), mean = AVG(span.duration.us), longest = MAX(span.duration.us) BY service.name | LIMIT 10000"#,
        sql: r#"SELECT COUNT(*) n, AVG("span.duration.us") mean, MAX("span.duration.us") longest, "service.name" FROM traces GROUP BY ALL"#,
        exact: None,
        estimates: &[],
    },
    Scan {
        name: "scans_group_two_keys",
        esql: r#"FROM traces-application | STATS n = COUNT(*), failed = SUM(CASE(event.outcome == "failure", 1, 0)) BY service.name, span.name | LIMIT 10000"#,
        sql: r#"SELECT COUNT(*) n, SUM(CASE WHEN "event.outcome" = 'failure' THEN 1 ELSE 0 END)::BIGINT failed, "service.name", "span.name" FROM traces GROUP BY ALL"#,
        exact: None,
        estimates: &[],
    },
    Scan {
        name: "scans_by_hour",
        esql: r#"FROM logs-application | STATS n = COUNT(*) BY hour = BUCKET(@timestamp, 1 hour), log.level | LIMIT 10000"#,
        sql: r#"SELECT n, strftime(make_timestamp(hour * 3600000000), '%Y-%m-%dT%H:%M:%S.000Z'), level FROM (SELECT COUNT(*) n, epoch_ms("@timestamp") // 3600000 AS hour, "log.level" AS level FROM logs GROUP BY ALL)"#,
        exact: None,
        estimates: &[],
    },
    Scan {
        name: "scans_words",
        esql: r#"FROM logs-application | WHERE message LIKE "*order 4242*" | STATS n = COUNT(*) BY service.name | LIMIT 10000"#,
        sql: r#"SELECT COUNT(*) n, "service.name" FROM logs WHERE message LIKE '%order 4242%' GROUP BY ALL"#,
        exact: None,
        estimates: &[],
    },
    Scan {
        name: "scans_filter_numbers",
        esql: r#"FROM metrics-system | WHERE latency > 70 AND metrics.queue_length >= 15 | STATS n = COUNT(*), cpu = AVG(metrics.cpu_utilization), requests = SUM(request_count)"#,
        sql: r#"SELECT COUNT(*) n, AVG("metrics.cpu_utilization") cpu, SUM(request_count) requests FROM metrics WHERE latency > 70 AND "metrics.queue_length" >= 15"#,
        exact: None,
        estimates: &[],
    },
    Scan {
        name: "scans_percentile",
        esql: r#"FROM traces-application | STATS p95 = PERCENTILE(span.duration.us, 95) BY service.name | LIMIT 10000"#,
        sql: r#"SELECT approx_quantile("span.duration.us", 0.95)::DOUBLE p95, "service.name" FROM traces GROUP BY ALL"#,
        exact: Some(
            r#"SELECT quantile_cont("span.duration.us", 0.95) p95, "service.name" FROM traces GROUP BY ALL"#,
        ),
        estimates: &["p95"],
    },
    Scan {
        name: "scans_distinct",
        esql: r#"FROM traces-application | STATS traces = COUNT_DISTINCT(trace.id) BY service.name | LIMIT 10000"#,
        sql: r#"SELECT approx_count_distinct("trace.id") traces, "service.name" FROM traces GROUP BY ALL"#,
        exact: Some(
            r#"SELECT COUNT(DISTINCT "trace.id") traces, "service.name" FROM traces GROUP BY ALL"#,
        ),
        estimates: &["traces"],
    },
    Scan {
        name: "scans_top",
        esql: r#"FROM traces-application | SORT span.duration.us DESC, span.id | LIMIT 20 | KEEP span.duration.us, span.id, service.name"#,
        sql: r#"SELECT "span.duration.us", "span.id", "service.name" FROM traces ORDER BY 1 DESC, 2 LIMIT 20"#,
        exact: None,
        estimates: &[],
    },
];

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let day = plan.day()?;
    let asked = plan.size(ASKED, 2);
    eprintln!("   datapulse is asked");
    let server = day.serve(plan)?;
    let mut connection = server.connect()?;
    let ours = SCANS.iter().map(|scan| {
        let body = json!({ "query": scan.esql });
        ask(&mut connection, &vec![body; asked], WARM.min(asked))
    });
    let ours = ours.collect::<Result<Vec<_>>>()?;
    server.stop()?;
    eprintln!("   DuckDB is asked");
    let questions: Vec<Value> = SCANS
        .iter()
        .map(|scan| json!({ "timed": scan.sql, "checked": scan.exact.unwrap_or(scan.sql) }))
        .collect();
    let file = fresh("scans")?.join("questions.json");
    std::fs::write(&file, json!(questions).to_string())?;
    let told = peer::scans(&day.ours, &file, THREADS, WARM, asked)?;
    let mut pairs = Vec::new();
    for ((scan, mut ours), told) in SCANS
        .iter()
        .zip(ours)
        .zip(told.as_array().context("a list")?)
    {
        // DuckDB has other names for types: only ours say what they are.
        let theirs = ours
            .answer
            .with_rows(&told["rows"])
            .context("DuckDB's rows")?;
        let ms = told["ms"].as_array().into_iter().flatten();
        let theirs = Asked {
            ms: ms.filter_map(Value::as_f64).collect(),
            answer: theirs,
        };
        ours.ms.truncate(asked);
        pairs.push(Pair::new(
            scan.name.to_owned(),
            ours,
            theirs,
            scan.estimates,
            false,
        ));
    }
    table::scans(plan, &pairs)?;
    let name = told[0]["name"].as_str().unwrap_or_default().to_owned();
    let figures = SCANS
        .iter()
        .zip(&pairs)
        .map(|(scan, pair)| figure(scan, pair, &name));
    Ok(figures.collect())
}

fn figure(scan: &Scan, pair: &Pair, name: &str) -> Figure {
    let medians = pair.medians();
    let peer = medians.map(|(_, value)| Peer {
        name: name.to_owned(),
        value,
    });
    let differs = pair.differs.as_ref();
    Figure {
        name: scan.name.to_owned(),
        ours: medians.map(|(ours, _)| ours),
        unit: "ms",
        promised: Promise::Times(TIMES),
        more_is_better: false,
        peer: peer
            .ok_or_else(|| format!("the answers differ: {}", differs.map_or("", |what| what))),
        work: format!(
            "`{}` over the day, {} rows, median of {}, over HTTP; DuckDB within its own process on our segments' Parquet, {THREADS} threads",
            scan.esql.replace('|', "\\|"),
            pair.rows,
            pair.ours.len()
        ),
    }
}
