//! Which worker this is, on which machine and of which version: in each line of its log and in the
//! names of its connections to the broker.

use crate::build_info::VERSION;
use serde_json::json;
use std::fmt;

/// Longer names are truncated.
const LONGEST_HOST: usize = 64;

#[derive(Clone, Debug)]
pub struct Instance {
    /// As the other workers know it.
    pub worker_id: String,
    pub host: String,
}

impl Instance {
    /// A worker of this id on this machine.
    pub fn here(worker_id: String) -> Self {
        Self {
            worker_id,
            host: host(),
        }
    }

    /// The members of a JSON object: `"worker.id":"…","host":"…","version":"…"`.
    pub(super) fn json_members(&self) -> String {
        let (id, host, version) = (json!(self.worker_id), json!(self.host), json!(VERSION));
        format!(r#""worker.id":{id},"host":{host},"version":{version}"#)
    }

    /// The same for a line of text.
    pub(super) fn text_fields(&self) -> String {
        let Self { worker_id, host } = self;
        format!("worker.id={worker_id:?} host={host:?} version={VERSION:?}")
    }
}

/// Writes it for people.
impl fmt::Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker_id, host } = self;
        write!(formatter, "worker {worker_id} on {host}, version {VERSION}")
    }
}

/// The name of this machine, or of this container.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default();
    let plain = name.trim().chars().filter(|letter| !letter.is_control());
    let name: String = plain.take(LONGEST_HOST).collect();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}
