//! A request from its text to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{DataType as Arrow, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{FutureExt, StreamExt};

use crate::analyzer::{self, Sources, Surroundings};
use crate::ast::Query;
use crate::datatype::DataType;
use crate::error::Error;
use crate::full_text::{prepare, query_dsl};
use crate::parser;
use crate::plan::calls::Shared;
use crate::plan::lower::{Context, lower};
use crate::plan::{Attribute, Plan, Step, expand};
use crate::request::{Answer, AnswerColumn, Catalog, Limits, Request};
use crate::warning::Warnings;

/// The metric of a plan's leaf that gives rows which stand for documents: for how many.
pub const DOCUMENTS: &str = "documents";

/// Tasks that one query may be divided into: it shares the machine with others.
const PARTITIONS: usize = 2;

/// Answers a request.
///
/// # Errors
///
/// As Elasticsearch would: [`Error::Parsing`] and [`Error::Verification`] for a wrong query,
/// [`Error::Limit`] when time or memory run out.
pub async fn run(request: &Request, catalog: &dyn Catalog) -> Result<Answer, Error> {
    let limit = Duration::from_millis(request.limits.time_ms);
    // A fault in one kernel must not take the process with it.
    let guarded = AssertUnwindSafe(answer(request, catalog)).catch_unwind();
    match tokio::time::timeout(limit, guarded).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Error::Internal(
            "the query's evaluation broke off".to_owned(),
        )),
        Err(_) => Err(Error::Timeout(format!(
            "the query took longer than {} ms: ask about less, or less of it",
            request.limits.time_ms
        ))),
    }
}

/// The columns that a request would give: it is planned as far as can be, and not run.
///
/// # Errors
///
/// As [`run`].
pub async fn planned(request: &Request, catalog: &dyn Catalog) -> Result<Vec<AnswerColumn>, Error> {
    let warnings = Warnings::default();
    let session = session(&request.limits, catalog)?;
    let (plan, _) = lowered(request, catalog, &session, &warnings).await?;
    Ok(plan.output.iter().map(answer_column).collect())
}

async fn lowered(
    request: &Request,
    catalog: &dyn Catalog,
    session: &SessionContext,
    warnings: &Warnings,
) -> Result<(Plan, LogicalPlan), Error> {
    let query = parser::parse(&request.query, &request.params)?;
    let sources = analyzer::resolve_sources(&query, catalog).await?;
    let plan = analyzed(request, &query, &sources, warnings)?;
    let context = Context {
        shared: Shared {
            approximate: false,
            now_ms: request.now_ms,
            warnings: warnings.clone(),
        },
        text: text_queries(&plan, session).await.map_err(failure)?,
    };
    let logical = lower(&plan, &context).map_err(failure)?;
    Ok((plan, logical))
}

async fn answer(request: &Request, catalog: &dyn Catalog) -> Result<Answer, Error> {
    let warnings = Warnings::default();
    let session = session(&request.limits, catalog)?;
    let (plan, logical) = lowered(request, catalog, &session, &warnings).await?;
    let executed = execute(logical, &session, &plan.output).await;
    let (batches, read) = executed.map_err(failure)?;
    let stored = matches!(plan.steps.first(), Some(Step::Source(_)));
    let read = if stored { read } else { Read::default() };
    Ok(Answer {
        columns: plan.output.iter().map(answer_column).collect(),
        batches,
        warnings: warnings.texts(),
        documents_found: read.documents,
        values_loaded: read.values,
        is_partial: false,
    })
}

fn analyzed(
    request: &Request,
    query: &Query,
    sources: &Sources,
    warnings: &Warnings,
) -> Result<Plan, Error> {
    let filter = request.filter.as_ref();
    let filter = filter.map(|filter| query_dsl::parse(filter, request.now_ms));
    let surroundings = Surroundings {
        text: &request.query,
        sources,
        filter: filter.transpose()?,
        scored: request.scored,
        now_ms: request.now_ms,
        limits: request.limits,
        warnings,
    };
    analyzer::analyze(query, &surroundings)
}

fn session(limits: &Limits, catalog: &dyn Catalog) -> Result<SessionContext, Error> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory_bytes)))
        // What doesn't fit is refused, as Elasticsearch does, and never fills a disk.
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        )
        .build_arc()
        .map_err(failure)?;
    let mut config = SessionConfig::new()
        .with_target_partitions(PARTITIONS)
        .with_repartition_joins(false)
        .with_round_robin_repartition(false);
    // Column names are exact here, never SQL.
    config.options_mut().sql_parser.enable_ident_normalization = false;
    config.options_mut().execution.parquet.pushdown_filters = true;
    // Joins keep the order of their probe side, so sides must stay as the plan has them.
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| rule.name() != "join_selection");
    let own = std::iter::once(Arc::new(expand::Rule) as Arc<_>);
    rules.splice(0..0, own.chain(catalog.rules()));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_physical_optimizer_rules(rules)
        .build();
    Ok(SessionContext::new_with_state(state))
}

