//! A document's leaves, each coerced to its field's type as Elasticsearch does it.

use esql::DataType;
use serde_json::{Map, Value};

use super::columns::Scalar;
use super::mapping::{Family, KEYWORD_CHARS, Mapping};
use crate::indices::{Refusal, TIMESTAMP, TIMESTAMP_US};
use crate::moment::{self, Moment};

/// Objects within objects (`index.mapping.depth.limit`).
const MAX_DEPTH: usize = 20;

/// Characters of a value that a refusal repeats.
const PREVIEW_CHARS: usize = 60;

pub const PARSING: &str = "document_parsing_exception";
const ILLEGAL: &str = "illegal_argument_exception";

/// Names that are about a document and can't be in it.
const METADATA: [&str; 8] = [
    "_id",
    "_index",
    "_source",
    "_version",
    "_routing",
    "_ignored",
    "_field_names",
    "_seq_no",
];

fn metadata(name: &str) -> Refusal {
    Refusal {
        kind: PARSING,
        reason: format!(
            "failed to parse: Field [{name}] is a metadata field and cannot be added inside a document. Use the index API request parameters."
        ),
    }
}

/// The values of one document: the field's place in the mapping, and a value; a field with
/// several values occurs several times.
pub type Leaves = Vec<(usize, Scalar)>;

/// Reads one document against the mapping, which may grow. On a refusal the mapping is as it was.
pub fn read(
    mapping: &mut Mapping,
    id: &str,
    source: Map<String, Value>,
    leaves: &mut Leaves,
) -> Result<(), Refusal> {
    leaves.clear();
    let before = mapping.len();
    let mut reader = Reader {
        mapping,
        id,
        leaves,
        moment: None,
        timestamps: 0,
    };
    let outcome = reader
        .object("", source, 1)
        .and_then(|()| reader.timestamp());
    if outcome.is_err() {
        mapping.truncate(before);
        return outcome;
    }
    sort(mapping, leaves);
    Ok(())
}

struct Reader<'a> {
    mapping: &'a mut Mapping,
    id: &'a str,
    leaves: &'a mut Leaves,
    moment: Option<Moment>,
    timestamps: usize,
}

