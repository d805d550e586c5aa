//! What can break, and what is true about it.

use crate::catalog::{CART, CATALOG, ErrorKind, INVENTORY, ORDER, PAYMENT, PRICING, SHIPPING};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A new version doesn't give its database connections back.
    DbConnections,
    MemoryLeak,
    CpuStarvation,
    /// Slow three calls below the entrance.
    SlowDependency,
    BadConfig,
    ThirdPartyOutage,
    TrafficSurge,
    BadFlag,
}

/// What makes the fault go on: the state that keeps it alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The service runs the guilty version.
    Version,
    /// The service has the guilty configuration.
    Config,
    /// The service's flag is on.
    Flag,
    /// The provider outside is used.
    Provider,
    /// More requests than the instances hold.
    Load,
}

/// Where trouble really starts, for judging answers; nothing of it is in the telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// This service, and this change is to blame.
    Change { service: String, deployment: String },
    /// The provider outside; no change.
    Outside { provider: String },
    /// The load, on this service first; no change.
    Load { service: String },
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::DbConnections,
        Self::MemoryLeak,
        Self::CpuStarvation,
        Self::SlowDependency,
        Self::BadConfig,
        Self::ThirdPartyOutage,
        Self::TrafficSurge,
        Self::BadFlag,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::DbConnections => "db-connections",
            Self::MemoryLeak => "memory-leak",
            Self::CpuStarvation => "cpu-starvation",
            Self::SlowDependency => "slow-dependency",
            Self::BadConfig => "bad-config",
            Self::ThirdPartyOutage => "third-party-outage",
            Self::TrafficSurge => "traffic-surge",
            Self::BadFlag => "bad-flag",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// The service that it starts in (for the outage, the one that calls the provider).
    pub fn service(self) -> usize {
        match self {
            Self::DbConnections | Self::ThirdPartyOutage => PAYMENT,
            Self::MemoryLeak => CATALOG,
            Self::CpuStarvation => PRICING,
            Self::SlowDependency => INVENTORY,
            Self::BadConfig => SHIPPING,
            Self::TrafficSurge => CART,
            Self::BadFlag => ORDER,
        }
    }

    pub fn trigger(self) -> Trigger {
        match self {
            Self::DbConnections | Self::MemoryLeak | Self::SlowDependency => Trigger::Version,
            Self::CpuStarvation | Self::BadConfig => Trigger::Config,
            Self::BadFlag => Trigger::Flag,
            Self::ThirdPartyOutage => Trigger::Provider,
            Self::TrafficSurge => Trigger::Load,
        }
    }

    pub fn error(self) -> ErrorKind {
        match self {
            Self::DbConnections => ErrorKind::Connections,
            Self::MemoryLeak => ErrorKind::Memory,
            Self::CpuStarvation | Self::SlowDependency => ErrorKind::Slow,
            Self::BadConfig => ErrorKind::Configuration,
            Self::ThirdPartyOutage => ErrorKind::Provider,
            Self::TrafficSurge => ErrorKind::Overload,
            Self::BadFlag => ErrorKind::Flag,
        }
    }

    /// How long it takes to its full strength, in milliseconds.
    pub fn ramp_ms(self) -> i64 {
        match self {
            Self::MemoryLeak => 240_000,
            Self::DbConnections | Self::TrafficSurge => 90_000,
            _ => 30_000,
        }
    }
}
