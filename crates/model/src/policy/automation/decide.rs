//! Whether an offer may run without a person.

use serde_json::Value;

use super::history::{AutomaticRun, Band, History};
use super::reason::{Reason, ReasonKey};
use super::{AutomationMode, AutomationRule, SafeAction};
use crate::action::{Action, ActionKind};
use crate::incident::{ProposalStage, ProposalState};
use crate::policy::{Policy, RiskTier};
use crate::report::{Hypothesis, Report};
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
/// A budget is of any 24 hours, not of a calendar's day: else midnight would double it.
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// The parameter that names the one instance to restart.
const INSTANCE: &str = "instance";
const REPLICAS: &str = "replicas";

/// What is to become of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Automation {
    /// It may run by this rule; why, in words.
    Run { rule: String, reasons: Vec<String> },
    /// It would have, and the rule only records it.
    Shadow { rule: String, reasons: Vec<String> },
    /// It waits for people; all reasons.
    No { reasons: Vec<Reason> },
}

/// Reasons against it, and what speaks for it.
#[derive(Default)]
struct Held {
    against: Vec<Reason>,
    speaks: Vec<String>,
}

impl Held {
    fn no(&mut self, key: ReasonKey, says: impl Into<String>) {
        self.against.push(Reason::new(key, says));
    }

    fn yes(&mut self, says: impl Into<String>) {
        self.speaks.push(says.into());
    }
}

/// How far back what ran by itself must be known, in milliseconds: a day, or the longest cool-down.
pub fn looks_back_ms(policy: &Policy) -> i64 {
    let rules = policy.automation.iter();
    let longest = rules.map(|rule| i64::from(rule.cool_down_minutes) * MINUTE_MS);
    longest.max().unwrap_or(0).max(DAY_MS)
}

/// An offer under one rule, with all that it is held against.
struct Case<'a> {
    policy: &'a Policy,
    rule: &'a AutomationRule,
    state: &'a ProposalState,
    report: Option<&'a Report>,
    history: &'a History,
    now: Timestamp,
}

/// What is to become of an offer without a person. Of several rules the first that lets it run
/// counts, then the first that would have; a no names the reasons of all rules.
pub fn decide(
    policy: &Policy,
    state: &ProposalState,
    report: Option<&Report>,
    history: &History,
    now: Timestamp,
) -> Automation {
    let action = &state.proposal.action;
    let covering = policy.automation.iter();
    let covering = covering.filter(|rule| rule.covers(action.kind, &action.target));
    let mut reasons: Vec<Reason> = Vec::new();
    let mut shadow = None;
    let mut any = false;
    for rule in covering {
        any = true;
        let case = Case {
            policy,
            rule,
            state,
            report,
            history,
            now,
        };
        let mut held = case.held();
        case.once(&mut held);
        if state.stage != ProposalStage::Pending {
            let (id, stage) = (&state.proposal.id, state.stage.name());
            held.no(ReasonKey::NotOpen, format!("{id} is {stage} already"));
        }
        let name = rule.name.clone();
        match (held.against.is_empty(), rule.mode) {
            (true, AutomationMode::On) => {
                return Automation::Run {
                    rule: name,
                    reasons: held.speaks,
                };
            }
            (true, AutomationMode::Shadow) if shadow.is_none() => {
                shadow = Some(Automation::Shadow {
                    rule: name,
                    reasons: held.speaks,
                });
            }
            _ => {
                for reason in held.against {
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                }
            }
        }
    }
    if !any {
        let says = format!(
            "no rule of the policy lets {} on {} run without a person",
            action.kind.name(),
            action.target
        );
        reasons.push(Reason::new(ReasonKey::NoRule, says));
    }
    shadow.unwrap_or(Automation::No { reasons })
}

/// Whether a rule could let it run or say that it would have, were all that isn't looked at yet as
/// it must be: what is cheap to know is asked before history and target are read.
pub fn is_worth_looking(
    policy: &Policy,
    state: &ProposalState,
    report: Option<&Report>,
    history: &History,
    now: Timestamp,
) -> bool {
    let action = &state.proposal.action;
    let covering = policy.automation.iter();
    let mut covering = covering.filter(|rule| rule.covers(action.kind, &action.target));
    covering.any(|rule| {
        let case = Case {
            policy,
            rule,
            state,
            report,
            history,
            now,
        };
        let mut held = case.held();
        case.once(&mut held);
        held.against.iter().all(|reason| reason.key.is_unseen())
    })
}

