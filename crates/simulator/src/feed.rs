//! Telemetry on its way out: the history at once, then what happens, to anybody's `_bulk`.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::shop::{Error, Shop};
use crate::telemetry::{Document, documents};
use crate::world::{HISTORY_MS, World};

/// The history is made in parts of so long.
const PART_MS: i64 = 10 * 60 * 1000;
/// Documents of one request.
const BATCH: usize = 4_000;
/// A request that can't be taken now is sent again, so often, with a growing pause.
const MAX_TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// One request's time limit.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends to one intake.
#[derive(Clone)]
pub struct Feed {
    shop: Shop,
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Feed {
    /// `url`: of a server with Elasticsearch's `_bulk`.
    pub fn new(shop: Shop, url: &str, token: &str) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Error::Intake(error.to_string()))?;
        Ok(Self {
            shop,
            url: format!("{}/_bulk", url.trim_end_matches('/')),
            token: token.to_owned(),
            client,
        })
    }

    /// Sends everything up to the start of the world, and what is known of its services, as far
    /// as it wasn't taken before. `progress` gets what is done and what there is, in documents'
    /// time.
    pub async fn history(&self, progress: &(dyn Fn(i64, i64) + Sync)) -> Result<(), Error> {
        let world = self.shop.world();
        self.catalog(&world).await?;
        let begin = world.start_ms - HISTORY_MS;
        let mut at = self.shop.position()?.unwrap_or(begin);
        while at < world.start_ms {
            let to = (at + PART_MS).min(world.start_ms);
            self.send(&documents(&world, at, to)).await?;
            self.shop
                .save(self.shop.clock()?.unwrap_or(world.start_ms), to)?;
            at = to;
            progress(at - begin, HISTORY_MS);
        }
        Ok(())
    }

    /// Sends what has happened since the last time; gives the moment up to which all was taken.
    pub async fn push(&self, now: &(dyn Fn() -> i64 + Sync)) -> Result<i64, Error> {
        let (world, to) = self.shop.snapshot(now);
        let from = self.shop.position()?.unwrap_or(world.start_ms);
        let mut at = from;
        while at < to {
            let part = (at + PART_MS).min(to);
            self.send(&documents(&world, at, part)).await?;
            self.shop.save(part, part)?;
            at = part;
        }
        Ok(to)
    }

    /// The rows of `lookup-services`.
    async fn catalog(&self, world: &World) -> Result<(), Error> {
        let mut body = String::new();
        for row in world.lookup() {
            let action =
                json!({ "index": { "_index": "lookup-services", "_id": row["service.name"] } });
            let _ = writeln!(body, "{action}\n{row}");
        }
        self.post(body).await
    }

    async fn send(&self, documents: &[Document]) -> Result<(), Error> {
        for batch in documents.chunks(BATCH) {
            let mut body = String::with_capacity(batch.len() * 320);
            for document in batch {
                let action = json!({ "create": { "_index": document.index, "_id": document.id } });
                let _ = writeln!(body, "{action}\n{}", document.source);
            }
            self.post(body).await?;
        }
        Ok(())
    }

    async fn post(&self, body: String) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_TRIES {
            let sent = self
                .client
                .post(&self.url)
                .bearer_auth(&self.token)
                .header("content-type", "application/x-ndjson")
                .body(body.clone())
                .send()
                .await;
            match sent {
                Ok(response) if response.status().is_success() => {
                    let answer: Value = response
                        .json()
                        .await
                        .map_err(|error| Error::Intake(error.to_string()))?;
                    return taken(&answer);
                }
                Ok(response)
                    if !matches!(
                        response.status(),
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                    ) =>
                {
                    let status = response.status();
                    let text = response.text().await.unwrap_or_default();
                    return Err(Error::Intake(format!(
                        "the intake answered {status}: {text}"
                    )));
                }
                // Busy, or not there for a moment: what was taken already is known by its id.
                _ => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        Err(Error::Intake(format!(
            "the intake at {} didn't take a batch in {MAX_TRIES} tries",
            self.url
        )))
    }
}

/// A document that is there already was sent before: that is as good as taken.
fn taken(answer: &Value) -> Result<(), Error> {
    if answer["errors"] != true {
        return Ok(());
    }
    let none = Vec::new();
    for item in answer["items"].as_array().unwrap_or(&none) {
        let Some(result) = item.as_object().and_then(|item| item.values().next()) else {
            continue;
        };
        let status = result["status"].as_u64().unwrap_or(0);
        if !(200..300).contains(&status) && status != 409 {
            return Err(Error::Intake(format!(
                "a document was refused: {}",
                result["error"]
            )));
        }
    }
    Ok(())
}
