//! From a bulletin to a mail. Pure: the same gives the same bytes.
//!
//! Every text of others goes through [`plain`] (and [`html`] behind it, in the HTML): readers of
//! mail make links of what looks like one in either form. A text of others is one line wherever it
//! stands, so that it forges no header and no line of ours; what isn't ASCII is encoded by lettre.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use model::render::html;
use sha2::{Digest as _, Sha256};

use crate::bulletin::{Bulletin, Section};
use crate::channel::MAX_PLACE;
use crate::error::Error;
use crate::plain::plain;
use crate::webhook::Notice;

/// Characters of the title in a subject.
pub const MAX_TITLE: usize = 150;
/// Characters of a sentence of others.
pub const MAX_SENTENCE: usize = 1_000;
/// Characters of a fact's value.
pub const MAX_FACT: usize = 200;
/// Stands for a text of others that has nothing to be seen.
const NOTHING: &str = "—";
const WAY: &str = "To take it or to decide, open it in DataPulse.";
const NOBODY_READS: &str = "Sent by DataPulse by itself: nobody reads answers to this mail.";

/// What a mail is made of.
pub(super) struct Letter<'a> {
    pub from: &'a Mailbox,
    pub to: &'a [Mailbox],
    pub id: &'a str,
    /// The `Message-ID` of the incident's first mail, where this is a later one.
    pub first: Option<&'a str>,
    pub at: SystemTime,
    pub notice: &'a Notice,
    pub bulletin: &'a Bulletin,
    pub link: &'a str,
}

/// The `Message-ID` of a notice's mail: the same for the same key. Readable, and with a digest, since
/// not all that a key may hold may stand in it.
pub fn message_id(key: &str, domain: &str) -> String {
    const READABLE: usize = 60;
    let shown: String = key
        .chars()
        .take(READABLE)
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => letter,
            _ => '_',
        })
        .collect();
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    format!("<{shown}.{}.datapulse@{domain}>", &digest[..16])
}

/// The first place that is a `Message-ID`.
pub(super) fn first_of(places: &[String]) -> Option<&str> {
    places
        .iter()
        .map(String::as_str)
        .find(|place| is_message_id(place))
}

fn is_message_id(text: &str) -> bool {
    let inner = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'));
    text.len() <= MAX_PLACE
        && inner.is_some_and(|inner| {
            inner.contains('@')
                && inner
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
        })
}

impl Letter<'_> {
    /// The whole mail.
    ///
    /// # Errors
    /// `Configuration`: lettre can't write it.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let incident = self.notice.incident_id.as_str();
        let headline = self.bulletin.headline(|title| theirs(title, MAX_TITLE));
        // ASCII is sent as it is, and a reader would decode what looks encoded (RFC 2047).
        let subject = format!("{headline} ({incident})").replace("=?", "＝?");
        let mut builder = Message::builder()
            .from(self.from.clone())
            .date(self.at)
            .message_id(Some(self.id.to_owned()));
        for one in self.to {
            builder = builder.to(one.clone());
        }
        builder = match self.first.filter(|first| *first != self.id) {
            // The same subject but for the "Re:": some readers look at it, too, for threads.
            Some(first) => builder
                .subject(format!("Re: {subject}"))
                .in_reply_to(first.to_owned())
                .references(first.to_owned()),
            None => builder.subject(subject),
        };
        let topic = serde_json::to_value(self.notice.topic).unwrap_or_default();
        for (name, value) in [
            // RFC 3834: no vacation notice answers it.
            ("Auto-Submitted", "auto-generated"),
            // Exchange's word for the same.
            ("X-Auto-Response-Suppress", "All"),
            ("X-DataPulse-Incident", incident),
            ("X-DataPulse-Notice", &self.notice.key),
            ("X-DataPulse-Topic", topic.as_str().unwrap_or_default()),
        ] {
            builder = builder.raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str(name),
                value.to_owned(),
            ));
        }
        let boundary = hex::encode(Sha256::digest(self.id.as_bytes()));
        let parts = MultiPart::alternative()
            .boundary(&boundary[..32])
            .singlepart(SinglePart::plain(self.text(&headline)))
            .singlepart(SinglePart::html(self.html(&headline)));
        let message = builder
            .multipart(parts)
            .map_err(|error| Error::Configuration(format!("a mail can't be written: {error}")))?;
        Ok(message.formatted())
    }

    /// The text for readers without HTML.
    pub fn text(&self, headline: &str) -> String {
        let mut lines = vec![headline.to_owned(), String::new()];
        if !self.bulletin.says.is_empty() {
            lines.extend([theirs(&self.bulletin.says, MAX_SENTENCE), String::new()]);
        }
        for (name, value) in &self.bulletin.facts {
            lines.push(format!("{name}: {}", theirs(value, MAX_FACT)));
        }
        for section in &self.bulletin.sections {
            lines.extend([String::new(), section.heading.to_owned()]);
            let shown = lines_of(section);
            lines.extend(shown.iter().map(|line| format!("  * {line}")));
        }
        lines.push(String::new());
        lines.push(format!("Open in DataPulse: {}", self.link));
        lines.push(WAY.to_owned());
        lines.extend(["-- ".to_owned(), NOBODY_READS.to_owned(), String::new()]);
        lines.join("\r\n")
    }

    /// The same in HTML: no script, no picture, nothing that is fetched, one link.
    pub fn html(&self, headline: &str) -> String {
        let mut out = format!(
            "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"><title>{0}</title></head>\r\n<body style=\"font-family: sans-serif\">\r\n<h2>{0}</h2>\r\n",
            html(headline)
        );
        let shown = |text: &str, most: usize| html(&theirs(text, most));
        if !self.bulletin.says.is_empty() {
            out.push_str(&format!(
                "<p>{}</p>\r\n",
                shown(&self.bulletin.says, MAX_SENTENCE)
            ));
        }
        out.push_str("<table>\r\n");
        for (name, value) in &self.bulletin.facts {
            out.push_str(&format!(
                "<tr><th align=\"left\">{}</th><td>{}</td></tr>\r\n",
                html(name),
                shown(value, MAX_FACT)
            ));
        }
        out.push_str("</table>\r\n");
        for section in &self.bulletin.sections {
            out.push_str(&format!("<h3>{}</h3>\r\n<ul>\r\n", html(section.heading)));
            for line in lines_of(section) {
                out.push_str(&format!("<li>{}</li>\r\n", html(&line)));
            }
            out.push_str("</ul>\r\n");
        }
        out.push_str(&format!(
            "<p><a href=\"{}\">Open in DataPulse</a></p>\r\n<p>{WAY}</p>\r\n<p><small>{NOBODY_READS}</small></p>\r\n</body></html>\r\n",
            html(self.link)
        ));
        out
    }
}

/// A section's lines, rendered as plain text, with a word on those that are left out.
fn lines_of(section: &Section) -> Vec<String> {
    let lines = section.lines.iter().map(|line| theirs(line, MAX_SENTENCE));
    let mut lines: Vec<String> = lines.collect();
    if section.hidden > 0 {
        lines.push(format!("{} more in DataPulse", section.hidden));
    }
    lines
}

/// A text of others: one line, nothing in it acts, at most `most` characters.
fn theirs(text: &str, most: usize) -> String {
    let shown = plain(text, most);
    match shown.is_empty() {
        true => NOTHING.to_owned(),
        false => shown,
    }
}
