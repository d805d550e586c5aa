//! The signed webhook out: one notice, one `POST`, known again by its key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{Digest, IncidentId, Topic};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::outbound::{Call, Outbound, is_not_now};
use crate::secret::Secret;
use crate::signature::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Notices of one message; the rest of a bigger group goes with the next one.
pub const MAX_TOGETHER: usize = 50;
/// Of those, how many are in the message's own text.
const IN_WORDS: usize = 3;
/// Hexadecimal digits of a message's key.
const KEY_DIGITS: usize = 16;

/// What a receiver gets. `key` is the record's id: the same notice sent twice has the same key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    pub key: String,
    pub topic: Topic,
    pub incident_id: IncidentId,
    /// Begins with the severity: `[CRITICAL] …`.
    pub text: String,
    pub at: String,
    pub details: Value,
}

impl Notice {
    /// Several as one: each as it is, with its own key, in `details.notices`; the message's key comes
    /// from theirs. `None` of none; one is itself.
    pub fn together(notices: &[&Self]) -> Option<Self> {
        let (first, others) = notices.split_first()?;
        if others.is_empty() {
            return Some((*first).clone());
        }
        let keys: Vec<&[u8]> = notices.iter().map(|notice| notice.key.as_bytes()).collect();
        let words: Vec<&str> = notices
            .iter()
            .take(IN_WORDS)
            .map(|notice| notice.text.as_str())
            .collect();
        let more = match notices.len().saturating_sub(IN_WORDS) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let text = format!("{} notices: {}{more}", notices.len(), words.join("; "));
        Some(Self {
            key: format!("together:{}", Digest::of_pieces(&keys).short(KEY_DIGITS)),
            topic: first.topic,
            incident_id: first.incident_id.clone(),
            text,
            at: first.at.clone(),
            details: json!({ "notices": notices }),
        })
    }
}

#[derive(Debug, Clone)]
pub struct Webhook {
    name: String,
    url: String,
    secret: Secret,
    outbound: Outbound,
}

impl Webhook {
    /// `name` is the channel's name in records and metrics. `url` is one that the server's own
    /// configuration names, which lists its host.
    pub fn new(name: &str, url: &str, secret: Secret) -> Result<Self, Error> {
        let outbound = Outbound::default()
            .listed_url(url)
            .map_err(|error| Error::Configuration(format!("webhook {name}: {error}")))?;
        Self::through(name, url, secret, outbound)
    }

    /// Through a client that others share. It must allow `url`: see [`Outbound::listed_url`] for
    /// what the server's own configuration names.
    pub fn through(
        name: &str,
        url: &str,
        secret: Secret,
        outbound: Outbound,
    ) -> Result<Self, Error> {
        outbound
            .check(url)
            .map_err(|error| Error::Configuration(format!("webhook {name}: {error}")))?;
        Ok(Self {
            name: name.to_owned(),
            url: url.to_owned(),
            secret,
            outbound,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Done when the receiver answered 2xx; 409 says that it had it before, which is as good.
    pub async fn send(&self, notice: &Notice) -> Result<(), Error> {
        let sent = self.try_send(notice).await;
        if sent.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => self.name.clone())
                .increment(1);
        }
        sent
    }

    async fn try_send(&self, notice: &Notice) -> Result<(), Error> {
        let body = serde_json::to_vec(notice)
            .map_err(|error| Error::Configuration(format!("a notice can't be written: {error}")))?;
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        let what = format!("webhook {}", self.name);
        let signature = sign(&self.secret, seconds, &body);
        let call = Call::post(&what, &self.url, body)
            .header("content-type", "application/json")
            .header(KEY_HEADER, &notice.key)
            .header(TIMESTAMP_HEADER, seconds.to_string())
            .header(SIGNATURE_HEADER, signature)
            .within(TIMEOUT)
            .unread();
        let answer = self.outbound.call(&call).await?;
        let status = answer.status;
        if status.is_success() || status.as_u16() == 409 {
            return Ok(());
        }
        let text = format!("{what}: status {status}");
        if is_not_now(status)
            && let Some(later) = answer.later(&text)
        {
            return Err(later);
        }
        Err(match status.as_u16() {
            400..=428 | 430..=499 => Error::Refused(text),
            _ => Error::CannotTell(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    #[test]
    fn several_are_one_message_in_which_each_keeps_its_key() {
        let notice = |seq: u64| Notice {
            key: format!("INC:{seq}"),
            topic: Topic::Incident,
            incident_id: IncidentId::derive("error-rate", "cart", Timestamp(0)),
            text: format!("[HIGH] {seq}"),
            at: Timestamp(0).to_string(),
            details: Value::Null,
        };
        let all: Vec<Notice> = (1..=5).map(notice).collect();
        let all: Vec<&Notice> = all.iter().collect();
        let together = Notice::together(&all).expect("some");
        assert_eq!(
            together.text,
            "5 notices: [HIGH] 1; [HIGH] 2; [HIGH] 3; and 2 more"
        );
        assert_eq!(together.details["notices"][4]["key"], "INC:5");
        let again = Notice::together(&all).expect("some");
        assert_eq!(again.key, together.key, "the same notices, the same key");
        let fewer = Notice::together(&all[..4]).expect("some");
        assert_ne!(fewer.key, together.key);
        assert_eq!(Notice::together(&all[..1]).as_ref(), Some(all[0]));
        assert_eq!(Notice::together(&[]), None);
    }
}
