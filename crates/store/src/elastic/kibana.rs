//! Agent Builder's tools and agents, in a Kibana beside the cluster.
//!
//! Paths and bodies are those of Kibana's public API of 9.2 and newer (version `2023-10-31`).

use reqwest::Method;
use serde_json::Value;

use super::address::Address;
use super::client::{Again, Call, Client};
use super::failure::Failure;
use super::release;
use crate::error::Error;

/// The version that brought Agent Builder.
const OLDEST: (u32, u32) = (9, 2);

/// Characters of a space's id.
const LONGEST_SPACE: usize = 256;

/// Bodies and answers of this version of the API.
const API: (&str, &str) = ("elastic-api-version", "2023-10-31");
/// Kibana takes no change without it.
const XSRF: (&str, &str) = ("kbn-xsrf", "datapulse");

const TOOLS: &str = "tools";
const AGENTS: &str = "agents";

/// One space of a Kibana that has Agent Builder.
#[derive(Debug)]
pub struct Kibana {
    client: Client,
    space: Option<String>,
    version: String,
    release: (u32, u32),
}

impl Kibana {
    /// Asks who is there. `space` is a space's id; `None` or `default`: the default space.
    ///
    /// # Errors
    /// [`Error::Refused`] where what answers is no Kibana, or one without Agent Builder.
    pub async fn open(address: Address, space: Option<&str>) -> Result<Self, Error> {
        if let Some(space) = space {
            check_space(space)?;
        }
        let client = Client::new(address)?;
        let call = Call::get(["api", "status"]);
        let status = match client.send(&call).await {
            Ok(reply) => reply.body,
            Err(Failure::Said {
                status: 400 | 404 | 405,
                ..
            }) => return Err(no_kibana(&client)),
            Err(failure) => return Err(told(failure, "its status", "?")),
        };
        let version = status["version"]["number"].as_str();
        let known = version.and_then(|version| Some((version, release(version)?)));
        let Some((version, mut release)) = known else {
            return Err(match status["status"].is_object() {
                true => Error::Refused(format!(
                    "{} is a Kibana that doesn't tell us its version: check user and secret_env under [elasticsearch]",
                    client.shown()
                )),
                false => no_kibana(&client),
            });
        };
        if status["version"]["build_flavor"] == "serverless" {
            release.0 = u32::MAX;
        }
        if release < OLDEST {
            return Err(Error::Refused(format!(
                "{} is Kibana {version}, which has no Agent Builder: that came with {}.{}; update Kibana, or let DataPulse's own agents ask the tools, which need no Kibana",
                client.shown(),
                OLDEST.0,
                OLDEST.1
            )));
        }
        Ok(Self {
            version: version.to_owned(),
            space: space.filter(|space| *space != "default").map(str::to_owned),
            client,
            release,
        })
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Major and minor; a serverless one is newer than all.
    pub fn release(&self) -> (u32, u32) {
        self.release
    }

    /// All tools of the space, Elastic's own among them.
    pub async fn tools(&self) -> Result<Vec<Value>, Error> {
        let call = self.call(Method::GET, &[TOOLS]);
        match self.client.send(&call).await {
            Ok(mut reply) => match reply.body["results"].take() {
                Value::Array(tools) => Ok(tools),
                _ => Err(Error::Refused(format!(
                    "Kibana {} lists no tools where they are expected: its answer has no list \"results\"",
                    self.version
                ))),
            },
            Err(Failure::Said { status: 404, .. }) => Err(Error::Refused(format!(
                "Kibana {} has no Agent Builder in {}: the space isn't there, or Agent Builder is off in it (Stack Management, Advanced Settings)",
                self.version,
                self.place()
            ))),
            Err(failure) => Err(self.told(failure, "the list of tools")),
        }
    }

    /// `body` has all of the tool, its `id` too.
    pub async fn create_tool(&self, body: &Value) -> Result<(), Error> {
        self.create(TOOLS, body).await
    }

    /// `body` has what may change: all but `id` and `type`.
    pub async fn update_tool(&self, id: &str, body: &Value) -> Result<(), Error> {
        self.update(TOOLS, id, body).await
    }

    /// # Errors
    /// [`Error::Conflict`] where an agent uses it.
    pub async fn delete_tool(&self, id: &str) -> Result<(), Error> {
        let call = self.call(Method::DELETE, &[TOOLS, id]);
        match self.client.send(&call).await {
            Ok(_) => Ok(()),
            // Another was first, or our own try that we heard nothing of.
            Err(Failure::Said { status: 404, .. }) => Ok(()),
            Err(failure) => Err(self.told(failure, &format!("to delete tool {id}"))),
        }
    }

    pub async fn agent(&self, id: &str) -> Result<Option<Value>, Error> {
        let call = self.call(Method::GET, &[AGENTS, id]);
        match self.client.send(&call).await {
            Ok(reply) => Ok(Some(reply.body)),
            Err(Failure::Said { status: 404, .. }) => Ok(None),
            Err(failure) => Err(self.told(failure, &format!("agent {id}"))),
        }
    }

    pub async fn create_agent(&self, body: &Value) -> Result<(), Error> {
        self.create(AGENTS, body).await
    }

    pub async fn update_agent(&self, id: &str, body: &Value) -> Result<(), Error> {
        self.update(AGENTS, id, body).await
    }

    async fn create(&self, what: &'static str, body: &Value) -> Result<(), Error> {
        // A second create is refused, so a first whose answer was lost would look like a failure.
        let call = self.call(Method::POST, &[what]).body(body);
        let sent = self.client.send(&call.again(Again::AskFirst)).await;
        sent.map(drop)
            .map_err(|failure| self.told(failure, &format!("to create {what} {}", body["id"])))
    }

    async fn update(&self, what: &'static str, id: &str, body: &Value) -> Result<(), Error> {
        let call = self.call(Method::PUT, &[what, id]).body(body);
        let sent = self.client.send(&call).await;
        sent.map(drop)
            .map_err(|failure| self.told(failure, &format!("to update {what} {id:?}")))
    }

    fn call(&self, method: Method, path: &[&str]) -> Call {
        let space = self.space.iter().flat_map(|space| ["s", space.as_str()]);
        let api = ["api", "agent_builder"];
        Call::new(method, space.chain(api).chain(path.iter().copied()))
            .header(API.0, API.1)
            .header(XSRF.0, XSRF.1)
            .uncompressed()
    }

    fn place(&self) -> String {
        match &self.space {
            Some(space) => format!("space {space}"),
            None => "the default space".to_owned(),
        }
    }

    fn told(&self, failure: Failure, asked: &str) -> Error {
        told(failure, asked, &self.version)
    }
}

fn check_space(space: &str) -> Result<(), Error> {
    let plain = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-')
    };
    if !space.is_empty() && space.len() <= LONGEST_SPACE && space.chars().all(plain) {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "--space: expected a space's id, of a to z, 0 to 9, _ and -, got {space:?}"
    )))
}

