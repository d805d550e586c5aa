//! An order from its first look to its end, the same for every platform: done at most once, never
//! on what changed since the look, and found again by the mark that it leaves on its target.
//!
//! The mark is the order's key and the beginning of its action's digest. A platform says where it
//! leaves marks and how far what bears one is; where none is found and this process doesn't know
//! better, nobody can tell whether the order was sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::{Action, Digest, ExecutionResult, action};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{Known, Order, Receipt, Runner};
use crate::error::Error;

/// Targets and orders that are remembered, each; all are forgotten beyond it, which makes orders
/// that can't be found "can't tell".
const MAX_REMEMBERED: usize = 10_000;
/// Between the first two looks at what was ordered; each next pause is longer by half.
const FIRST_POLL: Duration = Duration::from_millis(500);
/// The longest pause between two looks.
const LONGEST_POLL: Duration = Duration::from_secs(10);
/// Hexadecimal digits of the action's digest in a mark.
const DIGITS: usize = 12;
/// How long an order's end is waited for, in seconds, where the settings don't say.
pub(super) const WAIT_S: u64 = 300;
/// The longest wait that settings may ask for: the Executor waits with it.
pub(super) const MAX_WAIT_S: u64 = 1800;
/// Targets of one runner.
pub(super) const MAX_TARGETS: usize = 200;

/// What an order would do, without doing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// In one sentence.
    pub does: String,
    /// Place by place, or request by request.
    pub changes: Vec<String>,
}

/// What is written on the target: `incident:proposal/digest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark(pub String);

impl Mark {
    pub fn of(order: &Order) -> Self {
        let action = serde_json::to_value(&order.action).unwrap_or_default();
        let digest = Digest::of(action::sorted(&action).to_string().as_bytes());
        Self(format!("{}/{}", order.key, digest.short(DIGITS)))
    }

    fn is_of(&self, key: &str) -> bool {
        self.0.rsplit_once('/').is_some_and(|(of, _)| of == key)
    }
}

/// How far what bears a mark is, each with the state in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Done(String),
    Failed(String),
    Running(String),
    /// What became of it doesn't show any more.
    CannotTell(String),
}

/// A step that carries the order out.
#[derive(Debug)]
pub(super) struct Plan<S> {
    /// In one sentence.
    pub does: String,
    /// For a dry run: what is sent.
    pub sends: Vec<String>,
    pub step: S,
}

/// What sending a step came to.
#[derive(Debug)]
pub(super) enum Sent {
    /// The mark stands on the target, or will in a moment: its end is waited for.
    Marked,
    /// The answer was the end: no mark is left.
    Ended(String),
}

/// A platform's own part.
#[async_trait]
pub(super) trait Platform: Send + Sync {
    /// A target as the platform gave it.
    type Seen: Send + Sync;
    type Step: Send + Sync;

    /// As the configuration calls it.
    fn name(&self) -> &'static str;
    /// As its errors call it.
    fn label(&self) -> &'static str;
    /// How long an order's end is waited for.
    fn wait(&self) -> Duration;
    /// Every target that may bear a mark, at most [`MAX_TARGETS`].
    fn targets(&self) -> Vec<String>;
    async fn look(&self, target: &str) -> Result<Self::Seen, Error>;
    /// What matters of a target, and nothing that moves by itself.
    fn describe(&self, seen: &Self::Seen) -> Value;
    /// The marks on a target, newest first, and how far what bears them is.
    fn marks(&self, seen: &Self::Seen) -> Vec<(Mark, Progress)>;
    /// What carries the action out, or why it is refused and what would be right.
    fn plan(
        &self,
        action: &Action,
        seen: &Self::Seen,
        mark: &Mark,
    ) -> Result<Plan<Self::Step>, String>;
    /// [`Error::NotDone`] and [`Error::Refused`] say that nothing was done.
    async fn send(
        &self,
        plan: &Plan<Self::Step>,
        seen: &Self::Seen,
        mark: &Mark,
    ) -> Result<Sent, Error>;
}

/// What this process knows of an order.
#[derive(Debug, Clone)]
enum Stage {
    /// Surely not done: it may be sent.
    NotSent,
    /// It may have been sent: never again.
    Sent,
    Ended(Receipt),
}

/// A runner of one platform.
pub(super) struct Once<P> {
    platform: P,
    /// The digest of each target's last description: an order on another state is not begun.
    observed: Mutex<HashMap<String, Digest>>,
    orders: Mutex<HashMap<String, Stage>>,
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<T>(of: &Mutex<HashMap<String, T>>, key: &str, value: T) {
    let mut all = held(of);
    if all.len() >= MAX_REMEMBERED && !all.contains_key(key) {
        all.clear();
    }
    all.insert(key.to_owned(), value);
}

fn digest(state: &Value) -> Digest {
    Digest::of(action::sorted(state).to_string().as_bytes())
}

impl<P: Platform> Once<P> {
    pub fn new(platform: P) -> Self {
        Self {
            platform,
            observed: Mutex::default(),
            orders: Mutex::default(),
        }
    }

