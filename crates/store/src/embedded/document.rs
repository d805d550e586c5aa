//! A document's leaves, each coerced to its field's type as Elasticsearch does it.

use esql::DataType;
use esql::functions::{ip, version};
use serde_json::{Map, Value};

use super::columns::Scalar;
use super::mapping::{Choice, Family, Mapped, Mapping};
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
            Value::Null => self.null(name),
            Value::Object(object) => self.object(name, object, depth + 1),
            Value::Array(items) => items
                .into_iter()
                .try_for_each(|item| self.value(name, item, depth)),
            leaf => self.leaf(name, leaf),
        }
    }

    /// Nothing, unless the mapping says what it stands for.
    fn null(&mut self, name: &str) -> Result<(), Refusal> {
        let place = self.mapping.place(name);
        let stands_for = place.and_then(|place| self.mapping.field(place).null_value().cloned());
        match (place, stands_for) {
            (Some(place), Some(value)) => self.put(place, value),
            _ => Ok(()),
        }
    }

    fn leaf(&mut self, name: &str, value: Value) -> Result<(), Refusal> {
        if let Some(place) = self.mapping.place(name) {
            return self.put(place, value);
        }
        match self.mapping.choose(name, &value) {
            None | Some(Choice::Ignored) => Ok(()),
            Some(Choice::Strict) => Err(Refusal {
                kind: "strict_dynamic_mapping_exception",
                reason: format!(
                    "mapping set to strict, dynamic introduction of [{name}] within [_doc] is not allowed"
                ),
            }),
            Some(Choice::Fields(fields)) => {
                let place = self.mapping.add(fields).map_err(|reason| Refusal {
                    kind: ILLEGAL,
                    reason,
                })?;
                self.put(place, value)
            }
        }
    }

    /// A value for its field and for the field's sub-fields.
    fn put(&mut self, place: usize, value: Value) -> Result<(), Refusal> {
        for number in 0..self.mapping.subs(place).len() {
            let sub = self.mapping.subs(place)[number];
            self.put_alone(sub, value.clone())?;
        }
        self.put_alone(place, value)
    }

    fn put_alone(&mut self, place: usize, value: Value) -> Result<(), Refusal> {
        let field = self.mapping.field(place);
        let scalar = if field.data_type.is_date() {
            self.date(place, value)
        } else {
            coerce(field, value)
        };
        let field = self.mapping.field(place);
        match scalar {
            Ok(Scalar::Text(text))
                if field
                    .ignore_above()
                    .is_some_and(|most| text.chars().nth(most).is_some()) => {}
            Ok(scalar) => self.leaves.push((place, scalar)),
            Err(_) if field.ignores_malformed() => {}
            Err(value) => return Err(self.unfit(place, &value)),
        }
        Ok(())
    }

    fn date(&mut self, place: usize, value: Value) -> Result<Scalar, Value> {
        let field = self.mapping.field(place);
        let Some(moment) = date(field, &value) else {
            return Err(value);
        };
        let number = if field.data_type == DataType::DateNanos {
            i64::try_from(moment.ns).ok()
        } else {
            moment.ms()
        };
        let Some(number) = number else {
            return Err(value);
        };
        if field.name == TIMESTAMP {
            self.moment = Some(moment);
            self.timestamps += 1;
        }
        Ok(Scalar::Int(number))
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
        if self.mapping.is_data_stream() {
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
                .add(vec![Mapped::new(TIMESTAMP_US, "long", None)])
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

fn date(field: &Mapped, value: &Value) -> Option<Moment> {
    match value {
        Value::String(text) => moment::parse(text),
        Value::Number(number) => {
            let factor = if field.counts_seconds() { 1_000 } else { 1 };
            match number.as_i64() {
                Some(count) => moment::from_ms(count.checked_mul(factor)?),
                None => moment::from_ms((number.as_f64()? * factor as f64) as i64),
            }
        }
        _ => None,
    }
}

/// The value in its field's type; `Err` gives back one that doesn't fit.
fn coerce(field: &Mapped, value: Value) -> Result<Scalar, Value> {
    let scalar = match (field.data_type, &value) {
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
        (DataType::Double | DataType::DenseVector, value) => {
            double(value).map(|number| Scalar::Double(narrowed(field, number)))
        }
        (DataType::Long, value) => long(value).map(Scalar::Int),
        (DataType::Integer, value) => {
            let most = match field.mapping.as_str() {
                "byte" => i64::from(i8::MAX),
                "short" => i64::from(i16::MAX),
                _ => i64::from(i32::MAX),
            };
            let fits = |number: &i64| (-most - 1..=most).contains(number);
            long(value).filter(fits).map(Scalar::Int)
        }
        (DataType::UnsignedLong, value) => unsigned(value).map(Scalar::Unsigned),
        (DataType::Ip, Value::String(text)) => {
            let address = ip::parse(text.trim(), ip::LeadingZeros::Reject);
            address.map(|address| Scalar::Bytes(address.to_vec()))
        }
        (DataType::Version, Value::String(text)) => Some(Scalar::Bytes(version::encode(text))),
        _ => None,
    };
    scalar.ok_or(value)
}

fn double(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// What is left of a number in the mapping's type.
fn narrowed(field: &Mapped, number: f64) -> f64 {
    match (field.mapping.as_str(), field.scaling_factor()) {
        ("scaled_float", Some(factor)) if factor > 0.0 => (number * factor).round() / factor,
        (word, _) => esql::document::narrowed(number, word),
    }
}

fn long(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
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
            DataType::Text | DataType::DenseVector => std::cmp::Ordering::Equal,
            _ => x.order(y),
        })
    });
    leaves.dedup_by(|(b, y), (a, x)| {
        let set = [DataType::Keyword, DataType::Ip, DataType::Version];
        a == b && set.contains(&mapping.field(*a).data_type) && x == y
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
