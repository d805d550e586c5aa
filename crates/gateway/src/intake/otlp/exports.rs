//! What is done with an export request, whichever way it came.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use store::{Document, ItemResult};

use super::{Refusal, ecs, through};
use crate::intake::tally::{reject, tally};
use crate::state::Gateway;

/// How many documents were refused, and the first reason.
#[derive(Default)]
struct Rejected {
    count: i64,
    reason: String,
}

impl Rejected {
    fn of(intake: &'static str, results: &[ItemResult]) -> Self {
        tally(intake, results);
        let mut rejected = Self::default();
        for result in results {
            if let ItemResult::Refused { reason, .. } = result {
                rejected.count += 1;
                if rejected.reason.is_empty() {
                    rejected.reason.clone_from(reason);
                }
            }
        }
        rejected
    }

    fn any(self) -> Option<Self> {
        (self.count > 0).then_some(self)
    }
}

async fn stored(
    gateway: &Gateway,
    intake: &'static str,
    documents: Vec<Document>,
) -> Result<Rejected, Refusal> {
    let results = gateway.casework.telemetry().ingest(documents).await;
    let results = results.map_err(|error| refused(intake, error))?;
    Ok(Rejected::of(intake, &results))
}

fn refused(intake: &'static str, error: store::Error) -> Refusal {
    let refusal = Refusal::from(error);
    reject(intake, refusal.status.as_u16().to_string(), 1);
    refusal
}

pub async fn logs(
    gateway: &Gateway,
    request: ExportLogsServiceRequest,
) -> Result<ExportLogsServiceResponse, Refusal> {
    let rejected = stored(gateway, "otlp_logs", ecs::logs(request)).await?;
    let partial_success = rejected.any().map(|rejected| ExportLogsPartialSuccess {
        rejected_log_records: rejected.count,
        error_message: rejected.reason,
    });
    Ok(ExportLogsServiceResponse { partial_success })
}

pub async fn traces(
    gateway: &Gateway,
    request: ExportTraceServiceRequest,
) -> Result<ExportTraceServiceResponse, Refusal> {
    let rejected = stored(gateway, "otlp_traces", ecs::spans(request)).await?;
    let partial_success = rejected.any().map(|rejected| ExportTracePartialSuccess {
        rejected_spans: rejected.count,
        error_message: rejected.reason,
    });
    Ok(ExportTraceServiceResponse { partial_success })
}

pub async fn metrics(
    gateway: &Gateway,
    request: ExportMetricsServiceRequest,
) -> Result<ExportMetricsServiceResponse, Refusal> {
    const INTAKE: &str = "otlp_metrics";
    let telemetry = gateway.casework.telemetry();
    let results = through(&gateway.deltas, &request, async |documents| {
        telemetry.ingest(documents).await
    });
    let results = results.await.map_err(|error| refused(INTAKE, error))?;
    let rejected = Rejected::of(INTAKE, &results).any();
    let partial_success = rejected.map(|rejected| ExportMetricsPartialSuccess {
        rejected_data_points: rejected.count,
        error_message: rejected.reason,
    });
    Ok(ExportMetricsServiceResponse { partial_success })
}