/// Full-text queries, made ready for every index of the source.
async fn text_queries(
    plan: &Plan,
    session: &SessionContext,
) -> Result<Vec<(String, usize, Arc<crate::full_text::Prepared>)>, DataFusionError> {
    let mut prepared = Vec::new();
    let Some(Step::Source(source)) = plan.steps.first() else {
        return Ok(prepared);
    };
    let scored = source.metadata.iter().any(|name| name == "_score");
    for (number, query) in source.text_queries.iter().enumerate() {
        for index in &source.indices {
            let ready = prepare(query, number, index, scored, session).await?;
            prepared.push((index.name.clone(), number, Arc::new(ready)));
        }
    }
    Ok(prepared)
}

async fn execute(
    plan: LogicalPlan,
    session: &SessionContext,
    output: &[Attribute],
) -> Result<(Vec<RecordBatch>, Read), DataFusionError> {
    let physical = session.state().create_physical_plan(&plan).await?;
    let context = session.task_ctx();
    // The answer is kept until it is sent, and so it counts as the operators' memory does.
    let kept = MemoryConsumer::new("the answer").register(context.memory_pool());
    let mut stream = execute_stream(physical.clone(), context)?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if batch.num_rows() > 0 {
            kept.try_grow(size(&batch))?;
            batches.push(shown(&batch, output)?);
        }
    }
    Ok((batches, Read::of(physical.as_ref())))
}

/// Bytes of a batch's values, without what else is in the buffers that it shares.
fn size(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter();
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    columns.map(bytes).sum()
}

/// What came out of the plan's scans.
#[derive(Debug, Default, Clone, Copy)]
struct Read {
    documents: u64,
    values: u64,
}

impl Read {
    fn of(plan: &dyn ExecutionPlan) -> Self {
        let children = plan.children();
        if children.is_empty() {
            let metrics = plan.metrics().unwrap_or_default();
            let rows = metrics.output_rows().unwrap_or(0);
            let stood_for = metrics.sum_by_name(DOCUMENTS);
            let documents = stood_for.map_or(rows, |sum| sum.as_usize()) as u64;
            let values = rows as u64 * plan.schema().fields().len() as u64;
            return Self { documents, values };
        }
        let each = children.into_iter().map(|child| Self::of(child.as_ref()));
        each.fold(Self::default(), |sum, read| Self {
            documents: sum.documents + read.documents,
            values: sum.values + read.values,
        })
    }
}

/// `unsupported` columns have no values.
fn shown(batch: &RecordBatch, output: &[Attribute]) -> Result<RecordBatch, DataFusionError> {
    let unsupported = |index: usize| {
        output
            .get(index)
            .is_some_and(|attribute| attribute.data_type == DataType::Unsupported)
    };
    let rows = batch.num_rows();
    let mut fields = Vec::with_capacity(output.len());
    let mut arrays = Vec::with_capacity(output.len());
    for (index, array) in batch.columns().iter().enumerate() {
        let array = if unsupported(index) {
            new_null_array(&Arrow::Null, rows)
        } else {
            array.clone()
        };
        let field = batch.schema().field(index).clone();
        fields.push(
            field
                .with_data_type(array.data_type().clone())
                .with_nullable(true),
        );
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
}

fn answer_column(attribute: &Attribute) -> AnswerColumn {
    let mut column = AnswerColumn {
        name: attribute.name.clone(),
        data_type: attribute.data_type,
        original_types: Vec::new(),
        suggested_cast: None,
    };
    if attribute.data_type != DataType::Unsupported {
        return column;
    }
    match &attribute.conflict {
        Some(conflict) => {
            let types = conflict.types.iter();
            column.original_types = types.map(|(word, ..)| word.clone()).collect();
            column.suggested_cast = Some(suggested_cast(attribute));
        }
        None => column.original_types = vec![attribute.mapping_type.clone()],
    }
    column
}

/// What every type of a conflict can become.
fn suggested_cast(attribute: &Attribute) -> String {
    let types: Vec<DataType> = attribute
        .conflict
        .iter()
        .flat_map(|conflict| conflict.types.iter().map(|(_, data_type, _)| *data_type))
        .collect();
    let all = |check: fn(&DataType) -> bool| types.iter().all(check);
    let cast = if all(|data_type| data_type.is_date()) {
        DataType::DateNanos
    } else if all(|data_type| data_type.is_whole_number()) {
        DataType::Long
    } else if all(|data_type| data_type.is_numeric()) {
        DataType::Double
    } else {
        DataType::Keyword
    };
    cast.name().to_owned()
}

/// DataFusion's errors in our words.
pub(crate) fn failure(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(reason) => Error::Limit(format!(
            "[esql] Data too large, over the memory limit of the query: {reason}"
        )),
        other => Error::Internal(other.to_string()),
    }
}
