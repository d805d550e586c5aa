//! A case told in another way that must not change its answer: documents in another order, services
//! by other names, all of it on another day, a part of the telemetry lost, the alert later.

use std::collections::BTreeSet;

use model::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use simulator::random::Random;
use store::Document;

use super::cases::Case;

/// How far a shifted case lies ahead: whole weeks, so that days of the week stay.
const SHIFT_MS: i64 = 364 * 24 * 60 * 60 * 1000;
/// The share of metrics, logs and spans that a thinned case lacks.
const LOST: f64 = 0.1;
/// Fields that hold the name of a service.
const NAMES: [&str; 3] = [
    "service.name",
    "destination.service.name",
    "service.target.name",
];
/// What may be lost: changes and lookups never are.
const TELEMETRY: [&str; 3] = ["metrics", "logs", "traces"];
/// Letters of a made-up name.
const LETTERS: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    AsRecorded,
    Shuffled,
    Renamed,
    Shifted,
    Thinned,
    Later1,
    Later2,
    Later3,
}

impl Variant {
    /// All that a case is held against.
    pub const OTHERS: [Self; 7] = [
        Self::Shuffled,
        Self::Renamed,
        Self::Shifted,
        Self::Thinned,
        Self::Later1,
        Self::Later2,
        Self::Later3,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::AsRecorded => "as recorded",
            Self::Shuffled => "shuffled",
            Self::Renamed => "services renamed",
            Self::Shifted => "364 days later",
            Self::Thinned => "a tenth lost",
            Self::Later1 => "alert 1 min later",
            Self::Later2 => "alert 2 min later",
            Self::Later3 => "alert 3 min later",
        }
    }

    /// Of ten cases, in how many the first answer has to stay.
    pub fn needed_of_ten(self) -> usize {
        match self {
            Self::AsRecorded | Self::Shuffled | Self::Renamed | Self::Shifted => 10,
            Self::Thinned | Self::Later1 | Self::Later2 | Self::Later3 => 9,
        }
    }

    fn minutes_later(self) -> i64 {
        match self {
            Self::Later1 => 1,
            Self::Later2 => 2,
            Self::Later3 => 3,
            _ => 0,
        }
    }

    /// What is known of the case before its documents.
    pub fn case(self, case: &Case, words: &Words) -> Case {
        let mut case = case.clone();
        if self == Self::Shifted {
            for moment in [&mut case.from, &mut case.to, &mut case.alert.at] {
                *moment = moment.plus_ms(SHIFT_MS);
            }
        }
        case.alert.at = case.alert.at.plus_ms(self.minutes_later() * 60_000);
        if self == Self::Renamed {
            case.alert.service = case.alert.service.map(|name| words.told(&name));
            case.alert.summary = words.told(&case.alert.summary);
        }
        case
    }

    /// The moment of the case as recorded that is `moment` in this telling.
    pub fn recorded(self, moment: Timestamp) -> Timestamp {
        match self {
            Self::Shifted => moment.plus_ms(-SHIFT_MS),
            _ => moment,
        }
    }

    /// The documents as they are told.
    pub fn documents(
        self,
        mut documents: Vec<Document>,
        words: &Words,
        seed: u64,
    ) -> Vec<Document> {
        match self {
            Self::Shuffled => {
                let mut random = Random::of(seed, &[1]);
                for last in (1..documents.len()).rev() {
                    documents.swap(last, random.below(last as u64 + 1) as usize);
                }
            }
            Self::Renamed => {
                for document in &mut documents {
                    document.source = words.object(std::mem::take(&mut document.source));
                }
            }
            Self::Shifted => documents.iter_mut().for_each(|document| {
                document.source.values_mut().for_each(shift);
            }),
            Self::Thinned => {
                let mut random = Random::of(seed, &[2]);
                documents.retain(|document| {
                    let may = TELEMETRY
                        .iter()
                        .any(|kind| document.index.starts_with(kind));
                    !(may && random.chance(LOST))
                });
            }
            _ => {}
        }
        documents
    }
}

