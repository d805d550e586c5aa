//! Each reason why something doesn't run by itself, and what a policy may not say.

use indexmap::IndexMap;
use serde_json::json;

use super::*;
use crate::actor::Actor;
use crate::digest::Digest;
use crate::incident::{AutomationMade, DecisionMade, ProposalStage, ProposalState};
use crate::policy::example::{Alone, Example, Expected};
use crate::policy::{Freeze, Policy};
use crate::proposal::Requester;
use crate::report::Report;
use crate::time::Timestamp;

const HOUR_MS: i64 = 60 * 60 * 1000;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-27T03:00:00Z").expect("valid")
}

fn rule(action: SafeAction, mode: AutomationMode) -> AutomationRule {
    AutomationRule {
        name: "more of it".to_owned(),
        mode,
        action,
        services: Vec::new(),
        confidence_at_least: 0.85,
        confirmed_answers: 20,
        per_service_and_day: 2,
        cool_down_minutes: 60,
    }
}

fn scale() -> SafeAction {
    SafeAction::Scale {
        at_most_more: 2,
        at_most: 6,
    }
}

fn cache() -> SafeAction {
    SafeAction::CacheClear {
        ends_by_itself: "it fills again within ten minutes".to_owned(),
    }
}

fn restart() -> SafeAction {
    SafeAction::Restart {
        stateless: vec!["checkout".to_owned()],
        ends_by_itself: "the instance is back within a minute".to_owned(),
    }
}

fn policy(action: SafeAction, mode: AutomationMode) -> Policy {
    Policy {
        automation: vec![rule(action, mode)],
        ..Policy::default()
    }
}

/// An offer, its report and what was before: as it would run.
struct Question {
    policy: Policy,
    state: ProposalState,
    report: Report,
    history: History,
}

impl Question {
    fn of(policy: Policy) -> Self {
        let action = &policy.automation[0].action;
        let parameters = match action {
            SafeAction::Scale { .. } => IndexMap::from([("replicas".to_owned(), json!(4))]),
            SafeAction::Restart { .. } => IndexMap::from([("instance".to_owned(), json!("a-1"))]),
            SafeAction::CacheClear { .. } => IndexMap::new(),
        };
        let alone = Alone {
            confidence: 0.9,
            confirmed: 20,
            wrong: 5,
            observed: IndexMap::from([("replicas".to_owned(), json!(2))]),
            ran: Vec::new(),
            shadowed: Vec::new(),
            ran_in_this_incident: false,
            rejected_by: Vec::new(),
            doubtful: false,
            stopped: false,
            drifted: false,
        };
        let example = Example {
            name: "an example".to_owned(),
            kind: action.kind(),
            target: "checkout".to_owned(),
            at: now(),
            requested_by: None,
            on_call: None,
            approved_by: Vec::new(),
            break_glass_by: None,
            parameters,
            automation: Some(alone.clone()),
            expect: Expected::Run,
            because: Vec::new(),
        };
        let (state, report, history) = alone.question(&example, &policy);
        Self {
            policy,
            state,
            report,
            history,
        }
    }

    fn usual() -> Self {
        Self::of(policy(scale(), AutomationMode::On))
    }

    fn ask(&self) -> Automation {
        decide(
            &self.policy,
            &self.state,
            Some(&self.report),
            &self.history,
            now(),
        )
    }

    fn keys(&self) -> Vec<ReasonKey> {
        match self.ask() {
            Automation::No { reasons } => {
                assert!(reasons.iter().all(|reason| !reason.says.is_empty()));
                reasons.into_iter().map(|reason| reason.key).collect()
            }
            _ => Vec::new(),
        }
    }

    fn ran(&mut self, ms_ago: i64, shadow: bool) {
        self.history.runs.push(AutomaticRun {
            service: "checkout".to_owned(),
            at: now().plus_ms(-ms_ago),
            shadow,
        });
    }

    /// As the fold keeps it after the Executor's record.
    fn decided(mut self) -> Self {
        self.state.automation = Some(AutomationMade {
            rule: "more of it".to_owned(),
            at: now(),
            shadow: false,
            reasons: vec!["why".to_owned()],
            void: None,
        });
        self.state.stage = ProposalStage::Approved;
        self
    }

    fn holds(&self) -> Vec<ReasonKey> {
        let held = still_holds(
            &self.policy,
            &self.state,
            Some(&self.report),
            &self.history,
            now(),
        );
        held.map_or_else(
            |reasons| reasons.into_iter().map(|reason| reason.key).collect(),
            |()| Vec::new(),
        )
    }
}

