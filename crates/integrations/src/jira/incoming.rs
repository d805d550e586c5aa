//! What Jira tells us: a person commented on an issue, or moved it. Both are data: nothing here
//! acts, and a text is never an instruction.

use std::collections::BTreeMap;

use model::render::one_line;
use model::{Digest, Status, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{IssueKey, JiraSettings, said};
use crate::body_signature::is_signed;
use crate::callback::{self, Memory, Reading, Unheard};
use crate::secret::Secret;

/// Where Jira writes `sha256=` and its signature, in lower case.
pub const SIGNATURE: &str = "x-hub-signature";
/// Bytes of a callback: it holds the whole issue.
pub const MAX_BODY: usize = 1 << 20;
/// Characters of a comment that are kept.
pub const MAX_COMMENT: usize = 8_000;
/// Characters of a status's name that are kept.
pub const MAX_STATUS: usize = 255;

/// How Jira proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The webhook's secret, with which Jira signs the body (Cloud; Data Center since 10).
    Signed(Secret),
    /// A header of this name, in lower case, with this secret: where something that can set headers
    /// stands before an older Data Center, or an automation rule sends.
    Header { name: String, value: Secret },
}

/// A comment of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideComment {
    pub issue: IssueKey,
    /// The account that wrote it, by Jira's id.
    pub account: String,
    /// Jira's id of the comment: the same one is the same comment.
    pub comment: String,
    /// As it was written, cut: render it before it is shown anywhere.
    pub text: String,
    pub at: Timestamp,
}

/// A person moved an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideStatus {
    pub issue: IssueKey,
    pub account: String,
    pub from: String,
    pub to: String,
    /// What the settings say that this status means.
    pub means: Option<Status>,
    pub at: Timestamp,
}

/// What a callback said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    Comment(OutsideComment),
    Status(OutsideStatus),
    /// Nothing for us: why.
    Nothing {
        why: &'static str,
    },
}

/// A callback that was taken, by the digest of its body. Answer it with 200.
pub type Arrived = callback::Arrived<Said>;

impl callback::Said for Said {
    fn nothing(why: &'static str) -> Self {
        Self::Nothing { why }
    }

    fn change(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::Status(status) => Some((status.issue.as_str(), "a later move came before it")),
            Self::Comment(_) | Self::Nothing { .. } => None,
        }
    }
}

/// The door that Jira knocks on. One for each webhook.
#[derive(Debug)]
pub struct Door {
    proof: Proof,
    project: String,
    /// Our own account: what it does is an echo.
    account: String,
    meanings: BTreeMap<String, Status>,
    memory: Memory,
}

impl Door {
    /// `account` is what [`super::Jira::account`] says.
    pub fn new(settings: &JiraSettings, account: String, proof: Proof) -> Self {
        let meanings = settings.meanings.iter();
        Self {
            proof,
            project: settings.project.clone(),
            account,
            meanings: meanings
                .map(|(name, status)| (folded(name), *status))
                .collect(),
            memory: Memory::default(),
        }
    }

    /// Reads a callback. `header` gives a header's value by its name in lower case.
    ///
    /// # Errors
    /// Why it was not taken, and with which status to answer.
    pub fn read<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Arrived, Unheard> {
        callback::sized(body, MAX_BODY)?;
        self.proof.check(header, body)?;
        let value = callback::json(body)?;
        let at = value.get("timestamp").and_then(Value::as_i64);
        let at = Timestamp(at.ok_or_else(|| {
            Unheard::Unreadable("timestamp: expected milliseconds since 1970".to_owned())
        })?);
        let reading = Reading {
            key: Digest::of(body),
            at,
            field: "timestamp",
            said: self.said(&value, at)?,
        };
        self.memory.take(reading, now)
    }

    /// What a callback said could not be kept: answer 503, and Jira's next try is taken as new.
    pub fn give_back(&self, arrived: &Arrived) {
        self.memory.give_back(&arrived.key);
    }

    fn said(&self, value: &Value, at: Timestamp) -> Result<Said, Unheard> {
        let event = value.get("webhookEvent").and_then(Value::as_str);
        match event {
            Some("comment_created") => self.commented(value, at),
            Some("jira:issue_updated") => self.updated(value, at),
            Some(_) => Ok(nothing("another kind of event")),
            None => Err(Unheard::Unreadable(
                "webhookEvent: is missing: this is no webhook of Jira".to_owned(),
            )),
        }
    }

