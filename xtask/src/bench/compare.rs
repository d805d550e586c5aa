//! Whether two sides gave the same answer: the same columns and the same rows. An estimate, such
//! as a percentile, may differ by a share that is said.

use serde_json::Value;

/// By how much an estimate may differ from another, or from what is exact, as a share: both we and
/// Elasticsearch estimate percentiles by a t-digest and distinct counts by HyperLogLog++.
const ESTIMATE: f64 = 0.06;
/// By how much sums may differ that were added up in another order.
const SUM: f64 = 1e-9;

/// An answer of `/_query`, for comparing.
pub struct Answer {
    /// Names with types.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Value>>,
}

impl Answer {
    /// `None` where it has another shape.
    pub fn read(body: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let columns = body["columns"].as_array()?.iter();
        let columns = columns.map(|column| (text(&column["name"]), text(&column["type"])));
        let rows = body["values"].as_array()?.iter();
        Some(Self {
            columns: columns.collect(),
            rows: rows
                .map(|row| row.as_array().cloned())
                .collect::<Option<_>>()?,
        })
    }

    /// Other rows under the same columns; `None` where they have another shape.
    pub fn with_rows(&self, rows: &Value) -> Option<Self> {
        let rows = rows.as_array()?.iter();
        Some(Self {
            columns: self.columns.clone(),
            rows: rows
                .map(|row| row.as_array().cloned())
                .collect::<Option<_>>()?,
        })
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Rows that share the last one's `@timestamp` stand for others that a limit cut off: which of
    /// them are shown is nobody's promise.
    fn without_the_cut(&mut self) {
        let Some(at) = self
            .columns
            .iter()
            .position(|(name, _)| name == "@timestamp")
        else {
            return;
        };
        if let Some(last) = self.rows.last().map(|row| row[at].clone()) {
            self.rows.retain(|row| row[at] != last);
        }
    }
}

/// What differs first; `None`: nothing. Columns whose names are in `estimates` may differ a
/// little; with `cut`, the answers end at a limit.
pub fn difference(
    mut ours: Answer,
    mut theirs: Answer,
    estimates: &[&str],
    cut: bool,
) -> Option<String> {
    if ours.columns != theirs.columns {
        return Some(format!(
            "columns: {:?} and {:?}",
            ours.columns, theirs.columns
        ));
    }
    if ours.rows.len() != theirs.rows.len() {
        return Some(format!(
            "{} and {} rows",
            ours.rows.len(),
            theirs.rows.len()
        ));
    }
    if cut {
        ours.without_the_cut();
        theirs.without_the_cut();
    }
    let estimated: Vec<bool> = ours
        .columns
        .iter()
        .map(|(name, _)| estimates.contains(&name.as_str()))
        .collect();
    let sorted = |rows: &mut Vec<Vec<Value>>| {
        rows.sort_by_cached_key(|row| key(row, &estimated));
    };
    sorted(&mut ours.rows);
    sorted(&mut theirs.rows);
    let rows = ours.rows.iter().zip(&theirs.rows);
    let mut pairs = rows.flat_map(|(a, b)| a.iter().zip(b).enumerate());
    pairs
        .find(|(column, (a, b))| !alike(a, b, if estimated[*column] { ESTIMATE } else { SUM }))
        .map(|(column, (a, b))| format!("{}: {a} and {b}", ours.columns[column].0))
}

/// What a row is sorted by: everything that is exact, numbers to some digits.
fn key(row: &[Value], estimated: &[bool]) -> String {
    let exact = row
        .iter()
        .zip(estimated)
        .filter(|(_, estimated)| !**estimated);
    let words = exact.map(|(value, _)| match value.as_f64() {
        Some(number) => format!("{number:.6e}"),
        None => value.to_string(),
    });
    words.collect::<Vec<_>>().join("\u{1}")
}

fn alike(a: &Value, b: &Value, share: f64) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= share * a.abs().max(b.abs()),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Answer, difference};

    fn answer(rows: &Value) -> Answer {
        let columns = json!([
            { "name": "@timestamp", "type": "date" }, { "name": "p99", "type": "double" },
        ]);
        Answer::read(&json!({ "columns": columns, "values": rows })).expect("an answer")
    }

    #[test]
    fn rows_are_compared_in_any_order_and_estimates_may_stray() {
        let ours = json!([["a", 100.0], ["b", 2.0]]);
        let theirs = json!([["b", 2], ["a", 101.0]]);
        let of = |estimates: &[&str]| difference(answer(&ours), answer(&theirs), estimates, false);
        assert_eq!(of(&["p99"]), None);
        assert!(of(&[]).is_some_and(|told| told.starts_with("p99")));
        let far = json!([["b", 2], ["a", 120.0]]);
        assert!(difference(answer(&ours), answer(&far), &["p99"], false).is_some());
        let fewer = json!([["a", 100.0]]);
        let told = difference(answer(&ours), answer(&fewer), &[], false);
        assert_eq!(told.as_deref(), Some("2 and 1 rows"));
    }

    #[test]
    fn what_a_limit_cut_is_not_compared() {
        let ours = json!([["a", 1], ["b", 2]]);
        let theirs = json!([["a", 1], ["b", 3]]);
        assert_eq!(difference(answer(&ours), answer(&theirs), &[], true), None);
        assert!(difference(answer(&ours), answer(&theirs), &[], false).is_some());
    }
}
