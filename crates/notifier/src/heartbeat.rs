//! The dead man's switch: a call outside while Sentinel's ticks succeed, and a word over every
//! channel when nobody sees telemetry any more.
//!
//! What calls is missed by whom it called when this process is gone. What it says itself it says
//! while it lives: also where the store that would keep the record doesn't answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use casework::{Casework, Error};
use integrations::outbound::Call;
use integrations::{Channel, Notice, Outbound};
use model::sight::{self, Sight, Sighted};
use model::{Act, Actor, IncidentId, Timestamp, Topic};
use serde_json::json;
use tokio::sync::watch;

use crate::settings::HeartbeatSettings;

/// Whether anybody sees is looked at so often, in wall time.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// One call's time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at the pulse, calls, and tells.
pub struct Heartbeat {
    casework: Casework,
    channels: Vec<Arc<dyn Channel>>,
    settings: HeartbeatSettings,
    /// The URL and the client that may call it.
    outside: Option<(String, Outbound)>,
}

/// What the process remembers beside the system chain.
#[derive(Default)]
struct Memory {
    /// A loss that no record says, because the store takes none: since when, and who heard of it.
    unrecorded: Option<(Timestamp, BTreeSet<String>)>,
    /// Channels that have no words for it.
    deaf: BTreeSet<String>,
}

impl Heartbeat {
    pub fn new(
        casework: Casework,
        channels: Vec<Arc<dyn Channel>>,
        settings: HeartbeatSettings,
        outside: Option<(String, Outbound)>,
    ) -> Self {
        Self {
            casework,
            channels,
            settings,
            outside,
        }
    }

