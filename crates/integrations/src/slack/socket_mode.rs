//! Socket Mode: what Slack sends comes through a WebSocket that we open, for those without a
//! public URL.
//!
//! There is no signature. That it is Slack who sends is said by TLS and by the address, which the
//! Web API gave and which must lie below the Web API's own host. All else is checked as over HTTP.
//! An envelope is handled once, whatever connection it comes through; one that comes again is
//! answered as it was the first time. What can't be answered in time isn't acknowledged: Slack
//! then tells the person that it didn't work.

mod backoff;
mod connect;
mod envelope;
mod serve;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use crate::error::Error;
use crate::outbound::{OutboundSettings, Rules};
use crate::secret::Secret;
use crate::slack::client::Client;
use crate::slack::incoming::{Gate, Incoming};
use crate::slack::reply::Reply;

use backoff::Backoff;
use envelope::Envelopes;
use serve::Ended;

pub use connect::{CONNECT_TIME, MAX_MESSAGE};
pub use envelope::MAX_ENVELOPES;

/// Connections by `outcome`: `refreshed`, `broken`, `refused`, `stopped`.
pub const CONNECTIONS: &str = "slack_socket_connections_total";
/// Envelopes by `outcome`: `handled`, `repeated`, `refused`, `busy`, `late`.
pub const ENVELOPES: &str = "slack_socket_envelopes_total";
/// Envelopes that are handled at a time. What comes beyond isn't acknowledged, and comes again.
pub const MAX_AT_ONCE: usize = 32;

/// How fast, and how patient. Tests have less patience.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Slack waits 3 s for an acknowledgement; the rest is for the way.
    pub acknowledge_within: Duration,
    /// For the first word of a connection.
    pub hello_within: Duration,
    /// Without a sign of life a connection counts as broken.
    pub silent: Duration,
    /// We ask for a sign of life this often.
    pub ping_every: Duration,
    /// The wait after the first failure; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// A connection that lasted this long was a good one.
    pub settled: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            acknowledge_within: Duration::from_millis(2_700),
            hello_within: Duration::from_secs(10),
            silent: Duration::from_secs(60),
            ping_every: Duration::from_secs(20),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            settled: Duration::from_secs(30),
        }
    }
}

/// Who answers what comes in.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// `received` is when it came: a trigger opens a modal for 3 s.
    ///
    /// It is let go on after Slack's patience is over, and its reply isn't sent then.
    async fn handle(&self, incoming: Incoming, received: Instant) -> Reply;
}

/// An app's Socket Mode.
#[derive(Clone)]
pub struct SocketMode {
    client: Client,
    app_token: Secret,
    app: String,
    gate: Arc<Gate>,
    rules: Rules,
    pace: Pace,
}

/// What outlives a connection.
struct Shared {
    handler: Arc<dyn Handler>,
    envelopes: Mutex<Envelopes>,
    permits: Arc<Semaphore>,
}

impl SocketMode {
    /// `client` is the Web API's, `app_token` an app-level token (`xapp-…`) with the scope
    /// `connections:write`, `app` the app's id. The gate may be shared with HTTP. `outbound` are
    /// the operator's settings: with `only_listed`, `*.slack.com:443` has to be listed.
    pub fn new(
        client: Client,
        app_token: Secret,
        app: &str,
        gate: Arc<Gate>,
        outbound: &OutboundSettings,
    ) -> Self {
        Self {
            client,
            app_token,
            app: app.to_owned(),
            gate,
            rules: Rules::new(outbound.allow.clone(), outbound.only_listed),
            pace: Pace::default(),
        }
    }

    /// With another pace.
    #[must_use]
    pub fn at_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Connects, and connects again whenever a connection ends, until `stop` is true.
    ///
    /// # Errors
    /// Only what trying again doesn't mend: a token that is refused, Socket Mode switched off, an
    /// address that the rules refuse.
    pub async fn run(
        &self,
        handler: Arc<dyn Handler>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let shared = Arc::new(Shared {
            handler,
            envelopes: Mutex::new(Envelopes::new(MAX_ENVELOPES)),
            permits: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        });
        let mut backoff = Backoff::new(self.pace.first_wait, self.pace.longest_wait);
        loop {
            if *stop.borrow() {
                return Ok(());
            }
            let began = Instant::now();
            let ended = self.once(&shared, &mut stop).await;
            if began.elapsed() >= self.pace.settled {
                backoff.reset();
            }
            let Some(wait) = self.wait_after(ended, &mut backoff)? else {
                return Ok(());
            };
            // The sender of `stop` may be gone: then nobody stops us.
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = stop.changed() => if changed.is_err() {
                    tokio::time::sleep(wait).await;
                },
            }
        }
    }

    /// One connection, from its address to its end.
    async fn once(
        &self,
        shared: &Arc<Shared>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Ended, Error> {
        let url = self.client.open_connection(&self.app_token).await?;
        let socket = connect::connect(self.client.base(), &url, &self.rules).await?;
        Ok(self.serve(socket, shared, stop).await)
    }

    /// How long to wait before the next connection; `None`: there is none.
    fn wait_after(
        &self,
        ended: Result<Ended, Error>,
        backoff: &mut Backoff,
    ) -> Result<Option<Duration>, Error> {
        let count = |outcome: &'static str| {
            metrics::counter!(CONNECTIONS, "outcome" => outcome).increment(1);
        };
        match ended {
            Ok(Ended::Stopped) => {
                count("stopped");
                Ok(None)
            }
            Ok(Ended::Refresh) => {
                count("refreshed");
                Ok(Some(backoff.next(random())))
            }
            Ok(Ended::Broken(why)) => {
                count("broken");
                tracing::warn!("slack socket mode: {why}: connecting again");
                Ok(Some(backoff.next(random())))
            }
            Ok(Ended::Refused(error)) => {
                count("refused");
                Err(error)
            }
            Err(error @ (Error::Refused(_) | Error::Configuration(_))) => {
                count("refused");
                Err(error)
            }
            Err(Error::Later { says, after }) => {
                count("broken");
                tracing::warn!("{says}");
                Ok(Some(after.max(backoff.next(random()))))
            }
            Err(error) => {
                count("broken");
                tracing::warn!("{error}: connecting again");
                Ok(Some(backoff.next(random())))
            }
        }
    }
}

/// For jitter alone: where there is no randomness, none.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}
