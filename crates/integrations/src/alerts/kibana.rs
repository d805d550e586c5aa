//! Kibana's alerting rules through its webhook connector. There the person writes the body, so
//! that we say which one: [`TEMPLATE`].

use model::Digest;

use super::build::{Told, made};
use super::place::{Place, short};
use super::{Call, Refusal, Rules, Source, severity};

/// What is pasted as the action's body, for the action that fires and the one that recovers alike.
pub const TEMPLATE: &str = r#"{
  "datapulse": 1,
  "status": "{{alert.actionGroup}}",
  "date": "{{date}}",
  "rule": {
    "id": "{{rule.id}}",
    "name": "{{rule.name}}",
    "type": "{{rule.type}}",
    "space": "{{rule.spaceId}}",
    "tags": "{{rule.tags}}",
    "url": "{{rule.url}}"
  },
  "alert": {
    "id": "{{alert.id}}",
    "uuid": "{{alert.uuid}}",
    "group": "{{alert.actionGroupName}}",
    "flapping": "{{alert.flapping}}",
    "url": "{{context.alertDetailsUrl}}"
  },
  "severity": "",
  "service": "{{context.serviceName}}",
  "title": "{{context.title}}",
  "reason": "{{context.reason}}",
  "message": "{{context.message}}",
  "value": "{{context.value}}",
  "labels": {
    "environment": "{{context.environment}}",
    "group": "{{context.group}}"
  }
}"#;

/// The template's version, as the body's `datapulse`.
const VERSION: &str = "1";

/// The action groups of an alert that is over: that of all rules, and that of tracking containment.
const OVER: [&str; 2] = ["recovered", "notGeoContained"];

/// What a rule's summary leaves empty, and what to do.
const PER_ALERT: &str =
    "is missing or empty: it is there with the action frequency \"For each alert\" only";

pub fn read(body: &Place<'_>, rules: &Rules) -> Result<Call, Refusal> {
    let version = body.at("datapulse");
    if version.text()?.as_deref() != Some(VERSION) {
        return Err(version.wrong(format!(
            "expected {VERSION}: the action's body must be the template of docs/integrations/kibana-alerts.md"
        )));
    }
    let told = told(body)?;
    Ok(Call {
        alerts: vec![made(told, rules)],
        truncated_by_sender: 0,
        left_out: 0,
    })
}

fn told(body: &Place<'_>) -> Result<Told, Refusal> {
    let per_alert = |place: Place<'_>| place.text()?.ok_or_else(|| place.wrong(PER_ALERT));
    let group = per_alert(body.at("status"))?;
    if group.contains("{{") {
        return Err(body.at("status").wrong(format!(
            "got {}: a rule fills in the template, the connector's own test doesn't",
            short(&group)
        )));
    }
    let (rule, alert) = (body.at("rule"), body.at("alert"));
    let id = per_alert(alert.at("id"))?;
    let rule_id = rule.at("id").need()?;
    let space = rule.at("space").text()?.unwrap_or_default();
    let date = body.at("date").need_time()?;
    let firing = !OVER.contains(&group.as_str());

    let mut told = Told::new(Source::Kibana, firing);
    let pieces = [space.as_bytes(), rule_id.as_bytes(), id.as_bytes()];
    told.fingerprint = Some(Digest::of_pieces(&pieces).short(super::build::KEY_DIGITS));
    told.name = Some(rule.at("name").need()?);
    told.service = body.at("service").text()?;
    match firing {
        true => told.started_at = Some(date),
        false => told.ended_at = Some(date),
    }
    let value = body.at("value").text()?;
    match value.as_deref().and_then(super::build::number) {
        Some(number) => told.values.insert("value".to_owned(), number).map(|_| ()),
        None => value.map(|text| told.value_text = Some(text)),
    };
    told.link("source", alert.at("url").text()?);
    told.link("rule", rule.at("url").text()?);

    let worded = body.at("severity").text()?;
    let group_name = alert.at("group").text()?;
    let by_group = || {
        let words = group_name
            .as_deref()
            .into_iter()
            .chain(group.rsplit('.').next());
        let mut known = words.filter(|word| firing && severity::of(word).is_some());
        known.next().map(str::to_owned)
    };
    told.labels = body.at("labels").pairs()?;
    for (name, text) in [
        ("severity", worded.or_else(by_group)),
        ("alert.id", Some(id)),
        ("rule.id", Some(rule_id)),
        ("rule.type", rule.at("type").text()?),
        ("rule.space", Some(space)),
        ("rule.tags", rule.at("tags").text()?),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            told.labels.insert(name.to_owned(), text);
        }
    }
    for (name, place) in [
        ("title", body.at("title")),
        ("reason", body.at("reason")),
        ("message", body.at("message")),
        ("alert.uuid", alert.at("uuid")),
        ("alert.group", alert.at("group")),
    ] {
        if let Some(text) = place.text()? {
            told.annotations.insert(name.to_owned(), text);
        }
    }
    if alert.at("flapping").text()?.as_deref() == Some("true") {
        told.notes
            .push("Kibana says that it flaps: it comes and goes".to_owned());
    }
    Ok(told)
}
