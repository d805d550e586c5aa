//! Mails that are the same each time and hold nothing that acts, and what a server's words mean at
//! each step. The server is a script on a real socket: `tests/email.rs` speaks to a real one.

use std::sync::{Arc, Mutex, PoisonError};

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::bulletin::Section;
use crate::story::{self, OPENED, RESOLVED, TAKEN};

const UI: &str = "https://datapulse.example";

/// What the server says to a line, or to the content, which is the line "."; `None`: it hangs up.
type Script = fn(&str, usize) -> Option<&'static str>;

struct Scripted {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let got = lines.clone();
        tokio::spawn(async move {
            let mut connections = 0;
            while let Ok((socket, _)) = listener.accept().await {
                connections += 1;
                tokio::spawn(speak(socket, script, connections, got.clone()));
            }
        });
        Self { port, lines }
    }

    fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }

    fn channel(&self) -> EmailChannel {
        self.channel_for(&["anna@example.com", "Bob <bob@example.com>"])
    }

    fn channel_for(&self, to: &[&str]) -> EmailChannel {
        let mut settings = settings();
        (settings.host, settings.port) = ("127.0.0.1".to_owned(), self.port);
        settings.tls = Tls::None;
        settings.to = to.iter().map(|&one| one.to_owned()).collect();
        let ui = Ui::parse(UI).expect("an address");
        EmailChannel::new("email", &settings, ui).expect("right")
    }
}

async fn speak(
    mut socket: TcpStream,
    script: Script,
    connection: usize,
    lines: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    socket.write_all(b"220 scripted\r\n").await.ok()?;
    let mut bytes = Vec::new();
    let mut content = false;
    loop {
        let end: &[u8] = if content { b"\r\n.\r\n" } else { b"\r\n" };
        let Some(at) = bytes.windows(end.len()).position(|window| window == end) else {
            if socket.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
            continue;
        };
        let taken: Vec<u8> = bytes.drain(..at + end.len()).collect();
        let line = match content {
            true => ".".to_owned(),
            false => String::from_utf8_lossy(&taken).trim_end().to_owned(),
        };
        lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line.clone());
        let answer = script(&line, connection)?;
        content = answer.starts_with("354");
        socket.write_all(answer.as_bytes()).await.ok()?;
        socket.write_all(b"\r\n").await.ok()?;
    }
}

fn fine(line: &str) -> Option<&'static str> {
    Some(match line {
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        _ => "250 fine",
    })
}

fn settings() -> EmailSettings {
    EmailSettings {
        host: "mail.example.com".to_owned(),
        port: 587,
        tls: Tls::Starttls,
        authority: None,
        login: None,
        hello: None,
        from: "DataPulse <datapulse@example.com>".to_owned(),
        to: vec!["anna@example.com".to_owned()],
    }
}

async fn tell(channel: &EmailChannel, seq: usize, places: &[String]) -> Result<Delivered, Error> {
    let records = story::records(seq);
    let record = &records[seq - 1];
    channel
        .deliver(&Telling {
            notice: &story::notice(record),
            incident: &story::incident(seq),
            record,
            places,
        })
        .await
}

/// A mail as it is sent, of a title and all else of others.
fn mail(text: &str, first: Option<&str>) -> String {
    let mailbox = |text: &str| -> Mailbox { text.parse().expect("an address") };
    let record = &story::records(OPENED)[0];
    let section = Section {
        heading: "Evidence",
        lines: vec![text.to_owned(); 2],
        hidden: 3,
    };
    let bytes = Letter {
        from: &mailbox("DataPulse <datapulse@example.com>"),
        to: &[
            mailbox("anna@example.com"),
            mailbox("Bob <bob@example.com>"),
        ],
        id: &letter::message_id(&record.id(), "example.com"),
        first,
        at: UNIX_EPOCH + Duration::from_millis(1_795_525_200_000),
        notice: &story::notice(record),
        bulletin: &Bulletin {
            severity: model::Severity::Critical,
            title: text.to_owned(),
            says: text.to_owned(),
            facts: vec![("Service", text.to_owned())],
            sections: vec![section],
        },
        link: "https://datapulse.example/incidents/INC-1",
    }
    .bytes()
    .expect("a mail");
    String::from_utf8(bytes).expect("ASCII")
}

/// Names and values of the headers, unfolded.
fn headers(mail: &str) -> Vec<(String, String)> {
    let (head, _) = mail.split_once("\r\n\r\n").expect("a head");
    head.replace("\r\n ", " ")
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn header(mail: &str, name: &str) -> Option<String> {
    let found = headers(mail).into_iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value)
}

