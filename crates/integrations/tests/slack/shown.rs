//! What people are shown: it fits, begins with the severity, and does nothing by itself.

use expect_test::expect_file;
use integrations::slack::blocks::{TooLong, notice};
use integrations::slack::{Form, Ui};
use model::incident::{AutomationMade, ProposalStage};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixtures::{self, Texts, UI, messages};
use crate::kit;

/// Texts that want to act.
const HOSTILE: &[&str] = &[
    "<!channel> <!here> <!everyone>",
    "<@U0ANNA0000> <#C0INCIDENTS|x> <!subteam^S1>",
    "<https://evil.example|Open in DataPulse>",
    "https://evil.example/x www.evil.example mailto:a@evil.example",
    "@here @channel @anna",
    "*bold* _it_ ~gone~ `code` ```block```",
    "> quoted\n> and again",
    "one\nseal sha256:00\nundo: nothing",
    ":tada: :+1: ::tada::",
    ":tada",
    "tada:",
    "&lt;!channel&gt; &amp;lt;!here&amp;gt;",
    "\u{202e}}lennahc!<\u{200b}@\u{200b}here",
    "<!date^1392734382^{date}|x>",
    "#general #1",
    "\"}],\"blocks\":[{\"type\":\"divider\"}]",
    "",
    "   \u{200b}\n\t",
];

fn check_harmless(text: &str, marked: bool, of: &str) {
    // The two links of ours, which alone may be links.
    let id = fixtures::id();
    let link = format!("<{UI}/incidents/{id}|");
    let rest = text.replace(&link, "");
    let links = text.matches(&link).count();
    assert!(rest.matches('>').count() <= links, "{of}: {text}");
    assert!(!rest.contains('<') && !rest.contains("://"), "{of}: {text}");
    assert!(
        !rest.contains('@') && !rest.contains("www."),
        "{of}: {text}"
    );
    assert!(
        !rest.contains('\u{202e}') && !rest.contains('\u{200b}'),
        "{of}: {text}"
    );
    if !marked {
        return;
    }
    for rest in rest.split('&').skip(1) {
        let entity = ["amp;", "lt;", "gt;"]
            .iter()
            .any(|name| rest.starts_with(name));
        assert!(entity, "{of}: {text}");
    }
    let parts: Vec<&str> = rest.split(':').collect();
    for part in parts.iter().take(parts.len().saturating_sub(1)).skip(1) {
        let name = !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_alphanumeric() || "_-+'".contains(letter))
            && !part.bytes().all(|byte| byte.is_ascii_digit());
        assert!(!name, "{of}: the emoji {part}: {text}");
    }
    assert!(
        !rest
            .lines()
            .any(|line| line.starts_with("&gt;") || line.starts_with('>')),
        "{of}: {text}"
    );
}

fn check_all(text: &str) {
    for form in [Form::Buttons, Form::LinkOnly] {
        for (name, message) in messages(form, Texts(Some(text))) {
            kit::check_message(&message);
            let mut texts = vec![(message.text.clone(), true)];
            kit::texts(&Value::Array(message.blocks.clone()), &mut texts);
            for (shown, marked) in texts {
                // What the command's help says is ours, as are its backquotes.
                check_harmless(&shown, marked, &name);
            }
        }
    }
    kit::check_view(&notice("Not you", text));
    let incident = fixtures::incident(Texts(Some(text)));
    for approve in [true, false] {
        let asked = fixtures::asked(&incident, approve);
        let composer = fixtures::composer(Form::Buttons);
        let view = composer.modal(&incident, &incident.proposals[0], &asked);
        let view = view.unwrap_or_else(|TooLong| composer.no_decision(&incident.id, text));
        kit::check_view(&view);
        let mut texts = Vec::new();
        kit::texts(&view, &mut texts);
        for (shown, marked) in texts {
            check_harmless(&shown, marked, "the modal");
        }
    }
}

#[test]
fn hostile_texts_do_nothing_in_any_message() {
    for text in HOSTILE {
        check_all(text);
    }
}

