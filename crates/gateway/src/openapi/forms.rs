//! What operations take and give whose forms are others': Elasticsearch's, OTLP's, Prometheus', a
//! browser's. Their schemas are in `forms.json`.

use serde_json::{Map, Value, json};

use super::reference;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// An operation's part of the document.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// A request body.
    pub takes: Option<Value>,
    /// Answers by status.
    pub gives: Vec<(&'static str, Value)>,
    /// Every other answer, where it isn't as the route's dialect has it.
    pub refuses: Option<Value>,
    pub parameters: Vec<Value>,
}

/// The schemas that forms name.
pub fn schemas() -> Map<String, Value> {
    serde_json::from_str(include_str!("forms.json")).unwrap_or_default()
}

/// The form of an operation that the table names no schemas for; a path's other methods have that
/// of the method that the table names.
pub fn of(method: &str, path: &str) -> Option<Form> {
    elasticsearch(method, path)
        .or_else(|| intake(path))
        .or_else(|| page(path))
}

impl Form {
    fn gives(schema: &str) -> Self {
        Self::default().and("200", json!({ JSON: { "schema": reference(schema) } }))
    }

    fn and(mut self, status: &'static str, content: Value) -> Self {
        let answer = json!({ "description": "Done", "content": content });
        self.gives.push((status, answer));
        self
    }

    /// The same answer with another status.
    fn or(mut self, status: &'static str) -> Self {
        let answer = self.gives.first().map(|(_, answer)| answer.clone());
        self.gives.extend(answer.map(|answer| (status, answer)));
        self
    }

    /// What is missing is told in the answer's own form, or as an error.
    fn missing(mut self, schema: &str) -> Self {
        let forms = [reference(schema), reference("ElasticsearchError")];
        let content = json!({ JSON: { "schema": { "anyOf": forms } } });
        let answer = json!({ "description": "It isn't there", "content": content });
        self.gives.push(("404", answer));
        self
    }

    /// Leads on.
    fn leads(mut self) -> Self {
        let location = json!({ "required": true, "schema": { "type": "string" } });
        let answer = json!({ "description": "Elsewhere", "headers": { "location": location } });
        self.gives.push(("303", answer));
        self
    }

    fn takes(self, schema: &str) -> Self {
        self.with(false, json!({ JSON: { "schema": reference(schema) } }))
    }

    fn needs(self, schema: &str) -> Self {
        self.with(true, json!({ JSON: { "schema": reference(schema) } }))
    }

    fn with(mut self, required: bool, content: Value) -> Self {
        self.takes = Some(json!({ "required": required, "content": content }));
        self
    }

    fn asks(mut self, name: &str, required: bool) -> Self {
        let text = json!({ "type": "string" });
        let asked = json!({ "name": name, "in": "query", "required": required, "schema": text });
        self.parameters.push(asked);
        self
    }
}

fn elasticsearch(method: &str, path: &str) -> Option<Form> {
    let form = match (method, path) {
        ("GET", "/") => Form::gives("About"),
        ("GET", "/{index}" | "/{index}/_mapping" | "/_alias" | "/{index}/_alias") => {
            Form::gives("ByIndex")
        }
        ("GET", "/_alias/{name}" | "/{index}/_alias/{name}") => {
            Form::gives("ByIndex").missing("AliasMissing")
        }
        ("PUT", "/{index}") => Form::gives("Acknowledged").takes("IndexDefinition"),
        ("PUT", "/{index}/_mapping") => Form::gives("Acknowledged").takes("Mapping"),
        ("PUT", "/{index}/_alias/{name}") => Form::gives("Acknowledged").takes("AliasOptions"),
        ("POST", "/_aliases") => Form::gives("Acknowledged").needs("AliasActions"),
        ("GET", "/_cat/aliases" | "/_cat/health") => lines(),
        ("GET", "/_cat/indices" | "/_cat/indices/{index}") => {
            let mut form = lines();
            let row =
                json!({ "type": "object", "additionalProperties": { "type": ["string", "null"] } });
            let table = json!({ "schema": { "type": "array", "items": row } });
            form.gives[0].1["content"][JSON] = table;
            form
        }
        ("POST", "/{index}/_refresh") => Form::gives("Refreshed"),
        ("GET", "/_count" | "/{index}/_count") => Form::gives("CountAnswer").takes("SearchRequest"),
        ("GET", "/_search" | "/{index}/_search") => {
            Form::gives("SearchAnswer").takes("SearchRequest")
        }
        ("POST", "/_mget" | "/{index}/_mget") => Form::gives("MultiGetAnswer").needs("MultiGet"),
        ("GET", "/_cluster/health") => Form::gives("ClusterHealth"),
        ("GET", "/_index_template" | "/_index_template/{name}") => Form::gives("IndexTemplateList"),
        ("PUT", "/_index_template/{name}") => Form::gives("Acknowledged").needs("IndexTemplate"),
        ("GET", "/_enrich/policy" | "/_enrich/policy/{name}") => Form::gives("EnrichPolicyList"),
        ("PUT", "/_enrich/policy/{name}") => Form::gives("Acknowledged").needs("EnrichPolicy"),
        ("PUT", "/_enrich/policy/{name}/_execute") => Form::gives("EnrichExecution"),
        ("DELETE", "/{index}" | "/{index}/_alias/{name}" | "/_query/async/{id}")
        | ("DELETE", "/_index_template/{name}" | "/_enrich/policy/{name}") => {
            Form::gives("Acknowledged")
        }
        _ => return documents(method, path).or_else(|| queries(method, path)),
    };
    Some(form)
}

