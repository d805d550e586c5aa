//! Requests to `_bulk`, and what became of each item: pure.

use serde_json::{Map, Value, json};

use crate::indices::{SERVICES, TIMESTAMP, TIMESTAMP_US, check_writable};
use crate::knowledge::service;
use crate::moment;
use crate::telemetry::{Document, ItemResult, Operation};

/// Bytes of one request, unless a single document has more: far below `http.max_content_length`.
pub const MAX_REQUEST_BYTES: usize = 8 << 20;

/// An item whose bulk queue was full: it may be sent again.
pub const REJECTED: &str = "es_rejected_execution_exception";

const PARSING: &str = "document_parsing_exception";

/// An item of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its document's place in the batch.
    pub place: usize,
    pub id: String,
    /// The sender gave the id: one like it may have been there before.
    pub given: bool,
    pub operation: Operation,
    /// Both lines, each with its newline; a deletion has one.
    pub lines: Vec<u8>,
}

/// What is sent of a batch, and what is refused at once, by place.
pub fn prepare(
    documents: Vec<Document>,
    mut new_id: impl FnMut() -> String,
) -> (Vec<Item>, Vec<(usize, ItemResult)>) {
    let (mut items, mut refused) = (Vec::new(), Vec::new());
    for (place, document) in documents.into_iter().enumerate() {
        match item(place, document, &mut new_id) {
            Ok(item) => items.push(item),
            Err(result) => refused.push((place, result)),
        }
    }
    (items, refused)
}

fn item(
    place: usize,
    document: Document,
    new_id: &mut impl FnMut() -> String,
) -> Result<Item, ItemResult> {
    let Document {
        index,
        operation,
        id,
        mut source,
    } = document;
    check_writable(&index)?;
    let (mut operation, mut given) = (operation, id.is_some());
    let mut id = id.unwrap_or_else(new_id);
    if operation == Operation::Delete {
        let head = json!({ "delete": { "_index": index, "_id": id } });
        return Ok(Item {
            place,
            id,
            given,
            operation,
            lines: format!("{head}\n").into_bytes(),
        });
    }
    if index == SERVICES {
        // Services are known by their names, whatever the sender calls the document.
        let service = service(&source).map_err(|reason| ItemResult::refused(PARSING, reason))?;
        (id, given, operation) = (service.name.clone(), true, Operation::Index);
        source = match serde_json::to_value(&service) {
            Ok(Value::Object(source)) => source,
            _ => Map::new(),
        };
    } else {
        finer_than_ms(&index, &mut source);
    }
    let action = match operation {
        Operation::Create => "create",
        Operation::Index | Operation::Delete => "index",
    };
    let head = json!({ action: { "_index": index, "_id": id } });
    let lines = format!("{head}\n{}\n", Value::Object(source)).into_bytes();
    Ok(Item {
        place,
        id,
        given,
        operation,
        lines,
    })
}

/// `date` holds milliseconds; a log's or span's moment within one is kept beside it.
fn finer_than_ms(index: &str, source: &mut Map<String, Value>) {
    if !index.starts_with("logs-") && !index.starts_with("traces-") {
        return;
    }
    let nested = source
        .get("timestamp")
        .is_some_and(|inner| inner.get("us").is_some());
    if nested || source.contains_key(TIMESTAMP_US) {
        return;
    }
    let text = source.get(TIMESTAMP).and_then(Value::as_str);
    let moment = text.and_then(moment::parse).filter(|moment| moment.fine);
    if let Some(us) = moment.and_then(moment::Moment::us) {
        source.insert(TIMESTAMP_US.to_owned(), Value::from(us));
    }
}

/// Items in requests of at most [`MAX_REQUEST_BYTES`] each, in order.
pub fn requests(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut requests: Vec<Vec<Item>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        bytes += item.lines.len();
        match requests.last_mut() {
            Some(last) if bytes <= MAX_REQUEST_BYTES => last.push(item),
            _ => {
                bytes = item.lines.len();
                requests.push(vec![item]);
            }
        }
    }
    requests
}

pub fn lines(items: &[Item]) -> Vec<u8> {
    items
        .iter()
        .flat_map(|item| item.lines.iter().copied())
        .collect()
}