#[test]
fn a_mail_is_the_same_each_time_and_says_what_it_is() {
    let first = mail("payment fails", None);
    assert_eq!(first, mail("payment fails", None));
    let id = story::incident(1).id;
    let of = |name: &str| header(&first, name);
    assert_eq!(
        of("Subject"),
        Some(format!("[CRITICAL] payment fails ({id})"))
    );
    assert_eq!(of("From"), Some("DataPulse <datapulse@example.com>".into()));
    assert_eq!(
        of("To"),
        Some("anna@example.com, Bob <bob@example.com>".into())
    );
    assert_eq!(of("Auto-Submitted"), Some("auto-generated".into()));
    assert_eq!(of("X-Auto-Response-Suppress"), Some("All".into()));
    assert_eq!(of("X-DataPulse-Notice"), Some(format!("{id}:1")));
    assert_eq!(of("Date"), Some("Tue, 24 Nov 2026 13:00:00 +0000".into()));
    let message_id = of("Message-ID").expect("an id");
    assert!(message_id.starts_with(&format!("<{id}_1.")), "{message_id}");
    assert!(message_id.ends_with(".datapulse@example.com>"));
    assert_eq!((of("In-Reply-To"), of("References")), (None, None));
    assert!(first.contains("multipart/alternative"));
    assert!(first.contains("Service: payment fails"));
    assert!(first.contains("<td>payment fails</td>"));
    assert!(first.contains("3 more in DataPulse"));
    assert_eq!(first.matches("href=").count(), 1);
}

#[test]
fn later_mails_go_into_the_thread_of_the_first() {
    let later = mail("payment fails", Some("<first.datapulse@example.com>"));
    let of = |name: &str| header(&later, name).unwrap_or_default();
    assert!(of("Subject").starts_with("Re: [CRITICAL] payment fails"));
    assert_eq!(of("In-Reply-To"), "<first.datapulse@example.com>");
    assert_eq!(of("References"), "<first.datapulse@example.com>");
}

#[test]
fn only_what_is_a_message_id_is_taken_for_one() {
    let places = |texts: &[&str]| texts.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
    let first = |texts: &[&str]| letter::first_of(&places(texts)).map(str::to_owned);
    assert_eq!(first(&[]), None);
    assert_eq!(first(&["C1:2", "<a@b>", "<c@d>"]), Some("<a@b>".to_owned()));
    for wrong in ["<a@b>\r\nBcc: x@y", "<a b@c>", "a@b", "<ab>", "<a@b> <c@d>"] {
        assert_eq!(first(&[wrong]), None, "{wrong:?}");
    }
    let long = format!("<{}@b>", "a".repeat(600));
    assert_eq!(first(&[&long]), None);
    assert_ne!(
        letter::message_id("INC-1:1", "example.com"),
        letter::message_id("INC-1_1", "example.com")
    );
}

#[test]
fn hostile_texts_forge_no_header_no_line_and_no_link() {
    let names: Vec<String> = headers(&mail("x", None))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for text in [
        "x\r\nBcc: evil@evil.example",
        "x\r\n\r\n<html>",
        "x\u{2028}Subject: y\u{85}z\u{b}",
        "=?utf-8?q?=0D=0ABcc:_evil@evil.example?=",
        "</title><script>alert(1)</script><a href=\"https://evil.example\">",
        "see https://evil.example www.evil.example mailto:a@evil.example",
        "本\u{202e}\r\nX: y",
        "",
    ] {
        let mail = mail(text, None);
        let found: Vec<String> = headers(&mail).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, names, "{text:?}");
        assert!(!mail.contains("\r\n.\r\n"));
        let subject = header(&mail, "Subject").expect("a subject");
        assert!(!subject.contains("=?utf-8?q?=0D"), "{subject}");
        // As a reader sees it, its soft line ends undone.
        let read = mail.replace("=\r\n", "");
        let (_, html) = read.split_once("text/html").expect("HTML");
        assert!(!html.contains("<script") && html.matches("<a ").count() == 1);
        for link in ["://evil", "www.evil", "mailto:a", "@evil"] {
            assert!(!read.contains(link), "{link} in {read}");
        }
        assert!(mail.lines().all(|line| line.len() <= 998));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_leaves_the_head_as_it_is(text in "(\\PC|\r|\n|\r\nBcc: a@b|:|<|=\\?|\\?=|\u{0}|\u{85}){0,60}") {
        let mail = mail(&text, Some("<first@example.com>"));
        prop_assert!(mail.is_ascii());
        let names = |mail: &str| -> Vec<String> {
            headers(mail).into_iter().map(|(name, _)| name).collect()
        };
        let plain = self::mail("x", Some("<first@example.com>"));
        prop_assert_eq!(names(&mail), names(&plain));
        prop_assert!(!mail.replace("\r\n", "").contains(['\r', '\n', '\0']));
    }
}

