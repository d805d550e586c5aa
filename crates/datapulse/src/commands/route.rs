//! `datapulse route`: which channels would hear of an incident, when and why.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use model::routing::example::{Example, Line, heard, is_as_expected};
use model::{Routing, Severity, Timestamp, Topic};
use notifier::Settings;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::{Output, Route as Command, RouteTest};
use crate::configuration::toml_error;
use crate::context::Context as Here;
use crate::print;
use crate::refusal::wrong_use;

/// Exit code of a check that says no.
const SAYS_NO: u8 = 3;
/// Examples of one file.
const MAX_EXAMPLES: usize = 10_000;

pub async fn run(here: &Here, command: Command) -> Result<u8> {
    let Command::Test(test) = command;
    match &test.file {
        Some(file) => examples(here, file),
        None => one(here, &test).await,
    }
}

/// A file of examples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    /// The routes; without them, the configuration's.
    notifier: Option<toml::Value>,
    /// Channels that there are beside those that the routes name.
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    example: Vec<toml::Value>,
}

/// All channels that a tree is held against: those that are configured, and those that it names.
fn channels(here: &Here, routing: &Routing, more: &[String]) -> Vec<String> {
    let mut channels = here.configuration.channel_names();
    channels.extend(more.iter().cloned().chain(routing.named()));
    let mut seen = std::collections::BTreeSet::new();
    channels.retain(|name| seen.insert(name.clone()));
    channels
}

fn examples(here: &Here, file: &Path) -> Result<u8> {
    let shown = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{shown} can't be read"))?;
    let read: Examples =
        toml::from_str(&text).map_err(|error| toml_error(&shown, &text, &error))?;
    let routing = match read.notifier {
        None => here.configuration.notifier.routing(),
        Some(table) => {
            let settings: Settings = table
                .try_into()
                .map_err(|error| anyhow::anyhow!("{shown}: notifier: {error}"))?;
            settings
                .check()
                .map_err(|fault| anyhow::anyhow!("{shown}: notifier.{fault}"))?;
            settings.routing()
        }
    };
    let count = read.example.len();
    anyhow::ensure!(count > 0, "{shown}: there is no [[example]] in it");
    anyhow::ensure!(
        count <= MAX_EXAMPLES,
        "{shown}: at most {MAX_EXAMPLES} examples"
    );
    let channels = channels(here, &routing, &read.channels);
    let mut held = Vec::new();
    for (index, table) in read.example.into_iter().enumerate() {
        let example: Example = table
            .try_into()
            .map_err(|error| anyhow::anyhow!("{shown}: example {}: {error}", index + 1))?;
        let lines = example.plays(&routing, &channels);
        held.push((example, lines));
    }
    say(here, &held)
}

fn say(here: &Here, held: &[(Example, Vec<Line>)]) -> Result<u8> {
    let wrong = held
        .iter()
        .filter(|(example, lines)| !is_as_expected(example, lines))
        .count();
    if here.output == Output::Json {
        let examples: Vec<Value> = held
            .iter()
            .map(|(example, lines)| as_json(example, lines))
            .collect();
        print::json(&json!({ "examples": examples, "wrong": wrong }))?;
    } else {
        for (example, lines) in held {
            let fits = is_as_expected(example, lines);
            let mark = if fits { "ok  " } else { "FAIL" };
            let name = print::plain(&example.name);
            println!("{mark} {name}: {}", nobody(&heard(lines)));
            if !fits {
                println!("     expected {}", nobody(&example.expect));
                for line in lines {
                    println!("     {}", in_words(line));
                }
            }
        }
        println!(
            "{} of {} examples as expected",
            held.len() - wrong,
            held.len()
        );
    }
    Ok(if wrong == 0 { 0 } else { SAYS_NO })
}

fn nobody(heard: &[String]) -> String {
    match heard.is_empty() {
        true => "nobody".to_owned(),
        false => print::plain(&heard.join(", ")),
    }
}

fn as_json(example: &Example, lines: &[Line]) -> Value {
    json!({
        "name": example.name,
        "expected": example.expect,
        "heard": heard(lines),
        "lines": lines,
        "as_expected": is_as_expected(example, lines),
    })
}

/// `2026-11-27T12:15:00.000Z pager escalation: …`.
fn in_words(line: &Line) -> String {
    let (at, what) = (line.at, line.what);
    let (channel, why) = (print::plain(&line.channel), print::plain(&line.why));
    format!("{at} {channel} {what}: {why}")
}

async fn one(here: &Here, test: &RouteTest) -> Result<u8> {
    let routing = here.configuration.notifier.routing();
    let channels = channels(here, &routing, &[]);
    let example = asked(here, test).await?;
    let topic = example.topic;
    let lines = example.plays(&routing, &channels);
    if here.output == Output::Json {
        print::json(
            &json!({ "topic": topic, "channels": channels, "heard": heard(&lines), "lines": lines }),
        )?;
        return Ok(0);
    }
    if lines.is_empty() {
        println!("nobody hears of it: there is no channel");
        return Ok(0);
    }
    let cells = |line: &Line| {
        let what = line.what.to_owned();
        vec![
            line.at.to_string(),
            line.channel.clone(),
            what,
            line.why.clone(),
        ]
    };
    let rows = lines.iter().map(cells).collect();
    println!(
        "{}",
        print::table(&["when", "channel", "what", "why"], rows)
    );
    Ok(0)
}

async fn asked(here: &Here, test: &RouteTest) -> Result<Example> {
    let service = test.service.clone().unwrap_or_default();
    let severity = Severity::parse(&test.severity).ok_or_else(|| {
        let known = Severity::ALL.map(Severity::name).join(", ");
        wrong_use(format!(
            "--severity: expected one of {known}, got {:?}",
            test.severity
        ))
    })?;
    let topic = Topic::parse(&test.topic).ok_or_else(|| {
        let known = Topic::ALL.map(Topic::name).join(", ");
        wrong_use(format!(
            "--topic: expected one of {known}, got {:?}",
            test.topic
        ))
    })?;
    let at = match &test.at {
        None => casework::Clock::wall().now(),
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            wrong_use(format!(
                "--at: expected an RFC 3339 time such as 2026-11-27T03:00:00Z, got {text:?}"
            ))
        })?,
    };
    let mut labels = std::collections::BTreeMap::new();
    for label in &test.labels {
        let (name, value) = label
            .split_once('=')
            .ok_or_else(|| wrong_use(format!("--label {label:?}: expected NAME=VALUE")))?;
        labels.insert(name.to_owned(), value.to_owned());
    }
    let mut example = Example {
        name: service.clone(),
        service,
        team: test.team.clone(),
        tier: test.tier,
        on_call: test.on_call.clone(),
        severity,
        topic,
        rule: test.rule.clone(),
        labels,
        at,
        taken_after_minutes: test.taken_after,
        expect: Vec::new(),
    };
    let is_said = example.team.is_some() || example.tier.is_some() || example.on_call.is_some();
    if !is_said {
        look_up(here, &mut example).await;
    }
    Ok(example)
}

/// As `lookup-services` says, where there is a store to ask.
async fn look_up(here: &Here, example: &mut Example) {
    let Ok(store) = here.reading().await else {
        return;
    };
    let Ok(services) = store.knowledge().services().await else {
        return;
    };
    let known = services.into_iter().find(|one| one.name == example.service);
    if let Some(known) = known {
        example.team = known.team;
        example.tier = known.criticality;
        example.on_call = known.on_call;
    }
}
