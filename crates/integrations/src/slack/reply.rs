//! What Slack is answered: the body of an HTTP answer, or the payload of an acknowledgement.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use super::blocks::{Message, REASON_BLOCK, ephemeral, text};

/// A decision has this long to be written: Slack waits 3 s, and the answer has a way to go.
pub const WRITE_WITHIN: Duration = Duration::from_millis(2_200);

/// Units of an error under an input: two lines of it.
const MAX_ERROR: usize = 150;

/// Said where nobody knows in time whether a decision was written.
pub const NOT_YET_KNOWN: &str =
    "Not known yet whether this was recorded: look at the incident before you send it again";

/// The proof that a decision is in the journal: made by who wrote and synced it, and by nobody
/// else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written(());

impl Written {
    /// Only to be called after the record of the decision is written and synced to disk.
    pub fn after_sync() -> Self {
        Self(())
    }
}

/// An answer. Slack shows success for an empty one, so a submission's comes from [`submission`].
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Taken; nothing is to be shown. A modal closes.
    Taken,
    /// The modal stays, with this text at the reason.
    Errors(String),
    /// The modal shows this instead.
    Instead(Value),
    /// Only who asked sees this.
    Ephemeral(Message),
    /// To `url_verification`.
    Challenge(String),
    /// Nothing is answered: Slack tells the person that it didn't work, and may send it again.
    Silence,
}

impl Reply {
    /// The status of an HTTP answer. Slack shows success for 200 alone.
    pub fn status(&self) -> u16 {
        match self {
            Self::Silence => 503,
            _ => 200,
        }
    }

    /// The JSON to send; `None`: an empty body.
    pub fn body(&self) -> Option<Value> {
        match self {
            Self::Taken | Self::Silence => None,
            Self::Errors(says) => {
                let says = text::theirs(says, MAX_ERROR);
                Some(json!({ "response_action": "errors", "errors": { REASON_BLOCK: says } }))
            }
            Self::Instead(view) => Some(json!({ "response_action": "update", "view": view })),
            Self::Ephemeral(message) => Some(ephemeral(message)),
            Self::Challenge(challenge) => Some(json!({ "challenge": challenge })),
        }
    }
}

/// The answer to a submission: success once the decision is written, and what is wrong otherwise.
///
/// The writing goes on where Slack can't wait for it: then nobody is told of success. What comes
/// after a decision (execution, messages) doesn't belong into `write`.
pub async fn submission<F>(write: F, within: Duration) -> Reply
where
    F: Future<Output = Result<Written, String>> + Send + 'static,
{
    let task = tokio::spawn(write);
    match tokio::time::timeout(within, task).await {
        Ok(Ok(Ok(Written(())))) => Reply::Taken,
        Ok(Ok(Err(why))) => Reply::Errors(why),
        // It panicked, or it takes too long: it may be written all the same.
        Ok(Err(_)) | Err(_) => Reply::Errors(NOT_YET_KNOWN.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn success_is_said_after_the_decision_is_written_and_not_before() {
        let written = Arc::new(AtomicBool::new(false));
        let inside = written.clone();
        let write = async move {
            tokio::time::sleep(SOON / 2).await;
            inside.store(true, Ordering::SeqCst);
            Ok(Written::after_sync())
        };
        let reply = submission(write, SOON * 40).await;
        assert_eq!((reply.status(), reply.body()), (200, None));
        assert_eq!(Reply::Silence.status(), 503, "never a success");
        assert!(written.load(Ordering::SeqCst));

        let refused = async { Err("P1 has expired".to_owned()) };
        let reply = submission(refused, SOON).await;
        assert_eq!(
            reply.body(),
            Some(json!({ "response_action": "errors",
                "errors": { "datapulse_reason": "P1 has expired" } }))
        );
    }

    #[tokio::test]
    async fn what_takes_too_long_is_never_a_success_and_goes_on() {
        let written = Arc::new(AtomicBool::new(false));
        let inside = written.clone();
        let write = async move {
            tokio::time::sleep(SOON * 2).await;
            inside.store(true, Ordering::SeqCst);
            Ok(Written::after_sync())
        };
        let reply = submission(write, SOON).await;
        assert_eq!(reply, Reply::Errors(NOT_YET_KNOWN.to_owned()));
        tokio::time::sleep(SOON * 10).await;
        assert!(written.load(Ordering::SeqCst), "it wasn't cut off");

        let reply = submission(async { panic!("a fault") }, SOON * 20).await;
        assert_eq!(reply, Reply::Errors(NOT_YET_KNOWN.to_owned()));
    }
}
