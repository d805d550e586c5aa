//! Where the record is anchored outside.

use serde::{Deserialize, Serialize};

use super::calls::check_url;
use super::{Configuration, Found, line_of};

/// Seconds between two anchors at most.
const MAX_ANCHOR_EVERY_S: u64 = 3_600;

/// One place outside, at most: a file, a bucket or a receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// A file that others keep; empty: none.
    pub anchor_file: String,
    /// How often at least, where there are new records; decisions, starts and resolutions are
    /// anchored at once.
    pub anchor_every_s: u64,
    /// A bucket of S3, or of a server that speaks like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor_bucket: Option<Bucket>,
    /// Somebody else's service that keeps lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor_receiver: Option<Receiver>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            anchor_file: String::new(),
            anchor_every_s: 60,
            anchor_bucket: None,
            anchor_receiver: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Scheme and host, without the bucket.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    /// Empty, or a folder with its slash.
    #[serde(default)]
    pub prefix: String,
    /// The bucket stands in the path, as servers of one's own mostly want it, not before the host.
    #[serde(default)]
    pub path_style: bool,
    /// The environment variables that hold the two halves of the key.
    pub access_key_env: String,
    pub secret_key_env: String,
    /// Object lock in compliance mode, for so many days from each write; 0: none.
    #[serde(default)]
    pub lock_days: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Takes a line, signed, by `POST`.
    pub write_url: String,
    /// Gives the lines back; better not the machine that takes them in.
    pub read_url: String,
    /// The environment variable that holds the signing secret.
    pub secret_env: String,
}

impl Configuration {
    pub(super) fn check_audit(&self, text: &str) -> Found {
        let audit = &self.audit;
        let at = |key: &str, message: String| Err((line_of(text, "audit", key), message));
        if audit.anchor_every_s == 0 || audit.anchor_every_s > MAX_ANCHOR_EVERY_S {
            let message = format!("audit.anchor_every_s: expected 1 to {MAX_ANCHOR_EVERY_S}");
            return at("anchor_every_s", message);
        }
        let (bucket, receiver) = (&audit.anchor_bucket, &audit.anchor_receiver);
        let places = usize::from(!audit.anchor_file.is_empty())
            + usize::from(bucket.is_some())
            + usize::from(receiver.is_some());
        if places > 1 {
            let message =
                "audit: one place outside at most: anchor_file, anchor_bucket or anchor_receiver";
            return at("anchor_file", message.to_owned());
        }
        let mut urls = Vec::new();
        if let Some(bucket) = bucket {
            urls.push(("audit.anchor_bucket", "endpoint", &bucket.endpoint));
        }
        if let Some(receiver) = receiver {
            urls.push(("audit.anchor_receiver", "write_url", &receiver.write_url));
            urls.push(("audit.anchor_receiver", "read_url", &receiver.read_url));
        }
        for (table, key, url) in urls {
            check_url(&format!("{table}.{key}"), url)
                .map_err(|message| (line_of(text, table, key), message))?;
        }
        Ok(())
    }
}