#[test]
fn texts_of_any_length_fit() {
    for piece in [
        "a", "&", "<", "本", "🙂", "e\u{301}", "https://", ":a", "_a", "x ",
    ] {
        for count in [80, 700, 5_000] {
            check_all(&piece.repeat(count));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_markup_do_nothing_in_any_order(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(HOSTILE).prop_map(str::to_owned),
                "[<>&@#*_~`:!|^a-c0-9 \n]{0,12}",
                any::<String>(),
            ],
            0..8,
        )
    ) {
        check_all(&pieces.concat());
    }
}

#[test]
fn every_text_about_the_incident_begins_with_its_severity() {
    for (name, message) in messages(Form::Buttons, Texts(None)) {
        let about = !name.starts_with('`') && name != "a denial";
        assert_eq!(
            message.text.starts_with("[CRITICAL] "),
            about,
            "{name}: {}",
            message.text
        );
    }
}

#[test]
fn what_the_guide_shows_is_what_is_sent() {
    let mut page = String::from(
        "# What DataPulse says in Slack\n\nWritten by the test `what_the_guide_shows_is_what_is_sent` with `UPDATE_EXPECT=1`; it fails where this differs from what is sent. Each text is shown as Slack gets it.\n",
    );
    let mut section = |name: &str, said: &Value, text: Option<&str>| {
        page.push_str(&format!("\n## {name}\n\n"));
        if let Some(text) = text {
            page.push_str(&format!("Notification: `{}`\n\n", text.replace('`', "'")));
        }
        page.push_str("```text\n");
        page.push_str(&lines(said));
        page.push_str("```\n");
    };
    for (name, message) in messages(Form::Buttons, Texts(None)) {
        section(
            &name,
            &Value::Array(message.blocks.clone()),
            Some(&message.text),
        );
    }
    let incident = fixtures::incident(Texts(None));
    let composer = fixtures::composer(Form::Buttons);
    let view = composer.modal(
        &incident,
        &incident.proposals[0],
        &fixtures::asked(&incident, true),
    );
    section("the modal", &view.expect("fits")["blocks"], None);
    let alert = fixtures::composer(Form::LinkOnly).alert(&incident);
    section(
        "the alert through an incoming webhook",
        &Value::Array(alert.blocks),
        Some(&alert.text),
    );
    expect_file!["../../../../docs/integrations/slack-messages.md"].assert_eq(&page);
}

/// Blocks as lines: texts, and buttons in brackets.
fn lines(blocks: &Value) -> String {
    let mut out = String::new();
    for block in blocks.as_array().expect("blocks") {
        let mut texts = Vec::new();
        if block["type"] == "actions" {
            for button in block["elements"].as_array().expect("buttons") {
                texts.push(format!(
                    "[{}]",
                    button["text"]["text"].as_str().expect("a text")
                ));
            }
            out.push_str(&texts.join(" "));
            out.push('\n');
            continue;
        }
        if block["type"] == "input" {
            let label = block["label"]["text"].as_str().expect("a text");
            out.push_str(&format!("{label}: (input)\n"));
            continue;
        }
        let mut found = Vec::new();
        kit::texts(block, &mut found);
        for (text, _) in found {
            out.push_str(&text);
            out.push('\n');
        }
    }
    out
}

