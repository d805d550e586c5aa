//! What went wrong with a call, and what a caller can do about it.

use serde_json::Value;

use crate::error::Error;

/// Characters of a reason that are kept: some repeat whole documents.
const MAX_REASON_CHARS: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Elasticsearch said no.
    Said {
        status: u16,
        kind: String,
        reason: String,
    },
    /// It was certainly not done: nobody was reached.
    Unreached(String),
    /// Whether it was done isn't known: no answer came, or half of one.
    Unknown(String),
    /// The answer is over our limit, or isn't JSON.
    Unreadable(String),
}

impl Failure {
    /// From a body that has an `error`.
    pub fn said(status: u16, body: &Value) -> Self {
        let error = &body["error"];
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        // The outermost error of a search is often only "all shards failed".
        let root = &error["root_cause"][0];
        let of_root = |name: &str| root[name].as_str().map(str::to_owned);
        let general = error["type"].as_str() == Some("search_phase_execution_exception");
        let (kind, reason) = match general {
            true => (
                of_root("type").or_else(|| text("type")),
                of_root("reason").or_else(|| text("reason")),
            ),
            false => (text("type"), text("reason")),
        };
        let reason = reason
            // Kibana's form: `error` is the status in words, `message` says why.
            .or_else(|| body["message"].as_str().map(str::to_owned))
            .or_else(|| error.as_str().map(str::to_owned))
            .unwrap_or_else(|| format!("HTTP status {status} without a reason"));
        Self::Said {
            status,
            kind: kind.unwrap_or_else(|| "exception".to_owned()),
            reason: reason.chars().take(MAX_REASON_CHARS).collect(),
        }
    }

    pub fn is_missing_index(&self) -> bool {
        matches!(self, Self::Said { kind, .. } if kind == "index_not_found_exception")
    }

    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Said { status: 409, .. })
    }

    /// Elasticsearch had too much to do, or no node for it: the same call may do later.
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Said {
                status: 429 | 502 | 503 | 504,
                ..
            }
        )
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Said {
                status,
                kind,
                reason,
            } => {
                let says = format!("Elasticsearch says {status} {kind}: {reason}");
                match status {
                    401 => Self::Refused(format!(
                        "{says}; check user and secret_env under [elasticsearch]"
                    )),
                    403 => Self::Refused(format!(
                        "{says}; give our user or API key this privilege (docs/elasticsearch.md lists all)"
                    )),
                    404 => Self::NotFound(says),
                    409 => Self::Conflict(says),
                    429 | 500.. => Self::Unavailable(says),
                    _ => Self::Refused(says),
                }
            }
            Failure::Unreached(what) => Self::Unavailable(format!(
                "Elasticsearch can't be reached: {what}; check [backends] store, and that it runs"
            )),
            Failure::Unknown(what) => Self::Unavailable(format!(
                "Elasticsearch didn't answer, so what was asked may be done or not: {what}"
            )),
            Failure::Unreadable(what) => {
                Self::Unavailable(format!("Elasticsearch's answer can't be read: {what}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Failure;
    use crate::error::Error;

    #[test]
    fn elasticsearchs_words_are_kept_and_named_by_what_to_do() {
        let body = json!({"error": {"type": "search_phase_execution_exception", "reason": "all shards failed",
            "root_cause": [{"type": "illegal_argument_exception", "reason": "Result window is too large"}]}, "status": 400});
        let error = Error::from(Failure::said(400, &body));
        assert!(matches!(&error, Error::Refused(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "Elasticsearch says 400 illegal_argument_exception: Result window is too large"
        );
        let body = json!({"error": {"type": "security_exception", "reason": "missing authentication credentials"}});
        assert!(
            Error::from(Failure::said(401, &body))
                .to_string()
                .contains("secret_env")
        );
        let busy = Failure::said(
            429,
            &json!({"error": {"type": "es_rejected_execution_exception", "reason": "queue"}}),
        );
        assert!(busy.is_busy());
        assert!(matches!(Error::from(busy), Error::Unavailable(_)));
        let proxy = Failure::said(502, &json!("Bad gateway"));
        assert!(
            matches!(proxy, Failure::Said { status: 502, .. }),
            "{proxy:?}"
        );
    }
}
