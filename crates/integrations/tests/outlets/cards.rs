//! Cards, read by Microsoft's own reader of Adaptive Cards, and their texts by the reader of Markdown
//! that its clients use. Teams itself isn't called.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use integrations::teams::TeamsChannel;
use integrations::{Outbound, Secret, Ui};

use crate::fixtures::{Texts, UI};
use crate::notices::{HOSTILE, notices};

const READER: &str = "DATAPULSE_TEST_CARDS";

pub fn channel() -> TeamsChannel {
    let url = Secret::new("https://flows.example/workflows/1");
    let ui = Ui::parse(UI).expect("an address");
    TeamsChannel::new("teams", url, ui, &Outbound::default()).expect("right")
}

/// What the readers find in these messages.
fn found(messages: &[Vec<u8>]) -> Result<(), String> {
    let folder = std::env::var(READER).unwrap_or_else(|_| {
        panic!("{READER} isn't set: xtask/servers/adaptivecards/install.sh says to what")
    });
    let mut reader = Command::new("node")
        .arg(Path::new(&folder).join("check.cjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let mut input = reader.stdin.take().expect("an input");
    input.write_all(&messages.join(&b'\n')).expect("is read");
    drop(input);
    let said = reader.wait_with_output().expect("an end");
    match said.status.code() {
        Some(0) => Ok(()),
        _ => Err(String::from_utf8_lossy(&said.stdout).into_owned()),
    }
}

#[test]
#[ignore = "needs Microsoft's reader of cards: DATAPULSE_TEST_CARDS"]
fn microsofts_reader_knows_all_of_a_card_and_nothing_in_it_acts() {
    let channel = channel();
    let mut messages = Vec::new();
    for text in [None]
        .into_iter()
        .chain(HOSTILE.iter().map(|text| Some(*text)))
    {
        let told = notices(Texts(text));
        messages.extend(told.iter().map(|told| channel.posting(&told.telling(&[]))));
    }
    assert_eq!(found(&messages), Ok(()));
}

#[test]
#[ignore = "needs Microsoft's reader of cards: DATAPULSE_TEST_CARDS"]
fn the_readers_see_what_is_wrong() {
    let card = |text: &str, field: &str| {
        format!(
            "{{\"attachments\":[{{\"content\":{{\"type\":\"AdaptiveCard\",\"version\":\"1.5\",\"body\":[{{\"type\":\"TextBlock\",\"text\":\"{text}\",\"{field}\":true}}]}}}}]}}"
        )
        .into_bytes()
    };
    assert_eq!(found(&[card("a", "wrap")]), Ok(()));
    let unknown = found(&[card("a", "warp")]).expect_err("unknown");
    assert!(unknown.contains("card.body.0.warp"), "{unknown}");
    let marked = found(&[card("**a**", "wrap")]).expect_err("bold");
    assert!(marked.contains("Markdown makes"), "{marked}");
}