    /// Until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut beat = tokio::time::interval(Duration::from_secs(self.settings.every_s.max(1)));
        let mut look = tokio::time::interval(LOOK_EVERY);
        for timer in [&mut beat, &mut look] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        let mut memory = Memory::default();
        loop {
            tokio::select! {
                _ = stop.changed() => if *stop.borrow() { return },
                _ = beat.tick() => self.beat().await,
                _ = look.tick() => {
                    if let Err(error) = self.look(&mut memory).await {
                        tracing::warn!(%error, "can't say whether telemetry is seen");
                    }
                }
            }
        }
    }

    /// Calls, if the last tick succeeded and isn't long ago.
    async fn beat(&self) {
        let Some((url, outbound)) = &self.outside else {
            return;
        };
        let reading = self.casework.pulse().read(self.casework.clock().now());
        let ticks = reading.watching && !reading.late && reading.last_tick.is_some();
        if !ticks || reading.failure.is_some() {
            metrics::counter!("notifier_heartbeats_total", "outcome" => "withheld").increment(1);
            return;
        }
        let call = match self.settings.method.as_str() {
            "get" => Call::get("heartbeat", url),
            _ => Call::post("heartbeat", url, Vec::new()),
        };
        let called = outbound.call(&call.within(TIMEOUT).unread()).await;
        let outcome = match called {
            Ok(answer) if answer.status.is_success() => "sent",
            Ok(answer) => {
                tracing::warn!(status = %answer.status, "the heartbeat was not taken");
                "failed"
            }
            Err(error) => {
                tracing::warn!(%error, "the heartbeat was not sent");
                "failed"
            }
        };
        metrics::counter!("notifier_heartbeats_total", "outcome" => outcome).increment(1);
    }

    async fn look(&self, memory: &mut Memory) -> Result<(), Error> {
        if self.settings.blind_after_s == 0 {
            return Ok(());
        }
        let now = self.casework.clock().now();
        let wrong = self.casework.pulse().blind(now);
        // A store's own words may hold what nobody else may read.
        let redactor = self.casework.redactor();
        let wrong = wrong.map(|(since, why)| (since, redactor.redact(&why).into_owned()));
        let blind_ms = self.settings.blind_after_s as i64 * 1_000;
        match self.casework.system().await {
            Ok(system) => {
                if wrong.is_none() {
                    self.end_unrecorded(memory, now).await;
                }
                let sighted = sight::look(system.sight.as_ref(), wrong, blind_ms, now);
                let sight = match self.noted(sighted).await? {
                    Some(sight) => Some(sight),
                    None => system.sight,
                };
                self.announce(memory, sight).await
            }
            Err(error) => {
                // The store doesn't even say what was told before.
                if let Sighted::Lost { since, reason } = sight::look(None, wrong, blind_ms, now) {
                    self.tell_unrecorded(memory, since, &reason, now).await;
                }
                Err(error)
            }
        }
    }

    /// Records what has changed; gives the new word.
    async fn noted(&self, sighted: Sighted) -> Result<Option<Sight>, Error> {
        let act = match sighted {
            Sighted::Same => return Ok(None),
            Sighted::Lost { since, reason } => Act::SightLost { since, reason },
            Sighted::Regained => Act::SightRegained {
                says: "Sentinel reads telemetry again".to_owned(),
            },
        };
        let system = self.casework.record_act(process(), act).await?;
        Ok(system.sight)
    }

    /// Tells whoever hasn't heard the last word, and records each that has.
    async fn announce(&self, memory: &mut Memory, sight: Option<Sight>) -> Result<(), Error> {
        let Some(sight) = sight else {
            return Ok(());
        };
        let heard = memory
            .unrecorded
            .take()
            .filter(|(since, _)| *since == sight.since);
        for channel in &self.channels {
            let name = channel.name();
            if !sight.is_due(name) {
                continue;
            }
            let notice = notice(sight.since, sight.is_lost, &sight.says, sight.at);
            let has_heard = heard.as_ref().is_some_and(|(_, told)| told.contains(name));
            if has_heard || self.tell(memory, channel.as_ref(), &notice).await {
                let act = Act::Announced {
                    channel: name.to_owned(),
                    about: sight.about.clone(),
                };
                self.casework.record_act(process(), act).await?;
            }
        }
        Ok(())
    }

    async fn tell_unrecorded(
        &self,
        memory: &mut Memory,
        since: Timestamp,
        reason: &str,
        now: Timestamp,
    ) {
        let (since, mut told) = memory.unrecorded.take().unwrap_or((since, BTreeSet::new()));
        let notice = notice(since, true, reason, now);
        for channel in &self.channels {
            if !told.contains(channel.name()) && self.tell(memory, channel.as_ref(), &notice).await
            {
                told.insert(channel.name().to_owned());
            }
        }
        memory.unrecorded = Some((since, told));
    }

    /// It can be seen again before a record could say that it couldn't.
    async fn end_unrecorded(&self, memory: &mut Memory, now: Timestamp) {
        let Some((since, told)) = memory.unrecorded.take() else {
            return;
        };
        let notice = notice(since, false, "Sentinel reads telemetry again", now);
        let mut left = BTreeSet::new();
        for channel in self.channels.iter().filter(|one| told.contains(one.name())) {
            if !self.tell(memory, channel.as_ref(), &notice).await {
                left.insert(channel.name().to_owned());
            }
        }
        if !left.is_empty() {
            memory.unrecorded = Some((since, left));
        }
    }

    /// Whether the channel has it. One that has no words for it is not asked again.
    async fn tell(&self, memory: &mut Memory, channel: &dyn Channel, notice: &Notice) -> bool {
        let name = channel.name();
        if memory.deaf.contains(name) {
            return false;
        }
        match channel.announce(notice).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(channel = name, key = notice.key, %error, "not told yet");
                if matches!(error, integrations::Error::Refused(_)) {
                    memory.deaf.insert(name.to_owned());
                }
                false
            }
        }
    }
}

/// Who writes it: no agent has a part in the system chain.
fn process() -> Actor {
    Actor::System {
        subject: "process".to_owned(),
        name: "datapulse notifier".to_owned(),
    }
}

fn notice(since: Timestamp, is_lost: bool, says: &str, at: Timestamp) -> Notice {
    let text = match is_lost {
        true => format!("[CRITICAL] DataPulse sees nothing since {since}: {says}"),
        false => format!("[LOW] DataPulse sees again what it had lost at {since}: {says}"),
    };
    Notice {
        key: sight::key(since, is_lost),
        topic: Topic::PersonNeeded,
        incident_id: IncidentId::system(at),
        text,
        at: at.to_string(),
        details: json!({ "lost_since": since, "is_lost": is_lost }),
    }
}