    /// Whether every target can be read. The error names what is missing.
    pub async fn look_at_all(&self) -> Result<(), Error> {
        for target in self.platform.targets() {
            self.platform.look(&target).await?;
        }
        Ok(())
    }

    /// What the order would do. Refused where the order would be; nothing is sent.
    pub async fn dry_run(&self, order: &Order) -> Result<DryRun, Error> {
        let seen = self.platform.look(&order.action.target).await?;
        self.as_observed(&order.action.target, &seen)?;
        let plan = self.plan(order, &seen, &Mark::of(order))?;
        Ok(DryRun {
            does: plan.does,
            changes: plan.sends,
        })
    }

    fn plan(&self, order: &Order, seen: &P::Seen, mark: &Mark) -> Result<Plan<P::Step>, Error> {
        let planned = self.platform.plan(&order.action, seen, mark);
        planned.map_err(|why| {
            Error::Refused(format!(
                "{}: {why}; nothing was done",
                self.platform.label()
            ))
        })
    }

    fn as_observed(&self, target: &str, seen: &P::Seen) -> Result<(), Error> {
        let now = digest(&self.platform.describe(seen));
        match held(&self.observed).get(target) {
            Some(before) if *before != now => Err(Error::Refused(format!(
                "{}: {target} changed since it was looked at; nothing was done",
                self.platform.label()
            ))),
            _ => Ok(()),
        }
    }

    /// Takes the order up. Whether it may be sent: from here on it counts as sent, so that
    /// neither a second caller nor a call that is dropped sends it again.
    fn take_up(&self, key: &str) -> Result<bool, Receipt> {
        let mut orders = held(&self.orders);
        match orders.get(key) {
            Some(Stage::Ended(receipt)) => return Err(receipt.clone()),
            Some(Stage::Sent) => return Ok(false),
            Some(Stage::NotSent) | None => {}
        }
        if orders.len() >= MAX_REMEMBERED {
            orders.clear();
        }
        orders.insert(key.to_owned(), Stage::Sent);
        Ok(true)
    }

    async fn carry_out(&self, order: &Order, may_send: bool) -> Result<Receipt, Error> {
        let (target, label) = (&order.action.target, self.platform.label());
        let mark = Mark::of(order);
        let seen = self.platform.look(target).await?;
        if let Some((found, progress)) = self.found(&seen, &order.key) {
            if found != mark {
                return Err(Error::Refused(format!(
                    "{label}: the key {} stands for another action; nothing was done",
                    order.key
                )));
            }
            return self
                .ended(target, &order.key, "found at the target", Some(progress))
                .await;
        }
        if !may_send {
            return Err(Error::CannotTell(format!(
                "{label}: {} was sent already, and {target} doesn't show it",
                order.key
            )));
        }
        self.as_observed(target, &seen)?;
        let plan = self.plan(order, &seen, &mark)?;
        let sent = self.platform.send(&plan, &seen, &mark).await?;
        held(&self.observed).remove(target);
        match sent {
            Sent::Ended(says) => Ok(Receipt {
                result: ExecutionResult::Succeeded,
                says: format!("{}; {says}", plan.does),
            }),
            Sent::Marked => self.ended(target, &order.key, &plan.does, None).await,
        }
    }

    fn found(&self, seen: &P::Seen, key: &str) -> Option<(Mark, Progress)> {
        let marks = self.platform.marks(seen);
        marks.into_iter().find(|(mark, _)| mark.is_of(key))
    }

