//! Payloads of the forms that the senders document, with our own words.

use serde_json::{Value, json};

use super::*;

const FROM_SENDER: &str = "https://alerts.example";

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).expect("a time"))
}

fn told(source: Source, body: &Value) -> Result<Call, String> {
    read(source, body.to_string().as_bytes(), &Rules::default()).map_err(|wrong| wrong.to_string())
}

fn only(source: Source, body: &Value) -> OutsideAlert {
    let mut call = told(source, body).expect("is taken");
    assert_eq!(call.alerts.len(), 1);
    call.alerts.remove(0)
}

/// One alert as Alertmanager sends it.
fn burning() -> Value {
    json!({
        "status": "firing",
        "labels": { "alertname": "HighErrorRate", "severity": "page", "service": "checkout", "job": "shop/checkout", "zone": "a" },
        "annotations": { "summary": "checkout answers 7% with errors", "description": "More than 5% for 5 minutes.\nLook at payments.",
            "runbook_url": "https://runbooks.example/errors", "value": "0.07" },
        "startsAt": "2026-01-10T14:00:00.123456789+01:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=errors+%3E+5&g0.tab=1",
        "fingerprint": "b1d3f6a8c0e24579",
    })
}

fn group(alerts: &[Value]) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{service=\"checkout\"}", "truncatedAlerts": 0, "status": "firing", "receiver": "datapulse",
        "groupLabels": { "service": "checkout" }, "commonLabels": {}, "commonAnnotations": {}, "externalURL": FROM_SENDER, "alerts": alerts,
    })
}

#[test]
fn an_alert_of_alertmanager_fires_and_is_over() {
    let fires = only(Source::Alertmanager, &group(&[burning()]));
    assert_eq!(fires.key, "alertmanager-b1d3f6a8c0e24579");
    assert!(fires.firing && !fires.trial);
    assert_eq!(fires.name, "HighErrorRate");
    assert_eq!(fires.severity, Severity::Critical);
    assert_eq!(fires.severity_reason, "label severity=\"page\"");
    assert_eq!(fires.service.as_deref(), Some("checkout"), "before job");
    assert_eq!(fires.summary, "checkout answers 7% with errors");
    let whole = "More than 5% for 5 minutes.\nLook at payments.";
    assert_eq!(fires.description.as_deref(), Some(whole));
    assert_eq!(fires.labels.len(), 5);
    assert_eq!(fires.started_at, at("2026-01-10T13:00:00.123Z"));
    assert_eq!(fires.ended_at, None, "the zero time is none");
    assert_eq!(fires.value, Some(0.07));
    let links: Vec<&str> = fires.links.iter().map(|link| link.name).collect();
    assert_eq!(links, ["source", "runbook", "sender"]);
    assert_eq!(fires.notes, [""; 0]);

    let mut over = burning();
    over["status"] = json!("resolved");
    over["endsAt"] = json!("2026-01-10T13:20:00Z");
    let over = only(Source::Alertmanager, &group(&[over]));
    assert!(!over.firing);
    assert_eq!(over.key, fires.key);
    assert_eq!(over.ended_at, at("2026-01-10T13:20:00Z"));
}

#[test]
fn times_that_say_nothing_are_none() {
    let zero = json!("0001-01-01T00:00:00Z");
    let mut alert = burning();
    alert["endsAt"] = json!("2026-01-10T13:05:00Z");
    let fires = only(Source::Alertmanager, &group(&[alert.clone()]));
    assert_eq!(fires.ended_at, None, "it is when it would end");
    alert["status"] = json!("resolved");
    alert["endsAt"] = zero.clone();
    let over = only(Source::Alertmanager, &group(&[alert.clone()]));
    assert_eq!(over.ended_at, None);
    alert["startsAt"] = zero;
    assert_eq!(
        told(Source::Alertmanager, &group(&[alert])).unwrap_err(),
        "alerts[0].startsAt: expected a time such as 2026-01-10T13:00:00Z, got \"0001-01-01T00:00:00Z\""
    );
}

