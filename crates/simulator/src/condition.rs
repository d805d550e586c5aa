//! How each service does at a moment: requests, time, errors, and what it uses of its machine.
//!
//! Worked out along the call graph: load comes down from callers, time and errors come up from
//! callees.

use crate::catalog::{CALLS_OUTSIDE, FRONTEND, NOTIFICATION, SERVICES, SHOP};
use crate::fault::Fault;
use crate::world::{Moment, World};

/// A caller gives up after this long, in milliseconds.
pub const DEADLINE_MS: f64 = 3_000.0;
/// The share of a callee's failures that fails its caller: the rest is retried or done without.
const PASSED_ON: f64 = 0.85;
/// What fails anyway.
const USUAL_ERRORS: f64 = 0.002;
/// The provider's usual time, in milliseconds, and failures.
const PROVIDER_MS: f64 = 110.0;
const PROVIDER_ERRORS: f64 = 0.003;
/// Connections of one instance's pool.
pub const POOL: f64 = 40.0;

/// One service at one moment. Shares are 0 to 1, times are means in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// Requests a second, over all instances.
    pub rate: f64,
    /// Without what it waits for.
    pub own_ms: f64,
    pub total_ms: f64,
    /// The share that fails by itself.
    pub own_errors: f64,
    /// With what callees fail.
    pub errors: f64,
    pub cpu: f64,
    pub memory: f64,
    /// Of the pool's connections.
    pub connections: f64,
    /// Requests that wait.
    pub queue: f64,
}

/// One caller's calls to one callee.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    pub caller: usize,
    /// [`SERVICES`]: the provider outside.
    pub callee: usize,
    /// Calls a second.
    pub rate: f64,
    pub ms: f64,
    pub errors: f64,
}

/// All services and edges at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    pub services: Vec<Condition>,
    pub edges: Vec<Edge>,
}

impl Conditions {
    pub fn edge(&self, caller: usize, callee: usize) -> Option<&Edge> {
        self.edges
            .iter()
            .find(|edge| edge.caller == caller && edge.callee == callee)
    }
}

/// What a fault does to the service that has it.
struct Harm {
    slower: f64,
    errors: f64,
    cpu: f64,
    memory: f64,
    connections: f64,
}

fn harm(world: &World, moment: &Moment, service: usize) -> Harm {
    let mut harm = Harm {
        slower: 1.0,
        errors: 0.0,
        cpu: 0.0,
        memory: 0.0,
        connections: 0.0,
    };
    let Some(fault) = world.fault.filter(|fault| fault.service() == service) else {
        return harm;
    };
    let (level, worse) = (moment.level, moment.aggravated);
    match fault {
        Fault::DbConnections => {
            harm.errors = 0.12 * level * worse;
            harm.slower = 1.0 + 14.0 * level * worse;
            harm.connections = 0.62 * level;
        }
        Fault::MemoryLeak => {
            harm.memory = 0.52 * level;
            harm.slower = 1.0 + 22.0 * level * level;
            harm.errors = 0.11 * level * level;
            harm.cpu = 0.2 * level;
        }
        Fault::CpuStarvation => {
            harm.slower = 1.0 + 60.0 * level;
            harm.errors = 0.12 * level;
            harm.cpu = 0.66 * level;
        }
        Fault::SlowDependency => {
            harm.slower = 1.0 + 120.0 * level;
            harm.errors = 0.01 * level;
            harm.connections = 0.3 * level;
        }
        Fault::BadConfig => harm.errors = 0.35 * level,
        Fault::BadFlag => {
            harm.errors = 0.26 * level;
            harm.slower = 1.0 + 0.5 * level;
        }
        // These come from outside and from load, which are worked out below.
        Fault::ThirdPartyOutage | Fault::TrafficSurge => {}
    }
    harm
}

/// The provider: its time and the share of calls that fail.
fn provider(world: &World, moment: &Moment) -> (f64, f64) {
    match world.fault {
        Some(Fault::ThirdPartyOutage) => (
            PROVIDER_MS * (1.0 + 12.0 * moment.level),
            PROVIDER_ERRORS + 0.4 * moment.level,
        ),
        _ => (PROVIDER_MS, PROVIDER_ERRORS),
    }
}

