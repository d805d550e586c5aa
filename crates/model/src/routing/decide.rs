//! What is due now, to whom, and when to look again.

use std::collections::BTreeMap;

use super::history::{Anchor, FLAP_PERIOD_MS, FLAPS};
use super::{Callee, Facts, Hearing, HeldBy, History, News, Routing, Step};
use crate::notice::Topic;
use crate::silence::Silences;
use crate::time::Timestamp;

/// Reminders of one opening to one channel; whoever didn't hear those hears no others.
pub const MAX_REPEATS: u64 = 500;

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub routing: &'a Routing,
    /// Every channel that there is.
    pub channels: &'a [String],
    pub facts: &'a Facts,
    /// The records that people are told of, in their order.
    pub news: &'a [News],
    pub history: &'a History,
    pub silences: &'a Silences,
    /// The incident of a service that this one's calls, where there is one that people know of.
    pub callee: Option<&'a Callee>,
    pub now: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// In the order in which a channel is to be told.
    pub due: Vec<Due>,
    /// First tellings that wait for something.
    pub held: Vec<Held>,
    /// When something more may be due without any new record; `None`: never.
    pub next: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    pub channel: String,
    /// The `seq` of the record.
    pub about: u64,
    pub step: Step,
    pub topic: Topic,
    /// By which the other side knows the notice again.
    pub key: String,
    /// The route that leads to the channel, in words.
    pub why: String,
    /// `None`: it is told alone and at once.
    pub group: Option<Grouping>,
}

/// Which others it is told together with, and how long it waits for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    pub key: String,
    pub since: Timestamp,
    pub wait_ms: i64,
    pub interval_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub channel: String,
    pub about: u64,
    pub topic: Topic,
    pub by: HeldBy,
    /// Until then, where that is known.
    pub until: Option<Timestamp>,
    /// The journal doesn't say so yet.
    pub is_new: bool,
}

/// What is due of an incident.
pub fn decide(asked: &Question<'_>) -> Decision {
    let mut deciding = Deciding {
        asked,
        decision: Decision::default(),
    };
    let mut hearings: BTreeMap<&'static str, Vec<Hearing<'_>>> = BTreeMap::new();
    for news in asked.news {
        let topic = news.topic;
        let of_topic = hearings
            .entry(topic.name())
            .or_insert_with(|| deciding.hearings(topic));
        deciding.first(news, of_topic);
    }
    let open = hearings
        .remove(Topic::Incident.name())
        .unwrap_or_else(|| deciding.hearings(Topic::Incident));
    deciding.steps(&open);
    deciding.decision
}

struct Deciding<'q, 'a> {
    asked: &'q Question<'a>,
    decision: Decision,
}

/// What holds a notice, and until when, where that is known.
type Hold = (HeldBy, Option<Timestamp>);

