//! A record's event as a sentence.

use model::{ClosedAs, Event, ExecutionResult, Recovery, Topic};

pub fn of(event: &Event) -> String {
    match event {
        Event::Opened {
            severity_reason, ..
        } => format!("opened: {severity_reason}"),
        Event::FindingAttached {
            finding, reason, ..
        } => format!("{} ({reason})", finding.evidence.says),
        Event::SeverityChanged { severity, reason } => {
            format!("severity is {} now: {reason}", severity.name())
        }
        Event::Acknowledged { owner, note } => {
            with(&format!("{owner} has it"), note.as_deref().unwrap_or(""))
        }
        Event::NoteAdded { text } => text.clone(),
        Event::PersonNeeded { reason } => format!("a person is asked: {reason}"),
        Event::FeedbackGiven { right, cause, note } => {
            let word = if *right { "right" } else { "wrong" };
            let mut said = format!("the answer was {word}");
            if let Some(cause) = cause {
                said.push_str(&format!(", it was {cause}"));
            }
            with(&said, note.as_deref().unwrap_or(""))
        }
        Event::Mitigated { says } => format!("mitigated: {says}"),
        Event::Resolved { says, .. } => format!("resolved: {says}"),
        Event::Reopened { reason, .. } => format!("opened again: {reason}"),
        Event::Closed { r#as, reason } => match r#as {
            ClosedAs::FalseAlarm {} => format!("closed as a false alarm: {reason}"),
            ClosedAs::Duplicate { of } => format!("closed as a duplicate of {of}: {reason}"),
        },
        Event::NoticeSent { channel, topic, .. } => {
            format!("{channel} was told about {}", topic_in_words(*topic))
        }
        Event::NoticeHeld {
            channel, topic, by, ..
        } => {
            let topic = topic_in_words(*topic);
            format!("{channel} was not told about {topic}: {}", by.says())
        }
        Event::Snoozed { until, reason } => format!("snoozed until {until}: {reason}"),
        Event::InvestigationStarted { .. } => "the investigation began".to_owned(),
        Event::InvestigationFailed { reason, known, .. } => {
            with(&format!("the investigation failed: {reason}"), known)
        }
        Event::ReportRecorded { report, .. } => report.conclusion.clone(),
        Event::NothingToPropose { reason } => format!("nothing to propose: {reason}"),
        other => of_proposal(other),
    }
}

fn of_proposal(event: &Event) -> String {
    match event {
        Event::Proposed { proposal, .. } => {
            let kind = proposal.action.kind.name().replace('_', " ");
            let (id, target) = (&proposal.id, &proposal.action.target);
            format!("{id} proposed: {kind} {target}: {}", proposal.why)
        }
        Event::Decided {
            proposal,
            approve,
            reason,
            break_glass,
            ..
        } => {
            let verb = match (approve, break_glass) {
                (true, true) => "approved alone, by break-glass",
                (true, false) => "approved",
                (false, _) => "rejected",
            };
            with(&format!("{proposal} {verb}"), reason)
        }
        Event::AutomationDecided {
            proposal,
            rule,
            shadow,
            reasons,
            ..
        } => {
            let verb = match shadow {
                true => "would have run without a person",
                false => "may run without a person",
            };
            let said = format!("{proposal} {verb}, by the rule {rule:?}");
            with(&said, &reasons.join("; "))
        }
        Event::VerdictReached {
            proposal, reason, ..
        } => with(&format!("verdict on {proposal}"), reason),
        Event::ApprovalVoided {
            proposal, reason, ..
        } => with(
            &format!("the approval of {proposal} counts no more"),
            reason,
        ),
        Event::ExecutionStarted { proposal, .. } => format!("{proposal} is being executed"),
        Event::ExecutionFinished {
            proposal,
            result,
            says,
            ..
        } => {
            let ended = match result {
                ExecutionResult::Succeeded => "executed",
                ExecutionResult::Failed => "failed",
                ExecutionResult::Unknown => "may have been executed or not",
            };
            with(&format!("{proposal} {ended}"), says)
        }
        Event::RecoveryChecked {
            proposal,
            recovery,
            says,
            ..
        } => {
            let seen = match recovery {
                Recovery::Recovered => "helped",
                Recovery::NoEffect => "had no effect",
                Recovery::Worse => "made it worse",
                Recovery::Unknown => "can't be judged",
            };
            with(&format!("{proposal} {seen}"), says)
        }
        other => asked(other),
    }
}

/// What people ask for, take back, and say afterwards.
fn asked(event: &Event) -> String {
    match event {
        Event::ActionRequested { action, why, .. } => {
            let kind = action.kind.name().replace('_', " ");
            with(&format!("asked for: {kind} {}", action.target), why)
        }
        Event::RequestRefused { reason, .. } => {
            format!("what was asked for can't be offered: {reason}")
        }
        Event::Withdrawn { proposal, reason } => {
            with(&format!("{proposal} was taken off the table"), reason)
        }
        Event::BreakGlassReviewed {
            proposal,
            justified,
            note,
        } => {
            let word = if *justified {
                "justified"
            } else {
                "not justified"
            };
            with(&format!("the break-glass for {proposal} was {word}"), note)
        }
        other => of_people(other),
    }
}

/// What people make of the incident itself.
fn of_people(event: &Event) -> String {
    match event {
        Event::Edited { title, impact } => {
            let title = title.as_ref().map(|title| format!("called {title:?} now"));
            let impact = impact.as_deref().map(|impact| match impact.trim() {
                "" => "nobody knows the impact any more".to_owned(),
                impact => format!("impact: {impact}"),
            });
            let parts: Vec<String> = title.into_iter().chain(impact).collect();
            parts.join("; ")
        }
        Event::Assigned { to, reason } => with(&format!("given to {}", to.name()), reason),
        Event::HandedOver { from, to, note } => {
            with(&format!("{from} handed it over to {}", to.name()), note)
        }
        Event::MergedInto { into, reason } => with(&format!("merged into {into}"), reason),
        Event::Absorbed {
            incident, reason, ..
        } => with(&format!("{incident} was merged into this one"), reason),
        Event::SplitOff {
            findings,
            into,
            reason,
        } => {
            let findings = findings.join(", ");
            with(&format!("{findings} split off as {into}"), reason)
        }
        Event::Voided { reason } => with("voided, declared by mistake", reason),
        other => other.name().replace('_', " "),
    }
}

fn topic_in_words(topic: Topic) -> &'static str {
    match topic {
        Topic::Incident => "the incident",
        Topic::Report => "the report",
        Topic::ApprovalWanted => "what waits for approval",
        Topic::Assigned => "whose it is",
        Topic::BreakGlass => "a decision made alone",
        Topic::Outcome => "the outcome",
        Topic::PersonNeeded => "a person being needed",
    }
}

fn with(said: &str, reason: &str) -> String {
    match reason.trim() {
        "" => said.to_owned(),
        reason => format!("{said}: {reason}"),
    }
}