fn documents(method: &str, path: &str) -> Option<Form> {
    let stored = || json!({ JSON: { "schema": reference("StoredDocument") } });
    let created = || Form::default().and("201", stored());
    let form = match (method, path) {
        ("POST", "/{index}/_doc") => created().takes("Document"),
        ("PUT", "/{index}/_create/{id}") => created().takes("Document"),
        ("PUT", "/{index}/_doc/{id}") => created().or("200").takes("Document"),
        ("POST", "/{index}/_update/{id}") => created().or("200").needs("UpdateRequest"),
        ("DELETE", "/{index}/_doc/{id}") => Form::gives("StoredDocument").missing("StoredDocument"),
        ("GET", "/{index}/_doc/{id}") => Form::gives("FoundDocument").missing("FoundDocument"),
        ("GET", "/{index}/_source/{id}") => Form::gives("Document"),
        ("POST", "/_bulk" | "/{index}/_bulk") => {
            let lines = json!({ "schema": { "type": "string", "minLength": 1 } });
            let content = json!({ "application/x-ndjson": lines });
            Form::gives("BulkAnswer").with(true, content)
        }
        _ => return None,
    };
    Some(form)
}

fn queries(method: &str, path: &str) -> Option<Form> {
    let form = match (method, path) {
        ("POST", "/_query") => printed("EsqlAnswer").needs("EsqlRequest"),
        ("POST", "/_query/async") => printed("AsyncQuery").needs("AsyncQueryRequest"),
        ("GET", "/_query/async/{id}") => printed("AsyncQuery"),
        ("POST", "/_query/async/{id}/stop") => printed("AsyncQuery"),
        _ => return None,
    };
    Some(form)
}

/// Lines for people at a terminal.
fn lines() -> Form {
    Form::default().and(
        "200",
        json!({ "text/plain": { "schema": { "type": "string" } } }),
    )
}

/// An answer of ES|QL: JSON, or another form where it is asked for.
fn printed(schema: &str) -> Form {
    let mut form = Form::gives(schema);
    for media in [
        "text/csv",
        "text/tab-separated-values",
        "text/plain",
        "application/vnd.apache.arrow.stream",
    ] {
        form.gives[0].1["content"][media] = json!({ "schema": { "type": "string" } });
    }
    form
}

fn intake(path: &str) -> Option<Form> {
    let schema = match path {
        "/v1/logs" => "OtlpLogs",
        "/v1/metrics" => "OtlpMetrics",
        "/v1/traces" => "OtlpTraces",
        "/api/v1/write" => return Some(remote_write()),
        _ if path.ends_with("/integrations/deployments") => {
            let form = Form::gives("DeploymentNoted").or("201").or("202");
            return Some(form.needs("DeploymentTold"));
        }
        _ if ["alertmanager", "grafana", "kibana"]
            .iter()
            .any(|source| path.ends_with(&format!("/integrations/{source}"))) =>
        {
            return Some(Form::gives("AlertsTaken").needs("AlertsPosted"));
        }
        _ => return None,
    };
    let either =
        |schema: &str| json!({ JSON: { "schema": reference(schema) }, PROTOBUF: binary() });
    let mut form = Form::default()
        .and("200", either("OtlpAnswer"))
        .with(false, either(schema));
    let mut refusal = either("RpcStatus");
    // Who isn't let in is told so before the body is looked at.
    refusal["application/problem+json"] = json!({ "schema": reference("Problem") });
    form.refuses = Some(
        json!({ "description": "A status of gRPC's, or a problem document", "content": refusal }),
    );
    Some(form)
}

/// Bytes.
fn binary() -> Value {
    json!({ "schema": { "type": "string", "format": "binary" } })
}

fn remote_write() -> Form {
    let snappy = json!({
        "name": "Content-Encoding", "in": "header", "required": true,
        "schema": { "type": "string", "enum": ["snappy"] },
    });
    let mut form = Form::default().with(true, json!({ PROTOBUF: binary() }));
    form.parameters.push(snappy);
    form.gives.push(("204", json!({ "description": "Done" })));
    form
}

fn page(path: &str) -> Option<Form> {
    let form = match path {
        "/healthz" => {
            let said = json!({ "type": "string", "enum": ["ok"] });
            let schema = json!({ "type": "object", "required": ["status"], "properties": { "status": said } });
            Form::default().and("200", json!({ JSON: { "schema": schema } }))
        }
        "/readyz" => Form::gives("Readiness").or("503"),
        "/metrics" => lines(),
        "/openapi.json" => Form::gives("Document"),
        "/login" => Form::default().leads().asks("code", true),
        _ if path.ends_with("/oidc/login") => Form::default().leads(),
        _ if path.ends_with("/oidc/callback") => ["code", "state", "error"]
            .iter()
            .fold(Form::default().leads(), |form, name| form.asks(name, false)),
        _ => return None,
    };
    Some(form)
}
