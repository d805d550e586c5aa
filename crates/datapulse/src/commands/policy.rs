//! `datapulse policy`: the policy in force, its schema, and examples that it is held against.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use model::Policy;
use model::policy::example::Example;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::{Output, Policy as Command};
use crate::configuration::{policy_file, toml_error};
use crate::context::Context as Here;
use crate::print;

/// Exit code of a check that says no.
const SAYS_NO: u8 = 3;
/// Examples of one file.
const MAX_EXAMPLES: usize = 10_000;

pub async fn run(here: &Here, command: Command) -> Result<u8> {
    match command {
        Command::Show => {
            let policy = &here.configuration.policy;
            if here.output == Output::Json {
                print::json(&json!({ "version": policy.version(), "policy": policy }))?;
            } else {
                println!("# {}", policy.version());
                print!("{}", toml::to_string(policy)?);
            }
            Ok(0)
        }
        Command::Schema => {
            print::json(&gateway::openapi::policy_schema())?;
            Ok(0)
        }
        Command::Test { file } => test(here, &file),
    }
}

/// A file of examples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    /// The policy, or the path of its file, from this file's folder.
    policy: Option<PolicyOrPath>,
    #[serde(default)]
    example: Vec<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PolicyOrPath {
    Path(String),
    Policy(toml::Value),
}

fn test(here: &Here, file: &Path) -> Result<u8> {
    let shown = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{shown} can't be read"))?;
    let examples: Examples =
        toml::from_str(&text).map_err(|error| toml_error(&shown, &text, &error))?;
    let policy = match examples.policy {
        None => here.configuration.policy.clone(),
        Some(PolicyOrPath::Path(path)) => {
            policy_file(&file.parent().unwrap_or(Path::new("")).join(path))?
        }
        Some(PolicyOrPath::Policy(table)) => {
            let policy: Policy = table
                .try_into()
                .map_err(|error| anyhow::anyhow!("{shown}: policy: {error}"))?;
            policy
                .check()
                .map_err(|fault| anyhow::anyhow!("{shown}: policy.{fault}"))?;
            policy
        }
    };
    anyhow::ensure!(
        !examples.example.is_empty(),
        "{shown}: there is no [[example]] in it"
    );
    anyhow::ensure!(
        examples.example.len() <= MAX_EXAMPLES,
        "{shown}: at most {MAX_EXAMPLES} examples"
    );
    let mut lines = Vec::new();
    for (index, table) in examples.example.into_iter().enumerate() {
        let example: Example = table
            .try_into()
            .map_err(|error| anyhow::anyhow!("{shown}: example {}: {error}", index + 1))?;
        lines.push(held(&example, &policy));
    }
    let wrong = lines.iter().filter(|line| line["as_expected"] == false);
    let wrong = wrong.count();
    if here.output == Output::Json {
        print::json(&json!({ "policy": policy.version(), "examples": lines, "wrong": wrong }))?;
    } else {
        for line in &lines {
            let mark = if line["as_expected"] == true {
                "ok  "
            } else {
                "FAIL"
            };
            let text = |key: &str| print::plain(line[key].as_str().unwrap_or_default());
            println!(
                "{mark} {}: {} ({})",
                text("name"),
                text("comes_to"),
                text("why")
            );
            if line["as_expected"] == false {
                println!("     expected {}", text("expected"));
            }
        }
        println!(
            "{} of {} examples as expected under {}",
            lines.len() - wrong,
            lines.len(),
            policy.version()
        );
    }
    Ok(if wrong == 0 { 0 } else { SAYS_NO })
}

fn held(example: &Example, policy: &Policy) -> Value {
    let (verdict, why) = example.comes_to(policy);
    json!({
        "name": example.name,
        "expected": example.expected(),
        "comes_to": verdict.name(),
        "why": why,
        "as_expected": example.is_as_expected(policy),
    })
}
