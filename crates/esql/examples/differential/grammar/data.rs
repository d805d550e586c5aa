//! Small random indices: every type, multivalues, nulls, missing fields, fields that two indices
//! map differently, and an index to look up in.

use serde_json::{Map, Value, json};

use super::choices::Choices;

/// Documents of an index, at most.
const MOST_DOCUMENTS: usize = 40;

pub struct Made {
    pub name: &'static str,
    pub body: Value,
    pub documents: Vec<Value>,
}

/// Names of the fields, their types, and of a hundred documents how many have one value, and how
/// many have several.
const FIELDS: [(&str, &str, usize, usize); 20] = [
    ("@timestamp", "date", 100, 0),
    ("seen", "date_nanos", 85, 0),
    ("service.name", "keyword", 95, 0),
    ("message", "text", 85, 5),
    ("tags", "keyword", 50, 35),
    ("status", "integer", 85, 0),
    ("bytes", "long", 80, 0),
    ("sizes", "long", 40, 40),
    ("ratio", "double", 85, 0),
    ("samples", "double", 40, 40),
    ("load", "float", 80, 0),
    ("ok", "boolean", 85, 0),
    ("flags", "boolean", 40, 30),
    ("client.ip", "ip", 80, 10),
    ("version", "version", 80, 8),
    ("seen_at", "date", 50, 30),
    ("retries", "integer", 40, 35),
    ("empty", "keyword", 0, 0),
    ("title", "text", 80, 0),
    ("count.short", "short", 80, 0),
];
const MESSAGES: [&str; 10] = [
    "connection refused by 10.0.0.1",
    "timeout after 30 s",
    "user-bob logged in",
    "error in module-a",
    "GET /api/v1 200",
    "Überlast: queue full",
    "error error timeout",
    "",
    "a b c",
    "retry 2 of 5 for order 17",
];
const NAMES: [&str; 7] = [
    "cart", "payment", "checkout", "search", "a", "Cart", "x-y-z",
];
const NUMBERS: [i64; 12] = [0, 1, 2, 3, -1, 7, 10, 100, -20, 200, 404, 500];
const REALS: [f64; 10] = [0.0, 0.5, 1.5, -2.5, 3.25, 10.0, 0.1, 99.9, -0.75, 1000.125];
const VERSIONS: [&str; 8] = [
    "1.2.3",
    "1.10.0",
    "1.2.3-alpha",
    "2.0.0",
    "0.0.1",
    "1.2",
    "odd",
    "2.0.0-rc.1+b",
];
const IPS: [&str; 7] = [
    "10.0.0.1",
    "10.0.0.2",
    "127.0.0.1",
    "::1",
    "192.168.1.250",
    "fe80::1ff:fe23:4567:890a",
    "1.2.3.4",
];
/// 2024-02-28T23:59:00Z: a leap day is near.
const START_MS: i64 = 1_709_164_740_000;

/// The indices of a seed.
pub fn random(seed: u64) -> Vec<Made> {
    let choices = &mut Choices::seeded(seed ^ 0xDA7A);
    let mut indices: Vec<Made> = ["fuzz-a", "fuzz-b"]
        .into_iter()
        .map(|name| standard(name, choices))
        .collect();
    indices.push(lookup(choices));
    indices
}

fn standard(name: &'static str, choices: &mut Choices) -> Made {
    let first = name == "fuzz-a";
    let mut properties = json!({"id": {"type": "integer"}});
    for (field, word, _, _) in FIELDS {
        properties[field] = json!({"type": word});
    }
    properties["title"] = json!({"type": "text", "fields": {"keyword": {"type": "keyword"}}});
    let (code, width, only) = if first {
        ("long", "integer", "only_a")
    } else {
        ("keyword", "long", "only_b")
    };
    properties["code"] = json!({"type": code});
    properties["width"] = json!({"type": width});
    properties[only] = json!({"type": "keyword"});
    let count = 5 + choices.below(MOST_DOCUMENTS - 5);
    let start = if first { 0 } else { 1_000 };
    let documents = (0..count)
        .map(|at| {
            let mut document = Map::new();
            document.insert("id".to_owned(), json!(start + at));
            for (field, word, one, several) in FIELDS {
                if let Some(value) = filled(word, one, several, choices) {
                    document.insert(field.to_owned(), value);
                }
            }
            let word = if code == "long" { "short" } else { "keyword" };
            document.insert("code".to_owned(), value(word, choices));
            document.insert("width".to_owned(), value("short", choices));
            document.insert(only.to_owned(), value("keyword", choices));
            Value::Object(document)
        })
        .collect();
    Made {
        name,
        body: json!({"mappings": {"properties": properties}}),
        documents,
    }
}

fn lookup(choices: &mut Choices) -> Made {
    let fields = [
        ("service.name", "keyword"),
        ("status", "integer"),
        ("team", "keyword"),
        ("score", "double"),
        ("client.ip", "ip"),
    ];
    let mut properties = json!({});
    for (field, word) in fields {
        properties[field] = json!({"type": word});
    }
    let documents = (0..8)
        .map(|at| {
            let mut document = Map::new();
            for (field, word) in fields {
                if let Some(value) = filled(word, 85, 0, choices) {
                    document.insert(field.to_owned(), value);
                }
            }
            document.insert("team".to_owned(), json!(format!("team {at}")));
            Value::Object(document)
        })
        .collect();
    Made {
        name: "look-up",
        body: json!({
            "settings": {"index.mode": "lookup"}, "mappings": {"properties": properties}
        }),
        documents,
    }
}

fn filled(word: &str, one: usize, several: usize, choices: &mut Choices) -> Option<Value> {
    match choices.below(100) {
        at if at < one => Some(value(word, choices)),
        at if at < one + several => {
            let count = 1 + choices.below(4);
            Some((0..count).map(|_| value(word, choices)).collect())
        }
        at if at % 2 == 0 => Some(Value::Null),
        _ => None,
    }
}

fn value(word: &str, choices: &mut Choices) -> Value {
    match word {
        "keyword" => json!(choices.pick(&NAMES)),
        "text" => json!(choices.pick(&MESSAGES)),
        "short" => json!(choices.pick(&NUMBERS)),
        "integer" if choices.percent(5) => json!(choices.pick(&[i32::MAX, i32::MIN])),
        "long" if choices.percent(8) => {
            json!(choices.pick(&[i64::MAX, i64::MIN, 3_000_000_000, 1_709_164_740_000]))
        }
        "integer" | "long" => json!(choices.pick(&NUMBERS)),
        "double" | "float" => json!(choices.pick(&REALS)),
        "boolean" => json!(choices.percent(50)),
        "ip" => json!(choices.pick(&IPS)),
        "version" => json!(choices.pick(&VERSIONS)),
        "date_nanos" => {
            let ms = moment(choices);
            json!(format!(
                "{}.{:09}Z",
                seconds(ms),
                choices.below(1_000_000_000)
            ))
        }
        _ => {
            let ms = moment(choices);
            json!(format!("{}.{:03}Z", seconds(ms), ms.rem_euclid(1_000)))
        }
    }
}

/// Within the hour mostly, else within years.
fn moment(choices: &mut Choices) -> i64 {
    let spread = *choices.pick(&[3_600_000, 3_600_000, 86_400_000 * 3, 86_400_000 * 900]);
    START_MS + i64::try_from(choices.below(spread)).unwrap_or(0)
}

fn seconds(ms: i64) -> String {
    let moment = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
    moment.format("%Y-%m-%dT%H:%M:%S").to_string()
}
