//! An incoming webhook as a channel: each notice is a new message, with a link and no buttons.
//!
//! Nothing can be found again there, so that a message whose answer is lost comes twice, and
//! nothing is updated.

use async_trait::async_trait;
use model::Event;

use crate::channel::{Channel, Delivered, Telling};
use crate::error::Error;
use crate::slack::blocks::{Composer, Form, Ui};
use crate::slack::incoming_webhook::IncomingWebhook;

/// One channel of a workspace, by the secret URL that posts into it.
#[derive(Debug)]
pub struct WebhookChannel {
    name: String,
    webhook: IncomingWebhook,
    composer: Composer,
}

impl WebhookChannel {
    /// `name` is its name in records and metrics, `ui` is where links lead.
    pub fn new(name: &str, webhook: IncomingWebhook, ui: Ui) -> Self {
        Self {
            name: name.to_owned(),
            webhook,
            composer: Composer::new(ui, Form::LinkOnly),
        }
    }
}

#[async_trait]
impl Channel for WebhookChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let message = match &telling.record.event {
            Event::Opened { .. } => self.composer.alert(telling.incident),
            _ => self
                .composer
                .told(telling.incident, telling.record)
                .unwrap_or_else(|| self.composer.says(&telling.notice.text)),
        };
        self.webhook.post(&message).await?;
        Ok(Delivered::default())
    }
}
