//! The index `incidents`: for lists and search, never decided from.

use model::{IncidentId, Projection, Summary, chain};
use serde_json::{Value, json};

use super::Elastic;
use super::client::Call;
use crate::error::Error;
use crate::indices::INCIDENTS;
use crate::journal::{SortKey, SummaryFilter, SummaryPage, sort_key, words};

/// Characters of what the words of a search are looked for in.
const MAX_WORDS_CHARS: usize = 8_000;

/// Projections that are looked at with one request.
const PROJECTIONS_A_PAGE: usize = 500;

/// Rows that a page may begin or end after (`index.max_result_window`).
const MAX_WINDOW: usize = 10_000;

impl Elastic {
    /// Puts the projection in place of an older one: its last record's seq is its version, so an
    /// older one that comes late changes nothing.
    pub(super) async fn put_projection(&self, shown: &Projection) -> Result<(), Error> {
        let id = shown.summary.incident_id.as_str();
        let call = Call::put([INCIDENTS, "_doc", id], &document(shown)?)
            .with("version", shown.summary.last_seq.to_string())
            .with("version_type", "external_gte")
            .with("refresh", "true");
        match self.client().send(&call).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_conflict() => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn search_summaries(
        &self,
        filter: &SummaryFilter,
    ) -> Result<SummaryPage, Error> {
        let body = search(filter)?;
        let call =
            Call::post([INCIDENTS, "_search"], &body).with("allow_partial_search_results", "false");
        let reply = match self.client().send(&call).await {
            Ok(reply) => reply,
            Err(failure) if failure.is_missing_index() => {
                return Err(Error::Refused(
                    "the index incidents isn't there: run `datapulse store setup`".to_owned(),
                ));
            }
            Err(failure) => return Err(failure.into()),
        };
        let hits = &reply.body["hits"];
        let items = hits["hits"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|hit| read(&hit["_source"]))
            .collect::<Result<_, _>>()?;
        Ok(SummaryPage {
            total: hits["total"]["value"].as_u64().unwrap_or_default(),
            items,
        })
    }
}

impl Elastic {
    /// Makes the projections again that lag behind their journals: a process may have died, or
    /// the cluster been away, between a record and what is shown of it. Gives how many.
    ///
    /// # Errors
    /// Where the cluster can't be asked. An incident whose records make none is left to
    /// verification.
    pub async fn catch_up(&self) -> Result<usize, Error> {
        self.writable()?;
        let mut made = 0;
        let mut heads = self.heads().await?;
        heads.retain(|(chain, _)| !chain.is_system());
        for page in heads.chunks(PROJECTIONS_A_PAGE) {
            let ids: Vec<&str> = page.iter().map(|(incident, _)| incident.as_str()).collect();
            let call = Call::post([INCIDENTS, "_mget"], &json!({ "ids": ids }))
                .with("_source_includes", "last_seq");
            let reply = self.client().send(&call).await?;
            let shown = reply.body["docs"].as_array().map_or(&[][..], Vec::as_slice);
            for ((incident, seq), shown) in page.iter().zip(shown) {
                if shown["_source"]["last_seq"].as_u64() < Some(*seq) {
                    made += usize::from(self.project_again(incident).await?);
                }
            }
        }
        Ok(made)
    }

