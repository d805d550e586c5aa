//! What is said: "look at this incident again".
//!
//! A wake carries no decision and no state: who hears it reads the journal and decides from that.
//! A wake that is lost costs time, never correctness, because a timer sweeps all open incidents.
//! This crate refuses to be a queue of work.

use model::IncidentId;
use tokio::sync::broadcast;

/// Wakes that one slow listener may lag behind; beyond it the oldest are dropped, and the
/// listener is told so.
pub const MAX_LAG: usize = 1_024;

/// One incident has a new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    pub incident: IncidentId,
    pub seq: u64,
    /// The event's name, for the stream to browsers.
    pub event: &'static str,
}

/// The bus within one process (`memory:`).
#[derive(Debug, Clone)]
pub struct Bus {
    sender: broadcast::Sender<Wake>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::memory()
    }
}

impl Bus {
    pub fn memory() -> Self {
        let (sender, _) = broadcast::channel(MAX_LAG);
        Self { sender }
    }

    /// Says it; nobody listening is no error.
    pub fn wake(&self, wake: Wake) {
        // Only fails where there is no listener.
        let _ = self.sender.send(wake);
    }

    pub fn listen(&self) -> Listener {
        Listener {
            receiver: self.sender.subscribe(),
        }
    }
}

#[derive(Debug)]
pub struct Listener {
    receiver: broadcast::Receiver<Wake>,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Wake(Wake),
    /// So many were lost: look at everything.
    Lost(u64),
    /// The bus is gone.
    Closed,
}

impl Listener {
    pub async fn hear(&mut self) -> Heard {
        match self.receiver.recv().await {
            Ok(wake) => Heard::Wake(wake),
            Err(broadcast::error::RecvError::Lagged(lost)) => Heard::Lost(lost),
            Err(broadcast::error::RecvError::Closed) => Heard::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_listener_is_told_what_it_lost() {
        let bus = Bus::memory();
        let mut listener = bus.listen();
        let incident = IncidentId::derive("rule", "service", model::Timestamp(0));
        for seq in 0..(MAX_LAG as u64 + 5) {
            bus.wake(Wake {
                incident: incident.clone(),
                seq,
                event: "opened",
            });
        }
        assert_eq!(listener.hear().await, Heard::Lost(5));
        assert!(matches!(
            listener.hear().await,
            Heard::Wake(Wake { seq: 5, .. })
        ));
    }
}
