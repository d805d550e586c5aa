//! What somebody asks for with the slash command.

use model::IncidentId;

use super::payload::Command;

/// What follows `/datapulse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Nothing: what is open.
    List,
    Show(IncidentId),
    Acknowledge(IncidentId),
    /// `help`, and all that isn't understood.
    Help,
}

impl Command {
    /// What is asked for. Words in any case, ids as they are written.
    pub fn wish(&self) -> Wish {
        let mut words = self.text.split_whitespace();
        let (first, second, rest) = (words.next(), words.next(), words.next());
        let incident = |word: &str| IncidentId::parse(word).filter(|id| !id.is_system());
        match (first, second, rest) {
            (None, ..) => Wish::List,
            (Some(word), None, _) if word.eq_ignore_ascii_case("list") => Wish::List,
            (Some(word), None, _) => incident(word).map_or(Wish::Help, Wish::Show),
            (Some(word), Some(id), None) if word.eq_ignore_ascii_case("ack") => {
                incident(id).map_or(Wish::Help, Wish::Acknowledge)
            }
            _ => Wish::Help,
        }
    }
}
