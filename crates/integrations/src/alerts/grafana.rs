//! Grafana's unified alerting: Alertmanager's form, with values, pictures and addresses.

use super::alertmanager::{group, told};
use super::build::made;
use super::place::{Place, short};
use super::{Call, OutsideAlert, Refusal, Rules, Source};

/// Names of alerts that Grafana makes when a rule can't be told well or ill, each with what it
/// means.
const NOT_MEASURED: [(&str, &str); 2] = [
    ("DatasourceNoData", "had no data"),
    ("DatasourceError", "could not be asked"),
];

pub fn read(body: &Place<'_>, rules: &Rules) -> Result<Call, Refusal> {
    group(body, |place, sender| alert(place, sender, rules))
}

fn alert(place: &Place<'_>, sender: Option<&str>, rules: &Rules) -> Result<OutsideAlert, Refusal> {
    let mut told = told(Source::Grafana, place, sender)?;
    told.values = place.at("values").numbers();
    told.value_text = place.at("valueString").text()?;
    for (name, field) in [
        ("dashboard", "dashboardURL"),
        ("panel", "panelURL"),
        ("silence", "silenceURL"),
        ("image", "imageURL"),
    ] {
        told.link(name, place.at(field).text()?);
    }
    let label = |name: &str| told.labels.get(name).map(String::as_str);
    // What the button "Test" of a contact point sends.
    let trial = label("alertname") == Some("TestAlert") && label("instance") == Some("Grafana");
    let not_measured = NOT_MEASURED
        .into_iter()
        .find(|(name, _)| label("alertname") == Some(name));
    let note = not_measured.map(|(_, why)| {
        let rule = short(label("rulename").unwrap_or("of no name"));
        format!("Grafana's rule {rule} {why}: whether it is well isn't known")
    });
    told.trial = trial;
    told.notes.extend(note);
    Ok(made(told, rules))
}
