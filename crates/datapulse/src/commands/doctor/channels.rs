//! Whom people are told through: what is configured, whether it answers, and how telling went.

use std::collections::BTreeMap;

use anyhow::Result;
use casework::deliveries::ChannelHealth;
use integrations::Outbound;
use serde::Deserialize;

use super::{Check, State};
use crate::configuration::channels::{JIRA, PAGERDUTY, SLACK};
use crate::context::Context as Here;

pub async fn checks(here: &Here) -> Vec<Check> {
    let mut found = webhooks(here);
    match Outbound::new(&here.configuration.outbound) {
        Ok(outbound) => {
            found.push(slack(here, &outbound).await);
            found.push(jira(here, &outbound).await);
            found.push(pagerduty(here, &outbound));
        }
        Err(error) => found.push(Check {
            name: "outbound",
            state: State::Bad,
            says: error.to_string(),
        }),
    }
    found.extend(deliveries(here).await);
    found
}

fn webhooks(here: &Here) -> Vec<Check> {
    let line = |webhook: &crate::configuration::Webhook| {
        let set = is_set(&webhook.secret_env);
        let word = if set { "set" } else { "not set" };
        Check {
            name: "webhook",
            state: if set { State::Good } else { State::Bad },
            says: format!(
                "{}: secret in {} is {word}",
                webhook.name, webhook.secret_env
            ),
        }
    };
    here.configuration.webhook.iter().map(line).collect()
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| !value.is_empty())
}

fn not_configured(name: &'static str) -> Check {
    Check {
        name,
        state: State::Note,
        says: format!("not configured: nobody is told there (see [{name}] in datapulse.toml)"),
    }
}

/// Good with what was found out, bad with what is wrong.
fn judged(name: &'static str, asked: Result<String>) -> Check {
    match asked {
        Ok(says) => Check {
            name,
            state: State::Good,
            says,
        },
        Err(error) => Check {
            name,
            state: State::Bad,
            says: format!("{error:#}"),
        },
    }
}

/// Asks whose token it is, which posts nothing.
async fn slack(here: &Here, outbound: &Outbound) -> Check {
    let Some(settings) = &here.configuration.slack else {
        return not_configured(SLACK);
    };
    let asked = async {
        let Some(client) = settings.client(outbound)? else {
            settings.webhook()?;
            let says = "an incoming webhook: each notice is a message with a link, nothing is updated, and a lost answer is a message twice; whether it is taken shows with the first";
            return Ok(says.to_owned());
        };
        let me = client.auth_test().await?;
        let looks = match settings.look_back {
            true => "messages are looked for before they are posted",
            false => "messages aren't looked for (look_back = false): a lost answer is one twice",
        };
        Ok(format!(
            "the token is of {} in the workspace {}; channel {}; {looks}; whether the bot is in the channel shows with the first notice",
            me.user_id, me.team_id, settings.channel
        ))
    };
    judged(SLACK, asked.await)
}

/// Asks whose token it is.
async fn jira(here: &Here, outbound: &Outbound) -> Check {
    let Some(settings) = &here.configuration.jira else {
        return not_configured(JIRA);
    };
    let asked = async {
        let account = settings.client(outbound)?.account().await?;
        Ok(format!(
            "{} answers, as the account {account}; project {}; {} states move the issue",
            settings.url,
            settings.project,
            settings.states.len()
        ))
    };
    judged(JIRA, asked.await)
}

/// An integration key can't be asked for anything without sending an event.
fn pagerduty(here: &Here, outbound: &Outbound) -> Check {
    let Some(settings) = &here.configuration.pagerduty else {
        return not_configured(PAGERDUTY);
    };
    let made = settings.events(outbound).map(|_| {
        format!(
            "{}: the key in {} is set; whether it is taken shows with the first event. It hears that an incident opened, was taken, is over; for reports, offers and what came of them it has no word",
            settings.url, settings.routing_key_env
        )
    });
    judged(PAGERDUTY, made)
}

/// How telling goes, by the server that runs.
async fn deliveries(here: &Here) -> Vec<Check> {
    #[derive(Deserialize)]
    struct Health {
        #[serde(default)]
        channels: BTreeMap<String, ChannelHealth>,
    }
    let Ok(Some(server)) = here.find_server() else {
        return Vec::new();
    };
    // That the server doesn't answer is said by its own check.
    let Ok(health) = server.get("/health").await else {
        return Vec::new();
    };
    let Ok(health) = serde_json::from_value::<Health>(health) else {
        return Vec::new();
    };
    health
        .channels
        .iter()
        .map(|(name, channel)| Check {
            name: "told through",
            state: match channel.failing_since {
                Some(_) => State::Bad,
                None => State::Good,
            },
            says: format!("{name}: {}", how(channel)),
        })
        .collect()
}

fn how(channel: &ChannelHealth) -> String {
    let mut says = match channel.last_delivery {
        Some(at) => format!("last delivery {at}"),
        None => "no delivery since the server began".to_owned(),
    };
    if channel.undelivered > 0 {
        says.push_str(&format!("; {} notices wait", channel.undelivered));
    }
    if let Some(oldest) = channel.oldest_undelivered {
        says.push_str(&format!(", the oldest since {oldest}"));
    }
    if let Some(since) = channel.failing_since {
        says.push_str(&format!("; failing since {since}"));
    }
    if let Some(error) = &channel.last_error {
        says.push_str(&format!("; last error {}: {}", error.at, error.says));
    }
    says
}

#[cfg(test)]
mod tests {
    use casework::deliveries::ChannelFailure;
    use model::Timestamp;

    use super::*;

    #[test]
    fn what_is_said_of_a_channel() {
        let mut channel = ChannelHealth::default();
        assert_eq!(how(&channel), "no delivery since the server began");
        let at = Timestamp(0);
        channel.last_delivery = Some(at);
        assert_eq!(how(&channel), "last delivery 1970-01-01T00:00:00.000Z");
        channel.failing_since = Some(at);
        (channel.undelivered, channel.oldest_undelivered) = (3, Some(at));
        let says = "slack chat.postMessage: is_archived".to_owned();
        channel.last_error = Some(ChannelFailure { at, says });
        assert_eq!(
            how(&channel),
            "last delivery 1970-01-01T00:00:00.000Z; 3 notices wait, the oldest since 1970-01-01T00:00:00.000Z; failing since 1970-01-01T00:00:00.000Z; last error 1970-01-01T00:00:00.000Z: slack chat.postMessage: is_archived"
        );
    }
}
