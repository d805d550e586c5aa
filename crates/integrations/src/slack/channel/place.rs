//! Where a message lies, as the journal keeps it: `C0123456789:1764000000.000100`, and for one in a
//! thread the alert's `ts` behind it.

use std::fmt;

/// Characters of a channel's id: Slack's have 9 to 11.
const MAX_CHANNEL: usize = 32;
/// Characters of a `ts`: 10 digits, a point, 6 digits.
const MAX_TS: usize = 24;

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    pub channel: String,
    pub ts: String,
}

/// A message: an alert, or one in its thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    channel: String,
    ts: String,
    thread: Option<String>,
}

impl Place {
    pub fn of(root: &Root) -> Self {
        Self {
            channel: root.channel.clone(),
            ts: root.ts.clone(),
            thread: None,
        }
    }

    pub fn reply(root: &Root, ts: &str) -> Self {
        Self {
            channel: root.channel.clone(),
            ts: ts.to_owned(),
            thread: Some(root.ts.clone()),
        }
    }

    /// `None` where it is no place of ours: another channel of this name wrote it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let place = Self {
            channel: parts.next()?.to_owned(),
            ts: parts.next()?.to_owned(),
            thread: parts.next().map(str::to_owned),
        };
        let known = is_channel(&place.channel)
            && is_ts(&place.ts)
            && place.thread.as_deref().is_none_or(is_ts)
            && parts.next().is_none();
        known.then_some(place)
    }

    pub fn ts(&self) -> &str {
        &self.ts
    }

    pub fn is_reply(&self) -> bool {
        self.thread.is_some()
    }

    pub fn root(&self) -> Root {
        Root {
            channel: self.channel.clone(),
            ts: self.thread.clone().unwrap_or_else(|| self.ts.clone()),
        }
    }

    /// The message itself, whatever thread it is in.
    pub fn message(&self) -> String {
        format!("{}:{}", self.channel, self.ts)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.channel, self.ts)?;
        match &self.thread {
            Some(thread) => write!(out, ":{thread}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Root {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.channel, self.ts)
    }
}

/// A channel's id: no name, which changes.
pub(super) fn is_channel(text: &str) -> bool {
    let letters = |letter: u8| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    text.starts_with(['C', 'G', 'D'])
        && (2..=MAX_CHANNEL).contains(&text.len())
        && text.bytes().all(letters)
}

fn is_ts(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once('.');
    text.len() <= MAX_TS && parts.is_some_and(|(whole, rest)| digits(whole) && digits(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let root = Root {
            channel: "C0INCIDENTS".to_owned(),
            ts: "1764000000.000100".to_owned(),
        };
        let reply = Place::reply(&root, "1764000007.000100");
        assert_eq!(
            reply.to_string(),
            "C0INCIDENTS:1764000007.000100:1764000000.000100"
        );
        for place in [Place::of(&root), reply] {
            assert_eq!(Place::parse(&place.to_string()), Some(place.clone()));
            assert_eq!(place.root(), root);
        }
        for other in [
            "",
            "OPS-17",
            "C0INCIDENTS",
            "C0INCIDENTS:now",
            "incidents:1764000000.000100",
            "C0INCIDENTS:1764000000.000100:1.2:3",
            "C0/../x:1764000000.000100",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}