#[test]
fn a_document_is_one_for_each_time_that_a_state_is_reached() {
    let fires = only(Source::Alertmanager, &group(&[burning()]));
    let (now, later) = (Timestamp(1), Timestamp(2));
    assert_eq!(fires.document_id(now), fires.document_id(later));
    let document = fires.document(now);
    assert_eq!(document["@timestamp"], "2026-01-10T13:00:00.123Z");
    assert_eq!(document["alert.key"], "alertmanager-b1d3f6a8c0e24579");
    assert_eq!(document["alert.state"], "firing");
    assert_eq!(document["service.name"], "checkout");
    assert_eq!(document["alert.labels"][0], "alertname=HighErrorRate");
    assert!(!document.contains_key("event.end") && !document.contains_key("alert.notes"));
    let mut over = fires.clone();
    over.firing = false;
    assert_ne!(over.document_id(now), fires.document_id(now));
    assert_eq!(
        over.document(later)["@timestamp"],
        later.to_string(),
        "the end wasn't said"
    );
}

#[test]
fn without_a_fingerprint_the_labels_are_the_key() {
    let key = |change: &dyn Fn(&mut Value)| {
        let mut alert = burning();
        alert["fingerprint"] = json!("");
        change(&mut alert);
        only(Source::Alertmanager, &group(&[alert])).key
    };
    let plain = key(&|_| ());
    assert_eq!(plain.len(), "alertmanager-".len() + 32);
    assert_eq!(
        plain,
        key(&|alert| alert["annotations"] = json!({ "value": "0.09" }))
    );
    assert_eq!(
        plain,
        key(&|alert| alert["fingerprint"] = json!("../../etc")),
        "no fingerprint"
    );
    assert_ne!(plain, key(&|alert| alert["labels"]["zone"] = json!("b")));
}

#[test]
fn severities_as_people_write_them() {
    let of = |labels: Value| {
        let mut alert = burning();
        alert["labels"] = labels;
        let alert = only(Source::Alertmanager, &group(&[alert]));
        (alert.severity, alert.severity_reason)
    };
    for (word, severity) in [
        ("CRITICAL", Severity::Critical),
        (" P1 ", Severity::Critical),
        ("error", Severity::High),
        ("Warning", Severity::Medium),
        ("info", Severity::Low),
        ("none", Severity::Low),
    ] {
        assert_eq!(of(json!({ "severity": word })).0, severity, "{word}");
    }
    assert_eq!(
        of(json!({ "severity": "purple", "priority": "P2" })).0,
        Severity::High
    );
    let (severity, reason) = of(json!({ "severity": "purple" }));
    assert_eq!(severity, DEFAULT_SEVERITY);
    assert_eq!(
        reason,
        "label severity=\"purple\" isn't a severity that is known: medium by default"
    );
    let (_, reason) = of(json!({ "alertname": "A" }));
    assert_eq!(reason, "no label says how bad it is: medium by default");
}

#[test]
fn a_house_has_its_own_words_and_labels() {
    let rules = Rules {
        service_labels: vec!["component".to_owned()],
        severities: BTreeMap::from([
            ("purple".to_owned(), Severity::Critical),
            ("page".to_owned(), Severity::Low),
        ]),
        ..Rules::default()
    };
    let mut alert = burning();
    alert["labels"]["component"] = json!("till");
    let body = group(&[alert]).to_string();
    let call = read(Source::Alertmanager, body.as_bytes(), &rules).expect("is taken");
    assert_eq!(call.alerts[0].service.as_deref(), Some("till"));
    assert_eq!(
        call.alerts[0].severity,
        Severity::Low,
        "their word counts before ours"
    );
}

