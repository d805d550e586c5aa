//! The doors that other systems knock on, made from the configuration.

use std::sync::Arc;

use anyhow::Result;
use gateway::hooks::doors::Doors;
use gateway::hooks::jira::JiraDoor;
use gateway::hooks::pagerduty::PagerDutyDoor;
use gateway::hooks::slack::SlackDoor;
use integrations::Outbound;
use integrations::pagerduty::Door;
use integrations::slack::incoming::Gate;
use integrations::slack::{Composer, SocketMode};

use crate::configuration::Configuration;
use crate::configuration::doors::SlackIncoming;

pub(super) fn doors(configuration: &Configuration, outbound: &Outbound) -> Result<Doors> {
    Ok(Doors {
        slack: slack(configuration, outbound)?.map(Arc::new),
        jira: jira(configuration, outbound)?.map(Arc::new),
        pagerduty: pagerduty(configuration)?.map(Arc::new),
        grafana: configuration.grafana.proof()?,
        ..Doors::default()
    })
}

fn slack_incoming(configuration: &Configuration) -> Option<&SlackIncoming> {
    configuration.slack.as_ref()?.incoming.as_ref()
}

fn slack(configuration: &Configuration, outbound: &Outbound) -> Result<Option<SlackDoor>> {
    let (Some(settings), Some(incoming)) = (&configuration.slack, slack_incoming(configuration))
    else {
        return Ok(None);
    };
    let Some(client) = settings.client(outbound)? else {
        return Ok(None);
    };
    let gate = Gate::new(&incoming.app, incoming.signing_secret()?);
    Ok(Some(SlackDoor {
        gate: Arc::new(gate),
        client,
        composer: Composer::new(configuration.slack_ui()?, settings.form()),
        mapping: incoming.mapping(),
        emails: incoming.emails.clone(),
    }))
}

/// `None`: Slack reaches a URL of ours, or nobody acts there.
pub(super) fn socket_mode(
    configuration: &Configuration,
    doors: &Doors,
) -> Result<Option<SocketMode>> {
    let (Some(door), Some(incoming)) = (&doors.slack, slack_incoming(configuration)) else {
        return Ok(None);
    };
    let (client, gate) = (door.client.clone(), door.gate.clone());
    let (app, outbound) = (&incoming.app, &configuration.outbound);
    let token = incoming.app_token()?;
    Ok(token.map(|token| SocketMode::new(client, token, app, gate, outbound)))
}

fn jira(configuration: &Configuration, outbound: &Outbound) -> Result<Option<JiraDoor>> {
    let Some(settings) = &configuration.jira else {
        return Ok(None);
    };
    let Some(incoming) = &settings.incoming else {
        return Ok(None);
    };
    Ok(Some(JiraDoor::new(
        settings.client(outbound)?,
        settings.settings(),
        incoming.proof()?,
        incoming.people.clone(),
    )))
}

fn pagerduty(configuration: &Configuration) -> Result<Option<PagerDutyDoor>> {
    let settings = configuration.pagerduty.as_ref();
    let Some(incoming) = settings.and_then(|settings| settings.incoming.as_ref()) else {
        return Ok(None);
    };
    let door = Door::new(incoming.secret()?);
    Ok(Some(PagerDutyDoor::new(door, incoming.people.clone())))
}
