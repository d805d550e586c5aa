//! `datapulse runbook`: the runbooks that proposals come from.

use anyhow::{Context as _, Result};
use model::Runbook;
use model::render::terminal_block;

use crate::arguments::{Output, Runbook as Command};
use crate::context::Context as Here;
use crate::print;

pub async fn run(here: &Here, command: Command) -> Result<u8> {
    let books = books(here).await?;
    match command {
        Command::List => {
            if here.output == Output::Json {
                print::json(&serde_json::to_value(&books)?)?;
            } else {
                let rows = books
                    .iter()
                    .map(|book| vec![book.id.clone(), book.title.clone(), book.summary.clone()])
                    .collect();
                println!("{}", print::table(&["runbook", "title", "about"], rows));
            }
        }
        Command::Show { id } => {
            let book = books.iter().find(|book| book.id == id).with_context(|| {
                format!("there is no runbook {id:?}; see `datapulse runbook list`")
            })?;
            if here.output == Output::Json {
                print::json(&serde_json::to_value(book)?)?;
            } else {
                let shown = format!("# {}\n\n{}\n\n{}", book.title, book.summary, book.content);
                println!("{}", terminal_block(&shown));
                let rows = book
                    .actions
                    .iter()
                    .map(|action| {
                        vec![
                            action.kind.name().to_owned(),
                            action.when.clone(),
                            action.risk_note.clone(),
                        ]
                    })
                    .collect();
                println!("\n{}", print::table(&["action", "when", "risk"], rows));
            }
        }
        Command::Search { text } => {
            let found = resolver::search(&books, &text);
            if here.output == Output::Json {
                print::json(&serde_json::to_value(&found)?)?;
            } else {
                let rows = found
                    .iter()
                    .map(|(id, score)| vec![id.clone(), format!("{score:.4}")])
                    .collect();
                println!("{}", print::table(&["runbook", "score"], rows));
            }
        }
    }
    Ok(0)
}

/// Those that the server proposes from; without a server, the starter runbooks.
async fn books(here: &Here) -> Result<Vec<Runbook>> {
    match here.find_server()? {
        Some(server) => {
            let mut page = server.get("/runbooks").await?;
            Ok(serde_json::from_value(page["items"].take())?)
        }
        None => Ok(resolver::library::embedded()?),
    }
}