#[test]
fn what_is_missing_is_named_by_its_path() {
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut body = group(&[burning(), burning()]);
        change(&mut body);
        told(Source::Alertmanager, &body).unwrap_err()
    };
    let time = "a time such as 2026-01-10T13:00:00Z";
    assert_eq!(
        wrong(&|body| body["alerts"][1]["startsAt"] = Value::Null),
        format!("alerts[1].startsAt: is missing: expected {time}")
    );
    assert_eq!(
        wrong(&|body| body["alerts"][1]["endsAt"] = json!("soon")),
        format!("alerts[1].endsAt: expected {time}, got \"soon\"")
    );
    assert_eq!(
        wrong(&|body| body["alerts"][0]["status"] = json!("pending")),
        "alerts[0].status: expected firing or resolved, got \"pending\""
    );
    assert_eq!(
        wrong(&|body| body["alerts"][0]["labels"] = json!({})),
        "alerts[0].labels: is missing or empty: an alert is known by its labels"
    );
    assert_eq!(
        wrong(&|body| body["alerts"][0]["labels"] = json!({ "a b": [1] })),
        "alerts[0].labels[\"a b\"]: expected a text, got an array"
    );
    assert_eq!(
        wrong(&|body| body["alerts"] = json!({})),
        "alerts: expected an array, got an object"
    );
    assert_eq!(
        wrong(&|body| body["version"] = json!("1")),
        "version: expected \"4\", as Alertmanager writes, got \"1\"; Grafana has a route of its own"
    );
    assert_eq!(
        told(Source::Alertmanager, &json!([])).unwrap_err(),
        "version: is missing: expected a text"
    );
    let not_json = read(Source::Grafana, b"alert!", &Rules::default()).unwrap_err();
    assert!(
        not_json.to_string().starts_with("the body isn't JSON: "),
        "{not_json}"
    );
    let large = read(
        Source::Grafana,
        &vec![b' '; MAX_BODY + 1],
        &Rules::default(),
    )
    .unwrap_err();
    assert_eq!(
        large.to_string(),
        "the body has 4194305 bytes, at most 4194304 are taken"
    );
}

#[test]
fn more_alerts_than_are_read_leave_out_those_that_are_over_first() {
    let alert = |status: &str, number: usize| json!({ "status": status, "labels": { "alertname": "A", "n": number }, "startsAt": "2026-01-10T13:00:00Z" });
    let mut alerts: Vec<Value> = (0..10).map(|number| alert("resolved", number)).collect();
    alerts.extend((10..MAX_ALERTS + 5).map(|number| alert("firing", number)));
    let mut body = group(&alerts);
    body["truncatedAlerts"] = json!(7);
    let call = told(Source::Alertmanager, &body).expect("is taken");
    assert_eq!(
        (call.alerts.len(), call.left_out, call.truncated_by_sender),
        (MAX_ALERTS, 5, 7)
    );
    let over: Vec<&str> = call
        .alerts
        .iter()
        .filter(|alert| !alert.firing)
        .map(|alert| alert.labels["n"].as_str())
        .collect();
    assert_eq!(over, ["0", "1", "2", "3", "4"]);
    assert!(
        call.alerts
            .last()
            .is_some_and(|alert| alert.labels["n"] == "1004")
    );
}

