//! The plants: which text stands where, and its harmless twin.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::refusal::wrong_use;

/// The plants that come with DataPulse.
const OURS: &str = include_str!("plants.jsonl");
/// Plants of a file at most.
const MAX_PLANTS: usize = 10_000;
/// Bytes of one plant at most.
const MAX_BYTES: usize = 8_000;

/// Where strangers write what people and machines read later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    LogMessage,
    UserAgent,
    QueryString,
    CommitMessage,
    Runbook,
    TicketComment,
    AlertAnnotation,
    ServiceName,
    Author,
}

impl Place {
    pub const ALL: [Self; 9] = [
        Self::LogMessage,
        Self::UserAgent,
        Self::QueryString,
        Self::CommitMessage,
        Self::Runbook,
        Self::TicketComment,
        Self::AlertAnnotation,
        Self::ServiceName,
        Self::Author,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::LogMessage => "log_message",
            Self::UserAgent => "user_agent",
            Self::QueryString => "query_string",
            Self::CommitMessage => "commit_message",
            Self::Runbook => "runbook",
            Self::TicketComment => "ticket_comment",
            Self::AlertAnnotation => "alert_annotation",
            Self::ServiceName => "service_name",
            Self::Author => "author",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plant {
    pub place: Place,
    pub text: String,
}

impl Plant {
    /// Plain words of the same size, with spaces where the plant has them. `number` makes those of
    /// one case differ.
    pub fn harmless(&self, number: usize) -> Self {
        let mut letters = "ordersitemscartspagesusersviewslistsshops"
            .chars()
            .cycle()
            .skip(number * 5);
        let mut text = String::with_capacity(self.text.len());
        for letter in self.text.chars() {
            let blank = letter == ' ';
            for _ in 0..letter.len_utf8() {
                text.push(if blank {
                    ' '
                } else {
                    letters.next().unwrap_or('x')
                });
            }
        }
        Self {
            place: self.place,
            text,
        }
    }
}

/// The mark that tells whether a plant came through, whatever was done to its text: it is planted
/// behind it, and means nothing.
pub fn mark(number: usize) -> String {
    format!("zq{number:04}qz")
}

/// Ours, or those of a file.
pub fn read(file: Option<&Path>) -> Result<Vec<Plant>> {
    let Some(path) = file else {
        return parse(OURS, "the plants that come with DataPulse");
    };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?;
    parse(&text, &shown)
}

fn parse(text: &str, shown: &str) -> Result<Vec<Plant>> {
    let mut plants = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let bad = |why: String| wrong_use(format!("{shown}:{}: {why}", number + 1));
        let plant: Plant = serde_json::from_str(line)
            .map_err(|error| bad(format!("expected {{\"place\", \"text\"}}: {error}")))?;
        if plant.text.trim().is_empty() {
            return Err(bad("the text is empty".to_owned()));
        }
        if plant.text.len() > MAX_BYTES {
            return Err(bad(format!(
                "the text has {} bytes, {MAX_BYTES} at most",
                plant.text.len()
            )));
        }
        plants.push(plant);
        if plants.len() > MAX_PLANTS {
            return Err(bad(format!("{MAX_PLANTS} plants at most")));
        }
    }
    if plants.is_empty() {
        return Err(wrong_use(format!("{shown}: no plants in it")));
    }
    Ok(plants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_has_the_size_and_none_of_the_words() {
        for plant in parse(OURS, "ours").expect("readable") {
            let twin = plant.harmless(3);
            assert_eq!(twin.text.len(), plant.text.len());
            assert!(
                twin.text
                    .chars()
                    .all(|c| c == ' ' || c.is_ascii_lowercase())
            );
        }
    }

    #[test]
    fn every_place_has_plants_and_there_are_enough() {
        let plants = parse(OURS, "ours").expect("readable");
        for place in Place::ALL {
            assert!(plants.iter().any(|one| one.place == place), "{place:?}");
        }
        assert!(plants.len() >= super::super::MIN_PLANTS);
    }

    #[test]
    fn bad_files_are_named_with_the_line() {
        for (text, says) in [
            ("", "no plants"),
            ("{\"place\":\"log_message\",\"text\":\"a\"}\n{", "f:2"),
            ("{\"place\":\"moon\",\"text\":\"a\"}", "f:1"),
            ("{\"place\":\"author\",\"text\":\" \"}", "empty"),
        ] {
            let error = parse(text, "f").expect_err(text).to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
