//! What is peculiar to an incident, in words: incidents with many of them in common are alike.

use crate::evidence::Evidence;
use crate::incident::Incident;
use crate::record::Recovery;
use crate::report::Cause;

/// Features of one incident at most: those of the findings come first.
pub const MAX_FEATURES: usize = 40;
/// Characters of one feature.
const MAX_FEATURE_CHARS: usize = 160;
/// Parameters that say what a tool was asked about; the others are moments, ids and limits.
const SUBJECTS: [&str; 5] = ["service", "metric", "span", "dependency", "text"];

/// The findings' rules and signals, the kind and place of the first cause, and what its evidence
/// was asked about. Numbers are left out of texts, so that an order's id makes no difference.
pub fn signature(incident: &Incident) -> Vec<String> {
    let mut features = Vec::new();
    let mut add = |feature: String| {
        let feature: String = feature.chars().take(MAX_FEATURE_CHARS).collect();
        if features.len() < MAX_FEATURES && !features.contains(&feature) {
            features.push(feature);
        }
    };
    for finding in &incident.findings {
        let service = &finding.subject.service;
        add(format!("{} of {service}", finding.rule));
        add(format!("trouble in {service}"));
    }
    let Some(report) = &incident.report else {
        return features;
    };
    let Some(first) = report.first() else {
        return features;
    };
    match &first.cause {
        Cause::Service { service, .. } => add(format!("cause in {service}")),
        Cause::Change {
            service,
            change_kind,
            ..
        } => {
            add(format!("cause in {service}"));
            add(format!("{change_kind} to blame"));
        }
        Cause::Outside { dependency } => add(format!("cause in {dependency}, outside")),
        Cause::Load { service } => add(format!("load on {service}")),
    }
    let shown = first.supports.iter().filter_map(|id| report.evidence(id));
    shown.filter_map(subject).for_each(add);
    features
}

/// What a question was asked about: its tool and the texts among its parameters.
fn subject(evidence: &Evidence) -> Option<String> {
    let texts: Vec<String> = SUBJECTS
        .iter()
        .filter_map(|name| evidence.parameters.get(*name)?.as_str())
        .map(without_numbers)
        .collect();
    (!texts.is_empty()).then(|| format!("{}: {}", words(&evidence.tool), texts.join(", ")))
}

fn words(tool: &str) -> String {
    tool.replace('_', " ")
}

/// Runs of letters with digits among them become `#`: ids, addresses, counts.
fn without_numbers(text: &str) -> String {
    let parts = text.split_inclusive(|letter: char| !letter.is_alphanumeric());
    parts
        .map(|part| {
            let word = part.trim_end_matches(|letter: char| !letter.is_alphanumeric());
            if word.contains(|letter: char| letter.is_ascii_digit()) {
                part.replacen(word, "#", 1)
            } else {
                part.to_owned()
            }
        })
        .collect()
}

/// `rollback payment (P1)`: the last action that was followed by recovery.
pub fn helped(incident: &Incident) -> Option<String> {
    let recovered = incident
        .proposals
        .iter()
        .rfind(|state| state.recovery == Some(Recovery::Recovered))?;
    let proposal = &recovered.proposal;
    let (kind, target) = (proposal.action.kind.name(), &proposal.action.target);
    Some(format!("{} {target} ({})", words(kind), proposal.id))
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn numbers_are_left_out_of_texts() {
        assert_eq!(
            without_numbers("order 8f31c timed out after 3,000 ms at 10.0.0.7"),
            "order # timed out after #,# ms at #.#.#.#"
        );
        assert_eq!(without_numbers("call card-network"), "call card-network");
    }
}