fn with(change: impl FnOnce(&mut Question)) -> Vec<ReasonKey> {
    let mut question = Question::usual();
    change(&mut question);
    question.keys()
}

fn no_by(name: &str) -> DecisionMade {
    DecisionMade {
        actor: Actor::Person {
            subject: format!("person:{name}"),
            name: name.to_owned(),
            via: "session".to_owned(),
        },
        at: now(),
        approve: false,
        reason: "not now".to_owned(),
        break_glass: false,
    }
}

#[test]
fn each_of_the_three_runs_where_all_holds_and_shadow_only_says_so() {
    for action in [scale(), cache(), restart()] {
        let Automation::Run { rule, reasons } =
            Question::of(policy(action.clone(), AutomationMode::On)).ask()
        else {
            panic!("{action:?} runs");
        };
        assert_eq!(rule, "more of it");
        assert!(reasons.len() >= 5, "{reasons:?}");
        let shadow = Question::of(policy(action.clone(), AutomationMode::Shadow));
        assert!(matches!(shadow.ask(), Automation::Shadow { .. }));
        assert!(shadow.state.proposal.automation.is_empty(), "not sealed");
        let off = Question::of(policy(action, AutomationMode::Off));
        assert_eq!(off.keys(), [ReasonKey::Off]);
    }
    assert_eq!(
        with(|question| question.policy.automation.clear())[0],
        ReasonKey::NoRule
    );
}

#[test]
fn only_under_the_policy_that_it_is_sealed_with() {
    use ReasonKey::{HighRisk, NoRule, OtherPolicy};
    assert_eq!(
        with(|q| q.policy.approval_expires_s = 60),
        [OtherPolicy],
        "another version"
    );
    assert_eq!(
        with(|q| q.state.proposal.automation.clear()),
        [OtherPolicy],
        "the seal names no rule"
    );
    assert_eq!(
        with(|q| q.policy.automation[0].services = vec!["cart".to_owned()]),
        [NoRule]
    );
    assert_eq!(with(|q| q.state.proposal.risk = RiskTier::High), [HighRisk]);
    let risky = Policy {
        tier: [(ActionKind::Scale, RiskTier::High)].into(),
        ..policy(scale(), AutomationMode::On)
    };
    let question = Question::of(risky);
    assert!(question.state.proposal.automation.is_empty());
    assert!(question.keys().contains(&HighRisk));
}

#[test]
fn a_scale_goes_up_within_both_bounds_and_can_be_undone() {
    use ReasonKey::{Bound, NoUndo};
    let to = |count: u64| {
        with(|q| {
            q.state.proposal.action.parameters["replicas"] = json!(count);
        })
    };
    assert_eq!(to(3), []);
    assert_eq!(to(5), [Bound], "three more");
    assert_eq!(to(2), [Bound], "as many");
    assert_eq!(to(1), [Bound], "fewer");
    assert_eq!(
        with(|q| q.policy.automation[0].action = SafeAction::Scale {
            at_most_more: 9,
            at_most: 3
        })[..],
        [ReasonKey::OtherPolicy, Bound],
        "four in all"
    );
    let unknown = with(|q| q.state.proposal.observed.state = json!({}));
    assert_eq!(unknown, [Bound, NoUndo]);
    let more = with(|q| {
        let parameters = &mut q.state.proposal.action.parameters;
        parameters.insert("memory".to_owned(), json!("2Gi"));
    });
    assert_eq!(more, [Bound], "what it doesn't know");
    assert_eq!(with(|q| q.state.proposal.undo = None), [NoUndo]);
    let elsewhere = with(|q| {
        let undo = q.state.proposal.undo.as_mut().expect("one");
        undo.parameters["replicas"] = json!(1);
    });
    assert_eq!(elsewhere, [NoUndo]);
}

#[test]
fn one_instance_of_a_service_that_keeps_no_state_is_restarted() {
    let keys = |change: &dyn Fn(&mut Question)| {
        let mut question = Question::of(policy(restart(), AutomationMode::On));
        change(&mut question);
        question.keys()
    };
    assert_eq!(keys(&|_| {}), []);
    let all = keys(&|q| q.state.proposal.action.parameters.clear());
    assert_eq!(all, [ReasonKey::Bound], "of two instances");
    let only = keys(&|q| {
        q.state.proposal.action.parameters.clear();
        q.state.proposal.observed.state = json!({ "replicas": 1 });
    });
    assert_eq!(only, []);
    let stateful = keys(&|q| q.state.proposal.action.target = "database".to_owned());
    assert!(stateful.contains(&ReasonKey::Bound), "{stateful:?}");
    let mut cleared = Question::of(policy(cache(), AutomationMode::On));
    let parameters = &mut cleared.state.proposal.action.parameters;
    parameters.insert("all".to_owned(), json!(true));
    assert_eq!(cleared.keys(), [ReasonKey::Bound]);
}