#[tokio::test]
async fn a_mail_is_taken_and_its_place_is_its_id() {
    let server = Scripted::start(|line, _| fine(line)).await;
    let channel = server.channel();
    let opened = tell(&channel, OPENED, &[]).await.expect("taken");
    let place = opened.place.expect("a place");
    assert!(place.ends_with(".datapulse@example.com>"), "{place}");
    tell(&channel, TAKEN, &[place]).await.expect("taken");
    assert_eq!(server.count("MAIL FROM:<datapulse@example.com>"), 2);
    assert_eq!(server.count("RCPT TO:<bob@example.com>"), 2);
    assert_eq!(server.count("."), 2);
    assert_eq!(server.count("EHLO example.com"), 2);
}

#[tokio::test]
async fn what_a_failure_means_depends_on_the_step() {
    let said = |error: &Error| match error {
        Error::NotDone(_) => "not done",
        Error::Later { .. } => "later",
        Error::CannotTell(_) => "can't tell",
        Error::Refused(_) => "refused",
        Error::Configuration(_) => "configuration",
    };
    let scripts: [(&str, Script, &str); 11] = [
        (
            "later at EHLO",
            |line, _| match line {
                line if line.starts_with("EHLO") => Some("421 4.3.2 closing"),
                line => fine(line),
            },
            "later",
        ),
        (
            "later at MAIL",
            |line, _| match line {
                line if line.starts_with("MAIL") => Some("451 4.7.1 busy"),
                line => fine(line),
            },
            "later",
        ),
        (
            "no at MAIL",
            |line, _| match line {
                line if line.starts_with("MAIL") => Some("550 5.7.1 sender unknown"),
                line => fine(line),
            },
            "refused",
        ),
        (
            "all put off",
            |line, _| match line {
                line if line.starts_with("RCPT") => Some("451 4.7.1 greylisted"),
                line => fine(line),
            },
            "not done",
        ),
        (
            "none known",
            |line, _| match line {
                line if line.starts_with("RCPT") => Some("550 5.1.1 unknown"),
                line => fine(line),
            },
            "refused",
        ),
        (
            "gone at RCPT",
            |line, _| match line {
                line if line.starts_with("RCPT") => None,
                line => fine(line),
            },
            "not done",
        ),
        (
            "later at DATA",
            |line, _| match line {
                "DATA" => Some("451 4.3.0 disk full"),
                line => fine(line),
            },
            "not done",
        ),
        (
            "gone at DATA",
            |line, _| match line {
                "DATA" => None,
                line => fine(line),
            },
            "not done",
        ),
        (
            "later after the content",
            |line, _| match line {
                "." => Some("451 4.3.0 try again"),
                line => fine(line),
            },
            "not done",
        ),
        (
            "no after the content",
            |line, _| match line {
                "." => Some("554 5.7.1 spam"),
                line => fine(line),
            },
            "refused",
        ),
        (
            "gone after the content",
            |line, _| match line {
                "." => None,
                line => fine(line),
            },
            "can't tell",
        ),
    ];
    for (name, script, expected) in scripts {
        let server = Scripted::start(script).await;
        let error = tell(&server.channel(), RESOLVED, &[])
            .await
            .expect_err(name);
        assert_eq!(said(&error), expected, "{name}: {error}");
        assert!(
            error.to_string().starts_with("email 127.0.0.1: "),
            "{error}"
        );
    }
    // Nobody there.
    let mut settings = settings();
    (settings.host, settings.port, settings.tls) = ("127.0.0.1".to_owned(), 1, Tls::None);
    let ui = Ui::parse(UI).expect("an address");
    let nobody = EmailChannel::new("email", &settings, ui).expect("right");
    let error = tell(&nobody, OPENED, &[]).await.expect_err("fails");
    assert_eq!(said(&error), "not done", "{error}");
}

#[tokio::test]
async fn silence_ends_and_means_what_its_step_means() {
    // Says nothing to the content: the script can't, so the answer is only begun.
    let server = Scripted::start(|line, _| match line {
        "." => Some("250-more comes"),
        line => fine(line),
    })
    .await;
    let mut channel = server.channel();
    channel.server.content = Duration::from_millis(200);
    let error = tell(&channel, OPENED, &[]).await.expect_err("fails");
    assert!(matches!(error, Error::CannotTell(_)), "{error}");

    let server = Scripted::start(|line, _| match line {
        line if line.starts_with("RCPT") => Some("250-more comes"),
        line => fine(line),
    })
    .await;
    let mut channel = server.channel();
    channel.server.before_content = Duration::from_millis(200);
    let error = tell(&channel, OPENED, &[]).await.expect_err("fails");
    assert!(matches!(error, Error::NotDone(_)), "{error}");
}

