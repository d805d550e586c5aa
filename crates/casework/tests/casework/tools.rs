//! Every tool over small data made by hand, with answers worked out by hand (`data/cases.json`).

use std::collections::BTreeSet;
use std::path::Path;

use casework::{Asked, Error, Toolbox};
use indexmap::IndexMap;
use model::Window;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Document, Operation, Telemetry};

use crate::world::{World, at};

/// Scores are single floats, percentiles are interpolated: this share of a number may differ.
const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    tool: String,
    /// How the expected values were worked out.
    why: String,
    /// Files of `tests/data`.
    data: Vec<String>,
    #[serde(default = "ten")]
    from: String,
    #[serde(default = "five_past_ten")]
    to: String,
    #[serde(default)]
    values: IndexMap<String, Value>,
    /// Those that are compared.
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    /// Only so many rows are compared.
    first: Option<usize>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
    p99_is: Option<String>,
}

fn ten() -> String {
    "2026-11-24T10:00:00Z".to_owned()
}

fn five_past_ten() -> String {
    "2026-11-24T10:05:00Z".to_owned()
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases.json");
    let text = std::fs::read_to_string(path).expect("readable");
    serde_json::from_str(&text).expect("cases")
}

fn window(case: &Case) -> Window {
    Window::new(at(&case.from), at(&case.to))
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => match (found.as_f64(), expected.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * b.abs(),
            _ => found == expected,
        },
    }
}

/// What the answer says otherwise than the case.
fn differences(case: &Case, asked: &Asked) -> Vec<String> {
    let mut found: Vec<Value> = asked
        .rows
        .iter()
        .map(|row| {
            case.columns
                .iter()
                .map(|name| asked.value(row, name).clone())
                .collect()
        })
        .collect();
    found.truncate(case.first.unwrap_or(usize::MAX));
    let expected: Vec<Value> = case.rows.iter().cloned().map(Value::from).collect();
    let mut wrong = Vec::new();
    if let Some(missing) = case
        .columns
        .iter()
        .find(|name| asked.column(name).is_none())
    {
        wrong.push(format!("no column {missing}: {:?}", asked.columns));
    }
    if !same(&found.clone().into(), &expected.clone().into()) {
        wrong.push(format!(
            "rows {}, expected {}",
            json!(found),
            json!(expected)
        ));
    }
    if asked.warnings != case.warnings {
        wrong.push(format!("warnings {:?}", asked.warnings));
    }
    if asked.notes != case.notes {
        wrong.push(format!("notes {:?}", asked.notes));
    }
    if asked.p99_is != case.p99_is {
        wrong.push(format!("p99_is {:?}", asked.p99_is));
    }
    wrong
}

