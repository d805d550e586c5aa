//! `datapulse person`: who was here, and who may do nothing any more.

use anyhow::Result;
use serde_json::{Value, json};

use crate::arguments::{Output, Person};
use crate::context::Context as Here;
use crate::print;

pub async fn run(here: &Here, command: Person) -> Result<u8> {
    match command {
        Person::List => list(here).await,
        Person::Disable { subject, reason } => change(here, "disable", &subject, &reason).await,
        Person::Enable { subject, reason } => change(here, "enable", &subject, &reason).await,
    }
}

async fn list(here: &Here) -> Result<u8> {
    let page = here.read("/people").await?;
    if here.output == Output::Json {
        print::json(&page)?;
        return Ok(0);
    }
    let keys = [
        "subject",
        "name",
        "role",
        "source",
        "seen_at",
        "disabled_at",
    ];
    let none = Vec::new();
    let items: &Vec<Value> = page["items"].as_array().unwrap_or(&none);
    let rows = items
        .iter()
        .map(|item| keys.iter().map(|key| print::cell(item, key)).collect())
        .collect();
    let headings = ["subject", "name", "role", "from", "seen", "disabled"];
    println!("{}", print::table(&headings, rows));
    Ok(0)
}

async fn change(here: &Here, what: &str, subject: &str, reason: &str) -> Result<u8> {
    let body = json!({ "subject": subject, "reason": reason });
    let answer = here
        .server()?
        .post(&format!("/people/{what}"), &body)
        .await?;
    if here.output == Output::Json {
        print::json(&answer)?;
    } else {
        println!("{} is {what}d", print::plain(subject));
    }
    Ok(0)
}