/// The share of calls that pass the deadline where calls take `ms` on average.
fn too_late(ms: f64) -> f64 {
    // Times are skewed: a tail passes the deadline before the mean does.
    1.0 / (1.0 + (-(ms - DEADLINE_MS) / 280.0).exp())
}

/// Everything at `ms`.
pub fn conditions(world: &World, ms: i64) -> Conditions {
    let moment = world.at(ms);
    let mut services = vec![Condition::default(); SERVICES];
    services[FRONTEND].rate = world.load(ms, moment.level);
    for caller in FRONTEND..=NOTIFICATION {
        services[caller].rate *= moment.states[caller].rate_limit;
        for (callee, calls) in SHOP[caller].calls {
            services[*callee].rate += services[caller].rate * calls;
        }
    }
    let mut edges = Vec::new();
    for service in (FRONTEND..=NOTIFICATION).rev() {
        settle(world, &moment, service, &mut services, &mut edges);
    }
    edges.sort_by_key(|edge| (edge.caller, edge.callee));
    Conditions { services, edges }
}

/// One service, after all that it calls.
fn settle(
    world: &World,
    moment: &Moment,
    service: usize,
    services: &mut [Condition],
    edges: &mut Vec<Edge>,
) {
    let shop = &SHOP[service];
    let harm = harm(world, moment, service);
    let instances = moment.states[service].replicas.max(1) as f64;
    let mut condition = services[service].clone();
    // Restarted instances of a service under too much load start cold and hold less.
    let surged = world.fault == Some(Fault::TrafficSurge)
        && world.fault.map(Fault::service) == Some(service);
    let cold = if surged { moment.aggravated } else { 1.0 };
    let used = condition.rate / (instances * shop.capacity) * cold;
    let over = (used - 0.95).max(0.0);
    condition.own_ms =
        shop.own_ms * harm.slower * (1.0 + used.min(1.2).powi(4)) + 1_500.0 * over.min(1.5);
    condition.own_errors = (USUAL_ERRORS + harm.errors + 0.7 * over.min(1.2)).min(0.95);
    condition.queue = 400.0 * over.min(2.0) + 2.0 * used;
    condition.cpu = (0.08 + 0.5 * used + harm.cpu).min(0.99);
    condition.memory = (0.4 + 0.05 * used + harm.memory).min(0.99);
    condition.connections = (0.12 + 0.35 * used + harm.connections).min(1.0);
    let mut total = condition.own_ms;
    let mut well = 1.0 - condition.own_errors;
    let mut call = |callee: usize, calls: f64, ms: f64, errors: f64| {
        let late = too_late(ms);
        let errors = errors + (1.0 - errors) * late;
        let ms = ms.min(DEADLINE_MS);
        total += calls * ms;
        well *= 1.0 - (calls.min(1.0) * errors * PASSED_ON).min(1.0);
        edges.push(Edge {
            caller: service,
            callee,
            rate: condition.rate * calls,
            ms,
            errors,
        });
    };
    for (callee, calls) in shop.calls {
        let below = &services[*callee];
        call(*callee, *calls, below.total_ms, below.errors);
    }
    if CALLS_OUTSIDE.0 == service {
        let (ms, errors) = provider(world, moment);
        // Another provider isn't hit by this one's outage.
        let own =
            moment.states[service].provider.as_deref() == Some(world.naming.provider.as_str());
        let (ms, errors) = if own {
            (ms, errors)
        } else {
            (PROVIDER_MS, PROVIDER_ERRORS)
        };
        call(SERVICES, CALLS_OUTSIDE.1, ms, errors);
    }
    condition.total_ms = total;
    condition.errors = 1.0 - well;
    services[service] = condition;
}

#[cfg(test)]
mod tests {
    use super::conditions;
    use crate::catalog::{CART, CHECKOUT, FRONTEND, Naming, PAYMENT};
    use crate::fault::Fault;
    use crate::world::{Change, What, World};

