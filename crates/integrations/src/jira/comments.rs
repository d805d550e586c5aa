//! Comments: one for each record that people are told of, in the records' order, each once.

use model::IncidentId;
use model::render::jira_wiki;
use serde_json::{Value, json};

use super::document::Document;
use super::issue::{marked, marker};
use super::{IssueKey, Jira, said};
use crate::error::Error;
use crate::webhook::Notice;

/// Comments of an issue that are looked at for ours, newest first. A comment whose answer was lost
/// is among the newest.
pub const MAX_LOOKED_AT: usize = 200;
/// Comments of one answer: so few that long ones fit into it.
const PAGE: usize = 20;
/// The same where they don't: a comment has 32,767 characters at most.
const SMALL_PAGE: usize = 2;
/// Comments of ours for older records after which the search ends: not at the first, since Jira may
/// keep times in seconds and list what was written within one in any order.
const OLDER_ENOUGH: usize = 5;
/// Comments that one call writes; what is beyond waits for the next.
pub const MAX_AT_ONCE: usize = 20;

/// A comment: what a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub incident: IncidentId,
    /// The record's number: the same one is written once.
    pub seq: u64,
    /// Lines of others' text; rendered when it is sent.
    pub lines: Vec<String>,
}

/// How far a call came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remarked {
    /// Records that are told: written now, or there before. In order.
    pub told: Vec<u64>,
    /// What stopped it. Where it is `CannotTell`, the comment after `told` may be there: call again.
    pub stopped: Option<Error>,
}

impl Remark {
    /// Of a notice, whose key names the incident and the record. `None` for another key.
    pub fn of(notice: &Notice) -> Option<Self> {
        let (incident, seq) = notice.key.rsplit_once(':')?;
        (incident == notice.incident_id.as_str()).then_some(())?;
        Some(Self {
            incident: notice.incident_id.clone(),
            seq: seq.parse().ok()?,
            lines: vec![notice.text.clone(), notice.at.clone()],
        })
    }

    /// One more line: such as that the issue could not be moved.
    #[must_use]
    pub fn and(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    pub(super) fn document(&self) -> Document {
        let mut text = Document::ending(marker(&self.incident, self.seq));
        for line in &self.lines {
            text.line(line);
        }
        text
    }
}

impl Jira {
    /// Writes what isn't there yet, one after the other, and stops at the first that fails, so that
    /// their order is kept. All are of one incident, the lowest record first.
    ///
    /// # Errors
    /// Nothing was written: the comments that are there couldn't be read, or the remarks are out of
    /// order.
    pub async fn comment(&self, issue: &IssueKey, remarks: &[Remark]) -> Result<Remarked, Error> {
        let Some(first) = remarks.first() else {
            return Ok(Remarked {
                told: Vec::new(),
                stopped: None,
            });
        };
        let ordered = remarks
            .windows(2)
            .all(|pair| pair[0].seq < pair[1].seq && pair[0].incident == pair[1].incident);
        if !ordered {
            let says = "jira: comments are out of order, or of several incidents: nothing was sent";
            return Err(Error::Configuration(says.to_owned()));
        }
        let there = self.written(issue, &first.incident, first.seq).await?;
        let mut told = Vec::new();
        for remark in remarks.iter().take(MAX_AT_ONCE) {
            if !there.contains(&remark.seq)
                && let Err(error) = self.write_comment(issue, remark).await
            {
                let stopped = Some(error);
                return Ok(Remarked { told, stopped });
            }
            told.push(remark.seq);
        }
        Ok(Remarked {
            told,
            stopped: None,
        })
    }

    async fn write_comment(&self, issue: &IssueKey, remark: &Remark) -> Result<(), Error> {
        let document = remark.document();
        let text: Value = if self.is_cloud() {
            document.adf()
        } else {
            document.wiki().into()
        };
        let path = format!("/issue/{issue}/comment");
        self.write("POST comment", &path, &json!({ "body": text }))
            .await?;
        Ok(())
    }

    /// The records from `from` on that have a comment of ours. Since comments are written in order,
    /// some of ours that are older end the search.
    async fn written(
        &self,
        issue: &IssueKey,
        incident: &IncidentId,
        from: u64,
    ) -> Result<Vec<u64>, Error> {
        let account = self.account().await?;
        let mut there = Vec::new();
        let mut seen = 0;
        let mut older = 0;
        let mut page = PAGE;
        while seen < MAX_LOOKED_AT {
            let path =
                format!("/issue/{issue}/comment?orderBy=-created&startAt={seen}&maxResults={page}");
            let answer = match self.read("GET comment", &path).await {
                // Long comments may be more than what is read of one answer.
                Err(Error::NotDone(_)) if page > SMALL_PAGE => {
                    page = SMALL_PAGE;
                    continue;
                }
                answer => answer?,
            };
            let comments = answer.get("comments").and_then(Value::as_array);
            let comments = comments.ok_or_else(|| {
                Error::NotDone("jira: GET comment: the answer has no comments".to_owned())
            })?;
            for comment in comments {
                match self.record_of(comment, &account, incident) {
                    Some(seq) if seq < from => older += 1,
                    Some(seq) => there.push(seq),
                    None => {}
                }
            }
            seen += comments.len();
            let total = answer.get("total").and_then(Value::as_u64).unwrap_or(0);
            if older >= OLDER_ENOUGH || comments.is_empty() || seen as u64 >= total {
                break;
            }
        }
        Ok(there)
    }

    /// The record that a comment of ours tells of: our account wrote it, and it ends with a marker.
    fn record_of(&self, comment: &Value, account: &str, incident: &IncidentId) -> Option<u64> {
        let author = comment.get("author").and_then(said::account)?;
        (author == account).then_some(())?;
        let text = said::text(comment.get("body")?, usize::MAX);
        let last = text.lines().rfind(|line| !line.trim().is_empty())?;
        marked(incident, last).or_else(|| {
            // In wiki markup the marker is escaped.
            let seq = last.trim().rsplit_once(' ')?.1.parse().ok()?;
            (jira_wiki(&marker(incident, seq)) == last.trim()).then_some(seq)
        })
    }
}
