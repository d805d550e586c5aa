//! Who must agree, who says who somebody is, and with which keys records are signed.

use gateway::identity::provider::Provider;
use integrations::Secret;
use model::RiskTier;

use super::{Check, State};
use crate::context::Context as Here;
use crate::keys;

pub async fn checks(here: &Here) -> Vec<Check> {
    vec![policy(here), identity(here).await, signatures(here)]
}

fn policy(here: &Here) -> Check {
    let policy = &here.configuration.policy;
    let people: Vec<String> = RiskTier::ALL
        .iter()
        .map(|tier| format!("{} risk {}", tier.name(), policy.quorum_of(*tier)))
        .collect();
    let windows = match policy.freeze.len() {
        0 => String::new(),
        count => format!("; {count} freeze windows"),
    };
    Check {
        name: "policy",
        state: State::Good,
        says: format!(
            "{}: people who must agree: {}{windows}",
            policy.version(),
            people.join(", ")
        ),
    }
}

/// Asks the provider what it says of itself.
async fn identity(here: &Here) -> Check {
    let settings = &here.configuration.identity;
    let check = |state, says: String| Check {
        name: "identity",
        state,
        says,
    };
    if !settings.is_on() {
        let says = "no OpenID provider (see [identity] in datapulse.toml): people come in by local tokens and one-time links";
        return check(State::Note, says.to_owned());
    }
    let variable = &settings.client_secret_env;
    let secret = match variable.as_str() {
        "" => None,
        name => match std::env::var(name) {
            Ok(value) if !value.is_empty() => Some(Secret::new(value)),
            _ => {
                let says = format!("{}: the secret in {name} is not set", settings.issuer);
                return check(State::Bad, says);
            }
        },
    };
    let keys = match Provider::new(settings.clone(), secret) {
        Ok(provider) => provider
            .keys(false)
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match keys {
        Ok(keys) if keys.keys.is_empty() => {
            let says = format!(
                "{} answers, and shows no key that can be used",
                settings.issuer
            );
            check(State::Bad, says)
        }
        Ok(keys) => check(
            State::Good,
            format!(
                "{} answers, with {} keys; {} groups are mapped",
                settings.issuer,
                keys.keys.len(),
                settings.groups.len()
            ),
        ),
        Err(error) => check(State::Bad, error),
    }
}

fn signatures(here: &Here) -> Check {
    let (state, says) = match keys::ring(&here.folder) {
        Ok(ring) if ring.is_empty() => (
            State::Note,
            "no keys yet: `datapulse serve` makes them".to_owned(),
        ),
        Ok(ring) => {
            let retired = ring.trusted().filter(|key| key.until.is_some()).count();
            let shared = ring
                .trusted()
                .any(|key| key.until.is_none() && key.writers.len() > 1);
            let says = format!(
                "records are held against {} keys, of which {retired} only verify what they signed{}",
                ring.len(),
                match shared {
                    true => "; the agents have one together until the next `datapulse serve`",
                    false => "",
                }
            );
            (State::Good, says)
        }
        Err(error) => (State::Bad, format!("{error:#}")),
    };
    Check {
        name: "keys",
        state,
        says,
    }
}
