//! What is taken out of texts.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::refusal::wrong_use;

/// What is taken out of all that is written, shown and sent, beside secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redaction {
    /// E-mail addresses in telemetry and documents too. People who act keep theirs: it is how they
    /// are known.
    pub emails: bool,
    /// Regular expressions; all that they match is taken out.
    pub patterns: Vec<String>,
}

impl Redaction {
    pub fn redactor(&self) -> Result<model::Redactor> {
        model::Redactor::new(self.emails, &self.patterns)
            .map_err(|bad| wrong_use(format!("redaction.patterns: {bad}")))
    }
}
