//! Where the cluster is, and as whom we come.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

/// Nodes that one address may name.
const MAX_NODES: usize = 16;

/// Time for one answer where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The nodes of one cluster and how to talk to them.
#[derive(Debug, Clone)]
pub struct Address {
    pub(super) nodes: Vec<Url>,
    pub(super) login: Login,
    /// Certificates in PEM that are trusted beside the system's.
    pub(super) authorities: Option<Vec<u8>>,
    pub(super) timeout: Duration,
}

/// As whom we come. Prints without its secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Login {
    #[default]
    Nobody,
    /// The `encoded` form that Elasticsearch gives when it makes a key.
    ApiKey(String),
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
}

impl Login {
    /// The value of the header `Authorization`.
    pub(super) fn header(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::ApiKey(key) => Some(format!("ApiKey {key}")),
            Self::Basic { user, password } => Some(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            )),
            Self::Bearer(token) => Some(format!("Bearer {token}")),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Nobody => "nobody",
            Self::ApiKey(_) => "API key ***",
            Self::Basic { .. } => "user and password ***",
            Self::Bearer(_) => "token ***",
        })
    }
}

impl Address {
    /// URLs of nodes, separated by commas.
    ///
    /// # Errors
    /// What is wrong with the text, and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let nodes = text
            .split(',')
            .map(|part| node(part.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        if nodes.len() > MAX_NODES {
            return Err(format!(
                "at most {MAX_NODES} nodes can be named, got {}",
                nodes.len()
            ));
        }
        Ok(Self {
            nodes,
            login: Login::Nobody,
            authorities: None,
            timeout: TIMEOUT,
        })
    }

    /// Another address, come to by the same login, certificates and time limit.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn beside(&self, text: &str) -> Result<Self, String> {
        let Self { nodes, .. } = Self::parse(text)?;
        Ok(Self {
            nodes,
            ..self.clone()
        })
    }

    /// Whether a text is meant as an address of Elasticsearch at all.
    pub fn looks_like(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    pub fn login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    pub fn trusting(mut self, pem: Vec<u8>) -> Self {
        self.authorities = Some(pem);
        self
    }

    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

fn node(text: &str) -> Result<Url, String> {
    let expected = || {
        format!(
            "expected an URL such as https://elasticsearch:9200, several with commas between, got {text:?}"
        )
    };
    let mut url = Url::parse(text).map_err(|_| expected())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.query().is_none()
        && url.fragment().is_none();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "an URL with user or password in it would be printed with them: name user and secret_env under [elasticsearch]".to_owned(),
        );
    }
    if !plain {
        return Err(expected());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{Address, Login};

    #[test]
    fn several_nodes_are_separated_by_commas() {
        let address = Address::parse("https://a:9200, http://b.example/es/").expect("is one");
        let shown: Vec<&str> = address.nodes.iter().map(url::Url::as_str).collect();
        assert_eq!(shown, ["https://a:9200/", "http://b.example/es"]);
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_is_expected() {
        for text in [
            "",
            "elastic",
            "https://",
            "ftp://a:1",
            "https://a:9200?x=1",
            "https://a,,",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        let error = Address::parse("https://elastic:secret@a:9200").map(drop);
        let error = error.expect_err("is refused");
        assert!(
            error.contains("secret_env") && !error.contains("elastic:secret"),
            "{error}"
        );
    }

    #[test]
    fn secrets_are_in_the_header_only() {
        let login = Login::Basic {
            user: "elastic".to_owned(),
            password: "changeme".to_owned(),
        };
        assert_eq!(
            login.header().as_deref(),
            Some("Basic ZWxhc3RpYzpjaGFuZ2VtZQ==")
        );
        assert_eq!(format!("{login:?}"), "user and password ***");
    }
}
