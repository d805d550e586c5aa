//! A person's word on what a report says first.

use serde::{Deserialize, Serialize};

use super::{Illegal, Incident};
use crate::record::{Event, Record};
use crate::report::{Cause, Report};
use crate::time::Timestamp;

/// What a person said of an answer, with the answer as it was then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Feedback {
    pub by: String,
    pub at: Timestamp,
    pub right: bool,
    /// The cause that the report named first, with how sure it was, 0 to 1.
    pub said: Cause,
    pub confidence: f64,
    /// The true cause, where the answer was wrong and the person knew it.
    pub cause: Option<Cause>,
    pub note: Option<String>,
}

impl Feedback {
    /// The cause that holds, as far as the person knew.
    pub fn truth(&self) -> Option<&Cause> {
        if self.right {
            Some(&self.said)
        } else {
            self.cause.as_ref()
        }
    }
}

/// The feedback as it is kept, or why it can't be given.
pub(super) fn given(incident: &Incident, record: &Record) -> Result<Feedback, Illegal> {
    let illegal = |reason: &str| Illegal {
        event: record.event.name(),
        reason: reason.to_owned(),
    };
    let Event::FeedbackGiven { right, cause, note } = &record.event else {
        return Err(illegal("it is no feedback"));
    };
    let first = incident.report.as_ref().and_then(Report::first);
    let Some(first) = first else {
        return Err(illegal("there is no answer yet that could be judged"));
    };
    if *right && cause.as_ref().is_some_and(|cause| *cause != first.cause) {
        return Err(illegal("a right answer has no other true cause"));
    }
    if !right && cause.as_ref() == Some(&first.cause) {
        let reason = "the cause it names is what the report says first: mark it right";
        return Err(illegal(reason));
    }
    Ok(Feedback {
        by: record.actor.label().to_owned(),
        at: record.at,
        right: *right,
        said: first.cause.clone(),
        confidence: first.confidence,
        cause: cause.clone().filter(|_| !right),
        note: note.clone(),
    })
}

#[cfg(test)]
mod tests {
    use crate::actor::Agent;
    use crate::incident::Illegal;
    use crate::incident::fixtures::{hypothesis, person};
    use crate::incident::tests::History;
    use crate::record::Event;
    use crate::report::Cause;

    #[test]
    fn feedback_is_a_persons_word_on_an_answer() {
        let mut history = History::open();
        let word = |right, cause| Event::FeedbackGiven {
            right,
            cause,
            note: None,
        };
        let reason = |ruling: Result<(), Illegal>| ruling.expect_err("is refused").reason;
        let early = reason(history.add(person("ada"), word(true, None)));
        assert!(early.contains("no answer yet"), "{early}");
        history.explained().expect("legal");
        let said = hypothesis(&["E1"]).cause;
        let other = Cause::Outside {
            dependency: "bank".to_owned(),
        };
        let same = reason(history.add(person("ada"), word(false, Some(said.clone()))));
        assert!(same.contains("mark it right"), "{same}");
        let both = reason(history.add(person("ada"), word(true, Some(other.clone()))));
        assert!(both.contains("no other true cause"), "{both}");
        let agents = reason(history.agent(Agent::Analyst, word(true, None)));
        assert!(agents.contains("may not write"), "{agents}");
        history.add(person("ada"), word(true, None)).expect("legal");
        // The later word counts, also after the end.
        let resolved = Event::Resolved {
            says: "over".to_owned(),
            evidence: None,
        };
        history.add(person("ada"), resolved).expect("legal");
        let corrected = word(false, Some(other.clone()));
        history.add(person("ben"), corrected).expect("legal");
        let given = history.incident.feedback.clone().expect("was given");
        assert_eq!((given.by.as_str(), given.right), ("ben", false));
        assert_eq!((&given.said, given.confidence), (&said, 0.8));
        assert_eq!(given.truth(), Some(&other));
        let shown = crate::Summary::from(&history.incident);
        assert_eq!(shown.feedback_cause.as_deref(), Some("bank (outside)"));
    }
}
