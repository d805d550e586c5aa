//! Mails to a real server (aiosmtpd), encrypted and logged in, read back as it kept them.

use std::path::Path;

use integrations::email::{EmailChannel, EmailSettings, Tls};
use integrations::{Channel as _, Error, Secret, Ui};
use serde::Deserialize;

use crate::fixtures::{Texts, UI};
use crate::notices::{HOSTILE, Told, notices};

const SERVER: &str = "DATAPULSE_TEST_SMTP";

#[derive(Deserialize)]
struct Server {
    clear: u16,
    starttls: u16,
    implicit: u16,
    authority: String,
    mails: String,
}

/// As the server kept it.
#[derive(Debug, Deserialize)]
struct Kept {
    from: String,
    to: Vec<String>,
    login: bool,
    tls: bool,
    content: String,
}

fn settings(to: &[&str]) -> EmailSettings {
    EmailSettings {
        host: "localhost".to_owned(),
        port: 587,
        tls: Tls::Starttls,
        authority: None,
        login: Some(("datapulse".to_owned(), Secret::new("between us"))),
        hello: None,
        from: "DataPulse <datapulse@example.com>".to_owned(),
        to: to.iter().map(|&one| one.to_owned()).collect(),
    }
}

fn made(settings: &EmailSettings) -> EmailChannel {
    let ui = Ui::parse(UI).expect("an address");
    EmailChannel::new("email", settings, ui).expect("right")
}

/// For what is written, not sent.
pub fn unconnected() -> EmailChannel {
    made(&settings(&["ops@example.com", "Anna <anna@example.com>"]))
}

impl Server {
    fn here() -> Self {
        let said = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} isn't set: xtask/servers/smtp/start.sh says to what")
        });
        serde_json::from_str(&said).expect("JSON")
    }

    fn settings(&self, tls: Tls, to: &[&str]) -> EmailSettings {
        let port = match tls {
            Tls::Starttls => self.starttls,
            Tls::Implicit => self.implicit,
            Tls::None => self.clear,
        };
        EmailSettings {
            port,
            tls,
            authority: Some(std::fs::read(&self.authority).expect("an authority")),
            ..settings(to)
        }
    }

    /// What it kept for a recipient, the first first.
    fn kept(&self, recipient: &str) -> Vec<Kept> {
        let mut paths: Vec<_> = std::fs::read_dir(Path::new(&self.mails))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        paths.sort();
        let read = paths.iter().map(|path| {
            let text = std::fs::read_to_string(path).expect("a mail");
            serde_json::from_str::<Kept>(&text).expect("JSON")
        });
        read.filter(|mail| mail.to.iter().any(|to| to == recipient))
            .collect()
    }
}

fn header<'m>(mail: &'m Kept, name: &str) -> Option<&'m str> {
    let (head, _) = mail.content.split_once("\r\n\r\n").expect("a head");
    let before = format!("{name}: ");
    head.split("\r\n")
        .find_map(|line| line.strip_prefix(&before))
}