    const START: i64 = 1_790_000_000_000;

    fn later(world: &World) -> i64 {
        world.fault_ms() + 300_000
    }

    #[test]
    fn without_a_fault_every_service_is_well_all_day() {
        let world = World::new(1, None, START, Naming::default());
        for hour in 0..24 {
            let now = conditions(&world, START + hour * 3_600_000);
            for service in &now.services {
                assert!(
                    service.errors < 0.02 && service.total_ms < 500.0,
                    "{service:?}"
                );
            }
        }
    }

    #[test]
    fn exhausted_connections_fail_twelve_percent_of_payments_and_less_further_up() {
        let world = World::new(1, Some(Fault::DbConnections), START, Naming::default());
        let now = conditions(&world, later(&world)).services;
        assert!((0.11..0.14).contains(&now[PAYMENT].own_errors));
        assert!(now[CHECKOUT].errors > 0.05 && now[CHECKOUT].errors < now[PAYMENT].errors);
        assert!(now[FRONTEND].errors < now[CHECKOUT].errors);
    }

    #[test]
    fn each_fault_shows_and_its_trigger_taken_away_heals() {
        for fault in Fault::ALL {
            let mut world = World::new(3, Some(fault), START, Naming::default());
            let at = later(&world);
            let worst = |world: &World, ms| {
                let now = conditions(world, ms).services;
                let hurt = |c: &super::Condition| c.errors > 0.05 || c.total_ms > 2_000.0;
                now.iter().filter(|c| hurt(c)).count()
            };
            assert!(worst(&world, at) > 0, "{fault:?} doesn't show");
            let first = world.at(at).states[fault.service()].clone();
            let what = match fault {
                Fault::DbConnections | Fault::MemoryLeak | Fault::SlowDependency => What::Deploy {
                    version: first.previous_version,
                },
                Fault::CpuStarvation | Fault::BadConfig => What::Config {
                    revision: first.previous_config_revision,
                },
                Fault::BadFlag => What::Flag {
                    name: first.flag,
                    on: false,
                },
                Fault::ThirdPartyOutage => What::Provider {
                    name: first.fallback_provider.unwrap_or_default(),
                },
                Fault::TrafficSurge => What::Scale {
                    replicas: first.replicas * 2,
                },
            };
            let wrong = What::CacheClear {};
            let change = |what| Change {
                at_ms: at,
                service: fault.service(),
                what,
                id: "a".to_owned(),
                author: "platform".to_owned(),
                description: String::new(),
            };
            let mut other = world.clone();
            other.add(change(wrong));
            assert!(worst(&other, at + 120_000) > 0, "{fault:?} heals by itself");
            world.add(change(what));
            assert_eq!(worst(&world, at + 120_000), 0, "{fault:?} doesn't heal");
        }
    }

    #[test]
    fn scaling_worsens_exhausted_connections_and_restarting_worsens_a_surge() {
        for (fault, what) in [
            (Fault::DbConnections, What::Scale { replicas: 4 }),
            (Fault::TrafficSurge, What::Restart {}),
        ] {
            let mut world = World::new(2, Some(fault), START, Naming::default());
            let at = later(&world);
            let before = conditions(&world, at + 60_000).services[fault.service()].errors;
            let id = "a".to_owned();
            world.add(Change {
                at_ms: at,
                service: fault.service(),
                what,
                id,
                author: String::new(),
                description: String::new(),
            });
            let after = conditions(&world, at + 60_000).services[fault.service()].errors;
            assert!(after > 1.3 * before, "{fault:?}: {before} then {after}");
        }
    }

    #[test]
    fn the_surge_overloads_the_cart_alone() {
        let world = World::new(1, Some(Fault::TrafficSurge), START, Naming::default());
        let now = conditions(&world, later(&world)).services;
        let overloaded = now.iter().enumerate().filter(|(_, c)| c.own_errors > 0.02);
        assert_eq!(
            overloaded.map(|(index, _)| index).collect::<Vec<_>>(),
            [CART]
        );
    }
}
