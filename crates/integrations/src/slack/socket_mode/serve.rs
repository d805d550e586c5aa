//! One connection: from its hello to its end.

use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Moment, interval, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::connect::Socket;
use super::envelope::{Envelope, Heard, Known, acknowledgement, hear};
use super::{ENVELOPES, Shared, SocketMode};
use crate::error::Error;
use crate::slack::reply::Reply;

/// Characters of an app's id in an error.
const MAX_APP_ID: usize = 64;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Slack asked for a new one.
    Refresh,
    Broken(String),
    Stopped,
    /// There will be no other.
    Refused(Error),
}

/// An envelope whose handling came to its end in time.
struct Done {
    envelope: Envelope,
    reply: Reply,
}

impl SocketMode {
    pub(super) async fn serve(
        &self,
        mut socket: Socket,
        shared: &Arc<Shared>,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        if let Err(ended) = self.hello(&mut socket).await {
            return ended;
        }
        let (done, mut answers) = mpsc::channel(super::MAX_AT_ONCE);
        let mut pings = interval(self.pace.ping_every);
        let mut silent_at = Moment::now() + self.pace.silent;
        let ended = loop {
            tokio::select! {
                heard = socket.next() => {
                    silent_at = Moment::now() + self.pace.silent;
                    match self.heard(heard, &mut socket, shared, &done).await {
                        None => {}
                        Some(ended) => break ended,
                    }
                }
                Some(answer) = answers.recv() => {
                    if let Err(why) = acknowledge(&mut socket, &answer).await {
                        break Ended::Broken(why);
                    }
                }
                _ = pings.tick() => {
                    if let Err(error) = socket.send(Message::Ping(Default::default())).await {
                        break Ended::Broken(error.to_string());
                    }
                }
                () = sleep_until(silent_at) => break Ended::Broken("no sign of life".to_owned()),
                () = stopped(stop) => break Ended::Stopped,
            }
        };
        drop(done);
        if matches!(ended, Ended::Refresh | Ended::Stopped) {
            self.finish(&mut socket, &mut answers).await;
        }
        ended
    }

    async fn hello(&self, socket: &mut Socket) -> Result<(), Ended> {
        let broken = |why: &str| Ended::Broken(why.to_owned());
        let first = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => return hear(&text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => return None,
                }
            }
        };
        let first = timeout(self.pace.hello_within, first).await;
        match first.map_err(|_| broken("no hello in time"))? {
            Some(Heard::Hello { app: Some(app) }) if app != self.app => {
                Err(Ended::Refused(Error::Refused(format!(
                    "slack socket mode: the app-level token is of the app {}, not of {}",
                    model::render::one_line(&app, MAX_APP_ID),
                    self.app
                ))))
            }
            Some(Heard::Hello { .. }) => Ok(()),
            Some(Heard::Disconnect { reason }) => Err(disconnected(&reason)),
            _ => Err(broken("another word than hello")),
        }
    }

    /// What is to be done about a message; the connection's end, where it is that.
    async fn heard(
        &self,
        heard: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
        socket: &mut Socket,
        shared: &Arc<Shared>,
        done: &mpsc::Sender<Done>,
    ) -> Option<Ended> {
        let text = match heard {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => {
                return Some(Ended::Broken("Slack closed it".to_owned()));
            }
            // Pings are answered by the library.
            Some(Ok(_)) => return None,
            Some(Err(error)) => return Some(Ended::Broken(error.to_string())),
        };
        match hear(&text) {
            Some(Heard::Disconnect { reason }) => Some(disconnected(&reason)),
            Some(Heard::Envelope(envelope)) => {
                let answer = self.take(envelope, shared, done)?;
                let said = acknowledge(socket, &answer).await;
                said.err().map(Ended::Broken)
            }
            Some(Heard::Hello { .. } | Heard::Other) | None => None,
        }
    }

    /// Handles an envelope beside the connection, or answers it as it was answered before.
    fn take(
        &self,
        envelope: Envelope,
        shared: &Arc<Shared>,
        done: &mpsc::Sender<Done>,
    ) -> Option<Done> {
        let received = Instant::now();
        let Ok(permit) = shared.permits.clone().try_acquire_owned() else {
            count("busy");
            return None;
        };
        match shared.begin(&envelope.id) {
            Known::New => {}
            Known::Working => {
                count("repeated");
                return None;
            }
            Known::Answered(reply) => {
                count("repeated");
                return Some(Done { envelope, reply });
            }
        }
        let now_s = seconds(SystemTime::now());
        let incoming = match self.gate.socket(&envelope.kind, &envelope.payload, now_s) {
            Ok(incoming) => incoming,
            Err(why) => {
                count("refused");
                tracing::warn!("slack socket mode: not taken: {why}");
                let reply = match why.is_known_event() {
                    true => Reply::Taken,
                    false => Reply::Silence,
                };
                shared.answered(&envelope.id, reply.clone());
                return Some(Done { envelope, reply });
            }
        };
        let deadline = Moment::from_std(received) + self.pace.acknowledge_within;
        let (shared, done) = (shared.clone(), done.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let reply = shared.handler.handle(incoming, received).await;
            shared.answered(&envelope.id, reply.clone());
            if Moment::now() > deadline {
                count("late");
                return;
            }
            count("handled");
            // The connection may have ended: Slack sends the envelope again, through another.
            let _ = done.send(Done { envelope, reply }).await;
        });
        None
    }

    /// Gives those that are being handled the time that Slack gives them, then closes.
    async fn finish(&self, socket: &mut Socket, answers: &mut mpsc::Receiver<Done>) {
        let until = Moment::now() + self.pace.acknowledge_within;
        while let Ok(Some(answer)) = timeout_at(until, answers.recv()).await {
            if acknowledge(socket, &answer).await.is_err() {
                return;
            }
        }
        // The other side may be gone, or slow: this connection is of no more use.
        let _ = timeout_at(until, socket.close(None)).await;
    }
}

impl Shared {
    fn begin(&self, id: &str) -> Known {
        let mut envelopes = self
            .envelopes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        envelopes.begin(id)
    }

    fn answered(&self, id: &str, reply: Reply) {
        let mut envelopes = self
            .envelopes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        envelopes.answered(id, reply);
    }
}

async fn acknowledge(socket: &mut Socket, done: &Done) -> Result<(), String> {
    let Some(said) = acknowledgement(&done.envelope, &done.reply) else {
        return Ok(());
    };
    let sent = socket.send(Message::text(said)).await;
    sent.map_err(|error| error.to_string())
}

fn disconnected(reason: &str) -> Ended {
    match reason {
        "link_disabled" => Ended::Refused(Error::Refused(
            "slack socket mode: it is switched off in the app's settings".to_owned(),
        )),
        _ => Ended::Refresh,
    }
}

/// Ends when `stop` is true; never, where its sender is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn count(outcome: &'static str) {
    metrics::counter!(ENVELOPES, "outcome" => outcome).increment(1);
}
