//! One mail handed to a server, step by step (RFC 5321). Until the mail's content is sent, nothing
//! was done; from its last dot on, an answer that is lost leaves open whether the server has it.

use std::fmt;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use model::render::one_line;
use tokio::time::timeout;

use super::{EmailSettings, Tls};
use crate::error::Error;

/// From the first packet until the server waits for the content: name, encryption, login, sender,
/// recipients.
pub(super) const BEFORE_CONTENT: Duration = Duration::from_secs(45);
/// From the content until the server has taken it: servers look for viruses meanwhile. RFC 5321 allows
/// ten minutes, an incident doesn't wait so long.
pub(super) const CONTENT: Duration = Duration::from_secs(60);
/// Goodbye: whatever comes of it.
const GOODBYE: Duration = Duration::from_secs(2);
/// Where a server says "later" (4xx) to all of us: greylisting takes minutes.
pub(super) const USUAL_WAIT: Duration = Duration::from_secs(60);
/// Characters of a server's own words in an error's text.
const MAX_WORDS: usize = 200;

/// A server, as we come to it.
pub(super) struct Server {
    /// Begins every error's text.
    name: String,
    host: String,
    port: u16,
    tls: Tls,
    parameters: TlsParameters,
    login: Option<Credentials>,
    hello: ClientId,
    pub(super) before_content: Duration,
    pub(super) content: Duration,
}

impl fmt::Debug for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Server")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// What a server took, and what it didn't, with its words.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sent {
    pub accepted: Vec<Address>,
    pub refused: Vec<(Address, String)>,
    pub later: Vec<(Address, String)>,
}

/// What an answer means.
enum Said {
    /// 4xx.
    Later(String),
    /// 5xx.
    No(String),
    /// None that can be read, or the connection is gone.
    Lost(String),
}

impl Said {
    fn of(error: &lettre::transport::smtp::Error) -> Self {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(error)
            && !text.contains(&source.to_string())
        {
            text = format!("{text}: {source}");
        }
        let text = one_line(&text, MAX_WORDS);
        match (error.is_transient(), error.is_permanent()) {
            (true, _) => Self::Later(text),
            (_, true) => Self::No(text),
            _ => Self::Lost(text),
        }
    }
}

impl Server {
    /// `domain` is the sender's.
    pub fn new(name: &str, settings: &EmailSettings, domain: &str) -> Result<Self, Error> {
        let wrong = |why: &dyn fmt::Display| Error::Configuration(format!("{name}: {why}"));
        let mut parameters = TlsParametersBuilder::new(settings.host.clone());
        if let Some(pem) = &settings.authority {
            let authority = Certificate::from_pem(pem)
                .map_err(|error| wrong(&format!("the certificate authority: {error}")))?;
            parameters = parameters.add_root_certificate(authority);
        }
        let hello = settings.hello.as_deref().unwrap_or(domain);
        let login = settings.login.as_ref();
        Ok(Self {
            name: name.to_owned(),
            host: settings.host.clone(),
            port: settings.port,
            tls: settings.tls,
            parameters: parameters.build().map_err(|error| wrong(&error))?,
            login: login.map(|(user, password)| {
                Credentials::new(user.clone(), password.reveal().to_owned())
            }),
            hello: ClientId::Domain(hello.to_owned()),
            before_content: BEFORE_CONTENT,
            content: CONTENT,
        })
    }

    /// Hands a mail over for whomever the server takes it.
    ///
    /// # Errors
    /// Where it took it for nobody.
    pub async fn send(&self, from: &Address, to: &[Address], bytes: &[u8]) -> Result<Sent, Error> {
        let begun = timeout(self.before_content, async {
            let (mut connection, sent) = self.begin(from, to).await?;
            if sent.accepted.is_empty() {
                goodbye(&mut connection).await;
                return Err(self.for_nobody(&sent));
            }
            match connection.command(Data).await {
                Ok(_) => Ok((connection, sent)),
                Err(error) => {
                    let failed = self.not_done("DATA", Said::of(&error));
                    goodbye(&mut connection).await;
                    Err(failed)
                }
            }
        });
        let (mut connection, sent) = begun.await.map_err(|_| self.slow())??;
        match timeout(self.content, connection.message(bytes)).await {
            Ok(Ok(_)) => {
                goodbye(&mut connection).await;
                Ok(sent)
            }
            Ok(Err(error)) => Err(match Said::of(&error) {
                Said::Lost(text) => Error::CannotTell(self.says("the content", &text)),
                said => {
                    let failed = self.not_done("the content", said);
                    goodbye(&mut connection).await;
                    failed
                }
            }),
            Err(_) => Err(Error::CannotTell(
                self.says("the content", "no answer in time"),
            )),
        }
    }

