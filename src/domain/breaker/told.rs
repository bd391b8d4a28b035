//! What a heartbeat says about one place. Times are told as durations, because the clocks of two
//! workers may differ.

use super::Place;
use super::closure::{Closure, Entry, Probing, Queue, State};
use crate::domain::failure::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES, Stage};
use crate::domain::fleet::MAX_ID_BYTES;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

/// One place, as a heartbeat tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub(super) place: Place,
    version: u64,
    /// The worker that changed it last.
    by: String,
    state: ToldState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ToldState {
    Open { since_ms: i64 },
    Closed(ToldClosure),
}

/// Milliseconds are counted from when the heartbeat was written: back to the beginning, forward to
/// the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ToldClosure {
    stage: Stage,
    code: String,
    reason: String,
    since_ms: i64,
    until_ms: i64,
    failures: u32,
    /// That it is probed may be told by another version in another way: then it is not known.
    #[serde(
        default,
        deserialize_with = "known_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    probing: Option<ToldProbing>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ToldProbing {
    by: String,
    since_ms: i64,
}

impl Told {
    pub(super) fn of(place: &Place, entry: &Entry, now: Timestamp) -> Self {
        let state = match &entry.state {
            State::Open { since } => ToldState::Open {
                since_ms: millis(now.duration_since(*since)),
            },
            State::Closed(closure) => ToldState::Closed(ToldClosure {
                stage: closure.stage,
                code: closure.code.clone(),
                reason: closure.reason.clone(),
                since_ms: millis(now.duration_since(closure.since)),
                until_ms: millis(closure.until.duration_since(now)),
                failures: closure.failures,
                probing: closure.probing.as_ref().map(|probing| ToldProbing {
                    by: probing.by.clone(),
                    since_ms: millis(now.duration_since(probing.since)),
                }),
            }),
        };
        Self {
            place: place.clone(),
            version: entry.version,
            by: entry.by.clone(),
            state,
        }
    }

    /// By this worker's clock, `None` where no worker would write it. It is closed for no longer
    /// than the policy's `longest_wait`.
    pub(super) fn entry(&self, now: Timestamp, longest_wait: SignedDuration) -> Option<Entry> {
        let is_worker = |id: &str| !id.is_empty() && id.len() <= MAX_ID_BYTES;
        // A version that could not be surpassed would hold for ever. A pause is its worker's own.
        if self.place.is_pause()
            || !self.place.is_sound()
            || !is_worker(&self.by)
            || self.version >= u64::MAX / 2
        {
            return None;
        }
        let state = match &self.state {
            ToldState::Open { since_ms } => State::Open {
                since: before(now, *since_ms),
            },
            ToldState::Closed(told) => {
                if told.code.len() > MAX_CODE_BYTES || told.reason.len() > MAX_MESSAGE_BYTES {
                    return None;
                }
                let probing = told
                    .probing
                    .as_ref()
                    .filter(|probing| is_worker(&probing.by));
                State::Closed(Closure {
                    stage: told.stage,
                    code: told.code.clone(),
                    reason: told.reason.clone(),
                    streak: None,
                    since: before(now, told.since_ms),
                    until: after(
                        now,
                        SignedDuration::from_millis(told.until_ms).min(longest_wait),
                    ),
                    failures: told.failures,
                    probing: probing.map(|probing| Probing {
                        by: probing.by.clone(),
                        since: before(now, probing.since_ms),
                    }),
                    queue: Queue::default(),
                })
            }
        };
        Some(Entry {
            version: self.version,
            by: self.by.clone(),
            state,
        })
    }
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Never in the future.
fn before(now: Timestamp, millis: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_millis(millis.max(0)))
        .unwrap_or(Timestamp::MIN)
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn known_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ToldProbing>, D::Error> {
    let told = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(told).ok())
}
