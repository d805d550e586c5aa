//! Who is told what and when: `[notifier]`, and the channels that it may name.

use anyhow::Result;
use integrations::Outbound;

use super::calls::check_url;
use super::{Configuration, Found, line_of, secret_in};
use crate::refusal::wrong_use;

impl Configuration {
    pub(super) fn check_notifier(&self, text: &str) -> Found {
        let settings = &self.notifier;
        settings.check().map_err(|message| {
            let place = message.split([':', '[', ' ']).next().unwrap_or_default();
            let (table, key) = match place.rsplit_once('.') {
                Some((table, key)) => (format!("notifier.{table}"), key),
                None => ("notifier".to_owned(), place),
            };
            (line_of(text, &table, key), format!("notifier.{message}"))
        })?;
        let url = &settings.heartbeat.url;
        if !url.is_empty() {
            let at = line_of(text, "notifier.heartbeat", "url");
            check_url("notifier.heartbeat.url", url).map_err(|message| (at, message))?;
        }
        Ok(())
    }

    /// The names of all channels, in the order in which they are told.
    pub fn channel_names(&self) -> Vec<String> {
        let webhooks = self.webhook.iter();
        webhooks.map(|webhook| webhook.name.clone()).collect()
    }

    /// The routes; an error where one names a channel that isn't there.
    pub fn routing(&self) -> Result<model::Routing> {
        let routing = self.notifier.routing();
        let channels = self.channel_names();
        let unknown = routing.unknown_channels(&channels);
        if unknown.is_empty() {
            return Ok(routing);
        }
        let known = match channels.is_empty() {
            true => "there are none".to_owned(),
            false => format!("there are {}", channels.join(", ")),
        };
        Err(wrong_use(format!(
            "notifier: routes name channels that are not configured: {}; {known}",
            unknown.join(", ")
        )))
    }

    /// What the heartbeat calls, with the client that may.
    pub fn heartbeat(&self, outbound: &Outbound) -> Result<Option<(String, Outbound)>> {
        let settings = &self.notifier.heartbeat;
        let url = match (settings.url.as_str(), settings.url_env.as_str()) {
            ("", "") => return Ok(None),
            ("", variable) => {
                let secret = secret_in(variable, "notifier.heartbeat", "url_env")?;
                secret.reveal().to_owned()
            }
            (url, _) => url.to_owned(),
        };
        let outbound = outbound.listed_url(&url)?;
        Ok(Some((url, outbound)))
    }
}
