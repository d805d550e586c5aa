//! `datapulse tools`: the ES|QL files that agents run.

use anyhow::{Context as _, Result};
use casework::Toolbox;
use model::Timestamp;
use serde_json::{Value, json};

use crate::arguments::{Output, Tools};
use crate::client::{encode, parameters};
use crate::context::Context as Here;
use crate::print;
use crate::refusal::wrong_use;

mod register;

pub async fn run(here: &Here, command: Tools) -> Result<u8> {
    let toolbox = Toolbox::embedded().map_err(anyhow::Error::msg)?;
    match command {
        Tools::List => list(here, &toolbox),
        Tools::Register(asked) => register::run(here, &asked).await,
        Tools::Show { id } => {
            let tool = toolbox.get(&id).with_context(|| no_tool(&toolbox, &id))?;
            if here.output == Output::Json {
                print::json(&serde_json::to_value(tool)?)?;
            } else {
                println!(
                    "{}\n\n{}\n\n{}",
                    tool.id,
                    tool.description,
                    tool.query.trim()
                );
                let rows = tool
                    .parameters
                    .iter()
                    .map(|parameter| {
                        let default = parameter.default.as_ref();
                        vec![
                            parameter.name.clone(),
                            format!("{:?}", parameter.kind).to_lowercase(),
                            default.map_or("–".to_owned(), ToString::to_string),
                            parameter.description.clone(),
                        ]
                    })
                    .collect();
                println!(
                    "\n{}",
                    print::table(&["parameter", "type", "default", ""], rows)
                );
            }
            Ok(0)
        }
        Tools::Run {
            id,
            from,
            to,
            parameters: given,
        } => {
            toolbox.get(&id).with_context(|| no_tool(&toolbox, &id))?;
            let (from, to) = (moment("--from", from)?, moment("--to", to)?);
            let body = json!({ "from": from, "to": to, "parameters": parameters(&given)? });
            let answer = here
                .ask(&format!("/tools/{}/run", encode(&id)), &body)
                .await?;
            tell(here, &answer)
        }
    }
}

fn tell(here: &Here, answer: &Value) -> Result<u8> {
    if here.output == Output::Json {
        print::json(answer)?;
        return Ok(0);
    }
    let none = Vec::new();
    let list = |key: &str| answer[key].as_array().unwrap_or(&none);
    let head: Vec<&str> = list("columns").iter().filter_map(Value::as_str).collect();
    let rows = list("rows")
        .iter()
        .map(|row| row.as_array().unwrap_or(&none).iter().map(shown).collect())
        .collect();
    println!("{}", print::table(&head, rows));
    for warning in list("warnings") {
        eprintln!("warning: {}", shown(warning));
    }
    Ok(0)
}

fn shown(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn no_tool(toolbox: &Toolbox, id: &str) -> String {
    let known: Vec<&str> = toolbox.all().map(|tool| tool.id.as_str()).collect();
    format!("there is no tool {id:?}: {}", known.join(", "))
}

pub fn moment(flag: &str, text: Option<String>) -> Result<Option<Timestamp>> {
    text.map(|text| {
        Timestamp::parse(&text).ok_or_else(|| {
            wrong_use(format!(
                "{flag} {text:?}: expected a time such as 2026-11-24T13:00:00Z"
            ))
        })
    })
    .transpose()
}

fn list(here: &Here, toolbox: &Toolbox) -> Result<u8> {
    if here.output == Output::Json {
        let all: Vec<_> = toolbox.all().collect();
        print::json(&serde_json::to_value(all)?)?;
        return Ok(0);
    }
    let rows = toolbox
        .all()
        .map(|tool| vec![tool.id.clone(), tool.description.clone()])
        .collect();
    println!("{}", print::table(&["tool", "what it answers"], rows));
    Ok(0)
}