fn shift(value: &mut Value) {
    if let Some(moment) = value.as_str().and_then(Timestamp::parse) {
        *value = moment.plus_ms(SHIFT_MS).to_string().into();
    }
}

/// Other names for the services of a case.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// (as recorded, as told), the longest first.
    names: Vec<(String, String)>,
}

impl Words {
    /// Names that these documents' services could have as well.
    pub fn of(documents: &[Document], seed: u64) -> Self {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for document in documents {
            known.extend(
                NAMES
                    .iter()
                    .filter_map(|key| document.source.get(*key)?.as_str()),
            );
        }
        let mut names: Vec<(String, String)> = Vec::new();
        for (number, name) in known.into_iter().enumerate() {
            let mut random = Random::of(seed, &[3, number as u64]);
            let letter = |random: &mut Random| char::from(b'a' + random.below(26) as u8);
            let told: String = (0..LETTERS).map(|_| letter(&mut random)).collect();
            names.push((name.to_owned(), told));
        }
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { names }
    }

    /// The name as it was recorded.
    pub fn recorded(&self, told: &str) -> String {
        let known = self.names.iter().find(|(_, other)| other == told);
        known.map_or_else(|| told.to_owned(), |(name, _)| name.clone())
    }

    /// A text with every whole word that is a service's name exchanged.
    fn told(&self, text: &str) -> String {
        let mut told = text.to_owned();
        for (name, other) in &self.names {
            if told.contains(name.as_str()) {
                told = exchanged(&told, name, other);
            }
        }
        told
    }

    fn object(&self, object: Map<String, Value>) -> Map<String, Value> {
        object
            .into_iter()
            .map(|(key, value)| (self.told(&key), self.value(value)))
            .collect()
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.told(&text).into(),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(object) => self.object(object).into(),
            other => other,
        }
    }
}

/// `name` by `other` wherever it stands between signs that no name has.
fn exchanged(text: &str, name: &str, other: &str) -> String {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let after = &rest[at + name.len()..];
        let before = rest[..at].chars().next_back().or(told.chars().next_back());
        let whole = !before.is_some_and(part) && !after.chars().next().is_some_and(part);
        told.push_str(&rest[..at]);
        told.push_str(if whole { other } else { name });
        rest = after;
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::Operation;

    use super::*;

    fn document(source: Value) -> Document {
        Document {
            index: "logs-application".to_owned(),
            operation: Operation::Create,
            id: None,
            source: source.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn whole_names_are_exchanged_and_found_again() {
        let told = document(
            json!({ "service.name": "cart", "message": "cart: no cart-db for carts, /cart/1" }),
        );
        let words = Words::of(std::slice::from_ref(&told), 7);
        let told = Variant::Renamed.documents(vec![told], &words, 7);
        let name = told[0].source["service.name"]
            .as_str()
            .expect("a name")
            .to_owned();
        assert_eq!(words.recorded(&name), "cart");
        let message = format!("{name}: no cart-db for carts, /{name}/1");
        assert_eq!(told[0].source["message"], message);
    }

    #[test]
    fn a_tenth_is_lost_and_time_moves() {
        let log = |_| document(json!({ "@timestamp": "2026-01-02T03:04:05Z", "message": "m" }));
        let logs: Vec<Document> = (0..1000).map(log).collect();
        let thinned = Variant::Thinned.documents(logs.clone(), &Words::default(), 7);
        assert!((860..940).contains(&thinned.len()), "{}", thinned.len());
        let shifted = Variant::Shifted.documents(logs, &Words::default(), 7);
        assert_eq!(shifted[0].source["@timestamp"], "2027-01-01T03:04:05.000Z");
        assert_eq!(shifted[0].source["message"], "m");
    }
}