#[test]
fn never_past_a_person() {
    use ReasonKey::{AskedFor, SaidNo};
    let asked = with(|q| {
        q.state.proposal.requesters.push(Requester {
            subject: "person:ada".to_owned(),
            name: "ada".to_owned(),
        });
    });
    assert_eq!(asked, [AskedFor]);
    assert_eq!(with(|q| q.state.proposal.request = Some(7)), [AskedFor]);
    assert_eq!(with(|q| q.state.decisions.push(no_by("ada"))), [SaidNo]);
    let before = with(|q| q.history.here.refused = Some("ada said no to P1: no".to_owned()));
    assert_eq!(before, [SaidNo]);
}

#[test]
fn an_answer_must_be_the_first_sure_and_borne_out_here() {
    use ReasonKey::{Confidence, HitRate, NoAnswer, Unconfirmed};
    assert_eq!(with(|q| q.report.hypotheses.clear()), [NoAnswer]);
    assert_eq!(with(|q| q.report.known = false), [NoAnswer]);
    assert_eq!(with(|q| q.state.older_report = true), [NoAnswer]);
    assert_eq!(
        with(|q| q.history.here.doubt = Some("doubtful".to_owned())),
        [NoAnswer]
    );
    assert_eq!(
        with(|q| q.state.proposal.hypothesis = Some("H2".to_owned())),
        [NoAnswer]
    );
    assert_eq!(with(|q| q.state.proposal.evidence.clear()), [NoAnswer]);
    let sure = |confidence| with(|q| q.report.hypotheses[0].confidence = confidence);
    assert_eq!(sure(0.85), [], "at the line");
    assert_eq!(sure(0.849), [Confidence]);
    assert_eq!(sure(0.7), [Confidence, Unconfirmed], "another band");
    assert_eq!(sure(f64::NAN), [Confidence, Unconfirmed]);
    let answers = |right, wrong| {
        with(|q| {
            let counted = q.history.answers.as_mut().expect("counted");
            (counted.right, counted.wrong) = (right, wrong);
        })
    };
    assert_eq!(answers(19, 0), [Unconfirmed]);
    assert_eq!(answers(20, 5), [], "four fifths, the band's lower edge");
    assert_eq!(answers(20, 6), [HitRate]);
    assert_eq!(answers(0, 0), [Unconfirmed]);
    assert_eq!(with(|q| q.history.answers = None), [Unconfirmed]);
}

#[test]
fn a_budget_and_a_cool_down_of_any_24_hours() {
    use ReasonKey::{Budget, CoolDown, HistoryUnknown};
    let ran = |ago: &[i64]| with(|q| ago.iter().for_each(|ms| q.ran(*ms, false)));
    assert_eq!(ran(&[2 * HOUR_MS]), []);
    assert_eq!(ran(&[2 * HOUR_MS, 23 * HOUR_MS]), [Budget]);
    assert_eq!(ran(&[2 * HOUR_MS, 24 * HOUR_MS]), [], "a day ago");
    assert_eq!(ran(&[HOUR_MS]), [], "the cool-down has ended");
    assert_eq!(ran(&[HOUR_MS - 1]), [CoolDown]);
    assert_eq!(ran(&[-HOUR_MS]), [CoolDown], "another's clock is ahead");
    assert_eq!(ran(&[1, 2]), [Budget, CoolDown]);
    let elsewhere = with(|q| {
        q.ran(1, false);
        q.history.runs[0].service = "cart".to_owned();
    });
    assert_eq!(elsewhere, []);
    assert_eq!(with(|q| q.ran(1, true)), [], "shadow used nothing up");
    let mut shadow = Question::of(policy(scale(), AutomationMode::Shadow));
    shadow.ran(1, true);
    assert_eq!(shadow.keys(), [CoolDown], "shadow holds itself back");
    assert_eq!(with(|q| q.history.runs_since = None), [HistoryUnknown]);
    let short = with(|q| q.history.runs_since = Some(now().plus_ms(-23 * HOUR_MS)));
    assert_eq!(short, [HistoryUnknown]);
}

