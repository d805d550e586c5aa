//! Alertmanager's webhook, version 4: a group of alerts.

use super::build::{Told, made};
use super::place::Place;
use super::{Call, MAX_ALERTS, OutsideAlert, Refusal, Rules, Source};

/// The only version of the payload that there is today.
const VERSION: &str = "4";

pub fn read(body: &Place<'_>, rules: &Rules) -> Result<Call, Refusal> {
    let version = body.at("version");
    let given = version.need()?;
    if given != VERSION {
        let given = super::place::short(&given);
        return Err(version.wrong(format!(
            "expected \"{VERSION}\", as Alertmanager writes, got {given}; Grafana has a route of its own"
        )));
    }
    group(body, |place, sender| {
        Ok(made(told(Source::Alertmanager, place, sender)?, rules))
    })
}

/// Reads the alerts of a group, of which Grafana's has the same form. `one` reads one alert; its
/// second argument is the sender's own address.
pub fn group(
    body: &Place<'_>,
    one: impl Fn(&Place<'_>, Option<&str>) -> Result<OutsideAlert, Refusal>,
) -> Result<Call, Refusal> {
    let sender = body.at("externalURL").text()?;
    let places: Vec<Place<'_>> = body.at("alerts").items()?.collect();
    let chosen = chosen(&places)?;
    let left_out = places.len() - chosen.len();
    let alerts = chosen
        .into_iter()
        .map(|place| one(place, sender.as_deref()));
    Ok(Call {
        alerts: alerts.collect::<Result<_, _>>()?,
        truncated_by_sender: body.at("truncatedAlerts").count(),
        left_out,
    })
}

/// The alerts that are read: all, or the first that fire and then the first that don't, in order.
fn chosen<'p, 'a>(places: &'p [Place<'a>]) -> Result<Vec<&'p Place<'a>>, Refusal> {
    if places.len() <= MAX_ALERTS {
        return Ok(places.iter().collect());
    }
    let mut order = Vec::with_capacity(places.len());
    for (index, place) in places.iter().enumerate() {
        order.push((!fires(place)?, index));
    }
    order.sort_unstable();
    order.truncate(MAX_ALERTS);
    order.sort_unstable_by_key(|(_, index)| *index);
    Ok(order.into_iter().map(|(_, index)| &places[index]).collect())
}

fn fires(place: &Place<'_>) -> Result<bool, Refusal> {
    let status = place.at("status");
    match status.need()?.as_str() {
        "firing" => Ok(true),
        "resolved" => Ok(false),
        other => Err(status.wrong(format!(
            "expected firing or resolved, got {}",
            super::place::short(other)
        ))),
    }
}

/// What Alertmanager and Grafana both say of an alert.
pub fn told(source: Source, place: &Place<'_>, sender: Option<&str>) -> Result<Told, Refusal> {
    let firing = fires(place)?;
    let labels = place.at("labels").pairs()?;
    if labels.is_empty() {
        return Err(place
            .at("labels")
            .wrong("is missing or empty: an alert is known by its labels"));
    }
    let annotations = place.at("annotations").pairs()?;
    let mut told = Told::new(source, firing);
    told.name = labels.get("alertname").cloned();
    told.fingerprint = place.at("fingerprint").text()?;
    told.started_at = Some(place.at("startsAt").need_time()?);
    // Of a firing alert it is when it would end if it weren't told again.
    told.ended_at = place.at("endsAt").time()?.filter(|_| !firing);
    let annotated = |names: [&str; 2]| {
        let mut found = names.into_iter().filter_map(|name| annotations.get(name));
        found.next().cloned()
    };
    told.link("source", place.at("generatorURL").text()?);
    told.link("runbook", annotated(["runbook_url", "runbook"]));
    told.link("dashboard", annotated(["dashboard_url", "dashboard"]));
    told.link("sender", sender.map(str::to_owned));
    told.labels = labels;
    told.annotations = annotations;
    Ok(told)
}