fn no_kibana(client: &Client) -> Error {
    Error::Refused(format!(
        "{} answers, but not as Kibana does; check --kibana: it is Kibana's URL, with its base path where it has one",
        client.shown()
    ))
}

/// What Kibana's answer means for whoever asked.
fn told(failure: Failure, asked: &str, version: &str) -> Error {
    let (status, reason) = match failure {
        Failure::Said { status, reason, .. } => (status, reason),
        Failure::Unreached(what) => {
            return Error::Unavailable(format!(
                "Kibana can't be reached: {what}; check --kibana, and that it runs"
            ));
        }
        Failure::Unknown(what) => {
            return Error::Unavailable(format!(
                "Kibana didn't answer, asked {asked}: {what}; do it again: what is done stays done"
            ));
        }
        Failure::Unreadable(what) => {
            return Error::Unavailable(format!("Kibana's answer can't be read: {what}"));
        }
    };
    let says = format!("Kibana {version} says {status}, asked {asked}: {reason}");
    match status {
        300..=399 => Error::Refused(format!("{says}; it sends us elsewhere: check --kibana")),
        401 => Error::Refused(format!(
            "{says}; check user and secret_env under [elasticsearch]: Kibana is asked with the same login"
        )),
        403 if reason.to_lowercase().contains("license") => Error::Refused(format!(
            "{says}; Agent Builder needs an Enterprise licence or a trial; DataPulse's own agents ask the same tools without one"
        )),
        403 => Error::Refused(format!(
            "{says}; give our user or API key the Kibana privilege \"Agent Builder: All\" in this space (docs/elastic-agent-builder.md)"
        )),
        404 => Error::NotFound(says),
        409 => Error::Conflict(says),
        429 | 500.. => Error::Unavailable(says),
        _ => Error::Refused(says),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Failure, check_space, told};

    fn said(status: u16, message: &str) -> String {
        let body = json!({"statusCode": status, "error": "Forbidden", "message": message});
        told(Failure::said(status, &body), "the list of tools", "9.3.0").to_string()
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let licence = said(
            403,
            "Invalid license level. Agent Builder APIs require an Enterprise license or higher.",
        );
        assert!(
            licence.contains("an Enterprise licence or a trial"),
            "{licence}"
        );
        let privilege = said(
            403,
            "API [GET /api/agent_builder/tools] is unauthorized for user",
        );
        assert!(privilege.contains("Agent Builder: All"), "{privilege}");
        assert!(said(401, "Unauthorized").contains("secret_env"));
        assert!(said(302, "").contains("check --kibana"));
    }

    #[test]
    fn a_space_is_an_id_and_no_path() {
        assert!(check_space("ops_1").is_ok());
        for space in ["", "Ops", "a/b", "..", "a b"] {
            assert!(check_space(space).is_err(), "{space}");
        }
    }
}