    fn commented(&self, value: &Value, at: Timestamp) -> Result<Said, Unheard> {
        let Some(issue) = self.issue(value)? else {
            return Ok(nothing("an issue of another project"));
        };
        let comment = value.get("comment").ok_or_else(|| missing("comment"))?;
        let Some(account) = comment.get("author").and_then(said::account) else {
            return Ok(nothing("it names no account"));
        };
        if account == self.account {
            return Ok(nothing("our own doing"));
        }
        // Who may read it there isn't who reads it here.
        if comment.get("visibility").is_some_and(|is| !is.is_null()) {
            return Ok(nothing("a comment that only some may see"));
        }
        let id = comment.get("id").and_then(Value::as_str);
        let id = one_line(id.ok_or_else(|| missing("comment.id"))?, super::MAX_ACCOUNT);
        let body = comment.get("body").ok_or_else(|| missing("comment.body"))?;
        Ok(Said::Comment(OutsideComment {
            issue,
            account,
            comment: id,
            text: said::text(body, MAX_COMMENT),
            at,
        }))
    }

    fn updated(&self, value: &Value, at: Timestamp) -> Result<Said, Unheard> {
        let Some(issue) = self.issue(value)? else {
            return Ok(nothing("an issue of another project"));
        };
        let items = value.pointer("/changelog/items").and_then(Value::as_array);
        let change = items
            .into_iter()
            .flatten()
            .rfind(|item| item.get("field").and_then(Value::as_str) == Some("status"));
        let Some(change) = change else {
            return Ok(nothing("the status is as it was"));
        };
        let Some(account) = value.get("user").and_then(said::account) else {
            return Ok(nothing("it names no account"));
        };
        if account == self.account {
            return Ok(nothing("our own doing"));
        }
        let name = |of: &str| {
            let name = change.get(of).and_then(Value::as_str).unwrap_or_default();
            one_line(name, MAX_STATUS)
        };
        let to = name("toString");
        if to.is_empty() {
            return Err(missing("changelog.items.toString"));
        }
        Ok(Said::Status(OutsideStatus {
            issue,
            account,
            from: name("fromString"),
            means: self.meanings.get(&folded(&to)).copied(),
            to,
            at,
        }))
    }

    /// `None` where the issue is another project's.
    fn issue(&self, value: &Value) -> Result<Option<IssueKey>, Unheard> {
        let key = value.pointer("/issue/key").and_then(Value::as_str);
        let key = key.ok_or_else(|| missing("issue.key"))?;
        let key = IssueKey::parse(key)
            .ok_or_else(|| Unheard::Unreadable("issue.key: is no key of an issue".to_owned()))?;
        Ok((key.project() == self.project).then_some(key))
    }
}

impl Proof {
    /// Whether a request brings it. `header` gives a header's value by its name in lower case.
    ///
    /// # Errors
    /// `Unproven`: what is wrong.
    pub fn check<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<(), Unheard> {
        let unproven = |says: String| Err(Unheard::Unproven(says));
        match self {
            Self::Signed(secret) => {
                let Some(given) = header(SIGNATURE) else {
                    return unproven(format!(
                        "the header {SIGNATURE} is missing: give the webhook a secret"
                    ));
                };
                let Some(given) = given.trim().strip_prefix("sha256=") else {
                    return unproven(format!(
                        "the header {SIGNATURE}: expected sha256= and the signature"
                    ));
                };
                if is_signed(secret, body, given) {
                    return Ok(());
                }
                unproven(
                    "the signature isn't that of the configured secret over what was sent"
                        .to_owned(),
                )
            }
            Self::Header { name, value } => {
                let Some(given) = header(name) else {
                    return unproven(format!("the header {name} is missing"));
                };
                // Digests take the same time to compare, whatever was sent.
                let same = Sha256::digest(given) == Sha256::digest(value.reveal());
                if same && !value.reveal().is_empty() {
                    return Ok(());
                }
                unproven(format!(
                    "the header {name} doesn't hold the configured secret"
                ))
            }
        }
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn nothing(why: &'static str) -> Said {
    Said::Nothing { why }
}

fn missing(field: &str) -> Unheard {
    Unheard::Unreadable(format!("{field}: is missing"))
}