impl Reader<'_> {
    fn object(
        &mut self,
        prefix: &str,
        object: Map<String, Value>,
        depth: usize,
    ) -> Result<(), Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal {
                kind: ILLEGAL,
                reason: format!(
                    "Limit of mapping depth [{MAX_DEPTH}] has been exceeded due to object field [{prefix}]"
                ),
            });
        }
        for (key, value) in object {
            if key.trim().is_empty() {
                return Err(Refusal {
                    kind: PARSING,
                    reason: "failed to parse: field name cannot be an empty string".to_owned(),
                });
            }
            if prefix.is_empty() {
                if METADATA.contains(&key.as_str()) {
                    return Err(metadata(&key));
                }
                self.value(&key, value, depth)?;
            } else {
                self.value(&format!("{prefix}.{key}"), value, depth)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, name: &str, value: Value, depth: usize) -> Result<(), Refusal> {
        match value {
            Value::Null => Ok(()),
            Value::Object(object) => self.object(name, object, depth + 1),
            Value::Array(items) => items
                .into_iter()
                .try_for_each(|item| self.value(name, item, depth)),
            leaf => self.leaf(name, leaf),
        }
    }

    fn leaf(&mut self, name: &str, value: Value) -> Result<(), Refusal> {
        let place = match self.mapping.place(name) {
            Some(place) => place,
            None => match self.mapping.choose(name, &value) {
                Some(mapping) => self.mapping.add(name, mapping).map_err(|reason| Refusal {
                    kind: ILLEGAL,
                    reason,
                })?,
                None => return Ok(()),
            },
        };
        let data_type = self.mapping.field(place).data_type;
        if data_type == DataType::Date {
            let moment = date(&value).ok_or_else(|| self.unfit(place, &value))?;
            let ms = moment.ms().ok_or_else(|| self.unfit(place, &value))?;
            if name == TIMESTAMP {
                self.moment = Some(moment);
                self.timestamps += 1;
            }
            self.leaves.push((place, Scalar::Int(ms)));
            return Ok(());
        }
        let value = match coerce(data_type, value) {
            Ok(scalar) => scalar,
            Err(value) => return Err(self.unfit(place, &value)),
        };
        if data_type == DataType::Text
            && let Scalar::Text(text) = &value
            && text.chars().nth(KEYWORD_CHARS).is_none()
            && let Some(sub) = self.keyword_of(name)
        {
            self.leaves.push((sub, value.clone()));
        }
        self.leaves.push((place, value));
        Ok(())
    }

    fn keyword_of(&self, name: &str) -> Option<usize> {
        if self.mapping.family != Family::Other {
            return None;
        }
        let place = self.mapping.place(&format!("{name}.keyword"))?;
        self.mapping.field(place).parent.is_some().then_some(place)
    }

    fn unfit(&self, place: usize, value: &Value) -> Refusal {
        let field = self.mapping.field(place);
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let preview: String = text.chars().take(PREVIEW_CHARS).collect();
        Refusal {
            kind: PARSING,
            reason: format!(
                "failed to parse field [{}] of type [{}] in document with id '{}'. Preview of field's value: '{preview}'",
                field.name, field.mapping, self.id
            ),
        }
    }

    /// A data stream wants exactly one; logs and spans keep what is finer than a millisecond.
    fn timestamp(&mut self) -> Result<(), Refusal> {
        let wrong = |what: &str| Refusal {
            kind: PARSING,
            reason: format!("failed to parse: data stream timestamp field [@timestamp] {what}"),
        };
        if self.mapping.family.is_data_stream() {
            match self.timestamps {
                0 => return Err(wrong("is missing")),
                1 => {}
                _ => return Err(wrong("encountered multiple values")),
            }
        }
        let Some(us) = self
            .moment
            .filter(|moment| moment.fine)
            .and_then(Moment::us)
        else {
            return Ok(());
        };
        if !matches!(self.mapping.family, Family::Logs | Family::Traces) {
            return Ok(());
        }
        let place = match self.mapping.place(TIMESTAMP_US) {
            Some(place) => place,
            None => self
                .mapping
                .add(TIMESTAMP_US, "long")
                .map_err(|reason| Refusal {
                    kind: ILLEGAL,
                    reason,
                })?,
        };
        let given = self.leaves.iter().any(|(other, _)| *other == place);
        if !given && self.mapping.field(place).data_type == DataType::Long {
            self.leaves.push((place, Scalar::Int(us)));
        }
        Ok(())
    }
}

fn date(value: &Value) -> Option<Moment> {
    match value {
        Value::String(text) => moment::parse(text),
        Value::Number(number) => match number.as_i64() {
            Some(ms) => moment::from_ms(ms),
            None => number.as_f64().and_then(|ms| moment::from_ms(ms as i64)),
        },
        _ => None,
    }
}

/// The value in its field's type; `Err` gives back one that doesn't fit.
fn coerce(data_type: DataType, value: Value) -> Result<Scalar, Value> {
    let scalar = match (data_type, &value) {
        (DataType::Keyword | DataType::Text, Value::String(_)) => {
            // The common case keeps the document's own string.
            let Value::String(text) = value else {
                return Err(value);
            };
            return Ok(Scalar::Text(text));
        }
        (DataType::Keyword | DataType::Text, other) => Some(Scalar::Text(other.to_string())),
        (DataType::Boolean, Value::Bool(value)) => Some(Scalar::Bool(*value)),
        (DataType::Boolean, Value::String(text)) => match text.as_str() {
            "true" => Some(Scalar::Bool(true)),
            "false" | "" => Some(Scalar::Bool(false)),
            _ => None,
        },
        (DataType::Double, Value::Number(number)) => number.as_f64().map(Scalar::Double),
        (DataType::Double, Value::String(text)) => text
            .trim()
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .map(Scalar::Double),
        (DataType::Long, Value::Number(number)) => number
            .as_i64()
            .or_else(|| whole(number.as_f64()?))
            .map(Scalar::Int),
        (DataType::Long, Value::String(text)) => {
            let text = text.trim();
            text.parse()
                .ok()
                .or_else(|| whole(text.parse().ok()?))
                .map(Scalar::Int)
        }
        _ => None,
    };
    scalar.ok_or(value)
}

