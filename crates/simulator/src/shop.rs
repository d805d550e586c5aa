//! The shop in a folder: its world, its clock, and the actions that it was given, in a database of
//! its own, so that it goes on where it was after any end.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::catalog::Naming;
use crate::fault::Fault;
use crate::world::{Change, What, World};

const FILE: &str = "world.db";
/// Instances of one service at most.
const MAX_REPLICAS: u64 = 64;
/// Actions that one world takes.
pub const MAX_ACTIONS: u64 = 10_000;
/// Characters of an idempotency key.
const MAX_KEY: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds another world.
    #[error("{0}")]
    Another(String),
    /// An order that can't be carried out as written.
    #[error("{0}")]
    Refused(String),
    #[error("the shop's database: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("the shop's folder: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the shop's database holds {0}")]
    Damaged(String),
    /// The receiver of telemetry.
    #[error("{0}")]
    Intake(String),
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Setting {
    pub seed: u64,
    pub fault: Option<Fault>,
    /// Used for a new world; one that is there keeps its own.
    pub start_ms: i64,
    pub naming: Naming,
}

/// An action as it was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub idempotency_key: String,
    pub kind: String,
    pub target: String,
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    pub status: String,
    pub message: String,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Shop {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    connection: Connection,
    world: World,
}

