//! `datapulse tools register`: the tools in Elastic Agent Builder, with an agent that asks them.

use anyhow::Result;
use casework::Clock;
use casework::tools::agent_builder::{self, Act, Definitions, Dialect, Kind, Step};
use serde_json::{Value, json};
use store::Error;
use store::elastic::Kibana;

use crate::arguments::{Output, Register};
use crate::backend::Backend;
use crate::context::Context as Here;
use crate::progress::during;
use crate::refusal::wrong_use;
use crate::{print, wire};

/// What became of a step.
struct Done {
    step: Step,
    /// Why it wasn't done, though it could be: the rest goes on.
    kept: Option<String>,
}

pub async fn run(here: &Here, asked: &Register) -> Result<u8> {
    let Some(cluster) = here.configuration.elasticsearch()? else {
        return Err(wrong_use(
            "the tools' texts depend on the cluster's fields: name the Elasticsearch behind Kibana as [backends] store in datapulse.toml",
        ));
    };
    let address = cluster
        .beside(&asked.kibana)
        .map_err(|message| wrong_use(format!("--kibana: {message}")))?;
    let kibana = during(
        "asking Kibana",
        Kibana::open(address, asked.space.as_deref()),
    )
    .await?;
    let dialect = Dialect::of(kibana.release());
    let wanted = during("reading the cluster's fields", wanted(here, dialect)).await?;
    let tools = kibana.tools().await?;
    let agent = kibana.agent(agent_builder::AGENT).await?;
    let steps = agent_builder::plan(&wanted, &tools, agent.as_ref(), asked.prune)
        .map_err(anyhow::Error::msg)?;
    let mut done = Vec::with_capacity(steps.len());
    for step in steps {
        let kept = match asked.dry_run {
            true => None,
            false => act(&kibana, &step).await?,
        };
        done.push(Done { step, kept });
    }
    let stale = match asked.prune {
        true => 0,
        false => agent_builder::stale(&wanted, &tools),
    };
    tell(here, asked, &kibana, &wanted, &done, stale)?;
    Ok(0)
}

async fn wanted(here: &Here, dialect: Dialect) -> Result<Definitions> {
    let store = Backend::open_reading(&here.configuration, &here.folder).await?;
    let casework = wire::casework(&store, &here.configuration, Clock::wall())?;
    Ok(casework.for_agent_builder(dialect).await?)
}

/// Does it; a reason where what is there must stay as it is.
async fn act(kibana: &Kibana, step: &Step) -> Result<Option<String>, Error> {
    let (id, after) = (&step.id, &step.after);
    match (step.act, step.kind) {
        (Act::Unchanged, _) => Ok(()),
        (Act::Create, Kind::Tool) => kibana.create_tool(after).await,
        (Act::Create, Kind::Agent) => kibana.create_agent(after).await,
        (Act::Update, Kind::Tool) => kibana.update_tool(id, &agent_builder::update(after)).await,
        (Act::Update, Kind::Agent) => kibana.update_agent(id, &agent_builder::update(after)).await,
        (Act::Delete, _) => match kibana.delete_tool(id).await {
            // Another's agent names it, and would lose it.
            Err(Error::Conflict(says)) => return Ok(Some(says)),
            done => done,
        },
    }?;
    Ok(None)
}

fn tell(
    here: &Here,
    asked: &Register,
    kibana: &Kibana,
    wanted: &Definitions,
    done: &[Done],
    stale: usize,
) -> Result<()> {
    if here.output == Output::Json {
        let steps: Vec<Value> = done.iter().map(|one| shown(one, asked.dry_run)).collect();
        let skipped = wanted.skipped.iter();
        let skipped: Vec<Value> = skipped
            .map(|(tool, why)| json!({ "tool": tool, "why": why }))
            .collect();
        return print::json(&json!({
            "kibana": kibana.version(),
            "space": asked.space.as_deref().unwrap_or("default"),
            "dry_run": asked.dry_run,
            "steps": steps,
            "skipped": skipped,
            "stale": stale,
        }));
    }
    for one in done {
        let Step { kind, id, .. } = &one.step;
        println!("{:<13} {} {id}", word(one, asked.dry_run), name(*kind));
        if let Some(why) = &one.kept {
            println!("{:<13} {}", "", print::plain(why));
        }
        if asked.dry_run && one.step.act == Act::Update {
            for line in print::differences(&one.step.before, &one.step.after) {
                println!("{:<13} {line}", "");
            }
        }
    }
    for (tool, why) in &wanted.skipped {
        println!("{:<13} tool {tool}: {}", "left out", print::plain(why));
    }
    if stale > 0 {
        println!("{stale} tools of ours are no more: --prune deletes them");
    }
    Ok(())
}

fn shown(one: &Done, dry_run: bool) -> Value {
    let Step {
        kind,
        id,
        act,
        before,
        after,
    } = &one.step;
    let mut shown = json!({ "kind": name(*kind), "id": id, "change": word(one, dry_run) });
    if *act == Act::Update {
        shown["differences"] = json!(print::differences(before, after));
    }
    if let Some(why) = &one.kept {
        shown["why"] = json!(why);
    }
    shown
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Tool => "tool",
        Kind::Agent => "agent",
    }
}

fn word(one: &Done, dry_run: bool) -> &'static str {
    match (one.step.act, dry_run) {
        _ if one.kept.is_some() => "kept",
        (Act::Unchanged, _) => "unchanged",
        (Act::Create, false) => "made",
        (Act::Create, true) => "would make",
        (Act::Update, false) => "replaced",
        (Act::Update, true) => "would replace",
        (Act::Delete, false) => "deleted",
        (Act::Delete, true) => "would delete",
    }
}