/// What Elasticsearch says of one item. `repeated`: the request was sent before, and what became
/// of it then isn't known.
pub fn result(item: &Item, said: &Value, repeated: bool) -> ItemResult {
    let said = said
        .as_object()
        .and_then(|object| object.values().next())
        .unwrap_or(&Value::Null);
    let id = || item.id.clone();
    match said["status"].as_u64() {
        Some(200) if item.operation == Operation::Delete => ItemResult::Deleted { id: id() },
        Some(404) if item.operation == Operation::Delete && said.get("error").is_none() => {
            // Sent twice, the first one took it.
            match repeated {
                true => ItemResult::Deleted { id: id() },
                false => ItemResult::NotFound { id: id() },
            }
        }
        Some(201) => ItemResult::Created { id: id() },
        Some(200) => ItemResult::Updated { id: id() },
        // An id that was made here can only be there from the try before.
        Some(409) if repeated && !item.given => ItemResult::Created { id: id() },
        Some(409) if item.operation == Operation::Create => ItemResult::Conflict { id: id() },
        _ => {
            let error = &said["error"];
            let text = |name: &str| error[name].as_str().map(str::to_owned);
            ItemResult::refused(
                text("type").unwrap_or_else(|| "exception".to_owned()),
                text("reason").unwrap_or_else(|| "no reason given".to_owned()),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(index: &str, id: Option<&str>, source: Value) -> Document {
        Document {
            index: index.to_owned(),
            operation: Operation::Create,
            id: id.map(str::to_owned),
            source: source.as_object().cloned().unwrap_or_default(),
        }
    }

    fn prepared(documents: Vec<Document>) -> (Vec<Item>, Vec<(usize, ItemResult)>) {
        let mut number = 0;
        prepare(documents, || {
            number += 1;
            format!("made-{number}")
        })
    }

    #[test]
    fn items_are_two_lines_and_logs_keep_their_microseconds() {
        let at = "2026-11-24T10:00:00.000123Z";
        let (items, refused) = prepared(vec![
            document(
                "logs-application",
                None,
                json!({"@timestamp": at, "message": "a\nb"}),
            ),
            document("metrics-system", Some("7"), json!({"@timestamp": at})),
        ]);
        assert!(refused.is_empty());
        assert_eq!(
            String::from_utf8(lines(&items)).expect("is a text"),
            concat!(
                r#"{"create":{"_index":"logs-application","_id":"made-1"}}"#,
                "\n",
                r#"{"@timestamp":"2026-11-24T10:00:00.000123Z","message":"a\nb","timestamp.us":1795514400000123}"#,
                "\n",
                r#"{"create":{"_index":"metrics-system","_id":"7"}}"#,
                "\n",
                r#"{"@timestamp":"2026-11-24T10:00:00.000123Z"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn our_own_indices_and_what_may_mean_them_are_refused() {
        for index in [
            "incidents",
            "agent-audit-2026.11",
            "datapulse-tokens",
            "datapulse-people",
            "<agent-audit-{now{yyyy.MM}}>",
            "incidents,x",
        ] {
            let (items, refused) = prepared(vec![document(index, None, json!({}))]);
            assert!(items.is_empty() && refused.len() == 1, "{index}");
        }
    }

    #[test]
    fn services_are_known_by_their_names() {
        let (items, refused) = prepared(vec![
            document(
                "lookup-services",
                Some("x"),
                json!({"service": {"name": "cart"}, "criticality": "1"}),
            ),
            document("lookup-services", None, json!({"team": "web"})),
        ]);
        assert_eq!(items[0].id, "cart");
        let text = String::from_utf8_lossy(&items[0].lines);
        assert!(
            text.starts_with(r#"{"index":{"_index":"lookup-services","_id":"cart"}}"#),
            "{text}"
        );
        assert!(
            text.contains(r#""service.name":"cart""#) && text.contains(r#""criticality":1"#),
            "{text}"
        );
        assert_eq!(refused[0].0, 1);
    }

    #[test]
    fn results_are_elasticsearchs_own() {
        let (items, _) = prepared(vec![
            document("a", Some("1"), json!({})),
            document("a", None, json!({})),
        ]);
        let (given, made) = (&items[0], &items[1]);
        let conflict = json!({"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}});
        assert_eq!(
            result(given, &conflict, false),
            ItemResult::Conflict { id: "1".to_owned() }
        );
        let stored = ItemResult::Created {
            id: "made-1".to_owned(),
        };
        assert_eq!(result(made, &conflict, true), stored, "by the try before");
        let refused = json!({"create": {"status": 400, "error": {"type": "document_parsing_exception", "reason": "[1:2] no"}}});
        assert_eq!(
            result(given, &refused, false),
            ItemResult::refused(PARSING, "[1:2] no")
        );
        assert_eq!(
            result(given, &json!({"index": {"status": 200}}), false),
            ItemResult::Updated { id: "1".to_owned() }
        );
    }

    #[test]
    fn deletions_are_one_line() {
        let mut gone = document("notes", Some("1"), json!({}));
        gone.operation = Operation::Delete;
        let (items, _) = prepared(vec![gone]);
        let text = String::from_utf8_lossy(&items[0].lines);
        assert_eq!(text, "{\"delete\":{\"_index\":\"notes\",\"_id\":\"1\"}}\n");
        let id = || "1".to_owned();
        let said = |status: u64, repeated| {
            result(
                &items[0],
                &json!({ "delete": { "status": status } }),
                repeated,
            )
        };
        assert_eq!(said(200, false), ItemResult::Deleted { id: id() });
        assert_eq!(said(404, false), ItemResult::NotFound { id: id() });
        assert_eq!(
            said(404, true),
            ItemResult::Deleted { id: id() },
            "by the try before"
        );
    }

    #[test]
    fn requests_are_cut_by_bytes_and_keep_their_order() {
        let item = |place, bytes| Item {
            place,
            id: String::new(),
            given: false,
            operation: Operation::Create,
            lines: vec![b' '; bytes],
        };
        let half = MAX_REQUEST_BYTES / 2;
        let cut = requests(vec![
            item(0, half),
            item(1, half),
            item(2, 1),
            item(3, 3 * half),
            item(4, 1),
        ]);
        let places: Vec<Vec<usize>> = cut
            .iter()
            .map(|items| items.iter().map(|item| item.place).collect())
            .collect();
        assert_eq!(places, [vec![0, 1], vec![2], vec![3], vec![4]]);
    }
}
