//! What an operator says of telling: the table `[notifier]`.

use std::collections::BTreeMap;

use model::Routing;
use model::routing::{QuietHours, Route};
use serde::{Deserialize, Serialize};

/// Seconds between two heartbeats, at least and at most.
pub const HEARTBEAT_S: std::ops::RangeInclusive<u64> = 5..=3_600;
/// Seconds without sight before people are told, at least and at most.
pub const BLIND_S: std::ops::RangeInclusive<u64> = 30..=86_400;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub route: Route,
    pub recipients: BTreeMap<String, Vec<String>>,
    pub quiet_hours: Vec<QuietHours>,
    pub inhibit_callers: bool,
    pub heartbeat: HeartbeatSettings,
}

/// The table `[notifier.heartbeat]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeartbeatSettings {
    /// Called while Sentinel's ticks succeed; empty: nothing is.
    pub url: String,
    /// The environment variable that holds the URL, where it is a secret.
    pub url_env: String,
    /// `post` or `get`.
    pub method: String,
    pub every_s: u64,
    /// So long without telemetry, or without a look at it, and every channel is told; 0: never.
    pub blind_after_s: u64,
}

impl Default for HeartbeatSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            url_env: String::new(),
            method: "post".to_owned(),
            every_s: 60,
            blind_after_s: 300,
        }
    }
}

impl Settings {
    pub fn routing(&self) -> Routing {
        Routing {
            route: self.route.clone(),
            recipients: self.recipients.clone(),
            quiet_hours: self.quiet_hours.clone(),
            inhibit_callers: self.inhibit_callers,
        }
    }

    /// What is wrong with it, as text that begins with the key.
    pub fn check(&self) -> Result<(), String> {
        self.routing().check()?;
        let beat = &self.heartbeat;
        if !beat.url.is_empty() && !beat.url_env.is_empty() {
            return Err("heartbeat.url: there is url_env too: keep one of them".to_owned());
        }
        if !["post", "get"].contains(&beat.method.as_str()) {
            let got = &beat.method;
            return Err(format!(
                "heartbeat.method: expected post or get, got {got:?}"
            ));
        }
        for (key, given, range) in [
            ("every_s", beat.every_s, HEARTBEAT_S),
            ("blind_after_s", beat.blind_after_s, BLIND_S),
        ] {
            let is_off = key == "blind_after_s" && given == 0;
            if !is_off && !range.contains(&given) {
                let (least, most) = (range.start(), range.end());
                return Err(format!(
                    "heartbeat.{key}: expected {least} to {most} s, got {given}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_begins_with_its_key() {
        assert_eq!(Settings::default().check(), Ok(()));
        let fails = |beat: HeartbeatSettings| {
            let settings = Settings {
                heartbeat: beat,
                ..Settings::default()
            };
            settings.check().expect_err("wrong")
        };
        let usual = HeartbeatSettings::default;
        let often = HeartbeatSettings {
            every_s: 1,
            ..usual()
        };
        assert_eq!(
            fails(often),
            "heartbeat.every_s: expected 5 to 3600 s, got 1"
        );
        let put = HeartbeatSettings {
            method: "put".to_owned(),
            ..usual()
        };
        assert!(fails(put).starts_with("heartbeat.method"));
        let twice = HeartbeatSettings {
            url: "https://a.example/".to_owned(),
            url_env: "A".to_owned(),
            ..usual()
        };
        assert!(fails(twice).starts_with("heartbeat.url"));
    }
}
