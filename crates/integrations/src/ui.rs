//! The address that people open DataPulse at: where links in others' systems lead.

use model::IncidentId;
use url::Url;

use crate::error::Error;

/// Bytes of the address: with an incident's path behind it, it fits into a button of Slack
/// (3,000), a link of Jira and one of PagerDuty (2,000).
pub const MAX_BASE: usize = 1_900;

/// The address that people open DataPulse at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ui(String);

impl Ui {
    /// `https://datapulse.example`, also with a path that it is served below.
    ///
    /// # Errors
    /// `Configuration`: what is wrong with it.
    pub fn parse(base: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Configuration(format!("the address of the UI: {why}"));
        let url = Url::parse(base).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("expected http:// or https:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a user or password in it would be shown to all"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("expected no ? and no #"));
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        if base.len() > MAX_BASE {
            return Err(wrong(&format!("over {MAX_BASE} bytes")));
        }
        Ok(Self(base))
    }

    /// The page of an incident.
    pub fn incident(&self, id: &IncidentId) -> String {
        format!("{}/incidents/{id}", self.0)
    }
}
