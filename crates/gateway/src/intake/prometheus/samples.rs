//! Samples to documents: pure.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::{Document, Operation};

use super::wire::Series;

/// Where they go: a data stream in Elastic's form.
pub const INDEX: &str = "metrics-prometheus-default";
/// Labels of a series, and characters of a label's value.
pub const MAX_LABELS: usize = 64;
pub const MAX_VALUE: usize = 2_048;

/// The NaN by which Prometheus says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// Which label names the service: the first that is there.
const SERVICE: [&str; 3] = ["service", "service_name", "job"];

#[derive(Debug, Default, PartialEq)]
pub struct Samples {
    pub documents: Vec<Document>,
    /// Samples that the documents have.
    pub taken: u64,
    /// Why others aren't in them, with how many.
    pub left_out: BTreeMap<&'static str, u64>,
}

type Labels = Vec<(String, String)>;

/// One document a moment and set of labels.
pub fn documents(series: Vec<Series>) -> Samples {
    let mut samples = Samples::default();
    let mut rows: BTreeMap<(i64, Labels), BTreeMap<String, f64>> = BTreeMap::new();
    for Series {
        mut labels,
        samples: values,
        histograms,
    } in series
    {
        let mut leave = |reason, count: usize| {
            if count > 0 {
                *samples.left_out.entry(reason).or_default() += count as u64;
            }
        };
        leave("native_histogram", histograms);
        let name = labels.iter().position(|(name, _)| name == "__name__");
        let Some(name) = name.map(|place| labels.swap_remove(place).1) else {
            leave("no_name", values.len());
            continue;
        };
        let long = |(_, value): &(String, String)| value.chars().nth(MAX_VALUE).is_some();
        if labels.len() > MAX_LABELS || labels.iter().any(long) {
            leave("too_many_or_too_long_labels", values.len());
            continue;
        }
        labels.sort_unstable();
        for sample in values {
            if sample.value.to_bits() == STALE {
                leave("stale", 1);
            } else if !sample.value.is_finite() {
                leave("not_finite", 1);
            } else {
                let row = rows.entry((sample.timestamp, labels.clone())).or_default();
                row.insert(name.clone(), sample.value);
                samples.taken += 1;
            }
        }
    }
    let rows = rows.into_iter();
    samples.documents = rows
        .map(|((at, labels), values)| document(at, &labels, &values))
        .collect();
    samples
}

fn document(at: i64, labels: &Labels, values: &BTreeMap<String, f64>) -> Document {
    let mut source = Map::new();
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
    source.insert("@timestamp".to_owned(), time.into());
    let label = |wanted: &str| {
        let found = labels.iter().find(|(name, _)| name == wanted);
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    if let Some(service) = SERVICE.iter().find_map(|name| label(name)) {
        source.insert("service.name".to_owned(), service.into());
    }
    if let Some(instance) = label("instance") {
        source.insert("service.node.name".to_owned(), instance.into());
    }
    for (name, value) in labels {
        source.insert(format!("labels.{name}"), value.clone().into());
    }
    for (name, value) in values {
        source.insert(format!("metrics.{name}"), Value::from(*value));
    }
    Document {
        index: INDEX.to_owned(),
        operation: Operation::Create,
        id: Some(id(at, labels, values.keys())),
        source,
    }
}

/// The parts are length-prefixed, so that no two read alike.
fn id<'v>(at: i64, labels: &Labels, names: impl Iterator<Item = &'v String>) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(&at.to_string());
    part(&labels.len().to_string());
    for (name, value) in labels {
        part(name);
        part(value);
    }
    names.for_each(|name| part(name));
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::super::wire::Sample;
    use super::*;

    fn series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> Series {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let sample = |(value, timestamp): &(f64, i64)| Sample {
            value: *value,
            timestamp: *timestamp,
        };
        Series {
            labels: labels.iter().map(own).collect(),
            samples: samples.iter().map(sample).collect(),
            histograms: 0,
        }
    }

    #[test]
    fn samples_of_one_moment_are_one_document() {
        let of = |name: &str| {
            let labels = [("__name__", name), ("job", "shop"), ("instance", "a:80")];
            series(&labels, &[(1.5, 1_000), (2.5, 2_000)])
        };
        let samples = documents(vec![of("up"), of("load")]);
        assert_eq!((samples.documents.len(), samples.taken), (2, 4));
        let first = Value::Object(samples.documents[0].source.clone());
        expect_test::expect![[r#"{"@timestamp":"1970-01-01T00:00:01.000Z","service.name":"shop","service.node.name":"a:80","labels.instance":"a:80","labels.job":"shop","metrics.load":1.5,"metrics.up":1.5}"#]]
            .assert_eq(&first.to_string());
        let again = documents(vec![of("load"), of("up")]);
        assert_eq!(again, samples, "the order of a batch changes no id");
    }

    #[test]
    fn what_is_no_number_is_left_out_and_counted() {
        let stale = f64::from_bits(STALE);
        let samples = documents(vec![
            series(
                &[("__name__", "a")],
                &[(stale, 1), (f64::NAN, 2), (f64::INFINITY, 3)],
            ),
            series(&[("job", "x")], &[(1.0, 1)]),
        ]);
        assert!(samples.documents.is_empty());
        let left: Vec<_> = samples.left_out.into_iter().collect();
        assert_eq!(left, [("no_name", 1), ("not_finite", 2), ("stale", 1)]);
    }

    #[test]
    fn the_service_is_named_by_the_first_label_that_names_one() {
        let named = |labels: &[(&str, &str)]| {
            let mut all = vec![("__name__", "a")];
            all.extend(labels);
            let samples = documents(vec![series(&all, &[(1.0, 1)])]);
            samples.documents[0].source.get("service.name").cloned()
        };
        assert_eq!(named(&[("job", "j"), ("service", "s")]), Some("s".into()));
        assert_eq!(named(&[("job", "j"), ("service", "")]), Some("j".into()));
        assert_eq!(named(&[]), None);
    }
}