#[test]
fn held_by_a_stop_a_freeze_drift_and_the_clock() {
    use ReasonKey::{Drift, Frozen, NotOpen, OncePerIncident, OtherPolicy, Stopped, TargetUnread};
    assert_eq!(
        with(|q| q.history.stopped = Some("ada: strange".to_owned())),
        [Stopped]
    );
    let frozen = with(|q| {
        q.policy.freeze.push(Freeze {
            name: "sale".to_owned(),
            from: "2026-11-27T00:00:00Z".to_owned(),
            to: "2026-11-28T00:00:00Z".to_owned(),
            days: Vec::new(),
            services: Vec::new(),
            kinds: Vec::new(),
        });
    });
    assert_eq!(frozen, [OtherPolicy, Frozen]);
    assert_eq!(with(|q| q.history.revision = Some(Digest::ZERO)), [Drift]);
    assert_eq!(with(|q| q.history.revision = None), [TargetUnread]);
    assert_eq!(with(|q| q.state.proposal.expires = now()), [NotOpen]);
    assert_eq!(
        with(|q| q.state.stage = ProposalStage::Withdrawn),
        [NotOpen]
    );
    let twice = with(|q| q.history.here.decided = Some(("P9".to_owned(), false)));
    assert_eq!(twice, [OncePerIncident]);
    let shadowed = with(|q| q.history.here.decided = Some(("P9".to_owned(), true)));
    assert_eq!(shadowed, [], "shadow ran nothing");
    let passing = |key: ReasonKey| key.is_passing();
    assert!(passing(Stopped) && passing(Frozen) && !passing(Drift));
}

#[test]
fn a_no_names_every_reason() {
    let keys = with(|q| {
        q.state.proposal.undo = None;
        q.report.hypotheses[0].confidence = 0.81;
        q.history.stopped = Some("ada".to_owned());
        q.ran(1, false);
        q.state.decisions.push(no_by("bob"));
    });
    use ReasonKey::{Confidence, CoolDown, NoUndo, SaidNo, Stopped};
    assert_eq!(keys, [SaidNo, NoUndo, Confidence, CoolDown, Stopped]);
}

#[test]
fn what_was_decided_is_worked_out_anew_before_it_begins() {
    let held = |change: &dyn Fn(&mut Question)| {
        let mut question = Question::usual().decided();
        change(&mut question);
        question.holds()
    };
    assert_eq!(held(&|_| {}), []);
    assert!(matches!(
        Question::usual().decided().ask(),
        Automation::No { .. }
    ));
    assert_eq!(held(&|q| q.state.automation = None), [ReasonKey::NotOpen]);
    let made = |q: &mut Question, change: &dyn Fn(&mut AutomationMade)| {
        q.state.automation.as_mut().map(change);
    };
    let voided = held(&|q| made(q, &|made| made.void = Some("ada said no".to_owned())));
    assert_eq!(voided, [ReasonKey::NotOpen]);
    let shadow = held(&|q| made(q, &|made| made.shadow = true));
    assert_eq!(shadow, [ReasonKey::NotOpen]);
    let forged = held(&|q| made(q, &|made| made.rule = "anything".to_owned()));
    assert_eq!(forged, [ReasonKey::NoRule]);
    assert_eq!(held(&|q| q.ran(1, false)), [ReasonKey::CoolDown]);
    let twice = held(&|q| q.history.here.decided = Some(("P9".to_owned(), false)));
    assert_eq!(twice, [ReasonKey::OncePerIncident]);
    let off = held(&|q| q.policy.automation[0].mode = AutomationMode::Shadow);
    assert!(off.contains(&ReasonKey::Off), "{off:?}");
}

#[test]
fn history_and_target_are_read_only_where_it_could_matter() {
    let worth = |change: &dyn Fn(&mut Question)| {
        let mut question = Question::usual();
        question.history = History::default();
        change(&mut question);
        let (report, history) = (Some(&question.report), &question.history);
        is_worth_looking(&question.policy, &question.state, report, history, now())
    };
    assert!(worth(&|_| {}));
    assert!(!worth(&|q| q.state.proposal.undo = None));
    assert!(!worth(&|q| q.state.decisions.push(no_by("ada"))));
    assert!(!worth(&|q| q.policy.automation.clear()));
    let other = |q: &mut Question| q.policy.automation[0].mode = AutomationMode::Off;
    assert!(!worth(&other));
    let day_ms = 24 * HOUR_MS;
    assert_eq!(looks_back_ms(&Policy::default()), day_ms);
    let mut policy = policy(scale(), AutomationMode::On);
    policy.automation[0].cool_down_minutes = MAX_COOL_DOWN_MINUTES;
    assert_eq!(looks_back_ms(&policy), 7 * day_ms);
}