    async fn project_again(&self, incident: &IncidentId) -> Result<bool, Error> {
        let stored = self.fold(incident, 0).await?;
        match chain::verify(incident, &stored) {
            Ok(incident) => {
                self.put_projection(&Projection::from(&incident)).await?;
                Ok(true)
            }
            Err(fault) => {
                tracing::warn!(%fault, "an incident can't be shown");
                Ok(false)
            }
        }
    }
}

/// The projection as it is, and beside it what is searched and sorted by.
fn document(shown: &Projection) -> Result<Value, Error> {
    let summary = &shown.summary;
    let mut document = serde_json::to_value(shown)
        .map_err(|error| Error::Refused(format!("{}: {error}", summary.incident_id)))?;
    flatten(&mut document, "metrics");
    let words: String = words(summary).chars().take(MAX_WORDS_CHARS).collect();
    document["search.words"] = Value::String(words);
    document["search.status"] = json!(summary.status as i64);
    document["search.severity"] = json!(summary.severity as i64);
    Ok(document)
}

/// The fields of an object under their whole names: the mapping knows no objects.
fn flatten(document: &mut Value, name: &str) {
    let Value::Object(fields) = document else {
        return;
    };
    if let Some(Value::Object(inner)) = fields.shift_remove(name) {
        for (key, value) in inner {
            fields.insert(format!("{name}.{key}"), value);
        }
    }
}

fn read(source: &Value) -> Result<Summary, Error> {
    serde_json::from_value(source.clone())
        .map_err(|error| Error::Damaged(format!("a summary can't be read: {error}; rebuild it")))
}

fn search(filter: &SummaryFilter) -> Result<Value, Error> {
    let size = filter.page();
    if filter.offset.saturating_add(size) > MAX_WINDOW {
        return Err(Error::Refused(format!(
            "only the first {MAX_WINDOW} incidents can be paged through: narrow the filter"
        )));
    }
    let mut terms = Vec::new();
    let mut any_of = |field: &str, names: Vec<&str>| {
        if !names.is_empty() {
            terms.push(json!({ "terms": { field: names } }));
        }
    };
    any_of("status", filter.statuses.iter().map(|s| s.name()).collect());
    any_of(
        "severity",
        filter.severities.iter().map(|s| s.name()).collect(),
    );
    any_of(
        "service.name",
        filter.service.iter().map(String::as_str).collect(),
    );
    any_of("rule", filter.rule.iter().map(String::as_str).collect());
    let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
    for word in text.split_whitespace() {
        let value = format!("*{}*", literal(word));
        terms.push(json!({ "wildcard": { "search.words": { "value": value } } }));
    }
    let (key, descending) = sort_key(filter.sort.as_deref())?;
    let field = match key {
        SortKey::OpenedAt => "opened_at",
        SortKey::UpdatedAt => "updated_at",
        SortKey::Severity => "search.severity",
        SortKey::Status => "search.status",
        SortKey::Service => "service.name",
    };
    let order = if descending { "desc" } else { "asc" };
    Ok(json!({
        "from": filter.offset,
        "size": size,
        "track_total_hits": true,
        "query": { "bool": { "filter": terms } },
        "sort": [{ field: order }, { "incident_id": "asc" }],
    }))
}

/// A word whose own asterisks and question marks mean themselves.
fn literal(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for letter in word.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use model::{Severity, Status};
    use serde_json::json;

    use super::{flatten, search};
    use crate::journal::SummaryFilter;

    #[test]
    fn a_filter_becomes_a_search() {
        let filter = SummaryFilter {
            statuses: vec![Status::Open],
            severities: vec![Severity::High],
            text: Some("Pool* out".to_owned()),
            sort: Some("-severity".to_owned()),
            offset: 50,
            ..SummaryFilter::default()
        };
        assert_eq!(
            search(&filter).expect("is one"),
            json!({
                "from": 50,
                "size": 50,
                "track_total_hits": true,
                "query": { "bool": { "filter": [
                    { "terms": { "status": ["open"] } },
                    { "terms": { "severity": ["high"] } },
                    { "wildcard": { "search.words": { "value": "*pool\\**" } } },
                    { "wildcard": { "search.words": { "value": "*out*" } } },
                ] } },
                "sort": [{ "search.severity": "desc" }, { "incident_id": "asc" }],
            })
        );
    }

    #[test]
    fn measured_values_lie_flat_and_none_is_no_field() {
        let mut document = json!({"a": 1, "metrics": {"signal": "latency", "requests": null}});
        flatten(&mut document, "metrics");
        assert_eq!(
            document,
            json!({"a": 1, "metrics.signal": "latency", "metrics.requests": null})
        );
        let mut document = json!({"metrics": null});
        flatten(&mut document, "metrics");
        assert_eq!(document, json!({}));
    }

    #[test]
    fn what_elasticsearch_would_refuse_is_refused_with_what_to_do() {
        let filter = SummaryFilter {
            offset: 9_990,
            ..SummaryFilter::default()
        };
        let error = search(&filter).expect_err("is refused");
        assert!(error.to_string().contains("narrow the filter"));
    }
}
