//! E-mail by SMTP: each notice is a mail, an incident is a thread.
//!
//! [`letter`] writes a mail, which is pure: the same notice of the same incident is the same bytes
//! under the same `Message-ID`, so that whoever keeps mails keeps it once. [`session`] hands it to a
//! server, step by step, since what a failure means depends on the step. Nothing is updated, and
//! nobody decides by mail. `docs/integrations/email.md` is for operators.

pub mod letter;
mod session;
mod taken;
#[cfg(test)]
mod tests;

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use self::letter::Letter;
use self::session::Server;
use self::taken::Taken;
use crate::bulletin::Bulletin;
use crate::channel::{Channel, Delivered, Telling};
use crate::error::Error;
use crate::secret::Secret;
use crate::ui::Ui;

/// Recipients of one channel: beyond, it's a list's address that is wanted.
pub const MAX_RECIPIENTS: usize = 50;

/// How the connection to the server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Begun in the clear, encrypted by `STARTTLS` before anything else; without it nothing is sent.
    #[default]
    Starttls,
    /// Encrypted from the first byte (RFC 8314).
    Implicit,
    /// In the clear: only to a server on this machine.
    None,
}

impl Tls {
    /// The port that is used where none is named: of submission, of submissions, of SMTP.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// As whom, through what, and to whom mails are sent.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// PEM of a certificate authority of one's own, trusted beside the system's.
    pub authority: Option<Vec<u8>>,
    /// The user and the password; `None`: the server knows us by our address.
    pub login: Option<(String, Secret)>,
    /// What the server is told that we are; `None`: the sender's domain.
    pub hello: Option<String>,
    /// `DataPulse <datapulse@example.com>`
    pub from: String,
    pub to: Vec<String>,
}

/// What is wrong with settings: the key, and what was expected.
pub type Wrong = (&'static str, String);

impl EmailSettings {
    /// Whether all of it can be used, as far as that shows without asking anybody.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn check(&self) -> Result<(), Wrong> {
        self.sender()?;
        self.recipients()?;
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || c == '/') {
            let message = format!("host: expected the server's name, got {:?}", self.host);
            return Err(("host", message));
        }
        if self.tls == Tls::None && !self.is_here() {
            let message =
                "tls: none is only for a server on this machine: expected starttls or implicit";
            return Err(("tls", message.to_owned()));
        }
        if let Some(hello) = &self.hello
            && !is_host(hello)
        {
            let message = format!("hello: expected this machine's name, got {hello:?}");
            return Err(("hello", message));
        }
        Ok(())
    }

    fn is_here(&self) -> bool {
        ["127.0.0.1", "localhost", "::1"].contains(&self.host.as_str())
    }

    fn sender(&self) -> Result<Mailbox, Wrong> {
        mailbox(&self.from).map_err(|why| ("from", format!("from: {why}")))
    }

    fn recipients(&self) -> Result<Vec<Mailbox>, Wrong> {
        let mut found: Vec<Mailbox> = Vec::new();
        for text in &self.to {
            let one = mailbox(text).map_err(|why| ("to", format!("to: {why}")))?;
            if found.iter().any(|other| other.email == one.email) {
                return Err(("to", format!("to: {} is there twice", one.email)));
            }
            found.push(one);
        }
        if found.is_empty() || found.len() > MAX_RECIPIENTS {
            let message = format!(
                "to: expected 1 to {MAX_RECIPIENTS} addresses, got {} (of more, take a list's address)",
                found.len()
            );
            return Err(("to", message));
        }
        Ok(found)
    }
}

/// An address, with a name or without. Only ASCII: not every server on the way takes more.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let wrong =
        || format!("expected an address such as DataPulse <datapulse@example.com>, got {text:?}");
    if text.chars().any(char::is_control) {
        return Err(wrong());
    }
    let found: Mailbox = text.parse().map_err(|_| wrong())?;
    match AsRef::<str>::as_ref(&found.email).is_ascii() {
        true => Ok(found),
        false => Err(wrong()),
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

/// A server, and whom it brings mails to.
#[derive(Debug)]
pub struct EmailChannel {
    name: String,
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    ui: Ui,
    taken: Taken,
}

impl EmailChannel {
    /// `name` is its name in records and metrics, `ui` is where links lead.
    ///
    /// # Errors
    /// `Configuration`: what is wrong, by its key.
    pub fn new(name: &str, settings: &EmailSettings, ui: Ui) -> Result<Self, Error> {
        let wrong = |(_, message): Wrong| Error::Configuration(format!("{name}.{message}"));
        settings.check().map_err(wrong)?;
        let from = settings.sender().map_err(wrong)?;
        Ok(Self {
            name: name.to_owned(),
            server: Server::new(name, settings, from.email.domain())?,
            to: settings.recipients().map_err(wrong)?,
            from,
            ui,
            taken: Taken::default(),
        })
    }

    /// Asks the server whether it takes mails from us and for each recipient, and sends none.
    ///
    /// # Errors
    /// What it says.
    pub async fn probe(&self) -> Result<String, Error> {
        self.server.probe(&self.from.email, &self.addresses()).await
    }

    fn addresses(&self) -> Vec<lettre::Address> {
        self.to.iter().map(|one| one.email.clone()).collect()
    }

    /// The mail of a notice, whole.
    ///
    /// # Errors
    /// `Configuration`: it can't be written.
    pub fn letter(&self, telling: &Telling<'_>) -> Result<Vec<u8>, Error> {
        let link = self.ui.incident(&telling.incident.id);
        let at_ms = u64::try_from(telling.record.at.ms()).unwrap_or(0);
        Letter {
            from: &self.from,
            to: &self.to,
            id: &self.id(telling),
            first: letter::first_of(telling.places),
            at: UNIX_EPOCH + Duration::from_millis(at_ms),
            notice: telling.notice,
            bulletin: &Bulletin::of(telling),
            link: &link,
        }
        .bytes()
    }

    fn id(&self, telling: &Telling<'_>) -> String {
        letter::message_id(&telling.notice.key, self.from.email.domain())
    }

    async fn send(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let key = &telling.notice.key;
        let id = self.id(telling);
        let bytes = self.letter(telling)?;
        // Who has it isn't sent it again because somebody else hasn't.
        let left = self.taken.left(key, self.addresses());
        if !left.is_empty() {
            let sent = match self.server.send(&self.from.email, &left, &bytes).await {
                Ok(sent) => sent,
                // Others have it: a no to those that were put off ends it.
                Err(Error::Refused(says)) if left.len() < self.to.len() => {
                    tracing::warn!(channel = self.name, says, "some recipients aren't taken");
                    self.failed();
                    return Ok(Delivered { place: Some(id) });
                }
                Err(error) => return Err(error),
            };
            self.taken.by(key, &sent.accepted);
            for (address, says) in &sent.refused {
                tracing::warn!(channel = self.name, %address, says, "a recipient isn't taken");
                self.failed();
            }
            if let Some((address, says)) = sent.later.first() {
                let text = format!(
                    "{}: {} of {} recipients are put off, such as {address}: {says}",
                    self.name,
                    sent.later.len(),
                    self.to.len()
                );
                return Err(Error::NotDone(text));
            }
        }
        Ok(Delivered { place: Some(id) })
    }

    fn failed(&self) {
        metrics::counter!("integration_call_failures_total", "adapter" => self.name.clone())
            .increment(1);
    }
}

#[async_trait]
impl Channel for EmailChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let sent = self.send(telling).await;
        if sent.is_err() {
            self.failed();
        }
        sent
    }
}