impl Shop {
    /// Opens the world in `dir`, or begins one.
    pub fn open(dir: &Path, setting: Setting) -> Result<Self, Error> {
        std::fs::create_dir_all(dir)?;
        let connection = Connection::open(dir.join(FILE))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS world (key TEXT PRIMARY KEY, value TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS actions (key TEXT PRIMARY KEY, body TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, at_ms INTEGER NOT NULL);
             CREATE TABLE IF NOT EXISTS changes (number INTEGER PRIMARY KEY, change TEXT NOT NULL);",
        )?;
        let fault = setting.fault.map_or("none", Fault::name);
        let begun = get(&connection, "start_ms")?;
        let start_ms = match begun {
            None => {
                let transaction = connection.unchecked_transaction()?;
                set(&transaction, "seed", &setting.seed.to_string())?;
                set(&transaction, "fault", fault)?;
                set(&transaction, "start_ms", &setting.start_ms.to_string())?;
                transaction.commit()?;
                setting.start_ms
            }
            Some(start) => {
                let seed = get(&connection, "seed")?.unwrap_or_default();
                let held = get(&connection, "fault")?.unwrap_or_default();
                if seed != setting.seed.to_string() || held != fault {
                    return Err(Error::Another(format!(
                        "{} holds a shop with --fault {held} --seed {seed}: go on with these, or take another folder with --data",
                        dir.display()
                    )));
                }
                number(&start)?
            }
        };
        let mut world = World::new(setting.seed, setting.fault, start_ms, setting.naming);
        for change in changes(&connection)? {
            world.add(change);
        }
        Ok(Self {
            inner: Arc::new(Mutex::new(Inner { connection, world })),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world as it is, and the time by `now`, read together: every change that comes later has
    /// a later time.
    pub fn snapshot(&self, now: &dyn Fn() -> i64) -> (World, i64) {
        let inner = self.lock();
        (inner.world.clone(), now())
    }

    pub fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// The clock when it was saved last; a new world has none.
    pub fn clock(&self) -> Result<Option<i64>, Error> {
        let inner = self.lock();
        get(&inner.connection, "clock_ms")?
            .map(|text| number(&text))
            .transpose()
    }

    /// Telemetry before this moment has been taken in.
    pub fn position(&self) -> Result<Option<i64>, Error> {
        let inner = self.lock();
        get(&inner.connection, "position_ms")?
            .map(|text| number(&text))
            .transpose()
    }

    pub fn save(&self, clock_ms: i64, position_ms: i64) -> Result<(), Error> {
        let inner = self.lock();
        let transaction = inner.connection.unchecked_transaction()?;
        set(&transaction, "clock_ms", &clock_ms.to_string())?;
        set(&transaction, "position_ms", &position_ms.to_string())?;
        transaction.commit()?;
        Ok(())
    }

    /// What became of a key.
    pub fn fate(&self, key: &str) -> Result<Option<Fate>, Error> {
        Ok(known(&self.lock().connection, key)?.map(|(_, fate)| fate))
    }

    /// How many actions were carried out.
    pub fn actions(&self) -> Result<u64, Error> {
        let inner = self.lock();
        let count: i64 = inner
            .connection
            .query_row("SELECT COUNT(*) FROM actions", [], |row| row.get(0))?;
        Ok(count as u64)
    }

    /// Carries an order out, once: a key that is known gives what became of it.
    pub fn act(&self, order: &Order, now: &dyn Fn() -> i64) -> Result<Fate, Error> {
        if order.idempotency_key.is_empty() || order.idempotency_key.len() > MAX_KEY {
            return Err(Error::Refused(format!(
                "idempotency_key: expected 1 to {MAX_KEY} characters"
            )));
        }
        let mut inner = self.lock();
        let body =
            serde_json::to_string(order).map_err(|error| Error::Refused(error.to_string()))?;
        if let Some((earlier, fate)) = known(&inner.connection, &order.idempotency_key)? {
            if earlier != body {
                let key = &order.idempotency_key;
                return Err(Error::Refused(format!(
                    "the key {key} was used for another order"
                )));
            }
            return Ok(fate);
        }
        let at_ms = now();
        let change = change(&inner.world, order, at_ms)?;
        let fate = Fate {
            status: "succeeded".to_owned(),
            message: change.description.clone(),
        };
        let json =
            serde_json::to_string(&change).map_err(|error| Error::Damaged(error.to_string()))?;
        // Key and effect are one: nobody is told of an action that could be lost.
        let transaction = inner.connection.unchecked_transaction()?;
        let taken: i64 =
            transaction.query_row("SELECT COUNT(*) FROM actions", [], |row| row.get(0))?;
        if taken as u64 >= MAX_ACTIONS {
            return Err(Error::Refused(format!(
                "this world took its {MAX_ACTIONS} actions"
            )));
        }
        transaction.execute(
            "INSERT INTO actions (key, body, status, message, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                order.idempotency_key,
                body,
                fate.status,
                fate.message,
                at_ms
            ],
        )?;
        transaction.execute("INSERT INTO changes (change) VALUES (?1)", params![json])?;
        transaction.commit()?;
        inner.world.add(change);
        Ok(fate)
    }
}

fn get(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    let row = connection.query_row("SELECT value FROM world WHERE key = ?1", [key], |row| {
        row.get(0)
    });
    Ok(row.optional()?)
}

fn set(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    connection.execute(
        "INSERT OR REPLACE INTO world (key, value) VALUES (?1, ?2)",
        [key, value],
    )?;
    Ok(())
}

fn number(text: &str) -> Result<i64, Error> {
    text.parse()
        .map_err(|_| Error::Damaged(format!("{text:?} where a number belongs")))
}

fn changes(connection: &Connection) -> Result<Vec<Change>, Error> {
    let mut statement = connection.prepare("SELECT change FROM changes ORDER BY number")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|json| serde_json::from_str(&json?).map_err(|error| Error::Damaged(error.to_string())))
        .collect()
}

fn known(connection: &Connection, key: &str) -> Result<Option<(String, Fate)>, Error> {
    let row = connection.query_row(
        "SELECT body, status, message FROM actions WHERE key = ?1",
        [key],
        |row| {
            Ok((
                row.get(0)?,
                Fate {
                    status: row.get(1)?,
                    message: row.get(2)?,
                },
            ))
        },
    );
    Ok(row.optional()?)
}

/// What an order does to the world, or why it can't.
fn change(world: &World, order: &Order, at_ms: i64) -> Result<Change, Error> {
    let refused = |text: String| Err(Error::Refused(text));
    let Some(service) = world.naming.index(&order.target) else {
        return refused(format!("there is no target {:?}", order.target));
    };
    let state = world.at(at_ms).states[service].clone();
    let text = |key: &str| match order.parameters.get(key).and_then(Value::as_str) {
        Some(value) => Ok(value.to_owned()),
        None => Err(Error::Refused(format!("parameters.{key}: expected a text"))),
    };
    let one_of = |value: String, what: &str, known: &[&str]| match known.contains(&value.as_str()) {
        true => Ok(value),
        false => Err(Error::Refused(format!(
            "there is no {what} {value:?} of {}: {}",
            order.target,
            known.join(", ")
        ))),
    };
    let target = &order.target;
    let (what, description) = match order.kind.as_str() {
        "rollback" => {
            let known = [state.version.as_str(), state.previous_version.as_str()];
            let version = one_of(text("to_version")?, "version", &known)?;
            let says = format!("{target} rolled to {version}");
            (What::Deploy { version }, says)
        }
        "config_change" => {
            let known = [
                state.config_revision.as_str(),
                state.previous_config_revision.as_str(),
            ];
            let revision = one_of(text("to_revision")?, "revision", &known)?;
            let says = format!("{target} configured as {revision}");
            (What::Config { revision }, says)
        }
        "flag_off" | "flag_on" => {
            let on = order.kind == "flag_on";
            let name = one_of(text("flag")?, "flag", &[state.flag.as_str()])?;
            let says = format!("flag {name}: {}", if on { "off->on" } else { "on->off" });
            (What::Flag { name, on }, says)
        }
        "scale" => match order.parameters.get("replicas").and_then(Value::as_u64) {
            Some(replicas) if (1..=MAX_REPLICAS).contains(&replicas) => {
                let says = format!("{target} scaled from {} to {replicas}", state.replicas);
                (What::Scale { replicas }, says)
            }
            _ => return refused(format!("parameters.replicas: expected 1 to {MAX_REPLICAS}")),
        },
        "traffic_shift" => {
            let (Some(now), Some(other)) = (&state.provider, &state.fallback_provider) else {
                return refused(format!("{target} uses no provider outside"));
            };
            let name = one_of(text("to")?, "provider", &[now, other])?;
            let says = format!("{target} uses {name}");
            (What::Provider { name }, says)
        }
        "rate_limit" => match order.parameters.get("share").and_then(Value::as_f64) {
            Some(share) if share > 0.0 && share <= 1.0 => (
                What::RateLimit { share },
                format!("{target} lets {share} of its requests in"),
            ),
            _ => return refused("parameters.share: expected more than 0, at most 1".to_owned()),
        },
        "restart" => (What::Restart {}, format!("{target} restarted")),
        "cache_clear" => (What::CacheClear {}, format!("caches of {target} cleared")),
        other => return refused(format!("kind: there is no action {other:?}")),
    };
    let digest = Sha256::digest(order.idempotency_key.as_bytes());
    Ok(Change {
        at_ms,
        service,
        what,
        id: format!("act-{}", hex::encode(&digest[..6])),
        author: "platform".to_owned(),
        description,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Error, Order, Setting, Shop};
    use crate::catalog::{Naming, PAYMENT};
    use crate::fault::Fault;

    fn setting(seed: u64) -> Setting {
        Setting {
            seed,
            fault: Some(Fault::DbConnections),
            start_ms: 1_790_000_000_000,
            naming: Naming::default(),
        }
    }

    fn order(key: &str, kind: &str, parameters: serde_json::Value) -> Order {
        Order {
            idempotency_key: key.to_owned(),
            kind: kind.to_owned(),
            target: Naming::default().services[PAYMENT].clone(),
            parameters: parameters.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn an_action_is_carried_out_once_and_outlives_the_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = || 1_790_000_400_000;
        let scale = order("i:p", "scale", json!({ "replicas": 4 }));
        {
            let shop = Shop::open(folder.path(), setting(1)).expect("opens");
            let first = shop.act(&scale, &now).expect("done");
            assert_eq!(shop.act(&scale, &now).expect("known"), first);
            assert_eq!(shop.actions().expect("counted"), 1);
        }
        let shop = Shop::open(
            folder.path(),
            Setting {
                start_ms: 5,
                ..setting(1)
            },
        )
        .expect("opens again");
        assert_eq!(shop.world().start_ms, 1_790_000_000_000);
        assert_eq!(shop.world().at(now()).states[PAYMENT].replicas, 4);
        let other = order("i:p", "restart", json!({}));
        assert!(matches!(shop.act(&other, &now), Err(Error::Refused(_))));
        assert_eq!(shop.fate("i:q").expect("asked"), None);
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let shop = Shop::open(folder.path(), setting(1)).expect("opens");
        for (kind, parameters) in [
            ("rollback", json!({ "to_version": "v0.0.0" })),
            ("scale", json!({ "replicas": 0 })),
            ("rate_limit", json!({ "share": 2 })),
            ("explode", json!({})),
        ] {
            let refused = shop.act(&order(kind, kind, parameters), &|| 1_790_000_400_000);
            assert!(matches!(refused, Err(Error::Refused(_))), "{kind}");
        }
        assert_eq!(shop.actions().expect("counted"), 0);
    }

    #[test]
    fn a_folder_holds_one_world() {
        let folder = tempfile::tempdir().expect("a folder");
        Shop::open(folder.path(), setting(1)).expect("opens");
        let error = Shop::open(folder.path(), setting(2))
            .err()
            .expect("refused");
        assert!(error.to_string().contains("--seed 1"), "{error}");
    }
}
