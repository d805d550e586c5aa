//! Groups whose time has come: one message where the channel can, else each by itself.

use std::sync::Arc;

use integrations::{Channel, Delivered, Notice, Telling};
use model::routing::group::Ready;
use model::{Actor, Agent, Event, IncidentId, Record};

use crate::dispatcher::{Dispatcher, Plan};
use crate::{outbox, reminders};

/// Groups that are told in one go; the others a moment later.
const MAX_AT_ONCE: usize = 20;
/// What couldn't be told is tried again after this, by the clock.
const RETRY_MS: i64 = 30_000;

/// One notice of a message.
struct Part<'p> {
    plan: &'p Plan,
    record: &'p Record,
    notice: Notice,
    places: Vec<String>,
}

/// Tells the groups whose time has come.
pub async fn tell(dispatcher: &Dispatcher, channels: &[Arc<dyn Channel>]) {
    let now = dispatcher.casework().clock().now();
    let holds = |name: &str| {
        let channel = channels.iter().find(|channel| channel.name() == name);
        match channel.map_or(1, |channel| channel.holds()) {
            // Each is told by itself: there is no message that could be too big.
            1 => usize::MAX,
            holds => holds,
        }
    };
    let ready = dispatcher.groups(|groups| groups.ready(now, MAX_AT_ONCE, holds));
    for group in ready {
        let channel = channels
            .iter()
            .find(|channel| channel.name() == group.channel);
        let Some(channel) = channel.filter(|channel| channel.holds() > 1) else {
            dispatcher.release(&group.channel, group.members);
            dispatcher.groups(|groups| groups.done(&group.key, Some(now)));
            continue;
        };
        let told = one_group(dispatcher, channel.as_ref(), &group).await;
        let done = match told {
            Ok(told) => told.then_some(now),
            Err(error) => {
                tracing::warn!(group = group.key, %error, "a group is not told yet");
                let retry = now.plus_ms(RETRY_MS);
                for member in &group.members {
                    dispatcher.again(member, retry);
                }
                None
            }
        };
        dispatcher.groups(|groups| groups.done(&group.key, done));
    }
}

/// Whether anything was still to be told. What is due is decided anew: who waited may have been
/// told, silenced or resolved meanwhile.
async fn one_group(
    dispatcher: &Dispatcher,
    channel: &dyn Channel,
    group: &Ready,
) -> Result<bool, String> {
    let mut plans = Vec::new();
    for member in &group.members {
        let plan = dispatcher.all_due(member).await;
        plans.extend(plan.map_err(|error| error.to_string())?);
    }
    let mut parts = Vec::new();
    for plan in &plans {
        parts.extend(of_plan(plan, group));
    }
    for message in parts.chunks(channel.holds().max(1)) {
        let tellings: Vec<Telling<'_>> = message.iter().map(telling).collect();
        let delivered = channel.deliver_together(&tellings).await;
        let delivered = delivered.map_err(|error| error.to_string())?;
        for part in message {
            let noted = record(dispatcher, channel.name(), part, &delivered).await;
            noted.map_err(|error| error.to_string())?;
        }
    }
    Ok(!parts.is_empty())
}

fn of_plan<'p>(plan: &'p Plan, group: &Ready) -> Vec<Part<'p>> {
    let of_group = plan.due_to(&group.channel);
    let of_group = of_group.filter(|due| due.group.as_ref().is_some_and(|of| of.key == group.key));
    of_group
        .filter_map(|due| {
            let (record, notice) = reminders::notice(&plan.incident, &plan.records, due)?;
            Some(Part {
                plan,
                record,
                notice,
                places: outbox::places(&plan.records, &group.channel),
            })
        })
        .collect()
}

fn telling<'p>(part: &'p Part<'_>) -> Telling<'p> {
    Telling {
        notice: &part.notice,
        incident: &part.plan.incident,
        record: part.record,
        places: &part.places,
    }
}

async fn record(
    dispatcher: &Dispatcher,
    channel: &str,
    part: &Part<'_>,
    delivered: &Delivered,
) -> Result<(), casework::Error> {
    let sent = Event::NoticeSent {
        channel: channel.to_owned(),
        topic: part.notice.topic,
        about: part.record.seq,
        key: part.notice.key.clone(),
        place: delivered.place.clone(),
    };
    let id: &IncidentId = &part.plan.incident.id;
    let actor = Actor::agent(Agent::Notifier);
    dispatcher.casework().record(id, actor, sent).await?;
    Ok(())
}
