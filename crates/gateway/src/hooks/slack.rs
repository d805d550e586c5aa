//! `POST /webhook/integrations/slack`, and the same through Socket Mode: buttons, modals and the
//! slash command of a Slack app.
//!
//! Read first: [`who`] (which person somebody is), then [`decision`] (from a click to the journal),
//! then [`command`].

mod command;
mod decision;
mod who;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use casework::Clock;
use integrations::slack::incoming::gate::MAX_BODY;
use integrations::slack::incoming::{Gate, Incoming, Mapping, NotTaken};
use integrations::slack::socket_mode::Handler;
use integrations::slack::{Client, Composer, Reply};

use super::doors::{shut, taken};
use crate::intake::{Came, whole};
use crate::problem::Problem;
use crate::state::Gateway;
use crate::wrongs::Peer;

/// The system's name in routes, metrics and records.
pub const SYSTEM: &str = "slack";

/// One app.
pub struct SlackDoor {
    /// For both ways in.
    pub gate: Arc<Gate>,
    pub client: Client,
    pub composer: Composer,
    pub mapping: Mapping,
    /// Subjects of ours by the e-mail address, in lower case, that a single sign-on says.
    pub emails: BTreeMap<String, String>,
}

/// Over HTTP.
pub async fn post(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    peer: Peer,
    body: Came,
) -> Result<Response, Problem> {
    let received = Instant::now();
    let door = gateway.doors.slack.as_ref().ok_or_else(|| shut(SYSTEM))?;
    let body: Bytes = whole(body, MAX_BODY)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Slack's time is the wall's.
    let now_s = Clock::wall().now().ms() / 1_000;
    match door.gate.http(header, &body, now_s) {
        Ok(incoming) => Ok(answer(&handle(&gateway, door, incoming, received).await)),
        Err(why) if why.is_known_event() => {
            taken(SYSTEM, "known");
            Ok(StatusCode::OK.into_response())
        }
        Err(why) => {
            let (reason, status) = (reason(&why), why.status());
            let doors = &gateway.doors;
            Err(doors.refused(SYSTEM, reason, status, why.to_string(), peer))
        }
    }
}

/// For metrics.
fn reason(why: &NotTaken) -> &'static str {
    match why {
        NotTaken::TooLarge(_) => "too_large",
        NotTaken::Unproven(unproven) if unproven.is_untimely() => "untimely",
        NotTaken::Unproven(_) => "unproven",
        NotTaken::Replayed(_) => "replayed",
        NotTaken::Unreadable(_) => "unreadable",
        NotTaken::OtherApp(_) => "other_app",
        NotTaken::Twice { .. } => "twice",
    }
}

fn answer(reply: &Reply) -> Response {
    let status = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    match reply.body() {
        Some(body) => (status, Json(body)).into_response(),
        None => status.into_response(),
    }
}

/// Through Socket Mode: the same.
pub struct OverSocket(pub Gateway);

#[async_trait]
impl Handler for OverSocket {
    async fn handle(&self, incoming: Incoming, received: Instant) -> Reply {
        match &self.0.doors.slack {
            Some(door) => handle(&self.0, door, incoming, received).await,
            None => Reply::Silence,
        }
    }
}

async fn handle(
    gateway: &Gateway,
    door: &SlackDoor,
    incoming: Incoming,
    received: Instant,
) -> Reply {
    match incoming {
        Incoming::Challenge(challenge) => {
            taken(SYSTEM, "challenge");
            Reply::Challenge(challenge)
        }
        Incoming::Happened(_) | Incoming::Ignored(_) => {
            taken(SYSTEM, "ignored");
            Reply::Taken
        }
        Incoming::Click(click) => {
            taken(SYSTEM, "click");
            decision::clicked(gateway, door, &click, received).await
        }
        Incoming::Submission(submission) => {
            taken(SYSTEM, "submission");
            decision::submitted(gateway, submission, received).await
        }
        Incoming::Command(command) => {
            taken(SYSTEM, "command");
            command::asked(gateway, door, &command).await
        }
    }
}