    /// Waits for the end of what was sent. From here on an error is "can't tell".
    async fn ended(
        &self,
        target: &str,
        key: &str,
        does: &str,
        mut progress: Option<Progress>,
    ) -> Result<Receipt, Error> {
        let label = self.platform.label();
        let unsure = |why: String| Error::CannotTell(format!("{label}: {does}, and {why}"));
        let until = Instant::now() + self.platform.wait();
        let mut pause = FIRST_POLL;
        loop {
            let state = match progress.take() {
                Some(Progress::Done(state)) => {
                    return Ok(receipt(ExecutionResult::Succeeded, does, &state));
                }
                Some(Progress::Failed(why)) => {
                    return Ok(receipt(ExecutionResult::Failed, does, &why));
                }
                Some(Progress::CannotTell(why)) => return Err(unsure(why)),
                Some(Progress::Running(state)) => state,
                None => format!("{target} doesn't show it yet"),
            };
            if Instant::now() >= until {
                let waited = self.platform.wait().as_secs();
                return Err(unsure(format!("it is not over after {waited} s: {state}")));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_POLL);
            progress = match self.platform.look(target).await {
                Ok(seen) => self.found(&seen, key).map(|(_, progress)| progress),
                // Away for a moment; a missing permission stays missing.
                Err(Error::NotDone(why) | Error::Later { says: why, .. }) => {
                    Some(Progress::Running(why))
                }
                Err(error) => return Err(unsure(format!("its end can't be seen: {error}"))),
            };
        }
    }
}

fn receipt(result: ExecutionResult, does: &str, state: &str) -> Receipt {
    Receipt {
        result,
        says: format!("{does}; {state}"),
    }
}

#[async_trait]
impl<P: Platform> Runner for Once<P> {
    fn name(&self) -> &'static str {
        self.platform.name()
    }

    async fn observe(&self, target: &str) -> Result<Value, Error> {
        let seen = self.platform.look(target).await?;
        let state = self.platform.describe(&seen);
        remember(&self.observed, target, digest(&state));
        Ok(state)
    }

    async fn execute(&self, order: &Order) -> Result<Receipt, Error> {
        let may_send = match self.take_up(&order.key) {
            Ok(may_send) => may_send,
            Err(receipt) => return Ok(receipt),
        };
        let made = self.carry_out(order, may_send).await;
        match &made {
            Ok(receipt) => remember(&self.orders, &order.key, Stage::Ended(receipt.clone())),
            Err(Error::CannotTell(_)) => {}
            Err(_) if may_send => remember(&self.orders, &order.key, Stage::NotSent),
            Err(_) => {}
        }
        made
    }

    async fn known(&self, key: &str) -> Result<Known, Error> {
        match held(&self.orders).get(key) {
            Some(Stage::Ended(receipt)) => return Ok(Known::Done(receipt.clone())),
            Some(Stage::NotSent) => return Ok(Known::NotBegun),
            Some(Stage::Sent) | None => {}
        }
        for target in self.platform.targets().iter().take(MAX_TARGETS) {
            let seen = self.platform.look(target).await?;
            let Some((_, progress)) = self.found(&seen, key) else {
                continue;
            };
            let ended = self
                .ended(target, key, "found at the target", Some(progress))
                .await;
            return Ok(match ended {
                Ok(receipt) => {
                    remember(&self.orders, key, Stage::Ended(receipt.clone()));
                    Known::Done(receipt)
                }
                Err(error) => Known::CannotTell(error.to_string()),
            });
        }
        Ok(Known::CannotTell(format!(
            "{}: no target bears the mark of {key}: it was not sent, or what it left there is gone",
            self.platform.label()
        )))
    }
}

/// What is wrong with a map of targets, without asking the platform.
pub(super) fn check_targets(count: usize) -> Result<(), String> {
    match count {
        0 => Err("no target is named, and only those that are named are acted on".to_owned()),
        1..=MAX_TARGETS => Ok(()),
        _ => Err(format!("{count} targets are over {MAX_TARGETS}")),
    }
}

/// What is wrong with a wait, in seconds.
pub(super) fn check_wait(wait_s: u64) -> Result<(), String> {
    if (1..=MAX_WAIT_S).contains(&wait_s) {
        return Ok(());
    }
    Err(format!("wait_s: expected 1 to {MAX_WAIT_S}, got {wait_s}"))
}

/// A public runner over [`Once`], which it holds as `self.0`.
macro_rules! runs_once {
    ($runner:ident) => {
        impl $runner {
            /// What the order would do, without doing it. Refused where the order would be.
            pub async fn dry_run(
                &self,
                order: &$crate::run::Order,
            ) -> Result<$crate::run::DryRun, $crate::error::Error> {
                self.0.dry_run(order).await
            }
        }

        #[async_trait::async_trait]
        impl $crate::run::Runner for $runner {
            fn name(&self) -> &'static str {
                $crate::run::Runner::name(&self.0)
            }

            async fn observe(
                &self,
                target: &str,
            ) -> Result<serde_json::Value, $crate::error::Error> {
                self.0.observe(target).await
            }

            async fn execute(
                &self,
                order: &$crate::run::Order,
            ) -> Result<$crate::run::Receipt, $crate::error::Error> {
                self.0.execute(order).await
            }

            async fn known(&self, key: &str) -> Result<$crate::run::Known, $crate::error::Error> {
                self.0.known(key).await
            }
        }
    };
}
pub(super) use runs_once;
