//! Fields that a cluster may lack: the query still reads them, as their alias or as null.

use super::{OptionalField, Tool};

/// The query with lines for what is missing put after `FROM`, and notes that say so.
pub(super) fn with_optional(
    tool: &Tool,
    query: &str,
    has: &dyn Fn(&str) -> bool,
) -> (String, Vec<String>) {
    let (mut lines, mut notes) = (String::new(), Vec::new());
    for field in &tool.optional {
        let OptionalField { name, cast, alias } = field;
        let alias = alias.as_ref().filter(|alias| has(alias));
        match (has(name), alias) {
            (true, None) => {}
            (true, Some(alias)) => {
                lines.push_str(&format!("\n| EVAL {name} = COALESCE({name}, {alias})"));
            }
            (false, Some(alias)) => lines.push_str(&format!("\n| EVAL {name} = {alias}")),
            (false, None) => {
                lines.push_str(&format!("\n| EVAL {name} = {cast}(null)"));
                notes.push(format!("the telemetry has no {name}: it is read as null"));
            }
        }
    }
    match query.split_once('\n') {
        Some((from, rest)) => (format!("{from}{lines}\n{rest}"), notes),
        None => (format!("{query}{lines}"), notes),
    }
}