#[test]
fn long_texts_are_cut_and_too_many_left_out_with_a_note() {
    let mut alert = burning();
    for number in 0..MAX_LABELS {
        alert["labels"][format!("a{number:02}")] = json!("x");
    }
    alert["annotations"]["description"] = json!(format!("a{}", "é".repeat(MAX_TEXT)));
    alert["annotations"]["summary"] = json!(format!("{}\nmore", "s".repeat(MAX_SUMMARY + 1)));
    alert["annotations"]["runbook_url"] = json!("javascript:alert(1)");
    alert["generatorURL"] = json!(format!("https://p.example/{}", "x".repeat(MAX_LINK)));
    alert["labels"]["service"] = json!("s".repeat(MAX_NAME + 1));
    let cut = only(Source::Alertmanager, &group(&[alert]));
    assert_eq!(cut.labels.len(), MAX_LABELS);
    for needed in ["alertname", "severity", "service", "job"] {
        assert!(cut.labels.contains_key(needed), "{needed}");
    }
    assert_eq!(
        cut.service.as_deref(),
        Some("shop/checkout"),
        "a cut name would be another's"
    );
    assert_eq!(cut.summary.len(), MAX_SUMMARY);
    assert_eq!(
        cut.annotations["description"].len(),
        MAX_TEXT - 1,
        "no half letter"
    );
    let notes = cut.notes.join("\n");
    for note in [
        "the link source was left out: over 4096 bytes",
        "the link runbook was left out: \"javascript:alert(1)\" isn't a web address",
        "5 of 69 labels were left out",
        "the annotation \"description\" was cut: it had 16385 bytes",
        "is no service: over 256 bytes",
    ] {
        assert!(notes.contains(note), "{note}: {notes}");
    }
}

#[test]
fn grafanas_alerts_have_values_and_addresses() {
    let mut alert = burning();
    alert["values"] = json!({ "B": 44.25 });
    alert["valueString"] = json!("[ var='B' labels={} value=44.25 ]");
    alert["dashboardURL"] = json!("https://grafana.example/d/shop");
    alert["panelURL"] = json!("https://grafana.example/d/shop?viewPanel=2");
    alert["silenceURL"] = json!("https://grafana.example/alerting/silence/new");
    alert["imageURL"] = json!("");
    let mut body = group(&[alert]);
    body["version"] = json!("1");
    body["orgId"] = json!(1);
    body["state"] = json!("alerting");
    let one = only(Source::Grafana, &body);
    assert_eq!(one.key, "grafana-b1d3f6a8c0e24579");
    assert_eq!((one.value, one.values.len()), (Some(44.25), 1));
    let links: Vec<&str> = one.links.iter().map(|link| link.name).collect();
    assert_eq!(
        links,
        [
            "source",
            "runbook",
            "sender",
            "dashboard",
            "panel",
            "silence"
        ]
    );

    body["alerts"][0]["values"] = json!({ "B": 44.25, "C": 1 });
    let several = only(Source::Grafana, &body);
    assert_eq!(
        (several.value, several.values.len()),
        (Some(0.07), 2),
        "of the annotation"
    );
    let annotations = body["alerts"][0]["annotations"].as_object_mut();
    annotations.expect("an object").remove("value");
    let unsaid = only(Source::Grafana, &body);
    assert_eq!(unsaid.value, None, "which one counts isn't said");
    body["alerts"][0]["values"] = Value::Null;
    assert_eq!(only(Source::Grafana, &body).values.len(), 0);
    assert!(only(Source::Grafana, &body).value_text.is_some());
}

#[test]
fn grafanas_trial_and_its_rules_without_data_are_known() {
    let mut trial = burning();
    trial["labels"] = json!({ "alertname": "TestAlert", "instance": "Grafana" });
    assert!(only(Source::Grafana, &group(&[trial.clone()])).trial);
    assert!(!only(Source::Alertmanager, &group(&[trial])).trial);
    let mut silent = burning();
    silent["labels"] = json!({ "alertname": "DatasourceNoData", "rulename": "Errors of checkout" });
    let silent = only(Source::Grafana, &group(&[silent]));
    assert_eq!(
        silent.notes,
        ["Grafana's rule \"Errors of checkout\" had no data: whether it is well isn't known"]
    );
}

/// The template as Kibana fills it in: what isn't there is empty, texts are escaped for JSON.
fn filled(variables: &[(&str, &str)]) -> Value {
    let mut text = KIBANA_TEMPLATE.to_owned();
    for (name, value) in variables {
        let value = json!(value).to_string();
        text = text.replace(&format!("{{{{{name}}}}}"), value.trim_matches('"'));
    }
    while let Some((before, rest)) = text.split_once("{{") {
        let (_, after) = rest.split_once("}}").expect("an end");
        text = format!("{before}{after}");
    }
    serde_json::from_str(&text).expect("the template is JSON")
}