    /// All up to the content, which isn't sent.
    ///
    /// # Errors
    /// What the server says, also of one recipient alone.
    pub async fn probe(&self, from: &Address, to: &[Address]) -> Result<String, Error> {
        let asked = timeout(self.before_content, async {
            let (mut connection, sent) = self.begin(from, to).await?;
            let _ = connection.command(Rset).await;
            let encrypted = connection.is_encrypted();
            goodbye(&mut connection).await;
            Ok::<_, Error>((sent, encrypted))
        });
        let (sent, encrypted) = asked.await.map_err(|_| self.slow())??;
        if let Some((address, says)) = sent.refused.first() {
            return Err(Error::Refused(self.says(&address.to_string(), says)));
        }
        let how = match (encrypted, self.login.is_some()) {
            (true, true) => "encrypted and logged in",
            (true, false) => "encrypted, without a login",
            (false, _) => "in the clear on this machine",
        };
        let put_off = match sent.later.len() {
            0 => String::new(),
            some => format!(", {some} are put off for now"),
        };
        Ok(format!(
            "{}:{} answers, {how}; it takes mail from {from} for {} of {} recipients{put_off}",
            self.host,
            self.port,
            sent.accepted.len(),
            to.len()
        ))
    }

    /// Connected, encrypted, logged in, and asked for each recipient.
    async fn begin(
        &self,
        from: &Address,
        to: &[Address],
    ) -> Result<(AsyncSmtpConnection, Sent), Error> {
        let mut connection = self.connect().await?;
        let mail = Mail::new(Some(from.clone()), Vec::new());
        if let Err(error) = connection.command(mail).await {
            return Err(match Said::of(&error) {
                Said::Later(text) => self.later(&from.to_string(), &text),
                other => self.not_done(&from.to_string(), other),
            });
        }
        let mut sent = Sent::default();
        for address in to {
            let asked = connection.command(Rcpt::new(address.clone(), Vec::new()));
            match asked.await {
                Ok(_) => sent.accepted.push(address.clone()),
                Err(error) => match Said::of(&error) {
                    Said::Later(text) => sent.later.push((address.clone(), text)),
                    Said::No(text) => sent.refused.push((address.clone(), text)),
                    lost => return Err(self.not_done(&address.to_string(), lost)),
                },
            }
        }
        Ok((connection, sent))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let at_once = (self.tls == Tls::Implicit).then(|| self.parameters.clone());
        let place = (self.host.as_str(), self.port);
        let connected = AsyncSmtpConnection::connect_tokio1(
            place,
            Some(self.before_content),
            &self.hello,
            at_once,
            None,
        );
        let mut connection = connected.await.map_err(|error| match Said::of(&error) {
            Said::Later(text) => self.later("the connection", &text),
            other => self.not_done("the connection", other),
        })?;
        if self.tls == Tls::Starttls {
            if !connection.can_starttls() {
                goodbye(&mut connection).await;
                return Err(Error::Configuration(self.says(
                    "STARTTLS",
                    "the server has none: nothing was sent (is tls = \"implicit\" wanted, with its port?)",
                )));
            }
            let upgraded = connection.starttls(self.parameters.clone(), &self.hello);
            upgraded
                .await
                .map_err(|error| self.not_done("STARTTLS", Said::of(&error)))?;
        }
        if let Some(login) = &self.login {
            let logged_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], login);
            if let Err(error) = logged_in.await {
                let failed = match Said::of(&error) {
                    Said::Later(text) => self.later("the login", &text),
                    other => self.not_done("the login", other),
                };
                goodbye(&mut connection).await;
                return Err(failed);
            }
        }
        Ok(connection)
    }

    /// Before the content: whatever was said, nothing was done.
    fn not_done(&self, step: &str, said: Said) -> Error {
        match said {
            Said::No(text) => Error::Refused(self.says(step, &text)),
            Said::Later(text) | Said::Lost(text) => Error::NotDone(self.says(step, &text)),
        }
    }

    /// The server puts off all of us, not one mail.
    fn later(&self, step: &str, text: &str) -> Error {
        Error::Later {
            says: self.says(step, text),
            after: USUAL_WAIT,
        }
    }

    /// Nobody was taken: later, where one of them is put off.
    fn for_nobody(&self, sent: &Sent) -> Error {
        match (sent.later.first(), sent.refused.first()) {
            (Some((address, text)), _) => Error::NotDone(self.says(&address.to_string(), text)),
            (None, Some((address, text))) => Error::Refused(self.says(&address.to_string(), text)),
            (None, None) => Error::Configuration(self.says("recipients", "there are none")),
        }
    }

    fn slow(&self) -> Error {
        let seconds = self.before_content.as_secs();
        Error::NotDone(self.says("the server", &format!("not ready within {seconds} s")))
    }

    fn says(&self, step: &str, text: &str) -> String {
        format!("{} {}: {step}: {text}", self.name, self.host)
    }
}

/// What is done is done, whatever the server says to this.
async fn goodbye(connection: &mut AsyncSmtpConnection) {
    let _ = timeout(GOODBYE, connection.abort()).await;
}