/// Whether what was decided without a person holds at this moment: what the Executor asks right
/// before it acts, with the target just read. All of [`decide`] is worked out anew from the policy
/// that this process has; the record is believed in nothing.
pub fn still_holds(
    policy: &Policy,
    state: &ProposalState,
    report: Option<&Report>,
    history: &History,
    now: Timestamp,
) -> Result<(), Vec<Reason>> {
    let refused = |key, says: String| Err(vec![Reason::new(key, says)]);
    let id = &state.proposal.id;
    let Some(made) = state.automation.as_ref().filter(|_| state.is_automatic()) else {
        return refused(
            ReasonKey::NotOpen,
            format!("nothing that is in force lets {id} run without a person"),
        );
    };
    let action = &state.proposal.action;
    let rule = policy.automation.iter().find(|rule| rule.name == made.rule);
    let rule = rule.filter(|rule| rule.covers(action.kind, &action.target));
    let Some(rule) = rule else {
        return refused(
            ReasonKey::NoRule,
            format!(
                "the policy has no rule {:?} for {} on {}",
                made.rule,
                action.kind.name(),
                action.target
            ),
        );
    };
    let case = Case {
        policy,
        rule,
        state,
        report,
        history,
        now,
    };
    let mut held = case.held();
    case.once_of_others(&mut held);
    if rule.mode == AutomationMode::Shadow {
        held.no(
            ReasonKey::Off,
            format!("{}: the rule only records what it would do", rule.name),
        );
    }
    match held.against.is_empty() {
        true => Ok(()),
        false => Err(held.against),
    }
}

