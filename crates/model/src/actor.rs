//! Who did it, and what a principal may do.

use serde::{Deserialize, Serialize};

/// What the `via` of a person begins with in whose name something acts through the Model Context
/// Protocol. It is accountable to them; it isn't them, so it never decides.
pub const MCP: &str = "mcp:";

/// Who wrote a record: one of our agents, or a person whom the gateway verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    Agent {
        agent: Agent,
    },
    /// `subject` is the verified principal; `via` says how (token id, session, cli).
    Person {
        subject: String,
        name: String,
        via: String,
    },
    /// Another system with a token, such as one that declares incidents.
    System {
        subject: String,
        name: String,
    },
}

impl Actor {
    pub fn agent(agent: Agent) -> Self {
        Self::Agent { agent }
    }

    pub fn is_person(&self) -> bool {
        matches!(self, Self::Person { .. })
    }

    /// Whether something acted in a person's name through the Model Context Protocol.
    pub fn through_mcp(&self) -> bool {
        matches!(self, Self::Person { via, .. } if via.starts_with(MCP))
    }

    /// For lists and the journal's `agent` and `approved_by` fields.
    pub fn label(&self) -> &str {
        match self {
            Self::Agent { agent } => agent.name(),
            Self::Person { name, .. } | Self::System { name, .. } => name,
        }
    }
}

/// Whose an incident is to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Assignee {
    /// `subject` is the verified principal, where it is known.
    Person {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
        subject: Option<String>,
        #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
        name: String,
    },
    /// All of them; whoever takes it on acknowledges it.
    Team {
        #[schema(min_length = 1, max_length = 200, pattern = "\\S")]
        name: String,
    },
}

impl Assignee {
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } | Self::Team { name } => name,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    Sentinel,
    Analyst,
    Resolver,
    Executor,
    Notifier,
}

impl Agent {
    pub const ALL: [Self; 5] = [
        Self::Sentinel,
        Self::Analyst,
        Self::Resolver,
        Self::Executor,
        Self::Notifier,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sentinel => "sentinel",
            Self::Analyst => "analyst",
            Self::Resolver => "resolver",
            Self::Executor => "executor",
            Self::Notifier => "notifier",
        }
    }
}

/// What a token or session lets its bearer do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
pub enum Scope {
    #[serde(rename = "incidents:read")]
    IncidentsRead,
    #[serde(rename = "incidents:write")]
    IncidentsWrite,
    #[serde(rename = "actions:approve")]
    ActionsApprove,
    /// To decide alone, past the quorum.
    #[serde(rename = "actions:break_glass")]
    ActionsBreakGlass,
    #[serde(rename = "tools:manage")]
    ToolsManage,
    /// Documents in: `_bulk` and OTLP.
    #[serde(rename = "telemetry:write")]
    TelemetryWrite,
    /// Reports from outside agents: `POST /agent/report`.
    #[serde(rename = "agent:report")]
    AgentReport,
}

impl Scope {
    pub const ALL: [Self; 7] = [
        Self::IncidentsRead,
        Self::IncidentsWrite,
        Self::ActionsApprove,
        Self::ActionsBreakGlass,
        Self::ToolsManage,
        Self::TelemetryWrite,
        Self::AgentReport,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::IncidentsRead => "incidents:read",
            Self::IncidentsWrite => "incidents:write",
            Self::ActionsApprove => "actions:approve",
            Self::ActionsBreakGlass => "actions:break_glass",
            Self::ToolsManage => "tools:manage",
            Self::TelemetryWrite => "telemetry:write",
            Self::AgentReport => "agent:report",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == text)
    }
}

/// A named set of scopes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Responder,
    /// A responder who may decide alone in an emergency.
    BreakGlass,
    Admin,
    /// An outside agent: it reads and reports; it never decides.
    Agent,
    /// A shipper of telemetry.
    Shipper,
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Responder,
        Self::BreakGlass,
        Self::Admin,
        Self::Agent,
        Self::Shipper,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::BreakGlass => "break_glass",
            Self::Admin => "admin",
            Self::Agent => "agent",
            Self::Shipper => "shipper",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Viewer => &[Scope::IncidentsRead],
            Self::Responder => &[
                Scope::IncidentsRead,
                Scope::IncidentsWrite,
                Scope::ActionsApprove,
            ],
            Self::BreakGlass => &[
                Scope::IncidentsRead,
                Scope::IncidentsWrite,
                Scope::ActionsApprove,
                Scope::ActionsBreakGlass,
            ],
            Self::Admin => &[
                Scope::IncidentsRead,
                Scope::IncidentsWrite,
                Scope::ActionsApprove,
                Scope::ToolsManage,
                Scope::TelemetryWrite,
            ],
            Self::Agent => &[Scope::IncidentsRead, Scope::AgentReport],
            Self::Shipper => &[Scope::TelemetryWrite],
        }
    }
}