#[tokio::test]
async fn every_tool_gives_what_was_worked_out_by_hand() {
    let mut wrong = Vec::new();
    let mut covered = BTreeSet::new();
    for case in cases() {
        let world = World::new().await;
        for name in &case.data {
            world.load(name).await;
        }
        let casework = world.casework(at(&case.to));
        let said = match casework
            .ask(&case.tool, window(&case), case.values.clone())
            .await
        {
            Ok(asked) => differences(&case, &asked),
            Err(error) => vec![error.to_string()],
        };
        let text = |what| {
            format!(
                "{} over {:?}: {what}\n  ({})",
                case.tool, case.data, case.why
            )
        };
        wrong.extend(said.into_iter().map(text));
        covered.insert(case.tool);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let toolbox = Toolbox::embedded().expect("all tools can be read");
    let uncovered: Vec<&str> = toolbox
        .all()
        .map(|tool| tool.id.as_str())
        .filter(|id| !covered.contains(*id))
        .collect();
    assert!(
        uncovered.is_empty(),
        "tools without a case in data/cases.json: {uncovered:?}"
    );
}

#[test]
fn every_tool_says_what_it_does_and_what_it_takes() {
    let toolbox = Toolbox::embedded().expect("all tools can be read");
    for tool in toolbox.all() {
        assert!(tool.description.len() > 30, "{}: a description", tool.id);
        for parameter in &tool.parameters {
            let at = format!("{}: {}", tool.id, parameter.name);
            assert!(!parameter.description.is_empty(), "{at}: a description");
            let window = matches!(parameter.name.as_str(), "from" | "to");
            let named = tool.query.contains(&format!("?{}", parameter.name));
            let source = tool
                .parameters
                .iter()
                .any(|other| other.embeds.as_deref() == Some(parameter.name.as_str()));
            assert!(window || named || source, "{at}: the query doesn't use it");
        }
        let told: BTreeSet<&str> = tool
            .parameters
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        for word in tool
            .query
            .split(|c: char| !(c.is_alphanumeric() || "?_".contains(c)))
        {
            let name = word.trim_start_matches('?');
            let known = word.len() == name.len() || told.contains(name);
            assert!(known, "{}: {word} is no parameter", tool.id);
        }
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_what_is_expected() {
    let world = World::new().await;
    world.load("plain").await;
    let casework = world.casework(at(&ten()));
    let refused = async |values: Value| {
        let window = Window::new(at(&ten()), at(&five_past_ten()));
        let values = serde_json::from_value(values).expect("an object");
        match casework.ask("service_check", window, values).await {
            Err(Error::Parameter(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused(json!({})).await,
        "service_check: parameter service is missing: The service's name"
    );
    assert_eq!(
        refused(json!({"service": 7})).await,
        "service_check: parameter service must be of type keyword, got 7"
    );
    assert_eq!(
        refused(json!({"service": "a", "limit": 7})).await,
        "service_check: there is no parameter limit; it has from, to, service"
    );
    let hostile = json!({"service": "a\" OR true OR service.name == \"b"});
    let window = Window::new(at(&ten()), at(&five_past_ten()));
    let values = serde_json::from_value(hostile).expect("an object");
    let asked = casework
        .ask("service_check", window, values)
        .await
        .expect("answers");
    assert!(
        asked.rows.is_empty(),
        "a value is a value, never a part of the query"
    );
}

#[tokio::test]
async fn evidence_holds_until_the_data_says_otherwise() {
    let world = World::new().await;
    world.load("plain").await;
    let casework = world.casework(at(&five_past_ten()));
    let window = Window::new(at(&ten()), at(&five_past_ten()));
    let values = IndexMap::from([("service".to_owned(), json!("payment"))]);
    let asked = casework
        .ask("service_check", window, values)
        .await
        .expect("answers");
    let evidence = asked.evidence("E1", "30 of 300 failed");
    let again = casework.ask_again(&evidence).await.expect("answers");
    assert!(again.holds, "{}", again.says);
    let late =
        json!({"@timestamp": "2026-11-24T10:04:00Z", "service": "payment", "request_count": 1});
    let document = Document {
        index: "metrics-system".to_owned(),
        operation: Operation::Create,
        id: None,
        source: late.as_object().cloned().expect("an object"),
    };
    world.store.ingest(vec![document]).await.expect("is stored");
    let again = casework.ask_again(&evidence).await.expect("answers");
    assert!(!again.holds);
    assert_eq!(again.says, "differs: as many rows, other values");
}

#[test]
fn a_profile_fits_only_where_services_can_be_told_apart() {
    let toolbox = Toolbox::embedded().expect("the tools can be read");
    let fitting = |fields: &[&str]| {
        let fits =
            |profile: &&casework::tools::Profile| profile.fits(&|name| fields.contains(&name));
        let profiles = toolbox.profiles().iter().filter(fits);
        profiles
            .map(|profile| profile.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fitting(&["@timestamp", "latency"]),
        [""; 0],
        "an empty data stream"
    );
    assert_eq!(fitting(&["@timestamp", "service"]), ["metrics"]);
    assert_eq!(fitting(&["@timestamp", "service.name"]), ["metrics"]);
}