#[tokio::test]
async fn who_is_put_off_is_sent_it_later_and_nobody_twice() {
    let server = Scripted::start(|line, connection| match line {
        "RCPT TO:<bob@example.com>" if connection == 1 => Some("451 4.7.1 greylisted"),
        "RCPT TO:<nobody@example.com>" => Some("550 5.1.1 unknown"),
        line => fine(line),
    })
    .await;
    let channel =
        server.channel_for(&["anna@example.com", "bob@example.com", "nobody@example.com"]);
    let error = tell(&channel, OPENED, &[]).await.expect_err("put off");
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    assert!(error.to_string().contains("bob@example.com"), "{error}");
    tell(&channel, OPENED, &[]).await.expect("taken");
    assert_eq!(server.count("RCPT TO:<anna@example.com>"), 1);
    assert_eq!(server.count("RCPT TO:<bob@example.com>"), 2);
    assert_eq!(server.count("."), 2);
    // One that nobody takes holds up nothing.
    tell(&channel, TAKEN, &[]).await.expect("taken");
}

#[tokio::test]
async fn put_off_and_then_refused_ends_it_where_others_have_it() {
    let server = Scripted::start(|line, connection| match line {
        "RCPT TO:<bob@example.com>" if connection == 1 => Some("451 4.7.1 greylisted"),
        "RCPT TO:<bob@example.com>" => Some("550 5.1.1 unknown"),
        line => fine(line),
    })
    .await;
    let channel = server.channel();
    tell(&channel, OPENED, &[]).await.expect_err("put off");
    tell(&channel, OPENED, &[]).await.expect("others have it");
    assert_eq!(server.count("."), 1);
}

#[tokio::test]
async fn a_probe_sends_nothing() {
    let server = Scripted::start(|line, _| match line {
        "RCPT TO:<bob@example.com>" => Some("451 4.7.1 greylisted"),
        line => fine(line),
    })
    .await;
    let says = server.channel().probe().await.expect("an answer");
    assert!(
        says.contains("for 1 of 2 recipients, 1 are put off"),
        "{says}"
    );
    assert_eq!((server.count("DATA"), server.count("RSET")), (0, 1));
    let server = Scripted::start(|line, _| match line {
        "RCPT TO:<bob@example.com>" => Some("550 5.1.1 unknown"),
        line => fine(line),
    })
    .await;
    let error = server.channel().probe().await.expect_err("unknown");
    assert!(error.to_string().contains("bob@example.com"), "{error}");
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_encryption_is_wanted() {
    let server = Scripted::start(|line, _| fine(line)).await;
    let mut settings = settings();
    (settings.host, settings.port) = ("127.0.0.1".to_owned(), server.port);
    settings.login = Some(("datapulse".to_owned(), Secret::new("between us")));
    let ui = Ui::parse(UI).expect("an address");
    let channel = EmailChannel::new("email", &settings, ui).expect("right");
    assert!(!format!("{channel:?} {settings:?}").contains("between us"));
    let error = tell(&channel, OPENED, &[]).await.expect_err("fails");
    assert!(matches!(error, Error::Configuration(_)), "{error}");
    let lines = server.lines();
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")),
        "{lines:?}"
    );
}

#[test]
fn settings_say_what_is_wrong() {
    let fails = |change: fn(&mut EmailSettings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.check().expect_err("wrong").1
    };
    assert_eq!(settings().check(), Ok(()));
    for (change, says) in [
        (
            (|s| s.from = "DataPulse".to_owned()) as fn(&mut EmailSettings),
            "from: expected an address",
        ),
        (
            |s| s.from = "a\r\nBcc: b@c.example <a@b.example>".to_owned(),
            "from: expected an address",
        ),
        (
            |s| s.to = Vec::new(),
            "to: expected 1 to 50 addresses, got 0",
        ),
        (
            |s| s.to = vec!["a@b.example".to_owned(); 2],
            "to: a@b.example is there twice",
        ),
        (
            |s| s.to = vec!["ä@b.example".to_owned()],
            "to: expected an address",
        ),
        (
            |s| s.host = "https://mail.example.com".to_owned(),
            "host: expected the server's name",
        ),
        (
            |s| s.tls = Tls::None,
            "tls: none is only for a server on this machine",
        ),
        (
            |s| s.hello = Some("a b".to_owned()),
            "hello: expected this machine's name",
        ),
    ] {
        let got = fails(change);
        assert!(got.starts_with(says), "{got}");
    }
}
