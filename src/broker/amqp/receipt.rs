//! The acknowledgement of one delivery.

use super::loss::SessionLoss;
use lapin::options::BasicAckOptions;
use lapin::{Acker, Channel};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::timeout;

/// An acknowledgement is done when it is written, which a dead peer can hold up until the heartbeat
/// fails.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// The unsettled deliveries of one consumer.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    pub(super) deliveries: AtomicUsize,
    /// Acknowledgements hold it shared, a cancellation holds it alone.
    pub(super) settling: RwLock<()>,
}

/// Keeps the channel open: an acknowledgement on a closed one is lost.
#[derive(Debug)]
pub(in crate::broker) struct AmqpReceipt {
    pub(super) acker: Acker,
    pub(super) unsettled: Arc<Unsettled>,
    pub(super) loss: SessionLoss,
    pub(super) _channel: Channel,
}

impl AmqpReceipt {
    /// False when the channel was gone.
    pub(in crate::broker) async fn acknowledge(self) -> bool {
        let _shared = self.unsettled.settling.read().await;
        let acknowledging = timeout(ACK_TIMEOUT, self.acker.ack(BasicAckOptions::default()));
        // lapin answers `Ok(false)` when the channel is gone.
        let is_acknowledged = matches!(acknowledging.await, Ok(Ok(true)));
        if is_acknowledged {
            self.unsettled.deliveries.fetch_sub(1, Ordering::AcqRel);
        } else {
            self.loss
                .end_because("an acknowledgement found its channel gone");
        }
        is_acknowledged
    }
}
