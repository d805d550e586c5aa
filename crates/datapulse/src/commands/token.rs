//! `datapulse token`: through the server that holds the folder, else in the folder itself.

use anyhow::{Context as _, Result};
use casework::Clock;
use gateway::Principal;
use gateway::api::tokens::{MAX_DAYS, may_be_a_persons};
use model::{Act, Role};
use serde_json::{Value, json};

use crate::arguments::{Output, Token};
use crate::backend::Backend;
use crate::client::encode;
use crate::context::Context as Here;
use crate::print;
use crate::refusal::wrong_use;
use crate::{keys, wire};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub async fn run(here: &Here, command: Token) -> Result<u8> {
    match command {
        Token::Create {
            name,
            role,
            person,
            days,
        } => create(here, &name, &role, person, days).await,
        Token::List => list(here).await,
        Token::Revoke { id } => revoke(here, &id).await,
        Token::LoginLink => login_link(here).await,
    }
}

async fn create(here: &Here, name: &str, role: &str, person: bool, days: u32) -> Result<u8> {
    let known = Role::ALL.map(Role::name).join(", ");
    let parsed = Role::parse(role)
        .ok_or_else(|| wrong_use(format!("--role {role:?}: expected one of {known}")))?;
    if person && !may_be_a_persons(parsed) {
        return Err(wrong_use(format!(
            "--person: the role {role} is a machine's"
        )));
    }
    if days == 0 || days > MAX_DAYS {
        return Err(wrong_use(format!(
            "--days: expected 1 to {MAX_DAYS}, got {days}"
        )));
    }
    let made = match here.find_server()? {
        Some(server) => {
            let body = json!({ "name": name, "role": role, "person": person, "days": days });
            server.post("/tokens", &body).await?
        }
        None => {
            let store = Backend::open(&here.configuration, &here.folder).await?;
            let life = Some(i64::from(days) * DAY_MS);
            let now = Clock::wall().now();
            let knowledge = store.knowledge();
            let (token, secret) =
                gateway::issue_token(knowledge.as_ref(), name, parsed, person, life, now).await?;
            noted(here, &store, gateway::api::tokens::issued(&token)).await?;
            json!({ "id": token.id, "name": name, "role": role, "person": person, "secret": secret, "expires_at": token.expires_at })
        }
    };
    if here.output == Output::Json {
        print::json(&made)?;
    } else {
        println!("{}", print::cell(&made, "secret"));
        eprintln!(
            "token {} for {name}, role {role}; it is shown this once",
            print::cell(&made, "id")
        );
    }
    Ok(0)
}

/// What is done in the folder itself is in the system chain too, as done by whoever may write
/// there.
async fn noted(here: &Here, store: &Backend, act: Act) -> Result<()> {
    let casework = wire::casework(store, &here.configuration, Clock::wall())?;
    keys::sign_if_any(&casework, &here.folder)?;
    let actor = Principal::local().actor();
    casework.record_act(actor, act).await?;
    Ok(())
}

async fn list(here: &Here) -> Result<u8> {
    let page = match here.find_server()? {
        Some(server) => server.get("/tokens").await?,
        None => {
            let tokens = here.reading().await?.knowledge().tokens().await?;
            let items = tokens
                .into_iter()
                .map(gateway::api::tokens::TokenLine::from);
            json!({ "items": items.collect::<Vec<_>>() })
        }
    };
    if here.output == Output::Json {
        print::json(&page)?;
        return Ok(0);
    }
    let keys = [
        "id",
        "name",
        "role",
        "person",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ];
    let none = Vec::new();
    let items: &Vec<Value> = page["items"].as_array().unwrap_or(&none);
    let rows = items
        .iter()
        .map(|item| keys.iter().map(|key| print::cell(item, key)).collect())
        .collect();
    println!(
        "{}",
        print::table(
            &[
                "token",
                "name",
                "role",
                "person",
                "expires",
                "revoked",
                "last used",
            ],
            rows
        )
    );
    Ok(0)
}

async fn revoke(here: &Here, id: &str) -> Result<u8> {
    match here.find_server()? {
        Some(server) => {
            let path = format!("/tokens/{}/revoke", encode(id));
            server.post(&path, &json!({})).await?;
        }
        None => {
            let store = Backend::open(&here.configuration, &here.folder).await?;
            let now = Clock::wall().now();
            store.knowledge().revoke_token(id, now).await?;
            let act = Act::TokenRevoked {
                token: id.to_owned(),
            };
            noted(here, &store, act).await?;
        }
    }
    if here.output == Output::Json {
        print::json(&json!({ "id": id, "revoked": true }))?;
    } else {
        println!("token {id} is revoked");
    }
    Ok(0)
}

/// Only a running server can log a browser in.
async fn login_link(here: &Here) -> Result<u8> {
    let server = here.server()?;
    let made = server.post("/login-links", &json!({})).await?;
    let path = made["path"].as_str().context("the server gave no link")?;
    let link = format!("{}{path}", server.url());
    if here.output == Output::Json {
        print::json(&json!({ "link": link }))?;
    } else {
        println!("{link}");
    }
    Ok(0)
}
