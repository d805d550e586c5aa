//! Whatever is posted: no panic, and everything within its limit.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// Bytes of a refusal that a person is shown, at most.
const MAX_REFUSAL: usize = 4_096;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("firing")),
        Just(json!("{{alert.id}}")),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("9999-12-31T23:59:60+23:59")),
        Just(json!("https://a.example/ b")),
        (0..20_000_usize).prop_map(|length| json!(format!("a{}", "é".repeat(length)))),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Fields that the parsers look at.
fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "alerts",
        "version",
        "externalURL",
        "truncatedAlerts",
        "status",
        "labels",
        "annotations",
        "startsAt",
        "endsAt",
        "generatorURL",
        "fingerprint",
        "values",
        "valueString",
        "imageURL",
        "datapulse",
        "date",
        "rule",
        "alert",
        "severity",
        "service",
        "value",
        "title",
        "reason",
    ])
}

fn good_alert() -> Map<String, Value> {
    let alert = json!({ "status": "firing", "labels": { "alertname": "A" }, "startsAt": "2026-01-10T13:00:00Z" });
    alert.as_object().cloned().unwrap_or_default()
}

fn good_body(alerts: Vec<Value>) -> Map<String, Value> {
    let body = json!({ "version": "4", "alerts": alerts, "datapulse": 1, "status": "fired",
        "date": "2026-01-10T13:00:00Z", "rule": { "id": "r", "name": "R" }, "alert": { "id": "a" } });
    body.as_object().cloned().unwrap_or_default()
}

fn within_limits(body: &[u8]) -> Result<(), TestCaseError> {
    for source in Source::ALL {
        match read(source, body, &Rules::default()) {
            Err(refusal) => prop_assert!(refusal.to_string().len() <= MAX_REFUSAL),
            Ok(call) => {
                prop_assert!(call.alerts.len() <= MAX_ALERTS);
                for alert in call.alerts {
                    prop_assert!(!alert.key.is_empty() && alert.key.len() <= 96);
                    prop_assert!(!alert.name.is_empty() && alert.name.len() <= MAX_NAME);
                    prop_assert!(!alert.summary.is_empty() && alert.summary.len() <= MAX_SUMMARY);
                    prop_assert!(!alert.summary.contains('\n'));
                    prop_assert!(alert.labels.len() <= MAX_LABELS);
                    prop_assert!(alert.annotations.len() <= MAX_ANNOTATIONS);
                    let texts = alert.labels.iter().chain(&alert.annotations);
                    for (name, text) in texts {
                        prop_assert!(name.len() <= MAX_NAME && text.len() <= MAX_TEXT);
                    }
                    let service = alert.service.as_deref().unwrap_or("none");
                    prop_assert!(!service.is_empty() && service.len() <= MAX_NAME);
                    prop_assert!(alert.values.len() <= MAX_VALUES);
                    prop_assert!(alert.links.iter().all(|link| link.url.len() <= MAX_LINK));
                    prop_assert!(alert.document(Timestamp(0)).len() <= 18);
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        within_limits(&body)?;
    }

    #[test]
    fn any_json_at_all(body in any_json()) {
        within_limits(body.to_string().as_bytes())?;
    }

    #[test]
    fn a_good_call_with_fields_that_are_anything(
        of_alert in prop::collection::vec((field(), any_json()), 0..4),
        of_body in prop::collection::vec((field(), any_json()), 0..2),
        cut in prop::option::weighted(0.1, 0..1_000_usize),
    ) {
        let mut alert = good_alert();
        alert.extend(of_alert.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let mut body = good_body(vec![Value::Object(alert)]);
        body.extend(of_body.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let mut body = Value::Object(body).to_string().into_bytes();
        if let Some(length) = cut {
            body.truncate(length);
        }
        within_limits(&body)?;
    }

    #[test]
    fn labels_and_annotations_of_any_names(
        labels in prop::collection::btree_map(".{0,300}", ".{0,40}", 0..90),
    ) {
        let mut alert = good_alert();
        alert.insert("labels".to_owned(), json!(labels));
        alert.insert("annotations".to_owned(), json!(labels));
        let body = good_body(vec![Value::Object(alert)]);
        within_limits(Value::Object(body).to_string().as_bytes())?;
    }
}
