//! Changes as server-sent events: each only says which incident to read again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use bus::{Heard, Listener};
use futures::Stream;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::observe::reading;
use crate::problem::Problem;
use crate::state::Gateway;

/// A comment keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the health of what is shown is sent.
const PULSE: Duration = Duration::from_secs(5);
/// Streams that are open at once.
pub const MAX_STREAMS: usize = 256;

struct Listening {
    gateway: Gateway,
    listener: Listener,
    pulse: tokio::time::Interval,
    begun: bool,
    /// Given back when the client has gone.
    _permit: OwnedSemaphorePermit,
}

fn resync(lost: u64) -> Event {
    Event::default()
        .event("resync")
        .data(json!({ "lost": lost }).to_string())
}

/// Events `incident`, `health`, and `resync` where the client was too slow or has just come: then
/// it reads everything again, so a missed event is never missed for good.
pub async fn stream(
    State(gateway): State<Gateway>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let permit = gateway.streams.clone().try_acquire_owned().map_err(|_| {
        let text = format!(
            "{MAX_STREAMS} streams are open already: close some, or ask the API every few seconds"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let listening = Listening {
        listener: gateway.casework.bus().listen(),
        gateway,
        pulse: tokio::time::interval(PULSE),
        begun: false,
        _permit: permit,
    };
    let events = futures::stream::unfold(listening, |mut listening| async move {
        if !std::mem::replace(&mut listening.begun, true) {
            return Some((Ok(resync(0)), listening));
        }
        let event = tokio::select! {
            heard = listening.listener.hear() => match heard {
                Heard::Wake(wake) => Event::default()
                    .event("incident")
                    .id(format!("{}:{}", wake.incident, wake.seq))
                    .data(json!({ "incident_id": wake.incident, "seq": wake.seq, "event": wake.event }).to_string()),
                Heard::Lost(lost) => resync(lost),
                Heard::Closed => return None,
            },
            _ = listening.pulse.tick() => {
                let health = serde_json::to_string(&reading(&listening.gateway)).unwrap_or_default();
                Event::default().event("health").data(health)
            }
        };
        Some((Ok(event), listening))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