impl Case<'_> {
    /// All that must hold when it is decided and when it begins.
    fn held(&self) -> Held {
        let mut held = Held::default();
        self.terms(&mut held);
        self.people(&mut held);
        self.bound(&mut held);
        self.undo(&mut held);
        self.answer(&mut held);
        self.budget(&mut held);
        self.moment(&mut held);
        held
    }

    /// The policy's part.
    fn terms(&self, held: &mut Held) {
        let (policy, rule, proposal) = (self.policy, self.rule, &self.state.proposal);
        let name = &rule.name;
        if rule.mode == AutomationMode::Off {
            held.no(ReasonKey::Off, format!("the rule {name:?} is off"));
        }
        let kind = proposal.action.kind;
        if policy.tier_of(kind) == RiskTier::High || proposal.risk == RiskTier::High {
            held.no(
                ReasonKey::HighRisk,
                format!(
                    "{} is of high risk: that never runs without a person",
                    kind.name()
                ),
            );
        }
        let version = policy.version();
        if proposal.policy_version != version {
            held.no(
                ReasonKey::OtherPolicy,
                format!(
                    "{} was offered under {}, and {version} is in force",
                    proposal.id, proposal.policy_version
                ),
            );
        } else if rule.mode == AutomationMode::On && !proposal.automation.contains(name) {
            held.no(
                ReasonKey::OtherPolicy,
                format!("the seal of {} doesn't name the rule {name:?}", proposal.id),
            );
        }
    }

    /// What people have to do with it.
    fn people(&self, held: &mut Held) {
        let proposal = &self.state.proposal;
        if proposal.is_asked_for() {
            let names = proposal.requesters.iter().map(|one| one.name.as_str());
            let names: Vec<&str> = names.collect();
            let who = match names.is_empty() {
                true => "a person".to_owned(),
                false => names.join(", "),
            };
            held.no(
                ReasonKey::AskedFor,
                format!("{who} asked for {}: people decide on it", proposal.id),
            );
        }
        let no = self.state.decisions.iter().find(|made| !made.approve);
        if let Some(no) = no {
            held.no(
                ReasonKey::SaidNo,
                format!("{} said no: {}", no.actor.label(), no.reason),
            );
        } else if let Some(refused) = &self.history.here.refused {
            held.no(
                ReasonKey::SaidNo,
                format!("a person didn't want the same action in this incident: {refused}"),
            );
        }
    }

    fn bound(&self, held: &mut Held) {
        let proposal = &self.state.proposal;
        let fits = match &self.rule.action {
            SafeAction::Scale {
                at_most_more,
                at_most,
            } => scale(self.state, *at_most_more, *at_most),
            SafeAction::CacheClear { .. } => match proposal.action.parameters.is_empty() {
                true => Ok("a cache is cleared".to_owned()),
                false => Err("a cache is cleared without parameters, and it has some".to_owned()),
            },
            SafeAction::Restart { stateless, .. } => restart(self.state, stateless),
        };
        match fits {
            Ok(says) => held.yes(says),
            Err(says) => held.no(ReasonKey::Bound, says),
        }
    }

    /// An undo, or the rule's word on how it ends by itself.
    fn undo(&self, held: &mut Held) {
        let proposal = &self.state.proposal;
        match (self.rule.action.ends_by_itself(), &proposal.undo) {
            (Some(ends), None) => held.yes(format!("it ends by itself: {ends}")),
            (None, None) => held.no(ReasonKey::NoUndo, "there is no undo"),
            (_, Some(undo)) if brings_back(self.state, undo) => {
                held.yes(format!("{} undoes it", undo.kind.name()));
            }
            (_, Some(_)) => held.no(
                ReasonKey::NoUndo,
                "the undo doesn't bring back what was there",
            ),
        }
    }

    /// The report's first answer, and how such answers fared here.
    fn answer(&self, held: &mut Held) {
        let Some(first) = self.first(held) else {
            return;
        };
        let (said, line) = (first.confidence, self.rule.confidence_at_least);
        if said.is_nan() || said < line {
            held.no(
                ReasonKey::Confidence,
                format!("the answer is {said:.2} sure, and the rule asks for {line:.2}"),
            );
        } else {
            held.yes(format!(
                "the answer is {said:.2} sure, {line:.2} is asked for"
            ));
        }
        self.confirmed(Band::of(said), held);
    }

    /// The answer that the offer rests on, where it is the report's first.
    fn first(&self, held: &mut Held) -> Option<&Hypothesis> {
        let proposal = &self.state.proposal;
        let report = self.report.filter(|report| report.known);
        let Some(first) = report.and_then(Report::first) else {
            held.no(ReasonKey::NoAnswer, "there is no answer to rest on");
            return None;
        };
        if let Some(doubt) = &self.history.here.doubt {
            held.no(ReasonKey::NoAnswer, doubt);
        }
        if self.state.older_report {
            held.no(
                ReasonKey::NoAnswer,
                format!("there is a later report than the one {} is of", proposal.id),
            );
        }
        if proposal.hypothesis.as_ref() != Some(&first.id) || proposal.evidence != first.supports {
            let treats = proposal.hypothesis.as_deref().unwrap_or("no answer");
            held.no(
                ReasonKey::NoAnswer,
                format!(
                    "{} treats {treats}, and the report's first answer is {}",
                    proposal.id, first.id
                ),
            );
        }
        Some(first)
    }

    /// As in a reliability diagram (DeGroot and Fienberg, 1983): of the answers that were so sure,
    /// the share that was right must not lie under the band's lower edge.
    fn confirmed(&self, band: Band, held: &mut Held) {
        let (from, to) = (band.from() * 100.0, band.to() * 100.0);
        let asked = self.rule.confirmed_answers;
        let answers = self.history.answers.filter(|answers| answers.band == band);
        let Some(answers) = answers else {
            held.no(
                ReasonKey::Unconfirmed,
                format!(
                    "nobody counted the answers that were {from:.0} to {to:.0} % sure: {asked} must be confirmed"
                ),
            );
            return;
        };
        let (right, judged) = (answers.right, answers.right.saturating_add(answers.wrong));
        if right < u64::from(asked) {
            held.no(
                ReasonKey::Unconfirmed,
                format!(
                    "{right} answers that were {from:.0} to {to:.0} % sure were confirmed here, and the rule asks for {asked}"
                ),
            );
        }
        if band.is_over(right, judged) {
            held.no(
                ReasonKey::HitRate,
                format!(
                    "of {judged} answers that were {from:.0} to {to:.0} % sure {right} were right: fewer than they said"
                ),
            );
        }
        held.yes(format!(
            "of {judged} answers that were {from:.0} to {to:.0} % sure {right} were confirmed here"
        ));
    }

    /// Runs on this service, by whatever rule. Shadow mode holds itself against its own too.
    fn budget(&self, held: &mut Held) {
        let (rule, now) = (self.rule, self.now);
        let service = &self.state.proposal.action.target;
        let cool_down_ms = i64::from(rule.cool_down_minutes) * MINUTE_MS;
        let needed = now.plus_ms(-DAY_MS.max(cool_down_ms));
        if self.history.runs_since.is_none_or(|since| since > needed) {
            held.no(
                ReasonKey::HistoryUnknown,
                format!("what ran by itself since {needed} isn't all known"),
            );
        }
        let shadow = rule.mode != AutomationMode::On;
        let mine = |run: &&AutomaticRun| run.service == *service && (shadow || !run.shadow);
        let runs: Vec<&AutomaticRun> = self.history.runs.iter().filter(mine).collect();
        // A run that lies in the future, by another process's clock, counts like one of now.
        let within = |run: &&&AutomaticRun, ms: i64| now.ms().saturating_sub(run.at.ms()) < ms;
        let today = runs.iter().filter(|run| within(run, DAY_MS)).count();
        let most = rule.per_service_and_day;
        if today >= most as usize {
            held.no(
                ReasonKey::Budget,
                format!("{today} of {most} automatic runs on {service} in 24 hours are used up"),
            );
        } else {
            held.yes(format!(
                "{today} of {most} automatic runs on {service} in 24 hours were used"
            ));
        }
        let last = runs.iter().filter(|run| within(run, cool_down_ms));
        if let Some(last) = last.map(|run| run.at).max() {
            let ends = last.plus_ms(cool_down_ms);
            held.no(
                ReasonKey::CoolDown,
                format!("something ran by itself on {service} at {last}: not again before {ends}"),
            );
        }
    }

    /// How things stand right now.
    fn moment(&self, held: &mut Held) {
        let proposal = &self.state.proposal;
        let (action, now) = (&proposal.action, self.now);
        if now >= proposal.expires {
            held.no(
                ReasonKey::NotOpen,
                format!("{} expired at {}", proposal.id, proposal.expires),
            );
        }
        if let Some(stopped) = &self.history.stopped {
            held.no(
                ReasonKey::Stopped,
                format!("everything is stopped: {stopped}"),
            );
        }
        if let Some(freeze) = self.policy.frozen(action.kind, &action.target, now) {
            held.no(
                ReasonKey::Frozen,
                format!("the freeze {:?} holds it back", freeze.name),
            );
        }
        match self.history.revision {
            None => held.no(
                ReasonKey::TargetUnread,
                format!("{} was not read just now", action.target),
            ),
            Some(revision) if revision != proposal.observed.revision => held.no(
                ReasonKey::Drift,
                format!("{} changed since this was offered", action.target),
            ),
            Some(_) => held.yes(format!("{} is as it was when offered", action.target)),
        }
    }

    /// Never twice for one incident, whatever became of the first.
    fn once(&self, held: &mut Held) {
        self.once_of_others(held);
        if let Some(made) = &self.state.automation
            && self.weighs(made.shadow)
        {
            let id = &self.state.proposal.id;
            held.no(
                ReasonKey::OncePerIncident,
                format!("{id} was decided on without a person already"),
            );
        }
    }

    fn once_of_others(&self, held: &mut Held) {
        if let Some((id, shadow)) = &self.history.here.decided
            && self.weighs(*shadow)
        {
            held.no(
                ReasonKey::OncePerIncident,
                format!("{id} was decided on without a person: never twice for one incident"),
            );
        }
    }

    /// Shadow's records hold back shadow only.
    fn weighs(&self, shadow: bool) -> bool {
        !shadow || self.rule.mode != AutomationMode::On
    }
}