/// Elasticsearch cuts a fraction off where a whole number is wanted (`coerce`).
fn whole(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_807.0;
    (value.is_finite() && value.abs() < LIMIT).then_some(value as i64)
}

/// Several values of a field lie as doc values do: sorted, and keywords once each. Texts keep
/// the document's order.
fn sort(mapping: &Mapping, leaves: &mut Leaves) {
    let several = {
        let mut places: Vec<usize> = leaves.iter().map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.windows(2).any(|pair| pair[0] == pair[1])
    };
    if !several {
        return;
    }
    leaves.sort_by(|(a, x), (b, y)| {
        a.cmp(b).then_with(|| match mapping.field(*a).data_type {
            DataType::Text => std::cmp::Ordering::Equal,
            _ => x.order(y),
        })
    });
    leaves.dedup_by(|(b, y), (a, x)| {
        a == b && mapping.field(*a).data_type == DataType::Keyword && x == y
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::mapping::MAX_FIELDS;
    use super::*;

    /// The leaves of a document as `name=value`, or the refusal's reason.
    fn check(mapping: &mut Mapping, source: Value, expected: &str) {
        let Value::Object(source) = source else {
            panic!("a document is an object");
        };
        let mut leaves = Leaves::new();
        let said = match read(mapping, "7", source, &mut leaves) {
            Err(refusal) => refusal.reason,
            Ok(()) => leaves
                .iter()
                .map(|(place, value)| format!("{}={value:?}", mapping.field(*place).name))
                .collect::<Vec<_>>()
                .join(" "),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn values_take_their_fields_type() {
        let mut notes = Mapping::new("notes", Vec::new());
        check(
            &mut notes,
            json!({"a": 1, "b": 1.5, "c": true}),
            "a=Int(1) b=Double(1.5) c=Bool(true)",
        );
        check(
            &mut notes,
            json!({"a": "12", "b": 2, "c": "false"}),
            "a=Int(12) b=Double(2.0) c=Bool(false)",
        );
        check(&mut notes, json!({"a": 3.9}), "a=Int(3)");
        check(
            &mut notes,
            json!({"a": {"b": 1}, "c": 3}),
            "failed to parse field [c] of type [boolean] in document with id '7'. Preview of field's value: '3'",
        );
        assert_eq!(
            notes.place("a.b"),
            None,
            "a refused document leaves no field"
        );
        check(
            &mut notes,
            json!({"when": "2026-11-24"}),
            "when=Int(1795478400000)",
        );
        check(
            &mut notes,
            json!({"word": "x"}),
            "word.keyword=Text(\"x\") word=Text(\"x\")",
        );
        check(
            &mut notes,
            json!({"a": [3, 1, 3]}),
            "a=Int(1) a=Int(3) a=Int(3)",
        );
    }

    #[test]
    fn a_fine_timestamp_of_a_log_keeps_its_microseconds() {
        let mut logs = Mapping::new("logs-application", Vec::new());
        check(
            &mut logs,
            json!({"@timestamp": "1970-01-01T00:00:01.000002Z"}),
            "@timestamp=Int(1000) timestamp.us=Int(1000002)",
        );
        check(
            &mut logs,
            json!({"@timestamp": "1970-01-01T00:00:01.002Z"}),
            "@timestamp=Int(1002)",
        );
        let mut metrics = Mapping::new("metrics-system", Vec::new());
        check(
            &mut metrics,
            json!({"@timestamp": "1970-01-01T00:00:01.000002Z"}),
            "@timestamp=Int(1000)",
        );
    }

    #[test]
    fn fields_and_depth_have_limits() {
        let mut logs = Mapping::new("deployments-shop", Vec::new());
        let wide: Map<String, Value> = (0..=MAX_FIELDS)
            .map(|n| (format!("f{n}"), json!(n)))
            .collect();
        check(
            &mut logs,
            Value::Object(wide),
            "Limit of total fields [1000] has been exceeded while adding new fields [1]",
        );
        assert_eq!(logs.len(), 0);
        let deep = (0..MAX_DEPTH).fold(json!(1), |inner, _| json!({"a": inner}));
        check(
            &mut logs,
            json!({"b": deep.clone()}),
            &format!(
                "Limit of mapping depth [20] has been exceeded due to object field [b{}]",
                ".a".repeat(MAX_DEPTH - 1)
            ),
        );
    }
}
