//! One answer about one case, as cases/FORMAT.md says.

use analyst::Investigation;
use model::Timestamp;
use serde::Serialize;

use super::cases::{Ask, Case};
use crate::arguments::Mode;

/// Names that an answer ranks at most.
const MAX_RANKED: usize = 10;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    pub case: String,
    pub mode: Mode,
    /// Null in found mode where nothing was noticed.
    pub detected_at: Option<Timestamp>,
    pub services: Vec<Named>,
    pub deployments: Vec<Deployed>,
    /// The probability that the first answer is right.
    pub confidence: f64,
    pub elapsed_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    pub name: String,
    pub score: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployed {
    pub id: String,
    pub score: f64,
}

impl Answer {
    pub fn new(case: &Case, mode: Mode, detected_at: Timestamp, told: &Investigation) -> Self {
        let ranking = &told.ranking;
        let services: Vec<Named> = ranking
            .services
            .iter()
            .take(MAX_RANKED)
            .map(|(name, score)| Named {
                name: name.clone(),
                score: *score,
            })
            .collect();
        let deployments = ranking
            .changes
            .iter()
            .take(MAX_RANKED)
            .map(|guilt| Deployed {
                id: guilt.id.clone(),
                score: guilt.score,
            })
            .collect();
        let confidence = match case.ask {
            Ask::Deployment => ranking.change_confidence,
            Ask::Service => services.first().map_or(0.0, |first| {
                let of = ranking
                    .suspects
                    .iter()
                    .find(|suspect| suspect.cause.place() == first.name);
                of.map_or(0.0, |suspect| suspect.confidence)
            }),
        };
        Self {
            case: case.id.clone(),
            mode,
            detected_at: Some(detected_at),
            services,
            deployments,
            confidence,
            elapsed_ms: told.report.elapsed_ms,
        }
    }

    /// In found mode, where nothing was noticed.
    pub fn unnoticed(case: &Case) -> Self {
        Self {
            case: case.id.clone(),
            mode: Mode::Found,
            detected_at: None,
            services: Vec::new(),
            deployments: Vec::new(),
            confidence: 0.0,
            elapsed_ms: 0,
        }
    }
}
