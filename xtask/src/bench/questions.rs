//! The tools' questions about the day, as both sides are asked: the text that our own API says
//! the tool asks, with its parameters, to `/_query`.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::day::{DAY_MS, FROM_MS, HOUR_MS};
use super::documents::rfc3339;
use super::http::Connection;

/// What a tool's question is limited to when agents ask a cluster: its own largest answer.
const ROWS: usize = 10_000;
/// How far apart stand the windows of one question, and of one tool's and the next's.
const APART_MS: i64 = 53 * 60_000;
const APART_TOOLS_MS: i64 = 97 * 60_000;

/// A tool, and what it is asked about; windows come later.
pub struct Tool {
    pub id: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    /// Columns that both sides estimate.
    pub estimates: &'static [&'static str],
    /// Whether its answer ends at the limit.
    pub cut: bool,
}

const fn tool(
    id: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    estimates: &'static [&'static str],
) -> Tool {
    Tool {
        id,
        parameters,
        estimates,
        cut: false,
    }
}

const fn read(id: &'static str) -> Tool {
    Tool {
        id,
        parameters: &[],
        estimates: &[],
        cut: true,
    }
}

const SERVICE: (&str, &str) = ("service", "service-0040");
const CALLED: (&str, &str) = ("dependency", "service-0041");

/// The four, and what the Analyst asks: how much there is, documents as they are, and evidence.
pub const TOOLS: [Tool; 17] = [
    tool("detect_anomalies", &[], &["p99_ms"]),
    tool("correlate_error_logs", &[], &["traces"]),
    tool("check_recent_deployments", &[], &[]),
    // 8.19's ES|QL can't search by meaning, which search_runbooks does beside this.
    tool(
        "search_runbooks_by_words",
        &[(
            "text",
            "database connection pool exhausted timeout after deployment",
        )],
        &["_score"],
    ),
    tool("metrics_by_hour", &[], &[]),
    tool("spans_by_hour", &[], &[]),
    tool("logs_by_hour", &[], &[]),
    read("read_metrics"),
    read("read_spans"),
    read("read_logs"),
    tool("one_change", &[("change", "chg-00000250")], &[]),
    tool(
        "metric_before_after",
        &[SERVICE, ("metric", "metrics.cpu_utilization")],
        &["median"],
    ),
    tool("edges_before_after", &[SERVICE, CALLED], &[]),
    tool(
        "service_spans_before_after",
        &[SERVICE],
        &["traces", "median_us"],
    ),
    tool(
        "spans_before_after",
        &[SERVICE, ("span", "GET /orders")],
        &["traces", "median_us"],
    ),
    tool(
        "calls_outside_before_after",
        &[SERVICE, CALLED],
        &["median_us"],
    ),
    tool(
        "lines_before_after",
        &[SERVICE, ("start", "DatabaseConnectionTimeout")],
        &[],
    ),
];

/// Error rate and P99 of every service.
pub const HEALTH: Tool = tool("service_health", &[], &["p99_ms"]);

/// Milliseconds since 1970, the end excluded.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// The `turn`-th window of a length for a tool: each lies elsewhere in the day.
pub fn window(tool: usize, length_ms: i64, turn: usize) -> Window {
    let room = DAY_MS - length_ms;
    let offset = tool as i64 * APART_TOOLS_MS + turn as i64 * APART_MS + HOUR_MS;
    let from_ms = FROM_MS + offset.rem_euclid(room + 1);
    Window {
        from_ms,
        to_ms: from_ms + length_ms,
    }
}

/// A tool's text, as it fits the telemetry, and the values that don't depend on the window.
pub struct Question {
    query: String,
    fixed: Vec<(String, Value)>,
}

impl Question {
    /// Asks our API, whose server holds the day.
    pub fn of(connection: &mut Connection, tool: &Tool) -> Result<Self> {
        let listed = connection.get("/api/datapulse/v1/tools")?.json("tools")?;
        let items = listed["items"].as_array().context("no items")?;
        let Some(known) = items.iter().find(|item| item["id"] == tool.id) else {
            bail!("there is no tool {}", tool.id);
        };
        let mut fixed: Vec<(String, Value)> = tool
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let asked = window(0, HOUR_MS, 0);
        let mut parameters: Map<String, Value> = fixed.iter().cloned().collect();
        for parameter in known["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            if name == "onset" {
                parameters.insert(name, json!(rfc3339(asked.middle_ms())));
            } else if !parameter["default"].is_null() {
                fixed.push((name, parameter["default"].clone()));
            }
        }
        let answer = connection.post(
            &format!("/api/datapulse/v1/tools/{}/run", tool.id),
            &json!({
                "from": rfc3339(asked.from_ms), "to": rfc3339(asked.to_ms), "parameters": parameters,
            }),
        )?;
        let query = answer["query"].as_str().context("no query")?;
        Ok(Self {
            query: format!("{query}\n| LIMIT {ROWS}"),
            fixed,
        })
    }

    /// The body for `/_query`.
    pub fn body(&self, window: Window) -> Value {
        let moment = |name: &str, ms: i64| (name.to_owned(), json!(rfc3339(ms)));
        let mut values = vec![
            moment("from", window.from_ms),
            moment("to", window.to_ms),
            moment("onset", window.middle_ms()),
        ];
        values.extend(self.fixed.iter().cloned());
        let params = values.into_iter().filter_map(|(name, value)| {
            if self.query.contains(&format!("??{name}")) {
                return Some(json!({ name: { "identifier": value } }));
            }
            let used = self.query.contains(&format!("?{name}"));
            used.then(|| json!({ name: value }))
        });
        json!({ "query": self.query, "params": params.collect::<Vec<_>>() })
    }
}

impl Window {
    fn middle_ms(self) -> i64 {
        (self.from_ms + self.to_ms) / 2
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DAY_MS, FROM_MS, HOUR_MS, Question, window};

    #[test]
    fn windows_lie_in_the_day() {
        for tool in 0..20 {
            for turn in 0..20 {
                for length in [HOUR_MS / 4, 6 * HOUR_MS, DAY_MS] {
                    let window = window(tool, length, turn);
                    assert!(window.from_ms >= FROM_MS && window.to_ms <= FROM_MS + DAY_MS);
                    assert_eq!(window.to_ms - window.from_ms, length);
                }
            }
        }
    }

    #[test]
    fn values_and_fields_are_parameters() {
        let question = Question {
            query: "FROM a | WHERE t >= ?from AND t < ?to | STATS MAX(??metric)".to_owned(),
            fixed: vec![
                ("metric".to_owned(), json!("cpu")),
                ("unused".to_owned(), json!(1)),
            ],
        };
        let body = question.body(window(0, HOUR_MS, 0));
        assert_eq!(
            body["params"],
            json!([
                { "from": "2026-11-24T01:00:00.000Z" },
                { "to": "2026-11-24T02:00:00.000Z" },
                { "metric": { "identifier": "cpu" } },
            ])
        );
    }
}
