//! One namespace of a real cluster, made by its administrator, with a service account that holds
//! the documented Role only.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use integrations::run::{Kubernetes, KubernetesSettings, Order};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::{Action, ActionKind};
use serde_json::{Value, json};

/// Names the kubeconfig of an administrator.
const VARIABLE: &str = "DATAPULSE_TEST_KUBERNETES";
const ROLE: &str = include_str!("../../../../docs/integrations/kubernetes-role.yaml");
/// Looks, a tenth of a second apart, until something has to be there.
const LOOKS: usize = 300;
/// Looks without any difference after which nothing more is to come.
const CALM: usize = 4;

pub struct Cluster {
    admin: kube::Client,
    pub namespace: String,
    folder: tempfile::TempDir,
    /// The API server's address and the file of its certificate.
    pub server: String,
    pub authority: String,
    pub token: String,
}

impl Cluster {
    /// A namespace whose service account holds the documented Role.
    pub async fn start() -> Self {
        Self::with_role(ROLE).await
    }

    pub async fn with_role(role: &str) -> Self {
        let path = std::env::var(VARIABLE).expect("the path of an administrator's kubeconfig");
        let file = Kubeconfig::read_from(path).expect("a kubeconfig");
        let cluster = file.clusters[0].cluster.clone().expect("a cluster");
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options).await;
        let admin = kube::Client::try_from(config.expect("a configuration")).expect("a client");
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let made = Self {
            admin,
            namespace: format!("test-{}-{number}", std::process::id()),
            folder: tempfile::tempdir().expect("a folder"),
            server: cluster.server.expect("a server"),
            authority: cluster.certificate_authority.expect("a certificate"),
            token: String::new(),
        };
        made.identity(role).await
    }

    async fn identity(mut self, role: &str) -> Self {
        let named = |name: &str| json!({ "metadata": { "name": name } });
        self.post("/api/v1/namespaces", &named(&self.namespace))
            .await;
        self.make("/api/v1", "serviceaccounts", named("runner"))
            .await;
        let rbac = format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{}",
            self.namespace
        );
        let roles = format!("{rbac}/roles");
        let (status, role) = self
            .send("POST", &roles, "application/yaml", role.to_owned())
            .await;
        assert_eq!(status, 201, "{role}");
        let mut binding = named("runner");
        binding["roleRef"] = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"] });
        binding["subjects"] =
            json!([{ "kind": "ServiceAccount", "name": "runner", "namespace": self.namespace }]);
        self.post(&format!("{rbac}/rolebindings"), &binding).await;
        let path = format!(
            "/api/v1/namespaces/{}/serviceaccounts/runner/token",
            self.namespace
        );
        let answer = self
            .post(&path, &json!({ "spec": { "expirationSeconds": 3600 } }))
            .await;
        self.token = answer["status"]["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        self
    }

    pub async fn send(&self, method: &str, path: &str, kind: &str, body: String) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .body(Body::from(body.into_bytes()))
            .expect("a request");
        let response = self.admin.send(request).await.expect("an answer");
        let status = response.status().as_u16();
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self
            .send("POST", path, "application/json", body.to_string())
            .await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    /// Makes an object of the namespace; `root` is such as `/apis/apps/v1`.
    pub async fn make(&self, root: &str, plural: &str, object: Value) -> Value {
        let path = format!("{root}/namespaces/{}/{plural}", self.namespace);
        self.post(&path, &object).await
    }

    fn deployment_path(&self, name: &str) -> String {
        format!(
            "/apis/apps/v1/namespaces/{}/deployments/{name}",
            self.namespace
        )
    }

    pub async fn deployment(&self, name: &str) -> Value {
        let path = self.deployment_path(name);
        self.send("GET", &path, "application/json", String::new())
            .await
            .1
    }

    pub async fn config_map(&self, name: &str) -> Value {
        let path = format!("/api/v1/namespaces/{}/configmaps/{name}", self.namespace);
        let got = self.send("GET", &path, "application/json", String::new());
        got.await.1
    }

    /// As somebody else who changes it, without asking.
    pub async fn patch(&self, name: &str, patch: Value) {
        let path = self.deployment_path(name);
        let kind = "application/strategic-merge-patch+json";
        let (status, answer) = self.send("PATCH", &path, kind, patch.to_string()).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// A Deployment of one container `app`, its pods running.
    pub async fn deploy(&self, name: &str, meta: Value, container: Value) {
        let mut object = json!({ "metadata": meta, "spec": {
            "replicas": 2, "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [container] } } } });
        object["metadata"]["name"] = json!(name);
        self.make("/apis/apps/v1", "deployments", object).await;
        self.settled(name).await;
    }

    /// `web` with `app:v1`, then `app:v2`.
    pub async fn web(&self) {
        self.deploy("web", json!({}), container("app:v1")).await;
        self.image("web", "app:v2").await;
        self.settled("web").await;
    }

    pub async fn image(&self, name: &str, image: &str) {
        let containers = json!([{ "name": "app", "image": image }]);
        self.patch(
            name,
            json!({ "spec": { "template": { "spec": { "containers": containers } } } }),
        )
        .await;
    }

    /// Waits until the newest pods run, no others do, and nothing is written any more.
    pub async fn settled(&self, name: &str) {
        let mut before = Value::Null;
        let mut calm = 0;
        for _ in 0..LOOKS {
            let now = self.deployment(name).await;
            let status = |key: &str| now["status"][key].as_u64().unwrap_or(0);
            let wanted = now["spec"]["replicas"].as_u64().expect("a count");
            let counts = ["replicas", "updatedReplicas", "availableReplicas"];
            let generation = now["metadata"]["generation"].as_u64().unwrap_or(1);
            let well = status("observedGeneration") == generation
                && counts.iter().all(|key| status(key) == wanted);
            calm = if well && now == before { calm + 1 } else { 0 };
            if calm == CALM {
                return;
            }
            before = now;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{name} does not settle: {before}");
    }

    fn kubeconfig(&self, server: &str, token: &str) -> PathBuf {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("kubeconfig-{number}"));
        let text = json!({ "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{ "name": "c", "cluster": { "server": server, "certificate-authority": self.authority } }],
            "users": [{ "name": "u", "user": { "token": token } }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }] });
        std::fs::write(&path, text.to_string()).expect("is written");
        path
    }

    pub fn settings(&self) -> KubernetesSettings {
        KubernetesSettings {
            namespace: self.namespace.clone(),
            kubeconfig: Some(self.kubeconfig(&self.server, &self.token)),
            rollout_wait_s: 30,
            ..KubernetesSettings::default()
        }
    }

    /// A runner with the service account's token.
    pub async fn runner(&self) -> Kubernetes {
        Kubernetes::new(self.settings()).await.expect("a runner")
    }

    /// The same behind another address, or with another token.
    pub async fn runner_at(&self, server: &str, token: &str) -> Kubernetes {
        let settings = KubernetesSettings {
            kubeconfig: Some(self.kubeconfig(server, token)),
            ..self.settings()
        };
        Kubernetes::new(settings).await.expect("a runner")
    }

    pub async fn end(self) {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.send("DELETE", &path, "application/json", String::new())
            .await;
    }
}

pub fn container(image: &str) -> Value {
    json!({ "name": "app", "image": image, "env": [{ "name": "LEVEL", "value": "info" }] })
}

pub fn image_of(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap_or("")
}

/// An order for `target`; `number` makes its key.
pub fn order(number: usize, kind: ActionKind, target: &str, parameters: Value) -> Order {
    let parameters = parameters.as_object().cloned().unwrap_or_default();
    Order {
        key: format!("INC-260102-0123456789ab:P{number}"),
        action: Action {
            kind,
            target: target.to_owned(),
            parameters: parameters.into_iter().collect(),
        },
    }
}