/// The replicas that an action names, where it names nothing else.
fn wanted(action: &Action) -> Option<u64> {
    match action.parameters.len() {
        1 => action.parameters.get(REPLICAS).and_then(Value::as_u64),
        _ => None,
    }
}

/// The replicas that the target had when this was offered.
fn present(state: &ProposalState) -> Option<u64> {
    let observed = &state.proposal.observed.state;
    observed.get(REPLICAS).and_then(Value::as_u64)
}

fn scale(state: &ProposalState, at_most_more: u32, at_most: u32) -> Result<String, String> {
    let Some(wanted) = wanted(&state.proposal.action) else {
        return Err("it isn't just a number of instances".to_owned());
    };
    let Some(now) = present(state) else {
        return Err("how many instances there are isn't known".to_owned());
    };
    if wanted <= now {
        return Err(format!(
            "{wanted} instances instead of {now} are not more: it is never scaled down"
        ));
    }
    let more = wanted - now;
    if more > u64::from(at_most_more) || wanted > u64::from(at_most) {
        return Err(format!(
            "{more} more instances, {wanted} in all: the rule allows {at_most_more} more, {at_most} in all"
        ));
    }
    Ok(format!(
        "{more} more instances, {wanted} in all; {at_most_more} more and {at_most} in all are allowed"
    ))
}

fn restart(state: &ProposalState, stateless: &[String]) -> Result<String, String> {
    let action = &state.proposal.action;
    let target = &action.target;
    if !stateless.contains(target) {
        return Err(format!(
            "{target} isn't among the services that keep no state"
        ));
    }
    let named = action.parameters.get(INSTANCE).and_then(Value::as_str);
    match (action.parameters.len(), named) {
        (1, Some(instance)) if !instance.trim().is_empty() => {
            Ok(format!("one instance of {target} ({instance}) restarts"))
        }
        (0, _) if present(state) == Some(1) => {
            Ok(format!("the only instance of {target} restarts"))
        }
        _ => Err(format!(
            "it isn't the restart of one instance of {target} alone"
        )),
    }
}

/// Whether an undo brings the target back to what it was when this was offered.
fn brings_back(state: &ProposalState, undo: &Action) -> bool {
    let action = &state.proposal.action;
    if undo.target != action.target {
        return false;
    }
    match action.kind {
        ActionKind::Scale => {
            undo.kind == ActionKind::Scale
                && wanted(undo).is_some()
                && wanted(undo) == present(state)
        }
        // What has an undo where none is needed has another one than is known here.
        _ => false,
    }
}
