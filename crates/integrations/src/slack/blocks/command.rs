//! Answers to the slash command: seen by who asked alone.

use model::{Incident, Summary};
use serde_json::{Value, json};

use super::limits::{MAX_LISTED, MAX_NAME, MAX_SENTENCE};
use super::pieces::{name, section, shout};
use super::text::theirs;
use super::{Composer, Message};

/// What `/datapulse help` says.
pub const HELP: &str = "`/datapulse` lists what is open · `INC-…` shows one incident · `ack INC-…` takes it · `note INC-… TEXT` · `assign INC-…` and `me`, a mention or `team NAME` · `close INC-… REASON` as a false alarm, `close INC-… duplicate INC-… REASON` · `stop REASON` stops every execution · `help` says this";

impl Composer {
    /// The incidents that are open, worst first as they are given.
    pub fn list(&self, open: &[Summary]) -> Message {
        if open.is_empty() {
            return self.says("nothing is open");
        }
        let mut blocks: Vec<Value> = open
            .iter()
            .take(MAX_LISTED)
            .map(|summary| section(&self.line(summary)))
            .collect();
        if open.len() > MAX_LISTED {
            let more = open.len() - MAX_LISTED;
            blocks.push(section(&format!("{more} more in DataPulse")));
        }
        Message {
            text: match open.len() {
                1 => "one incident is open".to_owned(),
                many => format!("{many} incidents are open"),
            },
            blocks,
        }
    }

    /// One incident, as its alert.
    pub fn shown(&self, incident: &Incident) -> Message {
        self.alert(incident)
    }

    /// What the command can do.
    pub fn help(&self) -> Message {
        Message {
            text: HELP.to_owned(),
            blocks: vec![section(HELP)],
        }
    }

    /// A sentence, such as why something can't be done.
    pub fn says(&self, sentence: &str) -> Message {
        let text = theirs(sentence, MAX_SENTENCE);
        Message {
            blocks: vec![section(&text)],
            text,
        }
    }

    fn line(&self, summary: &Summary) -> String {
        let owner = match &summary.owner {
            Some(owner) => format!("owned by {}", name(owner)),
            None => "nobody's yet".to_owned(),
        };
        format!(
            "{} {} · {} · {} · {owner}",
            shout(summary.severity),
            self.ui
                .link(&summary.incident_id, summary.incident_id.as_str()),
            theirs(&summary.title, MAX_NAME),
            summary.status.name().replace('_', " "),
        )
    }
}

/// The body of an answer that only who asked sees.
pub fn ephemeral(message: &Message) -> Value {
    let mut fields = message.fields();
    fields.insert("response_type".to_owned(), json!("ephemeral"));
    fields.insert("replace_original".to_owned(), json!(false));
    Value::Object(fields)
}
