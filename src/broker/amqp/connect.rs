//! From a list of URLs to two open connections. One attempt; the caller tries again.

use super::endpoint::Endpoint;
use super::loss::SessionLoss;
use super::session::AmqpSession;
use crate::broker::config::Config;
use crate::broker::error::BrokerError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The configured brokers, which are tried in turn.
#[derive(Clone, Debug)]
pub struct AmqpBroker {
    config: Arc<Config>,
    attempts: Arc<AtomicUsize>,
    instance: Arc<str>,
}

impl AmqpBroker {
    pub(in crate::broker) fn new(config: &Config) -> Result<Self, BrokerError> {
        if config.urls.is_empty() {
            return Err(BrokerError::Misconfigured {
                key: "broker.urls",
                problem: "names no broker".to_owned(),
            });
        }
        config.urls.iter().try_for_each(Endpoint::check)?;
        Ok(Self {
            config: Arc::new(config.clone()),
            attempts: Arc::default(),
            instance: Arc::default(),
        })
    }

    pub(in crate::broker) fn of(self, instance: &str) -> Self {
        Self {
            instance: instance.into(),
            ..self
        }
    }

    pub(in crate::broker) async fn connect(
        &self,
        largest_body: Option<usize>,
    ) -> Result<AmqpSession, BrokerError> {
        let config = Arc::clone(&self.config);
        let turn = self.attempts.fetch_add(1, Ordering::Relaxed) % config.urls.len();
        let endpoint = Endpoint::new(&config.urls[turn], &config, largest_body).await?;
        let endpoint = endpoint.of(&self.instance);
        let loss = SessionLoss::default();
        let (consuming, publishing) = tokio::try_join!(
            endpoint.open("invoice-worker consuming"),
            endpoint.open("invoice-worker publishing")
        )?;
        // A refused request closes its channel, and that is an error event as well. On the
        // consuming connection it ends a consumer; on the publishing one it is an answer.
        consuming.watch(loss.clone(), |_| true);
        publishing.watch(loss.clone(), |connection| !connection.status().connected());
        Ok(AmqpSession::new(
            config, endpoint, consuming, publishing, loss,
        ))
    }
}
