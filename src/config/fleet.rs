//! The identity of a fleet: the workers with the same queues and the same accounts. They share the
//! accounts' rates and closed scopes.

use super::whole::Config;
use sha2::{Digest, Sha256};

const PURPOSE: &str = "invoice-worker fleet 1";
const ID_BYTES: usize = 16;

impl Config {
    /// An id that is the same for all workers of a fleet and survives the rotation of any secret.
    /// It contains the names of accounts as a hash only.
    pub fn fleet_id(&self) -> String {
        let mut digest = Sha256::new_with_prefix(PURPOSE);
        for part in [
            // The first stands for all: the others may be added and removed one worker after the
            // other, and meanwhile the workers still share the rate.
            self.broker.first_jobs_queue(),
            &self.broker.due_queue,
            &self.recognition.url,
            self.recognition.app_key.expose(),
            &self.verification.url,
            self.verification.api_id.expose(),
        ] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hex::encode(&digest.finalize()[..ID_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::JobQueue;
    use crate::settings::secret::Secret;

    fn queues(names: &[&str]) -> Vec<JobQueue> {
        let queue = |name: &&str| JobQueue {
            queue: (*name).to_owned(),
            ..JobQueue::default()
        };
        names.iter().map(queue).collect()
    }

    #[test]
    fn a_fleet_has_the_same_queues_and_accounts_whatever_its_secrets_are() {
        let id = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.fleet_id()
        };
        let ours = id(|_| ());
        let others: [fn(&mut Config); 5] = [
            |config| config.broker.jobs = queues(&["urgent.jobs", "invoice.jobs"]),
            |config| config.broker.jobs_queue.push('2'),
            |config| config.broker.due_queue.push('2'),
            |config| config.recognition.app_key = Secret::new("another"),
            |config| config.verification.api_id = Secret::new("another"),
        ];
        for other in others {
            assert_ne!(id(other), ours);
        }
        let same: [fn(&mut Config); 4] = [
            |config| config.broker.jobs = queues(&["invoice.jobs", "urgent.jobs"]),
            |config| config.recognition.app_secret = Secret::new("rotated"),
            |config| config.verification.api_secret = Secret::new("rotated"),
            |config| config.worker.max_in_flight = 1,
        ];
        for same in same {
            assert_eq!(id(same), ours);
        }
    }
}
