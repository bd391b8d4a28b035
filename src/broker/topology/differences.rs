//! The comparison of the broker's queues with the worker's definitions.

use super::QueueFlaw;
use crate::broker::error::BrokerError;

/// The differences between the queues on the broker and those that the worker would declare.
#[derive(Debug, Default)]
pub struct Differences {
    /// A [`BrokerError::TopologyMismatch`] for each queue that keeps the worker from starting.
    pub mismatches: Vec<BrokerError>,
    /// The names and flaws of queues that the worker uses as they are.
    pub tolerated: Vec<(String, QueueFlaw)>,
    /// The queues that exist and could not be compared, which needs the configure permission.
    pub not_compared: Vec<String>,
}