impl<'a> Deciding<'_, 'a> {
    fn hearings(&self, topic: Topic) -> Vec<Hearing<'a>> {
        let Question {
            routing, channels, ..
        } = *self.asked;
        routing.hearings(channels, self.asked.facts.about(topic))
    }

    fn look_again(&mut self, at: Timestamp) {
        if self.asked.now < at {
            let next = self.decision.next.map_or(at, |next| next.min(at));
            self.decision.next = Some(next);
        }
    }

    /// The first telling of a record to each channel that hears of it.
    fn first(&mut self, news: &News, hearings: &[Hearing<'_>]) {
        let history = self.asked.history;
        if news.topic == Topic::BreakGlass {
            // An alarm is neither routed away nor held.
            for channel in self.asked.channels {
                self.tell(channel, news, None, "every channel hears a break-glass");
            }
            return;
        }
        if self.is_superseded(news) {
            return;
        }
        let mut heard: Vec<&str> = Vec::new();
        for hearing in hearings {
            for channel in &hearing.channels {
                if !heard.contains(&channel.as_str()) {
                    heard.push(channel);
                    self.first_to(channel, news, hearing, &hearing.path);
                }
            }
        }
        // Whoever was called later hears how it goes on.
        let joined = history.escalated().filter(|(_, seq)| *seq < news.seq);
        for (channel, _) in joined {
            if let (false, Some(hearing)) = (heard.contains(&channel), hearings.first()) {
                let why = format!("{}, called by an escalation", hearing.path);
                self.first_to(channel, news, hearing, &why);
            }
        }
    }

    fn first_to(&mut self, channel: &str, news: &News, hearing: &Hearing<'_>, why: &str) {
        let history = self.asked.history;
        if history.was_told(channel, news.seq, Step::First) || self.is_past(channel, news) {
            return;
        }
        if let Some((by, until)) = self.hold_of(channel, news, hearing) {
            if let Some(until) = until {
                self.look_again(until);
            }
            self.decision.held.push(Held {
                channel: channel.to_owned(),
                about: news.seq,
                topic: news.topic,
                is_new: !history.was_held(channel, news.seq, &by),
                by,
                until,
            });
            return;
        }
        let group = self.grouping(channel, news, hearing);
        self.tell(channel, news, group, why);
    }

    fn tell(&mut self, channel: &str, news: &News, group: Option<Grouping>, why: &str) {
        let was_told = self.asked.history.was_told(channel, news.seq, Step::First);
        if was_told || !self.asked.channels.iter().any(|known| known == channel) {
            return;
        }
        self.decision.due.push(Due {
            channel: channel.to_owned(),
            about: news.seq,
            step: Step::First,
            topic: news.topic,
            key: Step::First.key(&self.asked.facts.incident, news.seq),
            why: why.to_owned(),
            group,
        });
    }

    /// Over, and its opening was hidden from the channel: then so is all the rest of it.
    fn is_past(&self, channel: &str, news: &News) -> bool {
        let history = self.asked.history;
        let opening = history.opening(news.seq);
        self.asked.facts.status.is_over()
            && history.is_held_for_good(channel, opening)
            && !history.was_told(channel, opening, Step::First)
    }

    /// Of an incident that comes and goes only the last state is told.
    fn is_superseded(&self, news: &News) -> bool {
        let later = |other: &&News| other.is_state && other.seq > news.seq;
        news.topic.is_news()
            && self.asked.history.flaps(news.at) >= FLAPS
            && self.asked.news.iter().any(|other| later(&other))
    }

    fn hold_of(&self, channel: &str, news: &News, hearing: &Hearing<'_>) -> Option<Hold> {
        let hold = self.hold(news.topic, hearing);
        hold.or_else(|| self.flapping(channel, news.topic, news.at))
    }

    /// What holds any notice of the topic on this way.
    fn hold(&self, topic: Topic, hearing: &Hearing<'_>) -> Option<Hold> {
        let Question {
            now,
            facts,
            silences,
            ..
        } = *self.asked;
        if let Some((silence, until)) = silences.hiding(&facts.about(topic), now) {
            let silence = silence.id.clone();
            return Some((HeldBy::Silence { silence }, Some(until)));
        }
        let quiet = hearing.quiet.iter();
        let quiet = quiet.filter(|quiet| !quiet.passes.contains(&facts.severity));
        let ends = quiet.filter_map(|quiet| Some((quiet.hours.ends(now)?, quiet)));
        if let Some((until, quiet)) = ends.max_by_key(|(until, _)| *until) {
            let name = quiet.name.clone();
            return Some((HeldBy::QuietHours { name }, Some(until)));
        }
        // What somebody is asked for is asked whoever is to blame.
        let waits = topic.is_news() || topic == Topic::PersonNeeded;
        let callee = self.asked.callee.filter(|_| waits)?;
        let by = HeldBy::Callee {
            incident: callee.incident.clone(),
            path: callee.path.clone(),
        };
        Some((by, None))
    }

    fn flapping(&self, channel: &str, topic: Topic, at: Timestamp) -> Option<Hold> {
        let reopened = self.asked.history.flaps(at);
        if !topic.is_news() || reopened < FLAPS {
            return None;
        }
        let last = self.asked.history.last_told(channel, |_| true)?;
        let until = last.plus_ms(FLAP_PERIOD_MS);
        let by = HeldBy::Flapping { reopened };
        (self.asked.now < until).then_some((by, Some(until)))
    }

    fn grouping(&self, channel: &str, news: &News, hearing: &Hearing<'_>) -> Option<Grouping> {
        use crate::matcher::Fields;
        let fields = hearing.group_by.filter(|_| news.topic.is_news())?;
        let asked = self.asked.facts.about(news.topic);
        let values: Vec<String> = fields
            .iter()
            .map(|field| format!("{field}={:?}", asked.texts(field).join(",")))
            .collect();
        Some(Grouping {
            key: format!("{channel} {} {}", hearing.path, values.join(" ")),
            since: news.at,
            wait_ms: hearing.group_wait_ms,
            interval_ms: hearing.group_interval_ms,
        })
    }

    /// Reminders and escalations of what is open and nobody's.
    fn steps(&mut self, hearings: &[Hearing<'_>]) {
        let (history, now) = (self.asked.history, self.asked.now);
        if self.asked.facts.status.is_over() {
            return;
        }
        let Some(anchor) = history.anchor() else {
            return;
        };
        if let Some(until) = history.snoozed_until(now) {
            return self.look_again(until);
        }
        let mut reminded: Vec<String> = Vec::new();
        for hearing in hearings {
            if let Some((_, until)) = self.hold(Topic::Incident, hearing) {
                if let Some(until) = until {
                    self.look_again(until);
                }
                continue;
            }
            self.escalate(anchor, hearing);
            for channel in &hearing.channels {
                if !reminded.contains(channel) {
                    reminded.push(channel.clone());
                    self.remind(anchor, channel, hearing);
                }
            }
        }
    }

    fn escalate(&mut self, anchor: Anchor, hearing: &Hearing<'_>) {
        let Some(start) = self.start(anchor, hearing) else {
            return;
        };
        for (minutes, channels) in &hearing.escalation {
            let at = start.plus_ms(*minutes as i64 * 60_000);
            if self.asked.now < at {
                self.look_again(at);
                continue;
            }
            for channel in channels {
                let why = format!("{}: nobody took it for {minutes} minutes", hearing.path);
                self.step(anchor, channel, Step::Escalation(*minutes), why);
            }
        }
    }

    /// When the time without anybody began: at the opening, or when what held it let go of it, where
    /// that is known. A channel that can't be reached delays nothing. `None`: it is held.
    fn start(&self, anchor: Anchor, hearing: &Hearing<'_>) -> Option<Timestamp> {
        let history = self.asked.history;
        if anchor.is_snooze {
            return Some(anchor.at);
        }
        let of_channel = |channel: &String| {
            let held = history.holds(channel, anchor.seq).last();
            match (held, history.told_at(channel, anchor.seq)) {
                (None, _) => Some(anchor.at),
                (Some(_), Some(told)) => Some(told),
                (Some(_), None) if self.flapping(channel, Topic::Incident, anchor.at).is_some() => {
                    None
                }
                (Some(hold), None) => Some(hold.until.max(anchor.at)),
            }
        };
        hearing.channels.iter().filter_map(of_channel).min()
    }

    fn remind(&mut self, anchor: Anchor, channel: &str, hearing: &Hearing<'_>) {
        let history = self.asked.history;
        let n = history.repeats(channel, anchor.seq) + 1;
        let last = history.last_told(channel, |_| true);
        let after_snooze = anchor.is_snooze && n == 1;
        let at = match (last, hearing.repeat_ms) {
            _ if after_snooze => anchor.at,
            (Some(last), every) if every > 0 && n <= MAX_REPEATS => {
                last.max(anchor.at).plus_ms(every)
            }
            _ => return,
        };
        let was_told = anchor.is_snooze || history.was_told(channel, anchor.seq, Step::First);
        if !was_told {
            return;
        }
        if self.asked.now < at {
            return self.look_again(at);
        }
        let why = match after_snooze {
            true => format!("{}: its snooze is over", hearing.path),
            false => format!("{}: still open, and nobody has taken it", hearing.path),
        };
        self.step(anchor, channel, Step::Repeat(n), why);
    }

    fn step(&mut self, anchor: Anchor, channel: &str, step: Step, why: String) {
        if self.asked.history.was_told(channel, anchor.seq, step)
            || !self.asked.channels.iter().any(|known| known == channel)
        {
            return;
        }
        let due = Due {
            channel: channel.to_owned(),
            about: anchor.seq,
            step,
            topic: Topic::Incident,
            key: step.key(&self.asked.facts.incident, anchor.seq),
            why,
            group: None,
        };
        // Two routes may call the same channel.
        let is_twice = |other: &Due| other.channel == due.channel && other.key == due.key;
        if !self.decision.due.iter().any(is_twice) {
            self.decision.due.push(due);
        }
    }
}
