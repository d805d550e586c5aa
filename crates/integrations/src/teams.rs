//! Microsoft Teams: each notice is a card in a channel or chat, by the URL of a workflow ("When a
//! Teams webhook request is received"). Pure cards in [`card`], sent by [`TeamsChannel`].
//!
//! A workflow takes a request and posts afterwards (202): that it was posted can't be seen, nothing
//! can be found again or updated, and a message whose answer is lost comes twice. Nobody decides
//! there: the card has one link and no other action. `docs/integrations/teams.md` is for operators.

pub mod card;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;

use crate::bulletin::Bulletin;
use crate::channel::{Channel, Delivered, Telling};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;
use crate::ui::Ui;

/// The most that a whole call may take.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer: it is empty, or says what is wrong.
pub const MAX_ANSWER: usize = 16 << 10;
/// Where a workflow is asked too often and doesn't say for how long to wait. Teams takes four
/// requests a second; a flow's own limits are of minutes.
pub const USUAL_WAIT: Duration = Duration::from_secs(60);

/// A channel or chat, by the secret URL of the workflow that posts into it.
#[derive(Debug)]
pub struct TeamsChannel {
    name: String,
    url: Secret,
    outbound: Outbound,
    ui: Ui,
    within: Duration,
}

impl TeamsChannel {
    /// `name` is its name in records and metrics, `ui` is where the link leads. The URL is a secret:
    /// whoever has it posts. Its host is listed exactly.
    ///
    /// # Errors
    /// `Configuration`: what is wrong with the URL.
    pub fn new(name: &str, url: Secret, ui: Ui, outbound: &Outbound) -> Result<Self, Error> {
        let outbound = outbound.listed_secret_url(&format!("teams {name}"), &url)?;
        Ok(Self {
            name: name.to_owned(),
            url,
            outbound,
            ui,
            within: TIMEOUT,
        })
    }

    /// The body of the request that posts a notice: a message with one card.
    pub fn posting(&self, telling: &Telling<'_>) -> Vec<u8> {
        let link = self.ui.incident(&telling.incident.id);
        card::message(Bulletin::of(telling), &link)
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), Error> {
        let what = format!("teams {}", self.name);
        let call = Call::post(&what, self.url.reveal(), body)
            .header("content-type", "application/json")
            .within(self.within)
            .at_most(MAX_ANSWER);
        let answer = self.outbound.call(&call).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(answer.refusal(&what, USUAL_WAIT)),
        }
    }
}

#[async_trait]
impl Channel for TeamsChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let sent = self.post(self.posting(telling)).await;
        if sent.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => self.name.clone())
                .increment(1);
        }
        sent.map(|()| Delivered::default())
    }
}