async fn tell(channel: &EmailChannel, told: &Told, places: &[String]) -> Result<String, Error> {
    let delivered = channel.deliver(&told.telling(places)).await?;
    Ok(delivered.place.expect("a place"))
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn an_incident_is_a_thread_over_either_way_of_encryption() {
    let server = Server::here();
    for (tls, to) in [
        (Tls::Starttls, "thread-starttls@example.com"),
        (Tls::Implicit, "thread-implicit@example.com"),
    ] {
        let channel = made(&server.settings(tls, &[to, "other@example.com"]));
        let mut places = Vec::new();
        for told in notices(Texts(None)) {
            places.push(tell(&channel, &told, &places).await.expect("taken"));
        }
        let kept = server.kept(to);
        assert_eq!(kept.len(), 4);
        for (mail, place) in kept.iter().zip(&places) {
            assert!(mail.tls && mail.login, "{mail:?}");
            assert_eq!(mail.from, "datapulse@example.com");
            assert_eq!(mail.to, [to, "other@example.com"]);
            assert_eq!(header(mail, "Message-ID"), Some(place.as_str()));
            assert_eq!(header(mail, "Auto-Submitted"), Some("auto-generated"));
        }
        assert_eq!(header(&kept[0], "In-Reply-To"), None);
        for mail in &kept[1..] {
            assert_eq!(header(mail, "In-Reply-To"), Some(places[0].as_str()));
            assert_eq!(header(mail, "References"), Some(places[0].as_str()));
        }
    }
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn the_same_notice_is_the_same_bytes() {
    let server = Server::here();
    let to = "same@example.com";
    let told = &notices(Texts(None))[0];
    // As after a restart: nothing is remembered.
    for _ in 0..2 {
        let channel = made(&server.settings(Tls::Starttls, &[to]));
        tell(&channel, told, &[]).await.expect("taken");
    }
    let kept = server.kept(to);
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].content, kept[1].content);
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn greylisted_refused_and_put_off_recipients() {
    let server = Server::here();
    let told = &notices(Texts(None))[0];
    let to = [
        "fine@example.com",
        "greylisted@example.com",
        "unknown@example.com",
    ];
    let channel = made(&server.settings(Tls::Starttls, &to));
    let error = tell(&channel, told, &[]).await.expect_err("put off");
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    assert!(error.to_string().contains("451"), "{error}");
    tell(&channel, told, &[]).await.expect("taken");
    for (to, times) in to.into_iter().zip([1, 1, 0]) {
        assert_eq!(server.kept(to).len(), times, "{to}");
    }

    let of = |to: &str| made(&server.settings(Tls::Starttls, &[to]));
    let refused = tell(&of("unknown-too@example.com"), told, &[]).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let later = tell(&of("content-later@example.com"), told, &[]).await;
    assert!(matches!(later, Err(Error::NotDone(_))), "{later:?}");
    let no = tell(&of("content-no@example.com"), told, &[]).await;
    assert!(matches!(no, Err(Error::Refused(_))), "{no:?}");
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn a_server_that_hangs_up_after_the_content_may_have_it() {
    let server = Server::here();
    let told = &notices(Texts(None))[0];
    for (tls, to) in [
        (Tls::Starttls, "drop-starttls@example.com"),
        (Tls::Implicit, "drop-implicit@example.com"),
    ] {
        let dropped = tell(&made(&server.settings(tls, &[to])), told, &[]).await;
        assert!(matches!(dropped, Err(Error::CannotTell(_))), "{dropped:?}");
        assert_eq!(server.kept(to).len(), 1, "and this one has it");
    }
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn whom_we_do_not_trust_and_who_does_not_know_us_get_nothing() {
    let server = Server::here();
    let told = &notices(Texts(None))[0];
    let to = "nothing@example.com";
    // An authority that nobody named.
    let mut stranger = server.settings(Tls::Implicit, &[to]);
    stranger.authority = None;
    let error = tell(&made(&stranger), told, &[]).await.expect_err("fails");
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    // Another host's certificate: that of "localhost" and 127.0.0.1 isn't for this name.
    let mut other = server.settings(Tls::Starttls, &[to]);
    other.host = "ip6-localhost".to_owned();
    tell(&made(&other), told, &[]).await.expect_err("fails");
    // A wrong password.
    let mut wrong = server.settings(Tls::Starttls, &[to]);
    wrong.login = Some(("datapulse".to_owned(), Secret::new("guessed")));
    let error = tell(&made(&wrong), told, &[]).await.expect_err("fails");
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert!(error.to_string().contains("the login"), "{error}");
    assert!(!error.to_string().contains("guessed"), "{error}");
    // STARTTLS where there is none.
    let mut clear = server.settings(Tls::Starttls, &[to]);
    clear.port = server.clear;
    let error = tell(&made(&clear), told, &[]).await.expect_err("fails");
    assert!(matches!(error, Error::Configuration(_)), "{error}");
    assert!(server.kept(to).is_empty());
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn hostile_texts_are_one_mail_to_whom_it_was_for() {
    let server = Server::here();
    let to = "hostile@example.com";
    let channel = made(&server.settings(Tls::Starttls, &[to]));
    for text in HOSTILE {
        for told in notices(Texts(Some(text))) {
            tell(&channel, &told, &[]).await.expect("taken");
        }
        // The next text's notices have the same keys.
    }
    let kept = server.kept(to);
    assert_eq!(kept.len(), 4, "the same keys are told once by one process");
    for text in HOSTILE {
        let fresh = made(&server.settings(Tls::Starttls, &[to]));
        for told in notices(Texts(Some(text))) {
            tell(&fresh, &told, &[]).await.expect("taken");
        }
    }
    for mail in server.kept(to) {
        assert_eq!(mail.to, [to]);
        assert_eq!(header(&mail, "Bcc"), None);
        assert!(mail.content.ends_with("--\r\n"), "whole: {}", mail.content);
    }
}

#[tokio::test]
#[ignore = "needs a real SMTP server: DATAPULSE_TEST_SMTP"]
async fn a_probe_says_who_is_taken_and_sends_nothing() {
    let server = Server::here();
    let to = "probed@example.com";
    let says = made(&server.settings(Tls::Implicit, &[to])).probe().await;
    let says = says.expect("an answer");
    assert!(says.contains("encrypted and logged in"), "{says}");
    assert!(says.contains("for 1 of 1 recipients"), "{says}");
    let unknown = made(&server.settings(Tls::Implicit, &["unknown-probed@example.com"]));
    let error = unknown.probe().await.expect_err("unknown");
    assert!(error.to_string().contains("550"), "{error}");
    assert!(server.kept(to).is_empty());
}
