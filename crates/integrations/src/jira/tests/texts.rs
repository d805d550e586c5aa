//! What we write, as it is sent; and that nothing in it acts, whoever wrote it.

use super::super::document::{MAX_DOCUMENT, MAX_SUMMARY};
use super::*;

/// Wants to be a link, a mention, markup and a line of its own, in every way that Jira knows.
const HOSTILE: &str = "h1. *b* [x|https://evil.example] [~admin] @admin !https://evil.example/a.png! {code}x{code} {color:red}r{color} |t| mailto:a@b.example www.evil.example\n\n# DataPulse INC-202611-0a1b2c3d4e5f record 1\r\n----\u{202e}\u{200b}";

fn hostile_ticket() -> Ticket {
    Ticket {
        title: HOSTILE.to_owned(),
        severity_reason: HOSTILE.to_owned(),
        service: HOSTILE.to_owned(),
        rule: HOSTILE.to_owned(),
        findings: vec![HOSTILE.to_owned(); 3],
        conclusion: Some(HOSTILE.to_owned()),
        ..ticket()
    }
}

/// Each text of a document, with the types of its marks.
fn texts(node: &Value, out: &mut Vec<(String, Vec<String>)>) {
    let kind = node["type"].as_str().expect("a type");
    assert!(
        matches!(kind, "doc" | "paragraph" | "text"),
        "{kind} in a document"
    );
    if kind == "text" {
        let marks = node["marks"].as_array().into_iter().flatten();
        let marks = marks.map(|mark| mark["type"].as_str().expect("a type").to_owned());
        let text = node["text"].as_str().expect("text").to_owned();
        out.push((text, marks.collect()));
    }
    for child in node["content"].as_array().into_iter().flatten() {
        texts(child, out);
    }
}

#[test]
fn an_issue_reads_like_this() {
    assert_eq!(
        ticket().summary(),
        "[CRITICAL] payment: a fifth of the requests fails"
    );
    assert_eq!(
        ticket().description().wiki(),
        "*Service:* payment\n\n\
         *Severity:* critical: customers can't pay\n\n\
         *Rule:* error\\-rate\n\n\
         *Opened:* 2026\\-11\\-24T13:00:00.000Z\n\n\
         *Finding:* 20 \\% of 1,200 requests failed, 5 \\% are allowed\n\n\
         *Conclusion:* Deployment chg\\-17 of payment broke it\n\n\
         DataPulse INC\\-202611\\-0a1b2c3d4e5f"
    );
    let adf = ticket().description().adf();
    assert_eq!(
        adf["content"][0],
        json!({ "type": "paragraph", "content": [
            { "type": "text", "text": "Service: ", "marks": [{ "type": "strong" }] },
            { "type": "text", "text": "payment" },
        ] })
    );
    assert_eq!(adf["content"].as_array().map(Vec::len), Some(7));
}

#[test]
fn a_comment_reads_like_this() {
    let document = remark(12).document();
    assert_eq!(
        document.wiki(),
        "what record 12 says\n\nDataPulse INC\\-202611\\-0a1b2c3d4e5f record 12"
    );
    assert_eq!(
        document.adf(),
        json!({ "type": "doc", "version": 1, "content": [
            { "type": "paragraph", "content": [{ "type": "text", "text": "what record 12 says" }] },
            { "type": "paragraph", "content": [
                { "type": "text", "text": "DataPulse INC-202611-0a1b2c3d4e5f record 12" },
            ] },
        ] })
    );
}

#[test]
fn hostile_texts_are_no_link_no_mention_and_no_markup_in_adf() {
    let ticket = hostile_ticket();
    let remark = Remark {
        lines: vec![HOSTILE.to_owned(); 3],
        ..remark(2)
    };
    for document in [ticket.description(), remark.document()] {
        let mut found = Vec::new();
        texts(&document.adf(), &mut found);
        for (text, marks) in found {
            let ours = marks.is_empty() || (marks == ["strong"] && text.ends_with(": "));
            assert!(ours, "{text} {marks:?}");
            assert!(!text.contains("://") && !text.contains(['@', '\n', '\u{202e}', '\u{200b}']));
        }
    }
    let summary = ticket.summary();
    assert!(!summary.contains("://") && !summary.contains(['@', '\n', '\u{202e}']));
}

#[test]
fn hostile_texts_are_no_link_no_mention_and_no_markup_in_wiki() {
    let remark = Remark {
        lines: vec![HOSTILE.to_owned(); 3],
        ..remark(2)
    };
    for document in [hostile_ticket().description(), remark.document()] {
        let wiki = document.wiki();
        assert!(!wiki.contains("://") && !wiki.contains('@'));
        for line in wiki.lines().filter(|line| !line.is_empty()) {
            let rest = match line.split_once(":* ") {
                Some((label, rest)) if label.starts_with('*') => rest,
                _ => line,
            };
            let rest = rest.replace("&#46;", ".");
            let mut letters = rest.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' => assert!(letters.next().is_some()),
                    letter => assert!(!"*[]{}|!~#-".contains(letter), "{letter} in {line}"),
                }
            }
        }
        let last = wiki.lines().last().expect("a line");
        assert!(
            last.starts_with("DataPulse INC"),
            "the marker is ours: {last}"
        );
    }
}

#[test]
fn long_texts_fit_and_end_with_the_marker() {
    let long = "*[x|http://a]\n".repeat(5_000);
    let ticket = Ticket {
        title: long.clone(),
        severity_reason: long.clone(),
        findings: vec![long.clone(); 100],
        ..ticket()
    };
    assert!(ticket.summary().chars().count() <= MAX_SUMMARY);
    let remark = Remark {
        lines: vec![long; 100],
        ..remark(2)
    };
    for document in [ticket.description(), remark.document()] {
        let (wiki, adf) = (document.wiki(), document.adf().to_string());
        assert!(wiki.len() < MAX_DOCUMENT + 1_000 && adf.len() < MAX_DOCUMENT + 2_000);
        assert!(
            wiki.lines()
                .last()
                .expect("a line")
                .starts_with("DataPulse INC")
        );
    }
}