const KIBANA: [(&str, &str); 10] = [
    ("alert.actionGroup", "metrics.threshold.warning"),
    ("alert.actionGroupName", "Warning"),
    ("alert.id", "checkout-pod-1"),
    ("alert.uuid", "2f0c9a4e-0000-4000-8000-5b1d3f6a8c0e"),
    ("date", "2026-01-10T13:00:00.153Z"),
    ("rule.id", "6b1f"),
    ("rule.name", "CPU of shop"),
    ("rule.spaceId", "default"),
    (
        "context.reason",
        "system.cpu is 0.95 in the last 1 min for \"pod-1\"\nAlert when above 0.9.",
    ),
    ("context.value", "0.95"),
];

#[test]
fn kibanas_template_filled_in() {
    let fires = only(Source::Kibana, &filled(&KIBANA));
    assert!(fires.firing);
    assert_eq!(
        (fires.name.as_str(), fires.value),
        ("CPU of shop", Some(0.95))
    );
    assert_eq!(
        fires.severity_reason, "label severity=\"Warning\"",
        "by the action group"
    );
    assert_eq!(
        fires.summary,
        "system.cpu is 0.95 in the last 1 min for \"pod-1\""
    );
    assert_eq!(fires.started_at, at("2026-01-10T13:00:00.153Z"));
    assert_eq!(
        (fires.service.as_deref(), fires.labels["alert.id"].as_str()),
        (None, "checkout-pod-1")
    );

    let mut nameless = filled(&KIBANA);
    nameless["alert"]["group"] = json!("Alert it is");
    let nameless = only(Source::Kibana, &nameless);
    assert_eq!(nameless.severity_reason, "label severity=\"warning\"");
    let mut left = filled(&KIBANA);
    left["status"] = json!("notGeoContained");
    assert!(!only(Source::Kibana, &left).firing);

    let mut over = filled(&KIBANA);
    over["status"] = json!("recovered");
    over["severity"] = json!("critical");
    over["service"] = json!("checkout");
    over["value"] = json!("{\"condition0\":1}");
    let over = only(Source::Kibana, &over);
    assert!(!over.firing);
    assert_eq!(over.key, fires.key);
    assert_eq!(
        (over.started_at, over.ended_at),
        (None, at("2026-01-10T13:00:00.153Z"))
    );
    assert_eq!(
        (over.severity, over.service.as_deref()),
        (Severity::Critical, Some("checkout"))
    );
    assert_eq!(
        (over.value, over.value_text.as_deref()),
        (None, Some("{\"condition0\":1}"))
    );

    let mut another = filled(&KIBANA);
    another["alert"]["id"] = json!("checkout-pod-2");
    assert_ne!(only(Source::Kibana, &another).key, fires.key);
}

#[test]
fn kibanas_other_bodies_are_refused_with_what_to_do() {
    let wrong = |body: &Value| told(Source::Kibana, body).unwrap_err();
    assert_eq!(
        wrong(&json!({ "alert": "{{alert.id}}" })),
        "datapulse: expected 1: the action's body must be the template of docs/integrations/kibana-alerts.md"
    );
    let only_here =
        "is missing or empty: it is there with the action frequency \"For each alert\" only";
    assert_eq!(wrong(&filled(&KIBANA[1..])), format!("status: {only_here}"));
    let untouched: Value = serde_json::from_str(KIBANA_TEMPLATE).expect("JSON");
    assert_eq!(
        wrong(&untouched),
        "status: got \"{{alert.actionGroup}}\": a rule fills in the template, the connector's own test doesn't"
    );
}

#[test]
fn the_template_is_what_the_documentation_says() {
    let page = include_str!("../../../../docs/integrations/kibana-alerts.md");
    assert!(
        page.contains(KIBANA_TEMPLATE),
        "docs/integrations/kibana-alerts.md"
    );
}
