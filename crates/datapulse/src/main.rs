//! The binary: parse, wire, run; nothing but assembly.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use context::Context;

mod anchoring;
mod arguments;
mod backend;
mod client;
mod commands;
mod configuration;
mod context;
mod demo;
mod import;
mod keys;
mod logins;
mod measure;
mod owner_only;
mod pki;
mod print;
mod progress;
mod redacted;
mod refusal;
mod retain;
mod serve;
mod transfer;
mod wire;

/// Something failed: the message is on stderr.
const FAILED: u8 = 1;
/// Wrong use, or a configuration that can't be read.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    end_with_the_reader();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    // Asks nothing of a configuration, which may be damaged.
    if let Command::Completion { shell } = arguments.command {
        clap_complete::generate(
            shell,
            &mut Arguments::command(),
            "datapulse",
            &mut std::io::stdout(),
        );
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("datapulse: no threads to run on: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let here = match Context::new(arguments.everywhere) {
        Ok(here) => here,
        Err(error) => {
            redacted::complain(&error);
            return ExitCode::from(WRONG_USE);
        }
    };
    match runtime.block_on(run(&here, arguments.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            redacted::complain(&error);
            let wrong = error.downcast_ref::<refusal::WrongUse>().is_some();
            ExitCode::from(if wrong { WRONG_USE } else { FAILED })
        }
    }
}

/// `datapulse … | head` ends when head has seen enough; printing to nobody is no fault of ours.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic
            .payload()
            .downcast_ref::<String>()
            .map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Lines about the process' own work go to stderr; `RUST_LOG` says which.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(redacted::Stderr::default)
        .with_ansi(coloured())
        .try_init();
}

/// Colour is for terminals, and not where `NO_COLOR` is set to anything.
fn coloured() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

async fn run(here: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Demo(demo) => demo::run(here, demo).await,
        Command::Serve(serve) => serve::run(here, serve).await,
        Command::Doctor => commands::doctor::run(here).await,
        Command::Investigate(investigate) => commands::investigate::run(here, investigate).await,
        Command::Incident(incident) => commands::incident::run(here, incident).await,
        Command::Action(action) => commands::action::run(here, action).await,
        Command::Policy(policy) => commands::policy::run(here, policy).await,
        Command::Person(person) => commands::person::run(here, person).await,
        Command::Audit(audit) => commands::audit::run(here, audit).await,
        Command::Deployment(deployment) => commands::deployment::run(here, deployment).await,
        Command::Import(import) => commands::import::run(here, import).await,
        Command::Export(export) => commands::export::run(here, export).await,
        Command::Query(query) => commands::query::run(here, query).await,
        Command::Tools(tools) => commands::tools::run(here, tools).await,
        Command::Runbook(runbook) => commands::runbook::run(here, runbook).await,
        Command::Eval(eval) => commands::eval::run(here, eval).await,
        Command::Backtest(backtest) => commands::backtest::run(here, backtest).await,
        Command::Ml(ml) => commands::ml::run(here, ml).await,
        Command::Keys(keys) => commands::keys::run(here, keys).await,
        Command::Pki(pki) => commands::pki::run(here, pki),
        Command::Store(store) => commands::store::run(here, store).await,
        Command::Login(login) => commands::login::run(here, login).await,
        Command::Token(token) => commands::token::run(here, token).await,
        // Was printed before anything was read.
        Command::Completion { .. } => Ok(0),
    }
}