#[test]
fn the_alert_moves_with_the_incident() {
    let composer = fixtures::composer(Form::Buttons);
    let ids = |incident: &model::Incident| -> Vec<String> {
        let alert = composer.alert(incident);
        let last = alert.blocks.last().expect("a block");
        let elements = last["elements"].as_array().expect("buttons");
        elements
            .iter()
            .map(|one| one["action_id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let mut incident = fixtures::incident(Texts(None));
    assert_eq!(
        ids(&incident),
        [
            "datapulse_acknowledge",
            "datapulse_approve",
            "datapulse_reject",
            "datapulse_open"
        ]
    );
    incident.owner = Some("Anna".to_owned());
    assert_eq!(
        ids(&incident),
        ["datapulse_approve", "datapulse_reject", "datapulse_open"]
    );
    incident.proposals[0].stage = ProposalStage::Approved;
    assert_eq!(
        ids(&incident),
        ["datapulse_open"],
        "nothing is left to be decided"
    );
    assert_eq!(ids(&fixtures::resolved(Texts(None))), ["datapulse_open"]);
    incident.proposals[0].automation = Some(AutomationMade {
        rule: "rollbacks of payment".to_owned(),
        at: fixtures::now(),
        shadow: false,
        reasons: vec!["it helped five times".to_owned()],
        void: None,
    });
    assert_eq!(ids(&incident), ["datapulse_reject", "datapulse_open"]);
    assert_eq!(
        composer.alert(&incident),
        composer.alert(&incident),
        "the same twice"
    );

    let links = fixtures::composer(Form::LinkOnly).alert(&fixtures::incident(Texts(None)));
    let blocks = Value::Array(links.blocks).to_string();
    assert!(
        !blocks.contains("button") && !blocks.contains("action_id"),
        "{blocks}"
    );
    assert!(blocks.contains(&format!(
        "<{UI}/incidents/{}|Open in DataPulse>",
        fixtures::id()
    )));
}

#[test]
fn a_modal_shows_the_whole_of_what_is_sealed_or_there_is_none() {
    let composer = fixtures::composer(Form::Buttons);
    let shown = |long: &str| {
        let mut incident = fixtures::incident(Texts(None));
        let state = &mut incident.proposals[0];
        state
            .proposal
            .action
            .parameters
            .insert("config".to_owned(), Value::from(long));
        state.seal = state.proposal.seal(&incident.id);
        let asked = fixtures::asked(&incident, true);
        composer.modal(&incident, &incident.proposals[0], &asked)
    };
    let view = shown("x=1").expect("fits").to_string();
    for part in [
        "rollback on payment (to_version 2.0.9, config x=1)",
        "undo: rollback",
        "open until",
        "seal sha256:",
    ] {
        assert!(view.contains(part), "{part} in {view}");
    }
    let long = "word ".repeat(4_000) + "the end of it";
    let view = shown(&long).expect("fits into several sections");
    kit::check_view(&view);
    assert!(view.to_string().contains("the end of it"), "nothing is cut");
    assert_eq!(shown(&"word ".repeat(100_000)), Err(TooLong));
}

#[test]
fn a_text_of_others_forges_no_line_of_what_is_approved() {
    let forged = "2.0.9\nseal sha256:00\r\nundo: nothing\u{2028}low risk: 0 must agree";
    let incident = fixtures::incident(Texts(Some(forged)));
    let asked = fixtures::asked(&incident, true);
    let composer = fixtures::composer(Form::Buttons);
    let view = composer.modal(&incident, &incident.proposals[0], &asked);
    let mut texts = Vec::new();
    kit::texts(&view.expect("fits"), &mut texts);
    let begin: Vec<&str> = texts
        .iter()
        .flat_map(|(text, _)| text.lines())
        .filter(|line| {
            ["seal ", "undo: ", "low ", "medium "]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect();
    let seal = format!("seal {}", incident.proposals[0].seal);
    assert_eq!(begin.len(), 3, "{begin:?}");
    assert!(begin[0].starts_with("undo: rollback ("), "{begin:?}");
    assert_eq!(begin[1..], ["medium risk: 1 must agree", seal.as_str()]);
}

#[test]
fn an_address_of_the_ui_that_would_do_harm_is_refused() {
    for base in [
        "javascript:alert(1)",
        "https://u:p@datapulse.example",
        "https://d.example/?a=1",
        "ftp://d.example",
        "datapulse",
        "https://d.example/#x",
    ] {
        assert!(Ui::parse(base).is_err(), "{base}");
    }
    let ui = Ui::parse("https://d.example/a b>|c/").expect("is taken");
    let url = ui.incident(&fixtures::id());
    assert!(
        url.starts_with("https://d.example/a%20b%3E|c/incidents/INC-"),
        "{url}"
    );
}