#[test]
fn the_first_rule_that_lets_it_run_counts() {
    let mut policy = policy(scale(), AutomationMode::Shadow);
    policy.automation.push(AutomationRule {
        name: "second".to_owned(),
        ..rule(scale(), AutomationMode::On)
    });
    assert_eq!(policy.check(), Ok(()));
    let question = Question::of(policy);
    assert_eq!(question.state.proposal.automation, ["second"]);
    assert!(matches!(question.ask(), Automation::Run { rule, .. } if rule == "second"));
}

#[test]
fn what_a_policy_may_not_say() {
    let fault = |change: &dyn Fn(&mut AutomationRule)| {
        let mut policy = policy(scale(), AutomationMode::On);
        change(&mut policy.automation[0]);
        policy.check().expect_err("is refused")
    };
    assert_eq!(
        fault(&|rule| rule.confirmed_answers = 19),
        "automation[0]: \"more of it\": confirmed_answers: expected 20 to 10000, got 19"
    );
    assert_eq!(
        fault(&|rule| rule.confidence_at_least = 0.49),
        "automation[0]: \"more of it\": confidence_at_least: expected 0.5 to 1, got 0.49"
    );
    assert!(fault(&|rule| rule.confidence_at_least = f64::NAN).contains("got NaN"));
    assert!(fault(&|rule| rule.per_service_and_day = 0).contains("per_service_and_day"));
    assert!(fault(&|rule| rule.cool_down_minutes = 0).contains("cool_down_minutes"));
    assert!(fault(&|rule| rule.name = " ".to_owned()).contains("needs a name"));
    assert!(fault(&|rule| rule.services = vec![String::new()]).contains("services"));
    let bound = SafeAction::Scale {
        at_most_more: 0,
        at_most: 4,
    };
    assert!(fault(&|rule| rule.action = bound.clone()).contains("action.at_most_more"));
    let endless = SafeAction::CacheClear {
        ends_by_itself: String::new(),
    };
    assert!(fault(&|rule| rule.action = endless.clone()).contains("has no undo"));
    let any = SafeAction::Restart {
        stateless: Vec::new(),
        ends_by_itself: "it comes back".to_owned(),
    };
    assert!(fault(&|rule| rule.action = any.clone()).contains("keep no state"));
    let mut risky = policy(scale(), AutomationMode::Shadow);
    risky.tier.insert(ActionKind::Scale, RiskTier::High);
    assert!(
        risky
            .check()
            .is_err_and(|fault| fault.contains("high risk"))
    );
    let mut twice = policy(scale(), AutomationMode::On);
    twice.automation.push(twice.automation[0].clone());
    assert!(
        twice
            .check()
            .is_err_and(|fault| fault.contains("two rules"))
    );
}

#[test]
fn a_rule_is_read_strictly_and_is_off_unless_it_says_otherwise() {
    let text = r#"{"name": "more", "action": {"kind": "scale", "at_most_more": 1, "at_most": 4},
        "confidence_at_least": 0.9, "confirmed_answers": 20, "per_service_and_day": 1,
        "cool_down_minutes": 30}"#;
    let read: AutomationRule = serde_json::from_str(text).expect("a rule");
    assert_eq!(read.mode, AutomationMode::Off);
    for (from, to) in [
        ("\"name\"", "\"surprise\": 1, \"name\""),
        ("\"at_most\"", "\"surprise\": 1, \"at_most\""),
        ("\"scale\"", "\"rollback\""),
        ("\"cool_down_minutes\": 30", "\"mode\": \"on\""),
    ] {
        let wrong = text.replace(from, to);
        assert!(
            serde_json::from_str::<AutomationRule>(&wrong).is_err(),
            "{wrong}"
        );
    }
    let without = r#"{"kind": "cache_clear"}"#;
    assert!(serde_json::from_str::<SafeAction>(without).is_err());
    let more = r#"{"kind": "cache_clear", "ends_by_itself": "soon", "undo": "none"}"#;
    assert!(serde_json::from_str::<SafeAction>(more).is_err());
}

#[test]
fn rules_are_in_the_version_and_none_leaves_it_as_it_was() {
    let plain = serde_json::to_string(&Policy::default()).expect("writable");
    assert!(!plain.contains("automation"), "{plain}");
    let shadow = policy(scale(), AutomationMode::Shadow);
    assert_ne!(shadow.version(), Policy::default().version());
    assert_ne!(
        shadow.version(),
        policy(scale(), AutomationMode::On).version()
    );
}

#[test]
fn keys_are_stored_as_they_are_named() {
    let named = json!([
        ReasonKey::NoRule,
        ReasonKey::OncePerIncident,
        ReasonKey::HitRate
    ]);
    assert_eq!(named, json!(["no_rule", "once_per_incident", "hit_rate"]));
    assert_eq!(ReasonKey::OncePerIncident.name(), "once_per_incident");
}
