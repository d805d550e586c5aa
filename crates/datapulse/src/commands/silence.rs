//! `datapulse silence`: what people don't want to hear of, and what that hid.

use anyhow::Result;
use serde_json::{Value, json};

use crate::arguments::{Output, Silence};
use crate::client::encode;
use crate::context::Context as Here;
use crate::print;
use crate::refusal::wrong_use;

pub async fn run(here: &Here, command: Silence) -> Result<u8> {
    match command {
        Silence::Add {
            matchers,
            length,
            until,
            from,
            weekly,
            reason,
        } => {
            let body = json!({
                "matchers": matchers,
                "from": from,
                "until": until,
                "for_s": length.as_deref().map(seconds).transpose()?,
                "weekly": weekly.as_deref().map(hours).transpose()?,
                "reason": reason,
            });
            let silence = here.server()?.post("/silences", &body).await?;
            tell(here, &silence, "is made")
        }
        Silence::List {
            phase,
            text,
            sort,
            offset,
            limit,
        } => {
            let mut query = format!("/silences?offset={offset}&limit={limit}");
            for (key, value) in [("phase", phase), ("text", text), ("sort", sort)] {
                if let Some(value) = value {
                    query.push_str(&format!("&{key}={}", encode(&value)));
                }
            }
            list(here, &here.read(&query).await?)
        }
        Silence::Show { id } => show(here, &id).await,
        Silence::End { id, reason } => {
            let path = format!("/silences/{}/end", encode(&id));
            let body = json!({ "reason": reason });
            let silence = here.server()?.post(&path, &body).await?;
            tell(here, &silence, "is ended")
        }
    }
}

/// Seconds of `90s`, `30m`, `2h`, `7d`.
pub fn seconds(text: &str) -> Result<u64> {
    let units = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];
    let read = units.into_iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds).filter(|seconds| *seconds > 0)
    });
    read.ok_or_else(|| {
        wrong_use(format!(
            "expected a length such as 30m, 2h or 7d, got {text:?}"
        ))
    })
}

/// `sat,sun 22:00-06:00 Europe/Berlin`; without days, every day; without a zone, UTC.
fn hours(text: &str) -> Result<Value> {
    let wrong = || {
        wrong_use(format!(
            "--weekly: expected hours such as 'sat,sun 22:00-06:00 Europe/Berlin', got {text:?}"
        ))
    };
    let mut words = text.split_whitespace().peekable();
    let days: Vec<&str> = match words.next_if(|word| !word.contains(':')) {
        Some(days) => days.split(',').collect(),
        None => Vec::new(),
    };
    let (from, to) = words
        .next()
        .and_then(|span| span.split_once('-'))
        .ok_or_else(wrong)?;
    let zone = words.next().unwrap_or("UTC");
    if words.next().is_some() {
        return Err(wrong());
    }
    Ok(json!({ "days": days, "from": from, "to": to, "zone": zone }))
}

fn tell(here: &Here, silence: &Value, what: &str) -> Result<u8> {
    if here.output == Output::Json {
        print::json(silence)?;
    } else {
        let text = |key: &str| print::plain(&print::cell(silence, key));
        println!("{} {what}; now {}", text("id"), text("phase"));
    }
    Ok(0)
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map_or(&[], Vec::as_slice)
}

/// `service = "cart", severity = "low"`.
fn matchers(silence: &Value) -> String {
    let matchers = silence["matchers"].as_array().into_iter().flatten();
    let texts: Vec<&str> = matchers.filter_map(Value::as_str).collect();
    texts.join(", ")
}

fn owner(silence: &Value) -> String {
    print::cell(&silence["owner"], "name")
}

fn list(here: &Here, page: &Value) -> Result<u8> {
    if here.output == Output::Json {
        print::json(page)?;
        return Ok(0);
    }
    if items(page).is_empty() {
        println!("no silences");
        return Ok(0);
    }
    let row = |item: &Value| {
        let cell = |key: &str| print::cell(item, key);
        vec![
            cell("id"),
            cell("phase"),
            matchers(item),
            cell("until"),
            owner(item),
            cell("reason"),
        ]
    };
    let rows = items(page).iter().map(row).collect();
    let headings = ["silence", "phase", "hides", "until", "owner", "reason"];
    println!("{}", print::table(&headings, rows));
    let (shown, total) = (
        items(page).len() as u64,
        page["total"].as_u64().unwrap_or(0),
    );
    if shown < total {
        println!("{shown} of {total}: the others with --offset");
    }
    Ok(0)
}

async fn show(here: &Here, id: &str) -> Result<u8> {
    let path = format!("/silences/{}", encode(id));
    let silence = here.read(&path).await?;
    let hidden = here.read(&format!("{path}/hidden")).await?;
    if here.output == Output::Json {
        print::json(&json!({ "silence": silence, "hidden": hidden }))?;
        return Ok(0);
    }
    let text = |key: &str| print::plain(&print::cell(&silence, key));
    println!(
        "{} ({}) by {}",
        text("id"),
        text("phase"),
        print::plain(&owner(&silence))
    );
    println!("hides {}", print::plain(&matchers(&silence)));
    println!("from {} until {}", text("from"), text("until"));
    if !silence["weekly"].is_null() {
        let weekly = &silence["weekly"];
        let part = |key: &str| print::plain(&print::cell(weekly, key));
        println!(
            "every week: {} {}-{} {}",
            part("days"),
            part("from"),
            part("to"),
            part("zone")
        );
    }
    println!("because: {}", text("reason"));
    if items(&hidden).is_empty() {
        println!("it hid nothing");
        return Ok(0);
    }
    let keys = [
        "incident_id",
        "service.name",
        "channel",
        "topic",
        "held_at",
        "told_at",
        "title",
    ];
    let rows = items(&hidden)
        .iter()
        .map(|item| keys.iter().map(|key| print::cell(item, key)).collect())
        .collect();
    let headings = [
        "incident", "service", "channel", "topic", "held", "told", "title",
    ];
    println!("{}", print::table(&headings, rows));
    if hidden["complete"] == false {
        println!("and more: only the latest incidents were read");
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_hours_are_read_as_people_write_them() {
        assert_eq!(seconds("2h").ok(), Some(7_200));
        assert_eq!(seconds("7d").ok(), Some(604_800));
        for wrong in ["", "h", "2", "0m", "2w", "99999999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            hours("sat,sun 22:00-06:00 Europe/Berlin").ok(),
            Some(
                json!({ "days": ["sat", "sun"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin" })
            )
        );
        assert_eq!(
            hours("22:00-06:00").ok(),
            Some(json!({ "days": [], "from": "22:00", "to": "06:00", "zone": "UTC" }))
        );
        for wrong in ["", "sat", "22:00", "sat 22:00-06:00 UTC more"] {
            assert!(hours(wrong).is_err(), "{wrong:?}");
        }
    }
}
