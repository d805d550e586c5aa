//! Whether a message is there already: its key is looked for among the messages since its record
//! was written, and only among ours: what another app writes into its metadata silences nobody.

use serde::Deserialize;

use super::{Client, Delivery, Identity, METADATA, Posted, TIMEOUT, answers};
use crate::error::Error;

/// Messages of a page; Slack advises no more than 200.
pub const PAGE: usize = 100;
/// Pages that are looked through: a busy channel's day. Beyond, the notice is taken for not
/// posted: to tell twice is better than to be silent.
pub const MAX_PAGES: usize = 10;
/// How far Slack's clock may be behind ours, in seconds.
const SKEW_S: i64 = 120;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    messages: Vec<Old>,
    #[serde(default)]
    response_metadata: Next,
}

#[derive(Default, Deserialize)]
struct Next {
    #[serde(default)]
    next_cursor: String,
}

#[derive(Deserialize)]
struct Old {
    ts: String,
    #[serde(default)]
    bot_id: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    event_payload: serde_json::Value,
}

impl Client {
    /// The message with this key, if it is there.
    pub(super) async fn find(&self, delivery: &Delivery<'_>) -> Result<Option<Posted>, Error> {
        let method = match delivery.thread {
            Some(_) => "conversations.replies",
            None => "conversations.history",
        };
        let me = self.me().await?;
        let oldest = delivery.since_s.saturating_sub(SKEW_S).to_string();
        let limit = PAGE.to_string();
        let mut cursor = String::new();
        for _ in 0..MAX_PAGES {
            let mut query = vec![
                ("channel", delivery.channel),
                ("oldest", &oldest),
                ("inclusive", "true"),
                ("limit", &limit),
                ("include_all_metadata", "true"),
            ];
            if let Some(thread) = delivery.thread {
                query.push(("ts", thread));
            }
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let answer = self.get(method, &query, TIMEOUT).await?;
            let page: Page = answers::read(method, answer)?;
            let found = page
                .messages
                .into_iter()
                .find(|old| is(old, me, delivery.key));
            if let Some(found) = found {
                return Ok(Some(Posted {
                    channel: delivery.channel.to_owned(),
                    ts: found.ts,
                    was_there: true,
                }));
            }
            if page.response_metadata.next_cursor.is_empty() {
                return Ok(None);
            }
            cursor = page.response_metadata.next_cursor;
        }
        tracing::warn!(
            key = delivery.key,
            "slack {method}: not among the {} messages looked through, taken for not posted",
            PAGE * MAX_PAGES
        );
        Ok(None)
    }
}

fn is(old: &Old, me: &Identity, key: &str) -> bool {
    let by_bot = old.bot_id.is_some() && old.bot_id == me.bot_id;
    let ours = by_bot || old.user.as_deref() == Some(me.user_id.as_str());
    ours && old.metadata.as_ref().is_some_and(|metadata| {
        metadata.event_type == METADATA && metadata.event_payload["key"].as_str() == Some(key)
    })
}
