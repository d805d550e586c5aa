//! The words of a decision: a record's own notice, and what is said of it again.

use integrations::Notice;
use model::routing::{Due, Step};
use model::{Incident, Record};
use serde_json::json;

use crate::outbox;

/// The record that something due is about, and its notice; `None` where the record is none that
/// people are told of.
pub fn notice<'r>(
    incident: &Incident,
    records: &'r [Record],
    due: &Due,
) -> Option<(&'r Record, Notice)> {
    let record = records.iter().find(|record| record.seq == due.about)?;
    let says = match due.step {
        Step::First => return Some((record, outbox::notice(incident, record)?)),
        Step::Repeat(_) => "still open, and nobody has taken it".to_owned(),
        Step::Escalation(minutes) => format!("nobody has taken it for {minutes} minutes"),
    };
    let notice = Notice {
        key: due.key.clone(),
        topic: due.topic,
        incident_id: incident.id.clone(),
        text: outbox::text(incident, &format!("{says}: {}", incident.title)),
        at: record.at.to_string(),
        details: json!({ "service.name": incident.service, "why": due.why }),
    };
    Some((record, notice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::tests::history;
    use model::Topic;

    fn due(step: Step, key: &str) -> Due {
        Due {
            channel: "chat".to_owned(),
            about: 1,
            step,
            topic: Topic::Incident,
            key: key.to_owned(),
            why: "all: nobody took it".to_owned(),
            group: None,
        }
    }

    #[test]
    fn what_is_said_again_has_a_key_of_its_own_and_says_why() {
        let records = history();
        let incident = Incident::fold(&records).expect("legal");
        let of = |step, key: &str| {
            let (record, notice) = notice(&incident, &records, &due(step, key)).expect("a notice");
            assert_eq!(record.seq, 1);
            notice
        };
        let first = of(Step::First, &records[0].id());
        assert_eq!(first.key, records[0].id());
        let called = of(Step::Escalation(15), "K#escalation-15");
        assert_eq!(called.key, "K#escalation-15");
        let id = &incident.id;
        assert_eq!(
            called.text,
            format!("[CRITICAL] {id}: nobody has taken it for 15 minutes: cart fails")
        );
        assert!(
            of(Step::Repeat(1), "K#repeat-1")
                .text
                .contains("still open")
        );
    }
}
