//! `[server]` and `[server.tls]`: where we listen, and what we show there.

use std::path::PathBuf;

use gateway::tls::Files;
use serde::{Deserialize, Serialize};

use super::{Configuration, Found, line_of};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    pub listen: String,
    /// Another address for OTLP over gRPC, such as 127.0.0.1:4317; empty: only `listen` has it.
    pub otlp_grpc: String,
    /// Origins that browsers may call from; empty: none.
    pub cors_origins: Vec<String>,
    /// Certificates; without this table, both addresses are without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:5610".to_owned(),
            otlp_grpc: String::new(),
            cors_origins: Vec::new(),
            tls: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Our certificate and what leads from it to the authority, in PEM.
    pub cert: String,
    pub key: String,
    /// Authorities whose certificates callers may show, in PEM; empty: nobody is asked for one.
    #[serde(default)]
    pub client_ca: String,
    /// Whoever shows none isn't let in: not for browsers of people.
    #[serde(default)]
    pub require_client_cert: bool,
}

impl Tls {
    pub fn files(&self) -> Files {
        Files {
            cert: PathBuf::from(&self.cert),
            key: PathBuf::from(&self.key),
            client_ca: match self.client_ca.as_str() {
                "" => None,
                path => Some(PathBuf::from(path)),
            },
            require_client_cert: self.require_client_cert,
        }
    }
}

impl Configuration {
    pub(super) fn check_server(&self, text: &str) -> Found {
        let server = &self.server;
        for (key, address, example) in [
            ("listen", &server.listen, "127.0.0.1:5610"),
            ("otlp_grpc", &server.otlp_grpc, "127.0.0.1:4317"),
        ] {
            let is_none = key == "otlp_grpc" && address.is_empty();
            if !is_none && address.parse::<std::net::SocketAddr>().is_err() {
                let message = format!(
                    "server.{key}: expected an address and a port such as {example}, got {address:?}"
                );
                return Err((line_of(text, "server", key), message));
            }
        }
        for origin in &server.cors_origins {
            let parsed = url::Url::parse(origin).ok();
            if parsed.is_none_or(|url| url.origin().ascii_serialization() != *origin) {
                let message = format!(
                    "server.cors_origins: expected an origin such as https://kibana.example:5601, got {origin:?}"
                );
                return Err((line_of(text, "server", "cors_origins"), message));
            }
        }
        let Some(tls) = &server.tls else {
            return Ok(());
        };
        for (key, value) in [("cert", &tls.cert), ("key", &tls.key)] {
            if value.is_empty() {
                let message = format!(
                    "server.tls.{key}: expected a file in PEM, such as `datapulse pki init` makes"
                );
                return Err((line_of(text, "server.tls", key), message));
            }
        }
        if tls.require_client_cert && tls.client_ca.is_empty() {
            let message = "server.tls.require_client_cert: needs client_ca, the authority that callers' certificates are held against";
            let line = line_of(text, "server.tls", "require_client_cert");
            return Err((line, message.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tls_needs_is_asked_for() {
        let wrong = |table: &str| {
            let text = format!("[server.tls]\n{table}");
            let parsed = Configuration::parse("datapulse.toml", &text);
            parsed.expect_err("is refused").to_string()
        };
        assert!(wrong("cert = \"a\"\nkey = \"\"\n").contains("datapulse.toml:3: server.tls.key"));
        let required = wrong("cert = \"a\"\nkey = \"b\"\nrequire_client_cert = true\n");
        assert!(required.contains("needs client_ca"), "{required}");
        assert!(wrong("cert = \"a\"\nkey = \"b\"\nca = \"c\"\n").contains("unknown field"));
        let text = "[server.tls]\ncert = \"a\"\nkey = \"b\"\nclient_ca = \"c\"\n";
        let right = Configuration::parse("datapulse.toml", text).expect("right");
        let files = right.server.tls.expect("is on").files();
        assert_eq!(files.client_ca, Some(PathBuf::from("c")));
        assert!(!files.require_client_cert);
    }
}
