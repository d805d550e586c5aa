//! Against a stand-in server that answers badly on purpose.

use model::{IncidentId, Severity, Timestamp};

use super::*;
use crate::Secret;
use crate::error::Error;
use crate::stand_in::{Asked, Does, StandIn};

mod channel;
mod events;
mod incoming;
mod on_call;

const NOW: Timestamp = Timestamp(1_795_525_200_000);
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn incident() -> IncidentId {
    IncidentId::parse("INC-202611-0a1b2c3d4e5f").expect("an incident's id")
}

fn alert() -> Alert {
    Alert {
        incident: incident(),
        title: "payment: a fifth of the requests fails".to_owned(),
        severity: Severity::High,
        service: "payment".to_owned(),
        rule: "error-rate".to_owned(),
        opened_at: NOW,
        details: vec![
            ("severity reason", "customers can't pay".to_owned()),
            ("finding", "20 % of 1,200 requests failed".to_owned()),
            ("finding", "p99 is 4 s".to_owned()),
        ],
        url: Some("https://datapulse.example/incidents/INC-202611-0a1b2c3d4e5f".to_owned()),
    }
}
